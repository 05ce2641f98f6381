"""How good predictions are, by the measures that scikit-learn has under the same names, and how sure that is.

They are written out here because a bootstrap computes them a thousand times: for classes from a table of counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LOWER_IS_BETTER",
    "Measured",
    "Task",
    "baseline",
    "compare",
    "measure",
    "measures_of",
    "task_of",
    "values",
]

Task = Literal["classification", "regression"]
Floats = NDArray[np.float64]

RESAMPLES = 1000
#: Where the resampling begins: a gate that is asked twice must say the same.
SEED = 20
LOWER_IS_BETTER = frozenset({"mean_absolute_error", "root_mean_squared_error"})
_MOST_CLASSES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measure, or a difference of two, with its bootstrap standard error and 95 % interval."""

    value: float
    error: float
    low: float
    high: float


def task_of(named: str, labels: NDArray[Any]) -> Task | None:
    """Tell the task, from its name or where that says nothing from the labels; None where there is nothing to judge."""
    if named in ("classification", "regression"):
        return "classification" if named == "classification" else "regression"
    if named == "clustering":
        return None
    few = len(np.unique(labels)) <= min(_MOST_CLASSES, max(2, len(labels) // 5))
    return "classification" if labels.dtype.kind != "f" and few else "regression"


def measures_of(task: Task) -> tuple[str, ...]:
    """Give the names of a task's measures; the first two decide between two models."""
    if task == "classification":
        return ("accuracy", "balanced_accuracy", "f1_macro")
    return ("mean_absolute_error", "root_mean_squared_error", "r2")


def measure(task: Task, labels: NDArray[Any], predicted: NDArray[Any]) -> dict[str, Measured]:
    """Give every measure of predictions, with its interval."""
    judge = _judge(task, labels, predicted)
    everything = np.arange(len(labels))
    whole = judge(everything)
    drawn = [judge(rows) for rows in _resamples(len(labels))]
    return {name: _interval(whole[name], [one[name] for one in drawn]) for name in whole}


def values(task: Task, labels: NDArray[Any], predicted: NDArray[Any]) -> dict[str, float]:
    """Give every measure of predictions."""
    return dict(_judge(task, labels, predicted)(np.arange(len(labels))))


def baseline(task: Task, labels: NDArray[Any]) -> dict[str, float]:
    """Give every measure of the best that can be said without looking at any feature: one answer for all rows."""
    if task == "classification":
        names, counts = np.unique(labels, return_counts=True)
        answer = names[int(counts.argmax())]
    else:
        answer = labels.astype(np.float64).mean()
    return values(task, labels, np.full(len(labels), answer))


def compare(
    task: Task, labels: NDArray[Any], candidate: NDArray[Any], champion: NDArray[Any]
) -> dict[str, Measured]:
    """Give by how much the candidate is better, measure by measure: above 0 is better whichever way the measure goes.

    The bootstrap is paired: both models are judged on the same drawn rows.
    """
    mine, theirs = _judge(task, labels, candidate), _judge(task, labels, champion)

    def difference(rows: NDArray[Any]) -> dict[str, float]:
        one, other = mine(rows), theirs(rows)
        return {
            name: (other[name] - one[name]) if name in LOWER_IS_BETTER else (one[name] - other[name])
            for name in one
        }

    whole = difference(np.arange(len(labels)))
    drawn = [difference(rows) for rows in _resamples(len(labels))]
    return {name: _interval(whole[name], [one[name] for one in drawn]) for name in whole}


def _resamples(count: int) -> Sequence[NDArray[Any]]:
    generator = np.random.default_rng(SEED)
    return [generator.integers(0, count, count) for _ in range(RESAMPLES)]


def _interval(value: float, drawn: Sequence[float]) -> Measured:
    low, high = (float(bound) for bound in np.nanquantile(drawn, (0.025, 0.975)))
    return Measured(value=value, error=float(np.nanstd(drawn)), low=low, high=high)


def _judge(
    task: Task, labels: NDArray[Any], predicted: NDArray[Any]
) -> Callable[[NDArray[Any]], Mapping[str, float]]:
    """Give the function that judges chosen rows."""
    if task == "regression":
        truth, said = labels.astype(np.float64), predicted.astype(np.float64)
        return lambda rows: _of_numbers(truth[rows], said[rows])
    text = labels.dtype.kind in "OUST" or predicted.dtype.kind in "OUST"
    both = np.concatenate([labels.astype(str), predicted.astype(str)] if text else [labels, predicted])
    names, codes = np.unique(both, return_inverse=True)
    size, pairs = len(names), codes[: len(labels)] * len(names) + codes[len(labels) :]
    return lambda rows: _of_classes(
        np.bincount(pairs[rows], minlength=size * size).reshape(size, size).astype(np.float64)
    )


def _of_numbers(truth: Floats, said: Floats) -> dict[str, float]:
    error = said - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    return {
        "mean_absolute_error": float(np.abs(error).mean()),
        "root_mean_squared_error": float(np.sqrt((error**2).mean())),
        "r2": 1 - float((error**2).sum()) / spread if spread else float("nan"),
    }


def _of_classes(table: Floats) -> dict[str, float]:
    """Measure a table of counts, truth by prediction; as scikit-learn does, a class that nobody has has no recall."""
    right, truth, said = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    seen, either = truth > 0, (truth + said) > 0
    return {
        "accuracy": float(right.sum() / table.sum()),
        "balanced_accuracy": float((right[seen] / truth[seen]).mean()),
        "f1_macro": float((2 * right[either] / (truth + said)[either]).mean()),
    }
