"""How many values are distinct: a sketch that merges exactly, and what it is used for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbship.drift import FeatureDrift, compare
from nbship.profile import profile
from nbship.profile.distinct import ERROR, estimate, merged, sketch

VALUES = st.lists(st.none() | st.text(max_size=20) | st.text("a\0é", min_size=60, max_size=70), max_size=30)


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES)
def test_the_sketch_of_two_columns_is_that_of_both_together(
    one: list[str | None], other: list[str | None]
) -> None:
    parts = [pa.array(values, pa.string()) for values in (one, other)]
    whole = sketch(pa.chunked_array([pa.concat_arrays(parts)]))
    assert merged(*(sketch(pa.chunked_array([part])) for part in parts)) == whole
    assert sketch(pa.chunked_array(parts).cast(pa.large_string())) == whole


@pytest.mark.parametrize("distinct", [0, 1, 50, 3000, 20_000, 300_000])
def test_an_estimate_is_as_right_as_stated(distinct: int) -> None:
    numbers = pa.chunked_array([np.repeat(np.arange(distinct) * 7, 2)])
    assert estimate(sketch(numbers)) == pytest.approx(distinct, rel=3 * ERROR, abs=0.5)


def test_keys_and_texts_are_told_from_other_integers() -> None:
    rng = np.random.default_rng(1)
    found = profile(
        pd.DataFrame(
            {
                "order": rng.permutation(4000),
                "age": rng.integers(18, 90, 4000),
                "email": [f"u{number % 1000}@example.org" for number in range(4000)],
                "note": [f"note {number}" for number in range(4000)],
            }
        )
    )
    assert {column.name for column in found.columns if column.sketch} == {"order", "email", "note"}
    emails = found.column("email")
    assert emails is not None
    assert estimate(emails.sketch) == pytest.approx(1000, rel=3 * ERROR)
    assert (emails.counts, emails.categories) == ((), ())


def unique(reference: pd.DataFrame, current: pd.DataFrame, name: str) -> FeatureDrift:
    known = profile(reference)
    found = compare(known, profile(current, like=known)).feature(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["email", "note", "order"])
def test_a_key_that_stops_being_unique_is_told(name: str) -> None:
    orders = np.arange(2000)
    whole = pd.DataFrame(
        {"order": orders, "note": [f"n{x:06}" for x in orders], "email": [f"e{x}" for x in orders]}
    )
    twice = pd.concat([whole[:1000], whole[:1000]])
    found = unique(whole, twice, name).test("unique")
    assert found is not None
    assert found.severity == "critical"
    assert found.value == pytest.approx(0.5, abs=0.05)
    quiet = unique(whole, whole[500:1500], name).test("unique")
    assert quiet is not None
    assert quiet.severity == "none"


def test_keys_that_stay_unique_are_rarely_told() -> None:
    alarms = 0
    for number in range(300):
        start = number * 10_000_000
        sides = [pa.chunked_array([np.arange(start + at, start + at + 3000)]) for at in (0, 5_000_000)]
        before, now = (profile(pa.table({"email": side.cast(pa.string())})) for side in sides)
        test = compare(before, now).features[0].test("unique")
        alarms += test is not None and test.severity != "none"
    assert alarms <= 8
