"""The process that everything else of a server hangs on: it watches, starts, replaces, and tells.

It opens no model and answers no request, so it has little to die of. What the registry wants is brought about in this
order: fetch the version, start its workers, wait until they are warm, tell the frontends, let the old
ones finish. Where one of these fails, what holds goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import math
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship.errors import NbshipError
from nbship.rollout.plan import Assignment
from nbship.serving.children import THREADS, Child
from nbship.serving.schema import Schema
from nbship.serving.settings import Settings, Table, Up

if TYPE_CHECKING:
    from nbship.serving.sources import Files, Source

_log = logging.getLogger("nbship.serving.supervisor")
_ASK_S = 5.0
_RETRY_S = 15.0
_WARM_S = 60.0
#: Processes that may die while they load a version before it is given up for a while.
_MOST_DEATHS = 3
#: A shadow gets what the others leave over.
_SHADOWS_NICENESS = 19


@dataclass(slots=True, kw_only=True, eq=False)
class Worker:
    """A process that computes, its socket, and whether it is warm."""

    child: Child
    socket: str
    ready: bool = False
    begun: float = 0.0
    warm: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, kw_only=True, eq=False)
class Group:
    """The workers of one version at one priority."""

    version: int
    niceness: int
    workers: list[Worker] = field(default_factory=list[Worker])
    schema: Schema | None = None
    classes: tuple[str, ...] = ()
    deaths: int = 0
    problem: str | None = None
    failed_at: float = 0.0

    @property
    def is_up(self) -> bool:
        """Whether somebody can be asked, or could and will be again: workers that die come back at once."""
        return self.schema is not None


def effective(
    wanted: Assignment, revision: int, ready: set[int], up: set[int], failed: Mapping[int, str], last: Table
) -> Table:
    """Give what can hold now: the wanted assignment, as far as its versions are ready; else what held before.

    ``ready`` are the versions that are up as they are wanted, ``up`` those that can be asked at all: a shadow's
    workers, which get what the others leave over, are not what a canary is to be judged by. A challenger that cannot
    be loaded stays in the plan, for the log must tell that it does not answer.
    """
    champion = wanted.champion if wanted.champion in ready else last.champion
    if champion not in up:
        champion = None
    challenger, mode, share = wanted.challenger, wanted.mode, wanted.share
    waiting = challenger is not None and challenger not in ready and challenger not in failed
    if mode != "off" and waiting:
        known = challenger == last.challenger and challenger in up
        mode, share = (last.mode, last.share) if known else ("off", 0.0)
    if challenger is None or champion is None or challenger == champion:
        mode = "off"
    arrived = champion == wanted.champion and mode == wanted.mode
    return replace(
        last,
        revision=revision if arrived else last.revision,
        champion=champion,
        challenger=challenger if mode != "off" else None,
        mode=mode,  # type: ignore[arg-type]  # a plan's word
        share=share if mode == "canary" else 0.0,
        failed=dict(failed),
    )


class Supervisor:
    """A server of one model. `run` comes back when it was stopped."""

    def __init__(self, settings: Settings, source: Source, listener: socket.socket) -> None:
        self.settings = settings
        self._source = source
        self._listener = listener
        self._folder = Path(tempfile.mkdtemp(prefix="nbship-"))
        self._metrics = self._folder / "metrics"
        self._metrics.mkdir()
        self._groups: dict[tuple[int, int], Group] = {}
        self._frontends: list[Child] = []
        self._drain: Child | None = None
        self._wanted: Assignment = Table(model=settings.model)
        self._revision = 0
        self._table = Table(model=settings.model)
        self._told = b""
        self._away: str | None = None
        self._stopping = asyncio.Event()
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[Any]] = set()

    def stop(self) -> None:
        """End in good order."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until `stop`."""
        tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._look_after())]
        settings = self.settings
        self._drain = Child(
            "the drain of the log",
            lambda: ["nbship.serving.draining", settings.spool, settings.log_url, settings.model],
        )
        for number in range(settings.frontends):
            self._frontends.append(self._frontend(number))
        await self._stopping.wait()
        for task in [*tasks, *self._tasks]:
            task.cancel()
        await self._end()

    async def _end(self) -> None:
        """Stop taking requests, finish those under way, then let the workers go, and empty the spool."""
        self._listener.close()
        await asyncio.gather(*(frontend.stop(self.settings.grace_s + 2) for frontend in self._frontends))
        workers = [worker.child for group in self._groups.values() for worker in group.workers]
        for child in workers:
            child.is_wanted = False
        await asyncio.gather(*(child.stop(2.0) for child in workers))
        if self._drain is not None:
            await self._drain.stop(self.settings.grace_s)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _frontend(self, number: int) -> Child:
        def hello() -> bytes:
            told = {"settings": self.settings.to_json(), "listener": self._listener.fileno()}
            return json.dumps(told).encode() + b"\n" + self._table.encoded()

        return Child(
            f"frontend {number}",
            lambda: ["nbship.serving.frontend"],
            environment={"PROMETHEUS_MULTIPROC_DIR": str(self._metrics)},
            fds=[self._listener.fileno()],
            hello=hello,
        )

    async def _watch(self) -> None:
        """Ask what is wanted, every second; who does not answer is asked again, and what is wanted stays."""
        asked: asyncio.Future[tuple[int, Assignment]] = self._ask()
        while True:
            try:
                async with asyncio.timeout(_ASK_S):
                    self._revision, self._wanted = await asyncio.shield(asked)
                self._away = None
            except (NbshipError, TimeoutError) as error:
                said = str(error).partition("\n")[0] or f"no answer in {_ASK_S:g} s"
                if self._away is None:
                    _log.warning("the assignment cannot be asked for, what holds goes on: %s", said)
                self._away = said
            self._bring_about()
            await asyncio.sleep(self.settings.watch_s)
            if asked.done():  # a database that hangs is asked once, not by one more thread every second
                asked = self._ask()

    def _ask(self) -> asyncio.Future[tuple[int, Assignment]]:
        return asyncio.ensure_future(asyncio.to_thread(self._source.assignment))

    def _needed(self) -> set[tuple[int, int]]:
        wanted, found = self._wanted, set[tuple[int, int]]()
        if wanted.champion is not None:
            found.add((wanted.champion, 0))
        if wanted.challenger is not None and wanted.mode != "off":
            found.add((wanted.challenger, _SHADOWS_NICENESS if wanted.mode == "shadow" else 0))
        return found

    def _bring_about(self) -> None:
        """Start what is needed and not there, tell what holds, and let go of what is not needed any more."""
        needed = self._needed()
        now = time.monotonic()
        for place in needed:
            group = self._groups.get(place)
            if group is not None and group.problem and not group.is_up and now - group.failed_at > _RETRY_S:
                self._let_go(place)
                group = None
            if group is None:
                self._begin(Group(version=place[0], niceness=place[1]))
        self._publish()
        in_use = {self._table.champion, self._table.challenger}
        for place, group in list(self._groups.items()):
            replaced = any(
                self._groups[other].is_up
                for other in needed
                if other[0] == place[0] and other in self._groups
            )
            if place not in needed and (group.version not in in_use or replaced):
                self._let_go(place)
        self._publish()

    def _begin(self, group: Group) -> None:
        self._groups[group.version, group.niceness] = group
        task = asyncio.get_running_loop().create_task(self._load(group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, group: Group) -> None:
        try:
            files = await asyncio.to_thread(self._source.files, group.version)
        except (NbshipError, OSError, ValueError) as error:
            self._fail(group, str(error).replace("\n", ";"))
            return
        if self._groups.get((group.version, group.niceness)) is not group:
            return
        for _ in range(self.settings.workers if group.niceness == 0 else 1):
            self._add_worker(group, files)

    def _fail(self, group: Group, problem: str) -> None:
        if group.problem != problem:
            _log.warning("version %s cannot be served: %s", group.version, problem)
        group.problem, group.failed_at = problem, time.monotonic()
        if group.schema is None:  # it has never come up: it is tried again as a whole, later
            for worker in group.workers:
                worker.child.dismiss()
                worker.child.signal(signal.SIGKILL)
            group.workers.clear()
        self._bring_about()

    def _add_worker(self, group: Group, files: Files) -> Worker:
        path = str(self._folder / f"w{next(self._numbers)}")
        arguments = [
            "nbship.serving.worker",
            str(files.folder),
            files.digest or "-",
            path,
            str(group.niceness),
            "yes" if self.settings.probabilities else "no",
        ]

        def begin() -> list[str]:
            worker.begun = time.monotonic()
            with contextlib.suppress(OSError):
                Path(path).unlink()
            return arguments

        def greet(line: bytes | None) -> bool:
            return self._greeted(group, worker, line)

        worker = Worker(
            child=Child(f"a worker of version {group.version}", begin, environment=THREADS, greet=greet),
            socket=path,
        )
        group.workers.append(worker)
        return worker

    def _greeted(self, group: Group, worker: Worker, line: bytes | None) -> bool:
        """Take what a worker says of itself: warm, broken, or gone. Tell whether it is warm."""
        worker.ready = False
        told: dict[str, Any] = {}
        if line is not None:
            with contextlib.suppress(ValueError):
                told = json.loads(line)
        if "problem" in told:
            self._fail(group, str(told["problem"]))
        elif "schema" in told:
            worker.ready = True
            worker.warm.set()
            group.schema, group.classes, group.problem = (
                Schema.from_json(told["schema"]),
                tuple(told["classes"]),
                None,
            )
            self._bring_about()
        elif group.schema is None and line is None:
            group.deaths += 1
            if group.deaths >= _MOST_DEATHS:
                self._fail(group, "the process that loads it dies")
        else:
            self._publish()
        return worker.ready

    def _let_go(self, place: tuple[int, int]) -> None:
        group = self._groups.pop(place)
        self._publish()
        for worker in group.workers:
            worker.child.dismiss()

    def _publish(self) -> None:
        """Tell the frontends what holds, if it is not what they were told last."""
        up: dict[int, Group] = {}
        needed = self._needed()
        ready = {place[0] for place in needed if place in self._groups and self._groups[place].is_up}
        for (version, niceness), group in sorted(self._groups.items(), key=lambda item: item[0][1]):
            wanted = (version, niceness) in needed
            if group.is_up and (version not in up or wanted):
                up[version] = group
        failed = {
            group.version: group.problem
            for group in self._groups.values()
            if group.problem and group.version not in up
        }
        table = effective(self._wanted, self._revision, ready, set(up), failed, self._table)
        versions: dict[int, Up] = {}
        for version, group in up.items():
            assert group.schema is not None
            # one that has just died keeps its place: it comes back to the same socket
            sockets = tuple(worker.socket for worker in group.workers)
            versions[version] = Up(sockets=sockets, schema=group.schema, classes=group.classes)
        self._table = replace(table, versions=versions, notes=self._notes(table), processes=self._processes())
        line = self._table.encoded()
        if line != self._told:
            self._told = line
            for frontend in self._frontends:
                frontend.say(line)

    def _notes(self, table: Table) -> tuple[str, ...]:
        found: list[str] = []
        if self._away:
            found.append(f"the registry does not answer ({self._away}); revision {table.revision} goes on")
        if self._wanted.champion is None:
            found.append(f"no version of {self.settings.model!r} is live: `nbship promote` one")
        elif table.champion != self._wanted.champion:
            found.append(f"version {self._wanted.champion} is to answer and is not up yet")
        with contextlib.suppress(OSError):
            said = (Path(self.settings.spool) / "problem.txt").read_text(encoding="utf-8")
            found.append(f"the prediction log does not take what waits in the spool: {said}")
        return tuple(found)

    def _processes(self) -> tuple[tuple[str, int], ...]:
        found = [("frontend", child.pid) for child in self._frontends]
        found += [
            (f"worker of version {group.version}", worker.child.pid)
            for group in self._groups.values()
            for worker in group.workers
        ]
        found += [("drain", self._drain.pid)] if self._drain is not None else []
        return tuple((kind, pid) for kind, pid in found if pid is not None)

    async def _look_after(self) -> None:
        """End workers that hang while they load, and replace those that have grown too large, one by one."""
        while True:
            await asyncio.sleep(self.settings.watch_s)
            now = time.monotonic()
            for group in list(self._groups.values()):
                for worker in list(group.workers):
                    if not worker.ready and worker.child.pid and now - worker.begun > self.settings.load_s:
                        worker.child.signal(signal.SIGKILL)
                        self._fail(group, f"it is not loaded within {self.settings.load_s:g} s")
                    elif worker.ready and _memory(worker.child.pid) > (
                        self.settings.worker_memory or math.inf
                    ):
                        await self._replace(group, worker)

    async def _replace(self, group: Group, worker: Worker) -> None:
        _log.warning("a worker of version %s has grown too large, and is replaced", group.version)
        try:
            files = await asyncio.to_thread(self._source.files, group.version)
        except (NbshipError, OSError) as error:
            _log.warning("it goes on, the version cannot be loaded again: %s", error)
            return
        successor = self._add_worker(group, files)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WARM_S):
                await successor.warm.wait()
        if worker in group.workers:
            group.workers.remove(worker)
        self._publish()
        worker.child.dismiss()


def _memory(pid: int | None) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss) if pid is not None else 0
    except psutil.Error:
        return 0
