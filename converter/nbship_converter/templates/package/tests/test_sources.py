"""Data comes from where Config says, is checked, and what goes wrong is told with what to do."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from notebook_package import sources
from notebook_package.config import SOURCES_VARIABLE, Config
from notebook_package.sources import Source, SourceError, fetch, messages, write_rows

fsspec = pytest.importorskip("fsspec")
stamina = pytest.importorskip("stamina")
ROWS = b"a,b\n1,x\n2,y\n"
DIGEST = hashlib.sha256(ROWS).hexdigest()


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    sources._done.clear()
    yield
    stamina.set_testing(False)


class Server(HTTPServer):
    """Answers with the next of some codes, and with rows where that is 200."""

    codes: list[int]


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        code = self.server.codes.pop(0)
        self.send_response(code)
        self.end_headers()
        self.wfile.write(ROWS if code == 200 else b"")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/rows.csv"


def test_config_names_a_source_and_the_environment_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere.csv").write_bytes(ROWS)
    named = {"rows.csv": str(tmp_path / "elsewhere.csv")}
    assert Config(sources=named).data("../data/rows.csv") == tmp_path / "elsewhere.csv"
    assert Config(data_dir=tmp_path).data("rows.csv") == tmp_path / "rows.csv"
    monkeypatch.setenv(SOURCES_VARIABLE, json.dumps(named))
    assert Config(data_dir=tmp_path).data("rows.csv") == tmp_path / "elsewhere.csv"


def test_any_fsspec_address_is_fetched_below_the_output_folder(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/bucket/rows.csv", ROWS)
    config = Config(
        data_dir=tmp_path, output_dir=tmp_path / "out", sources={"rows.csv": "memory://bucket/rows.csv"}
    )
    path = config.data("rows.csv")
    assert path == tmp_path / "out" / "fetched" / "rows.csv"
    assert path.read_bytes() == ROWS


def test_a_server_that_stumbles_is_asked_again_and_a_file_once(server: Server, tmp_path: Path) -> None:
    server.codes = [503, 500, 200]
    path = fetch(url(server), tmp_path / "rows.csv", tmp_path / "none.dvc")
    assert fetch(url(server), tmp_path / "rows.csv", tmp_path / "none.dvc") == path
    assert (path.read_bytes(), server.codes) == (ROWS, [])


def test_a_server_that_is_away_is_told_and_nothing_is_left(server: Server, tmp_path: Path) -> None:
    server.codes = [503] * 3
    with pytest.raises(SourceError, match="cannot be read: HTTPError") as told:
        fetch(url(server), tmp_path / "rows.csv", tmp_path / "none.dvc")
    assert "Look whether it is there" in told.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.codes = [404, 200]
    with pytest.raises(SourceError, match="404"):
        fetch(url(server), tmp_path / "rows.csv", tmp_path / "none.dvc")
    assert server.codes == [200]


def test_other_content_than_the_pointers_is_refused_unless_it_is_wanted(
    server: Server, tmp_path: Path
) -> None:
    pointer = tmp_path / "rows.csv.dvc"
    md5 = "0" * 32
    pointer.write_text(
        f"outs:\n- md5: {md5}\n  meta:\n    nbship:\n      md5: {md5}\n      sha256: {'1' * 64}\n"
    )
    server.codes = [200] * 3
    with pytest.raises(SourceError, match="other content than was promised") as told:
        fetch(url(server), tmp_path / "rows.csv", pointer)
    assert "#sha256=any" in told.value.remedy
    assert not (tmp_path / "rows.csv").exists()
    assert fetch(f"{url(server)}#sha256=any", tmp_path / "rows.csv", pointer).read_bytes() == ROWS
    assert fetch(f"{url(server)}#sha256={DIGEST}", tmp_path / "rows.csv", pointer).read_bytes() == ROWS
    assert server.codes == [200], "what has the promised content is not fetched again"


def test_rows_of_a_query_become_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sqlalchemy")
    with sqlite3.connect(tmp_path / "rides.db") as database:
        database.executescript(
            "create table rides (a int, b text); insert into rides values (1, 'x'), (2, 'y')"
        )
    database.close()
    monkeypatch.setenv("DATABASE", str(tmp_path / "rides.db"))
    path = fetch("sqlite:///$DATABASE#rides", tmp_path / "rows.csv", tmp_path / "none.dvc")
    assert path.read_text().splitlines() == ["a,b", "1,x", "2,y"]
    asked = "sqlite:///$DATABASE#select b from rides where a > 1"
    assert fetch(asked, tmp_path / "b.jsonl", tmp_path / "none.dvc").read_text() == '{"b": "y"}\n'


class FakeConsumer:
    """Has some messages, and a pause between them."""

    def __init__(self, *values: bytes | None) -> None:
        self.values = list(values)
        self.closed = False

    def receive(self, seconds: float) -> bytes | None:
        return self.values.pop(0) if self.values else None

    def close(self) -> None:
        self.closed = True


def test_messages_of_a_stream_are_rows_up_to_a_number_and_a_time(tmp_path: Path) -> None:
    consumer = FakeConsumer(b'{"a": 1}', None, b'{"a": 2}', b'{"a": 3}')
    write_rows(messages(consumer, rows=2), tmp_path / "rows.csv", ".csv")
    assert (tmp_path / "rows.csv").read_text().split() == ["a", "1", "2"]
    assert consumer.closed
    silent = FakeConsumer()
    with pytest.raises(SourceError, match="no rows"):
        write_rows(messages(silent, seconds=0.01), tmp_path / "rows.csv", ".csv")
    assert silent.closed


def test_rows_are_written_in_batches_as_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(sources, "BATCH_ROWS", 2)
    rows = [{"a": number, "b": str(number)} for number in range(5)]
    write_rows(iter(rows), tmp_path / "rows", ".parquet")
    assert parquet.read_table(tmp_path / "rows").to_pylist() == rows
    assert parquet.ParquetFile(tmp_path / "rows").num_row_groups == 3


def test_credentials_come_from_the_environment_and_are_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match="a password in its address"):
        Source("postgresql://me:hunter2@host/db#rides").address()
    monkeypatch.delenv("NO_SUCH", raising=False)
    with pytest.raises(SourceError, match="the variable NO_SUCH is not set"):
        Source("postgresql://me:$NO_SUCH@host/db#rides").address()
    monkeypatch.setenv("PLACE", "127.0.0.1:9")
    with pytest.raises(SourceError, match=r"http://\$PLACE/rows.csv cannot be read") as told:
        fetch("http://$PLACE/rows.csv", tmp_path / "rows.csv", tmp_path / "none.dvc")
    assert "127.0.0.1:9" not in str(told.value)


def test_a_library_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "confluent_kafka", None)
    with pytest.raises(SourceError, match="confluent_kafka is not installed") as told:
        fetch("kafka://host:9092/topic", tmp_path / "rows.csv", tmp_path / "none.dvc")
    assert "[kafka]" in told.value.remedy
