"""A kernel's session: its journal, its background thread, and the worker that is woken now and then.

A fact is on its way to the operating system when `Session.record` returns; a cell that is killed later loses nothing
of it. The disk is asked to keep it (for power cuts), and the worker is started, off the user's thread.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from nbship import config, names, store, worker
from nbship.config import Config
from nbship.facts import CellRan, CellSource, Fact, ModelRegistered, RunStarted, SessionEnded, StoreChosen
from nbship.journal import Blobs, Journal, new_session_name
from nbship_magics import redaction
from nbship_magics.background import Background
from nbship_magics.user_runs import UserRuns

_log = logging.getLogger("nbship.magics")
_F = TypeVar("_F", bound=Fact)

#: Jupyter kills a kernel 5 s after it has asked it to go.
_LAST_JOBS_S = 4.0
#: A worker stays while a kernel lives; this often a new one is started, which leaves if the other is still there.
_SECONDS_BETWEEN_WAKES = 60.0
_SECONDS_BETWEEN_SYNCS = 2.0


class Session:
    """Takes facts and keeps them. Nothing here raises: what fails is told once, with the log's name."""

    def __init__(self, settings: Config, *, wake: Callable[[Config], None] = worker.spawn) -> None:
        self.settings = settings
        self.background = Background()
        self.blobs = Blobs(folder=settings.blobs)
        self.carrier = Background()  # what takes minutes must not hold up the hashing
        self.facts: list[Fact] = []
        self.files: dict[int, Path] = {}
        self.profiles: dict[object, tuple[str, str]] = {}  # table and blob of the last frame, by its stamp
        self.cell: str | None = None
        self.source_hash: str | None = None
        self.source: str | None = None
        self._journal = Journal(settings.journals / new_session_name(datetime.now(UTC)))
        self._wake = wake
        self._woken_at: float | None = None
        self._synced_at = 0.0
        self._sources: set[str] = set()
        self._user_runs = UserRuns()
        self._lock = threading.Lock()
        self._warned = False
        self._frames = 0

    @property
    def name(self) -> str:
        """The session's name, which stands in the tag `nbship.session` of its runs."""
        return self._journal.session

    @property
    def run(self) -> int:
        """The number of the current run."""
        return self._journal.run

    @property
    def threads(self) -> list[int]:
        """The system's numbers of the threads that are ours."""
        ids = (self.background.thread_id, self.carrier.thread_id)
        return [number for number in ids if number is not None]

    @property
    def log(self) -> Path:
        """Where this kernel's part of nbship tells what went wrong."""
        return self.settings.home / names.FOLDER_LOGS / names.FILE_MAGICS_LOG

    def record(self, fact: _F) -> _F:
        """Keep a fact, and give it back stamped; a forked child keeps nothing."""
        if not self._journal.is_ours:
            return fact  # and the lock may be held by a thread that the child does not have
        if fact.kind == CellRan.kind:
            self._record_around(fact)
        stamped = self._append(fact)
        assert isinstance(stamped, type(fact))
        return stamped

    def _append(self, fact: Fact) -> Fact:
        with self._lock:
            if not self.facts:
                self.facts.append(self._journal.append(self._store_chosen()))
            stamped = self._journal.append(fact)
            self.facts.append(stamped)
        if self._journal.failure is not None:
            self.warn(
                f"what is recorded cannot be written to disk yet: {self._journal.failure}; it is tried again"
            )
        return stamped

    def _store_chosen(self) -> StoreChosen:
        settings = self.settings
        uri = store.shown(settings.tracking_uri)
        return StoreChosen(tracking_uri=uri, experiment=settings.experiment, origin=settings.origin)

    def _record_around(self, ran: Fact) -> None:
        """Record what goes with a cell: the MLflow run that the user has opened, and its source, once."""
        try:
            seen = self._user_runs.news()
            if seen is not None:
                self._append(seen)
            if (
                ran.source_hash is not None
                and ran.source_hash not in self._sources
                and self.source is not None
            ):
                self._sources.add(ran.source_hash)
                source = functools.partial(self._record_source, ran.source_hash, self.source)
                self.background.add(source, soon=True)
        except Exception:  # noqa: BLE001  # the user's mlflow may be any version, or none at all
            self.failed("looking at mlflow")

    def _record_source(self, source_hash: str, source: str) -> None:
        kept = redaction.redacted(source)
        self._append(CellSource(source_hash=source_hash, source=kept, redacted=kept != source))

    def models(self) -> list[str]:
        """Give the models that this session has registered, in order."""
        return [fact.model for fact in self.facts if isinstance(fact, ModelRegistered)]

    def frame_number(self) -> int:
        """Give a number, below zero and this session's own, for a frame that no fit stands behind."""
        with self._lock:
            self._frames += 1
            return -1 - self._frames

    def begin_run(self, name: str | None) -> None:
        """End the current run and begin another."""
        with self._lock:
            self._journal.run += 1
        self.record(RunStarted(name=name))
        self.wake_worker(now=True)

    def wake_worker(self, *, now: bool = False) -> None:
        """Have the journal carried into MLflow by a process of its own; not more often than need be."""
        if not self._journal.is_ours:
            return
        self._sync_soon()
        soon = self._woken_at is not None and time.monotonic() - self._woken_at < _SECONDS_BETWEEN_WAKES
        if soon and not now:
            return
        self._woken_at = time.monotonic()
        self.background.add(self._start_worker, soon=True)  # a kernel may be killed before its first pause

    def _sync_soon(self) -> None:
        if time.monotonic() - self._synced_at >= _SECONDS_BETWEEN_SYNCS:
            self._synced_at = time.monotonic()
            self.background.add(self._journal.sync, soon=True)

    def _start_worker(self) -> None:
        try:
            self._wake(self.settings)
        except OSError as error:
            self.warn(f"the worker cannot be started ({error}); `nbship sync` does its work")

    def warn(self, message: str) -> None:
        """Tell the user once, and the log each time."""
        _log.warning("%s", message)
        if not self._warned:
            self._warned = True
            with contextlib.suppress(Warning):  # where the user turns warnings into errors
                warnings.warn(f"nbship: {message} (log: {self.log})", stacklevel=2)

    def failed(self, doing: str) -> None:
        """Note the exception being handled; the user's cell goes on."""
        _log.exception("%s failed", doing)
        self.warn(f"{doing} failed; what this cell did may not be recorded")

    def close(self) -> None:
        """Finish what is under way, and hand the journal over."""
        if not self._journal.is_ours:
            return
        self.background.wait(_LAST_JOBS_S)
        worked = any(isinstance(fact, CellRan) for fact in self.facts)
        if worked:
            self.record(SessionEnded())
        self._journal.close()
        if worked:
            self._start_worker()


def open_session() -> Session:
    """Begin a session with the configuration of here and now."""
    session = Session(config.load())
    _log_to(session.log)
    return session


def _log_to(path: Path) -> None:
    """Write warnings of our own to a file: there is no other place that is not the user's."""
    if _log.handlers:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, delay=True)
    except OSError:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    _log.addHandler(handler)
    _log.propagate = False
