"""What only whole samples tell: the exact Kolmogorov-Smirnov statistic with its p-value, the exact Wasserstein distance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nbship.drift import measures
from nbship.drift.report import DriftReport, FeatureDrift, Test
from nbship.drift.statistics import MIN_ROWS, severity_of
from nbship.profile import ColumnProfile, Profile, numbers_of


def measured_exactly(report: DriftReport, known: Profile, reference: Any, current: Any) -> DriftReport:
    """Give the report with the binned statistics replaced by those of both tables' own values.

    ``known`` is the profile of ``reference``. Deciding tests stay as they are, so no severity changes.
    """
    before, now = numbers_of(reference), numbers_of(current)
    features = tuple(
        _exact(feature, known.column(feature.feature), before[feature.feature], now[feature.feature])
        if feature.kind == "numeric" and feature.feature in before.keys() & now.keys()
        else feature
        for feature in report.features
    )
    return replace(report, features=features)


def _exact(feature: FeatureDrift, column: ColumnProfile | None, before: Any, now: Any) -> FeatureDrift:
    before, now = before[~np.isnan(before)], now[~np.isnan(now)]
    if column is None or not len(before) or not len(now):
        return feature
    tests = tuple(_measured(test, column, before, now) for test in feature.tests)
    return replace(feature, tests=tests)


def _measured(test: Test, column: ColumnProfile, before: Any, now: Any) -> Test:
    from scipy import stats  # a second to import

    if test.name == "ks":
        found = stats.ks_2samp(before, now)
        value, p_value = float(found.statistic), float(found.pvalue)
    elif test.name == "wasserstein" and np.isfinite(before).all() and np.isfinite(now).all():
        value, p_value = float(stats.wasserstein_distance(before, now)) / measures.spread(column), None
    else:
        return test
    judged = test.thresholds is not None and min(len(before), len(now)) >= MIN_ROWS
    severity = severity_of(value, test.thresholds) if judged and test.thresholds else test.severity
    return replace(test, value=value, p_value=p_value, bound=None, severity=severity)
