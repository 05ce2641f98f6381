"""How right the answers were, each figure with its interval; and an estimate while nobody knows. Pure.

===========  =======================================================  ==========================================
figure       interval                                                 source
===========  =======================================================  ==========================================
accuracy     exact binomial                                           Clopper and Pearson, Biometrika 26 (1934)
precision    exact binomial, over what was called positive            as above
recall       exact binomial, over what is positive                    as above
roc_auc      normal, variance by placements                           DeLong et al., Biometrics 44 (1988)
brier        bootstrap, percentiles                                   Efron and Tibshirani (1993), chapter 13
mae, rmse    bootstrap, percentiles                                   as above
bias         bootstrap, percentiles; the mean of answer minus truth   as above
===========  =======================================================  ==========================================

Intervals are of 95 %. The bootstrap draws 1,000 times from a fixed seed: the same rows always give the same figures.

**Estimate.** For a classifier that gives probabilities, the share of right answers is expected to be the mean of the
probability of the class it chose; its spread is that of a sum of such coins, ``sqrt(sum p(1 - p)) / n``. That holds
only as far as the probabilities are calibrated, which labels can refute: Spiegelhalter's z (Statistics in Medicine 5,
1986) of the rows that have one. Where it does, no estimate is stated. It cannot see a change of the relation between
inputs and truth: only labels can.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Task = Literal["classification", "regression"]
Floats = np.ndarray[Any, np.dtype[np.float64]]

DRAWS = 1000
SEED = 19_930_513
#: Above so many rows the bootstrap of a mean is the normal law to three digits, and takes minutes.
MOST_DRAWN = 20_000
_ALPHA = 0.05
_CHUNK = 2_000_000
CALIBRATION_P = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with its interval, over so many rows."""

    name: str
    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What accuracy is expected to be, as far as probabilities hold; None, and why, where they do not."""

    accuracy: Figure | None
    note: str
    calibration_p: float | None = None


def task_of(truth: Sequence[Any], answers: Sequence[Any], *, with_probabilities: bool) -> Task:
    """Tell what is predicted by what the answers and the truth are: numbers with fractions are a regression.

    >>> task_of([1, 0], [0.3, 0.9], with_probabilities=False)
    'regression'
    """
    if with_probabilities or not all(isinstance(value, (int, float)) for value in (*truth, *answers)):
        return "classification"
    whole = all(isinstance(value, bool) or float(value).is_integer() for value in (*truth, *answers))
    return "classification" if whole else "regression"


def word(value: Any) -> str:
    """Give a class its one name: 1, 1.0 and "1" are the same class, as are True and "true".

    >>> word(1.0), word(True), word("yes")
    ('1', 'true', 'yes')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return text.lower() if text in {"True", "False"} else text


def share(name: str, hits: int, rows: int) -> Figure:
    """Give a share with its exact interval.

    >>> share("accuracy", 9, 10).low
    0.5549838829718047
    """
    from scipy import special

    low = float(special.betaincinv(hits, rows - hits + 1, _ALPHA / 2)) if hits else 0.0
    high = float(special.betaincinv(hits + 1, rows - hits, 1 - _ALPHA / 2)) if hits < rows else 1.0
    return Figure(name=name, value=hits / rows, low=low, high=high, rows=rows)


def classification(
    truth: Sequence[Any], answers: Sequence[Any], positive: Floats | None = None, name: str | None = None
) -> list[Figure]:
    """Give the figures of a classifier; with two classes and the probability of ``name``, those of that class too."""
    said, true = [word(value) for value in answers], [word(value) for value in truth]
    if not true:
        return []
    right = sum(a == b for a, b in zip(said, true, strict=True))
    found = [share("accuracy", right, len(true))]
    classes = sorted({*said, *true})
    if name is None or len(classes) > 2:  # noqa: PLR2004  # two classes, of which one is positive
        return found
    called, is_positive = np.array([a == name for a in said]), np.array([b == name for b in true])
    both = int((called & is_positive).sum())
    found += [share("precision", both, int(called.sum()))] if called.any() else []
    found += [share("recall", both, int(is_positive.sum()))] if is_positive.any() else []
    if positive is not None:
        found += _of_probabilities(positive, is_positive)
    return found


def _of_probabilities(positive: Floats, truth: np.ndarray[Any, Any]) -> list[Figure]:
    known = np.isfinite(positive)
    p, y = positive[known], truth[known]
    if not len(p):
        return []
    found = [_mean("brier", (p - y) ** 2)]
    return found + ([_auc(p, y)] if 0 < y.sum() < len(y) else [])


