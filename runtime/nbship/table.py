"""Tables of every make as columns, and data files as tables.

pandas, pyarrow, polars (anything with ``to_arrow``) and numpy (by position) come in; a name, and a NumPy or Arrow
column come out, without a copy where the library's own memory can be read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from nbship import layout, objects
from nbship.codes import Coded
from nbship.errors import DataError, InputError
from nbship.streams import hash_json
from nbship.tabular import is_tabular

if TYPE_CHECKING:
    import pandas as pd

#: The files that are tables, and the pandas function that reads each.
READERS: Mapping[str, str] = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".parquet": "read_parquet",
    ".pq": "read_parquet",
    ".feather": "read_feather",
    ".arrow": "read_feather",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}
_SIZED = 1000


Values: TypeAlias = "pa.ChunkedArray | layout.Source | Coded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    ``name`` is its own in the table, ``label`` what the table calls it; ``held`` is its exact type, in Arrow's
    words. ``source`` is Arrow, NumPy of a type with a fixed width, or codes of categories. ``mixed`` where the values
    had no one type and stand as text.
    """

    name: str
    label: str
    label_type: str = "str"
    held: str
    source: Values
    mixed: bool = False

    @property
    def values(self) -> pa.ChunkedArray:
        """The column as Arrow; NaN stays NaN."""
        if isinstance(self.source, pa.ChunkedArray):
            held: Any = self.source
            return held.cast(pa.large_string()) if _is_view(held.type) else held
        if isinstance(self.source, Coded):
            codes = pa.array(self.source.codes, mask=self.source.codes < 0)
            return _chunked(pa.DictionaryArray.from_arrays(codes, self.source.entries))
        array = pa.array(np.ascontiguousarray(self.source.values), mask=self.source.missing)
        return pa.chunked_array(
            [array.cast(pa.timestamp(array.type.unit, "UTC")) if self.source.zoned else array]
        )


def read_table(path: Path) -> tuple[pd.DataFrame, str]:
    """Give a data file as a pandas frame, and the reader's name with its version.

    Raises InputError for a file that is not there or is of no known kind, DataError for one that cannot be read.
    """
    import pandas as pd

    reader = reader_of(path)
    if reader is None:
        raise InputError("not a data file", where=str(path), help=f"known endings: {', '.join(READERS)}")
    if not path.is_file():
        raise InputError("no such file", where=str(path))
    options: dict[str, Any] = {}
    if path.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson")):
        options["lines"] = True
    if ".tsv" in path.suffixes:
        options["sep"] = "\t"
    try:
        frame = getattr(pd, reader)(path, **options)
    except Exception as error:  # parsers raise their own kinds
        raise DataError(
            f"cannot be read as a table: {_first_line(error)}",
            where=str(path),
            help=f"`pandas.{reader}` must be able to read it; its ending says what it is",
        ) from error
    if not hasattr(frame, "columns"):
        raise DataError("cannot be read as a table: it holds no columns", where=str(path))
    return frame, f"pandas.{reader} {pd.__version__}"


def reader_of(path: Path) -> str | None:
    """Tell which pandas function reads a file, by its ending; None for what is no table."""
    name = path.name.lower().removesuffix(".gz")
    return READERS.get(Path(name).suffix)


def columns(table: Any) -> list[Column]:
    """Give the columns of a table in order. Raises DataError for what is no table."""
    if not is_tabular(table):
        raise DataError(f"a {type(table).__name__} is not a table")
    root = _root(table)
    if root == "pandas":
        return _named(_pandas_columns(table))
    if root == "numpy":
        return _named(_numpy_columns(table))
    return _named(_arrow_columns(table))


def index_columns(table: Any) -> list[Column]:
    """Give a pandas index as columns; none for the plain count 0, 1, 2 and for what has no index."""
    if _root(table) != "pandas" or _is_count(table.index):
        return []
    levels = [table.index.get_level_values(number) for number in range(table.index.nlevels)]
    return _named((level.name, *_pandas_source(level.to_series(), level.name)) for level in levels)


def row_count(table: Any) -> int:
    """Give the number of rows."""
    return int(table.num_rows) if hasattr(table, "num_rows") else len(table)


