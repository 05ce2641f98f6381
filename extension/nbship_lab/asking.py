"""The routes that hand a question to the worker: a feature, a difference, proposals, an action, an alert."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import tornado.web
from jupyter_server.auth.decorator import authorized
from jupyter_server.auth.identity import IdentityProvider, PasswordIdentityProvider

from nbship_lab.routes import Handler, allowed
from nbship_lab.states import failure_json
from nbship_lab.worker import Failure

if TYPE_CHECKING:
    from nbship_lab.worker import JsonObject

#: A notebook without its outputs; one with more is no text that somebody wrote.
MOST_BYTES = 20 * 2**20
LONGEST_TEXT = 2000
_ANONYMOUS = (IdentityProvider, PasswordIdentityProvider)


def who(handler: Handler) -> str:
    """Whose decision it is: the server's user where it knows people by name, else the account it runs as."""
    if type(handler.identity_provider) in _ANONYMOUS:  # these make up a name for each browser
        return getpass.getuser()
    return str(handler.current_user.username)


class DriftHandler(Handler):
    """The drift of one version, with every feature."""

    ask = "drift"
    keys: tuple[str, ...] = ("version",)

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Tell it."""
        query = self.query("model", "profile", *self.keys)
        asked = self.names(query)
        if asked is None:
            return
        result = await self.pass_on(self.ask, **{**query, **asked})
        if result is not None:
            self.tell(result)


class FeatureHandler(DriftHandler):
    """One feature's reference against one window."""

    ask = "feature"
    keys = ("version", "feature", "window")


class DifferenceHandler(Handler):
    """How the open notebook differs from a version."""

    @tornado.web.authenticated
    @allowed("read")
    async def post(self) -> None:
        """Compare the cells that were posted; nothing is kept."""
        given = self.body()
        asked = self.names(given) if given is not None else None
        if given is None or asked is None:
            return
        cells = given.get("cells")
        if not isinstance(cells, list) or not all(_is_cell(cell) for cell in cells):
            self.refuse(Failure(what="cells are a list of {id, source}", where="the request's body"), 400)
            return
        result = await self.pass_on("difference", **asked, version=given.get("version"), cells=cells)
        if result is not None:
            self.tell(result)


def _is_cell(cell: object) -> bool:
    return isinstance(cell, dict) and isinstance(cell.get("id"), str) and isinstance(cell.get("source"), str)


class CellsHandler(Handler):
    """The steps of a notebook, tagged and proposed."""

    @tornado.web.authenticated
    @allowed("read")
    async def post(self) -> None:
        """Compile the notebook that was posted, from its text alone: nothing is run, nothing is kept."""
        if len(self.request.body) > MOST_BYTES:
            what = f"the notebook is larger than {MOST_BYTES // 2**20} MB"
            self.refuse(Failure(what=what, help="Post it without outputs."), 413)
            return
        given = self.body()
        if given is None:
            return
        result = await self.pass_on("cells", name=given.get("name"), notebook=given.get("notebook"))
        if result is not None:
            self.tell(result)


class PreviewHandler(Handler):
    """What an action would change, on which evidence."""

    @tornado.web.authenticated
    @allowed("read")
    async def post(self) -> None:
        """Tell it; nothing is done."""
        given = self.body()
        asked = self.names(given) if given is not None else None
        if given is None or asked is None:
            return
        result = await self.pass_on("preview", **{**_wish(given), **asked}, who=who(self))
        if result is None:
            return
        if result.get("allowed") and not self.may("write"):
            result |= {"allowed": False, "reason": "You may look at this server, and change nothing on it"}
        self.tell(result)


def _wish(given: JsonObject) -> JsonObject:
    said = {name: given.get(name) for name in ("action", "version", "candidate", "notebook")}
    return {**said, "why": _short(given.get("why"))}


class ActionHandler(Handler):
    """Actions that change who answers."""

    @tornado.web.authenticated
    @allowed("write")
    async def post(self) -> None:
        """Do it, if what the user saw still stands; 409 tells what stands instead."""
        given = self.body()
        asked = self.names(given) if given is not None else None
        if given is None or asked is None:
            return
        decided = {"expected": given.get("expected"), "who": who(self)}
        result = await self.pass_on("act", **{**_wish(given), **asked, **decided})
        if result is not None:
            self.tell(result, status=409 if "error" in result else 200)
            self.lab.running.watch.seen(**asked)


class AlertHandler(Handler):
    """Taking and ending alerts."""

    @tornado.web.authenticated
    @allowed("write")
    async def post(self) -> None:
        """Acknowledge or resolve, if the alert is still in the state that the user saw."""
        given = self.body()
        asked = self.names(given) if given is not None else None
        if given is None or asked is None:
            return
        said = {name: given.get(name) for name in ("stream", "key", "do", "expected")}
        result = await self.pass_on("alert", **asked, **said, note=_short(given.get("note")), who=who(self))
        if result is None:
            return
        if result["changed"]:
            self.tell({"alert": result["alert"]})
            return
        state = result["alert"]["state"]
        failure = Failure(what=f"The alert is {state} by now: nothing was changed", help="Look at it again.")
        self.tell({**failure_json(failure), "alert": result["alert"]}, status=409)


def _short(text: object) -> str | None:
    return text[:LONGEST_TEXT] if isinstance(text, str) else None


ROUTES: list[tuple[str, Any]] = [
    ("drift", DriftHandler),
    ("feature", FeatureHandler),
    ("difference", DifferenceHandler),
    ("cells", CellsHandler),
    ("actions/preview", PreviewHandler),
    ("actions", ActionHandler),
    ("alerts", AlertHandler),
]
