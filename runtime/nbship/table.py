"""Tables of every make as Arrow columns, and data files as tables.

pandas, pyarrow, polars (anything with ``to_arrow``) and numpy (by position) come in; a name and an Arrow column come
out. numpy floats are taken over without a copy and keep their NaN; an object column that Arrow cannot type is given
as text that tells types apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nbship.errors import DataError, InputError
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A named Arrow column; ``mixed`` where the values had no one type and stand as text."""

    name: str
    values: pa.ChunkedArray
    mixed: bool = False


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
        raise DataError(f"cannot be read as a table: {_first_line(error)}", where=str(path)) from error
    return frame, f"pandas.{reader} {pd.__version__}"


def reader_of(path: Path) -> str | None:
    """Tell which pandas function reads a file, by its ending; None for what is no table."""
    name = path.name.lower().removesuffix(".gz")
    return READERS.get(Path(name).suffix)


def columns(table: Any) -> list[Column]:
    """Give the columns of a table in order. Raises DataError for what is no table."""
    if not is_tabular(table):
        raise DataError(f"a {type(table).__name__} is not a table")
    root = type(table).__module__.partition(".")[0]
    if root == "pandas":
        return _from_pandas(table)
    if root == "numpy":
        return _from_numpy(table)
    return _from_arrow(table)


def index_columns(table: Any) -> list[Column]:
    """Give a pandas index as columns; none for the plain count 0, 1, 2 and for what has no index."""
    if type(table).__module__.partition(".")[0] != "pandas":
        return []
    index = table.index
    if type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1 and index.name is None:
        return []
    levels = [index.get_level_values(number) for number in range(index.nlevels)]
    return [_pandas_column(_text(level.name), level.to_series(index=range(len(level)))) for level in levels]


def row_count(table: Any) -> int:
    """Give the number of rows."""
    return int(table.num_rows) if hasattr(table, "num_rows") else len(table)


def _from_pandas(table: Any) -> list[Column]:
    if table.ndim == 1:
        return [_pandas_column(_text(table.name), table)]
    labels = _distinct([_text(label) for label in table.columns])
    return [_pandas_column(name, table.iloc[:, number]) for number, name in enumerate(labels)]


def _pandas_column(name: str, series: Any) -> Column:
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "f":
        return Column(name=name, values=pa.chunked_array([pa.array(series.to_numpy())]))
    if type(series.dtype).__name__ == "DatetimeTZDtype":
        return Column(name=name, values=pa.chunked_array([_instants(series)]))
    try:
        values = pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, OverflowError):
        return Column(name=name, values=pa.chunked_array([_as_text(name, series)]), mixed=True)
    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return Column(name=name, values=chunked)


def _instants(series: Any) -> pa.Array:
    """Give times with a zone, past a conversion of pandas that pandas itself warns of."""
    naive = pa.Array.from_pandas(series.dt.tz_convert(None))
    return naive.cast(pa.timestamp(naive.type.unit, str(series.dtype.tz).removeprefix("UTC") or "UTC"))


def _as_text(name: str, series: Any) -> pa.Array:
    """Write values of several types as ``type:value``; only plain values have a text that is theirs alone."""
    plain = (bool, int, float, complex, str, bytes, np.generic)
    texts: list[str | None] = []
    for value in series.tolist():
        if value is None or value != value:  # noqa: PLR0124  # NaN, NaT and pandas.NA are missing
            texts.append(None)
        elif isinstance(value, plain) or type(value).__module__ in {"datetime", "decimal", "uuid"}:
            texts.append(f"{type(value).__name__}:{value!r}")
        else:
            raise DataError(f"column {name!r} holds objects of type {type(value).__name__}")
    return pa.array(texts, pa.large_string())


def _from_numpy(array: Any) -> list[Column]:
    if array.dtype.kind not in "biufSUM":
        raise DataError(f"an array of {array.dtype} cannot be read as columns")
    wide = array.reshape(len(array), -1)
    return [
        Column(name=str(number), values=pa.chunked_array([pa.array(np.ascontiguousarray(wide[:, number]))]))
        for number in range(wide.shape[1])
    ]


def _from_arrow(table: Any) -> list[Column]:
    arrow = table.to_arrow() if hasattr(table, "to_arrow") else table
    if isinstance(arrow, (pa.Array, pa.ChunkedArray)):
        arrow = pa.table({getattr(table, "name", None) or "0": arrow})
    if isinstance(arrow, pa.RecordBatch):
        arrow = pa.Table.from_batches([arrow])
    labels = _distinct(arrow.column_names)
    return [Column(name=name, values=values) for name, values in zip(labels, arrow.columns, strict=True)]


def _distinct(labels: Sequence[str]) -> list[str]:
    """Give every label once: a second ``x`` becomes ``x#2``."""
    seen: Counter[str] = Counter()
    given: list[str] = []
    for label in labels:
        seen[label] += 1
        given.append(label if seen[label] == 1 else f"{label}#{seen[label]}")
    return given


def _text(label: Any) -> str:
    return str(label) if label is not None else ""


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
