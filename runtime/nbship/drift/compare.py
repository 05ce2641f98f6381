"""Two profiles, column by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nbship.drift import statistics
from nbship.drift.pair import Pair
from nbship.drift.report import LEVELS, RANK, DriftReport, FeatureDrift, Test
from nbship.drift.statistics import CONFIDENCE, MIN_ROWS, Confidence
from nbship.model import Severity
from nbship.profile import ColumnProfile, Profile

_WARNING: Severity = "warning"
_CRITICAL: Severity = "critical"


def compare(
    reference: Profile,
    current: Profile,
    *,
    extra_columns: bool = True,
    importance: Mapping[str, float] | None = None,
) -> DriftReport:
    """Compare a table with the reference it was counted over (``profile(table, like=reference)``).

    ``extra_columns`` says whether a column that the reference lacks is worth telling; it is not where the reference
    is what a model reads. Of equally severe features those of larger ``importance`` come first.
    """
    beside = [(column, current.column(column.name)) for column in reference.columns]
    pairs = {
        before.name: Pair.of(before, now)
        for before, now in beside
        if now is not None and now.kind == before.kind and not _zone_changed(before, now)
    }
    sure, weights = corrected(pairs.values()), importance or {}
    found = [
        _judged(pairs[before.name], sure, weights.get(before.name))
        if before.name in pairs
        else _schema(before, now, weights.get(before.name))
        for before, now in beside
    ]
    if extra_columns:
        known = {column.name for column in reference.columns}
        found += [_extra(column) for column in current.columns if column.name not in known]
    found.sort(key=_order)
    return DriftReport(
        severity=_overall(found, min(reference.rows, current.rows)),
        reference_rows=reference.rows,
        current_rows=current.rows,
        features=tuple(found),
    )


def corrected(pairs: Iterable[Pair]) -> Confidence:
    """Give how sure each test has to be for the report as a whole to be as sure as `CONFIDENCE` says (Bonferroni)."""
    tests = sum(test.decides and test.applies(pair) for pair in pairs for test in statistics.TESTS)
    info, warning, critical = (1 - (1 - level) / max(tests, 1) for level in CONFIDENCE)
    return info, warning, critical


def _order(feature: FeatureDrift) -> tuple[float, float, float, str]:
    decisive = feature.decisive
    size = decisive.value if decisive is not None and decisive.value is not None else 0.0
    return (-RANK[feature.severity], -(feature.importance or 0.0), -size, feature.feature)


def _overall(found: list[FeatureDrift], rows: int) -> Severity:
    if rows < MIN_ROWS and not any(RANK[item.severity] > RANK["too_few"] for item in found):
        return "too_few"
    judged: list[Severity] = ["none", *(item.severity for item in found)]
    return max(judged, key=lambda severity: RANK[severity])


def _extra(column: ColumnProfile) -> FeatureDrift:
    test = Test(name="schema", value=1.0, severity="info")
    reason = "the reference has no such column"
    return FeatureDrift(feature=column.name, kind=column.kind, severity="info", reason=reason, tests=(test,))


def _schema(
    reference: ColumnProfile, current: ColumnProfile | None, importance: float | None
) -> FeatureDrift:
    reason, severity = "the column is missing", _CRITICAL
    if current is not None:
        was, now = f"{reference.kind} ({reference.type})", f"{current.kind} ({current.type})"
        reason = f"the column was {was} and is {now}"
        severity = _WARNING if _zone_changed(reference, current) else _CRITICAL
    return FeatureDrift(
        feature=reference.name,
        kind=reference.kind,
        severity=severity,
        reason=reason,
        tests=(Test(name="schema", value=1.0, severity=severity),),
        importance=importance,
    )


def _zone_changed(reference: ColumnProfile, current: ColumnProfile) -> bool:
    """Tell whether only one of two columns says in which zone its times are: they may be hours apart."""
    types = reference.type, current.type
    return all(name.startswith("timestamp") for name in types) and len({"tz=" in name for name in types}) > 1


def _judged(pair: Pair, sure: Confidence, importance: float | None) -> FeatureDrift:
    tests = tuple(test.measure(pair, sure) for test in statistics.TESTS if test.applies(pair))
    decisive = max((test for test in tests if test.decides), key=lambda test: RANK[test.severity])
    severity, reason = decisive.severity, _reason(decisive, pair.current)
    values = min(pair.reference.present, pair.current.present)
    if values < MIN_ROWS and severity == "none":
        severity, reason = "too_few", f"{values} values are too few to judge (at least {MIN_ROWS})"
    return FeatureDrift(
        feature=pair.reference.name,
        kind=pair.reference.kind,
        severity=severity,
        reason=reason,
        tests=tests,
        importance=importance,
    )


def _reason(test: Test, current: ColumnProfile) -> str:
    value, limits = test.value, test.thresholds
    assert value is not None
    assert limits is not None
    label = statistics.BY_NAME[test.name].label
    if test.severity == "none":
        return f"{label} {value:.3g} is below {limits[0]:.3g}"
    text = f"{label} {value:.3g} is above {limits[LEVELS.index(test.severity)]:.3g}"
    if test.name == "new" and current.newcomers:
        text += f" (such as {', '.join(current.newcomers[:3])})"
    return text
