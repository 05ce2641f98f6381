"""The tests of drift: each with its formula, its source, the sizes that are of interest, and its law under no change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol

import numpy as np
from scipy import special

from nbship.drift import measures
from nbship.drift.pair import Pair
from nbship.drift.report import Test, Thresholds
from nbship.model import Severity
from nbship.profile import NEARLY_UNIQUE, distinct

#: Fewer present values than this on one side are not judged.
MIN_ROWS = 50
#: How probable it is that an unchanged table stays under the info, warning and critical thresholds.
CONFIDENCE = (0.99, 0.999, 0.9999)

Confidence = tuple[float, float, float]


class DriftTest(Protocol):
    """One way of telling that a column has changed.

    ``name`` is the key in reports, ``label`` what a sentence calls it; ``sizes`` are the changes of interest (info,
    warning, critical); only a test that ``decides`` makes a feature severe.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    sizes: ClassVar[Thresholds]
    decides: ClassVar[bool]

    def applies(self, pair: Pair) -> bool:
        """Whether this test says anything of such a column."""
        ...

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure, against thresholds that chance stays under as surely as ``sure`` says."""
        ...


class PopulationStability:
    """``psi``: ``sum((q - p) * ln(q / p))`` in nats, over the reference's deciles or categories.

    An empty share counts as 1e-4; missing values are in no bin. Source: Siddiqi, Credit Risk Scorecards (2006), ch. 6;
    its law under no change: Yurdakul (2018), and by simulation where bins are thin.
    """

    name: ClassVar = "psi"
    label: ClassVar = "PSI"
    sizes: ClassVar[Thresholds] = (0.1, 0.2, 0.25)
    decides: ClassVar = True

    def applies(self, pair: Pair) -> bool:
        """Numbers, categories, booleans, and the lengths of texts; a time goes on by nature."""
        return _is_binned(pair)

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the index."""
        (p, q), (n, m) = pair.coarse, pair.counted
        if min(n, m) == 0:
            return _test(self, 0.0, self.sizes, rows=0)
        value, bins = measures.psi(p, q), int(np.count_nonzero(p + q))
        if measures.is_thin(p, n, m):
            law = measures.small_sample(tuple(p.tolist()), n, m)
            return _test(
                self, value, _limits(self, law.null, sure), rows=min(n, m), p_value=law.p_value(value)
            )
        limits = _limits(self, lambda level: measures.psi_null(level, bins, n, m), sure)
        return _test(self, value, limits, rows=min(n, m), p_value=measures.psi_p_value(value, bins, n, m))


class JensenShannon:
    """``js``: the Jensen-Shannon distance, base 2, over the same bins. Source: Endres and Schindelin (2003)."""

    name: ClassVar = "js"
    label: ClassVar = "Jensen-Shannon distance"
    sizes: ClassVar[Thresholds] = (0.1, 0.2, 0.3)
    decides: ClassVar = False

    def applies(self, pair: Pair) -> bool:
        """Where `PopulationStability` applies."""
        return _is_binned(pair)

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the distance."""
        (p, q), (n, m) = pair.coarse, pair.counted
        bins = int(np.count_nonzero(p + q))
        limits = _limits(self, lambda level: measures.js_null(level, bins, n, m), sure)
        return _test(self, measures.js(p, q) if min(n, m) else 0.0, limits, rows=min(n, m))


class KolmogorovSmirnov:
    """``ks``: the largest distance of the distribution functions at the bins' edges, with a stated bound.

    Binned counts have no p-value; where both samples are at hand `exact` gives it. Source: Smirnov (1948).
    """

    name: ClassVar = "ks"
    label: ClassVar = "Kolmogorov-Smirnov statistic"
    sizes: ClassVar[Thresholds] = (0.1, 0.2, 0.3)
    decides: ClassVar = False

    def applies(self, pair: Pair) -> bool:
        """Numbers, and the lengths of texts."""
        return _is_ordered(pair)

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the statistic."""
        n, m = pair.counted
        limits = _limits(self, lambda level: measures.ks_null(level, n, m), sure)
        if min(n, m) == 0:
            return _test(self, 0.0, limits, rows=0)
        value, bound = measures.ks(*pair.fine)
        return _test(self, value, limits, rows=min(n, m), bound=bound)


