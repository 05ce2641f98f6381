"""Measures of difference between two counted samples, and the laws they follow when nothing has changed.

Arrays of counts share their bins. Every function is pure and takes plain numpy arrays.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import special

from nbship.profile import FENCED, ColumnProfile
from nbship.profile.distinct import ERROR

Counts = np.ndarray[Any, np.dtype[Any]]

#: The share that stands for an empty bin, so that the logarithm stays finite.
EMPTY_SHARE = 1e-4
#: How many laws are remembered: the columns of a table mostly share theirs, which depends on the numbers of rows alone.
_LAWS = 1024


def shares(counts: Counts) -> Counts:
    """Give counts as shares of their sum; all zero where there is nothing."""
    total = counts.sum()
    return counts / (total or 1)


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index in nats: ``sum((q - p) * ln(q / p))``; 0 is equal.

    Shares below 1e-4 count as 1e-4; they are not scaled anew. Source: Siddiqi, Credit Risk Scorecards (2006), ch. 6.

    >>> round(psi(np.array([20, 20, 20, 20, 20]), np.array([10, 15, 20, 25, 30])), 12)
    0.135402510055
    """
    p = np.maximum(shares(reference), EMPTY_SHARE)
    q = np.maximum(shares(current), EMPTY_SHARE)
    return float(np.sum((q - p) * np.log(q / p)))


@lru_cache(maxsize=_LAWS)
def psi_null(probability: float, bins: int, n: int, m: int) -> float:
    """Give the PSI that unchanged data stays under with this probability: ``(1/n + 1/m) * chi2(bins - 1)``.

    Source: Yurdakul, Statistical Properties of Population Stability Index (Western Michigan University, 2018).
    """
    if bins <= 1 or n == 0 or m == 0:
        return 0.0
    return float((1 / n + 1 / m) * special.chdtri(bins - 1, 1 - probability))


def psi_p_value(value: float, bins: int, n: int, m: int) -> float | None:
    """Give the probability of a PSI of at least ``value`` where nothing has changed; None where it has no law."""
    if bins <= 1 or n == 0 or m == 0:
        return None
    return float(special.chdtrc(bins - 1, value / (1 / n + 1 / m)))


class SmallSample:
    """The law of PSI where bins are so thinly filled that the asymptotic one is too narrow: 20,000 draws of it.

    Both samples are drawn from the reference's shares, always with the same seed, so that the same counts are
    always judged alike. An empty bin alone adds up to 0.7 to the PSI of 50 rows, and one in twenty such windows
    has one.
    """

    DRAWS = 20_000

    def __init__(self, reference: Counts, n: int, m: int) -> None:
        rng = np.random.default_rng(20_180_401)
        p = shares(reference[reference > 0])
        p /= p.sum()
        before = np.maximum(rng.multinomial(n, p, self.DRAWS) / n, EMPTY_SHARE)
        now = np.maximum(rng.multinomial(m, p, self.DRAWS) / m, EMPTY_SHARE)
        self._values = np.sort(((now - before) * np.log(now / before)).sum(axis=1))

    def null(self, probability: float) -> float:
        """Give the PSI that unchanged data stays under with this probability.

        Beyond what the draws can show, one in a thousand, the tail goes on as an exponential one with the mean excess
        of the last per cent (peaks over threshold: Pickands, 1975, with shape 0).
        """
        last = 1 - 20 / self.DRAWS
        if probability <= last:
            return float(np.quantile(self._values, probability))
        begin = float(np.quantile(self._values, 0.99))
        excess = float((self._values[self._values > begin] - begin).mean())
        return float(np.quantile(self._values, last)) + excess * float(np.log((1 - last) / (1 - probability)))

    def p_value(self, value: float) -> float:
        """Give the probability of a PSI of at least ``value``; never 0, which draws cannot show."""
        above = self.DRAWS - int(np.searchsorted(self._values, value, side="left"))
        return (above + 1) / (self.DRAWS + 1)


@lru_cache(maxsize=64)
def small_sample(reference: tuple[int, ...], n: int, m: int) -> SmallSample:
    """Give the law for these counts; deciles are mostly alike, so that the columns of a table share it."""
    return SmallSample(np.asarray(reference), n, m)


def is_thin(reference: Counts, n: int, m: int) -> bool:
    """Tell whether the asymptotic law of PSI is too narrow: fewer than 20 expected in a bin of few rows."""
    filled = reference[reference > 0]
    if len(filled) <= 1 or min(n, m) == 0 or min(n, m) > 2000:  # noqa: PLR2004  # from there on rare bins weigh little
        return False
    return bool(min(n, m) * filled.min() / reference.sum() < 20)  # noqa: PLR2004  # as the line above says


