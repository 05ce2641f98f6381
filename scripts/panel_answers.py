"""Answer the panel in place of the server half, with the documents of tests/contract: for tests and screenshots."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab_server import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route

CONTRACT = ROOT / "tests" / "contract"
API = re.compile(r"/nbship/api/(.+)$")

Answer = tuple[int, Any]


def contract(name: str) -> Any:
    """A document of the contract, to change at will."""
    return json.loads((CONTRACT / f"{name}.json").read_text())


def version() -> str:
    """The version that both halves must have."""
    found: str = json.loads((ROOT / "extension" / "package.json").read_text())["version"]
    return found


@dataclass
class Answers:
    """What each route answers; ``asked`` is what the panel asked, as (method, path, body)."""

    state: Any = field(default_factory=lambda: contract("state-drifting"))
    health: Any = field(
        default_factory=lambda: {
            "version": version(),
            "schema": 2,
            "worker": "ready",
            "permissions": {"read": True, "write": True, "execute": True},
            "profiles": ["default"],
            "events": "urn:nbship:lab:v1",
        }
    )
    feature: Any = field(default_factory=lambda: contract("feature"))
    difference: Any = field(default_factory=lambda: contract("difference"))
    proposals: Any = field(default_factory=lambda: contract("proposals"))
    preview: Any = field(default_factory=lambda: contract("preview"))
    jobs: list[Any] = field(default_factory=list)
    log: str = "reading\nrunning\n"
    #: Answers of single routes instead of the above: "POST actions" -> (409, {...}).
    instead: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def serve(self, page: Page) -> None:
        """Answer this page's questions from now on."""
        page.route(API, self._fulfil)

    def bodies(self, path: str) -> list[Any]:
        """What was posted to a route, in order."""
        return [body for method, asked, body in self.asked if method == "POST" and asked == path]

    def _fulfil(self, route: Route) -> None:
        request = route.request
        found = API.search(urlsplit(request.url).path)
        path = found[1] if found else ""
        body = request.post_data_json if request.method == "POST" else None
        self.asked.append((request.method, path, body))
        status, document = self.instead.get(f"{request.method} {path}") or self._answer(path)
        if status == 0:
            route.abort()
            return
        headers = {"ETag": json.dumps(document)[-40:-30].encode().hex()} if path == "state" else {}
        route.fulfill(
            status=status, body=json.dumps(document), content_type="application/json", headers=headers
        )

    def _answer(self, path: str) -> Answer:
        first, *rest = path.split("/")
        known: dict[str, Callable[[], Answer]] = {
            "health": lambda: (200, self.health),
            "state": lambda: (200, self.state),
            "models": lambda: (200, {"models": ["bikeshare", "churn"]}),
            "drift": lambda: (200, self.state["drift"][0]),
            "feature": lambda: (200, self.feature),
            "difference": lambda: (200, self.difference),
            "cells": lambda: (200, self.proposals),
            "actions": lambda: (200, self.preview if rest else contract("done")),
            "alerts": lambda: (200, {"alert": {**self.state["alerts"][0], "state": "acknowledged"}}),
            "jobs": lambda: self._job(rest),
        }
        return known.get(
            first, lambda: (404, {"error": {"what": "nothing here", "where": None, "help": None}})
        )()

    def _job(self, rest: list[str]) -> Answer:
        if rest[1:] == ["log"]:
            return 200, {"text": self.log, "next": len(self.log), "ended": False}
        if rest:
            return 200, copy.deepcopy(self.jobs[0] if self.jobs else {})
        return 200, {"jobs": self.jobs}
