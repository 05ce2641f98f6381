"""Long work, as commands of their own: started, followed, cancelled, and ended with the server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from nbship.store import masked
from nbship_lab import progress
from nbship_lab.progress import JobError, Steps

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

    from nbship_lab.worker import JsonObject

State = Literal["running", "done", "failed", "cancelled"]

KEPT = 50
#: What is kept of what a command says: its end.
MOST_LOG = 2**20
MOST_RESULT = 16 * 2**20
GOODBYE_S = 5.0
#: Events of one job are at least so far apart.
PAUSE_S = 0.25
STEPS: Mapping[str, Sequence[str]] = {
    "export": ("read", "run", "compile", "write", "compare", "tests", "lock", "place"),
    "retrain": ("retrain",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command's document says: in words, whether it is a success, and what of it is handed on."""

    says: str
    well: bool = True
    result: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be done: the command, its folder, and what it is called."""

    kind: Literal["export", "retrain"]
    title: str
    by: str
    command: tuple[str, ...]
    folder: Path
    place: str
    path: str | None = None
    model: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    reading: Callable[[JsonObject], Outcome]


@dataclass(slots=True, kw_only=True)
class Job:
    """A command that runs or ran. It changes; `document` is what is told of it."""

    id: str
    order: Order
    started: str
    steps: Steps
    state: State = "running"
    ended: str | None = None
    says: str | None = None
    result: JsonObject | None = None
    error: JobError | None = None
    log: str = ""
    dropped: int = 0
    process: Process | None = None
    task: asyncio.Task[None] | None = None

    @property
    def document(self) -> JsonObject:
        """The job as the browser reads it."""
        return {
            "id": self.id,
            "kind": self.order.kind,
            "state": self.state,
            "title": self.order.title,
            "path": self.order.path,
            "model": self.order.model,
            "by": self.order.by,
            "started": self.started,
            "ended": self.ended,
            "steps": [asdict(step) for step in self.steps],
            "says": self.says,
            "result": self.result,
            "error": asdict(self.error) if self.error else None,
            "log": self.dropped + len(self.log),
        }

    def say(self, text: str) -> None:
        """Add to the log, of which the end is kept."""
        self.log += text
        over = len(self.log) - MOST_LOG
        if over > 0:
            self.log, self.dropped = self.log[over:], self.dropped + over

    def log_from(self, offset: int) -> JsonObject:
        """What was said since ``offset``."""
        text = self.log[max(0, offset - self.dropped) :]
        return {"text": text, "next": self.dropped + len(self.log), "ended": self.state != "running"}


class _Tell(Protocol):
    def __call__(self, job: str, state: str, step: str | None) -> None:
        """Tell that a job is further."""


class Jobs:
    """The jobs of this server's life, newest last; ``tell`` is told whenever one is further."""

    def __init__(self, *, tell: _Tell, log: Logger | LoggerAdapter[Any]) -> None:
        self._tell = tell
        self._log = log
        self._jobs: dict[str, Job] = {}
        self._told: dict[str, float] = {}

    @property
    def all(self) -> list[Job]:
        """The jobs, newest first."""
        return list(reversed(self._jobs.values()))

    def of(self, name: str) -> Job | None:
        """The job of that id."""
        return self._jobs.get(name)

    def running(self, order: Order) -> Job | None:
        """The job that does the same in the same place, if one runs."""
        same = (order.kind, order.place)
        rows = (job for job in self.all if (job.order.kind, job.order.place) == same)
        return next((job for job in rows if job.state == "running"), None)

    def start(self, order: Order) -> Job:
        """Start a command, and give its job at once."""
        job = Job(
            id=secrets.token_hex(8), order=order, started=_now(), steps=progress.waiting(STEPS[order.kind])
        )
        self._jobs[job.id] = job
        self._forget()
        job.task = asyncio.create_task(self._run(job))
        return job

    async def cancel(self, job: Job) -> None:
        """End a job: the command and all that it started, politely first."""
        if job.state == "running":
            job.state = "cancelled"
            await _end(job.process)
            if job.task is not None:
                await asyncio.gather(job.task, return_exceptions=True)

    async def stop(self) -> None:
        """End all of them, with the server."""
        await asyncio.gather(*(self.cancel(job) for job in self.all))

    async def _run(self, job: Job) -> None:
        try:
            code, result = await self._follow(job)
        except OSError as error:
            code, result = None, b""
            job.say(f"Error: the command cannot be started: {error.strerror}\n")
        if job.state == "running":
            _conclude(job, code, _result(result))
        job.steps = progress.ended(job.steps, well=job.state == "done")
        job.ended = _now()
        self._log.info("nbship: job %s (%s) is %s", job.id, job.order.kind, job.state)
        self._announce(job, always=True)

    async def _follow(self, job: Job) -> tuple[int | None, bytes]:
        job.process = process = await asyncio.create_subprocess_exec(
            *job.order.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            limit=MOST_RESULT,
            cwd=job.order.folder,
            env={**os.environ, **job.order.environment},
            start_new_session=True,  # so that all that it starts can be ended with it
        )
        if job.state == "cancelled":
            await _end(process)
        if len(job.steps) == 1:
            job.steps = progress.begun(job.steps)
        self._announce(job, always=True)
        assert process.stdout is not None
        result, _ = await asyncio.gather(process.stdout.read(), self._listen(job, process))
        return await process.wait(), result

    async def _listen(self, job: Job, process: Process) -> None:
        assert process.stderr is not None
        while chunk := await _line(process.stderr):
            line = masked(chunk.decode(errors="replace"))
            steps = progress.advanced(job.steps, line.strip())
            if steps is None:
                job.say(line)
            else:
                job.steps = steps
                self._announce(job)

    def _announce(self, job: Job, *, always: bool = False) -> None:
        now = time.monotonic()
        if always or now - self._told.get(job.id, 0.0) >= PAUSE_S:
            self._told[job.id] = now
            step = next((step.name for step in job.steps if step.state == "running"), None)
            self._tell(job.id, job.state, step)

    def _forget(self) -> None:
        over = [name for name, job in self._jobs.items() if job.state != "running"]
        for name in over[: max(0, len(self._jobs) - KEPT)]:
            del self._jobs[name]
            self._told.pop(name, None)


def _conclude(job: Job, code: int | None, document: JsonObject | None) -> None:
    """Say what a command came to. Exit code 1 with a document is a result that somebody may not like."""
    if document is None or code not in {0, 1}:
        job.state, job.error = "failed", progress.error_of(job.log, code)
        return
    outcome = job.order.reading(document)
    job.says, job.result = outcome.says, outcome.result
    job.state = "done" if outcome.well else "failed"
    job.error = None if outcome.well else JobError(what=outcome.says, help="The log has the rest.")


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or a piece of one that is longer than anybody reads."""
    try:
        return await stream.readuntil()
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as long:
        return await stream.readexactly(long.consumed)


def _result(output: bytes) -> JsonObject | None:
    try:
        found = json.loads(output)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def _end(process: Process | None) -> None:
    if process is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await process.wait()
                return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
