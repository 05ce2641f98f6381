"""The process that speaks MLflow for everybody else: ``python -m nbship.worker carry | answer``.

``carry`` carries journals into their stores as `nbship.carrier` says. ``answer`` answers the questions on stdin, one
JSON object per line, as `nbship.answering` says, until stdin closes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship import config, names
from nbship.errors import NbshipError

if TYPE_CHECKING:
    from nbship.config import Config

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
            from nbship.answering import answer

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
