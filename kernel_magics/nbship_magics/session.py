"""A kernel's session: its journal, its background thread, and the worker that is woken now and then."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from nbship import config, names, worker
from nbship.config import Config
from nbship.facts import CellRan, Fact, ModelRegistered, RunStarted, SessionEnded
from nbship.journal import Blobs, Journal, new_session_name
from nbship_magics.background import Background

_log = logging.getLogger("nbship.magics")
_F = TypeVar("_F", bound=Fact)

_LAST_JOBS_S = 20.0
_SECONDS_BETWEEN_DRAINS = 30.0


class Session:
    """Takes facts and keeps them. Nothing here raises: what fails is told once, with the log's name."""

    def __init__(self, settings: Config, *, wake: Callable[[Config], None] = worker.spawn_drain) -> None:
        self.settings = settings
        self.background = Background()
        self.blobs = Blobs(folder=settings.blobs)
        self.facts: list[Fact] = []
        self.cell: str | None = None
        self.source_hash: str | None = None
        self._journal = Journal(settings.journals / new_session_name(datetime.now(UTC)))
        self._wake = wake
        self._woken_at: float | None = None
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
    def log(self) -> Path:
        """Where this kernel's part of nbship tells what went wrong."""
        return self.settings.home / names.FOLDER_LOGS / names.FILE_MAGICS_LOG

    def record(self, fact: _F) -> _F:
        """Keep a fact, and give it back stamped."""
        with self._lock:
            stamped = self._journal.append(fact)
            self.facts.append(stamped)
        if self._journal.failure is not None:
            self.warn(f"this session cannot be recorded: {self._journal.failure}")
        assert isinstance(stamped, type(fact))
        return stamped

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
        soon = self._woken_at is not None and time.monotonic() - self._woken_at < _SECONDS_BETWEEN_DRAINS
        if soon and not now:
            return
        self._woken_at = time.monotonic()
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
        self.background.wait(_LAST_JOBS_S)
        if any(isinstance(fact, CellRan) for fact in self.facts):
            self.record(SessionEnded())
            self._journal.close()
            self.wake_worker(now=True)
        else:
            self._journal.close()


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
