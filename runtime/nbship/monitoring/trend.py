"""When will a measure matter? Its windows extrapolated to a threshold, with an interval; stated only if it deserves it.

**Fit.** Weighted least squares of the measure over time, weights the rows of each window. PSI is taken by its square
root: for a shift by d standard deviations it is d squared, so that what moves steadily is a line in the root.
The date is where the line meets the threshold, the interval where the 90 % prediction band of a window's value does
(inverse prediction: Draper and Smith, Applied Regression Analysis, 3rd ed. 1998, section 3.2).

**Criterion.** A date is stated only where

* there are at least eight windows with enough rows (`LEAST_WINDOWS`);
* there is a monotone trend: Mann-Kendall, p at most 0.01, upwards (Mann 1945; Kendall 1975);
* the line is known well enough to be inverted: Fieller's g = (t * se / slope)**2 is at most 0.2 (Fieller 1954; Draper
  and Smith ask for less than about 0.2, else the interval is lopsided or no interval);
* it is a line: a quadratic term adds nothing (its p is above 0.01);
* the date lies no further ahead than what has been seen is long. This one is a convention of ours.

Where one fails, `Refusal` says which. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from nbship.alerts.lifecycle import Observation
from nbship.drift import MIN_ROWS
from nbship.monitoring.judging import Judgement

LEAST_WINDOWS = 8
MOST_WINDOWS = 60
TREND_P = 0.01
BENT_P = 0.01
FIELLER_G = 0.2
#: How sure the interval is.
COVERAGE = 0.9
_ROOTED = frozenset({"psi"})

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A measure in one window: when its middle was, and how many rows it had."""

    at: datetime
    value: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A measure that reaches a threshold: in how many days from the last window, and the earliest and latest."""

    feature: str
    measure: str
    threshold: float
    days: float
    earliest: float
    latest: float
    windows: int

    def __str__(self) -> str:
        """Say it as people do."""
        span = f"{_days(self.earliest)} to {_days(self.latest)}"
        return f"{self.feature} reaches critical in {_days(self.days)} days, {span}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why no date is stated; ``known`` is False where there is too little to tell."""

    feature: str
    reason: str
    known: bool = True


def _days(days: float) -> str:
    return f"{days:.0f}" if days >= 1 or days == 0 else f"{days:.1g}"


def forecast(points: Sequence[Point], threshold: float, *, feature: str, measure: str) -> Forecast | Refusal:
    """Extrapolate a measure to a threshold.

    >>> from datetime import UTC
    >>> days = [datetime(2026, 5, day, tzinfo=UTC) for day in range(1, 13)]
    >>> wobble = [0.001, -0.001, 0.0] * 4
    >>> seen = [Point(at=d, value=0.01 * n + w, rows=500) for n, (d, w) in enumerate(zip(days, wobble))]
    >>> print(forecast(seen, 0.2, feature="temp", measure="missing"))
    temp reaches critical in 9 days, 9 to 9
    """
    known = [point for point in points if point.rows >= MIN_ROWS and math.isfinite(point.value)][
        -MOST_WINDOWS:
    ]
    if len(known) < LEAST_WINDOWS:
        reason = f"{len(known)} windows are too few, {LEAST_WINDOWS} are needed"
        return Refusal(feature=feature, reason=reason, known=False)
    if known[-1].value >= threshold:
        return Refusal(feature=feature, reason="the threshold is reached")
    last = known[-1].at
    x = np.array([(point.at - last).total_seconds() / 86_400 for point in known])
    y = np.array([point.value for point in known])
    if measure in _ROOTED:
        y, goal = np.sqrt(np.maximum(y, 0.0)), math.sqrt(threshold)
    else:
        goal = threshold
    line = _Line(x, y, np.array([float(point.rows) for point in known]))
    undeserved = _undeserved(x, y, line)
    if undeserved is not None:
        return Refusal(feature=feature, reason=undeserved)
    days = line.meets(goal)
    if not 0 < days <= -float(x[0]):
        ahead = "further ahead than what has been seen" if days > 0 else "past already by the line"
        return Refusal(feature=feature, reason=f"the threshold is {ahead}")
    earliest, latest = line.band_meets(goal)
    return Forecast(
        feature=feature,
        measure=measure,
        threshold=threshold,
        days=days,
        earliest=max(0.0, earliest),
        latest=latest,
        windows=len(known),
    )


def _undeserved(x: Floats, y: Floats, line: _Line) -> str | None:
    from scipy import stats

    found: Any = stats.kendalltau(x, y, alternative="greater")
    if not found.pvalue <= TREND_P:  # a constant measure has no p at all
        return f"there is no trend upwards (Mann-Kendall p = {found.pvalue:.2g})"
    if line.slope <= 0 or line.g > FIELLER_G:
        return "the slope is too uncertain to extrapolate"
    if (bent := line.bent()) <= BENT_P:
        return f"it is no line (p of the quadratic term = {bent:.2g})"
    return None


class _Line:
    """A weighted line; weights are scaled to a mean of 1, so that a coming window is taken to be a usual one."""

    def __init__(self, x: Floats, y: Floats, weights: Floats) -> None:
        from scipy import special

        self._x, self._y, self._w = x, y, weights / weights.mean()
        self._n = len(x)
        self._total = float(self._w.sum())
        self._middle = float((self._w * x).sum() / self._total)
        self._level = float((self._w * y).sum() / self._total)
        away = x - self._middle
        self._spread = float((self._w * away**2).sum())
        self.slope = float((self._w * away * y).sum() / self._spread)
        rest = y - self._level - self.slope * away
        self._variance = float((self._w * rest**2).sum() / (self._n - 2))
        self._t = float(special.stdtrit(self._n - 2, 1 - (1 - COVERAGE) / 2))

    @property
    def g(self) -> float:
        """Fieller's g: the squared ratio of the slope's half interval to the slope."""
        return self._t**2 * self._variance / self._spread / self.slope**2

    def meets(self, goal: float) -> float:
        """Where the line is at ``goal``."""
        return self._middle + (goal - self._level) / self.slope

    def band_meets(self, goal: float) -> tuple[float, float]:
        """Where the upper and the lower edge of the prediction band are at ``goal``: the roots of Fieller's parabola."""
        up = goal - self._level
        scale = self._t**2 * self._variance
        a = self.slope**2 - scale / self._spread
        c = up**2 - scale * (1 + 1 / self._total)
        root = math.sqrt(max(0.0, (self.slope * up) ** 2 - a * c))
        return self._middle + (self.slope * up - root) / a, self._middle + (self.slope * up + root) / a

    def bent(self) -> float:
        """The p of a quadratic term beside the line; 1 where the line is exact."""
        from scipy import special

        weights = np.sqrt(self._w)
        columns = np.stack([np.ones(self._n), self._x, self._x**2], axis=1) * weights[:, None]
        found, *_ = np.linalg.lstsq(columns, self._y * weights, rcond=None)
        rest = float(((self._y * weights - columns @ found) ** 2).sum())
        before = self._variance * (self._n - 2)
        if rest <= 1e-12 * float((self._w * (self._y - self._level) ** 2).sum()):
            return 1.0 if before <= rest * (1 + 1e-9) + 1e-24 else 0.0
        freedom = self._n - 3
        return float(special.fdtrc(1, freedom, max(0.0, before - rest) / (rest / freedom)))


def forecasts(history: Sequence[Judgement]) -> list[Forecast | Refusal]:
    """Extrapolate the deciding measure of each input of the last window to its critical threshold."""
    dated = [item for item in history if item.start is not None and item.end is not None]
    if not dated:
        return []
    found: list[Forecast | Refusal] = []
    for feature in dated[-1].inputs.features:
        decisive = feature.decisive
        if decisive is None or decisive.thresholds is None:
            continue
        points = [
            point for item in dated if (point := _point(item, feature.feature, decisive.name)) is not None
        ]
        found.append(
            forecast(points, decisive.thresholds[-1], feature=feature.feature, measure=decisive.name)
        )
    return found


def observations(found: Sequence[Forecast | Refusal]) -> list[Observation]:
    """Say what forecasts mean to the rule ``trend``: a stated date is a warning, as there is still time."""
    return [
        Observation(rule="trend", subject=item.feature, tier="warning", reason=str(item))
        if isinstance(item, Forecast)
        else Observation(rule="trend", subject=item.feature, tier=None, reason=item.reason, known=item.known)
        for item in found
    ]


def _point(judgement: Judgement, feature: str, measure: str) -> Point | None:
    there = judgement.inputs.feature(feature)
    test = there.test(measure) if there is not None else None
    if test is None or test.value is None or judgement.start is None or judgement.end is None:
        return None
    start, end = (datetime.fromisoformat(text) for text in (judgement.start, judgement.end))
    middle: timedelta = (end - start) / 2
    return Point(at=start + middle, value=test.value, rows=judgement.rows)
