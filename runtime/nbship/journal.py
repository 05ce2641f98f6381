"""The append-only record of a kernel session on disk, and the store of its bytes.

One folder per session under ``HOME/journals``. ``facts.jsonl`` holds one fact per line, each behind the CRC-32 of
its text, so that a line which a crash tore is known as such and dropped. One process writes (it holds
``writer.lock`` while it lives), any number read. Writing never raises: the user's cell comes first.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship import facts, names
from nbship.facts import Fact

if TYPE_CHECKING:
    from filelock import FileLock

_log = logging.getLogger("nbship.journal")
_CHECKSUM_LENGTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a journal holds: its facts in order, the lines that are damaged, and whether the last one is torn."""

    session: str
    facts: tuple[Fact, ...]
    damaged_lines: tuple[int, ...] = ()
    torn: bool = False


class Journal:
    """The writer's side of one session.

    ``clock`` gives aware UTC times. The first failure to write is logged and handed to ``on_failure``; what
    follows is dropped in silence, but for a new try with every fact.
    """

    def __init__(self, folder: Path, *, clock: Any = lambda: datetime.now(UTC)) -> None:
        self.folder = folder
        self.run = 0
        self.failure: OSError | None = None
        self._clock = clock
        self._ordinal = 0
        self._pid = os.getpid()
        self._lock: FileLock | None = None
        self._file: int | None = None

    @property
    def session(self) -> str:
        """The session's name, which is the folder's."""
        return self.folder.name

    def append(self, fact: Fact) -> Fact:
        """Write a fact, and give it back with its ordinal, run and time."""
        stamped = replace(fact, ordinal=self._ordinal, run=self.run, at=self._clock().isoformat())
        self._ordinal += 1
        if os.getpid() == self._pid:  # a forked child must not write into its parent's record
            self._write(_line(stamped))
        return stamped

    def _write(self, line: bytes) -> None:
        try:
            file = self._file if self._file is not None else self._open()
            written = os.write(file, line)
            if written != len(line):
                os.write(file, b"\n")  # the torn line ends here and is dropped by its checksum
                self._fail(OSError("the disk took only a part of a line"))
        except (OSError, ValueError) as error:  # a lock that another holds is an OSError too
            self._fail(error)

    def _open(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock or _writer_lock(self.folder)
        self._lock.acquire(timeout=0)
        self._file = os.open(self.folder / names.FILE_FACTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return self._file

    def _fail(self, error: Exception) -> None:
        if self.failure is None:
            _log.warning("this session is not recorded: %s", error)
            self.failure = error if isinstance(error, OSError) else OSError(str(error))

    def sync(self) -> None:
        """Ask the disk to keep what was written, so that it survives a power cut too."""
        try:
            if self._file is not None:
                os.fsync(self._file)
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Let go of the file and of the writer's lock."""
        self.sync()
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._lock is not None:
            self._lock.release()


def new_session_name(now: datetime) -> str:
    """Give a name that sorts by time and that no other session has."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def sessions(journals: Path) -> list[Path]:
    """Give the folders of all recorded sessions, oldest first."""
    if not journals.is_dir():
        return []
    return sorted(folder for folder in journals.iterdir() if (folder / names.FILE_FACTS).is_file())


def read(folder: Path) -> Reading:
    """Read a journal, however it was left: damaged lines are skipped and named, a torn end is dropped."""
    data = (folder / names.FILE_FACTS).read_bytes()
    torn = bool(data) and not data.endswith(b"\n")
    lines = data.split(b"\n")[:-1]
    found: list[Fact] = []
    damaged: list[int] = []
    for number, line in enumerate(lines, start=1):
        document = _document(line)
        if document is None:
            damaged.append(number)
        elif (fact := _fact(document)) is not None:
            found.append(fact)
    return Reading(session=folder.name, facts=tuple(found), damaged_lines=tuple(damaged), torn=torn)


def is_live(folder: Path) -> bool:
    """Tell whether the session's kernel still runs: whether somebody holds the writer's lock."""
    path = folder / names.FILE_WRITER_LOCK
    if not path.exists():
        return False
    lock = _writer_lock(folder)
    try:
        lock.acquire(timeout=0)
    except OSError:
        return True
    lock.release()
    return False


def _writer_lock(folder: Path) -> FileLock:
    """Give the lock of a session's writer. Loaded late: a kernel that only loads nbship waits for nothing."""
    from filelock import FileLock

    return FileLock(folder / names.FILE_WRITER_LOCK, thread_local=False)


def _line(fact: Fact) -> bytes:
    text = json.dumps(facts.to_json(fact), separators=(",", ":"), ensure_ascii=True, default=str).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _document(line: bytes) -> dict[str, Any] | None:
    text = line[_CHECKSUM_LENGTH + 1 :]
    if line[: _CHECKSUM_LENGTH + 1] != b"%08x " % zlib.crc32(text):
        return None
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _fact(document: dict[str, Any]) -> Fact | None:
    try:
        return facts.from_json(document)
    except TypeError:  # a field that this version needs is not there
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blobs:
    """A store of bytes under the name of their content; the same bytes are kept once."""

    folder: Path

    def put(self, content: bytes) -> str:
        """Keep ``content`` and give its name. Raises OSError where the disk refuses."""
        name = digest(content)
        path = self.path(name)
        if path.exists():
            return name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)  # whole or not at all
        return name

    def get(self, name: str) -> bytes:
        """Give the bytes back. Raises OSError where they are gone."""
        return self.path(name).read_bytes()

    def path(self, name: str) -> Path:
        """Tell where the bytes named ``name`` are."""
        plain = name.removeprefix("b3:")
        return self.folder / plain[:2] / plain[2:]

    def __iter__(self) -> Iterator[str]:
        for path in sorted(self.folder.glob("??/*")):
            yield f"b3:{path.parent.name}{path.name}"


def digest(content: bytes) -> str:
    """Give the BLAKE3 name of some bytes."""
    from blake3 import blake3

    return f"b3:{blake3(content).hexdigest()}"
