"""The append-only record of a kernel session on disk, and the store of its bytes.

One folder per session under ``HOME/journals``. ``facts.jsonl`` holds one fact per line, each behind the CRC-32 of
its text, so that a line which a crash tore is known as such and dropped. One process writes (it holds
``writer.lock`` while it lives), any number read. Writing never raises: the user's cell comes first.

A fact is *acknowledged* when the operating system has taken its whole line: it outlives the process from then on,
however that ends. `Journal.sync` asks the disk itself, for power cuts, and is called off the user's thread.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import tempfile
import zlib
from collections.abc import Callable, Iterator
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
_LONGEST_ODD_VALUE = 250
_LOOKED_AT_S = 0.2  # who only asks whether the writer lives holds its lock for a moment
_UNFINISHED = ".new-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a journal holds: its facts in order, the lines that are damaged, and whether the last one is torn.

    ``missing`` are the ordinals below the last one that stand in no line: what was cut out, or spoilt.
    """

    session: str
    facts: tuple[Fact, ...]
    damaged_lines: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    torn: bool = False


class Journal:
    """The writer's side of one session.

    ``clock`` gives aware UTC times; one that goes back stands still here. What the disk refuses waits in memory, in
    order, and is tried again with every fact; ``failure`` is why it waits, or None. The first one is logged.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.folder = folder
        self.run = 0
        self.failure: OSError | None = None
        self._clock = clock
        self._latest: datetime | None = None
        self._ordinal = 0
        self._pid = os.getpid()
        self._lock: FileLock | None = None
        self._file: int | None = None
        self._waiting = bytearray()
        self._told = False

    @property
    def session(self) -> str:
        """The session's name, which is the folder's."""
        return self.folder.name

    @property
    def is_ours(self) -> bool:
        """Whether this process began the session: a forked child must not write into its parent's record."""
        return os.getpid() == self._pid

    def append(self, fact: Fact) -> Fact:
        """Write a fact, and give it back with its ordinal, run and time."""
        stamped = replace(fact, ordinal=self._ordinal, run=self.run, at=self._now().isoformat())
        if self.is_ours:
            self._waiting += _line(stamped)
            self._ordinal += 1
            self._write()
        return stamped

    def _now(self) -> datetime:
        now = self._clock()
        self._latest = now if self._latest is None or now > self._latest else self._latest
        return self._latest

    def _write(self) -> None:
        """Hand over what waits; where the disk takes only a part, the rest of the line follows later."""
        try:
            file = self._file if self._file is not None else self._open()
            while self._waiting:
                written = os.write(file, self._waiting)
                del self._waiting[:written]
                if not written:
                    raise OSError("the disk took nothing")  # noqa: TRY301  # as if it had said so itself
            self.failure = None
        except (OSError, ValueError) as error:  # a lock that another holds is an OSError too
            self._fail(error)

    def _open(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock or _writer_lock(self.folder)
        self._lock.acquire(timeout=_LOOKED_AT_S)
        self._file = os.open(self.folder / names.FILE_FACTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return self._file

    def _fail(self, error: Exception) -> None:
        if not self._told:
            _log.warning("this session cannot be written: %s", error)
        self._told = True
        self.failure = error if isinstance(error, OSError) else OSError(str(error))

    def sync(self) -> None:
        """Ask the disk to keep what was written, so that it survives a power cut too."""
        try:
            if self._file is not None:
                os.fsync(self._file)
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Write what waits, and let go of the file and of the writer's lock."""
        if not self.is_ours:
            return  # the lock is the parent's
        if self._waiting:
            self._write()
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
    found: dict[int, Fact | None] = {}
    damaged: list[int] = []
    for number, line in enumerate(lines, start=1):
        document = _document(line)
        ordinal = document.get("ordinal") if document else None
        if document is None or not isinstance(ordinal, int):
            damaged.append(number)
        else:
            found.setdefault(ordinal, _fact(document))  # a line that stands there twice was written once
    last = max(found, default=-1)
    return Reading(
        session=folder.name,
        facts=tuple(fact for _, fact in sorted(found.items()) if fact is not None),
        damaged_lines=tuple(damaged),
        missing=tuple(ordinal for ordinal in range(last) if ordinal not in found),
        torn=torn,
    )


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
    text = json.dumps(facts.to_json(fact), separators=(",", ":"), ensure_ascii=True, default=_told).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _told(value: object) -> str:
    """Give what stands for a value that JSON does not know; its own word for itself may raise."""
    try:
        return str(value)[:_LONGEST_ODD_VALUE]
    except Exception:  # noqa: BLE001  # the user's class
        return f"<{type(value).__name__}>"


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
        if path.exists() and path.stat().st_size == len(content):
            return name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=_UNFINISHED, delete=False) as file:
            try:
                file.write(content)
                file.flush()
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise
        Path(file.name).replace(path)  # whole or not at all
        return name

    def get(self, name: str) -> bytes:
        """Give the bytes back. Raises OSError where they are gone, or are no longer what they were."""
        content = self.path(name).read_bytes()
        if digest(content) != name:
            raise OSError(f"the bytes of {name} have changed")
        return content

    def path(self, name: str) -> Path:
        """Tell where the bytes named ``name`` are."""
        plain = name.removeprefix("b3:")
        return self.folder / plain[:2] / plain[2:]

    def __iter__(self) -> Iterator[str]:
        for path in sorted(self.folder.glob("??/*")):
            if path.name.startswith(_UNFINISHED):
                continue  # a writer died
            yield f"b3:{path.parent.name}{path.name}"


def digest(content: bytes) -> str:
    """Give the BLAKE3 name of some bytes."""
    from blake3 import blake3

    return f"b3:{blake3(content).hexdigest()}"
