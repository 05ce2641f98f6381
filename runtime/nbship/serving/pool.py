"""The workers of one version as a frontend sees them: who is free, who is busy with what, and what waits.

What waits when a worker becomes free goes to it as one batch: nothing is ever held back to fill a batch. A worker
that dies gives back what it had begun, and another computes it, each request alone; what has killed two workers then
is tried no more. One that is busy for too long is killed: nothing else frees a thread that hangs in a library.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import os
import signal
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nbship.serving import wire

_log = logging.getLogger("nbship.serving.pool")
#: How often a worker may die while it computes one request and no other.
_MOST_DEATHS = 2
_SWEEP_S = 0.05
_RECONNECT_S = 0.05


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer: the HTTP status it would have, and words."""

    status: int
    reason: str


Outcome = wire.Answer | Failure
#: The version was swapped, and its last worker died over this request: who answers now is to be asked.
MOVED = Failure(503, "the version was swapped")


class Job:
    """The rows of one request on their way through one version."""

    __slots__ = ("alone", "count", "deadline", "deaths", "future", "packed", "settled", "sized")

    def __init__(self, packed: Any, count: int, deadline: float, settled: Callable[[Outcome], None]) -> None:
        self.packed = packed
        self.count = count
        self.deadline = deadline
        self.settled: Callable[[Outcome], None] | None = settled
        self.deaths = 0
        self.alone = False

    def settle(self, outcome: Outcome) -> None:
        """Give the outcome to who waits for it, once."""
        settled, self.settled = self.settled, None
        if settled is not None:
            settled(outcome)

    @property
    def is_over(self) -> bool:
        """Whether it has its outcome."""
        return self.settled is None


class Link(asyncio.Protocol):
    """The connection to one worker; one batch is under way at a time."""

    def __init__(self, pool: Pool, path: str) -> None:
        self.pool = pool
        self.path = path
        self.under_way: list[Job] = []
        self.since = 0.0
        self.pid = 0
        self.wanted = True
        self._transport: Any = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn which process is at the other end."""
        self._transport = transport
        found: socket.socket = transport.get_extra_info("socket")
        self.pid = _peer(found)

    def send(self, batch: wire.Batch, jobs: list[Job], now: float) -> None:
        """Hand the worker a batch."""
        self.under_way, self.since = jobs, now
        self._transport.write(wire.frame(batch))

    def data_received(self, data: bytes) -> None:
        """Take answers as they come, in pieces or whole."""
        self._buffer += data
        while len(self._buffer) >= wire.HEAD:
            end = wire.HEAD + wire.length(self._buffer[: wire.HEAD])
            if len(self._buffer) < end:
                return
            found = wire.answers(bytes(self._buffer[wire.HEAD : end]))
            del self._buffer[:end]
            jobs, self.under_way = self.under_way, []
            self.pool.answered(self, jobs, found.answers)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back what was under way."""
        del exc
        jobs, self.under_way = self.under_way, []
        self.pool.lost(self, jobs)

    def close(self) -> None:
        """Let go of the worker; what is under way is finished first."""
        self.wanted = False
        if not self.under_way:
            self._transport.close()

    def kill(self) -> None:
        """End a worker that hangs; the supervisor makes another."""
        with contextlib.suppress(OSError):
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
        self._transport.abort()


