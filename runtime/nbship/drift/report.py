"""What a comparison found: a report of features, each with its tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nbship.model import Severity

if TYPE_CHECKING:
    import pandas as pd

LEVELS: tuple[Severity, Severity, Severity] = ("info", "warning", "critical")
RANK: Mapping[str, int] = {"none": 0, "too_few": 1, "info": 2, "warning": 3, "critical": 4}

Thresholds = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One measure of one feature, and where it begins to matter. ``bound``: the true value is at most this higher.

    ``decides`` says whether the feature's severity may come from it.
    """

    __test__ = False  # pytest takes the name for its own

    name: str
    value: float | None
    thresholds: Thresholds | None = None
    p_value: float | None = None
    severity: Severity = "none"
    bound: float | None = None
    decides: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDrift:
    """A feature: its tests, the severest of which decides."""

    feature: str
    kind: str
    severity: Severity
    reason: str
    tests: tuple[Test, ...] = ()
    importance: float | None = None

    def test(self, name: str) -> Test | None:
        """Give the test of that name."""
        return next((test for test in self.tests if test.name == name), None)

    @property
    def decisive(self) -> Test | None:
        """The deciding test that is severest; the first where none stands out."""
        deciding = [test for test in self.tests if test.decides]
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

    def to_frame(self) -> pd.DataFrame:
        """Give one row for each test of each feature."""
        import pandas as pd

        rows = [
            {
                "feature": feature.feature,
                "kind": feature.kind,
                "test": test.name,
                "value": test.value,
                **dict(zip(LEVELS, test.thresholds or (None, None, None), strict=True)),
                "p_value": test.p_value,
                "severity": test.severity,
            }
            for feature in self.features
            for test in feature.tests
        ]
        names = ["feature", "kind", "test", "value", *LEVELS, "p_value", "severity"]
        return pd.DataFrame(rows, columns=names)

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


def _feature_json(feature: FeatureDrift) -> dict[str, Any]:
    document: dict[str, Any] = {
        "feature": feature.feature,
        "kind": feature.kind,
        "severity": feature.severity,
        "reason": feature.reason,
        "tests": [_test_json(test) for test in feature.tests],
    }
    if feature.importance is not None:
        document["importance"] = feature.importance
    return document


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
