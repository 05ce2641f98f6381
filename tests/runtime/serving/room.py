"""A server in a thread of the test, with versions that are folders and an assignment that the test says."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import yaml

from nbship import packing
from nbship.errors import StoreError
from nbship.monitoring.log import Log
from nbship.serving.commands import listen
from nbship.serving.settings import Settings, Table
from nbship.serving.sources import Files
from nbship.serving.supervisor import Supervisor

PATIENCE_S = 60.0


def write_model(folder: Path, model: Any, columns: Mapping[str, str]) -> Path:
    """Write what the registry writes, without MLflow, which takes seconds to load."""
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(model))
    inputs = [{"type": kind, "name": name, "required": True} for name, kind in columns.items()]
    described = {
        "flavors": {
            "python_function": {"loader_module": "mlflow.sklearn", "model_path": "model.pkl"},
            "sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle", "code": None},
        },
        "signature": {"inputs": json.dumps(inputs)},
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(described), encoding="utf-8")
    return folder


def made(source: str, **names: Any) -> Any:
    """Give a model whose class travels with it: ``source`` is the body of its ``predict(self, rows)``."""
    lines = "\n".join(f"        {line}" for line in source.strip().splitlines())
    space: dict[str, Any] = {"np": np, "pd": pd, **names, "__name__": "__main__"}
    exec(f"class Made:\n    def predict(self, rows):\n{lines}", space)  # the test's own words
    return space["Made"]()


PLUS = "return np.asarray(rows, dtype=float).sum(axis=1)"


@dataclass
class Reply:
    """What came back."""

    status: int
    document: Any
    headers: Mapping[str, str]

    @classmethod
    def of(cls, response: HTTPResponse) -> Reply:
        content = response.read()
        is_json = "json" in (response.getheader("content-type") or "")
        document = json.loads(content) if is_json else content.decode()
        return cls(response.status, document, {name.lower(): value for name, value in response.getheaders()})


class Versions:
    """The registry of the room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = Table(model="m")
        self.digests: dict[int, str] = {}
        self.away = False

    def add(self, version: int, model: Any, columns: Mapping[str, str]) -> Path:
        path = write_model(self.folder / str(version), model, columns)
        self.digests[version] = packing.digest(path)
        return path

    def assignment(self) -> tuple[int, Table]:
        if self.away:
            raise StoreError("the state database does not answer")
        return self.now.revision, self.now

    def files(self, version: int) -> Files:
        if version not in self.digests:
            raise StoreError(f"there is no version {version}")
        return Files(folder=self.folder / str(version), digest=self.digests[version])


class Room:
    """A server, its versions, and a client."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.versions = Versions(folder / "versions")
        self.listener = listen("127.0.0.1", 0)
        self.port: int = self.listener.getsockname()[1]
        told = {
            "workers": 1,
            "watch_s": 0.1,
            "spool": str(folder / "spool"),
            "log_url": str(folder / "log"),
            **settings,
        }
        self.settings = Settings(model="m", **told)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.supervisor: Supervisor | None = None

    def open(self) -> Room:
        """Start the server."""
        started = threading.Event()

        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            self.supervisor = Supervisor(self.settings, self.versions, self.listener)
            started.set()
            await self.supervisor.run()

        self._thread = threading.Thread(target=asyncio.run, args=(run(),))
        self._thread.start()
        started.wait()
        return self

    def close(self) -> None:
        """Stop it in good order, as SIGTERM does."""
        if self._thread is None:
            return
        assert self._loop is not None
        assert self.supervisor is not None
        self._loop.call_soon_threadsafe(self.supervisor.stop)
        self._thread.join()
        self._thread = None

    def pids(self, kind: str) -> list[int]:
        """Give the processes of one kind."""
        assert self.supervisor is not None
        return [pid for name, pid in self.supervisor._processes() if name.startswith(kind)]

    def assign(self, **changes: Any) -> None:
        """Say who is to answer, and come back when it does."""
        now = self.versions.now
        self.versions.now = replace(now, revision=now.revision + 1, **changes)
        self.until(lambda ready: ready["revision"] == self.versions.now.revision and ready["ready"])

    def until(self, holds: Callable[[Any], bool]) -> Any:
        """Come back when what the server says of itself is so, and give it."""
        waiting = threading.Event()
        for _ in range(int(PATIENCE_S / 0.05)):
            found = self.get("/ready").document
            if holds(found):
                return found
            waiting.wait(0.05)  # the processes of a server have no clock of ours
        raise AssertionError(f"never came true: {found}")

    def get(self, path: str) -> Reply:
        """Ask for a page."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            return Reply.of(connection.getresponse())
        finally:
            connection.close()

    def post(self, body: Any, **headers: str) -> Reply:
        """Ask for predictions; a body that is no text is sent as JSON."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("POST", "/predict", content, {"Content-Type": "application/json", **named})
            return Reply.of(connection.getresponse())
        finally:
            connection.close()

    def ask(self, *records: Mapping[str, Any], **headers: str) -> Reply:
        """Ask for predictions of records."""
        return self.post({"records": list(records)}, **headers)

    def logged(self) -> pd.DataFrame:
        """Give what the prediction log has, by request and role."""
        log = Log(str(self.folder / "log"), "m")
        tables: Sequence[pd.DataFrame] = [
            log.read(part).to_pandas().assign(version=version)
            for version in log.versions()
            for part in log.parts(version).parts
        ]
        found = pd.concat(tables) if tables else pd.DataFrame({"request": []})
        return found.sort_values("request").reset_index(drop=True)
