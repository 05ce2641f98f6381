"""The quick ways of counting give what the plain ones give, to the last one."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbship.profile.occurrences import occurrences
from nbship.profile.tally import tally

ROUND = st.integers(-40, 40).map(lambda tenths: tenths / 10)
NUMBERS = st.lists(st.floats() | ROUND | st.integers(-3, 3).map(float), max_size=60)
EDGES = st.lists(st.floats(allow_nan=False, allow_infinity=False) | ROUND, max_size=30)
TEXTS = st.lists(st.none() | st.text("ab\0é", max_size=4) | st.text(max_size=12), max_size=40)


@settings(max_examples=80, deadline=None)
@given(NUMBERS, EDGES)
def test_numbers_are_told_from_edges_as_by_ordering_them(numbers: list[float], edges: list[float]) -> None:
    cuts = np.sort(np.array([*edges, *(math.nextafter(edge, -math.inf) for edge in edges)], dtype=np.float64))
    values = np.array(numbers, dtype=np.float64)
    present = np.sort(values[~np.isnan(values)])
    found = tally(values, cuts)
    assert found.places.tolist() == present.searchsorted(cuts, side="right").tolist()
    assert found.present == len(present)
    if len(present):
        assert (found.lowest, found.highest) == (present[0], present[-1])


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1.0, 1e300])
def test_numbers_that_singles_cannot_tell_apart_are_counted_as_they_are(spread: float) -> None:
    values = 1e6 + spread * np.random.default_rng(3).normal(size=150_000)
    edges = np.quantile(values, np.linspace(0, 1, 101))
    assert tally(values, edges).places.tolist() == np.sort(values).searchsorted(edges, side="right").tolist()


@settings(max_examples=80, deadline=None)
@given(TEXTS, st.sampled_from([pa.string(), pa.large_string()]), st.integers(0, 5))
def test_texts_are_counted_as_by_hand(texts: list[str | None], kind: pa.DataType, start: int) -> None:
    whole = pa.array(texts, type=kind)
    values = pa.chunked_array([whole.slice(start), whole.slice(0, start)], type=kind)
    by_hand = Counter(text for text in texts if text is not None)
    assert occurrences(values) == by_hand
    assert occurrences(values.dictionary_encode()) == by_hand


@pytest.mark.parametrize("width", range(1, 10))
def test_texts_of_one_width_over_many_blocks_are_counted_as_by_hand(width: int) -> None:
    names = np.array([f"{number:03}{'é' * 9}"[:width] for number in range(90)])
    texts = names[np.random.default_rng(width).integers(0, 90, 40_000)].tolist()
    assert occurrences(pa.chunked_array([texts])) == Counter(texts)


def test_a_dictionary_that_holds_a_value_twice_is_counted_by_value() -> None:
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 2, None]), pa.array(["a", "a", None]))
    assert occurrences(pa.chunked_array([coded])) == {"a": 2}
