"""The drift of a version as the panel shows it: the worst features first, each with its past. Pure but for the reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from nbship.drift import RANK, DriftReport
from nbship.drift import FeatureDrift as Found
from nbship.model import ModelVersion, Window
from nbship.state.documents import DriftCounts, DriftPoint, DriftWindow, FeatureDrift, VersionDrift

if TYPE_CHECKING:
    from nbship.registry import Registry
    from nbship.state.sources import Sources

#: A panel shows so many features at once, so many of them with their past, and so long a past; the rest is asked for.
MOST_FEATURES = 100
WITH_HISTORY = 50
LONGEST_HISTORY = 30
BREACHES = frozenset({"warning", "critical"})
_LEAST_POINTS = 4
_SURE = 0.5
_MATTERS = 0.1


def drift_of(
    sources: Sources, registry: Registry, version: ModelVersion, *, whole: bool = False
) -> VersionDrift | None:
    """Give what live data has done to a version, None where nobody looked; ``whole`` leaves no feature out."""
    found = registry.windows(version)[-LONGEST_HISTORY:]
    if not found:
        return None
    key = (version.run_id or "", version.version, (whole, *(window for window, _ in found)))
    if key not in sources.drifts:
        windows = [window for window, _ in found]
        reports = [sources.report(registry, version, window.at, path) for window, path in found]
        if len(sources.drifts) > MOST_FEATURES:
            sources.drifts.clear()
        sources.drifts[key] = drawn(version.version, windows, reports, whole=whole)
    return sources.drifts[key]


def drawn(
    version: int, windows: Sequence[Window], reports: Sequence[DriftReport], *, whole: bool = False
) -> VersionDrift:
    """Draw the drift of a version from its windows and their reports, oldest first."""
    ranked = sorted(reports[-1].features, key=_rank)
    by_name = [{item.feature: item for item in report.features} for report in reports]
    counts = Counter[str](item.severity for item in ranked)
    shown = ranked if whole else ranked[:MOST_FEATURES]
    features = [
        _feature(item, windows, by_name if whole or place < WITH_HISTORY else by_name[-1:])
        for place, item in enumerate(shown)
    ]
    return VersionDrift(
        version=version,
        severity=windows[-1].severity,
        windows=tuple(
            DriftWindow(
                window=item.window,
                at=item.at,
                rows=item.rows,
                reference_rows=item.reference_rows,
                severity=item.severity,
            )
            for item in windows
        ),
        counts=DriftCounts(**counts),
        features=tuple(features),
    )


def _rank(item: Found) -> tuple[float, float, str]:
    value = item.decisive.value if item.decisive else None
    return (
        -RANK[item.severity],
        -(value or 0.0) * (1.0 if item.importance is None else item.importance),
        item.feature,
    )


def _feature(item: Found, windows: Sequence[Window], by_name: Sequence[dict[str, Found]]) -> FeatureDrift:
    decisive = item.decisive
    history = _history(item, windows, by_name) if len(by_name) == len(windows) else ()
    thresholds = decisive.thresholds if decisive else None
    return FeatureDrift(
        feature=item.feature,
        kind=item.kind,
        severity=item.severity,
        reason=item.reason,
        test=decisive.name if decisive else None,
        value=decisive.value if decisive else None,
        thresholds=thresholds,
        history=history,
        trend=trend([point.value for point in history], thresholds),
        first_breach=first_breach(history),
    )


def _history(
    item: Found, windows: Sequence[Window], by_name: Sequence[dict[str, Found]]
) -> tuple[DriftPoint, ...]:
    history: list[DriftPoint] = []
    for window, features in zip(windows, by_name, strict=True):
        there = features.get(item.feature)
        if there is None:
            continue
        measure = there.test(item.decisive.name) if item.decisive else None
        value = measure.value if measure else None
        severity = measure.severity if measure else there.severity
        history.append(DriftPoint(window=window.window, value=value, severity=severity))
    return tuple(history)


def trend(
    values: Sequence[float | None], thresholds: Sequence[float] | None
) -> Literal["rising", "falling", "steady"] | None:
    """Tell where a measure is going; None where there are too few values to tell.

    It rises where most pairs of values rise (Kendall's tau at least one half), by more than a tenth of the
    first threshold, so that noise far below it is no trend.

    >>> trend([0.08, 0.12, 0.19, 0.41], (0.1, 0.2, 0.25))
    'rising'
    >>> trend([0.01, 0.011, 0.012, 0.013], (0.1, 0.2, 0.25))
    'steady'
    """
    known = [value for value in values if value is not None]
    if len(known) < _LEAST_POINTS:
        return None
    pairs = [(a, b) for place, a in enumerate(known) for b in known[place + 1 :]]
    tau = sum((b > a) - (b < a) for a, b in pairs) / len(pairs)
    if abs(known[-1] - known[0]) <= _MATTERS * (thresholds[0] if thresholds else 0.0) or abs(tau) < _SURE:
        return "steady"
    return "rising" if tau > 0 else "falling"


def first_breach(history: Sequence[DriftPoint]) -> str | None:
    """Give the window since which a feature has drifted without a pause; None where it has not.

    >>> quiet, loud = (DriftPoint(window=w, value=1.0, severity=s) for w, s in (("May", "none"), ("June", "critical")))
    >>> first_breach([quiet, loud])
    'June'
    """
    since = None
    for point in reversed(history):
        if point.severity not in BREACHES:
            break
        since = point.window
    return since
