"""What the user's code measures is recorded under the name it has, and what a library measures for itself is not."""

from __future__ import annotations

from typing import Any

import pytest

BEGIN = """
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, test_size=0.3)
pipe = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X_train, y_train)
"""


@pytest.fixture
def ready(kernel: Any) -> Any:
    kernel.run(BEGIN)
    return kernel


def _metrics(kernel: Any) -> dict[str, float]:
    return {fact.name: round(fact.value, 3) for fact in kernel.facts("metric")}


def test_scores_have_the_name_of_the_variable_or_the_estimator(ready: Any) -> None:
    ready.run("print(pipe.score(X_test, y_test))")
    ready.run("train_score = pipe.score(X_train, y_train)")
    assert set(_metrics(ready)) == {"pipe.score.X_test", "train_score"}


def test_a_search_tells_its_best_and_not_each_of_its_trials(ready: Any) -> None:
    ready.run(
        "search = GridSearchCV(pipe, {'logisticregression__C': [0.1, 1]}, cv=2).fit(X_train, y_train)\n"
        "found = search.score(X_test, y_test)"
    )
    assert set(_metrics(ready)) == {"found", "search.best_score"}
    (fit,) = (fact for fact in ready.facts("fit") if fact.name == "search")
    assert "best.logisticregression__C" in fit.parameters
    assert fit.parameters["estimator__logisticregression__C"] == 0.5


def test_cross_validation_and_reports_are_numbers_too(ready: Any) -> None:
    ready.run(
        "folds = cross_val_score(pipe, X, y, cv=2)\nprint(classification_report(y_test, pipe.predict(X_test)))"
    )
    found = _metrics(ready)
    assert {"folds.mean", "folds.std", "pipe.classification_report.y_test.accuracy"} <= set(found)
    assert "pipe.classification_report.y_test.weighted_avg.f1-score" in found


def test_seeds_and_splits_are_parameters(ready: Any) -> None:
    ready.run("import numpy as np\nseed = 7\nnp.random.seed(42)\nrng = np.random.default_rng(seed)")
    found = {fact.name: fact.value for fact in ready.facts("parameter")}
    assert found == {
        "train_test_split.random_state": 0,
        "train_test_split.test_size": 0.3,
        "seed": 7,
        "np.random.seed": 42,
        "np.random.default_rng": 7,
    }


def test_what_other_libraries_fit_counts(kernel: Any) -> None:
    kernel.run(
        "class OLSResults:\n"
        "    rsquared, aic = 0.9, 12.5\n"
        "OLSResults.__module__ = 'statsmodels.regression.linear_model'\n"
        "result = OLSResults()"
    )
    (fit,) = kernel.facts("fit")
    assert (fit.name, fit.type) == ("result", "statsmodels.regression.linear_model.OLSResults")
    assert _metrics(kernel) == {"result.rsquared": 0.9, "result.aic": 12.5}


def test_a_score_asked_of_an_object_that_is_not_ready_raises_as_ever(ready: Any) -> None:
    outcome = ready.run("LogisticRegression().score(X_test, y_test)")
    assert type(outcome.error_in_exec).__name__ == "NotFittedError"


def test_what_a_helper_measures_is_called_after_the_model_that_it_was_given(ready: Any) -> None:
    ready.run(
        "from sklearn.tree import DecisionTreeClassifier as Tree\n"
        "def tell(model, X, y):\n    print(accuracy_score(y, model.predict(X)))\n"
        "other = Tree().fit(X_train, y_train)"
    )
    ready.run("tell(pipe, X_test, y_test)\ntell(other, X_test, y_test)")
    ready.run("for depth in (1, 2):\n    tell(Tree(max_depth=depth).fit(X_train, y_train), X_test, y_test)")
    names = [fact.name for fact in ready.facts("metric")]
    assert names == [
        "pipe.accuracy_score.y",
        "other.accuracy_score.y",
        *["DecisionTreeClassifier.accuracy_score.y"] * 2,
    ]
