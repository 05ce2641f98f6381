"""What chance reaches: each law against simulation, and each test against a change that it is there for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nbship.drift import TESTS, DriftReport, compare, measured_exactly, measures
from nbship.drift.pair import Pair
from nbship.profile import profile

DRAWS = 4000


def report_of(reference: pd.DataFrame, current: pd.DataFrame) -> DriftReport:
    known = profile(reference)
    return compare(known, profile(current, like=known))


def measured(report: DriftReport, feature: str, name: str) -> float:
    found = report.feature(feature)
    assert found is not None
    test = found.test(name)
    assert test is not None
    assert test.value is not None
    return test.value


@pytest.mark.parametrize(("rate", "n", "m"), [(0.001, 1000, 50), (0.02, 1000, 200), (0.3, 5000, 5000)])
@pytest.mark.parametrize("level", [0.99, 0.999])
def test_two_shares_differ_by_chance_no_more_often_than_stated(
    rate: float, n: int, m: int, level: float
) -> None:
    rng = np.random.default_rng(4)
    before, now = rng.binomial(n, rate, DRAWS), rng.binomial(m, rate, DRAWS)
    above = [
        abs(int(b) / n - int(a) / m) > measures.two_shares_null(level, int(b), n, int(a), m)
        for b, a in zip(before, now, strict=True)
    ]
    assert np.mean(above) <= (1 - level) + 3 * np.sqrt((1 - level) / DRAWS)


@pytest.mark.parametrize(("n", "m"), [(1000, 50), (1000, 1000), (100, 2000)])
def measureds_leave_the_range_by_chance_no_more_often_than_stated(n: int, m: int) -> None:
    rng = np.random.default_rng(5)
    above = 0
    for _ in range(1000):
        a, b = rng.random(n), rng.random(m)
        outside = np.count_nonzero((b < a.min()) | (b > a.max())) / m
        above += outside > measures.range_null(0.99, n, m)
    assert above <= 10 + 3 * np.sqrt(10)


def test_a_column_of_rare_names_has_newcomers_by_chance() -> None:
    rng = np.random.default_rng(6)
    names = np.array([f"n{number}" for number in range(3000)])
    alarms = 0
    for _ in range(20):
        known = pd.DataFrame({"x": np.concatenate([rng.choice(names[:100], 3000), rng.choice(names, 300)])})
        now = pd.DataFrame({"x": np.concatenate([rng.choice(names[:100], 3000), rng.choice(names, 300)])})
        found = report_of(known, now).feature("x")
        assert found is not None
        test = found.test("new")
        alarms += test is not None and test.severity != "none"
    assert alarms <= 1


def test_a_wide_table_raises_no_more_false_alarms_than_a_narrow_one() -> None:
    rng = np.random.default_rng(7)
    reference = pd.DataFrame(rng.normal(size=(4000, 60))).rename(columns=str)
    known = profile(reference)
    alarms = 0
    for _ in range(40):
        current = pd.DataFrame(rng.normal(size=(3000, 60))).rename(columns=str)
        alarms += compare(known, profile(current, like=known)).severity != "none"
    assert alarms <= 2  # one per cent of 40 tables; uncorrected it would be most of them


def test_small_windows_keep_power_for_what_is_large() -> None:
    rng = np.random.default_rng(8)
    reference = pd.DataFrame(rng.normal(size=(4000, 60))).rename(columns=str)
    current = pd.DataFrame(rng.normal(size=(300, 60))).rename(columns=str)
    current["7"] += 1
    report = report_of(reference, current)
    assert [item.feature for item in report.features if item.severity != "none"] == ["7"]
    assert report.severity == "critical"


@pytest.mark.parametrize("shift", [0.1, 0.5, 1.0, 3.0])
def test_wasserstein_of_a_shifted_normal_is_the_shift(shift: float) -> None:
    grid = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    report = report_of(pd.DataFrame({"x": grid}), pd.DataFrame({"x": grid + shift}))
    assert measured(report, "x", "wasserstein") == pytest.approx(
        shift, rel=0.05
    )  # beyond the edges values lie evenly by assumption


def test_wasserstein_stays_below_its_bound_by_chance() -> None:
    rng = np.random.default_rng(9)
    known = profile(pd.DataFrame({"x": rng.lognormal(size=2000)}))
    above = 0
    for _ in range(200):
        now = profile(pd.DataFrame({"x": rng.lognormal(size=500)}), like=known)
        pair = Pair.of(known.columns[0], now.columns[0])
        area = measures.Area.between(pair.reference, pair.current, pair.fine)
        above += area.value > area.null(0.99, 2000, 500)
    assert above <= 6


def test_whole_samples_give_scipys_statistics_to_the_last_digit() -> None:
    rng = np.random.default_rng(10)
    before, now = pd.DataFrame({"x": rng.gamma(2, size=900)}), pd.DataFrame({"x": rng.gamma(2.2, size=700)})
    before.loc[3, "x"] = np.nan
    known = profile(before)
    report = measured_exactly(compare(known, profile(now, like=known)), known, before, now)
    theirs = stats.ks_2samp(before["x"].dropna(), now["x"])
    found = report.features[0].test("ks")
    assert found is not None
    assert (found.value, found.p_value, found.bound) == (theirs.statistic, theirs.pvalue, None)
    distance = stats.wasserstein_distance(before["x"].dropna(), now["x"])
    assert measured(report, "x", "wasserstein") == distance / measures.spread(known.columns[0])


def measureds_outside_the_range_are_told() -> None:
    rng = np.random.default_rng(11)
    before, now = pd.DataFrame({"x": rng.random(5000)}), pd.DataFrame({"x": rng.random(5000)})
    now.loc[:399, "x"] += 1
    found = report_of(before, now).feature("x")
    assert found is not None
    assert measured(report_of(before, now), "x", "range") == pytest.approx(0.08, abs=1e-3)
    assert found.severity == "warning"
    assert "outside the reference's range" in found.reason


def test_outliers_that_become_more_are_told() -> None:
    rng = np.random.default_rng(12)
    before = pd.DataFrame({"x": np.append(rng.normal(size=9999), 500.0)})
    now = pd.DataFrame({"x": rng.normal(size=10_000)})
    now.loc[:599, "x"] = 40.0  # inside the range, far outside the fences
    report = report_of(before, now)
    assert measured(report, "x", "range") == 0
    assert measured(report, "x", "outliers") == pytest.approx(0.06, abs=2e-3)
    assert report.severity == "warning"


def test_profiles_of_an_earlier_make_are_compared_without_what_they_do_not_tell() -> None:
    from dataclasses import replace

    column = profile(pd.DataFrame({"x": np.arange(500.0)})).columns[0]
    edges = tuple(edge for edge in column.edges if edge != column.maximum)
    old = replace(column, edges=edges, fences=(), deciles=(), counts=column.counts[: len(edges) + 1])
    pair = Pair.of(old, old)
    names = {test.name for test in TESTS if test.applies(pair)}
    assert {"range", "outliers", "wasserstein"}.isdisjoint(names)
    assert "psi" in names


def test_equally_severe_features_are_ranked_by_importance() -> None:
    rng = np.random.default_rng(13)
    before = pd.DataFrame(rng.normal(size=(2000, 3)), columns=["a", "b", "c"])
    known = profile(before)
    now = profile(before.add([2, 3, 0]), like=known)
    assert [item.feature for item in compare(known, now).features] == ["b", "a", "c"]
    weighed = compare(known, now, importance={"a": 0.9, "b": 0.1, "c": 5.0})
    assert [item.feature for item in weighed.features] == ["a", "b", "c"]
    assert DriftReport.from_json(weighed.to_json()) == weighed


def test_a_report_is_a_frame_of_one_row_a_test() -> None:
    frame = report_of(pd.DataFrame({"x": np.arange(100.0)}), pd.DataFrame({"x": np.arange(100.0)})).to_frame()
    assert list(frame["test"]) == ["psi", "js", "ks", "wasserstein", "range", "outliers", "missing"]
    assert set(frame["severity"]) == {"none"}
