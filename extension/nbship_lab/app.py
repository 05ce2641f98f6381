"""The server extension: its settings, its routes, and the end of its worker."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Dict, Float, List, Unicode

from nbship import names
from nbship_lab import asking, jobroutes, routes
from nbship_lab.events import SCHEMA_ID, Events
from nbship_lab.jobs import Jobs
from nbship_lab.states import States
from nbship_lab.watching import Watch
from nbship_lab.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_events import EventLogger


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the routes work with while the server runs."""

    worker: Worker
    states: States
    watch: Watch
    jobs: Jobs


class NbshipLab(ExtensionApp):
    """Answers the nbship sidebar from a worker process."""

    name = "nbship_lab"

    worker_python = Unicode(
        sys.executable,
        help="The interpreter that the worker and the exports run in: any environment with nbship in it.",
    ).tag(config=True)
    worker_command: List[str] = List(
        Unicode(),
        help="The command that starts the worker, where it is not `worker_python -m nbship.worker answer`.",
    ).tag(config=True)
    nbship_command: List[str] = List(
        Unicode(), help="The `nbship` command that jobs run, where it is not that of `worker_python`."
    ).tag(config=True)
    tracking_profiles: Dict[str, str] = Dict(
        value_trait=Unicode(),
        key_trait=Unicode(),
        help="The tracking stores that notebooks may name: profile -> address. Notebooks never name addresses.",
    ).tag(config=True)
    trust_project = Bool(
        default_value=False,
        help="Whether stores that the pyproject.toml of the server's folder names are opened.",
    ).tag(config=True)
    deadline_s: Float[float, float] = Float(
        30.0, help="How long a question may take before the last known state is shown instead."
    ).tag(config=True)
    patience_s: Float[float, float] = Float(
        1.0, help="How long a first question waits before the panel is told that the worker is starting."
    ).tag(config=True)
    refresh_s: Float[float, float] = Float(
        10.0, help="How often a model is looked at while somebody has a panel of it; 0: only when asked."
    ).tag(config=True)

    _running: Running | None = None

    @property
    def running(self) -> Running:
        """What the routes work with; there since the extension was initialised."""
        assert self._running is not None
        return self._running

    @property
    def profile_names(self) -> list[str]:
        """The profiles that a notebook may name; where they lead is nobody's business."""
        return list(dict.fromkeys(["default", *self.tracking_profiles]))

    @property
    def event_schema(self) -> str:
        """The schema of our events."""
        return SCHEMA_ID

    def initialize_handlers(self) -> None:
        """Hang our routes under the server's base URL; the worker starts with the first question."""
        command = self.worker_command or [self.worker_python, "-m", "nbship.worker", "answer"]
        worker = Worker(command, log=self.log, environment=self._worker_environment())
        states = States(worker, deadline_s=self.deadline_s, patience_s=self.patience_s)
        assert self.serverapp is not None
        events = Events(cast("EventLogger", self.serverapp.event_logger))
        states.changed = events.state
        self._running = Running(
            worker=worker,
            states=states,
            watch=Watch(states, interval_s=self.refresh_s),
            jobs=Jobs(tell=events.job, log=self.log),
        )
        given = {"lab": self}
        self.handlers.extend(
            (rf"/nbship/api/{path}", handler, given)
            for path, handler in [
                ("health", routes.HealthHandler),
                ("models", routes.ModelsHandler),
                ("state", routes.StateHandler),
                *asking.ROUTES,
                *jobroutes.ROUTES,
            ]
        )

    @property
    def cli(self) -> list[str]:
        """The words that begin every `nbship` command."""
        return self.nbship_command or [self.worker_python, "-c", "from nbship.cli import main; main()"]

    def _worker_environment(self) -> Mapping[str, str]:
        """The server's environment, and what its configuration lets the worker open; others see command lines."""
        admission = {"profiles": dict(self.tracking_profiles), "trust_project": self.trust_project}
        return {**os.environ, names.ENV_PANEL: json.dumps(admission)}

    async def stop_extension(self) -> None:
        """End worker and jobs with the server, also where the server stops before it was asked anything."""
        if self._running is None:
            return
        await self._running.watch.stop()
        await self._running.states.stop()
        await self._running.jobs.stop()
        await self._running.worker.stop()
