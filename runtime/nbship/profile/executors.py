"""Where the parts of a table are counted: threads of this process, or a Dask cluster. Results come in the parts' order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

Part = TypeVar("Part")
Counted = TypeVar("Counted")


class Executor(Protocol):
    """Applies a function to each part. It may do so anywhere, and gives the results in the parts' order."""

    def map(self, function: Callable[[Part], Counted], parts: Iterable[Part]) -> Iterator[Counted]:
        """Give ``function(part)`` for each part, in order, holding only a few at a time."""
        ...


class LocalExecutor:
    """Threads of this process, as many as cores by default; reading and sorting let go of the interpreter."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1

    def map(self, function: Callable[[Part], Counted], parts: Iterable[Part]) -> Iterator[Counted]:
        """Give the results in order; at most two parts a worker are in memory."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.workers, thread_name_prefix="nbship-profile") as pool:
            yield from _windowed(lambda part: pool.submit(function, part), parts, 2 * self.workers)


class DaskExecutor:
    """A Dask cluster, by its client. What parts name must be readable from the workers, and nbship be installed there."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def map(self, function: Callable[[Part], Counted], parts: Iterable[Part]) -> Iterator[Counted]:
        """Give the results in order; four parts a thread of the cluster are under way."""
        threads = max(sum(self.client.nthreads().values()), 1)
        yield from _windowed(lambda part: self.client.submit(function, part, pure=False), parts, 4 * threads)


def _windowed(submit: Callable[[Part], Any], parts: Iterable[Part], width: int) -> Iterator[Any]:
    """Keep so many parts under way, and give each result once all before it are given."""
    waiting: deque[Any] = deque()
    try:
        for part in parts:
            waiting.append(submit(part))
            if len(waiting) >= width:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for pending in waiting:
            pending.cancel()
