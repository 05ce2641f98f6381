"""One quiet thread for what must not be waited for: hashing, profiling, asking git.

It shares the interpreter with the user's code, which a busy thread slows down although it waits for nothing. So it is
patient: it begins when no cell runs, or when a job has waited long enough, or when too many wait.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

_log = logging.getLogger("nbship.magics")

THREAD_NAME = "nbship"
Job = Callable[[], None]

#: A cell that follows this soon after another belongs to the same run of cells.
_PAUSE_S = 0.1
#: What a job waits for a pause at most, and how many jobs may wait.
_PATIENCE_S = 5.0
_MOST_WAITING = 400
_LOOK_S = 0.05
#: Once their patience is over, jobs leave the interpreter this many times as long as one took before the next.
_REST = 9


class Background:
    """Runs jobs one after the other, in order, off the user's thread. A job that fails is logged."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._soon: deque[Job] = deque()
        self._patient: deque[tuple[float, Job]] = deque()
        self._added = threading.Event()
        self._thread: threading.Thread | None = None
        self._waiters = 0
        self._is_busy = False
        self._paused_at = clock()
        self._rests_until = clock()

    def add(self, job: Job, *, soon: bool = False) -> None:
        """Have a job done when the kernel pauses, or ``soon``, if it is short and must not be lost."""
        if soon:
            self._soon.append(job)
        else:
            self._patient.append((self._clock(), job))
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
            self._thread.start()
        self._added.set()

    def begin_cell(self) -> None:
        """Leave the interpreter to the user's code."""
        self._is_busy = True

    def end_cell(self) -> None:
        """Go on after a pause."""
        self._paused_at = self._clock()
        self._is_busy = False

    @property
    def thread_id(self) -> int | None:
        """The system's number of the thread, once there is one."""
        return self._thread.native_id if self._thread is not None else None

    def wait(self, timeout_s: float) -> bool:
        """Wait until all jobs given so far are done, at once; False if that took too long."""
        if self._thread is None or not self._thread.is_alive():
            return True
        done = threading.Event()
        self._waiters += 1
        try:
            self.add(done.set)
            return done.wait(timeout_s)
        finally:
            self._waiters -= 1

    def _run(self) -> None:
        while True:
            job = self._next()
            began = self._clock()
            try:
                job()
            except Exception:  # noqa: BLE001  # the thread lives on, and so does the user's kernel
                _log.exception("a background job failed")
            ended = self._clock()
            self._rests_until = ended + _REST * (ended - began)

    def _next(self) -> Job:
        while True:
            if self._soon:
                return self._soon.popleft()
            if self._patient and self._is_time():
                return self._patient.popleft()[1]
            self._added.wait(_LOOK_S if self._patient else None)
            self._added.clear()

    def _is_time(self) -> bool:
        if self._waiters or len(self._patient) > _MOST_WAITING:
            return True
        now = self._clock()
        paused = not self._is_busy and now - self._paused_at >= _PAUSE_S
        return paused or (now - self._patient[0][0] >= _PATIENCE_S and now >= self._rests_until)
