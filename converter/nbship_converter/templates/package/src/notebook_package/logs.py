"""Each step in the log: when it starts, how many rows it made, and in how many seconds."""

from __future__ import annotations

import functools
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


def logged(step: Callable[P, T]) -> Callable[P, T]:
    """Give a step that tells the log about itself, and otherwise does what it did."""
    if inspect.iscoroutinefunction(step):
        return cast("Callable[P, T]", _logged_while_awaited(step))

    @functools.wraps(step)
    def telling(*args: P.args, **kwargs: P.kwargs) -> T:
        with Telling(step.__name__) as told:
            return told.made(step(*args, **kwargs))

    return telling


def _logged_while_awaited(step: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    @functools.wraps(step)
    async def telling(*args: P.args, **kwargs: P.kwargs) -> T:
        with Telling(step.__name__) as told:
            return told.made(await step(*args, **kwargs))

    return telling


class Telling:
    """Tells the log how a step goes, from its start to its end."""

    def __init__(self, step: str) -> None:
        self.step = step
        self.rows = ""

    def __enter__(self) -> Telling:
        logger.info("%s starts", self.step)
        self.started = time.perf_counter()
        return self

    def made(self, result: T) -> T:
        """Give the result back, after a look at its rows."""
        values = result if isinstance(result, tuple) else (result,)
        self.rows = ", ".join(f"{length:,}" for value in values if (length := _length(value)) is not None)
        logger.debug("%s made %s", self.step, ", ".join(type(value).__name__ for value in values))
        return result

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.perf_counter() - self.started
        if error is not None:
            logger.error("%s failed after %.2f s: %s", self.step, seconds, type(error).__name__)
        elif self.rows:
            logger.info("%s made %s rows in %.2f s", self.step, self.rows, seconds)
        else:
            logger.info("%s is done in %.2f s", self.step, seconds)


def _length(value: object) -> int | None:
    """Give the number of rows of a table or an array; None for anything else."""
    shape = getattr(value, "shape", None)
    return shape[0] if isinstance(shape, tuple) and shape and isinstance(shape[0], int) else None
