from __future__ import annotations

import pytest

from nbship import foreign
from nbship.foreign import Values
from nbship.model import MetricValue, RunRecord


def metric(key: str, value: float, function: str = "", *, step: int = 0, at_ms: int = 7) -> MetricValue:
    return MetricValue(key=key, value=value, at_ms=at_ms, step=step, function=function)


def record(params: dict[str, str] | None = None, *metrics: MetricValue) -> RunRecord:
    return RunRecord(
        session="s",
        ordinal=0,
        name="n",
        started_ms=0,
        ended_ms=None,
        user="",
        params=params or {},
        metrics=metrics,
        tags={"nbship.session": "s", "mlflow.source.name": "n.ipynb"},
    )


def keys(values: Values) -> list[str]:
    return [item.key for item in values.metrics]


@pytest.mark.parametrize("theirs", ["C", "c", "model.C"])
def test_a_parameter_that_the_user_has_logged_is_not_logged_again(theirs: str) -> None:
    held = Values(params={theirs: "0.5"})
    assert foreign.beside(record({"model.C": "0.5", "n": "1"}), held, settled=True).params == {"n": "1"}


def test_the_same_parameter_with_another_value_says_something_else() -> None:
    assert foreign.beside(record({"m.C": "2"}), Values(params={"C": "1"}), settled=True).params == {
        "m.C": "2"
    }


@pytest.mark.parametrize("theirs", ["accuracy_score_X_test", "accuracy", "acc"])
def test_a_metric_that_the_user_has_logged_is_not_logged_again(theirs: str) -> None:
    ours = record(None, metric("acc", 0.9375, "accuracy_score"))
    held = Values(metrics=[metric(theirs, 0.9375, at_ms=9)])
    assert keys(foreign.beside(ours, held, settled=True)) == []


def test_one_value_of_theirs_stands_for_one_of_ours() -> None:
    ours = record(None, metric("f1", 0.9375, "f1_score"), metric("acc", 0.9375, "accuracy_score"))
    held = Values(metrics=[metric("test_accuracy_score", 0.9375)])
    assert keys(foreign.beside(ours, held, settled=True)) == ["f1"]


def test_a_round_value_under_another_name_is_another_metric() -> None:
    ours = record(None, metric("recall", 1.0, "recall_score"))
    assert keys(foreign.beside(ours, Values(metrics=[metric("precision", 1.0)]), settled=True)) == ["recall"]


def test_what_was_written_is_known_the_next_time() -> None:
    ours = record({"n": "1"}, metric("acc", 0.5), metric("acc", float("nan"), step=1))
    first = foreign.beside(ours, Values(), settled=True)
    second = foreign.beside(ours, Values(params=first.params, metrics=first.metrics), settled=True)
    assert (len(first.metrics), len(second.metrics), dict(second.params)) == (2, 0, {})


def test_the_users_own_tags_stay() -> None:
    held = Values(tags={"mlflow.source.name": "theirs"})
    assert foreign.beside(record(), held, settled=False).tags == {"nbship.session": "s"}
