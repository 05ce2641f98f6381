"""One quiet thread for what must not be waited for: hashing, profiling, asking git."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

_log = logging.getLogger("nbship.magics")

THREAD_NAME = "nbship"
Job = Callable[[], None]


class Background:
    """Runs jobs one after the other, in order, off the user's thread. A job that fails is logged."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def add(self, job: Job) -> None:
        """Have a job done some time."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    @property
    def thread_id(self) -> int | None:
        """The system's number of the thread, once there is one."""
        return self._thread.native_id if self._thread is not None else None

    def wait(self, timeout_s: float) -> bool:
        """Wait until all jobs given so far are done; False if that took too long."""
        if self._thread is None or not self._thread.is_alive():
            return True
        done = threading.Event()
        self._jobs.put(done.set)
        return done.wait(timeout_s)

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job()
            except Exception:  # noqa: BLE001  # the thread lives on, and so does the user's kernel
                _log.exception("a background job failed")
