"""What the calls of pandas, NumPy and scikit-learn do to rows, by their names."""

from __future__ import annotations

__all__ = [
    "ACCESSORS",
    "ACROSS_ROWS",
    "FITS",
    "FIT_AND_APPLY",
    "GROUP_WISE",
    "OF_COLUMNS",
    "READERS",
    "REDUCES",
    "REDUCING_FUNCTIONS",
    "SELECTS",
]

#: Calls that bring a table in; the match is on the last part of their name.
READERS = (
    "read_csv read_table read_excel read_json read_parquet read_feather read_pickle read_html read_sql read_fwf"
    " read_sql_query read_sql_table read_stata read_spss read_sas read_orc load_dataset"
).split()

#: Methods that make one value of many rows, unless they work along each row.
REDUCES = frozenset(
    """mean median mode std var sem min max sum prod count quantile nunique unique value_counts describe corr cov
    skew kurt kurtosis idxmax idxmin argmax argmin any all agg aggregate nlargest nsmallest first_valid_index
    last_valid_index info item memory_usage percentile""".split()
)
#: Functions that do so; the match is on the last part of their name.
REDUCING_FUNCTIONS = frozenset(
    """mean median std var amin amax nanmean nanmedian nanstd nanvar nanmax nanmin percentile quantile nanpercentile
    unique set Counter mode iqr""".split()
)
#: What a row becomes here depends on the rows beside it.
ACROSS_ROWS = frozenset(
    """shift diff rolling expanding ewm cumsum cumprod cummax cummin cumcount rank pct_change interpolate ffill
    bfill pad backfill duplicated resample asfreq pivot pivot_table unstack stack melt explode""".split()
)
#: Methods of a group-by that give each row something computed from its group.
GROUP_WISE = ACROSS_ROWS | frozenset("transform apply ngroup filter head tail nth".split())
#: Methods that leave rows out or put them in another order: a new record is neither left out nor moved.
SELECTS = frozenset(
    "dropna drop_duplicates sample head tail query sort_values sort_index truncate first last".split()
)
#: Methods that learn from the rows they are handed.
FITS = frozenset("fit partial_fit fit_on_texts adapt build_vocab".split())
#: Methods that learn and apply at once, and what only applies.
FIT_AND_APPLY = {"fit_transform": "transform", "fit_predict": "predict"}
#: Parts of a table that say what its columns are.
OF_COLUMNS = frozenset("columns dtypes dtype".split())
#: Behind these every method works value by value.
ACCESSORS = frozenset({"str", "dt"})
