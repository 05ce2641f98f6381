from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbship import strings, vocabulary
from nbship.fingerprint import fingerprint

ROWS_PER_BLOCK = 1 << 18
Words = np.ndarray[Any, Any]
#: Around the 12 bytes that fit into a view, and what sorts, ends or looks alike.
WORDS = [
    *("", "\0", "\0\0", "a", "a\0", "aa", "é", "z", "\U0010ffff"),
    *("x" * length + end for length in (3, 4, 7, 8, 11, 12, 13, 300) for end in ("", "\0", "y")),
]


def of(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": values})


def arrow(values: Any) -> pa.Table:
    return pa.table({"x": values})


def every_layout(words: Words, codes: Words, missing: Words, random: np.random.Generator) -> list[Any]:
    """Give one column in each layout that text can have."""
    distinct = len(words)
    text = pa.array(words[codes], pa.string(), mask=missing)
    orders = [np.arange(distinct), random.permutation(distinct), random.permutation(distinct)]
    numbers = [np.where(missing, -1, np.argsort(order)[codes]) for order in orders]
    plain = [
        pd.Categorical.from_codes(each, pd.Index(words[order]))
        for each, order in zip(numbers, orders, strict=True)
    ]
    surplus = pd.Categorical.from_codes(numbers[0], pd.Index([*words, "unused", "zz"]))
    doubled = pa.DictionaryArray.from_arrays(
        pa.array(codes + distinct * (np.arange(len(codes)) % 2), mask=missing),
        pa.array([*words, *words, None, "unused"]),
    )
    wide = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.uint64), mask=missing), pa.array(words))
    cut = len(codes) // 3
    halves = [text.slice(0, cut), text.slice(cut)]
    padded = pa.concat_arrays([pa.array(["zz", None]), text]).slice(2)
    return [
        *map(arrow, (text, padded, doubled, wide, pa.chunked_array(halves))),
        arrow(pa.chunked_array([half.dictionary_encode() for half in halves])),
        *(arrow(text.cast(kind)) for kind in (pa.large_string(), pa.string_view())),
        arrow(padded.cast(pa.string_view())),
        pl.from_arrow(arrow(text)),
        *map(of, (*plain, surplus)),
    ]


def hashes(tables: list[Any]) -> set[str]:
    return {fingerprint(table, parallel=parallel).table for table in tables for parallel in (True, False)}


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every table count as large, on a machine of two cores."""
    monkeypatch.setattr("nbship.fingerprint._WORTH_THREADS", 1)
    for module in ("fingerprint", "streams", "vocabulary"):
        monkeypatch.setattr(f"nbship.{module}.CORES", 2)


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("distinct", [1, 254, 255, 256, 300, 5000])
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_text_has_one_hash_however_it_is_held(distinct: int, share: float) -> None:
    rows = ROWS_PER_BLOCK + 75_011  # the last words come late, after the first ones were looked up
    random = np.random.default_rng(distinct)
    codes = random.permutation(np.sort(np.arange(rows) % distinct))
    codes[:ROWS_PER_BLOCK] %= 3
    words = np.array([f"w{number}" + "x" * (number % 9) ** 2 for number in range(distinct)], dtype=object)
    missing = random.random(rows) < share
    found = hashes(every_layout(words, codes, missing, random))
    assert len(found) == 1
    codes[-1], missing[-1] = (codes[-1] + 1) % distinct, distinct == 1
    assert found.isdisjoint(hashes([arrow(pa.array(words[codes], mask=missing))]))


@given(st.lists(st.sampled_from(WORDS), min_size=1, unique=True), st.integers(0, 2**32), st.booleans())
@settings(max_examples=30, deadline=None)
def test_words_that_look_alike_are_told_apart(words: list[str], seed: int, gaps: bool) -> None:
    random = np.random.default_rng(seed)
    rows = 70 * len(words)
    codes = random.integers(0, len(words), rows)
    missing = random.random(rows) < 0.1 * gaps  # a tenth
    table = np.array(words, dtype=object)
    found = hashes(every_layout(table, codes, missing, random))
    assert len(found) == 1
    row = int(random.integers(rows))
    for word in WORDS:
        other = table[codes]
        other[row] = word
        missing[row] = False
        same = word == table[codes[row]] and not gaps
        assert same or gaps or found.isdisjoint(hashes([arrow(pa.array(other, pa.string(), mask=missing))]))


def test_whether_text_is_coded_is_a_matter_of_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strings, "MOST_DISTINCT", 500)
    random = np.random.default_rng(0)
    for distinct, rows in ((500, 33_000), (501, 33_000), (500, 32_000), (500, 31_999)):
        words = np.array([f"{number:013}" for number in range(distinct)], dtype=object)
        codes = np.arange(rows) % distinct
        found = hashes(every_layout(words, codes, np.zeros(rows, bool), random))
        assert len(found) == 1
        with monkeypatch.context() as other:
            other.setattr(strings, "MOST_DISTINCT", 0)
            assert (found == hashes([arrow(words[codes])])) is (distinct > 500 or rows < 32_000)


def test_sixty_five_thousand_values_are_codes_and_one_more_is_not() -> None:
    words = np.array([f"{number:05}" for number in range(65_536)], dtype=object)
    rows = 65_536 * 64
    for distinct in (65_535, 65_536):
        codes = (np.arange(rows) * 7) % distinct
        text = pa.array(words).take(pa.array(codes))
        coded = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(words))
        assert len(hashes([arrow(text), arrow(coded)])) == 1


def test_several_threads_teach_one_vocabulary() -> None:
    words = pa.array(["x" * (number % 9) + f"{number}" for number in range(3000)])
    asked = vocabulary.Vocabulary(words.type, 3000)
    begin = threading.Barrier(4)

    def ask(seed: int) -> tuple[pa.Array, Words]:
        block = words.take(pa.array(np.random.default_rng(seed).integers(0, 3000, 20_000)))
        begin.wait()
        return block, asked.codes(block)

    with ThreadPoolExecutor(4) as pool:
        for block, codes in pool.map(ask, range(4)):
            assert asked.words.take(pa.array(codes)).equals(block)
    with pytest.raises(vocabulary.TooManyError):
        asked.codes(pa.array(["another"] * 9))


def test_values_that_meet_in_one_slot_are_found_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_MIXERS", (np.uint64(0), np.uint64(0)))
    words = pa.array([f"{number}" for number in range(50)])
    asked = vocabulary.Vocabulary(words.type, 50)
    block = words.take(pa.array(np.arange(1000) % 50))
    codes = asked.codes(block)
    assert asked.words.take(pa.array(codes)).equals(block)