def byte_count(table: Any) -> int:
    """Give about how many bytes the values of a table take; objects are measured on 1,000 rows."""
    if _root(table) == "pandas":
        some = table.iloc[:: max(1, len(table) // _SIZED)]
        deep = some.memory_usage(index=False, deep=True)
        return int(np.sum(deep) * len(table) / max(1, len(some)))
    return int(table.estimated_size() if hasattr(table, "estimated_size") else table.nbytes)


def rows_of(table: Any, ranges: Sequence[tuple[int, int]]) -> Any:
    """Give the rows of these ranges ``(start, stop)`` as a table of the same make."""
    if _root(table) in {"pandas", "numpy"}:
        chosen = np.concatenate([np.arange(start, stop) for start, stop in ranges])
        return table.iloc[chosen] if _root(table) == "pandas" else table[chosen]
    arrow = _to_arrow(table)
    return pa.concat_tables([arrow.slice(start, stop - start) for start, stop in ranges])


def _root(table: Any) -> str:
    return type(table).__module__.partition(".")[0]


def _is_count(index: Any) -> bool:
    if index.nlevels > 1 or index.name is not None:
        return False
    if not len(index):
        return True
    whole = index.dtype == np.int64 and index[0] == 0 and index[-1] == len(index) - 1
    plain = whole and type(index).__name__ != "RangeIndex"
    return bool(np.array_equal(index.to_numpy(), np.arange(len(index))) if plain else whole)


#: Where a column's values are, its exact type, and whether it is mixed.
_Found = tuple[Values, str, bool]
_Labelled = tuple[Any, Values, str, bool]


def _named(found: Iterable[_Labelled]) -> list[Column]:
    """Give every column a name of its own: a second ``x`` becomes ``x#2``, or the next that is free."""
    rows = list(found)
    labels = {_text(label) for label, *_ in rows}
    names: list[str] = []
    for label, *_ in rows:
        name, count = _text(label), 1
        while name in names or (count > 1 and name in labels):
            count += 1
            name = f"{_text(label)}#{count}"
        names.append(name)
    return [_column(name, *row) for name, row in zip(names, rows, strict=True)]


def _column(name: str, label: Any, source: Values, held: str, mixed: bool) -> Column:
    return Column(
        name=name,
        label=_text(label),
        label_type=_label_type(label),
        held=held,
        source=source,
        mixed=mixed,
    )


def _pandas_columns(table: Any) -> Iterable[_Labelled]:
    if table.ndim == 1:
        yield table.name, *_pandas_source(table, table.name)
        return
    for label, series in table.items():
        yield label, *_pandas_source(series, label)


def _pandas_source(series: Any, label: Any) -> _Found:
    """Give the memory behind a series: numbers, times, masked arrays and codes as NumPy, the rest as Arrow."""
    dtype = series.dtype
    kind = type(dtype).__name__
    if isinstance(dtype, np.dtype):
        return _numpy_source(series.to_numpy(), _text(label))
    if kind == "SparseDtype":
        source, held, mixed = _numpy_source(np.asarray(series.array.to_dense()), _text(label))
        return source, f"sparse<{held}>", mixed
    if kind == "DatetimeTZDtype":
        instants = series.array.tz_convert(None).to_numpy()
        return layout.Source(values=instants, zoned=True), str(pa.timestamp(dtype.unit, str(dtype.tz))), False
    if isinstance(mask := getattr(series.array, "_mask", None), np.ndarray):
        data = np.asarray(getattr(series.array, "_data"))  # noqa: B009  # no public way is without a copy
        return layout.Source(values=data, missing=mask), _arrow_name(data.dtype), False
    if kind == "CategoricalDtype" and (found := _categories(series)) is not None:
        return found
    values = _chunked(pa.Array.from_pandas(series))
    return values, _held(values), False


def _categories(series: Any) -> _Found | None:
    """Give the codes and categories of a column that Arrow knows; codes of 0 and up, and -1 for missing."""
    few = _chunked(pa.Array.from_pandas(series.iloc[:0]))
    if not pa.types.is_dictionary(few.type):
        return None
    entries = few.chunk(0).dictionary
    return Coded(codes=series.array.codes, entries=entries), _held(few), False


def _numpy_source(values: np.ndarray[Any, Any], label: str) -> _Found:
    """Give a NumPy column: as it is where its type has a fixed width that Arrow knows too."""
    dtype = values.dtype
    if not dtype.isnative:
        values = values.astype(dtype.newbyteorder("="))
    if dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize <= 8):  # noqa: PLR2004  # bytes of a double
        return layout.Source(values=values), _arrow_name(values.dtype), False
    if dtype.kind in "mM":
        values = _timed(values)
        return layout.Source(values=values), _arrow_name(values.dtype), False
    if dtype.kind == "c" and dtype.itemsize <= 16:  # noqa: PLR2004  # two doubles
        parts = [pa.array(np.ascontiguousarray(part)) for part in (values.real, values.imag)]
        return _chunked(pa.StructArray.from_arrays(parts, ["real", "imag"])), dtype.name, False
    if dtype.kind in "SU":
        plain = _chunked(pa.array(values))
        return plain, _held(plain), False
    if dtype.kind in "OT":
        found, mixed = objects.as_arrow(values.astype(object), label)
        return _chunked(found), "object" if dtype.kind == "O" else "string", mixed
    raise DataError(f"an array of {dtype} cannot be read as columns")


def _timed(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    unit, count = np.datetime_data(values.dtype)
    if count == 1 and unit in {"s", "ms", "us", "ns"}:
        return values
    finer = unit if unit in {"ms", "us", "ns"} else ("s" if unit != "generic" else "us")
    if unit in {"ps", "fs", "as"}:
        raise DataError(f"an array of {values.dtype} cannot be read as columns")
    return values.astype(f"{values.dtype.kind}8[{finer}]")


def _numpy_columns(array: np.ndarray[Any, Any]) -> Iterable[_Labelled]:
    if array.dtype.names:
        for name in array.dtype.names:
            yield name, *_numpy_source(array[name], name)
        return
    wide = array.reshape(len(array), -1) if array.ndim == 1 or array.size else array
    for number in range(wide.shape[1] if wide.ndim > 1 else 1):
        yield number, *_numpy_source(wide[:, number], str(number))


def _to_arrow(table: Any) -> pa.Table:
    try:
        arrow = table.to_arrow(**_as_it_is(table)) if hasattr(table, "to_arrow") else table
    except pa.ArrowException as error:
        raise DataError(
            f"has no form in Arrow: {_first_line(error)}", help="cast that column to a type that Arrow has"
        ) from error
    if isinstance(arrow, (pa.Array, pa.ChunkedArray)):
        return pa.table({getattr(table, "name", None) or "": arrow})
    return pa.Table.from_batches([arrow]) if isinstance(arrow, pa.RecordBatch) else arrow


def _as_it_is(table: Any) -> dict[str, Any]:
    """Give what keeps polars from copying its text into another layout, where it knows of that."""
    level = getattr(sys.modules.get("polars"), "CompatLevel", None)
    return {"compat_level": level.newest()} if level is not None and _root(table) == "polars" else {}


def _arrow_columns(table: Any) -> Iterable[_Labelled]:
    arrow = _to_arrow(table)
    for name, values in zip(arrow.column_names, arrow.columns, strict=True):
        yield name, values, _held(values), False


def _chunked(values: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind))


def _arrow_name(dtype: np.dtype[Any]) -> str:
    return str(pa.from_numpy_dtype(dtype))


def _held(values: pa.ChunkedArray) -> str:
    """Give the exact type; of a dictionary without the width of its codes, and with its order if it has one."""
    kind = values.type
    if not pa.types.is_dictionary(kind):
        return str(kind)
    if not kind.ordered:
        return f"dictionary<{kind.value_type}>"
    chunks = [chunk.dictionary for chunk in values.unify_dictionaries().chunks[:1]]
    order = hash_json(layout.node(pa.chunked_array(chunks, kind.value_type)))
    return f"dictionary<{kind.value_type}, ordered {order}>"


def _label_type(label: Any) -> str:
    """Tell text from what only reads like it; a NumPy number is a number."""
    if label is None or isinstance(label, str):
        return "str"
    return type(label.item() if isinstance(label, np.generic) else label).__name__


def _text(label: Any) -> str:
    """Give a label as text, the same for every version of NumPy."""
    if label is None:
        return ""
    if isinstance(label, tuple):
        return str(tuple(part.item() if isinstance(part, np.generic) else part for part in label))
    return str(label)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
