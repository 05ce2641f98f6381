"""A server as its clients meet it: real processes, real sockets."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from room import PLUS, Room, made

pytestmark = pytest.mark.slow
NUMBERS = {"a": "double", "b": "double"}
ROW = {"a": 1.0, "b": 2.0}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A server that the tests of this module share; each says what is to be live."""
    made_room = Room(tmp_path_factory.mktemp("room"), most_body=20_000, timeout_s=3.0, hang_s=1.0, read_s=1.0)
    versions = made_room.versions
    versions.add(1, made(PLUS), NUMBERS)
    versions.add(2, made("return -np.asarray(rows, dtype=float).sum(axis=1)"), NUMBERS)
    versions.add(3, made("raise KeyError('no such season')"), NUMBERS)
    versions.add(
        4,
        made(
            "import time\nif len(rows) and float(np.asarray(rows)[0][0]) == 7:\n    time.sleep(600)\n" + PLUS
        ),
        NUMBERS,
    )
    versions.add(5, made("return np.full(len(rows), np.nan)"), NUMBERS)
    versions.add(6, made("return rows['word'].str.len().to_numpy()"), {"word": "string", "a": "double"})
    with contextlib.closing(made_room.open()):
        yield made_room


def test_the_live_version_answers_and_says_who_it_is(room: Room) -> None:
    room.assign(champion=1, challenger=None, mode="off")
    reply = room.ask(ROW, {"a": 3, "b": 0.5}, X_Request_ID="r-1")
    assert reply.status == 200
    assert reply.document == {"request": "r-1", "version": 1, "predictions": [3.0, 3.5]}
    assert reply.headers["x-request-id"] == "r-1"
    assert room.post({"columns": {"a": [1, 2], "b": [0, 0]}}).document["predictions"] == [1.0, 2.0]
    assert room.get("/health").document == "ok"


def test_what_is_wrong_with_a_request_is_told_by_row_and_field(room: Room) -> None:
    room.assign(champion=1, challenger=None, mode="off")
    reply = room.ask(ROW, {"a": "x", "b": 1})
    assert reply.status == 422
    assert reply.document["problems"] == [{"row": 1, "field": "a", "problem": 'must be a number, not "x"'}]
    assert room.post('{"records": [').status == 400
    assert room.post({"records": [ROW] * 2000}).status == 413
    assert room.get("/predict").status == 405
    assert room.get("/nowhere").status == 404


def test_openapi_and_metrics_speak_of_the_model(room: Room) -> None:
    room.assign(champion=1, challenger=None, mode="off")
    found = room.get("/openapi.json").document
    row = found["components"]["schemas"]["Row"]
    assert list(row["properties"]) == ["a", "b"]
    assert row["additionalProperties"] is False
    room.ask(ROW)
    text = room.get("/metrics").document
    assert 'nbship_prediction_requests_total{model="m",outcome="ok",role="champion",version="1"}' in text
    assert 'nbship_model_info{model="m",role="champion",version="1"} 1.0' in text
    assert 'process="frontend"' in text


def test_a_swap_of_versions_drops_no_request_of_those_under_way(room: Room) -> None:
    room.assign(champion=1, challenger=None, mode="off")
    stop, seen = threading.Event(), list[Any]()

    def client() -> None:
        while not stop.is_set():
            reply = room.ask(ROW)
            seen.append((reply.status, reply.document.get("version"), reply.document.get("predictions")))

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for champion in (2, 1, 2):
        room.assign(champion=champion)
    stop.set()
    for thread in threads:
        thread.join()
    assert set(map(str, seen)) == {"(200, 1, [3.0])", "(200, 2, [-3.0])"}


@pytest.mark.parametrize("challenger", [3, 5])
def test_a_canary_that_raises_or_gives_no_number_harms_nobody(room: Room, challenger: int) -> None:
    room.assign(champion=1, challenger=challenger, mode="canary", share=1.0)
    replies = [room.ask(ROW, X_Key=f"k{number}") for number in range(5)]
    assert [
        (reply.status, reply.document["version"], reply.document["predictions"]) for reply in replies
    ] == [(200, 1, [3.0])] * 5


def test_a_canary_that_hangs_is_ended_and_the_champion_answers_in_time(room: Room) -> None:
    room.assign(champion=1, challenger=4, mode="canary", share=1.0)
    room.until(lambda ready: ready["workers"].get("4"))
    assert room.ask(ROW).document["version"] == 4
    reply = room.ask({"a": 7.0, "b": 1.0})
    assert (reply.status, reply.document["version"]) == (200, 1)
    room.until(lambda ready: ready["workers"]["4"])  # its successor
    assert room.ask(ROW).document["version"] == 4


def test_a_canary_answers_for_its_share_and_a_key_stays_where_it_is(room: Room) -> None:
    room.assign(champion=1, challenger=2, mode="canary", share=0.5)
    first = [room.ask(ROW, X_Key=f"k{number}").document["version"] for number in range(30)]
    assert {1, 2} == set(first)
    assert [room.ask(ROW, X_Key=f"k{number}").document["version"] for number in range(30)] == first


