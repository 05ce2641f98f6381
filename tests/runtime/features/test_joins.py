"""Point-in-time joins against a row-by-row search that is slow and plainly right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbship.errors import DataError
from nbship.features.joins import KNOWN, As, joined, newest
from nbship.features.views import FeatureView

START = datetime(2026, 7, 1, tzinfo=UTC)
VIEW = FeatureView(
    name="load", function="p.f:g", keys=("station",), time="at", owner="us", freshness=timedelta(minutes=30)
)
MINUTES = st.integers(0, 60)
STATIONS = st.sampled_from(["a", "b"])


def minutes(values: list[int]) -> pd.Series:
    return pd.Series(pd.to_datetime([START + timedelta(minutes=value) for value in values], utc=True)).astype(
        "datetime64[us, UTC]"
    )


def history_of(rows: list[tuple[str, int, int]]) -> pd.DataFrame:
    """Rows of (station, true at, known at); the value is the row's own number."""
    stations, at, known = (list(values) for values in zip(*rows, strict=True)) if rows else ([], [], [])
    return pd.DataFrame(
        {
            "station": pd.Series(stations, dtype=object),
            "at": minutes(at),
            "load": pd.Series(range(len(rows)), dtype=float),
            KNOWN: minutes(known),
        }
    )


def searched(rows: list[tuple[str, int, int]], station: str, moment: int, as_: As) -> float | None:
    seen = [
        (at, known, number)
        for number, (where, at, known) in enumerate(rows)
        if where == station and (known if as_ == "known" else at) <= moment
    ]
    if not seen:
        return None
    at, _, number = max(seen)
    return float(number) if moment - at <= 30 else None


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """A value becomes known when it is true, or later; no two become known at one moment."""
    found = draw(st.lists(st.tuples(STATIONS, MINUTES, MINUTES), max_size=12, unique_by=lambda row: row[2]))
    return [(station, min(at, known), known) for station, at, known in found]


@settings(max_examples=60, deadline=None)
@given(
    histories(),
    st.lists(st.tuples(STATIONS, MINUTES), min_size=1, max_size=8),
    st.sampled_from(["true", "known"]),
)
def test_each_row_gets_what_a_search_finds(
    rows: list[tuple[str, int, int]], asked: list[tuple[str, int]], as_: Any
) -> None:
    asking = pd.DataFrame({"station": [row[0] for row in asked], "when": minutes([row[1] for row in asked])})
    found = joined(asking, history_of(rows), VIEW, time="when", as_=as_)
    values = [None if pd.isna(value) else float(value) for value in found["load"]]
    assert values == [searched(rows, station, moment, as_) for station, moment in asked]
    assert found[["station", "when"]].equals(asking)


def test_what_arrived_late_is_true_at_its_time_and_known_only_later() -> None:
    history = history_of([("a", 0, 0), ("a", 10, 25)])
    asking = pd.DataFrame({"station": ["a"], "at_": minutes([20])}).set_axis([7])
    assert joined(asking, history, VIEW, time="at_")["load"].tolist() == [1.0]
    assert joined(asking, history, VIEW, time="at_", as_="known")["load"].tolist() == [0.0]


def test_a_value_that_has_grown_old_is_missing() -> None:
    asking = pd.DataFrame({"station": ["a", "a"], "when": minutes([30, 31])})
    found = joined(asking, history_of([("a", 0, 0)]), VIEW, time="when")["load"]
    assert found.tolist()[0] == 0.0
    assert found.isna().tolist() == [False, True]


def test_the_newest_of_several_words_for_one_moment_is_the_last() -> None:
    assert newest(history_of([("a", 5, 9), ("a", 5, 7), ("b", 1, 1)]), VIEW)["load"].tolist() == [2.0, 0.0]


@pytest.mark.parametrize(
    ("asking", "said"),
    [
        ({"when": minutes([1])}, "no column 'station'"),
        ({"station": [4], "when": minutes([1])}, "key 'station' is int64 in the rows"),
        ({"station": ["a"], "when": ["soon"]}, "'when' has no times"),
        ({"station": ["a"], "when": minutes([1]), "load": [1]}, "a column 'load' already"),
    ],
)
def test_rows_that_cannot_be_joined_are_told(asking: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as told:
        joined(pd.DataFrame(asking), history_of([("a", 0, 0)]), VIEW, time="when")
    assert said in str(told.value)
