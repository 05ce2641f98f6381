"""The long-lived process that knows the registry, spoken to in JSON lines.

One line asks, one line answers, joined by ``id``; answers may come in any order. A large document comes on the line
behind its answer and is passed on unread. The process starts with the first question, is started again (with a growing
pause) after it died, and ends with its stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from nbship.store import masked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from logging import Logger, LoggerAdapter

JsonObject: TypeAlias = dict[str, Any]
Condition = Literal["idle", "starting", "ready", "stopped"]

#: An answer larger than this ends the worker: the browser could not show it anyway.
MAX_ANSWER_BYTES = 16 * 2**20
#: What the worker's errors are called where asking again would change nothing.
_OF_THE_QUESTION = frozenset({"InputError", "DataError", "PolicyError"})
_LONGEST_LOGGED = 500
#: How long a worker may take for its first word: it imports mlflow, which a busy machine takes a minute for.
STARTING_S = 90.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
GOODBYE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What happened, where, and what to do about it; ``refused`` where it was the question that was wrong."""

    what: str
    where: str | None = None
    help: str | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, and the document that came behind it, if one did."""

    told: JsonObject
    body: bytes | None = None


class WorkerError(Exception):
    """The worker said no, is not there, or does not answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


class Worker:
    """A worker process that is there when somebody asks."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Logger | LoggerAdapter[Any],
        environment: Mapping[str, str],
        starting_s: float = STARTING_S,
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._starting_s = starting_s
        self._log = log
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._process: Process | None = None
        self._listeners: list[asyncio.Task[None]] = []
        self._start = asyncio.Lock()
        self._answered = False
        self._last_words = ""
        self._deaths = 0
        self._rest_until = 0.0

    @property
    def condition(self) -> Condition:
        """``idle`` was never asked, ``starting`` has yet to answer, ``stopped`` died."""
        if self._process is not None and self._process.returncode is None:
            return "ready" if self._answered else "starting"
        return "stopped" if self._deaths else "idle"

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def ask(self, ask: str, *, deadline_s: float, **about: object) -> Any:
        """The worker's ``result``; raises WorkerError if it refuses, dies, or is not done in time."""
        return (await self.reply(ask, deadline_s=deadline_s, **about)).told.get("result")

    async def reply(self, ask: str, *, deadline_s: float, **about: object) -> Reply:
        """The whole answer; raises WorkerError if it refuses, dies, or is not done in time."""
        process = await self._running()
        deadline_s += 0.0 if self._answered else self._starting_s
        number = next(self._ids)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(deadline_s):
                await self._say(process, {"id": number, "ask": ask, **about})
                reply = await answer
        except TimeoutError:
            raise WorkerError(
                Failure(
                    what=f"The nbship worker has not answered within {deadline_s:g} s",
                    help="The tracking store may be slow or locked; the panel keeps trying.",
                )
            ) from None
        finally:
            self._waiting.pop(number, None)
        if reply.told.get("ok") is True:
            return reply
        raise WorkerError(_refusal(reply.told.get("error")))

    async def stop(self) -> None:
        """End the process: politely by closing its stdin, then by signal."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            if process.stdin is not None:
                process.stdin.close()
            await _ended(process)
        for listener in self._listeners:
            listener.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)
        self._listeners.clear()

    async def _running(self) -> Process:
        async with self._start:
            if self._process is not None and self._process.returncode is None:
                return self._process
            rest_s = self._rest_until - time.monotonic()
            if rest_s > 0:
                raise WorkerError(self._gone(f"it is started again in {rest_s:.0f} s"))
            return await self._begin()

    async def _begin(self) -> Process:
        self._log.debug("nbship: starting the worker: %s", self._command)
        self._answered = False
        self._last_words = ""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                limit=MAX_ANSWER_BYTES,
                env=self._environment,
            )
        except OSError as error:
            self._last_words = str(error)
            self._count_death()
            raise WorkerError(self._gone("it could not be started")) from error
        self._process = process
        errors = asyncio.create_task(self._listen_to_errors(process))
        self._listeners = [errors, asyncio.create_task(self._listen(process, errors))]
        return process

    async def _say(self, process: Process, question: JsonObject) -> None:
        assert process.stdin is not None
        # A process that died a moment ago breaks the pipe; its listener tells everybody who waits.
        with contextlib.suppress(ConnectionError):
            process.stdin.write(json.dumps(question).encode() + b"\n")
            await process.stdin.drain()

    async def _listen(self, process: Process, errors: asyncio.Task[None]) -> None:
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                reply = self._heard(line)
                if reply is not None and reply.get("body") is True:
                    self._hand_over(Reply(told=reply, body=(await process.stdout.readline()).rstrip()))
                elif reply is not None:
                    self._hand_over(Reply(told=reply))
        except ValueError:  # asyncio's word for a line beyond the limit
            self._last_words = f"an answer was larger than {MAX_ANSWER_BYTES} bytes"
        await _ended(process)
        await errors  # its last words come before we repeat them
        self._count_death()
        failure = self._gone(f"exit code {process.returncode}")
        self._log.warning("nbship: %s", failure.what)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(WorkerError(failure))

    async def _listen_to_errors(self, process: Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            text = masked(line.decode(errors="replace").strip())
            if text:
                self._last_words = text
                self._log.debug("nbship worker: %s", text)

    def _heard(self, line: bytes) -> JsonObject | None:
        """The answer that a line is; None for what a library prints."""
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if isinstance(reply, dict) and isinstance(reply.get("id"), int):
            return reply
        self._log.debug("nbship worker: %s", masked(repr(line[:_LONGEST_LOGGED])))
        return None

    def _hand_over(self, reply: Reply) -> None:
        self._answered = True
        self._deaths = 0
        answer = self._waiting.get(reply.told["id"])
        if answer is not None and not answer.done():
            answer.set_result(reply)

    def _count_death(self) -> None:
        pause_s = min(FIRST_PAUSE_S * 2**self._deaths, LONGEST_PAUSE_S)
        self._deaths += 1
        self._rest_until = time.monotonic() + pause_s

    def _gone(self, how: str) -> Failure:
        said = f": {self._last_words}" if self._last_words else ""
        return Failure(
            what=f"The nbship worker stopped ({how}){said}",
            help=f"Run `{' '.join(self._command)}` in a terminal to see why.",
        )


def _refusal(error: object) -> Failure:
    """What a worker's ``error`` says, whatever its shape."""
    told = error if isinstance(error, dict) else {}

    def text(key: str) -> str | None:
        value = told.get(key)
        return value if isinstance(value, str) else None

    return Failure(
        what=text("what") or "The nbship worker could not answer",
        where=text("where"),
        help=text("help"),
        refused=text("kind") in _OF_THE_QUESTION,
    )


async def _ended(process: Process) -> None:
    """Wait until the process is gone, helping ever less gently."""
    for harder in (process.terminate, process.kill, None):
        try:
            async with asyncio.timeout(None if harder is None else GOODBYE_S):
                await process.wait()
                return
        except TimeoutError:
            assert harder is not None
            with contextlib.suppress(ProcessLookupError):
                harder()
