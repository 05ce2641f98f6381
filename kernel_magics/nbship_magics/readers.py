"""Which functions of which libraries give data, what they were asked for, and the tables in what they gave."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from nbship.tabular import is_tabular

__all__ = ["IN_MEMORY", "READERS", "functions", "source_of", "table_of"]

#: The module whose import is waited for -> its functions; a pattern stands for all public ones that it matches.
READERS: Mapping[str, tuple[str, ...]] = {
    "pandas": (
        r"read_(?!clipboard)\w+",  # a clipboard cannot be read again
    ),
    "polars": (r"(read|scan)_(?!clipboard)\w+",),
    "pyarrow.csv": ("read_csv", "open_csv"),
    "pyarrow.json": ("read_json",),
    "pyarrow.parquet": ("read_table", "read_pandas"),
    "pyarrow.feather": ("read_table", "read_feather"),
    "pyarrow.orc": ("read_table",),
    "pyarrow.dataset": ("dataset",),
    "duckdb": (r"read_\w+", r"from_(csv_auto|parquet|query)", "sql", "query", "execute"),
    "numpy": ("load", "loadtxt", "genfromtxt", "fromfile"),
    "joblib": ("load",),
    "scipy.io": ("loadmat",),
    "sklearn.datasets": (r"(load|fetch|make)_\w+",),
    "seaborn": ("load_dataset",),
    "statsmodels.datasets": ("get_rdataset", "webuse"),
    "datasets": ("load_dataset", "load_from_disk"),
    "geopandas": ("read_file", "read_parquet", "read_feather"),
    "xarray": ("open_dataset", "load_dataset", "open_mfdataset"),
}
_NAMED = ("filepath_or_buffer", "path", "path_or_buf", "path_or_buffer", "io", "source", "sql", "query", "file", "fname", "filename", "name", "where", "input_file", "file_or_dir", "dataname", "filename_or_obj", "con")  # fmt: skip
#: What stands for a source that is no file.
IN_MEMORY = "(in memory)"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_FILE_IN_QUERY = re.compile(
    r"'([^']+\.(?:csv|tsv|parquet|pq|json|jsonl|ndjson|arrow|xlsx)(?:\.gz)?)'", re.IGNORECASE
)
_TABLE_IN_QUERY = re.compile(r"\b(?:from|join)\s+([A-Za-z_][\w.\"]*)", re.IGNORECASE)
_QUERIES = frozenset({"sql", "query", "execute", "from_query", "read_sql", "read_sql_query", "read_database", "read_database_uri"})  # fmt: skip
#: Readers whose first argument names something in a catalogue of their own.
_CATALOGUES: Mapping[str, str] = {
    "seaborn": "seaborn",
    "statsmodels.datasets": "statsmodels",
    "datasets": "huggingface",
}
#: Bunch-like results: the table as a whole, else its parts.
_PARTS = ("frame", "data")


def functions(module: ModuleType, patterns: tuple[str, ...]) -> list[str]:
    """Give the public names of a module that the patterns stand for."""
    plain = [name for name in patterns if name.isidentifier()]
    matching = [re.compile(pattern) for pattern in patterns if not pattern.isidentifier()]
    offered = [name for name in dir(module) if not name.startswith("_")] if matching else []
    return plain + [name for name in offered if any(one.fullmatch(name) for one in matching)]


def source_of(module: str, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Path | str:
    """Give the file that a call reads, or a text that names what it reads: a URL, tables, a loader.

    A URL is given without credentials and query, and of a query only the names of its tables: values in it may be personal.
    """
    given = args[0] if args else next((kwargs[name] for name in _NAMED if name in kwargs), None)
    if function in _QUERIES and isinstance(given, str):
        return _queried(given)
    if module == "sklearn.datasets" and not (isinstance(given, str) and Path(given).exists()):
        return f"{module}.{function}"
    if module in _CATALOGUES and isinstance(given, str):
        return f"{_CATALOGUES[module]}: {given}"
    return located(given)


def located(given: Any) -> Path | str:
    """Give the path that an argument names; for a URL or a buffer a text."""
    if isinstance(given, (list, tuple)):
        several: Sequence[Any] = given
        return located(several[0]) if several else IN_MEMORY
    if isinstance(given, os.PathLike):
        given = os.fsdecode(given)
    if isinstance(given, str) and _URL.match(given):
        return re.sub(r"//[^/@]*@", "//", given.partition("?")[0])
    if isinstance(given, str) and given:
        return Path(given).expanduser()
    name = getattr(given, "name", None)
    return Path(name) if isinstance(name, str) and Path(name).is_file() else IN_MEMORY


def _queried(query: str) -> Path | str:
    files = _FILE_IN_QUERY.findall(query)
    if files:
        return located(files[0])
    tables = dict.fromkeys(name.replace('"', "") for name in _TABLE_IN_QUERY.findall(query))
    return f"sql: {', '.join(tables)}" if tables else "sql"


def table_of(result: Any) -> Any:
    """Give the table in what a reader gave: the result itself, a bunch's frame, the features of ``(X, y)``; or None."""
    if isinstance(result, tuple) and result:
        return _joined(*result[:2])
    if is_tabular(result):
        return result
    if isinstance(result, dict) and hasattr(result, "data"):  # scikit-learn's Bunch
        frame = result.get("frame")
        return frame if frame is not None else _joined(result.get("data"), result.get("target"))
    inner = getattr(result, "data", None)  # what statsmodels gives
    return inner if is_tabular(inner) else None


def _joined(features: Any, target: Any = None) -> Any:
    """Give features and target as one array where both are arrays of numbers, so that neither changes unseen."""
    if not is_tabular(features):
        return None
    kinds = [getattr(getattr(part, "dtype", None), "kind", "") for part in (features, target)]
    if (
        target is None
        or not all(kind and kind in "biuf" for kind in kinds)
        or getattr(target, "ndim", 0) != 1
    ):
        return features
    import numpy as np

    return np.column_stack([np.asarray(features), np.asarray(target)])
