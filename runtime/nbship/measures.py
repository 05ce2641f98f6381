"""Measures of difference between two counted samples, and the laws they follow when nothing has changed.

Arrays of counts share their bins. Every function is pure and takes plain numpy arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

Counts = np.ndarray[Any, np.dtype[Any]]

#: The share that stands for an empty bin, so that the logarithm stays finite.
EMPTY_SHARE = 1e-4


def shares(counts: Counts) -> Counts:
    """Give counts as shares of their sum; all zero where there is nothing."""
    total = counts.sum()
    return counts / total if total else np.zeros(len(counts))


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index in nats: ``sum((q - p) * ln(q / p))``; 0 is equal.

    Shares below 1e-4 count as 1e-4; they are not scaled anew. Source: Siddiqi, Credit Risk Scorecards (2006), ch. 6.

    >>> round(psi(np.array([20, 20, 20, 20, 20]), np.array([10, 15, 20, 25, 30])), 12)
    0.135402510055
    """
    p = np.maximum(shares(reference), EMPTY_SHARE)
    q = np.maximum(shares(current), EMPTY_SHARE)
    return float(np.sum((q - p) * np.log(q / p)))


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
        p = shares(reference[reference > 0]).astype(np.float64)
        p /= p.sum()
        before = np.maximum(rng.multinomial(n, p, self.DRAWS) / n, EMPTY_SHARE)
        now = np.maximum(rng.multinomial(m, p, self.DRAWS) / m, EMPTY_SHARE)
        self._values = np.sort(((now - before) * np.log(now / before)).sum(axis=1))

    def null(self, probability: float) -> float:
        """Give the PSI that unchanged data stays under with this probability."""
        return float(np.quantile(self._values, probability))

    def p_value(self, value: float) -> float:
        """Give the probability of a PSI of at least ``value``; never 0, which draws cannot show."""
        above = self.DRAWS - int(np.searchsorted(self._values, value, side="left"))
        return (above + 1) / (self.DRAWS + 1)


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
    """Give the difference of two shares that chance stays under with this probability."""
    if n == 0 or m == 0:
        return 0.0
    pooled = (hits + other_hits) / (n + m)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return float(special.ndtri(1 - (1 - probability) / 2) * spread)
