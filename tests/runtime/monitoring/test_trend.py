from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from world import World

from nbship.monitoring.trend import Forecast, Point, Refusal, forecast

FIRST = datetime(2026, 11, 1, 12, tzinfo=UTC)
GOAL = 0.2


def points(values: Any, rows: int = 500) -> list[Point]:
    return [
        Point(at=FIRST + timedelta(days=day), value=float(value), rows=rows)
        for day, value in enumerate(values)
    ]


def ahead(values: Any, measure: str = "missing", **more: Any) -> Forecast | Refusal:
    return forecast(points(values, **more), GOAL, feature="temp", measure=measure)


def shares(means: Callable[[Any], Any], noise: float, windows: int, times: int = 400) -> tuple[float, float]:
    """How often a date is stated, and how often its interval holds the day when the mean is there."""
    rng = np.random.default_rng(5)
    stated = held = 0
    mean = means(np.arange(500.0))
    true = int(np.argmax(mean >= GOAL)) - (windows - 1)
    for _ in range(times):
        found = ahead(mean[:windows] + rng.normal(size=windows) * noise)
        if isinstance(found, Forecast):
            stated += 1
            held += found.earliest <= true <= found.latest
    return stated / times, held / max(stated, 1)


def test_a_steady_rise_is_told_with_its_day() -> None:
    found = ahead([0.01 * day for day in range(12)])
    assert isinstance(found, Forecast)
    assert found.days == pytest.approx(9)
    assert (found.earliest, found.latest) == (pytest.approx(9), pytest.approx(9))
    assert str(found) == "temp reaches critical in 9 days, 9 to 9"


def test_psi_is_extrapolated_by_its_root() -> None:
    found = ahead([(0.02 * day) ** 2 for day in range(15)], measure="psi")
    assert isinstance(found, Forecast)
    assert found.days == pytest.approx(np.sqrt(GOAL) / 0.02 - 14)


@pytest.mark.parametrize(
    ("slope", "noise", "windows"), [(0.01, 0.01, 15), (0.01, 0.02, 15), (0.005, 0.01, 30)]
)
def test_the_interval_holds_the_day(slope: float, noise: float, windows: int) -> None:
    stated, held = shares(lambda day: slope * day, noise, windows)
    assert stated > 0.9
    assert held >= 0.9


@pytest.mark.parametrize("windows", [8, 20, 60])
def test_noise_is_no_trend(windows: int) -> None:
    assert shares(lambda day: 0.1 + 0 * day, 0.02, windows)[0] <= 0.01


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "too few"),
        ([0.01 * day for day in range(7)], "too few"),
        ([0.01 * day for day in range(30)], "is reached"),
        ([0.1] * 20, "no trend"),
        ([0.15 - 0.005 * day for day in range(20)], "no trend"),
        ([0.001 * day for day in range(20)], "further ahead"),
        ([0.17 * (1 - np.exp(-day / 6)) for day in range(20)], "no line"),
        ([float("nan")] * 20, "too few"),
        ([float("inf"), *[0.01 * day for day in range(6)]], "too few"),
        ([0.0] * 19 + [0.19], "no trend"),
    ],
)
def test_a_date_is_not_stated_where_the_fit_does_not_deserve_it(values: list[float], why: str) -> None:
    found = ahead(values)
    assert isinstance(found, Refusal)
    assert why in found.reason


def test_windows_with_few_rows_do_not_count() -> None:
    found = ahead([0.01 * day for day in range(12)], rows=49)
    assert isinstance(found, Refusal)
    assert not found.known


def test_a_rise_in_the_log_is_told_days_before_it_is_critical(world: World) -> None:
    for day in range(11):
        world.rows(day, 500, shift=0.035 * day)
    world.run(11.1)
    (alert,) = (alert for _, alert in world.ledger.alerts() if alert.is_open and alert.rule == "trend")
    assert alert.reason.startswith("temp reaches critical in ")
    assert "critical" not in world.open_alerts().values()
