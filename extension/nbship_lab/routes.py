"""What every route shares, and the routes that tell: health, models, state."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import tornado.web
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler

from nbship import __version__
from nbship_lab.states import Pending, failure_json
from nbship_lab.worker import Failure, WorkerError

if TYPE_CHECKING:
    from nbship_lab.app import NbshipLab
    from nbship_lab.worker import JsonObject

#: The version of the documents we pass on; a front end that expects another says what to update.
SCHEMA = 2
RESOURCE = "nbship"

# A notebook is untrusted: what it names is checked here and never used as a path or an address.
MODEL = re.compile(r"\w[\w .()+-]{0,127}")
PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

BAD_NAME = Failure(
    what="The notebook names a model or a profile that cannot be one",
    where="metadata.nbship",
    help="Set the model's name again in the panel: letters, digits, blanks and . _ - ( ) +, at most 128.",
)


_Verb = TypeVar("_Verb", bound=Callable[..., Any])


def allowed(action: str) -> Callable[[_Verb], _Verb]:
    """Let those through who may do ``action``; for verbs that do something else than their name says."""
    return cast("Callable[[_Verb], _Verb]", authorized(action, resource=RESOURCE))


class Handler(APIHandler):
    """A route of ours. Each verb is `authenticated`, and `authorized` for what it does."""

    auth_resource = RESOURCE

    def initialize(self, lab: NbshipLab) -> None:
        """Take the application that the route belongs to."""
        self.lab = lab

    def tell(self, document: JsonObject | bytes, status: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.finish(document)

    def refuse(self, failure: Failure, status: int) -> None:
        """Answer with what is wrong, where, and what to do."""
        self.tell(failure_json(failure), status=status)

    async def pass_on(self, ask: str, **about: object) -> Any:
        """The worker's answer, or None where a refusal has been told already."""
        try:
            return await self.lab.running.worker.ask(ask, deadline_s=self.lab.deadline_s, **about)
        except WorkerError as error:
            self.refuse(error.failure, 400 if error.failure.refused else 503)
            return None

    def may(self, action: str) -> bool:
        """Whether this user may read, write or execute here."""
        allowed = self.authorizer.is_authorized(self, self.current_user, action, RESOURCE)
        return bool(allowed)

    def names(self, given: JsonObject) -> dict[str, str] | None:
        """The model and the profile that are asked for; None where a refusal has been told already."""
        model, profile = given.get("model", ""), given.get("profile") or "default"
        if not (isinstance(model, str) and isinstance(profile, str)):
            model, profile = "", ""
        if MODEL.fullmatch(model) and PROFILE.fullmatch(profile):
            return {"model": model, "profile": profile}
        self.refuse(BAD_NAME, 400)
        return None

    def body(self) -> JsonObject | None:
        """The object that was posted; None where a refusal has been told already."""
        try:
            given = self.get_json_body()
        except tornado.web.HTTPError:
            given = None
        if isinstance(given, dict):
            return given
        self.refuse(Failure(what="A JSON object is expected", where="the request's body"), 400)
        return None

    def query(self, *names: str) -> JsonObject:
        """What the address asks, as far as it does."""
        given = {name: self.get_query_argument(name, "") for name in names}
        return {name: value for name, value in given.items() if value}


class HealthHandler(Handler):
    """Which half answers here, how its worker is, and what this user may do; asking it starts nothing."""

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Tell the version and the worker's condition."""
        self.tell(
            {
                "version": __version__,
                "schema": SCHEMA,
                "worker": self.lab.running.worker.condition,
                "permissions": {action: self.may(action) for action in ("read", "write", "execute")},
                "profiles": self.lab.profile_names,
                "events": self.lab.event_schema,
            }
        )


class ModelsHandler(Handler):
    """The registered models."""

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Tell their names."""
        profile = self.get_query_argument("profile", "default")
        if not PROFILE.fullmatch(profile):
            self.refuse(BAD_NAME, 400)
            return
        models = await self.pass_on("models", profile=profile)
        if models is not None:
            self.tell({"models": models})


class StateHandler(Handler):
    """The state document of one model."""

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer 200 (the document), 202 (ask again), 304 (as you have it), 400 or 503."""
        asked = self.names(self.query("model", "profile"))
        if asked is None:
            return
        running = self.lab.running
        running.watch.seen(**asked)
        try:
            state = await running.states.of(**asked)
        except WorkerError as error:
            self.refuse(error.failure, 503)
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
