"""Looks at the models that somebody has a panel of, so that a change is told without being asked for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from nbship_lab.worker import WorkerError

if TYPE_CHECKING:
    from nbship_lab.states import Key, States

#: A panel that has not asked for so long is closed.
INTEREST_S = 120.0


class Watch:
    """A look at each model of interest, every ``interval_s``; it begins with the first and ends with the last."""

    def __init__(self, states: States, *, interval_s: float) -> None:
        self._states = states
        self._interval_s = interval_s
        self._seen: dict[Key, float] = {}
        self._task: asyncio.Task[None] | None = None

    def seen(self, model: str, profile: str) -> None:
        """Somebody looks at a model."""
        self._seen[model, profile] = time.monotonic()
        if self._interval_s > 0 and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        while self._seen:
            await asyncio.sleep(self._interval_s)
            now = time.monotonic()
            self._seen = {key: at for key, at in self._seen.items() if now - at < INTEREST_S}
            for key in list(self._seen):
                with contextlib.suppress(WorkerError):  # told to whoever asks
                    await self._states.of(*key)
