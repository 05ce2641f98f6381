"""What the front end may ask: ``nbship/api/health`` and ``nbship/api/state``."""

from __future__ import annotations

import re

import tornado.web
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler

from nbship import __version__
from nbship_lab.states import Pending, States, failure_json
from nbship_lab.worker import Failure, JsonObject, Worker, WorkerError

#: The version of the documents we pass on; a front end that expects another says what to update.
SCHEMA = 1

# A notebook is untrusted: what it names is checked here and never used as a path or an address.
MODEL = re.compile(r"\w[\w .()+-]{0,127}")
PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class _Handler(APIHandler):
    auth_resource = "nbship"

    def tell(self, document: JsonObject, status: int = 200) -> None:
        self.set_status(status)
        self.finish(document)


class HealthHandler(_Handler):
    """Which half answers here, and how its worker is; asking it starts nothing."""

    def initialize(self, worker: Worker) -> None:
        """Take what the route was made with."""
        self._worker = worker

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Tell the version and the worker's condition."""
        self.tell({"version": __version__, "schema": SCHEMA, "worker": self._worker.condition})


class StateHandler(_Handler):
    """The state document of one model: registry and drift."""

    def initialize(self, states: States) -> None:
        """Take what the route was made with."""
        self._states = states

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer 200 (the document), 202 (ask again), 304 (as you have it), 400 or 503."""
        model = self.get_query_argument("model", "")
        profile = self.get_query_argument("profile", "default")
        if not MODEL.fullmatch(model) or not PROFILE.fullmatch(profile):
            self.tell(failure_json(_BAD_NAME), status=400)
            return
        try:
            state = await self._states.of(model, profile)
        except WorkerError as error:
            self.tell(failure_json(error.failure), status=503)
            return
        if isinstance(state, Pending):
            self.tell({"pending": True, "worker": state.worker}, status=202)
            return
        self.set_header("ETag", f'"{state.etag}"')
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        self.tell(state.document)


_BAD_NAME = Failure(
    what="The notebook names a model or a profile that cannot be one",
    where="metadata.nbship",
    help="Set the model's name again in the panel: letters, digits, blanks and . _ - ( ) +, at most 128.",
)
