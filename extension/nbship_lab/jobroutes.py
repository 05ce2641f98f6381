"""The routes of jobs: start, follow, cancel. Starting and cancelling is executing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tornado.web
from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import ensure_async

from nbship_lab import paths
from nbship_lab.asking import who
from nbship_lab.jobs import Order, Outcome
from nbship_lab.paths import OutsideError
from nbship_lab.routes import Handler, allowed
from nbship_lab.states import failure_json
from nbship_lab.worker import Failure

if TYPE_CHECKING:
    from nbship_lab.jobs import Job
    from nbship_lab.worker import JsonObject

_NOTEBOOKS = frozenset({".ipynb", ".py"})


class JobsHandler(Handler):
    """All jobs, and a new one."""

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Tell the jobs of this server's life, newest first."""
        self.tell({"jobs": [job.document for job in self.lab.running.jobs.all]})

    @tornado.web.authenticated
    @allowed("execute")
    async def post(self) -> None:
        """Start one; 409 where the same runs already."""
        given = self.body()
        if given is None:
            return
        try:
            order = await self._order(given)
        except OutsideError as error:
            self.refuse(error.failure, 400)
            return
        if order is None:
            return
        jobs = self.lab.running.jobs
        running = jobs.running(order)
        if running is not None:
            failure = Failure(what=f"{order.title} is under way already", help="Wait for it, or cancel it.")
            self.tell({**failure_json(failure), "job": running.document}, status=409)
            return
        self.tell(jobs.start(order).document, status=202)

    async def _order(self, given: JsonObject) -> Order | None:
        kind = given.get("kind")
        if kind == "export":
            return await self._export(given)
        if kind == "retrain":
            return self._retrain(given)
        self.refuse(Failure(what=f"No job is called {kind!r}", help='"kind" is "export" or "retrain".'), 400)
        return None

    async def _export(self, given: JsonObject) -> Order | None:
        """The export of a notebook; raises OutsideError for a place that is not below the server's folder."""
        path, to = (str(given.get(name) or "") for name in ("path", "to"))
        root = self._root()
        if root is None:
            return None
        notebook, target = paths.below(root, path), paths.below(root, to)
        if notebook.suffix not in _NOTEBOOKS or not notebook.is_file():
            self.refuse(Failure(what=f"There is no notebook {path!r}", help="Save it first."), 404)
            return None
        flags = [flag for flag, name in (("--yes", "yes"), ("--fresh", "fresh")) if given.get(name) is True]
        python = await self._kernels_python(given.get("kernel"))
        flags += ["--python", python] if python else []
        words = ("export", str(notebook), "--to", str(target), "--json", "--progress", *flags)
        return Order(
            kind="export",
            title=f"{path} to {to}",
            by=who(self),
            command=(*self.lab.cli, *words),
            folder=notebook.parent,
            place=str(target),
            path=path,
            reading=lambda found: _exported(found, root),
        )

    async def _kernels_python(self, kernel: object) -> str | None:
        """The interpreter of an installed kernel, by its name; None where the worker's own is to be used."""
        if not isinstance(kernel, str):
            return None
        try:
            spec = await ensure_async(self.kernel_spec_manager.get_kernel_spec(kernel))
        except (KeyError, ValueError):  # no such kernel, or a name that can be none
            return None
        first = spec.argv[0] if spec.argv and spec.language == "python" else ""
        return first if Path(first).is_absolute() and os.access(first, os.X_OK) else None

    def _retrain(self, given: JsonObject) -> Order | None:
        asked = self.names(given)
        if asked is None:
            return None
        uri = self.lab.tracking_profiles.get(asked["profile"])
        return Order(
            kind="retrain",
            title=f"{asked['model']} is trained anew",
            by=who(self),
            command=(*self.lab.cli, "retrain", asked["model"], "--now", "--json"),
            folder=Path.cwd(),  # where the preview looked
            place=asked["model"],
            model=asked["model"],
            environment={"MLFLOW_TRACKING_URI": uri} if uri else {},
            reading=_retrained,
        )

    def _root(self) -> Path | None:
        """The server's folder; None where a refusal has been told: its files may be somewhere else altogether."""
        root = getattr(self.contents_manager, "root_dir", None)
        if root and Path(root).is_dir():
            return Path(root)
        failure = Failure(
            what="This server's files are in no folder of this machine, so nothing can be exported here",
            help="Run `nbship export` in a terminal, or start a server on a folder.",
        )
        self.refuse(failure, 400)
        return None


def _exported(found: JsonObject, root: Path) -> Outcome:
    verdict = {"equal": "is equal to the notebook", "different": "differs from the notebook"}
    status = found.get("verification", {}).get("status")
    says = f"{found.get('package')} {verdict.get(status, 'was not compared with the notebook')}"
    return Outcome(says=says, result={**found, "path": paths.shown(root, str(found.get("path", "")))})


def _retrained(found: JsonObject) -> Outcome:
    says = str(found.get("says") or found.get("result"))
    return Outcome(says=says, well=found.get("result") != "refused")


class JobHandler(Handler):
    """One job."""

    @tornado.web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Tell how far it is."""
        job = self._job(name)
        if job is not None:
            self.tell(job.document)

    @tornado.web.authenticated
    @allowed("execute")
    async def delete(self, name: str) -> None:
        """Cancel it."""
        job = self._job(name)
        if job is not None:
            await self.lab.running.jobs.cancel(job)
            self.tell(job.document)

    def _job(self, name: str) -> Job | None:
        """The job; None where a refusal has been told."""
        job = self.lab.running.jobs.of(name)
        if job is None:
            what = "This job is not known: the server was started again since, or it is long over"
            self.refuse(Failure(what=what, help="Start it again; what it had finished is kept."), 404)
        return job


class LogHandler(JobHandler):
    """What a job says."""

    @tornado.web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Tell what it said since ``offset``."""
        job = self._job(name)
        if job is not None:
            offset = self.get_query_argument("offset", "0")
            self.tell(job.log_from(int(offset) if offset.isdecimal() else 0))

    @tornado.web.authenticated
    @allowed("execute")
    async def delete(self, name: str) -> None:
        """Nothing here can be deleted."""
        self.refuse(Failure(what=f"The log of {name} is kept as long as its job is"), 405)


ROUTES: list[tuple[str, Any]] = [
    ("jobs", JobsHandler),
    (r"jobs/(?P<name>[0-9a-f]{16})", JobHandler),
    (r"jobs/(?P<name>[0-9a-f]{16})/log", LogHandler),
]
