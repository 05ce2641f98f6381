from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from nbship.drift import DriftReport, FeatureDrift, compare, measures
from nbship.profile import profile

#: d: KS, decile PSI, decile JS of N(0, 1) against N(d, 1); computed by integration.
NORMAL_SHIFTS = {
    0.05: (0.019945, 0.002397, 0.020790),
    0.1: (0.039878, 0.009587, 0.041561),
    0.2: (0.079656, 0.038311, 0.082963),
    0.5: (0.197413, 0.237749, 0.204684),
    1.0: (0.382925, 0.926142, 0.391436),
}

counts = st.lists(st.integers(0, 1000), min_size=2, max_size=12)


def drift_of(reference: Any, current: Any, name: str = "x") -> FeatureDrift:
    report = report_of(pd.DataFrame({"x": reference}), pd.DataFrame({"x": current}))
    found = report.feature(name)
    assert found is not None
    return found


def report_of(reference: pd.DataFrame, current: pd.DataFrame) -> DriftReport:
    known = profile(reference)
    return compare(known, profile(current, like=known))


def value(feature: FeatureDrift, name: str) -> float:
    test = feature.test(name)
    assert test is not None
    assert test.value is not None
    return test.value


@pytest.mark.parametrize("shift", sorted(NORMAL_SHIFTS))
def test_a_shifted_normal_gives_the_values_of_the_integral(shift: float) -> None:
    grid = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)  # the distribution itself, not a sample of it
    found = drift_of(grid, grid + shift)
    ks, psi, js = NORMAL_SHIFTS[shift]
    assert value(found, "psi") == pytest.approx(psi, rel=2e-3)
    assert value(found, "js") == pytest.approx(js, rel=2e-3)
    assert value(found, "ks") == pytest.approx(ks, abs=2e-4)
    assert 2 * stats.norm.cdf(shift / 2) - 1 == pytest.approx(ks, abs=1e-6)


def test_five_bins_give_the_published_values() -> None:
    p, q = np.array([20, 20, 20, 20, 20]), np.array([10, 15, 20, 25, 30])
    assert measures.psi(p, q) == pytest.approx(0.13540251005511048, rel=1e-12)
    assert measures.js(p, q) == pytest.approx(0.1552769751397979, rel=1e-12)
    in_nats = measures.js(np.array([1, 0]), np.array([1, 1])) * np.sqrt(np.log(2))
    assert in_nats == pytest.approx(0.46450140402245893, rel=1e-12)


@given(counts, st.data())
@settings(max_examples=200, deadline=None)
def test_js_and_chi2_are_scipys(p: list[int], data: st.DataObject) -> None:
    q = data.draw(st.lists(st.integers(0, 1000), min_size=len(p), max_size=len(p)))
    a, b = np.array(p), np.array(q)
    if not a.sum() or not b.sum():
        return
    assert measures.js(a, b) == pytest.approx(distance.jensenshannon(a, b, 2), abs=1e-7)
    table = np.array([a, b])[:, (a + b) > 0]
    statistic, p_value, bins = measures.chi2(a, b)
    if bins > 1:
        theirs = stats.chi2_contingency(table, correction=False)
        assert statistic == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-9)
        assert p_value == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)


@given(counts)
@settings(max_examples=100, deadline=None)
def test_measures_are_zero_on_equal_and_symmetric(p: list[int]) -> None:
    a, b = np.array(p), np.array(p[::-1])
    assert measures.psi(a, a) == 0
    assert measures.js(a, a) == pytest.approx(0, abs=1e-7)
    assert measures.psi(a, b) == pytest.approx(measures.psi(b, a))
    assert measures.js(a, b) == pytest.approx(measures.js(b, a))


def test_ks_is_scipys_up_to_the_stated_bound() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.lognormal(size=3000), rng.lognormal(0.2, 1.1, size=2000)
    test = drift_of(a, b).test("ks")
    assert test is not None
    assert test.value is not None
    assert test.bound is not None
    exact = stats.ks_2samp(a, b).statistic
    assert test.value <= exact + 1e-12 <= test.value + test.bound + 1e-12