class Pool:
    """All the workers of one version, and the queue before them."""

    def __init__(self, packer: wire.Packer, *, most_waiting: int, most_rows: int, hang_s: float) -> None:
        self.packer = packer
        self.waiting: collections.deque[Job] = collections.deque()
        self._most_waiting, self._most_rows, self._hang_s = most_waiting, most_rows, hang_s
        self._links: dict[str, Link | None] = {}
        self._loop = asyncio.get_running_loop()
        self._numbers = 0
        self._due = False
        self._closing = self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._keep(self._sweep())

    def _keep(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def connected(self) -> int:
        """How many workers can be asked."""
        return sum(link is not None for link in self._links.values())

    @property
    def _is_busy(self) -> bool:
        return any(link is not None and link.under_way for link in self._links.values())

    @property
    def is_full(self) -> bool:
        """Whether another request would only wait to be too late."""
        return len(self.waiting) >= self._most_waiting

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and a worker is free."""
        return not self.waiting and any(link and not link.under_way for link in self._links.values())

    def use(self, paths: Sequence[str]) -> None:
        """Use these workers from now on: connect to new ones, let go of the others."""
        for path in [path for path in self._links if path not in paths]:
            link = self._links.pop(path)
            if link is not None:
                link.close()
        for path in paths:
            if path not in self._links:
                self._links[path] = None
                self._keep(self._connect(path))

    async def _connect(self, path: str) -> None:
        while path in self._links and self._links[path] is None and not self._closed:
            try:
                _, link = await self._loop.create_unix_connection(lambda: Link(self, path), path)
            except OSError:
                await asyncio.sleep(_RECONNECT_S)
                continue
            if path not in self._links:
                link.close()
                return
            self._links[path] = link
            self._plan()

    def submit(self, job: Job) -> None:
        """Take a request; what comes in the same turn of the loop goes in the same batch."""
        self.waiting.append(job)
        self._plan()

    def _plan(self) -> None:
        if not self._due:
            self._due = True
            self._loop.call_soon(self._hand_out)

    def _hand_out(self) -> None:
        self._due = False
        for link in list(self._links.values()):
            if not self.waiting:
                return
            if link is not None and not link.under_way:
                self._fill(link)

    def _fill(self, link: Link) -> None:
        jobs: list[Job] = []
        rows = 0
        while self.waiting:
            job = self.waiting[0]
            if job.is_over:
                self.waiting.popleft()
                continue
            if jobs and (job.alone or rows + job.count > self._most_rows):
                break
            jobs.append(self.waiting.popleft())
            rows += job.count
            if job.alone:
                break
        if not jobs:
            return
        self._numbers += 1
        batch = wire.Batch(
            number=self._numbers,
            counts=[job.count for job in jobs],
            rows=self.packer.joined([job.packed for job in jobs]),
        )
        link.send(batch, jobs, self._loop.time())

    def answered(self, link: Link, jobs: Sequence[Job], answers: Sequence[wire.Answer]) -> None:
        """Take the answers to a batch; the worker gets the next one first."""
        if link.wanted:
            if self.waiting:
                self._fill(link)
        else:
            link.close()
        for job, answer in zip(jobs, answers, strict=True):
            job.settle(answer if answer.problem is None else Failure(500, answer.problem))

    def lost(self, link: Link, jobs: Sequence[Job]) -> None:
        """A worker has gone: what it had begun goes to another, alone, in case that it was what killed it."""
        for job in reversed(jobs):
            job.deaths += job.alone
            job.alone = True
            if job.deaths >= _MOST_DEATHS:
                job.settle(Failure(500, "workers die when they compute this request"))
            elif not job.is_over:
                self.waiting.appendleft(job)
        if self._links.get(link.path) is link:
            self._links[link.path] = None
            if not self._closing:
                self._keep(self._connect(link.path))
        if self._closing and not self.connected:  # nobody starts a worker of this version again
            while self.waiting:
                self.waiting.popleft().settle(MOVED)
        self._plan()

    async def _sweep(self) -> None:
        """Settle what is too late, and end workers that hang; in one pass, for a timer per request would cost more."""
        while not self._closed:
            now = self._loop.time()
            for link in self._links.values():
                if link is not None and link.under_way:
                    _expire(link.under_way, now)
                    if now - link.since > self._hang_s:
                        _log.warning("worker %s hangs for %.1f s and is killed", link.pid, now - link.since)
                        link.kill()
            _expire(self.waiting, now)
            while self.waiting and self.waiting[0].is_over:
                self.waiting.popleft()
            if self._closing and not self.connected:
                while self.waiting:
                    self.waiting.popleft().settle(MOVED)
            if self._closing and not self.waiting and not self._is_busy:
                self._closed = True
                self.use(())
            await asyncio.sleep(_SWEEP_S)

    def close(self) -> None:
        """Let go of all workers once nothing waits for them any more."""
        self._closing = True


def _expire(jobs: Sequence[Job] | collections.deque[Job], now: float) -> None:
    for job in jobs:
        if job.deadline < now and not job.is_over:
            job.settle(Failure(504, "there was no answer in time"))


def _peer(connection: socket.socket) -> int:
    """Give the process at the other end of a Unix socket; 0 where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return 0
    size = struct.calcsize("3i")
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, size))
    return int(pid)
