"""The tables that a kernel reads: where from, by what, and, off the user's thread, what they hold."""

from __future__ import annotations

import functools
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import nbship
from nbship import store
from nbship.facts import DatasetHashed, DatasetRead
from nbship_magics import process, readers
from nbship_magics.background import THREAD_NAME
from nbship_magics.readers import IN_MEMORY
from nbship_magics.session import Session
from nbship_magics.wrapping import Call, Wrapping

_OPENS = frozenset({"open", "sqlite3.connect"})
#: What we read of our own, wherever it is installed.
_OURS = (Path(__file__).parent, Path(nbship.__file__).parent)
_CODE = (".py", ".pyc", ".so", ".ipynb", ".pyi", ".pth")
_LIBRARIES = frozenset({"site-packages", "dist-packages", "__pycache__", "share"})
_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib/", "/run/", "/opt/", "/System/", "/Library/")
#: Functions that libraries call a lot to load what is theirs.
_INNER = frozenset({"numpy", "joblib", "scipy.io"})
#: More reads of one source by one reader in one cell than this are a loop.
_MOST_REPEATS = 3
#: More files of one folder in one cell than this stand as the folder.
_MOST_SINGLE = 20
_MOST_LABELS = 2_000
#: Bytes read in a cell that nobody asks about, and how often over readers may read what they open.
_MUCH = 1 << 20
_TIMES_READ = 3
#: Above this a table is hashed in part, and its hash says so: seconds of a core that the user may want.
MOST_HASHED = 4 << 30
#: Above this a table is not copied to be hashed later where a later write could be seen (pandas before 3, numpy).
_SMALL = 64 << 20


class Datasets:
    """Notices reads through the readers of the libraries, and through ``open`` what no reader explains."""

    def __init__(self, session: Session, namespace: dict[str, Any]) -> None:
        self._session = session
        self._readers = Wrapping(namespace, self._noticed)
        self._opened: Counter[str] = Counter()
        self._read_before: int | None = None
        self._read: set[str] = set()
        self._times: Counter[tuple[str, str]] = Counter()
        self._watching = False
        self._on = True
        sys.addaudithook(self._audit)

    def watch(self, module: ModuleType) -> None:
        """Wrap the readers of a library."""
        self._readers.wrap(module, readers.functions(module, readers.READERS[module.__name__]))

    def remove(self) -> None:
        """Put the readers back. An audit hook cannot be taken away; from now on it returns at once."""
        self._on = False
        self._readers.remove()

    def begin_cell(self) -> None:
        """Watch ``open`` from here."""
        self._opened.clear()
        self._read.clear()
        self._times.clear()
        self._read_before = process.bytes_read(*self._session.threads)
        self._watching = self._on

    def end_cell(self) -> None:
        """Record files that were opened and that no reader has explained; many of one folder as that folder."""
        self._watching = False
        opened = [Path(text) for text in tuple(self._opened) if not text.endswith(_CODE)]
        unexplained = [path for path in opened if self._is_news(path)]
        for path, several in _by_folder(unexplained):
            read = self._record(path, "open", None)
            if not several:
                self._session.background.add(functools.partial(self._hash, read.ordinal, path, None))

    def unexplained(self) -> int:
        """Give the bytes that were read in this cell and that no file which we saw opened explains; 0 for few.

        A file may be read more than once by those who open it, so only what is far above its size counts.
        """
        after = process.bytes_read(*self._session.threads)
        if after is None or self._read_before is None or after - self._read_before < _MUCH:
            return 0
        read = after - self._read_before
        explained = sum(times * _size(Path(path)) for path, times in tuple(self._opened.items()))
        explained += sum(_size(Path(path)) for path in self._read - self._opened.keys())
        return read - explained if read > _TIMES_READ * explained + _MUCH else 0

    def _is_news(self, path: Path) -> bool:
        full = path.absolute()
        ours = full.is_relative_to(self._session.settings.home.absolute()) or full in _stores(
            self._session.settings.tracking_uri
        )
        return str(full) not in self._read and not ours and is_data(path)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in _OPENS or not self._watching:
            return
        path, mode = args[0], args[1] if event == "open" else None
        if threading.current_thread().name == THREAD_NAME:
            return  # our own hashing
        if isinstance(path, str) and (mode is None or "r" in mode):
            self._opened[path] += 1

    def _noticed(self, call: Call) -> None:
        if not self._on:
            return
        source = readers.source_of(call.module, call.function, call.args, call.kwargs)
        reader = f"{call.module}.{call.function}"
        if source == IN_MEMORY and not call.by_user:
            return  # a library turns something of its own into a table
        if isinstance(source, Path):
            self._read.add(str(source.absolute()))
            if not call.by_user and call.module in _INNER and not is_data(source):
                return  # a library reads what it brought along
        self._times[str(source), reader] += 1
        if self._times[str(source), reader] > _MOST_REPEATS:
            return  # a loop, or %%timeit
        table = readers.table_of(call.result)
        read = self._record(source, reader, table)
        file = source if isinstance(source, Path) and source.is_file() else None
        held, problem = snapshot(table) if table is not None else (None, None)
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
            columns=_labels(frame),
        )
        stamped = self._session.record(fact)
        if isinstance(source, Path) and source.exists():
            self._session.files[stamped.ordinal] = source.absolute()
        return stamped

    def _hash(self, of: int, file: Path | None, frame: Any, problem: str | None = None) -> None:
        from nbship.errors import NbshipError
        from nbship.fingerprint import fingerprint, hash_file

        file_hash = table = schema = None
        try:
            file_hash = hash_file(file) if file is not None else None
            if frame is not None:
                found = fingerprint(frame, budget_bytes=MOST_HASHED, parallel=False)
                table, schema = found.table, found.schema
        except NbshipError as error:
            problem = error.what
        fact = DatasetHashed(of=of, file=file_hash, table=table, schema=schema, problem=problem)
        self._session.record(fact)


