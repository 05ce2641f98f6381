"""(Profile, Profile) -> DriftReport: what has changed, how much, and whether that is more than chance.

Each test has three thresholds (info, warning, critical). Each threshold is the larger of a fixed size, below which a
change is of no interest however certain it is, and of what chance alone reaches at the sample sizes at hand with
probability 1 %, 0.1 % and 0.01 %. So 200 rows raise no false alarm, and a million rows none about trifles.

=========  ==================================================  =====================
test       value                                               sizes of interest
=========  ==================================================  =====================
psi        population stability index, reference deciles       0.1, 0.2, 0.25
js         Jensen-Shannon distance, base 2, same bins          0.1, 0.2, 0.3
ks         Kolmogorov-Smirnov statistic over 200 quantiles     0.1, 0.2, 0.3
chi2       Pearson's statistic, categories                     effect (Cramer's V) 0.1, 0.3, 0.5
missing    change of the missing share                         0.01, 0.05, 0.2
new        share of values that the reference never had        above 0, 0.01, 0.1
vanished   reference share of categories that are gone         0.05, 0.2, 0.5
=========  ==================================================  =====================

A feature is as severe as its severest *deciding* test: psi, missing, new, vanished and the schema. js, ks and chi2
measure the same change as psi does; they are given beside it and decide nothing, so that one change is one alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nbship import measures
from nbship.model import Severity
from nbship.profile import ColumnProfile, Profile

#: Fewer present values than this on one side are not judged.
MIN_ROWS = 50
#: How probable it is that unchanged data stays under the info, warning and critical threshold.
CONFIDENCE = (0.99, 0.999, 0.9999)
LEVELS: tuple[Severity, Severity, Severity] = ("info", "warning", "critical")
RANK: Mapping[str, int] = {"none": 0, "too_few": 1, "info": 2, "warning": 3, "critical": 4}

Thresholds = tuple[float, float, float]

SIZES: Mapping[str, Thresholds] = {
    "psi": (0.1, 0.2, 0.25),
    "js": (0.1, 0.2, 0.3),
    "ks": (0.1, 0.2, 0.3),
    "chi2": (0.1, 0.3, 0.5),
    "missing": (0.01, 0.05, 0.2),
    "new": (0.0, 0.01, 0.1),
    "vanished": (0.05, 0.2, 0.5),
}
DECIDING = frozenset({"psi", "missing", "new", "vanished", "schema"})
_SHOWN: Mapping[str, str] = {
    "psi": "PSI",
    "missing": "change of the missing share",
    "new": "share of new values",
    "vanished": "share of vanished categories",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One measure of one feature, and where it begins to matter. ``bound``: the true value is at most this higher."""

    __test__ = False  # pytest takes the name for its own

    name: str
    value: float | None
    thresholds: Thresholds | None = None
    p_value: float | None = None
    severity: Severity = "none"
    bound: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDrift:
    """A feature: its tests, the severest of which decides."""

    feature: str
    kind: str
    severity: Severity
    reason: str
    tests: tuple[Test, ...] = ()

    def test(self, name: str) -> Test | None:
        """Give the test of that name."""
        return next((test for test in self.tests if test.name == name), None)

    @property
    def decisive(self) -> Test | None:
        """The deciding test that is severest; the first where none stands out."""
        deciding = [test for test in self.tests if test.name in DECIDING]
        return max(deciding, key=lambda test: RANK[test.severity]) if deciding else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """How a table compares with a reference, feature by feature, the severest first."""

    severity: Severity
    reference_rows: int
    current_rows: int
    features: tuple[FeatureDrift, ...]

    def feature(self, name: str) -> FeatureDrift | None:
        """Give the feature of that name."""
        return next((feature for feature in self.features if feature.feature == name), None)

    def to_json(self) -> dict[str, Any]:
        """Give what ``nbship drift --json`` prints; values are not rounded."""
        return {
            "severity": self.severity,
            "reference_rows": self.reference_rows,
            "current_rows": self.current_rows,
            "features": [_feature_json(feature) for feature in self.features],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> DriftReport:
        """Give a report back."""
        return cls(
            severity=document["severity"],
            reference_rows=document["reference_rows"],
            current_rows=document["current_rows"],
            features=tuple(_feature_from(row) for row in document["features"]),
        )


def compare(reference: Profile, current: Profile, *, extra_columns: bool = True) -> DriftReport:
    """Compare a table with the reference it was counted over (``profile(table, like=reference)``).

    ``extra_columns`` says whether a column that the reference lacks is worth telling; it is not where the reference
    is what a model reads.
    """
    found = [_column(column, current.column(column.name)) for column in reference.columns]
    if extra_columns:
        known = {column.name for column in reference.columns}
        found += [_extra(column) for column in current.columns if column.name not in known]
    found.sort(key=lambda feature: (-RANK[feature.severity], -_size(feature), feature.feature))
    return DriftReport(
        severity=_overall(found, min(reference.rows, current.rows)),
        reference_rows=reference.rows,
        current_rows=current.rows,
        features=tuple(found),
    )


def _overall(found: list[FeatureDrift], rows: int) -> Severity:
    if rows < MIN_ROWS and not any(RANK[item.severity] > RANK["too_few"] for item in found):
        return "too_few"
    judged: list[Severity] = ["none", *(item.severity for item in found)]
    return max(judged, key=lambda severity: RANK[severity])


def _size(feature: FeatureDrift) -> float:
    decisive = feature.decisive
    return decisive.value if decisive is not None and decisive.value is not None else 0.0


def _extra(column: ColumnProfile) -> FeatureDrift:
    test = Test(name="schema", value=1.0, severity="info")
    reason = "the reference has no such column"
    return FeatureDrift(feature=column.name, kind=column.kind, severity="info", reason=reason, tests=(test,))


def _column(reference: ColumnProfile, current: ColumnProfile | None) -> FeatureDrift:
    if current is None:
        return _schema(reference, "the column is missing")
    if current.kind != reference.kind:
        return _schema(
            reference,
            f"the column was {reference.kind} ({reference.type}) and is {current.kind} ({current.type})",
        )
    tests = (*_values(reference, current), _missing(reference, current))
    return _judged(reference, current, tests)


def _schema(column: ColumnProfile, reason: str) -> FeatureDrift:
    test = Test(name="schema", value=1.0, severity="critical")
    return FeatureDrift(
        feature=column.name, kind=column.kind, severity="critical", reason=reason, tests=(test,)
    )


def _judged(reference: ColumnProfile, current: ColumnProfile, tests: tuple[Test, ...]) -> FeatureDrift:
    feature = FeatureDrift(
        feature=reference.name, kind=reference.kind, severity="none", reason="", tests=tests
    )
    decisive = feature.decisive
    assert decisive is not None  # the missing share is always tested
    severity, reason = decisive.severity, _reason(decisive, current)
    few = min(reference.present, current.present) < MIN_ROWS
    if few and RANK[severity] < RANK["info"]:
        severity = "too_few"
        reason = (
            f"{min(reference.present, current.present)} values are too few to judge (at least {MIN_ROWS})"
        )
    return FeatureDrift(
        feature=reference.name, kind=reference.kind, severity=severity, reason=reason, tests=tests
    )


def _reason(test: Test, current: ColumnProfile) -> str:
    value, limits = test.value, test.thresholds
    assert value is not None
    assert limits is not None
    name = _SHOWN[test.name]
    if test.severity == "none":
        return f"{name} {value:.3g} is below {limits[0]:.3g}"
    text = f"{name} {value:.3g} is above {limits[LEVELS.index(test.severity)]:.3g}"
    if test.name == "new" and current.newcomers:
        text += f" (such as {', '.join(current.newcomers[:3])})"
    return text


def _values(reference: ColumnProfile, current: ColumnProfile) -> tuple[Test, ...]:
    """Test the values themselves; a time goes on by nature and is not tested for having moved."""
    p, q = np.asarray(reference.counts), np.asarray(current.counts)
    if reference.kind in {"category", "boolean"}:
        return (*_binned(p, q), _chi2(p, q), _newcomers(reference, current), _vanished(reference, current))
    if reference.kind in {"numeric", "text"} and reference.edges:
        starts = [0, *(number + 1 for number in reference.deciles)]
        return (*_binned(np.add.reduceat(p, starts), np.add.reduceat(q, starts)), _ks(p, q))
    return ()


def _binned(p: Any, q: Any) -> tuple[Test, Test]:
    n, m, bins = int(p.sum()), int(q.sum()), int(np.count_nonzero(p + q))
    value, distance = measures.psi(p, q), measures.js(p, q)
    js_limits = _limits("js", lambda sure: measures.js_null(sure, bins, n, m))
    if measures.is_thin(p, n, m):
        law = measures.SmallSample(p, n, m)
        psi_limits = _limits("psi", law.null)
        p_value: float | None = law.p_value(value)
    else:
        psi_limits = _limits("psi", lambda sure: measures.psi_null(sure, bins, n, m))
        p_value = measures.psi_p_value(value, bins, n, m)
    if min(n, m) == 0:
        return Test(name="psi", value=0.0, thresholds=psi_limits), Test(
            name="js", value=0.0, thresholds=js_limits
        )
    return (
        _test("psi", value, psi_limits, p_value, rows=min(n, m)),
        _test("js", distance, js_limits, None, rows=min(n, m)),
    )


def _ks(p: Any, q: Any) -> Test:
    n, m = int(p.sum()), int(q.sum())
    limits = _limits("ks", lambda sure: measures.ks_null(sure, n, m))
    if min(n, m) == 0:
        return Test(name="ks", value=0.0, thresholds=limits)
    value, bound = measures.ks(p, q)
    return _test("ks", value, limits, None, rows=min(n, m), bound=bound)


def _chi2(p: Any, q: Any) -> Test:
    """Thresholds are those of Cramer's V, as a statistic: ``V**2 * (n + m)``, and no lower than chance reaches."""
    from scipy import special

    value, p_value, bins = measures.chi2(p, q)
    total = int(p.sum() + q.sum())
    limits = tuple(
        max(size**2 * total, float(special.chdtri(max(bins - 1, 1), 1 - sure)))
        for size, sure in zip(SIZES["chi2"], CONFIDENCE, strict=True)
    )
    return _test("chi2", value, (limits[0], limits[1], limits[2]), p_value, rows=int(min(p.sum(), q.sum())))


def _missing(reference: ColumnProfile, current: ColumnProfile) -> Test:
    before, n, now, m = reference.missing, reference.rows, current.missing, current.rows
    value = abs(now / m - before / n) if n and m else 0.0
    limits = _limits("missing", lambda sure: measures.two_shares_null(sure, before, n, now, m))
    return _test("missing", value, limits, measures.two_shares_p_value(before, n, now, m), rows=min(n, m))


def _newcomers(reference: ColumnProfile, current: ColumnProfile) -> Test:
    """Where the reference kept every category, the rest is new; else only its growth can be told."""
    before = reference.counts[-1] / reference.present if reference.present else 0.0
    now = current.counts[-1] / current.present if current.present else 0.0
    limits = _limits(
        "new",
        lambda sure: (
            measures.two_shares_null(
                sure, reference.counts[-1], reference.present, current.counts[-1], current.present
            )
            if reference.counts[-1]
            else 0.0
        ),
    )
    return _test("new", max(now - before, 0.0), limits, None, rows=current.present)


def _vanished(reference: ColumnProfile, current: ColumnProfile) -> Test:
    """Give the reference's share of the categories that are gone, of those that chance would not have left out."""
    expected = np.asarray(reference.counts[:-1]) / max(reference.present, 1)
    gone = (np.asarray(current.counts[:-1]) == 0) & (np.asarray(reference.counts[:-1]) > 0)
    certain = (1 - expected) ** current.present < 1 - CONFIDENCE[-1]
    value = float(expected[gone & certain].sum())
    return _test("vanished", value, SIZES["vanished"], None, rows=current.present)


def _limits(name: str, null: Callable[[float], float]) -> Thresholds:
    found = [max(size, null(sure)) for size, sure in zip(SIZES[name], CONFIDENCE, strict=True)]
    return (found[0], found[1], found[2])


def _test(
    name: str,
    value: float,
    limits: Thresholds,
    p_value: float | None,
    *,
    rows: int,
    bound: float | None = None,
) -> Test:
    """Judge a value; below `MIN_ROWS` the laws do not hold, and only a schema is judged."""
    severity: Severity = "none"
    for level, limit in zip(LEVELS, limits, strict=True):
        if value > limit and rows >= MIN_ROWS:
            severity = level
    return Test(name=name, value=value, thresholds=limits, p_value=p_value, severity=severity, bound=bound)


def _feature_json(feature: FeatureDrift) -> dict[str, Any]:
    return {
        "feature": feature.feature,
        "kind": feature.kind,
        "severity": feature.severity,
        "reason": feature.reason,
        "tests": [_test_json(test) for test in feature.tests],
    }


def _test_json(test: Test) -> dict[str, Any]:
    document = asdict(test)
    document["thresholds"] = list(test.thresholds) if test.thresholds else None
    if test.bound is None:
        del document["bound"]
    return document


def _feature_from(row: Mapping[str, Any]) -> FeatureDrift:
    given = dict(row)
    given["tests"] = tuple(_test_from(test) for test in row["tests"])
    return FeatureDrift(**given)


def _test_from(row: Mapping[str, Any]) -> Test:
    given = dict(row)
    given["thresholds"] = tuple(row["thresholds"]) if row["thresholds"] else None
    return Test(**given)
