"""Answers questions, one JSON object per line, until there are no more: what ``python -m nbship.worker answer`` does.

::

    {"id": 1, "ask": "state", "model": "bikeshare", "profile": "default"}
    {"id": 1, "ok": true, "result": {...}}
    {"id": 2, "ok": false, "error": {"what": "...", "where": null, "help": "..."}}

With ``"apart": true`` a large document comes on a line of its own, behind one that says so, so that who passes it on
need not read it; with ``"known": ETAG`` it does not come at all where it is still the same::

    {"id": 3, "ok": true, "etag": "c0ffee12", "store": {...}, "body": true}
    {"schema": 2, ... all but the store}

Questions are answered side by side, in any order. ``ask`` is ``health`` (never touches MLflow), one of
`nbship.state.asking`, or what a part brings by the entry point ``nbship.questions``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import IO, TYPE_CHECKING, Any

from nbship import __version__, names, store
from nbship.errors import InputError, NbshipError

if TYPE_CHECKING:
    from nbship.config import Config
    from nbship.registry import Registry

_log = logging.getLogger("nbship.answering")
#: Questions that are answered at the same time; of one store, one at a time.
AT_ONCE = 8

Ask = Callable[[Mapping[str, Any]], Any]


def answer(questions: IO[str], answers: IO[str]) -> int:
    """Answer until ``questions`` ends."""
    service = Service()
    writing = threading.Lock()

    def reply(line: str) -> None:
        text = service.reply(line)
        with writing:
            answers.write(text)
            answers.flush()

    # libraries that print must not break the answers
    with contextlib.redirect_stdout(sys.stderr), ThreadPoolExecutor(AT_ONCE) as pool:
        for line in questions:
            if line.strip():
                pool.submit(reply, line)
    return 0


class Service:
    """Finds who answers, and turns answers and errors into lines. Secrets of the environment are in none of them."""

    def __init__(self) -> None:
        self._registries: dict[str, Registry] = {}
        self._opening = threading.Lock()
        self._asks: Mapping[str, Ask] | None = None

    def reply(self, line: str) -> str:
        """Give the lines that answer a question; whatever happens, there is an answer."""
        question: Mapping[str, Any] = {}
        try:
            question = _question(line)
            return _told(question, self._result(question))
        except NbshipError as error:
            return _refused(question, error)
        except Exception as error:  # noqa: BLE001  # one odd question must not end the service
            _log.exception("a question could not be answered")
            what = f"{type(error).__name__}: {error}"
            return _refused(question, NbshipError(what, help="this is a defect: please report it"))

    def _result(self, question: Mapping[str, Any]) -> Any:
        ask = question.get("ask")
        if ask == "health":
            return {"version": __version__, "python": sys.version.split()[0]}
        asks = self._known()
        if isinstance(ask, str) and ask in asks:
            return asks[ask](question)
        for entry in entry_points(group=names.GROUP_QUESTIONS):
            if entry.name == ask:
                return _loaded(entry.name, entry.load)(question)
        raise InputError(f"unknown question {ask!r}", help=f"ask one of: health, {', '.join(asks)}")

    def _known(self) -> Mapping[str, Ask]:
        with self._opening:
            if self._asks is None:
                from nbship.state import admission
                from nbship.state.asking import Desk

                given = admission.parse(os.environ.get(names.ENV_PANEL))
                desk = Desk(given, open_registry=self._registry, clock=lambda: datetime.now(UTC))
                self._asks = desk.questions
            return self._asks

    def _registry(self, settings: Config) -> Registry:
        from nbship.registry import Registry

        known = self._registries.get(settings.tracking_uri)
        if known is not None:
            store.probe(settings.tracking_uri)  # a server that has gone away is told at once
            return known
        opened = self._registries[settings.tracking_uri] = Registry(settings)
        return opened


def _loaded(name: str, load: Callable[[], Ask]) -> Ask:
    try:
        return load()
    except ModuleNotFoundError as error:
        raise InputError(
            f"`{name}` needs {error.name}, which the worker's environment does not have",
            where=sys.executable,
            help="pip install 'nbship[convert]' there, or name another one: c.NbshipLab.worker_python",
        ) from error


def _question(line: str) -> Mapping[str, Any]:
    try:
        question = json.loads(line)
    except ValueError as error:
        raise InputError(f"not JSON: {error}") from error
    if not isinstance(question, dict):
        raise InputError("a question is a JSON object")
    return question


def _told(question: Mapping[str, Any], result: Any) -> str:
    if question.get("apart"):
        return _apart(question, result)
    return _line({"id": question.get("id"), "ok": True, "result": _plain(result)})


def _apart(question: Mapping[str, Any], state: Any) -> str:
    """Give a state in two lines: what tells whether it is wanted, and the rest."""
    from nbship.state import coding

    etag = state.revision
    head = {"id": question.get("id"), "ok": True, "etag": etag, "store": coding.plain(state.store)}
    if question.get("known") == etag:
        return _line({**head, "body": False})
    return _line({**head, "body": True}) + coding.encoded(state, without="store").decode() + "\n"


def _plain(result: Any) -> Any:
    if not hasattr(result, "__dataclass_fields__"):
        return result
    from nbship.state import coding

    return coding.plain(result)


def _refused(question: Mapping[str, Any], error: NbshipError) -> str:
    told = {"what": error.what, "where": error.where, "help": error.help, "kind": type(error).__name__}
    shown = {name: store.masked(text) if text else None for name, text in told.items()}
    return _line({"id": question.get("id"), "ok": False, "error": shown})


def _line(document: Any) -> str:
    return json.dumps(document, separators=(",", ":")) + "\n"
