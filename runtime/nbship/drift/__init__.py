"""(Profile, Profile) -> DriftReport: what has changed, how much, and whether that is more than chance.

Each test has three thresholds (info, warning, critical). Each threshold is the larger of a fixed size, below which a
change is of no interest however certain it is, and of what chance alone reaches at the sample sizes at hand. Chance is
held down for the report as a whole: with ``k`` deciding tests each may be wrong with a ``k``-th (Bonferroni) of 1 %,
0.1 % and 0.01 %. So 200 rows raise no false alarm, a million rows none about trifles, and a thousand columns none
because they are a thousand.

The tests are in `statistics`, one class each; ``js``, ``ks``, ``wasserstein`` and ``chi2`` measure the same change as
``psi`` does: they are given beside it and decide nothing, so that one change is one alarm.
"""

from nbship.drift.compare import compare
from nbship.drift.exact import measured_exactly
from nbship.drift.report import LEVELS, RANK, DriftReport, FeatureDrift, Test
from nbship.drift.statistics import MIN_ROWS, TESTS, DriftTest

__all__ = [
    "LEVELS",
    "MIN_ROWS",
    "RANK",
    "TESTS",
    "DriftReport",
    "DriftTest",
    "FeatureDrift",
    "Test",
    "compare",
    "measured_exactly",
]
