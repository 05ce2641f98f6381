"""``nbship serve`` as a process of its own: how it begins, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event

import psutil
import pytest
from click.testing import CliRunner
from room import PATIENCE_S, PLUS, made, write_model

from nbship import config
from nbship.cli import main
from nbship.monitoring.log import Log

pytestmark = pytest.mark.slow
NBSHIP = str(Path(sys.executable).with_name("nbship"))


@contextmanager
def server(folder: Path, port: int, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [NBSHIP, "serve", str(folder), "--port", str(port), "--workers", "1", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        yield process, int(line.partition("/predict")[0].rpartition(":")[2])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(port: int, name: str, **headers: str) -> int:
    """Give the status, once there is a version to answer."""
    waiting = Event()
    for _ in range(int(PATIENCE_S / 0.1)):
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            connection.request(
                "POST",
                "/predict",
                json.dumps({"records": [{"a": 1, "b": 2}]}),
                {"X-Request-ID": name, **headers},
            )
            status = connection.getresponse().status
            if status != 503:
                return status
        except (OSError, HTTPException):  # it has only begun, or is going
            pass
        finally:
            connection.close()
        waiting.wait(0.1)
    raise AssertionError("no answer")


def requests(model: str) -> list[str]:
    log = Log(config.load().log_url, model)
    return sorted(
        request
        for version in log.versions()
        for part in log.parts(version).parts
        for request in log.read(part).column("request").to_pylist()
    )


@pytest.mark.usefixtures("home")
def test_a_server_that_is_killed_leaves_its_port_and_its_log_to_the_next_one(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "plus", made(PLUS), {"a": "double", "b": "double"})
    with server(folder, 0) as (process, port):
        assert ask(port, "first") == 200
        children = psutil.Process(process.pid).children()
        assert len(children) == 3
        process.kill()
        _, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
        assert not alive
    with server(folder, port) as (process, _):
        assert ask(port, "second") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert requests("plus") == ["first", "second"]


@pytest.mark.usefixtures("home")
def test_keys_are_asked_for_and_may_change_while_it_runs(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "plus", made(PLUS), {"a": "double", "b": "double"})
    file = tmp_path / "keys.json"
    runner = CliRunner()

    def key(name: str) -> str:
        return runner.invoke(main, ["keys", "add", name, "--keys", str(file)]).output.strip()

    first = key("first")
    with server(folder, 0, "--keys", str(file)) as (_, port):
        assert ask(port, "r", **{"X-API-Key": first}) == 200
        assert ask(port, "r") == 401
        second = key("second")
        waiting = Event()
        for _ in range(int(PATIENCE_S / 0.2)):
            if ask(port, "r", Authorization=f"Bearer {second}") == 200:
                break
            waiting.wait(0.2)
        assert ask(port, "r", Authorization=f"Bearer {second}") == 200
        assert ask(port, "r", **{"X-API-Key": first}) == 200


@pytest.mark.usefixtures("home")
def test_a_port_that_is_taken_a_model_that_is_none_and_a_file_of_no_keys_are_told(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "plus", made(PLUS), {"a": "double", "b": "double"})
    runner = CliRunner()
    (tmp_path / "keys.json").write_text("[]")
    told = runner.invoke(main, ["serve", str(folder), "--keys", str(tmp_path / "keys.json")])
    assert (told.exit_code, "no file of API keys" in told.output) == (2, True)
    told = runner.invoke(main, ["serve"])
    assert (told.exit_code, "which model?" in told.output) == (2, True)
    with server(folder, 0) as (_, port):
        told = runner.invoke(main, ["serve", str(folder), "--port", str(port)])
    assert (told.exit_code, "cannot be had" in told.output) == (2, True)
