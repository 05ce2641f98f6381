"""Which model a notebook is for, and on which rows it is judged: found in its text."""

from __future__ import annotations

import pytest
from notebooks import notebook

from nbship_converter.compile import compile_notebook
from nbship_converter.evaluation import Evaluation, evaluation_of
from nbship_converter.read import read

SPLIT = """import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression, LinearRegression
from sklearn.metrics import accuracy_score, mean_squared_error
from sklearn.model_selection import train_test_split
df = pd.read_csv("rows.csv")
X_train, X_test, y_train, y_test = train_test_split(df[["a"]], df["y"])
"""
TWO = """m = LogisticRegression().fit(X_train, y_train)
n = LogisticRegression(C=2).fit(X_train, y_train)
"""


def _found(cells: str) -> Evaluation | None:
    parsed, _ = read(notebook(SPLIT + cells), "demo")
    return evaluation_of(compile_notebook(parsed, None)[0], None)


def test_predictions_by_name_are_joined_with_the_labels_that_they_are_held_against() -> None:
    found = _found(
        "model = LogisticRegression()\nmodel.fit(X_train, y_train)\npred = model.predict(X_test)\n"
        "---\naccuracy_score(y_test, pred)"
    )
    assert found is not None
    assert found.as_toml() == {
        "model": "model",
        "features": "X_test",
        "labels": "y_test",
        "predictions": "pred",
        "task": "classification",
    }
    assert found.reason == "judged on held-out rows, by accuracy_score"


def test_a_metric_may_hold_the_call_itself_in_either_order() -> None:
    found = _found(
        "line = LinearRegression().fit(X_train, y_train)\nerror = mean_squared_error(line.predict(X_test), y_test)"
    )
    assert found is not None
    assert (found.model, found.features, found.labels, found.predictions) == (
        "line",
        "X_test",
        "y_test",
        None,
    )
    assert found.task == "regression"


@pytest.mark.parametrize(
    ("cells", "model", "features"),
    [
        ("m = LogisticRegression().fit(X_train, y_train)\na = m.score(X_train, y_train)", "m", "X_train"),
        (
            "m = LogisticRegression().fit(X_train, y_train)\na = m.score(X_test, y_test)\nb = m.score(X_train, y_train)",
            "m",
            "X_test",
        ),
        (
            TWO + "a = m.score(X_test, y_test)\nb = n.score(X_test, y_test)",
            "n",
            "X_test",
        ),
        (
            TWO + "a = m.score(X_test, y_test)\nb = n.score(X_test, y_test)\njoblib.dump(m, 'm.joblib')",
            "m",
            "X_test",
        ),
    ],
    ids=["only the fitted rows", "held-out rows first", "the last", "the one that is kept"],
)
def test_of_several_the_best_supported_is_chosen(cells: str, model: str, features: str) -> None:
    found = _found(cells)
    assert found is not None
    assert (found.model, found.features) == (model, features)


def test_predictions_that_another_model_overwrote_are_not_named() -> None:
    found = _found(
        "m = LogisticRegression().fit(X_train, y_train)\npred = m.predict(X_test)\njoblib.dump(m, 'm')\n"
        "n = LogisticRegression(C=2).fit(X_train, y_train)\npred = n.predict(X_test)"
    )
    assert found is not None
    assert (found.model, found.predictions) == ("m", None)


def test_a_notebook_that_judges_nothing_has_no_evaluation() -> None:
    assert _found("m = LogisticRegression().fit(X_train, y_train)") is None
