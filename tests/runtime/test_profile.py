from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbship.errors import DataError
from nbship.profile import Profile, profile

LARGEST = float(np.finfo(np.float64).max)

rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(allow_nan=True)),
        st.one_of(st.none(), st.sampled_from("abcdef")),
        st.one_of(st.none(), st.booleans()),
    ),
    max_size=30,
)


def table(values: list[tuple[Any, ...]]) -> pa.Table:
    x, s, b = zip(*values, strict=True) if values else ((), (), ())
    return pa.table(
        {"x": pa.array(x, pa.float64()), "s": pa.array(s, pa.string()), "b": pa.array(b, pa.bool_())}
    )


@given(rows, rows, rows, rows)
@settings(max_examples=80, deadline=None)
def test_profiles_of_parts_add_up_to_that_of_the_whole(reference: Any, a: Any, b: Any, c: Any) -> None:
    known = profile(table(reference))
    one, two, three = (profile(table(part), like=known) for part in (a, b, c))
    assert (one + two) + three == one + (two + three) == profile(table(a + b + c), like=known)
    assert one + two == two + one


@given(rows)
@settings(max_examples=50, deadline=None)
def test_a_profile_survives_json(values: Any) -> None:
    found = profile(table(values))
    text = json.dumps(found.to_json(), allow_nan=False)
    assert Profile.from_json(json.loads(text)) == found


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "values", [[-LARGEST, -LARGEST], [-LARGEST, LARGEST, 0.0], [LARGEST] * 3, [-LARGEST]]
)
def test_the_largest_floats_have_edges_that_json_can_hold(values: list[float]) -> None:
    found = profile(pd.DataFrame({"x": values}))
    assert Profile.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
    assert sum(found.columns[0].counts) == len(values)


def test_every_value_is_in_one_bin_and_missing_in_none() -> None:
    found = profile(pd.DataFrame({"x": [1.0, 2.0, None, float("inf"), -float("inf"), 2.0]})).column("x")
    assert found is not None
    assert sum(found.counts) == found.present == 5
    assert (found.missing, found.infinite) == (1, 2)
    assert (found.minimum, found.maximum) == (1.0, 2.0)


def test_mostly_unique_text_and_personal_columns_keep_no_values() -> None:
    people = pd.DataFrame(
        {
            "note": [f"secret story {number}" for number in range(500)],
            "email": ["ada@example.org"] * 500,
            "customer_phone": np.arange(500),
        }
    )
    found = profile(people)
    assert [column.kind for column in found.columns] == ["text", "withheld", "withheld"]
    assert "story" not in json.dumps(found.to_json())
    assert "ada" not in json.dumps(found.to_json())
    assert profile(people, like=found) == found


def test_profiles_over_other_edges_do_not_add() -> None:
    one, other = profile(pd.DataFrame({"x": [1.0, 2.0]})), profile(pd.DataFrame({"x": [5.0, 9.0]}))
    with pytest.raises(DataError, match="other edges"):
        _ = one + other


def test_dates_booleans_and_categoricals_are_counted() -> None:
    frame = pd.DataFrame(
        {
            "t": pd.date_range("2024-01-01", periods=100, freq="D", tz="Europe/Vilnius"),
            "b": [True, False] * 50,
            "c": pd.Categorical(["x", "y"] * 50),
        }
    )
    found = profile(frame)
    assert [column.kind for column in found.columns] == ["datetime", "boolean", "category"]
    assert found.columns[1].categories == ("false", "true")
    assert found.columns[2].counts == (50, 50, 0)


def test_another_format_is_refused() -> None:
    with pytest.raises(DataError, match="version 1"):
        Profile.from_json({"nbship_profile": 99})