def test_a_challenger_with_other_inputs_or_none_at_all_leaves_the_champion_alone(room: Room) -> None:
    room.assign(champion=1, challenger=6, mode="canary", share=1.0)
    assert room.ask(ROW).document["version"] == 1
    room.assign(champion=1, challenger=99, mode="canary", share=1.0)
    found = room.until(lambda ready: any("no version 99" in problem for problem in ready["problems"]))
    assert found["ready"]
    assert room.ask(ROW).document["version"] == 1


def test_a_model_that_fails_as_champion_is_an_error_that_says_why(room: Room) -> None:
    room.assign(champion=3, challenger=None, mode="off")
    reply = room.ask(ROW)
    assert reply.status == 500
    assert reply.document["problem"] == "the model raised KeyError: 'no such season'"
    room.assign(champion=5)
    assert room.ask(ROW).document["problem"] == "the model gave nan as prediction of row 0"
    room.assign(champion=4)
    assert room.ask({"a": 7.0, "b": 1.0}).status in {
        500,
        504,
    }  # the worker that hangs is ended before or after
    room.until(lambda ready: ready["workers"]["4"])
    assert room.ask(ROW).status == 200


def test_texts_and_rows_that_are_no_numbers_reach_the_model_as_a_frame(room: Room) -> None:
    room.assign(champion=6, challenger=None, mode="off")
    assert room.ask({"word": "winter", "a": 1}).document["predictions"] == [6]


def test_a_registry_that_is_away_or_names_a_broken_version_changes_nothing(room: Room) -> None:
    room.assign(champion=1, challenger=None, mode="off")
    room.versions.away = True
    try:
        found = room.until(lambda ready: any("does not answer" in problem for problem in ready["problems"]))
        assert found["ready"]
        assert room.ask(ROW).status == 200
    finally:
        room.versions.away = False
    path = room.versions.add(8, made(PLUS), NUMBERS)
    with (path / "model.pkl").open("ab") as file:
        file.write(b"tampered with")
    before = room.versions.now
    room.versions.now = type(before)(model="m", champion=8, revision=before.revision + 1)
    found = room.until(
        lambda ready: any("not those that were signed off" in one for one in ready["problems"])
    )
    assert (found["ready"], found["champion"]) == (True, 1)
    assert room.ask(ROW).document["version"] == 1


def test_a_worker_that_is_killed_costs_nobody_an_answer(room: Room) -> None:
    room.assign(champion=1, challenger=None, mode="off")
    (worker,) = room.pids("worker")
    os.kill(worker, signal.SIGKILL)
    assert [room.ask(ROW).status for _ in range(5)] == [200] * 5


def test_a_client_that_sends_its_request_too_slowly_is_let_go(room: Room) -> None:
    for begun in (
        b"POST /predict HTTP/1.1\r\nHost: x\r\n",
        b"POST /predict HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
        b"",
    ):
        with socket.create_connection(("127.0.0.1", room.port), timeout=20) as client:
            client.sendall(begun)
            said = client.recv(1000)
            assert said.startswith(b"HTTP/1.1 408")
    assert room.get("/health").status == 200


def test_headers_without_end_are_refused(room: Room) -> None:
    with socket.create_connection(("127.0.0.1", room.port), timeout=20) as client:
        client.sendall(b"GET /health HTTP/1.1\r\n" + b"X-More: 123456789\r\n" * 10_000)
        assert client.recv(1000).startswith(b"HTTP/1.1 431")


def test_every_row_is_in_the_log_once_with_its_role_whoever_is_killed(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.versions.add(1, made(PLUS), NUMBERS)
    room.versions.add(2, made("raise ValueError('no')"), NUMBERS)
    with contextlib.closing(room.open()):
        room.assign(champion=1)
        assert room.ask(ROW, {"a": 5, "b": 5}, X_Request_ID="pair", X_Key="ada").status == 200
        (frontend,) = room.pids("frontend")
        os.kill(frontend, signal.SIGKILL)
        room.until(lambda ready: ready["ready"])
        room.assign(champion=1, challenger=2, mode="shadow")
        room.until(lambda ready: ready["workers"].get("2"))
        assert room.ask(ROW, X_Request_ID="shadowed").status == 200
        assert room.ask({"a": 1}, X_Request_ID="wrong").status == 422
    found = room.logged()
    rows = [tuple(row) for row in found[["request", "role", "outcome", "version"]].itertuples(index=False)]
    assert sorted(rows) == [
        ("pair/0", "champion", "ok", 1),
        ("pair/1", "champion", "ok", 1),
        ("shadowed", "champion", "ok", 1),
        ("shadowed", "shadow", "error", 2),
        ("wrong", "champion", "rejected", 1),
    ]
    pair = found[found["request"] == "pair/1"].iloc[0]
    assert (pair["input.a"], pair["output.prediction"], pair["key"]) == (5.0, 10.0, "ada")
    assert 0 < pair["latency_s"] < 60
