"""A registry with versions of a model, a server of it, and clients: what the serving benchmarks share."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd

MODEL = "tumour"


def table() -> tuple[pd.DataFrame, pd.Series[int]]:
    """Give the 30 columns of scikit-learn's table of tumours, and which are benign."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer(as_frame=True)
    rows = found.data.copy()
    rows.columns = [str(name).replace(" ", "_") for name in rows.columns]
    return rows, found.target


def trained(strength: float = 1.0) -> Any:
    """Give the model that all serve: scaled columns and a logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, target = table()
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(rows, target)


def body() -> str:
    """Give a request of one row."""
    rows, _ = table()
    return json.dumps({"records": [{name: float(value) for name, value in rows.iloc[0].items()}]})


class World:
    """A home of its own, with a registry in it."""

    def __init__(self, folder: Path) -> None:
        os.environ["NBSHIP_HOME"] = str(folder / "home")
        for name in ("MLFLOW_TRACKING_URI", "NBSHIP_STATE_URL", "NBSHIP_LOG_URL"):
            os.environ.pop(name, None)
        from nbship import config

        self.folder = folder
        self.settings = config.load(start=folder)
        self._sessions = 0

    def register(self, model: Any, frame: pd.DataFrame, *, name: str = MODEL) -> None:
        """Register a model as a notebook does, and have the worker carry it to MLflow."""
        from nbship import drain
        from nbship.facts import EnvironmentSeen, FrameProfiled, ModelRegistered, SessionEnded, SessionStarted
        from nbship.journal import Blobs, Journal
        from nbship.profile import profile

        blobs = Blobs(folder=self.settings.blobs)
        self._sessions += 1
        journal = Journal(self.settings.journals / f"session-{self._sessions}")
        kinds = {"f": "double", "i": "long", "b": "boolean", "O": "string"}
        signature = tuple((str(column), kinds.get(frame[column].dtype.kind, "string")) for column in frame)
        for fact in (
            SessionStarted(python="3.11.7", user="ada", notebook_id="n", notebook_name="n.ipynb"),
            EnvironmentSeen(requirements=()),
            ModelRegistered(
                model=name,
                variable="model",
                type=type(model).__name__,
                format="cloudpickle",
                blob=blobs.put(cloudpickle.dumps(model)),
                signature=signature,
                profile_of=3,
                user="ada",
            ),
            FrameProfiled(of=3, profile_blob=blobs.put(json.dumps(profile(frame).to_json()).encode())),
            SessionEnded(),
        ):
            journal.append(fact)
        journal.close()
        done = drain.drain(self.settings)
        assert done.written, done

    def change(self, *, name: str = MODEL, **changes: Any) -> None:
        """Change who answers, as the registry does."""
        from nbship.registry.assignments import Assignments

        assignments = Assignments(self.settings)
        now = assignments.of(name)
        assignments.change(
            replace(now, **changes),
            expected=now.revision,
            action="promoted",
            who="ada",
            at=datetime.now(UTC),
            why="benchmark",
        )
        assignments.close()

    def logged(self, name: str = MODEL) -> pd.DataFrame:
        """Give all rows of the prediction log."""
        from nbship.monitoring.log import Log

        log = Log(self.settings.log_url, name)
        tables = [
            log.read(part).to_pandas().assign(version=version)
            for version in log.versions()
            for part in log.parts(version).parts
        ]
        return pd.concat(tables) if tables else pd.DataFrame({"request": [], "role": [], "outcome": []})


@dataclass
class Server:
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int

    def ready(self) -> dict[str, Any]:
        """Give what it says of itself."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            found = json.load(error)
        return found

    def wait(self, champion: int, *, within_s: float = 300.0, **more: Any) -> float:
        """Come back when this version answers, and give how long that took."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            with contextlib.suppress(OSError, HTTPException):
                found = self.ready()
                if found["ready"] and {**more, "champion": champion}.items() <= found.items():
                    return time.monotonic() - began
            time.sleep(0.05)
        raise SystemExit(f"version {champion} does not come up: {self.ready()}")

    def metric(self, name: str) -> float:
        """Give the sum of a metric over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith((name + "{", name + " "))
        )

    def processes(self, module: str) -> list[int]:
        """Give the processes of one kind that it has."""
        import psutil

        found: list[int] = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if f"nbship.serving.{module}" in child.cmdline():
                    found.append(child.pid)
        return found


@contextlib.contextmanager
def serving(model: str, *options: str) -> Generator[Server]:
    """Give a server of a model; it is stopped in good order at the end."""
    command = [str(Path(sys.executable).with_name("nbship")), "serve", model, "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit("the server did not start")
    server = Server(process, int(line.partition("/predict")[0].rpartition(":")[2]))
    try:
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            print("the server did not end by itself", file=sys.stderr)
            process.kill()


@dataclass
class Seen:
    """What one client has seen: answered requests, what else came, and seconds for each answer."""

    answered: list[str]
    others: dict[str, int]
    seconds: list[float]


def client(
    port: int, name: str, stop: threading.Event, content: str, seen: Seen, pause_s: float = 0.0
) -> None:
    """Ask over one connection until it is over; each request has a name of its own. Nothing is tried twice."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    number = 0
    while not stop.is_set():
        number += 1
        request = f"{name}-{number}"
        began = time.perf_counter()
        try:
            headers = {"Content-Type": "application/json", "X-Request-ID": request, "X-Key": request}
            connection.request("POST", "/predict", content, headers)
            reply = connection.getresponse()
            said = reply.read()
            if reply.status == 200:  # noqa: PLR2004  # answered
                seen.answered.append(request)
                seen.seconds.append(time.perf_counter() - began)
            else:
                kind = f"{reply.status} {json.loads(said).get('problem')}"
                seen.others[kind] = seen.others.get(kind, 0) + 1
        except (OSError, HTTPException) as error:
            kind = type(error).__name__
            seen.others[kind] = seen.others.get(kind, 0) + 1
            connection.close()
        if pause_s:
            time.sleep(pause_s)
    connection.close()


def together(parts: Sequence[Seen]) -> Seen:
    """Give what all clients have seen."""
    others: dict[str, int] = {}
    for part in parts:
        for kind, count in part.others.items():
            others[kind] = others.get(kind, 0) + count
    return Seen(
        [name for part in parts for name in part.answered],
        others,
        sorted(value for part in parts for value in part.seconds),
    )


def at(seconds: Sequence[float], share: float) -> float:
    """Give a quantile of ordered seconds, in milliseconds."""
    return 1e3 * seconds[min(len(seconds) - 1, int(len(seconds) * share))] if seconds else float("nan")