@given(st.integers(0, 5))
@settings(max_examples=6, deadline=None)
def test_decile_psi_is_the_same_under_a_monotone_map(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (
        rng.permutation(2001).astype(float),
        rng.integers(0, 2500, 900).astype(float),
    )  # deciles are data points
    assert value(drift_of(a, b), "psi") == pytest.approx(
        value(drift_of(np.exp(a / 500), np.exp(b / 500)), "psi")
    )


def test_few_distinct_values_are_binned_by_value() -> None:
    reference = np.repeat([0, 1], [950, 50])
    assert value(drift_of(reference, np.repeat([0, 1], [500, 500])), "psi") > 1
    assert drift_of(reference, np.repeat([0, 1], [475, 25])).severity == "none"
    assert value(drift_of(np.full(500, 3.0), np.full(500, 2.0)), "psi") > 5  # a constant that moved down
    assert value(drift_of(np.full(500, 3.0), np.full(500, 4.0)), "psi") > 5
    assert drift_of(np.full(500, 3.0), np.full(500, 3.0)).severity == "none"


def test_bike_sharing_drifts_as_published(bikes: pd.DataFrame) -> None:
    winter = bikes[bikes["mnth"].isin(["Jan", "Feb", "March"])]
    known = profile(winter)
    psi = {}
    for month in ("April", "July", "Oct"):
        report = compare(known, profile(bikes[bikes["mnth"] == month], like=known))
        psi[month] = [round(value(_feature(report, name), "psi"), 2) for name in ("temp", "bikers")]
        assert _feature(report, "temp").severity == "critical"
        assert _feature(report, "hr").severity == "none"
    assert psi == {"April": [4.09, 0.42], "July": [8.51, 1.36], "Oct": [3.90, 0.79]}


def _feature(report: DriftReport, name: str) -> FeatureDrift:
    found = report.feature(name)
    assert found is not None
    return found


@pytest.mark.parametrize("rows", [50, 200, 2000])
def test_false_alarms_stay_at_the_stated_level(rows: int) -> None:
    rng = np.random.default_rng(rows)
    columns = 200
    reference = pd.DataFrame({f"x{n}": rng.normal(size=1000) for n in range(columns)})
    current = pd.DataFrame({f"x{n}": rng.normal(size=rows) for n in range(columns)})
    alarms = [item.severity for item in report_of(reference, current).features if item.severity != "none"]
    assert len(alarms) <= 0.03 * columns  # 1 % at most are expected, at every size
    assert "critical" not in alarms


def test_the_null_law_of_psi_is_yurdakuls() -> None:
    assert measures.psi_null(0.95, 10, 1000, 1000) == pytest.approx(0.0338, abs=1e-4)
    assert measures.psi_null(0.999, 10, 1000, 1000) == pytest.approx(0.0558, abs=1e-4)
    assert measures.psi_null(0.95, 10, 100_000, 500) == pytest.approx(0.0340, abs=1e-4)


def test_a_missing_rate_that_rises_is_seen() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=10_000), rng.normal(size=10_000)
    a[:200], b[:1000] = np.nan, np.nan
    found = drift_of(a, b)
    assert found.severity == "warning"
    assert value(found, "missing") == pytest.approx(0.08)
    assert value(found, "psi") < 0.1  # missing values are in no bin


def test_new_and_vanished_categories_are_named() -> None:
    found = drift_of(["a", "b", "c"] * 200, ["a", "b", "d"] * 200)
    assert found.severity == "critical"
    assert value(found, "new") == pytest.approx(1 / 3)
    assert value(found, "vanished") == pytest.approx(1 / 3)
    one_new = drift_of(["a"] * 1000, ["a"] * 980 + ["zebra"] * 20)
    assert one_new.severity == "warning"
    assert "zebra" in one_new.reason


def test_a_schema_that_changed_is_critical_and_an_extra_column_is_told() -> None:
    known = pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100.0)})
    current = pd.DataFrame({"x": [str(n) for n in range(100)], "z": np.arange(100.0)})
    report = report_of(known, current)
    assert {item.feature: item.severity for item in report.features} == {
        "x": "critical",
        "y": "critical",
        "z": "info",
    }
    assert _feature(report, "y").reason == "the column is missing"


def test_times_that_lose_their_zone_are_told() -> None:
    times = pd.date_range("2026-03-01", periods=100, freq="h", tz="Europe/Vilnius")
    aware, naive = pd.DataFrame({"at": times}), pd.DataFrame({"at": times.tz_localize(None)})
    elsewhere = pd.DataFrame({"at": times.tz_convert("America/New_York")})
    unknown = pd.DataFrame({"at": [None] * 100})
    assert _feature(report_of(aware, naive), "at").severity == "warning"
    assert _feature(report_of(naive, aware), "at").severity == "warning"
    assert _feature(report_of(aware, elsewhere), "at").severity == "none"
    assert "missing share" in _feature(report_of(aware, unknown), "at").reason


@pytest.mark.parametrize(
    "current",
    [
        [],
        [1.0],
        [float("nan")] * 100,
        [float("inf"), float("-inf")] * 50,
        [None] * 100,
        [2.0] * 100,
    ],
)
def test_odd_windows_are_reported_and_never_a_crash(current: list[Any]) -> None:
    report = report_of(
        pd.DataFrame({"x": np.arange(200.0)}), pd.DataFrame({"x": pd.Series(current, dtype=float)})
    )
    assert report.severity != "none"
    assert DriftReport.from_json(json.loads(json.dumps(report.to_json(), allow_nan=False))) == report


def test_too_few_rows_are_told_as_such() -> None:
    found = drift_of(np.arange(1000.0), np.arange(20.0) + 5000)
    assert found.severity == "too_few"
    assert "20 values" in found.reason
