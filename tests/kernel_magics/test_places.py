"""Which expressions of a notebook measure, and what each is called: both its name and its origin must speak for it."""

from __future__ import annotations

import ast

import pytest

from nbship_magics.dataflow import Dataflow
from nbship_magics.places import Place, places

BEFORE = "model.fit(X, y)\ny_hat = model.predict(X_test)"


def found(*cells: str) -> list[Place]:
    """Give the places of the last of some cells."""
    flows = Dataflow()
    return [places(ast.parse(cell), flows) for cell in cells][-1]


def by_hand(*cells: str) -> list[str]:
    return [place.name or ",".join(place.parts) for place in found(*cells) if not place.function]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("accuracy = (y_hat == y_test).mean()", ["accuracy"]),
        ("mse = ((y_hat - y_test) ** 2).mean()\nrmse = np.sqrt(mse)", ["mse", "rmse"]),
        ("res = np.mean(np.abs(y_test - y_hat))", ["res"]),
        ("print('Test accuracy:', np.mean(y_hat == y_test))", ["Test_accuracy"]),
        ("print(f'RMSE: {np.sqrt(((y_test - y_hat) ** 2).mean()):.3f}')", ["RMSE"]),
        ("print('error {:.2f}'.format(np.mean(y_hat != y_test)))", ["error"]),
        ("print('Accuracy = %.2f%%' % (100 * np.mean(y_hat == y_test)))", ["Accuracy"]),
        ("print('Accuracy: ' + str(round(sum(y_hat == y_test) / len(y_test), 3)))", ["Accuracy"]),
        ("np.mean(y_hat == y_test)", ["model.accuracy.X_test"]),
        (
            "hits = 0\nfor p, t in zip(y_hat, y_test):\n    if p == t:\n        hits += 1\nacc = hits / len(y_test)",
            ["acc"],
        ),
        ("errors = []\nfor k in range(3):\n    errors.append(np.mean(m.predict(X) != y))", ["errors"]),
        ("scores['ridge'] = ((y_hat - y_test) ** 2).mean()", ["scores.ridge"]),
        ("def rmse(a, b):\n    return 0\nprint(rmse(y_test, y_hat))", ["model.rmse.X_test"]),
        ("w, b, costs = net.train(X, y, epochs=5)", [",,costs"]),
        ("loss, acc = evaluate(net, X_test, y_hat)", []),
    ],
)
def test_a_number_made_of_predictions_that_is_called_a_metric_is_one(code: str, names: list[str]) -> None:
    assert by_hand(BEFORE, code) == names


@pytest.mark.parametrize(
    "code",
    [
        "average_age = frame['age'].mean()",  # no prediction
        "score = frame['credit_score'].mean()",  # a metric's name, and no prediction
        "score = y_hat[0]",  # what a model says of one person
        "total = y_hat.sum()",  # no metric's name
        "print('mean prediction', y_hat.mean())",
        "frame['predicted'] = y_hat\ncost = frame['price'].sum()",  # another column of the same table
        "n_errors = len(y_hat)",
        "acc = 0.5",
        "def evaluate():\n    acc = (y_hat == y_test).mean()\n    return acc",  # inside a function nothing is changed
    ],
)
def test_a_name_or_an_origin_alone_is_no_reason(code: str) -> None:
    assert by_hand(BEFORE, code) == []


def test_what_a_name_holds_is_known_in_later_cells_until_it_holds_something_else() -> None:
    assert by_hand(BEFORE, "hit = y_hat == y_test", "acc = hit.mean()") == ["acc"]
    assert by_hand(BEFORE, "hit = y_hat == y_test", "hit = frame['hit']", "acc = hit.mean()") == []


def test_what_a_library_measures_is_called_after_model_function_and_data() -> None:
    (place,) = found(BEFORE, "print('acc', accuracy_score(y_test, y_hat))")
    assert (place.name, place.function) == ("model.accuracy_score.y_test", "accuracy_score")
    (place,) = found(BEFORE, "model.score(X_train, y_train)")
    assert (place.name, place.function) == ("model.score.X_train", "score")
    (place,) = found("pca.fit(X)", "print(pca.held_out_error_)")
    assert (place.name, place.function) == ("pca.held_out_error", "held_out_error")


def test_what_a_fit_says_of_itself_is_no_second_number() -> None:
    assert (
        found("search.fit(X, y)", "print(search.best_score_, forest.oob_score_, 100 * result.rsquared)") == []
    )


def test_what_a_method_prints_of_its_training_is_one() -> None:
    (place,) = found(
        "class Net:\n    def train(self, X, y):\n        for n in range(3):\n            outputs = self.forward(X)\n"
        "            cost = self.cost(y, outputs)\n            print(f'Cost at iteration {n}: {np.round(cost, 4)}')"
    )
    assert (place.name, place.inside) == ("cost", True)


def test_the_counts_of_a_confusion_matrix_make_known_rates() -> None:
    counts = "matrix = confusion_matrix(y_test, y_hat)\nTN, FP, FN, TP = matrix.ravel()"
    assert by_hand(BEFORE, counts, "print(TP / float(TP + FN))") == ["model.recall.y_test"]
    assert by_hand(BEFORE, counts, "print((TP + TN) / (TP + TN + FP + FN))") == ["model.accuracy.y_test"]
