from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest

from nbship import answering
from nbship.errors import NbshipError
from nbship.worker import Answers


def replies(*questions: str) -> list[dict[str, object]]:
    answers = io.StringIO()
    assert answering.answer(io.StringIO("\n".join(questions)), answers) == 0
    found = [json.loads(line) for line in answers.getvalue().splitlines()]
    return sorted(found, key=lambda reply: str(reply.get("id")))  # they come in any order


@pytest.mark.usefixtures("home")
def test_every_question_has_one_answer_and_a_bad_one_ends_nothing() -> None:
    found = replies(
        "{", '{"id": 1, "ask": "moon"}', "[]", '{"id": 2, "ask": "state"}', '{"id": 3, "ask": "health"}'
    )
    assert [reply["id"] for reply in found] == [1, 2, 3, None, None]
    assert [reply["ok"] for reply in found] == [False, False, True, False, False]
    assert set(found[0]["error"]) == {"what", "where", "help", "kind"}  # type: ignore[call-overload]  # JSON


def test_a_store_that_is_down_is_an_answer_of_a_moment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    started = time.monotonic()
    state, models = replies('{"id": 1, "ask": "state", "model": "m"}', '{"id": 2, "ask": "models"}')
    assert time.monotonic() - started < 10
    assert state["result"]["store"]["reachable"] is False  # type: ignore[index]  # JSON
    assert models["ok"] is False
    assert home.name in str(home)


@pytest.mark.usefixtures("home")
def test_the_asker_keeps_one_worker(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "log")
    assert answers.ask(ask="health")["version"]
    with pytest.raises(NbshipError, match="unknown question"):
        answers.ask(ask="moon")
    answers.close()