def js(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance (the square root of the divergence), base 2: 0 is equal, 1 has nothing in common.

    Source: Lin, IEEE Trans. Inf. Theory 37 (1991); Endres and Schindelin (2003) for the distance.

    >>> js(np.array([1, 0, 0]), np.array([0, 1, 0]))
    1.0
    """
    p, q = shares(reference), shares(current)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0) / np.log(2)))


def _relative_entropy(p: Counts, q: Counts) -> float:
    return float(special.rel_entr(p, q).sum())


@lru_cache(maxsize=_LAWS)
def js_null(probability: float, bins: int, n: int, m: int) -> float:
    """Give the JS distance that unchanged data stays under with this probability.

    For close shares the divergence tends to PSI / 8 nats, so its law follows from that of PSI.
    """
    return float(np.sqrt(psi_null(probability, bins, n, m) / (8 * np.log(2))))


def ks(reference: Counts, current: Counts) -> tuple[float, float]:
    """Kolmogorov-Smirnov statistic at the bins' edges, and how far below the true one it can be at most.

    Between two edges both distribution functions only rise, so the true statistic exceeds the one at the edges by no
    more than the larger share of the fullest bin; the bound given is that share.
    """
    p, q = shares(reference), shares(current)
    statistic = float(np.abs(np.cumsum(p) - np.cumsum(q)).max(initial=0.0))
    bound = float(np.maximum(p, q).max(initial=0.0))
    return statistic, min(bound, 1.0 - statistic)


@lru_cache(maxsize=_LAWS)
def ks_null(probability: float, n: int, m: int) -> float:
    """Give the statistic that unchanged data stays under with this probability (Smirnov's asymptotic law)."""
    if n == 0 or m == 0:
        return 0.0
    return float(special.kolmogi(1 - probability) * np.sqrt(1 / n + 1 / m))


def chi2(reference: Counts, current: Counts) -> tuple[float, float | None, int]:
    """Pearson's chi-squared for two samples of categories: statistic, p-value and the bins that hold anything.

    Equal to ``scipy.stats.chi2_contingency([reference, current], correction=False)``.
    """
    table = np.array([reference, current], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    bins = table.shape[1]
    if bins < 2 or not rows.all():  # noqa: PLR2004  # one bin has no freedom
        return 0.0, None, bins
    expected = rows * columns / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(special.chdtrc(bins - 1, statistic)), bins


def two_shares_p_value(hits: int, n: int, other_hits: int, m: int) -> float | None:
    """Give the two-sided p-value of two shares being one, by the pooled normal law; None where it has no law."""
    if n == 0 or m == 0:
        return None
    pooled = (hits + other_hits) / (n + m)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    if spread == 0:
        return 1.0
    z = abs(hits / n - other_hits / m) / spread
    return float(special.erfc(z / np.sqrt(2)))


def two_shares_null(probability: float, hits: int, n: int, other_hits: int, m: int) -> float:
    """Give the difference of two shares that chance stays under with this probability.

    The normal law where 20 hits and more are expected on either side; else the binomial one: given all hits, each is
    in the second sample with probability ``m / (n + m)`` (a little wider than Fisher's exact law).
    """
    total = hits + other_hits
    if n == 0 or m == 0 or total == 0:
        return 0.0
    level = (1 - probability) / 2
    share = m / (n + m)
    if min(share, 1 - share) * min(total, n + m - total) >= _MANY:
        pooled = total / (n + m)
        spread = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        return float(-special.ndtri(level) * spread)
    counts = _plausible(total, share)
    if other_hits / m >= hits / n:
        usual = counts[special.bdtrc(counts, total, share) >= level]  # as many and more are no surprise
        most = usual[-1] + 1 if len(usual) else 0
        return float(most / m - (total - most) / n)
    usual = counts[special.bdtr(counts, total, share) <= level]
    least = usual[-1] + 1 if len(usual) else 0
    return float((total - least) / n - least / m)


def _plausible(most: int, share: float, *, of: int | None = None) -> Counts:
    """Give the counts of hits up to twelve deviations above those expected: what lies beyond has no probability."""
    expected = (most if of is None else of) * share
    return np.arange(min(most, int(expected + 12 * np.sqrt(expected) + 40)) + 1)


#: From so many expected hits on the normal law is as good as the exact one.
_MANY = 20


def newcomers_null(probability: float, once: int, n: int, new: int, m: int) -> float:
    """Give the share of new values that chance stays under with this probability.

    ``once`` rows of the reference hold values that no other has. Were nothing new, each of those and of the ``new``
    rows would be as likely to be in the one sample as in the other.
    """
    if n == 0 or m == 0 or new == 0:
        return 0.0
    total, share = once + new, m / (n + m)
    counts = _plausible(new, share, of=total)
    usual = counts[special.bdtrc(counts - 1, total, share) > 1 - probability]
    return float(usual[-1] / m)


@lru_cache(maxsize=_LAWS)
def range_null(probability: float, n: int, m: int) -> float:
    """Give the share outside the reference's range that chance stays under with this probability.

    The rows above the reference's greatest are the longest run of current ones from the top of both together; that and
    the run from the bottom are about geometric with ratio ``r = m / (n + m)``, so their sum is at least ``k`` with
    probability ``r**k * (1 + k * (1 - r))``.
    """
    if n == 0 or m == 0:
        return 0.0
    ratio = m / (n + m)
    k = np.arange(min(m, int(-60 / np.log(ratio)) + 1) + 1)  # e**-60 is nothing to any level
    usual = k[np.exp(k * np.log(ratio)) * (1 + k * (1 - ratio)) > 1 - probability]
    return float(usual[-1] / m)


def uniqueness_null(probability: float, repeated: float, longer: float) -> float:
    """Give the fall of the share of distinct values that chance stays under with this probability.

    ``repeated`` is the share of the reference that seems to come again, which is as wrong as its sketch, and
    ``longer`` how many times its rows the window has: in a longer one of the same pool as much more comes again.
    """
    error = ERROR * math.hypot(longer, 1.0)
    return float(min(repeated * (longer - 1) - special.ndtri(1 - probability) * error, 1.0))


def is_cut_at(column: ColumnProfile, low: float | None, high: float | None) -> bool:
    """Whether the bins tell what is below ``low`` and above ``high``; profiles of an earlier make do not."""
    if low is None or high is None:
        return False
    places = _place(column, math.nextafter(low, -math.inf)), _place(column, high)
    return None not in places


def beyond(column: ColumnProfile, low: float | None, high: float | None) -> int:
    """Count the values below ``low`` or above ``high``, where the bins are cut (`is_cut_at`)."""
    assert low is not None
    assert high is not None
    first, last = _place(column, math.nextafter(low, -math.inf)), _place(column, high)
    assert first is not None
    assert last is not None
    return sum(column.counts[: first + 1]) + sum(column.counts[last + 1 :])


def _place(column: ColumnProfile, edge: float) -> int | None:
    """Give where an edge stands; None where the bins are not cut there."""
    place = bisect_left(column.edges, edge)
    return place if place < len(column.edges) and column.edges[place] == edge else None


def spread(column: ColumnProfile) -> float:
    """Give a number's standard deviation by its middle half, the interquartile range / 1.349; 0 where it has none."""
    return (column.fences[1] - column.fences[0]) / FENCED / 1.349 if column.fences else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """The area between two distribution functions, in robust standard deviations of the first: `value`."""

    value: float
    roughness: float

    @classmethod
    def between(cls, reference: ColumnProfile, current: ColumnProfile, counts: tuple[Counts, Counts]) -> Area:
        """Integrate over the bins, which hold these counts; the outer two reach as far as values do."""
        ends = [
            end
            for column in (reference, current)
            for end in (column.minimum, column.maximum)
            if end is not None
        ]
        low, high, edges = min(ends), max(ends), np.asarray(reference.edges)
        inside = slice(edges.searchsorted(low, side="right"), edges.searchsorted(high))
        places = np.concatenate([[low], edges[inside], [high]])
        weights = (
            (places[2:] - places[:-2]) / 2 / spread(reference)
        )  # trapezoids; the functions meet at the ends
        before, now = (np.cumsum(shares(each))[:-1][inside] for each in counts)
        return cls(
            value=float(weights @ np.abs(before - now)),
            roughness=float(weights @ np.sqrt(np.clip(before * (1 - before), 0, None))),
        )

    def null(self, probability: float, n: int, m: int) -> float:
        """Give a distance that unchanged data stays under with at least this probability.

        The area is that under a Brownian bridge's modulus: its mean is ``sqrt(2 / pi)`` times the integral of
        ``sqrt(F (1 - F))``, and it exceeds the mean by ``sqrt(2 ln(1 / (1 - probability)))`` times that integral at
        most (the inequality of Borell and Tsirelson, Ibragimov, Sudakov).
        """
        reach = np.sqrt(2 / np.pi) + np.sqrt(-2 * np.log(1 - probability))
        return float(self.roughness * reach * np.sqrt(1 / n + 1 / m))