class Wasserstein:
    """``wasserstein``: the area between the distribution functions, in standard deviations of the reference.

    The deviation is the robust one, the reference's interquartile range / 1.349. Values lie evenly within a bin.
    Source: Vallender (1974); its bound under no change: `measures.wasserstein_null`.
    """

    name: ClassVar = "wasserstein"
    label: ClassVar = "Wasserstein distance"
    sizes: ClassVar[Thresholds] = (0.1, 0.25, 0.5)
    decides: ClassVar = False

    def applies(self, pair: Pair) -> bool:
        """Numbers whose middle half spreads at all."""
        return _is_ordered(pair) and pair.reference.kind == "numeric" and measures.spread(pair.reference) > 0

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the distance."""
        n, m = pair.counted
        if min(n, m) == 0:
            return _test(self, 0.0, self.sizes, rows=0)
        area = measures.Area.between(pair.reference, pair.current, pair.fine)
        limits = _limits(self, lambda level: area.null(level, n, m), sure)
        return _test(self, area.value, limits, rows=min(n, m))


class ChiSquared:
    """``chi2``: Pearson's statistic of two samples of categories. Its sizes are those of Cramer's V, an effect size."""

    name: ClassVar = "chi2"
    label: ClassVar = "chi-squared"
    sizes: ClassVar[Thresholds] = (0.1, 0.3, 0.5)
    decides: ClassVar = False

    def applies(self, pair: Pair) -> bool:
        """Categories and booleans."""
        return pair.reference.kind in {"category", "boolean"}

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the statistic; thresholds are ``V**2 * (n + m)``, and no lower than chance reaches."""
        value, p_value, bins = measures.chi2(*pair.coarse)
        total = sum(pair.counted)
        info, warning, critical = (
            max(size**2 * total, float(special.chdtri(max(bins - 1, 1), 1 - level)))
            for size, level in zip(self.sizes, sure, strict=True)
        )
        return _test(self, value, (info, warning, critical), rows=min(pair.counted), p_value=p_value)


class MissingShare:
    """``missing``: how much the share of missing values changed, either way."""

    name: ClassVar = "missing"
    label: ClassVar = "change of the missing share"
    sizes: ClassVar[Thresholds] = (0.01, 0.05, 0.2)
    decides: ClassVar = True

    def applies(self, pair: Pair) -> bool:  # noqa: ARG002  # what the other tests ask
        """Every column."""
        return True

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the change."""
        before, now = pair.reference, pair.current
        n, m = before.rows, now.rows
        value = abs(now.missing / m - before.missing / n) if n and m else 0.0
        given = before.missing, n, now.missing, m
        limits = _limits(self, lambda level: measures.two_shares_null(level, *given), sure)
        return _test(self, value, limits, rows=min(n, m), p_value=measures.two_shares_p_value(*given))


class NewCategories:
    """``new``: the share of values that the reference never had, or (where it kept the commonest only) their growth.

    Chance: a value that one row of both samples together holds is as likely to be in either. Rows with values that
    the reference had once are counted with the new ones (after Good, 1953), so that a column of names raises no alarm.
    """

    name: ClassVar = "new"
    label: ClassVar = "share of new values"
    sizes: ClassVar[Thresholds] = (0.0, 0.01, 0.1)
    decides: ClassVar = True

    def applies(self, pair: Pair) -> bool:
        """Categories and booleans."""
        return pair.reference.kind in {"category", "boolean"}

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the share."""
        before, now = pair.reference, pair.current
        n, m = before.present, now.present
        rest_before, rest_now = (before.counts or (0,))[-1], (now.counts or (0,))[-1]
        value = max((rest_now / m if m else 0.0) - (rest_before / n if n else 0.0), 0.0)
        once = rest_before + int(np.count_nonzero(pair.coarse[0][:-1] == 1))
        limits = _limits(self, lambda level: measures.newcomers_null(level, once, n, rest_now, m), sure)
        return _test(self, value, limits, rows=m)


class VanishedCategories:
    """``vanished``: the reference's share of the categories that are gone, of those that chance would not leave out."""

    name: ClassVar = "vanished"
    label: ClassVar = "share of vanished categories"
    sizes: ClassVar[Thresholds] = (0.05, 0.2, 0.5)
    decides: ClassVar = True

    def applies(self, pair: Pair) -> bool:
        """Categories and booleans."""
        return pair.reference.kind in {"category", "boolean"}

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the share."""
        p, q = pair.coarse[0][:-1], pair.coarse[1][:-1]
        expected = p / max(pair.reference.present, 1)
        certain = (1 - expected) ** pair.current.present < 1 - sure[-1]
        value = float(expected[(q == 0) & (p > 0) & certain].sum())
        return _test(self, value, self.sizes, rows=pair.current.present)


class OutOfRange:
    """``range``: the share of values below the reference's least or above its greatest.

    Chance: the ``k`` greatest of both samples together are all current with probability ``(m / (n + m)) ** k``.
    """

    name: ClassVar = "range"
    label: ClassVar = "share of values outside the reference's range"
    sizes: ClassVar[Thresholds] = (0.01, 0.05, 0.2)
    decides: ClassVar = True

    def applies(self, pair: Pair) -> bool:
        """Numbers."""
        column = pair.reference
        return column.kind == "numeric" and measures.is_cut_at(column, column.minimum, column.maximum)

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the share."""
        n, m = pair.counted
        outside = measures.beyond(pair.current, pair.reference.minimum, pair.reference.maximum)
        limits = _limits(self, lambda level: measures.range_null(level, n, m), sure)
        return _test(self, outside / m if m else 0.0, limits, rows=min(n, m))


