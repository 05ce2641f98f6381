"""Confidence bounds that hold at every moment, however often one looks: rates, quantiles, means. Pure.

A rollout looks at its evidence every minute and would stop at the first luck, so that an interval for one look at a
fixed number of rows means nothing here. These are *confidence sequences*: the probability that the truth is ever
outside, at any number of rows, is at most ``alpha``.

==========  =====================================================================  ============
of          by                                                                     source
==========  =====================================================================  ============
a rate      the beta-binomial mixture martingale, inverted; exact                  [1]_, [2]_
a quantile  order statistics, the rate of rows below it being known; exact         [3]_
a mean      the normal mixture; asymptotic, for any law of finite variance         [4]_
==========  =====================================================================  ============

All take rows to be independent of one another. Where a second of trouble fails a hundred requests at once they are
not, and a bound is narrower than it should be.

.. [1] H. Robbins, Statistical methods related to the law of the iterated logarithm, Ann. Math. Stat. 41 (1970).
.. [2] S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, Time-uniform, nonparametric, nonasymptotic confidence
   sequences, Ann. Stat. 49 (2021).
.. [3] S. Howard, A. Ramdas, Sequential estimation of quantiles with applications to A/B testing and best-arm
   identification, Bernoulli 28 (2022).
.. [4] I. Waudby-Smith, D. Arbour, R. Sinha, E. Kennedy, A. Ramdas, Time-uniform central limit theory and asymptotic
   confidence sequences, Ann. Stat. 52 (2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

#: Halvings of an interval: what is left is below the 1e-12 of its length.
_HALVINGS = 40
#: So many rows are where the bound of a mean is tightest.
_TUNED_FOR = 1000


class Ascending(Protocol):
    """Numbers in ascending order: a list, an array, a range."""

    def __len__(self) -> int:
        """Tell how many."""
        ...

    def __getitem__(self, place: int, /) -> float:
        """Give one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """An interval that the truth is in; infinite where too few rows say nothing."""

    low: float
    high: float


def of_rate(hits: int, rows: int, *, alpha: float) -> Bounds:
    """Bound the probability of a hit, having seen ``hits`` in ``rows``.

    >>> seen = of_rate(0, 1000, alpha=0.05)
    >>> seen.low, round(seen.high, 4)
    (0.0, 0.007)
    """
    if rows == 0:
        return Bounds(low=0.0, high=1.0)

    def outside(p: float) -> bool:
        return _evidence(hits, rows, p, 0.5, 0.5) >= -math.log(alpha)

    middle = hits / rows
    low = 0.0 if hits == 0 else _edge(outside, 0.0, middle)
    high = 1.0 if hits == rows else _edge(outside, 1.0, middle)
    return Bounds(low=low, high=high)


def of_quantile(ascending: Ascending, q: float, *, alpha: float) -> Bounds:
    """Bound the quantile ``q`` of what was drawn, given in ascending order.

    >>> of_quantile(range(10_000), 0.99, alpha=0.05)
    Bounds(low=9864.0, high=9931.0)
    """
    rows = len(ascending)
    below = _counts(rows, q, alpha)
    low = float(ascending[below[0] - 1]) if below[0] else -math.inf
    high = float(ascending[below[1]]) if below[1] < rows else math.inf
    return Bounds(low=low, high=high)


def of_mean(mean: float, deviation: float, rows: int, *, alpha: float) -> Bounds:
    """Bound a mean by that of ``rows`` values with their standard deviation.

    >>> of_mean(0.0, 1.0, 10_000, alpha=0.05)
    Bounds(low=-0.03..., high=0.03...)
    """
    if rows == 0:
        return Bounds(low=-math.inf, high=math.inf)
    sure = -2 * math.log(alpha)
    weight = rows * (sure + math.log(sure + 1)) / _TUNED_FOR  # the mixture's variance, times the rows
    half = deviation * math.sqrt((weight + 1) / (weight * rows) * (sure + math.log(weight + 1)))
    return Bounds(low=mean - half, high=mean + half)


def _counts(rows: int, q: float, alpha: float) -> tuple[int, int]:
    """Give the least and the most rows that may lie below the quantile ``q``."""
    wanted = -math.log(alpha)

    def outside(count: float) -> bool:
        return _evidence(math.floor(count), rows, q, q * _PRIOR, (1 - q) * _PRIOR) >= wanted

    middle = math.floor(rows * q)
    low = 0 if not outside(0) else math.floor(_edge(outside, 0, middle)) + 1
    high = rows if not outside(rows) else math.floor(_edge(outside, rows + 1, middle))
    return low, high


#: The weight, in rows, of what is taken for granted of a rate that is known.
_PRIOR = 100.0


def _evidence(hits: int, rows: int, p: float, a: float, b: float) -> float:
    """Give the logarithm of the martingale that is 1 on average while hits come with probability ``p``.

    It is the likelihood of what was seen under rates drawn from Beta(a, b), over that under ``p``.
    """
    misses = rows - hits
    if (p <= 0 and hits) or (p >= 1 and misses):
        return math.inf
    mixed = _log_beta(a + hits, b + misses) - _log_beta(a, b)
    return mixed - (hits * math.log(p) if hits else 0.0) - (misses * math.log1p(-p) if misses else 0.0)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _edge(outside: Callable[[float], bool], far: float, near: float) -> float:
    """Give the last place that is outside on the way from ``far``, which is, to ``near``, which is not."""
    for _ in range(_HALVINGS):
        middle = (far + near) / 2
        if outside(middle):
            far = middle
        else:
            near = middle
    return far
