"""The tables that a kernel reads: where from, by what, and, off the user's thread, what they hold."""

from __future__ import annotations

import functools
import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from nbship.facts import DatasetHashed, DatasetRead
from nbship_magics.background import THREAD_NAME
from nbship_magics.session import Session
from nbship_magics.wrapping import Wrapping

PANDAS_READERS = (
    "read_csv",
    "read_table",
    "read_fwf",
    "read_parquet",
    "read_feather",
    "read_json",
    "read_excel",
    "read_pickle",
    "read_orc",
    "read_hdf",
    "read_stata",
    "read_sas",
    "read_spss",
    "read_xml",
)
_SOURCES = ("filepath_or_buffer", "path", "path_or_buf", "path_or_buffer", "io")
_DATA = frozenset(
    {
        ".csv",
        ".tsv",
        ".txt",
        ".parquet",
        ".pq",
        ".feather",
        ".arrow",
        ".json",
        ".jsonl",
        ".ndjson",
        ".xlsx",
        ".xls",
    }
    | {".pkl", ".pickle", ".npy", ".npz", ".h5", ".hdf5", ".orc", ".joblib", ".sqlite", ".db"}
)
#: Above this a table is not copied to be hashed later where a later write could be seen (pandas before 3, numpy).
_SMALL = 64 << 20


class Datasets:
    """Notices reads through pandas, and through ``open`` what no reader explains."""

    def __init__(self, session: Session, namespace: dict[str, Any]) -> None:
        self._session = session
        self._readers = Wrapping(namespace, self._noticed)
        self._opened: dict[str, None] = {}
        self._read: set[str] = set()
        self._watching = False
        self._on = True
        sys.addaudithook(self._audit)

    def watch_pandas(self, pandas: ModuleType) -> None:
        """Wrap the readers of pandas."""
        self._readers.wrap(pandas, PANDAS_READERS)

    def remove(self) -> None:
        """Put the readers back. An audit hook cannot be taken away; from now on it returns at once."""
        self._on = False
        self._readers.remove()

    def begin_cell(self) -> None:
        """Watch ``open`` from here."""
        self._opened.clear()
        self._read.clear()
        self._watching = self._on

    def end_cell(self) -> None:
        """Record files that were opened and that no reader has explained."""
        self._watching = False
        for text in self._opened:
            path = Path(text)
            ours = path.absolute().is_relative_to(self._session.settings.home.absolute())
            if str(path.absolute()) not in self._read and not ours and _is_users(path):
                read = self._record(path, "open", None)
                self._session.background.add(functools.partial(self._hash, read.ordinal, path, None))

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event != "open" or not self._watching:
            return
        path, mode = args[0], args[1]
        if threading.current_thread().name == THREAD_NAME:
            return  # our own hashing
        if isinstance(path, str) and (mode is None or "r" in mode) and Path(path).suffix.lower() in _DATA:
            self._opened[path] = None

    def _noticed(
        self, reader: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any, _: bool
    ) -> None:
        if not self._on:
            return
        given = args[0] if args else next((kwargs[name] for name in _SOURCES if name in kwargs), None)
        source = _source(given)
        if isinstance(source, Path):
            self._read.add(str(source.absolute()))
        frame = result if type(result).__name__ == "DataFrame" else None
        read = self._record(source, f"pandas.{reader}", frame)
        file = source if isinstance(source, Path) and source.is_file() else None
        held, problem = snapshot(frame) if frame is not None else (None, None)
        self._session.background.add(lambda: self._hash(read.ordinal, file, held, problem))

    def _record(self, source: Path | str, reader: str, frame: Any) -> DatasetRead:
        name = shown_path(source) if isinstance(source, Path) else source
        fact = DatasetRead(
            cell=self._session.cell,
            source_hash=self._session.source_hash,
            name=name,
            source=name,
            reader=reader,
            rows=len(frame) if frame is not None else None,
            columns=tuple(str(label) for label in frame.columns) if frame is not None else (),
        )
        return self._session.record(fact)

    def _hash(self, of: int, file: Path | None, frame: Any, problem: str | None = None) -> None:
        from nbship.errors import NbshipError
        from nbship.fingerprint import fingerprint, hash_file

        file_hash = table = schema = None
        try:
            file_hash = hash_file(file) if file is not None else None
            if frame is not None:
                found = fingerprint(frame)
                table, schema = found.table, found.schema
        except NbshipError as error:
            problem = error.what
        fact = DatasetHashed(of=of, file=file_hash, table=table, schema=schema, problem=problem)
        self._session.record(fact)


def snapshot(frame: Any) -> tuple[Any, str | None]:
    """Give a frame that later writes of the user do not reach, or None and why there is none."""
    if type(frame).__module__.partition(".")[0] in {"pyarrow", "polars"}:
        return frame, None  # immutable
    if type(frame).__module__.partition(".")[0] == "pandas" and _copies_on_write():
        return frame.copy(deep=False), None
    size = int(getattr(frame, "nbytes", 0) or frame.memory_usage(index=True).sum())
    return (frame.copy(), None) if size <= _SMALL else (None, f"{size:,} bytes are too much to copy")


def _copies_on_write() -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and int(pandas.__version__.partition(".")[0]) >= 3  # noqa: PLR2004  # pandas 3


def _source(given: Any) -> Path | str:
    """Give the path of a source, or a text for one that is none: a URL without who asks, a buffer."""
    if hasattr(given, "__fspath__"):
        given = given.__fspath__()
    if isinstance(given, str) and re.match(r"[a-z][a-z0-9+.-]*://", given, re.IGNORECASE):
        return re.sub(r"//[^/@]*@", "//", given.partition("?")[0])
    if isinstance(given, str):
        return Path(given).expanduser()
    name = getattr(given, "name", None)
    return Path(name) if isinstance(name, str) and Path(name).is_file() else "(in memory)"


def shown_path(path: Path) -> str:
    """Give a path as it may be kept: as the user wrote it, or from here, and never the machine's own."""
    if not path.is_absolute():
        return path.as_posix()
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.name


def _is_users(path: Path) -> bool:
    """Tell the user's data from what libraries open of their own."""
    full = path.absolute()
    parts = full.parts
    libraries = any(part in {"site-packages", "dist-packages"} or part.startswith(".") for part in parts)
    return not libraries and not full.is_relative_to(sys.prefix) and full.is_file()
