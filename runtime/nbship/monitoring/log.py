"""The prediction log: Parquet parts below any fsspec address, append-only, with any number of writers.

``URL/MODEL/version=3/day=2026-11-28/101502-1f3a9c07-000004.parquet``: when the part begins, who wrote it, and the
how-manieth of that writer it is. A part is never changed. On a disk it is written under another name, flushed and
renamed, so a part that has its name is whole; an object store takes it in one piece. What is damaged later shows in
the page checksums, and what is gone in the gap it leaves in its writer's numbers: both are reported, and the other
parts are read.

A writer keeps rows in memory until `Writer.flush`, which `Writer.start` calls every few seconds: what a killed
process had not flushed is lost, at most that. What the disk refuses waits, and is tried again under the same number.
"""

from __future__ import annotations

import collections
import contextlib
import io
import logging
import os
import posixpath
import re
import secrets
import threading
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as _compute
import pyarrow.parquet as _parquet

from nbship import snapshots
from nbship.errors import DataError, NbshipError, StoreError
from nbship.monitoring import records
from nbship.monitoring.records import Prediction

pc: Any = _compute
pq: Any = _parquet

_log = logging.getLogger("nbship.monitoring.log")
_PART = re.compile(r"(?P<begins>\d{6})-(?P<writer>[0-9a-f]{8})-(?P<number>\d{6,})\.parquet")
_SCRATCH = ".unfinished-"
#: What these take appears whole or not at all, and renaming there is a copy.
_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "memory"})
#: Rows that wait for a disk that takes nothing; the oldest are let go beyond.
MOST_WAITING = 100_000
_SCHEMA = b"nbship.log"
_DROPPED = b"nbship.dropped"
_MIXED = b"nbship.mixed"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Part:
    """A file of the log. ``name`` tells it from every other part of its version, and sorts by time."""

    name: str
    version: int

    @property
    def day(self) -> date:
        """The day, in UTC, of all its rows."""
        return date.fromisoformat(self.name[len("day=") :].partition("/")[0])

    @property
    def writer(self) -> tuple[str, int]:
        """Who wrote it, and the how-manieth it is."""
        _, writer, number = posixpath.basename(self.name).removesuffix(".parquet").split("-")
        return writer, int(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A part that cannot be read, and why."""

    part: Part
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a part says of itself, without its rows being read."""

    rows: int
    first: datetime
    last: datetime
    dropped: int = 0
    mixed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The parts of a version in order, the torn files beside them, and the numbers missing between them."""

    parts: tuple[Part, ...]
    torn: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The rows of a span of time, each once; what could not be read; columns that had no one type."""

    table: pa.Table
    damaged: tuple[Damaged, ...] = ()
    torn: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()


class Log:
    """The log of one model. Raises StoreError where the address does not answer."""

    def __init__(self, url: str, model: str) -> None:
        self.model = model
        self.shown = snapshots.shown(url)
        with self._speaking("opened"):
            self._fs, root = snapshots.filesystem(url)
            self._root = posixpath.join(root, quote(model, safe=""))
        names = set(snapshots.protocols(self._fs))
        self._takes_whole = bool(names & _OBJECT_STORES)
        self._is_local = "file" in names

    def versions(self) -> list[int]:
        """Give the versions that have been logged."""
        with self._speaking("listed"):
            self._fs.invalidate_cache()
            if not self._fs.isdir(self._root):
                return []
            names = [
                posixpath.basename(str(path).rstrip("/")) for path in self._fs.ls(self._root, detail=False)
            ]
        found = (re.fullmatch(r"version=(\d+)", name) for name in names)
        return sorted(int(match[1]) for match in found if match)

    def parts(self, version: int) -> Listing:
        """List the parts of a version, oldest first."""
        folder = self._folder(version)
        with self._speaking("listed"):
            self._fs.invalidate_cache()
            paths = sorted(self._fs.find(folder)) if self._fs.isdir(folder) else []
        names = [
            str(path)[str(path).index(f"/version={version}/") + len(f"/version={version}/") :]
            for path in paths
        ]
        parts = [Part(name=name, version=version) for name in names if _is_part(name)]
        torn = [name for name in names if posixpath.basename(name).startswith(_SCRATCH)]
        return Listing(parts=tuple(parts), torn=tuple(torn), gaps=_gaps(parts))

    def extent(self, part: Part) -> Extent:
        """Tell how many rows a part has and from when to when. Raises DataError where it is damaged."""
        with self._reading(part) as file:
            found = pq.ParquetFile(file)
            meta = found.metadata
            place = found.schema_arrow.names.index("time")
            spans = [meta.row_group(group).column(place).statistics for group in range(meta.num_row_groups)]
            told = meta.metadata or {}
        return Extent(
            rows=meta.num_rows,
            first=min(span.min for span in spans),
            last=max(span.max for span in spans),
            dropped=int(told.get(_DROPPED, 0)),
            mixed=tuple(name for name in told.get(_MIXED, b"").decode().split("\n") if name),
        )

    def read(self, part: Part, columns: Sequence[str] | None = None) -> pa.Table:
        """Give the rows of a part. Raises DataError where it is damaged."""
        with self._reading(part) as file:
            found = pq.ParquetFile(file, page_checksum_verification=True)
            missing = [
                name for name, kind in records.FIXED.items() if not _has(found.schema_arrow, name, kind)
            ]
            if missing:
                raise DataError(f"the part is no part of a log: it has no {missing[0]!r}", where=part.name)
            table = found.read(columns=list(columns) if columns is not None else None)
        return table.replace_schema_metadata(None)

    def window(self, version: int, start: datetime, end: datetime) -> Reading:
        """Give the rows of a version whose time is in ``[start, end)``, each exactly once."""
        listing = self.parts(version)
        tables: list[pa.Table] = []
        damaged: list[Damaged] = []
        for part in listing.parts:
            if not start.astimezone(UTC).date() <= part.day <= end.astimezone(UTC).date():
                continue
            try:
                tables.append(between(self.read(part), start, end))
            except DataError as error:
                damaged.append(Damaged(part=part, reason=error.what))
        table, mixed = records.joined(tables)
        return Reading(table=table, damaged=tuple(damaged), torn=listing.torn, gaps=listing.gaps, mixed=mixed)

    def put(self, version: int, day: date, name: str, content: bytes) -> None:
        """Put a part in its place, whole. The same name with the same content may be put again."""
        folder = posixpath.join(self._folder(version), f"day={day.isoformat()}")
        target, scratch = posixpath.join(folder, name), posixpath.join(folder, _SCRATCH + name)
        with self._speaking("written to"):
            if self._takes_whole:
                self._fs.pipe_file(target, content)
                return
            self._fs.makedirs(folder, exist_ok=True)
            if self._is_local:
                _write_whole(Path(scratch), Path(target), content)
                return
            self._fs.pipe_file(scratch, content)
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(target)
            self._fs.mv(scratch, target)

    def _folder(self, version: int) -> str:
        return posixpath.join(self._root, f"version={version}")

    @contextlib.contextmanager
    def _reading(self, part: Part) -> Generator[io.BytesIO]:
        """Open a part; a file that is there and is no Parquet is damaged, a store that is away is not."""
        with self._speaking("read"):
            try:
                content = self._fs.cat_file(posixpath.join(self._folder(part.version), part.name))
            except FileNotFoundError as error:
                raise DataError("the part is gone", where=part.name) from error
        try:
            yield io.BytesIO(content)
        except (pa.ArrowException, OSError, ValueError, LookupError, AttributeError, TypeError) as error:
            said = str(error).strip().partition("\n")[0] or type(error).__name__
            raise DataError(f"the part is damaged: {said[:200]}", where=part.name) from error

    @contextlib.contextmanager
    def _speaking(self, doing: str) -> Generator[None]:
        try:
            yield
        except NbshipError:
            raise
        except Exception as error:  # every file system has errors of its own
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise StoreError(
                f"the prediction log cannot be {doing}: {said}",
                where=self.shown,
                help="[tool.nbship.monitor] log, or NBSHIP_LOG_URL, says where it is",
            ) from error


class Writer:
    """One writer of a log; its own in each process and thread pool, its methods safe to call from any thread.

    `append` does no I/O and never raises; ``failure`` is why rows wait, or None.
    """

    def __init__(self, log: Log, *, most_waiting: int = MOST_WAITING) -> None:
        self.name = secrets.token_hex(4)
        self.failure: NbshipError | None = None
        self.dropped = 0
        self._log = log
        self._most = most_waiting
        self._rows: collections.deque[Prediction] = collections.deque()
        self._numbers: dict[int, int] = {}
        self._told_dropped = 0
        self._guard, self._flushing = threading.Lock(), threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def append(self, prediction: Prediction) -> None:
        """Take a prediction, to be written with the next flush."""
        with self._guard:
            self._rows.append(prediction)
            while len(self._rows) > self._most:
                self._rows.popleft()
                self.dropped += 1

    def flush(self) -> int:
        """Write what waits, a part for each version and day, and give the number of rows written.

        Where the log refuses, the rows wait on and ``failure`` tells why.
        """
        with self._flushing:
            with self._guard:
                rows, self._rows = list(self._rows), collections.deque()
            groups = _by_version_and_day(rows)
            written = 0
            for place, (version, day, group) in enumerate(groups):
                try:
                    self._write(version, day, group)
                except NbshipError as error:
                    self._keep([item for _, _, left in groups[place:] for item in left], error)
                    return written
                written += len(group)
            self.failure = None
            return written

    def _write(self, version: int, day: date, rows: list[Prediction]) -> None:
        number, dropped = self._numbers.get(version, 0), self.dropped
        first = min(item.at for item in rows).astimezone(UTC)
        name = f"{first:%H%M%S}-{self.name}-{number:06d}.parquet"
        self._log.put(version, day, name, part_content(rows, dropped=dropped - self._told_dropped))
        self._numbers[version], self._told_dropped = number + 1, dropped

    def _keep(self, rows: Iterable[Prediction], error: NbshipError) -> None:
        if self.failure is None:
            _log.warning("predictions wait, the log refuses them: %s", error.what)
        self.failure = error
        with self._guard:
            self._rows.extendleft(reversed(list(rows)))
            while len(self._rows) > self._most:
                self._rows.popleft()
                self.dropped += 1

    def start(self, every_s: float = 5.0) -> None:
        """Flush every so often, in a thread of its own, until `close`."""

        def run() -> None:
            while not self._stop.wait(every_s):
                self.flush()

        self._thread = threading.Thread(target=run, name="nbship-log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits and stop. Raises StoreError where rows are left that the log refuses."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()
        if self.failure is not None:
            raise self.failure


def part_content(rows: Sequence[Prediction], *, dropped: int = 0) -> bytes:
    """Give rows of one version and one day as the bytes of a part; the same rows give the same bytes."""
    table, mixed = records.as_table(rows)
    told = {_SCHEMA: b"1", _DROPPED: str(dropped).encode(), _MIXED: "\n".join(mixed).encode()}
    content = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(told), content, compression="zstd", write_page_checksum=True)
    return content.getvalue()


def between(table: pa.Table, start: datetime, end: datetime) -> pa.Table:
    """Give the rows whose time is in ``[start, end)``."""
    times = table.column("time")
    inside = pc.and_(
        pc.greater_equal(times, pa.scalar(start, times.type)), pc.less(times, pa.scalar(end, times.type))
    )
    return table.filter(inside)


def _has(schema: pa.Schema, name: str, kind: pa.DataType) -> bool:
    return name in schema.names and schema.field(name).type == kind


def _by_version_and_day(rows: Sequence[Prediction]) -> list[tuple[int, date, list[Prediction]]]:
    groups: dict[tuple[int, date], list[Prediction]] = {}
    for row in rows:
        groups.setdefault((row.version, row.at.astimezone(UTC).date()), []).append(row)
    return [(version, day, group) for (version, day), group in groups.items()]


def _is_part(name: str) -> bool:
    folder, _, file = name.partition("/")
    return bool(re.fullmatch(r"day=\d{4}-\d\d-\d\d", folder) and _PART.fullmatch(file))


def _gaps(parts: Iterable[Part]) -> tuple[str, ...]:
    """Name what is missing between the parts of each writer; what old parts were deleted leaves no gap."""
    numbers: dict[str, list[int]] = {}
    for part in parts:
        writer, number = part.writer
        numbers.setdefault(writer, []).append(number)
    return tuple(
        f"{writer}-{number:06d}"
        for writer, known in sorted(numbers.items())
        for number in sorted(set(range(min(known), max(known))) - set(known))
    )


def _write_whole(scratch: Path, target: Path, content: bytes) -> None:
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # the name must not reach the disk before the bytes
        scratch.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise
