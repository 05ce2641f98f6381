"""The criteria as queries of Prometheus, over what `nbship serve` exposes. Pure.

A query gives one number: 1 where the challenger surely breaks the limit, -1 where it surely holds, 0 where neither is
sure. Prometheus has no confidence sequences; the number of looks is known here, so each look gets an equal part of what
may be wrong (Bonferroni), and the bounds are those for one look:

* of a rate: the score interval (Wilson, J. Am. Stat. Assoc. 22, 1927);
* of a quantile: the quantiles of the histogram at ``q`` plus and minus ``z * sqrt(q (1 - q) / n)``, the normal
  approximation of the order statistics' ranks; within a bucket Prometheus interpolates.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from nbship.rollout.settings import Criteria

_REQUESTS = "nbship_prediction_requests_total"
_SECONDS = "nbship_prediction_duration_seconds_bucket"
#: Tests of one look: errors, median, 99th percentile.
TESTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The labels that tell one version's series from the other's, as they stand between braces."""

    labels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sure:
    """How many standard deviations make a bound, for failing and for passing."""

    fail: float
    passing: float


def sure(criteria: Criteria, *, steps: int, looks: int) -> Sure:
    """Give the deviations: both sides of a comparison, each test, look and step have an equal part.

    >>> round(sure(Criteria(), steps=3, looks=10).fail, 2)
    3.45
    """
    rest = 1 - criteria.confidence
    normal = NormalDist()
    return Sure(
        fail=normal.inv_cdf(1 - rest / (2 * TESTS * looks * steps)),
        passing=normal.inv_cdf(1 - rest / (2 * looks)),
    )


def errors(challenger: Side, champion: Side, criteria: Criteria, z: Sure, window: str) -> str:
    """Give the query of the errors."""
    mine, theirs = _Rate.of(challenger, window), _Rate.of(champion, window)
    fails = f"({mine.low(z.fail)} - {theirs.high(z.fail)} > bool {_number(criteria.max_error_increase)})"
    holds = (
        f"({mine.high(z.passing)} - {theirs.low(z.passing)} <= bool {_number(criteria.max_error_increase)})"
    )
    return f"{fails}\n- {holds} * {_enough(mine.rows, theirs.rows, criteria)}\n"


def latency(challenger: Side, champion: Side, criteria: Criteria, z: Sure, window: str, q: float) -> str:
    """Give the query of a quantile of the latency."""
    rows = [_rows(side, window) for side in (challenger, champion)]

    def bound(side: Side, count: str, deviations: float) -> str:
        place = f"{_number(q)} + {_number(deviations)} * sqrt({_number(q * (1 - q))} / {count})"
        buckets = f"sum by (le) (increase({_SECONDS}{{{side.labels}}}[{window}]))"
        return f"histogram_quantile(scalar({place}), {buckets})"

    def limit(seconds: str) -> str:
        ratio = f"{seconds} * {_number(criteria.max_latency_ratio)}"
        slack = f"{seconds} + {_number(criteria.latency_slack_s)}"
        return f"({ratio} >= {slack} or {slack})"

    fails = f"({bound(challenger, rows[0], -z.fail)} > bool {limit(bound(champion, rows[1], z.fail))})"
    holds = f"({bound(challenger, rows[0], z.passing)} <= bool {limit(bound(champion, rows[1], -z.passing))})"
    return f"{fails}\n- {holds} * {_enough(rows[0], rows[1], criteria)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rate:
    failed: str
    rows: str

    @classmethod
    def of(cls, side: Side, window: str) -> _Rate:
        failed = f'sum(increase({_REQUESTS}{{{side.labels},outcome="error"}}[{window}]))'
        return cls(failed=f"({failed} or vector(0))", rows=_rows(side, window))

    def low(self, z: float) -> str:
        return self._bound("-", z)

    def high(self, z: float) -> str:
        return self._bound("+", z)

    def _bound(self, sign: str, z: float) -> str:
        x, n, square = self.failed, self.rows, _number(z * z)
        spread = f"sqrt({x} * ({n} - {x}) / {n} + {_number(z * z / 4)})"
        return f"({x} + {_number(z * z / 2)} {sign} {_number(z)} * {spread}) / ({n} + {square})"


def _rows(side: Side, window: str) -> str:
    return f'sum(increase({_REQUESTS}{{{side.labels},outcome!="rejected"}}[{window}]))'


def _enough(mine: str, theirs: str, criteria: Criteria) -> str:
    return f"({mine} >= bool {criteria.min_requests}) * ({theirs} >= bool {criteria.min_requests})"


def _number(value: float) -> str:
    return f"{value:.10g}"
