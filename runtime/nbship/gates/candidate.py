"""What is judged of a run: labels and predictions as vectors in the same terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbship.gates import metrics
from nbship.gates.metrics import Task

__all__ = ["Candidate", "candidate_of", "in_terms_of", "kept_of"]

_ROLES = ("features", "labels", "predictions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a model said of its held-out rows, and what would have been right."""

    task: Task
    features: Any
    labels: NDArray[Any]
    predicted: NDArray[Any]


def kept_of(results: Any, evaluation: Mapping[str, str]) -> dict[str, Any]:
    """Take what is judged out of Results; where it has no predictions, its model makes them."""
    kept = {role: getattr(results, evaluation[role], None) for role in _ROLES if role in evaluation}
    model = getattr(results, evaluation.get("model", ""), None)
    if kept.get("predictions") is None and model is not None and kept.get("features") is not None:
        kept["predictions"] = model.predict(kept["features"])
    return kept


def candidate_of(kept: Mapping[str, Any], named: str) -> Candidate | str:
    """Give what is to be judged, or in words why it cannot be."""
    if kept.get("labels") is None or kept.get("predictions") is None:
        return "the run gives no labels or no predictions"
    labels = _one_dimensional(kept["labels"])
    predicted = in_terms_of(kept["predictions"], labels)
    if len(labels) != len(predicted):
        return f"there are {len(labels):,} labels and {len(predicted):,} predictions"
    if not len(labels):
        return "there are no held-out rows"
    task = metrics.task_of(named, labels)
    if task is None:
        return "clusters have no labels to be judged by"
    if task == "regression" and (labels.dtype.kind in "OUS" or predicted.dtype.kind in "OUS"):
        return "the labels are no numbers"
    return Candidate(task=task, features=kept.get("features"), labels=labels, predicted=predicted)


def _one_dimensional(values: Any) -> NDArray[Any]:
    """Give labels as a vector; one-hot rows as the number of their column."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] > 1:  # noqa: PLR2004  # rows by classes
        return np.asarray(array.argmax(axis=1))
    return array.ravel()


def in_terms_of(values: Any, labels: NDArray[Any]) -> NDArray[Any]:
    """Give predictions in the labels' own terms; probabilities become classes where the labels are whole numbers."""
    array = _one_dimensional(values)
    are_classes = labels.dtype.kind in "biu" and len(np.unique(labels)) == 2  # noqa: PLR2004  # yes and no
    if are_classes and array.dtype.kind == "f" and array.size and array.min() >= 0 and array.max() <= 1:
        return np.asarray(array >= 0.5).astype(labels.dtype)  # noqa: PLR2004  # more likely than not
    return array
