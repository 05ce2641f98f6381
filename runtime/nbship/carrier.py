"""The background worker: carries journals into their stores as long as a kernel lives or something waits.

One per home works, every other leaves. It prepares an empty SQLite store before anybody needs it (mlflow takes 10 s for
that), looks at the journals every few seconds, and asks a store that is away again after longer and longer pauses.
A kernel that is killed is noticed, because the operating system lets go of its lock, and its journal is carried to
the end. When nothing has happened for a while the process begins anew, and so gives back the memory mlflow takes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from nbship import drain, journal, names, store
from nbship.errors import StoreError

if TYPE_CHECKING:
    from nbship.config import Config

_log = logging.getLogger("nbship.carrier")

#: How long a worker that starts waits for one that is just leaving.
HANDOVER_S = 1.0
_PAUSE_S = 3.0
_LONGEST_PAUSE_S = 60.0
#: How long a store that is away is asked again once no kernel lives; the next kernel, or `nbship sync`, goes on.
_LAST_TRIES_S = 120.0
_IDLE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a carrier meets: time, sleep, the drain itself, and how to begin anew; tests bring their own."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    drain: Callable[[Config], drain.Drained] = lambda config: drain.drain(config, by_hand=False)
    begin_anew: Callable[[], None] | None = None


def carry(config: Config, around: Surroundings | None = None) -> bool:
    """Carry until there is nothing more to do; False where another carrier is at work."""
    around = around or Surroundings()
    config.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(config.home / names.FILE_WORKER_LOCK)
    while True:
        try:
            lock.acquire(timeout=HANDOVER_S)
        except Timeout:
            return False
        try:
            finished = _Rounds(config, around).run()
        finally:
            lock.release()
        # a kernel that ended while we were leaving has found the lock taken, and left its journal to us
        if not finished or not _has_work(config):
            return True


def _has_work(config: Config) -> bool:
    return any(not journal.is_live(folder) for folder in drain.waiting(config))


class _Rounds:
    def __init__(self, config: Config, around: Surroundings) -> None:
        self._config = config
        self._around = around
        self._pause_s = _PAUSE_S
        self._worked_at = around.clock()
        self._away: tuple[str, ...] = ()
        self._done: set[str] = set()
        self._waiting = False

    def run(self) -> bool:
        """Look, carry, rest; True when all is done, False when it is given up."""
        prepare(self._config)
        alone_since: float | None = None
        while self._config.home.is_dir():
            live = self._look()
            now = self._around.clock()
            if live:
                alone_since = None
                self._rest_if_idle(now)
            elif not self._waiting:
                return True
            else:
                alone_since = now if alone_since is None else alone_since
                if now - alone_since >= _LAST_TRIES_S:
                    return False
            self._around.sleep(self._pause_s)
        return False

    def _look(self) -> bool:
        """Carry what waits, and tell whether a kernel lives. What is done for good is not looked at again."""
        folders = [
            folder for folder in journal.sessions(self._config.journals) if folder.name not in self._done
        ]
        if any(drain.is_waiting(folder) for folder in folders):
            self._carry()
        live = {folder.name for folder in folders if journal.is_live(folder)}
        left = [folder.name for folder in folders if folder.name not in live and drain.is_waiting(folder)]
        self._done |= {folder.name for folder in folders} - live - set(left)
        self._waiting = bool(left)
        return bool(live)

    def _carry(self) -> None:
        self._worked_at = self._around.clock()
        try:
            done = self._around.drain(self._config)
        except StoreError as error:  # somebody else drains, and is slow
            self._told((str(error),))
            return
        for problem in done.problems:
            _log.warning("%s", problem)
        if done.written:
            _log.info("%s sessions written", len(done.written))
        self._told(tuple(str(error) for error in done.away))

    def _told(self, away: tuple[str, ...]) -> None:
        """Say once that a store is away, and ask it less often from then on."""
        if away != self._away:
            for reason in away:
                _log.warning("%s", reason)
        self._away = away
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S) if away else _PAUSE_S

    def _rest_if_idle(self, now: float) -> None:
        if self._around.begin_anew is not None and now - self._worked_at > _IDLE_S:
            self._worked_at = now
            self._around.begin_anew()


def prepare(config: Config) -> None:
    """Make our own SQLite store if it is not there yet; its tables take mlflow 10 s, and nobody should wait.

    Only the one in home: a database that the user has named may be about to be made by the user's own mlflow.
    """
    path = store.sqlite_file(config.tracking_uri)
    if config.origin != "home" or path is None or path.exists():
        return
    try:
        from nbship import tracking

        with store.speaking_to(config.tracking_uri):
            tracking.experiment(store.connect(config), config)
        _log.info("the store is ready")
    except StoreError as error:
        _log.warning("%s", error)
