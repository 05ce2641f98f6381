"""Numbers that a notebook computes by hand are recorded once, as inferred, and nothing that runs is changed."""

from __future__ import annotations

from typing import Any

import pytest

BEGIN = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
X = np.arange(60.0).reshape(30, 2)
y = (np.arange(30) % 5 > 2).astype(int)
model = LogisticRegression().fit(X, y)
y_hat = model.predict(X)
"""


@pytest.fixture
def ready(kernel: Any) -> Any:
    kernel.run(BEGIN)
    return kernel


def recorded(kernel: Any) -> list[tuple[str, float, bool]]:
    return [(fact.name, round(fact.value, 6), fact.inferred is not None) for fact in kernel.facts("metric")]


def test_a_number_by_hand_says_how_it_was_computed(ready: Any) -> None:
    outcome = ready.run("acc = (y_hat == y).mean()")
    assert outcome.success
    (fact,) = ready.facts("metric")
    assert (fact.name, fact.value, fact.inferred) == (
        "acc",
        ready.shell.user_ns["acc"],
        "(y_hat == y).mean()",
    )


def test_what_is_printed_again_is_not_recorded_again(ready: Any) -> None:
    ready.run("acc = accuracy_score(y, y_hat)\nprint('accuracy', acc, 'in percent', 100 * acc)")
    ready.run("print('accuracy', acc, 'percent', acc * 100)")
    ready.run("error = 1 - (y_hat == y).mean()\nprint('error', error)")
    assert recorded(ready) == [("acc", 0.633333, False), ("error", 0.366667, True)]


def test_models_in_a_loop_have_their_own_numbers(ready: Any) -> None:
    ready.run(
        "for name, one in [('logistic', LogisticRegression()), ('bayes', GaussianNB())]:\n"
        "    one.fit(X, y)\n"
        "    print(name, accuracy_score(y, one.predict(X)), np.mean(one.predict(X) != y))\n"
    )
    names = [name for name, _, _ in recorded(ready)]
    assert names == [
        "logistic.accuracy_score.y",
        "bayes.accuracy_score.y",
        "logistic.error_rate.X",
        "bayes.error_rate.X",
    ]


def test_a_loop_over_somebodys_names_keeps_none_of_them(ready: Any) -> None:
    ready.run("people = ['ada', 'bob']")
    ready.run("for who in people:\n    acc = np.mean(y_hat == y)")
    assert {name for name, _, _ in recorded(ready)} == {"acc"}


def test_the_mean_of_folds_has_the_name_under_which_it_is_kept(ready: Any) -> None:
    ready.run(
        "k_scores = []\nfor c in (0.1, 1.0):\n    folds = cross_val_score(LogisticRegression(C=c), X, y, cv=3)\n    k_scores.append(folds.mean())"
    )
    found = recorded(ready)
    assert [name for name, _, _ in found].count("k_scores") == 2
    assert not any(inferred for _, _, inferred in found)


def test_a_history_that_a_training_gives_back_is_a_metric_with_steps(ready: Any) -> None:
    ready.run("def train(X, y, rounds):\n    return np.zeros(2), [1 / (1 + n) for n in range(rounds)]")
    ready.run("weights, costs = train(X, y, 2500)")
    values = [fact.value for fact in ready.facts("metric") if fact.name == "costs"]
    assert (len(values) <= 1000, values[-1]) == (True, 1 / 2500)


def test_a_confusion_matrix_is_kept_as_counts(ready: Any) -> None:
    ready.run("confusion_matrix(y, y_hat)")
    (fact,) = ready.facts("matrix")
    assert (fact.name, fact.rows) == ("model.confusion_matrix.y", ((17.0, 1.0), (10.0, 2.0)))


def test_tracebacks_and_values_are_the_notebooks_own(ready: Any) -> None:
    outcome = ready.run("acc = np.mean(y_hat == y) / nothing")
    assert str(outcome.error_in_exec) == "name 'nothing' is not defined"
    assert ready.run("np.mean(y_hat == y)").result == ready.shell.user_ns["np"].mean(
        ready.shell.user_ns["y_hat"] == ready.shell.user_ns["y"]
    )


def test_functions_and_timed_cells_run_as_they_are(ready: Any) -> None:
    ready.run("def rate(p):\n    acc = np.mean(p == y)\n    return acc")
    assert ready.shell.user_ns["rate"].__code__.co_names == ("np", "mean", "y")
    ready.run("%timeit -n2 -r1 acc = np.mean(y_hat == y)")
    assert recorded(ready) == []


def test_what_a_function_prints_is_noted_whenever_it_is_called(ready: Any, capsys: Any) -> None:
    ready.run("def tell(predicted):\n    print(f'Accuracy of this: {np.mean(predicted == y):.2f}')")
    ready.run("tell(y_hat)\ntell(1 - y_hat)")
    assert recorded(ready) == [("Accuracy_of_this", 0.633333, True), ("Accuracy_of_this", 0.366667, True)]
    assert "Accuracy of this: 0.63" in capsys.readouterr().out


def test_a_function_that_is_sent_to_a_process_without_us_does_the_same(ready: Any) -> None:
    import subprocess
    import sys

    import cloudpickle

    ready.run("def tell(predicted):\n    print('accuracy', (predicted == 1).mean())")
    sent = cloudpickle.dumps(ready.shell.user_ns["tell"])
    code = f"import pickle, numpy; pickle.loads({sent!r})(numpy.array([1, 1, 0, 0]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["accuracy", "0.5"]


def test_code_that_outlives_the_extension_goes_on(ready: Any) -> None:
    import builtins

    ready.run("acc = np.mean(y_hat == y)")
    ready.extension.remove()
    assert builtins._nbship_measured(0, "as it is") == "as it is"  # type: ignore[attr-defined]
    assert ready.run("acc = np.mean(y_hat == y)").success
