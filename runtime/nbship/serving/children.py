"""Processes that a supervisor starts: each lives as long as it is wanted, and is started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence

_log = logging.getLogger("nbship.serving.children")
#: What had begun to work is started again at once; what dies before that, again and again, waits longer and longer.
_FIRST_S, _LONGEST_S, _WORKED_S = 0.5, 30.0, 2.0
#: One thread for each process: several workers on one core do more than one worker that fights with itself.
THREADS: Mapping[str, str] = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


class Child:
    """A Python process of ours. ``greet`` is told each line that it says, and its end by None; it tells if all is well."""

    def __init__(
        self,
        name: str,
        arguments: Callable[[], Sequence[str]],
        *,
        environment: Mapping[str, str] | None = None,
        fds: Sequence[int] = (),
        hello: Callable[[], bytes] | None = None,
        greet: Callable[[bytes | None], bool] | None = None,
    ) -> None:
        self.name = name
        self.process: asyncio.subprocess.Process | None = None
        self.is_wanted = True
        self._arguments = arguments
        self._environment = {**os.environ, **(environment or {})}
        self._fds = tuple(fds)
        self._hello = hello
        self._greet = greet
        self._task = asyncio.get_running_loop().create_task(self._live())

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    async def _live(self) -> None:
        pause = 0.0
        while self.is_wanted:
            started = time.monotonic()
            worked = await self._once() or time.monotonic() - started > _WORKED_S
            if not self.is_wanted:
                return
            pause = 0.0 if worked else min(_LONGEST_S, max(_FIRST_S, pause * 2))
            if pause > _FIRST_S:
                _log.warning("%s does not come up, and is tried again in %.1f s", self.name, pause)
            await asyncio.sleep(pause)

    async def _once(self) -> bool:
        """Live once, and tell whether it said that it works."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *self._arguments(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment,
            pass_fds=self._fds,
            start_new_session=True,  # Ctrl-C is for the supervisor, who ends the others in order
        )
        if self._hello is not None:
            self.say(self._hello())
        assert self.process.stdout is not None
        works = False
        while line := await self.process.stdout.readline():
            if self._greet is not None and self.is_wanted:
                works = self._greet(line) or works
        await self.process.wait()
        if self._greet is not None and self.is_wanted:
            self._greet(None)
        return works

    def say(self, line: bytes) -> None:
        """Write a line to its input; one that has just died will be told when it lives again."""
        if self.process is None or self.process.stdin is None:
            return
        with contextlib.suppress(OSError, RuntimeError):
            self.process.stdin.write(line)

    def dismiss(self) -> None:
        """End its input: it ends by itself when nobody uses it any more, and does not come back."""
        self.is_wanted = False
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self.process.stdin.close()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def stop(self, patience_s: float) -> None:
        """Ask it to end, and make it after a while."""
        self.is_wanted = False
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(patience_s):
                await self.ended()
        except TimeoutError:
            _log.warning("%s does not end, and is killed", self.name)
            self.signal(signal.SIGKILL)
            await self.ended()

    async def ended(self) -> None:
        """Come back when it has ended for good."""
        if self.process is not None:
            await self.process.wait()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
