"""The one metric that a version is known by, and how it compares with another version's. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal

from nbship.state.documents import KeyMetric

#: What people look at first, in this order; matched against the end of a metric's name.
_FIRST = (
    "auc",
    "roc_auc",
    "f1",
    "f1_macro",
    "balanced_accuracy",
    "accuracy",
    "r2",
    "mae",
    "rmse",
    "mse",
    "log_loss",
)
_LOWER = re.compile(
    r"(^|_)(mae|mse|rmse|mape|smape|rmsle|error|loss|log_loss|logloss|deviance|brier|perplexity|aic|bic)($|_)"
)
_HIGHER = re.compile(
    r"(^|_)(auc|roc|f1|f_beta|accuracy|acc|precision|recall|r2|score|ap|ndcg|map|kappa|mcc|specificity|sensitivity|silhouette|explained_variance)($|_)"
)
Metrics = Mapping[int, Mapping[str, float]]


def better(name: str) -> Literal["higher", "lower"] | None:
    """Tell from a metric's name which way is up, None where the name says nothing.

    >>> better("val_rmse"), better("ROC AUC"), better("riders")
    ('lower', 'higher', None)
    """
    plain = re.sub(r"\W+", "_", name.lower())
    if _LOWER.search(plain):
        return "lower"
    return "higher" if _HIGHER.search(plain) else None


def key_name(metrics: Metrics, champion: int | None) -> str | None:
    """Give the name of the metric that versions are compared by: one of the champion's, else of the newest's."""
    newest = max((number for number, found in metrics.items() if found), default=None)
    named = metrics.get(champion if champion is not None and metrics.get(champion) else newest or 0, {})
    known = sorted(name for name, value in named.items() if math.isfinite(value))
    return min(known, key=lambda name: (_place(name), name), default=None)


def _place(name: str) -> int:
    plain = re.sub(r"\W+", "_", name.lower())
    places = (place for place, word in enumerate(_FIRST) if plain == word or plain.endswith(f"_{word}"))
    return next(places, len(_FIRST))


def key_metric_of(name: str | None, metrics: Metrics, version: int, against: int | None) -> KeyMetric | None:
    """Give the metric of a version and its change against another; None where the version does not have it."""
    value = metrics[version].get(name) if name is not None else None
    if name is None or value is None or not math.isfinite(value):
        return None
    other = metrics.get(against, {}).get(name) if against is not None and against != version else None
    comparable = other is not None and math.isfinite(other)
    return KeyMetric(
        name=name,
        value=value,
        better=better(name),
        change=value - other if comparable and other is not None else None,
        against=against if comparable else None,
    )
