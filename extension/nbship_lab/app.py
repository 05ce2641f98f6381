"""The server extension: its settings, its routes, and the end of its worker."""

from __future__ import annotations

import sys

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float, List, Unicode

from nbship_lab.routes import HealthHandler, StateHandler
from nbship_lab.states import States
from nbship_lab.worker import Worker


class NbshipLab(ExtensionApp):
    """Answers the nbship sidebar from a worker process."""

    name = "nbship_lab"

    worker_command: List[str] = List(
        Unicode(),
        default_value=[sys.executable, "-m", "nbship.worker", "answer"],
        help="The command that starts the worker; name another interpreter to use another environment.",
    ).tag(config=True)
    deadline_s: Float[float, float] = Float(
        30.0, help="How long a question may take before the last known state is shown instead."
    ).tag(config=True)
    patience_s: Float[float, float] = Float(
        1.0, help="How long a first question waits before the panel is told that the worker is starting."
    ).tag(config=True)

    worker: Worker | None = None
    states: States | None = None

    def initialize_handlers(self) -> None:
        """Hang our routes under the server's base URL; the worker starts with the first question."""
        self.worker = Worker(self.worker_command, log=self.log)
        self.states = States(self.worker, deadline_s=self.deadline_s, patience_s=self.patience_s)
        self.handlers.extend(
            [
                (r"/nbship/api/health", HealthHandler, {"worker": self.worker}),
                (r"/nbship/api/state", StateHandler, {"states": self.states}),
            ]
        )

    async def stop_extension(self) -> None:
        """End the worker with the server, also where the server stops before it was asked anything."""
        if self.states is not None:
            await self.states.stop()
        if self.worker is not None:
            await self.worker.stop()
