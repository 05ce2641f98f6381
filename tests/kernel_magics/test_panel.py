"""`%ship status`: the view as a widget, what it may ask the kernel, and the table for who cannot show it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from nbship.errors import InputError
from nbship_magics import panel

STATE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "contract" / "state-drifting.json").read_text()
)
HOSTILE = '<img src=x onerror="alert(1)"> \u202eدخل'


class Worker:
    """Answers what it is asked with the question itself, or refuses."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    def ask(self, **question: Any) -> Any:
        if self.failure is not None:
            raise self.failure
        return question


def test_the_view_asks_about_the_model_that_is_shown_only() -> None:
    question = {
        "id": 3,
        "ask": "feature",
        "feature": "income",
        "version": 2,
        "model": "other",
        "profile": "evil",
    }
    assert panel.answer(question, Worker().ask, STATE) == {
        "id": 3,
        "ok": True,
        "result": {
            "ask": "feature",
            "model": "churn",
            "profile": "default",
            "version": 2,
            "feature": "income",
        },
    }


@pytest.mark.parametrize("question", [{"id": 1, "ask": "act"}, {"ask": "feature"}, "text", None, {"id": 1}])
def test_what_the_kernel_does_not_answer_is_refused(question: Any) -> None:
    told = panel.answer(question, Worker().ask, STATE)
    assert told["ok"] is False
    assert "sidebar" in told["error"]["help"]


@pytest.mark.parametrize(
    ("failure", "what"),
    [
        (InputError("no such feature", help="x"), "no such feature"),
        (OSError("gone"), "does not answer: gone"),
    ],
)
def test_a_failure_is_told_and_raises_nothing_into_the_kernel(failure: Exception, what: str) -> None:
    told = panel.answer({"id": 1, "ask": "feature"}, Worker(failure).ask, STATE)
    assert what in told["error"]["what"]


def test_the_cell_holds_the_widget_and_a_table_with_the_same_facts() -> None:
    shown = panel.view(STATE, Worker().ask)
    bundle = shown._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    for fact in ("income", "critical", "drift:country", "acknowledged", "production champion"):
        assert fact in bundle["text/html"], fact
    assert "version 2  production  champion" in bundle["text/plain"]


def test_refresh_asks_again_and_a_failure_leaves_what_was_shown() -> None:
    worker = Worker()
    shown = panel.view(STATE, worker.ask)
    (row, view) = shown.widget.children
    button, said = row.children
    button.click()
    assert view.state == {"ask": "state", "model": "churn", "profile": "default"}
    worker.failure = InputError("the store is away")
    button.click()
    assert view.state["ask"] == "state"
    assert said.value == "the store is away"


def test_names_are_text_in_the_table() -> None:
    state = copy.deepcopy(STATE)
    state["model"] = state["alerts"][0]["reason"] = state["drift"][0]["windows"][0]["window"] = HOSTILE
    state["drift"][0]["features"][0]["feature"] = state["versions"][0]["datasets"][0]["name"] = HOSTILE
    page = panel.Panel(state=state).to_html()
    assert "<img" not in page
    assert page.count("&lt;img") >= 5