class Outliers:
    """``outliers``: the growth of the share beyond three interquartile ranges from the reference's quartiles.

    Source: Tukey, Exploratory Data Analysis (1977): the outer fences.
    """

    name: ClassVar = "outliers"
    label: ClassVar = "growth of the share of outliers"
    sizes: ClassVar[Thresholds] = (0.01, 0.05, 0.2)
    decides: ClassVar = True

    def applies(self, pair: Pair) -> bool:
        """Numbers whose middle half spreads at all."""
        column = pair.reference
        return column.kind == "numeric" and bool(column.fences) and measures.is_cut_at(column, *column.fences)

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the growth."""
        n, m = pair.counted
        before, now = (
            measures.beyond(column, *pair.reference.fences) for column in (pair.reference, pair.current)
        )
        value = max(now / m - before / n, 0.0) if n and m else 0.0
        limits = _limits(self, lambda level: measures.two_shares_null(level, before, n, now, m), sure)
        return _test(self, value, limits, rows=min(n, m))


class Uniqueness:
    """``unique``: by how much the share of distinct values of a key fell.

    Chance: the error of both sketches (`distinct`); and of values drawn from a pool, the share that comes again grows
    in proportion to the rows, so that what the reference repeats may be so much more in a longer window.
    """

    name: ClassVar = "unique"
    label: ClassVar = "fall of the share of distinct values"
    sizes: ClassVar[Thresholds] = (0.01, 0.05, 0.2)
    decides: ClassVar = True

    def applies(self, pair: Pair) -> bool:
        """Columns that were keys: texts, withheld ones and integers, nearly all of them distinct."""
        before, now = pair.reference, pair.current
        if not before.sketch or not now.sketch or not before.present:
            return False
        return distinct.uniqueness(before.sketch, before.present) >= NEARLY_UNIQUE

    def measure(self, pair: Pair, sure: Confidence) -> Test:
        """Measure the fall."""
        before, now = pair.reference, pair.current
        was, value = (distinct.uniqueness(each.sketch, each.present) for each in (before, now))
        longer = max(now.present / before.present, 1.0)
        limits = _limits(self, lambda level: measures.uniqueness_null(level, 1 - was, longer), sure)
        return _test(self, max(was - value, 0.0), limits, rows=min(before.present, now.present))


TESTS: Sequence[DriftTest] = (
    PopulationStability(),
    JensenShannon(),
    KolmogorovSmirnov(),
    Wasserstein(),
    ChiSquared(),
    NewCategories(),
    VanishedCategories(),
    OutOfRange(),
    Outliers(),
    Uniqueness(),
    MissingShare(),
)
BY_NAME: Mapping[str, DriftTest] = {test.name: test for test in TESTS}


def _is_binned(pair: Pair) -> bool:
    return pair.reference.kind in {"category", "boolean"} or _is_ordered(pair)


def _is_ordered(pair: Pair) -> bool:
    return pair.reference.kind in {"numeric", "text"} and bool(pair.reference.edges)


def _limits(test: DriftTest, null: Callable[[float], float], sure: Confidence) -> Thresholds:
    info, warning, critical = test.sizes
    return max(info, null(sure[0])), max(warning, null(sure[1])), max(critical, null(sure[2]))


def _test(
    test: DriftTest,
    value: float,
    limits: Thresholds,
    *,
    rows: int,
    p_value: float | None = None,
    bound: float | None = None,
) -> Test:
    """Judge a value; below `MIN_ROWS` the laws do not hold, and only a schema is judged."""
    return Test(
        name=test.name,
        value=value,
        thresholds=limits,
        p_value=p_value,
        severity=severity_of(value, limits) if rows >= MIN_ROWS else "none",
        bound=bound,
        decides=test.decides,
    )


def severity_of(value: float, limits: Thresholds) -> Severity:
    """Give the severest level whose threshold a value is above."""
    info, warning, critical = limits
    if value > critical:
        return "critical"
    if value > warning:
        return "warning"
    return "info" if value > info else "none"
