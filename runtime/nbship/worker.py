"""The process that speaks MLflow for everybody else: ``python -m nbship.worker carry | answer``.

``carry`` carries journals into their stores as `nbship.carrier` says. ``answer`` reads one JSON question per line from stdin and
writes one JSON answer per line to stdout until stdin closes::

    {"id": 1, "ask": "state", "model": "bikeshare", "profile": "default"}
    {"id": 1, "ok": true, "result": {...}}
    {"id": 2, "ok": false, "error": {"what": "...", "where": null, "help": "..."}}

``ask`` is ``state`` (the document of `nbship.state`), ``models`` (names) or ``health`` (versions; never touches MLflow).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nbship import __version__, config, names
from nbship.errors import InputError, NbshipError

if TYPE_CHECKING:
    from nbship.config import Config
    from nbship.registry import Registry

_log = logging.getLogger("nbship.worker")
_LAST_WORDS_S = 1.0
_BACKGROUND = 10  # how far the carrier steps back for the user's own work


def spawn(settings: Config) -> None:
    """Start a carrier that outlives this process and keeps it waiting for nothing. Raises OSError."""
    if os.environ.get(names.ENV_WORKER) == "off":
        return
    settings.worker_log.parent.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        names.ENV_HOME: str(settings.home),
        names.ENV_TRACKING_URI: settings.tracking_uri,
    }
    with settings.worker_log.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "nbship.worker", "carry", settings.experiment],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=settings.home,  # a folder that holds no module which could shadow ours
            env=environment,
        )


def main(arguments: list[str]) -> int:
    """Run one of the two services; 2 for anything else."""
    match arguments:
        case ["carry", *experiment]:
            return _carry(experiment)
        case ["answer"]:
            return answer(sys.stdin, sys.stdout)
        case _:
            sys.stderr.write("usage: python -m nbship.worker carry | answer\n")
            return 2


def _carry(experiment: list[str]) -> int:
    from dataclasses import replace

    from nbship import carrier

    with contextlib.suppress(AttributeError, OSError):  # not on every system, and no matter
        os.nice(_BACKGROUND - os.nice(0))
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.INFO, stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = config.load()
    if experiment:
        settings = replace(settings, experiment=experiment[0])
    carrier.carry(settings, carrier.Surroundings(begin_anew=_begin_anew))
    return 0


def _begin_anew() -> None:
    """Give back what mlflow has taken: the same process, as it was when it began."""
    if os.name == "posix" and "mlflow" in sys.modules:
        os.execv(sys.executable, [sys.executable, "-m", "nbship.worker", *sys.argv[1:]])  # noqa: S606  # ourselves


def answer(questions: IO[str], answers: IO[str]) -> int:
    """Answer questions, one JSON object per line, until there are no more."""
    service = _Service()
    with contextlib.redirect_stdout(sys.stderr):  # libraries that print must not break the answers
        for line in questions:
            if line.strip():
                answers.write(json.dumps(service.reply(line), separators=(",", ":")) + "\n")
                answers.flush()
    return 0


class _Service:
    """Keeps one connection per tracking store, because opening one takes seconds."""

    def __init__(self) -> None:
        self._registries: dict[str, Registry] = {}

    def reply(self, line: str) -> dict[str, Any]:
        number: Any = None
        try:
            question = _question(line)
            number = question.get("id")
            return {"id": number, "ok": True, "result": self._result(question)}
        except NbshipError as error:
            told = {"what": error.what, "where": error.where, "help": error.help}
            return {"id": number, "ok": False, "error": told}
        except Exception as error:  # noqa: BLE001  # one odd question must not end the service
            _log.exception("a question could not be answered")
            told = {
                "what": f"{type(error).__name__}: {error}",
                "where": None,
                "help": "this is a defect: please report it",
            }
            return {"id": number, "ok": False, "error": told}

    def _result(self, question: Mapping[str, Any]) -> Any:
        asks: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "health": lambda _: {"version": __version__, "python": sys.version.split()[0]},
            "models": self._models,
            "state": self._state,
        }
        ask = question.get("ask")
        if not isinstance(ask, str) or ask not in asks:
            raise InputError(f"unknown question {ask!r}", help=f"ask one of: {', '.join(asks)}")
        return asks[ask](question)

    def _models(self, question: Mapping[str, Any]) -> list[str]:
        return self._registry(config.load(profile=question.get("profile"))).models()

    def _state(self, question: Mapping[str, Any]) -> dict[str, Any]:
        from nbship import state

        model = question.get("model")
        if not isinstance(model, str) or not model:
            raise InputError("which model?", help='ask with "model": "NAME"')
        profile = question.get("profile") or "default"
        settings = config.load(profile=profile)
        return state.read(
            model,
            profile,
            settings=settings,
            open_registry=lambda: self._registry(settings),
            now=datetime.now(UTC),
        ).to_json()

    def _registry(self, settings: Config) -> Registry:
        from nbship.registry import Registry
        from nbship.store import probe

        known = self._registries.get(settings.tracking_uri)
        if known is not None:
            probe(settings.tracking_uri)  # a server that has gone away is told at once
            return known
        opened = self._registries[settings.tracking_uri] = Registry(settings)
        return opened


def _question(line: str) -> Mapping[str, Any]:
    try:
        question = json.loads(line)
    except ValueError as error:
        raise InputError(f"not JSON: {error}") from error
    if not isinstance(question, dict):
        raise InputError("a question is a JSON object")
    return question


class Answers:
    """The asker's side: a worker that is started at the first question and kept. Used by the magics."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._asked = 0

    def ask(self, **question: Any) -> Any:
        """Give the result of a question. Raises NbshipError with what the worker says, or OSError."""
        process = self._process if self._running() else self._start()
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        self._asked += 1
        process.stdin.write(json.dumps({"id": self._asked, **question}) + "\n")
        process.stdin.flush()
        reply = json.loads(
            process.stdout.readline() or '{"ok": false, "error": {"what": "the worker ended"}}'
        )
        if reply["ok"]:
            return reply["result"]
        error = reply["error"]
        raise NbshipError(error["what"], where=error.get("where"), help=error.get("help"))

    def close(self) -> None:
        """End the worker: it ends by itself when its stdin closes, and is made to if it is at work."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            process.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> subprocess.Popen[str]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nbship.worker", "answer"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        return self._process


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
