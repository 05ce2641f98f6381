"""What a frontend has answered, on this machine's disk before the answer leaves: no kill loses a logged request.

A line of JSON for each row, appended with one ``write`` for all that were answered together. What was written belongs
to the kernel and survives the process; a line that a kill has cut in two belongs to an answer that was never sent. A
segment is closed after some seconds; `draining` makes Parquet of it. In each segment it stands which part of the log
its lines become, so that a segment that is drained twice, because of another kill, makes the same parts again.

A disk that takes nothing stops no answer: lines wait in memory, within bounds, and what is beyond is counted.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from nbship.monitoring.kinds import Outcome, Role

OPEN = ".open"
CLOSED = ".lines"
#: Lines of one file, in bytes: what the drain reads at once.
_MOST_BYTES = 16 * 2**20


class Line(msgspec.Struct, omit_defaults=True, gc=False):
    """One row of one request, as one version answered it; ``at`` in seconds since 1970."""

    at: float
    request: str
    version: int
    role: Role
    outcome: Outcome
    inputs: dict[str, Any]
    outputs: dict[str, Any] = {}
    key: str | None = None
    latency_s: float | None = None


def of_version(line: Line, version: int) -> Line:
    """Give a line as another version's."""
    return msgspec.structs.replace(line, version=version)


class Begun(msgspec.Struct, tag="begun", gc=False):
    """From here on there are lines of this version and day: they become part ``number`` of the segment's writer."""

    version: int
    day: int
    number: int


_encoder = msgspec.json.Encoder(enc_hook=str)
encode = _encoder.encode
_DAY_S = 86400


class Spool:
    """The lines of one frontend. ``append`` never raises; ``failure`` is why lines wait, or None."""

    def __init__(self, folder: Path, *, most_waiting: int = 100_000, most_bytes: int = 2**30) -> None:
        self.name = secrets.token_hex(4)
        self.failure: str | None = None
        self.dropped = 0
        self._folder = folder
        self._waiting: collections.deque[Line] = collections.deque()
        self._most_waiting, self._most_bytes = most_waiting, most_bytes
        self._numbers: dict[int, int] = {}
        self._begun: set[tuple[int, int]] = set()
        self._segments = 0
        self._is_full = False
        self._fd: int | None = None
        self._path: Path | None = None
        self._size = 0

    @property
    def waiting(self) -> int:
        """How many lines are in memory because the disk takes nothing."""
        return len(self._waiting)

    def append(self, lines: Sequence[Line]) -> None:
        """Write lines, or keep them for the next time."""
        if self._is_full:
            self.dropped += len(lines)
            return
        if self._waiting:
            self._wait(lines)
            return
        try:
            self._write(lines)
        except OSError as error:
            self._refused(error)
            self._wait(lines)

    def retry(self) -> None:
        """Write what waits, if the disk takes it by now."""
        if not self._waiting:
            return
        lines = list(self._waiting)
        try:
            self._write(lines)
        except OSError as error:
            self._refused(error)
            return
        self._waiting.clear()
        self.failure = None

    def measure(self) -> None:
        """Look how much lies there undrained: beyond the bound no more is taken until it has gone."""
        total = 0
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._folder):
                with contextlib.suppress(OSError):
                    total += entry.stat().st_size
        was, self._is_full = self._is_full, total > self._most_bytes
        if self._is_full:
            self.failure = f"{total >> 20} MB wait for the log already, and no more may"
        elif was:
            self.failure = None

    def _refused(self, error: OSError) -> None:
        self.failure = error.strerror or str(error)
        with contextlib.suppress(OSError):  # a file that takes nothing is left, and another tried next time
            self.rotate()

    def _wait(self, lines: Sequence[Line]) -> None:
        self._waiting.extend(lines)
        while len(self._waiting) > self._most_waiting:
            self._waiting.popleft()
            self.dropped += 1

    def _write(self, lines: Sequence[Line]) -> None:
        fd = self._file()
        parts: list[bytes] = []
        begun: set[tuple[int, int]] = set()
        for line in lines:
            place = (line.version, int(line.at // _DAY_S))
            if place not in self._begun and place not in begun:
                begun.add(place)
                number = self._numbers.get(line.version, 0) + sum(one[0] == line.version for one in begun) - 1
                parts.append(encode(Begun(version=place[0], day=place[1], number=number)))
            parts.append(encode(line))
        parts.append(b"")
        _whole(fd, b"\n".join(parts), self._size)
        self._size += sum(map(len, parts)) + len(parts) - 1
        for version, _ in begun:
            self._numbers[version] = self._numbers.get(version, 0) + 1
        self._begun |= begun
        if self._size > _MOST_BYTES:
            self.rotate()

    def _file(self) -> int:
        if self._fd is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self.name}-{self._segments:08d}{OPEN}"
            scratch = path.with_name(f".{path.name}")
            fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            fcntl.flock(
                fd, fcntl.LOCK_EX
            )  # as long as it is held, its writer lives; so it comes before the name
            scratch.rename(path)
            self._fd, self._path, self._size = fd, path, 0
        return self._fd

    def rotate(self) -> None:
        """Close the segment, so that it can be drained."""
        fd, path = self._fd, self._path
        if fd is None or path is None:
            return
        self._fd, self._path = None, None
        self._segments += 1
        self._begun.clear()
        try:
            path.rename(path.with_suffix(CLOSED))
        finally:
            os.close(fd)

    def close(self) -> None:
        """Write what waits, and close the segment."""
        self.retry()
        with contextlib.suppress(OSError):
            self.rotate()


def _whole(fd: int, content: bytes, before: int) -> None:
    """Append all of it, or nothing. Raises OSError."""
    written = os.write(fd, content)
    if written == len(content):
        return
    try:
        rest = memoryview(content)[written:]
        while rest:
            rest = rest[os.write(fd, rest) :]
    except OSError:
        os.ftruncate(fd, before)
        raise
