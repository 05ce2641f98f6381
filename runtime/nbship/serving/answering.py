"""From a body to an answer: reads it, chooses the version, has it computed, logs it, and lets the shadow see it.

A challenger harms nobody: where it raises, hangs, gives what is no number, refuses the body or is not there, the
champion answers, and the log has both. Each answer is in the log's spool before it is sent.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from nbship.monitoring.kinds import Outcome as Kind
from nbship.monitoring.kinds import Role
from nbship.rollout import plan
from nbship.serving import spool as spools
from nbship.serving import wire
from nbship.serving.asking import Asked, Problem, Reader, RejectedError
from nbship.serving.metrics import Metrics
from nbship.serving.pool import MOVED, Failure, Job, Outcome, Pool
from nbship.serving.restraint import Allowance, Breaker
from nbship.serving.settings import Settings, Table, Up
from nbship.serving.spool import Line, Spool

PROBABILITY = "probability."
#: Rows that are logged in one go; more would hold up everybody else.
_AT_ONCE = 256
#: The status of an answer that did not come in time.
_TOO_LATE = 504
#: Requests that may wait for the shadow.
_SHADOWS_QUEUE = 32
#: Characters of a body that was no input, for the log.
_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Request:
    """What came, as it came. ``deadline`` by the loop's clock, ``at`` in seconds since 1970."""

    body: bytes
    at: float
    started: float
    deadline: float
    is_arrow: bool = False
    name: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back, and what had been asked, for the shadow."""

    status: int
    content: bytes
    request: str
    version: int | None = None
    asked: Asked | None = None


class Lane:
    """One version: how its requests are read and packed, and who computes them."""

    def __init__(self, version: int, up: Up, settings: Settings) -> None:
        self.version = version
        self.schema = up.schema
        self.names = up.schema.names
        self.breaker = Breaker()
        self.reader = Reader(up.schema, most_rows=settings.most_rows, extra=settings.extra)
        self.pool = Pool(
            wire.Packer(len(up.schema.fields), numeric=up.schema.numeric),
            most_waiting=settings.most_waiting,
            most_rows=settings.batch_rows,
            hang_s=settings.hang_s,
        )


@dataclass(slots=True)
class _Rows:
    """The rows of one request for one version, with all that the log wants of them."""

    request: str
    key: str | None
    at: float
    started: float
    rows: Sequence[tuple[Any, ...]]
    role: Role
    lane: Lane


class Answering:
    """What a frontend does with requests. `adopt` tells it what holds."""

    def __init__(self, settings: Settings, spool: Spool, metrics: Metrics) -> None:
        self.settings = settings
        self.spool = spool
        self.metrics = metrics
        self.table = Table(model=settings.model)
        self.lanes: dict[int, Lane] = {}
        self._loop = asyncio.get_running_loop()
        self._shadowed = Allowance(settings.most_shadowed)
        self._names = (f"{spool.name}-{number}" for number in itertools.count(1))
        self._lines: list[Line] = []
        self._settled: list[tuple[asyncio.Future[Outcome], Outcome]] = []

    def adopt(self, table: Table) -> None:
        """Take what holds from now on; what is under way is finished where it is."""
        for version, up in table.versions.items():
            lane = self.lanes.get(version)
            if lane is None or lane.schema != up.schema:
                if lane is not None:
                    lane.pool.close()
                lane = self.lanes[version] = Lane(version, up, self.settings)
            lane.pool.use(up.sockets)
        self.table = table
        for version in [version for version in self.lanes if version not in table.versions]:
            self.lanes.pop(version).pool.close()

    @property
    def is_ready(self) -> bool:
        """Whether a request would be answered now."""
        lane = self.lanes.get(self.table.champion or 0)
        return lane is not None and lane.pool.connected > 0

    async def answer(self, request: Request) -> Reply:
        """Give the reply to a request; this never raises."""
        name = request.name or next(self._names)
        lane = self.lanes.get(self.table.champion or 0)
        if lane is None:
            return self._failed(name, Failure(503, "no version of the model is live yet"), None)
        try:
            asked = _read(lane, request)
        except RejectedError as error:
            self._reject(request, error, name, lane.version, "champion")
            return _rejected(error, name, lane.version)
        name, key = asked.request or name, request.key or asked.key
        table = self.table
        try:
            version = plan.version_for(table, key if key is not None else name)
        except Exception as error:  # a table that cannot be read stops nobody  # noqa: BLE001
            self.metrics.trouble(f"routing: {error}")
            version = lane.version
        outcome: Outcome | None = None
        if version != lane.version:
            outcome = await self._as_canary(version, request, asked, name, key, lane)
        if outcome is None or isinstance(outcome, Failure):
            version = lane.version
            mine = _Rows(name, key, request.at, request.started, asked.rows, "champion", lane)
            outcome = await self._compute(mine, request.deadline)
        if outcome is MOVED and self.lanes.get(self.table.champion or 0) is not lane:
            return await self.answer(request)  # by the version that is live now
        if isinstance(outcome, Failure):
            return self._failed(name, outcome, version)
        return Reply(200, _content(outcome, name, version, len(asked.rows)), name, version, asked)

    async def _as_canary(
        self, version: int, request: Request, asked: Asked, name: str, key: str | None, champion: Lane
    ) -> Outcome | None:
        """Let the challenger answer; half of the time there is must be left for the champion.

        One that hangs is asked now and then only: each time it costs somebody that half.
        """
        lane = self.lanes.get(version)
        rows: Sequence[tuple[Any, ...]] = asked.rows
        now = self._loop.time()
        if lane is None or not lane.pool.connected or lane.breaker.is_open(now):
            self._log_failure(name, key, request, version, "canary", champion, rows)
            return None
        if lane.schema.fields != champion.schema.fields:
            try:
                rows = _read(lane, request).rows
            except RejectedError as error:
                self._reject(request, error, name, version, "canary")
                return None
        mine = _Rows(name, key, request.at, request.started, rows, "canary", lane)
        outcome = await self._compute(mine, now + (request.deadline - now) / 2)
        hangs = isinstance(outcome, Failure) and outcome.status == _TOO_LATE
        lane.breaker.note(failed=hangs, now=self._loop.time())
        return outcome

    def shadow(self, request: Request, reply: Reply) -> None:
        """Let the shadow see a request that was answered, if it has the time.

        A busy server shows it a part only: packing, counting and logging for it are work of the process that answers.
        """
        version, asked = plan.shadowed(self.table), reply.asked
        champion = self.lanes.get(reply.version or 0)
        if version is None or asked is None or champion is None:
            return
        if not self._shadowed.take(self._loop.time()):
            self.metrics.shadow_dropped(version)
            return
        key = request.key or asked.key
        lane, rows = self.lanes.get(version), asked.rows
        if lane is None or not lane.pool.connected:
            if version in self.table.failed:
                self._log_failure(reply.request, key, request, version, "shadow", champion, rows)
            return
        if len(lane.pool.waiting) >= _SHADOWS_QUEUE:
            self.metrics.shadow_dropped(version)
            return
        if lane.schema.fields != champion.schema.fields:
            try:
                rows = _read(lane, request).rows
            except RejectedError as error:
                self._reject(request, error, reply.request, version, "shadow")
                return
        mine = _Rows(reply.request, key, request.at, time.perf_counter(), rows, "shadow", lane)
        self._submit(mine, self._loop.time() + self.settings.timeout_s, None)

    async def _compute(self, mine: _Rows, deadline: float) -> Outcome:
        if mine.lane.pool.is_full:
            self.metrics.refused(mine.lane.version)
            return Failure(429, "too many requests wait already")
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._submit(mine, deadline, future)
        outcome = await future
        if len(mine.rows) > _AT_ONCE and outcome is not MOVED:
            await self._log_in_pieces(mine, outcome)
        return outcome

    def _submit(self, mine: _Rows, deadline: float, future: asyncio.Future[Outcome] | None) -> None:
        def settled(outcome: Outcome) -> None:
            self._note(mine, outcome, future)

        lane = mine.lane
        lane.pool.submit(Job(lane.pool.packer(mine.rows), len(mine.rows), deadline, settled))

    def _note(self, mine: _Rows, outcome: Outcome, future: asyncio.Future[Outcome] | None) -> None:
        """Log an outcome and let it go, together with all the others of this turn of the loop."""
        if outcome is MOVED:  # it is no answer of this version
            if future is not None and not future.done():
                future.set_result(outcome)
            return
        if not self._lines and not self._settled:
            self._loop.call_soon(self._let_go)
        took = time.perf_counter() - mine.started
        kind: Kind = "ok" if isinstance(outcome, wire.Answer) else "error"
        self.metrics.predicted(mine.lane.version, mine.role, kind, took, len(mine.rows))
        if future is None or len(mine.rows) <= _AT_ONCE:
            self._lines += _lines(mine, outcome, took)
        if future is not None:
            self._settled.append((future, outcome))

    def _let_go(self) -> None:
        lines, self._lines = self._lines, []
        settled, self._settled = self._settled, []
        if lines:
            self.spool.append(lines)
        for future, outcome in settled:
            if not future.done():
                future.set_result(outcome)

    async def _log_in_pieces(self, mine: _Rows, outcome: Outcome) -> None:
        lines = _lines(mine, outcome, time.perf_counter() - mine.started)
        while piece := list(itertools.islice(lines, _AT_ONCE)):
            self.spool.append(piece)
            await asyncio.sleep(0)

    def _log_failure(
        self,
        name: str,
        key: str | None,
        request: Request,
        version: int,
        role: Role,
        lane: Lane,
        rows: Sequence[tuple[Any, ...]],
    ) -> None:
        """Log that a version that should have answered is not there."""
        mine = _Rows(name, key, request.at, request.started, rows[:_AT_ONCE], role, lane)
        took = time.perf_counter() - request.started
        self.metrics.predicted(version, role, "error", took, len(rows))
        lines = [spools.of_version(line, version) for line in _lines(mine, Failure(503, "not there"), took)]
        self.spool.append(lines)

    def _reject(self, request: Request, error: RejectedError, name: str, version: int, role: Role) -> None:
        took = time.perf_counter() - request.started
        self.metrics.predicted(version, role, "rejected", took, 1)
        shown = "(Arrow)" if request.is_arrow else request.body[:_SHOWN].decode("utf-8", "replace")
        line = Line(
            at=request.at,
            request=name,
            key=request.key,
            version=version,
            role=role,
            outcome="rejected",
            inputs={"body": shown, "problem": error.problems[0].problem},
            latency_s=took,
        )
        self.spool.append([line])

    def _failed(self, name: str, failure: Failure, version: int | None) -> Reply:
        content = {"request": name, "version": version, "problem": failure.reason}
        return Reply(failure.status, msgspec.json.encode(content), name, version)

    def close(self) -> None:
        """Let go of the workers, and close the log."""
        for lane in self.lanes.values():
            lane.pool.close()
        self._let_go()
        self.spool.close()


def _read(lane: Lane, request: Request) -> Asked:
    return lane.reader.read_arrow(request.body) if request.is_arrow else lane.reader.read(request.body)


def _lines(mine: _Rows, outcome: Outcome, took: float) -> Any:
    """Give a line of the log for each row, one after the other."""
    names, version, role, single = mine.lane.names, mine.lane.version, mine.role, len(mine.rows) == 1
    answered = isinstance(outcome, wire.Answer)
    outputs: Mapping[str, Sequence[Any]] = outcome.outputs if isinstance(outcome, wire.Answer) else {}
    for place, row in enumerate(mine.rows):
        yield Line(
            at=mine.at,
            request=mine.request if single else f"{mine.request}/{place}",
            key=mine.key,
            version=version,
            role=role,
            outcome="ok" if answered else "error",
            inputs=dict(zip(names, row, strict=True)),
            outputs={name: values[place] for name, values in outputs.items()},
            latency_s=took,
        )


def _content(answer: wire.Answer, name: str, version: int, rows: int) -> bytes:
    outputs = answer.outputs
    found: dict[str, Any] = {"request": name, "version": version}
    if "prediction" in outputs:
        found["predictions"] = outputs["prediction"]
    else:
        columns = [column for column in outputs if not column.startswith(PROBABILITY)]
        found["predictions"] = [{column: outputs[column][row] for column in columns} for row in range(rows)]
    shares = [column for column in outputs if column.startswith(PROBABILITY)]
    if shares:
        found["probabilities"] = [
            {column.removeprefix(PROBABILITY): outputs[column][row] for column in shares}
            for row in range(rows)
        ]
    return msgspec.json.encode(found, enc_hook=str)


def _rejected(error: RejectedError, name: str, version: int) -> Reply:
    content = {"request": name, "version": version, "problems": [_problem(one) for one in error.problems]}
    return Reply(error.status, msgspec.json.encode(content), name, version)


def _problem(problem: Problem) -> dict[str, Any]:
    found = {"row": problem.row, "field": problem.field, "problem": problem.problem}
    return {name: value for name, value in found.items() if value is not None}
