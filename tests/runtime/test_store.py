from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from nbship import config, store
from nbship.config import Config
from nbship.errors import StoreError


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


class Refusing(BaseHTTPRequestHandler):
    """Answers everything with an error, as a server behind a login does."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def refusing() -> Iterator[str]:
    """A server that is there, and says no."""
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://user:secret@127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_never_answers_is_away(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ANSWER_TIMEOUT_S", 0.2)
    with pytest.raises(StoreError, match="timed out") as away:
        store.probe(silent)
    assert "nbship sync" in str(away.value)


def test_a_port_where_nobody_listens_is_away() -> None:
    with pytest.raises(StoreError, match="refused"):
        store.probe("http://127.0.0.1:9")


def test_a_server_that_says_no_is_there(refusing: str) -> None:
    store.probe(refusing)


def test_a_file_needs_no_answer() -> None:
    store.probe("sqlite:////nowhere/mlflow.db")


class Broken(Refusing):
    """Answers everything with 500."""

    def do_GET(self) -> None:
        self.send_error(500)


def test_a_server_that_is_broken_is_away() -> None:
    server = HTTPServer(("127.0.0.1", 0), Broken)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    with pytest.raises(StoreError, match="500"):
        store.probe(f"http://127.0.0.1:{server.server_port}")
    thread.join()
    server.server_close()


@pytest.mark.filterwarnings("default")  # mlflow and what it loads warn of themselves
def test_a_database_that_somebody_else_is_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    path.touch()
    settings = Config(home=tmp_path, tracking_uri=f"sqlite:///{path}", origin="environment")
    with pytest.raises(StoreError, match="making the tables"):
        store.connect(settings)
    assert path.stat().st_size == 0


#: Dies in a transaction of which a part is in the file already, as after SIGKILL.
DYING = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 1")
database.execute("CREATE TABLE left_behind (x)")
database.executemany("INSERT INTO left_behind VALUES (?)", [("x" * 1000,)] * 1000)
os._exit(9)
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_database_whose_writer_was_killed_is_there_at_once(home: Path) -> None:
    settings = config.load()
    store.connect(settings)
    file = home / "mlflow.db"
    ended = subprocess.run([sys.executable, "-c", DYING, file], check=False)
    assert ended.returncode == 9
    assert file.with_name("mlflow.db-journal").stat().st_size
    assert store.connect(settings).search_registered_models() == []