def _auc(score: Floats, positive: np.ndarray[Any, Any]) -> Figure:
    """Give the area under the ROC curve: by ranks, its variance by the placements of each class in the other."""
    from scipy.stats import rankdata

    m, n = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(score)
    mine, theirs = rankdata(score[positive]), rankdata(score[~positive])
    above = (ranks[positive] - mine) / n
    below = 1 - (ranks[~positive] - theirs) / m
    value = float(above.mean())
    parts = [
        float(np.var(side, ddof=1)) / len(side) if len(side) > 1 else math.inf for side in (above, below)
    ]
    half = 1.959964 * math.sqrt(sum(parts))
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Figure(name="roc_auc", value=value, low=low, high=high, rows=m + n)


def regression(truth: Floats, answers: Floats) -> list[Figure]:
    """Give the figures of a regression, over the rows where both are finite."""
    known = np.isfinite(truth) & np.isfinite(answers)
    error = answers[known] - truth[known]
    if not len(error):
        return []
    squares = _mean("rmse", error**2)
    root = Figure(
        name="rmse",
        value=math.sqrt(squares.value),
        low=math.sqrt(max(0.0, squares.low)),
        high=math.sqrt(squares.high),
        rows=squares.rows,
    )
    return [_mean("mae", np.abs(error)), root, _mean("bias", error)]


def _mean(name: str, values: Floats) -> Figure:
    rows, mean = len(values), float(values.mean())
    if rows > MOST_DRAWN:
        half = 1.959964 * float(values.std(ddof=1)) / math.sqrt(rows)
        return Figure(name=name, value=mean, low=mean - half, high=mean + half, rows=rows)
    rng = np.random.default_rng(SEED)
    at_once = max(1, _CHUNK // rows)
    drawn = [
        values[rng.integers(0, rows, (min(at_once, DRAWS - begin), rows))].mean(axis=1)
        for begin in range(0, DRAWS, at_once)
    ]
    low, high = np.quantile(np.concatenate(drawn), [_ALPHA / 2, 1 - _ALPHA / 2])
    return Figure(name=name, value=mean, low=float(low), high=float(high), rows=rows)


def estimate(chosen: Floats, *, labelled: Floats, right: np.ndarray[Any, Any]) -> Estimate:
    """Estimate accuracy from the probabilities of the chosen classes.

    ``labelled`` and ``right`` are, of the rows whose label has come, the probability and whether the answer was right.
    """
    p = chosen[np.isfinite(chosen)]
    if not len(p) or p.min() < 0 or p.max() > 1:
        return Estimate(accuracy=None, note="there are no probabilities to estimate from")
    p_value = calibration(labelled, right)
    if p_value is not None and p_value < CALIBRATION_P:
        note = f"no estimate: the labels there are say that probabilities are off (p = {p_value:.2g})"
        return Estimate(accuracy=None, note=note, calibration_p=p_value)
    mean, half = float(p.mean()), 1.959964 * math.sqrt(float((p * (1 - p)).sum())) / len(p)
    figure = Figure(
        name="accuracy", value=mean, low=max(0.0, mean - half), high=min(1.0, mean + half), rows=len(p)
    )
    note = "as far as probabilities are calibrated" + (
        "" if p_value is not None else ", which no label has checked"
    )
    return Estimate(accuracy=figure, note=note, calibration_p=p_value)


def calibration(p: Floats, right: np.ndarray[Any, Any]) -> float | None:
    """Give the p of Spiegelhalter's z: small where probabilities and outcomes do not agree; None where it has no law."""
    from scipy import special

    known = np.isfinite(p)
    p, y = p[known], right[known].astype(np.float64)
    spread = float(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    if spread <= 0:
        return None
    z = float(((y - p) * (1 - 2 * p)).sum()) / math.sqrt(spread)
    return float(special.erfc(abs(z) / math.sqrt(2)))


def changes(errors: Sequence[float], *, delta: float = 0.002) -> list[int]:
    """Give the places where the error of a stream went up, by ADWIN.

    Source: Bifet and Gavalda, Learning from Time-Changing Data with Adaptive Windowing (SDM 2007); ``delta`` bounds
    the false alarms. Raises ModuleNotFoundError where river is not installed.
    """
    from river import drift

    untyped: Any = drift
    detector = untyped.ADWIN(delta=delta)
    found: list[int] = []
    for place, error in enumerate(errors):
        before = float(detector.estimation) if detector.width else 0.0
        detector.update(error)
        if detector.drift_detected and detector.estimation > before:
            found.append(place)
    return found
