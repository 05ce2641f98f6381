from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from nbship.canonical import compare, digest, is_timing, tokens

PLAIN: Any = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=4)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    max_leaves=12,
)


def _relation(one: object, other: object) -> str:
    return compare(tokens(one), tokens(other))[0]


def _digest(value: object) -> str:
    hasher = xxhash.xxh3_128()
    digest(tokens(value), hasher)
    return hasher.hexdigest()


@given(PLAIN)
def test_every_plain_value_equals_itself(value: object) -> None:
    assert _relation(value, value) == "equal"


@given(PLAIN, PLAIN)
def test_equal_digests_mean_equal_tokens(one: object, other: object) -> None:
    assert (_digest(one) == _digest(other)) == (_relation(one, other) == "equal")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        ("1", 1),
        ([1, 2], (1, 2)),
        ([1, 2], [2, 1]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, index=[5])),
        (pd.Series(["x", None]), pd.Series(["x", ""])),
        (pd.Series([1.0, None]), pd.Series([1.0, 0.0])),
        (pd.Categorical(["a", "b"]), pd.Categorical(["b", "a"])),
        (LinearRegression(), LinearRegression(fit_intercept=False)),
        (LinearRegression(), LinearRegression().fit([[0], [1]], [0, 1])),
        (np.random.default_rng(1), np.random.default_rng(2)),
        (0.1, 0.2),
        (io.StringIO("ab"), io.StringIO("ac")),
    ],
)
def test_what_differs_is_never_called_equal(one: object, other: object) -> None:
    assert _relation(one, other) == "different"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (float("nan"), float("nan")),
        ({1, "a", (2, 3)}, {(2, 3), "a", 1}),
        (np.asfortranarray(np.eye(3)), np.eye(3)),
        (pd.DataFrame({"a": [1, None]}), pd.DataFrame({"a": [1, np.nan]})),
        (LinearRegression().fit([[0], [1]], [0, 1]), LinearRegression().fit([[0], [1]], [0, 1])),
        (io.StringIO("ab"), io.StringIO("ab")),
    ],
)
def test_what_holds_the_same_is_equal(one: object, other: object) -> None:
    assert _relation(one, other) == "equal"


def test_sums_taken_in_another_order_are_close() -> None:
    assert _relation(0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1) == "close"
    assert _relation(np.array([0.1 + 0.2]), np.array([0.3])) == "close"


def test_what_has_no_content_is_unchecked_and_never_equal() -> None:
    assert _relation((n for n in range(3)), (n for n in range(3))) == "unchecked"
    assert _relation([1, open], [1, open]) == "equal"


def test_a_difference_says_where_it_stands() -> None:
    assert compare(tokens({"a": [1, 2]}), tokens({"a": [1, 3]})) == ("different", "['a'][1]: 2 became 3")


class Timed:
    """An object with a cache and a clock, as estimators have them."""

    def __init__(self, value: int, fit_time_: float) -> None:
        self.value = value
        self.fit_time_ = fit_time_

    @functools.cached_property
    def doubled(self) -> int:
        return self.value * 2


def test_what_was_cached_or_timed_is_no_part_of_a_value() -> None:
    one, other = Timed(1, 0.5), Timed(1, 0.7)
    assert other.doubled == 2
    assert _relation(one, other) == "equal"
    assert _relation(one, Timed(2, 0.5)) == "different"


def test_a_users_class_keeps_its_identity_when_it_moves() -> None:
    moved = type("Moved", (), {"__module__": "package.models"})
    born = type("Moved", (), {"__module__": "__main__"})
    assert compare(tokens(born), tokens(moved, own=["package"]))[0] == "equal"
    assert compare(tokens(born), tokens(moved))[0] == "different"


def test_a_value_that_holds_itself_ends() -> None:
    items: list[object] = [1]
    items.append(items)
    assert _relation(items, items) == "equal"


def test_names_that_tell_a_duration() -> None:
    assert [name for name in ("fit_time", "refit_time_", "times_seen", "timeout") if is_timing(name)] == [
        "fit_time",
        "refit_time_",
    ]