def _stores(uri: str) -> set[Path]:
    """Give the files of the MLflow databases that are in use: the user's mlflow opens them, and they are no data."""
    mlflow: Any = sys.modules.get("mlflow")
    uris = [uri, mlflow.get_tracking_uri() if hasattr(mlflow, "get_tracking_uri") else uri]
    return {path.absolute() for one in uris if (path := store.sqlite_file(one)) is not None}


def _labels(table: Any) -> tuple[str, ...]:
    """Give the names of a table's columns; an array has none, and what has no end of them is cut."""
    labels = getattr(table, "column_names", None) or getattr(table, "columns", ())
    return tuple(str(label) for label in list(labels)[:_MOST_LABELS]) if isinstance(labels, Iterable) else ()


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


def shown_path(path: Path) -> str:
    """Give a path as it may be kept: as the user wrote it, or from here, and never the machine's own."""
    if not path.is_absolute():
        return path.as_posix()
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.name


def is_data(path: Path) -> bool:
    """Tell the user's data from code, and from what the system and libraries open of their own."""
    full = path.absolute()
    parts = full.parts
    libraries = any(part in _LIBRARIES or part.startswith(".") for part in parts)
    return (
        not libraries
        and not str(full).startswith(_SYSTEM)
        and not full.is_relative_to(sys.prefix)
        and not full.is_relative_to(sys.base_prefix)
        and not any(full.is_relative_to(folder) for folder in _OURS)
        and full.is_file()
    )


def _size(path: Path) -> int:
    try:
        if path.is_dir():
            return sum(_size(inner) for inner in path.iterdir())
        return path.stat().st_size
    except OSError:
        return 0


def _by_folder(paths: Sequence[Path]) -> list[tuple[Path, bool]]:
    """Give each path, and whether it stands for many: a folder whose files were read one after the other."""
    counts = Counter(path.parent for path in paths)
    places = [path.parent if counts[path.parent] > _MOST_SINGLE else path for path in paths]
    return [(place, place in counts and counts[place] > _MOST_SINGLE) for place in dict.fromkeys(places)]
