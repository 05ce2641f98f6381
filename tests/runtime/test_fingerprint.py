from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbship.errors import DataError, InputError
from nbship.fingerprint import ROWS_PER_BLOCK, fingerprint, fingerprint_file, hash_file

floats = st.lists(st.one_of(st.none(), st.floats(width=64)), max_size=40)
texts = st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), max_size=40)
whole = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40)


def frame() -> pd.DataFrame:
    rows = 20_000
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "f": rng.standard_normal(rows),
            "i": rng.integers(0, 1 << 40, rows),
            "b": rng.integers(0, 2, rows).astype(bool),
            "s": rng.choice(["a", "bb", "ccc"], rows),
            "t": pd.date_range("2020-01-01", periods=rows, freq="s"),
        }
    )


@given(floats, texts)
@settings(max_examples=60, deadline=None)
def test_a_table_has_one_hash_however_arrow_cuts_it(
    numbers: list[float | None], words: list[str | None]
) -> None:
    rows = min(len(numbers), len(words))
    plain = pa.table({"x": pa.array(numbers[:rows], pa.float64()), "s": pa.array(words[:rows], pa.string())})
    large = plain.cast(pa.schema([("x", pa.float64()), ("s", pa.large_string())]))
    pieces = pa.concat_tables([plain.slice(0, rows // 3), plain.slice(rows // 3)])
    padded = pa.concat_tables([plain.slice(0, min(rows, 2)), plain]).slice(min(rows, 2))
    assert fingerprint(plain) == fingerprint(large) == fingerprint(pieces) == fingerprint(padded)


@given(whole, st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_value_changes_its_column_and_the_table_and_no_schema(
    numbers: list[int], data: st.DataObject
) -> None:
    numbers = [*numbers, 0]
    place = data.draw(st.integers(0, len(numbers) - 1))
    changed = [*numbers]
    changed[place] ^= 1
    before = fingerprint(pa.table({"x": numbers, "y": numbers}))
    after = fingerprint(pa.table({"x": changed, "y": numbers}))
    assert before.table != after.table
    assert before.columns["x"] != after.columns["x"]
    assert before.columns["y"] == after.columns["y"]
    assert before.schema == after.schema


@given(floats)
@settings(max_examples=60, deadline=None)
def test_pandas_and_arrow_with_the_same_numbers_have_the_same_hash(numbers: list[float | None]) -> None:
    series = pd.DataFrame({"x": pd.Series(numbers, dtype="float64")})
    assert fingerprint(series).table == fingerprint(pa.table({"x": pa.array(numbers, pa.float64())})).table


def test_object_str_and_categorical_text_hold_the_same_content() -> None:
    words = ["a", None, "é", ""]
    as_object = fingerprint(pd.DataFrame({"s": pd.Series(words, dtype=object)}))
    as_string = fingerprint(pd.DataFrame({"s": pd.Series(words, dtype="string")}))
    as_category = fingerprint(pd.DataFrame({"s": pd.Categorical(words, categories=["é", "", "a"])}))
    reordered = fingerprint(pd.DataFrame({"s": pd.Categorical(words, categories=["", "a", "é"])}))
    assert as_object == as_string
    assert as_object.table == as_category.table
    assert as_object.schema != as_category.schema
    assert as_category == reordered


def test_times_in_any_unit_are_one_and_nanoseconds_are_seen() -> None:
    times = pd.Series(pd.date_range("2024-01-01", periods=3, freq="h"))
    same = {
        fingerprint(pd.DataFrame({"t": times.dt.as_unit(unit)})).table for unit in ("s", "ms", "us", "ns")
    }
    later = fingerprint(pd.DataFrame({"t": times.dt.as_unit("ns") + pd.Timedelta(1, "ns")})).table
    assert len(same) == 1
    assert later not in same


def test_the_payload_of_a_nan_is_not_seen_and_the_sign_of_zero_is() -> None:
    odd = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)
    assert fingerprint(pd.DataFrame({"x": odd})) == fingerprint(pd.DataFrame({"x": [float("nan")]}))
    assert fingerprint(pd.DataFrame({"x": [0.0]})).table != fingerprint(pd.DataFrame({"x": [-0.0]})).table


def test_rows_names_order_and_types_are_seen() -> None:
    base = frame()
    print_of = fingerprint(base).table
    assert fingerprint(base.iloc[::-1].reset_index(drop=True)).table != print_of
    assert fingerprint(base.rename(columns={"f": "g"})).table != print_of
    assert fingerprint(base[["i", "f", "b", "s", "t"]]).table != print_of
    assert fingerprint(base.astype({"f": "float32"})).table != print_of
    last = base.copy()
    last.loc[19_999, "b"] = not last.loc[19_999, "b"]
    assert fingerprint(last).table != print_of
    assert fingerprint(base.copy()) == fingerprint(base)


def test_the_index_is_a_table_of_its_own() -> None:
    base = pd.DataFrame({"x": [1, 2]})
    moved = base.set_axis(["a", "b"])
    assert fingerprint(base).index is None
    assert fingerprint(moved).index is not None
    assert fingerprint(moved).table == fingerprint(base).table


def test_blocks_end_where_the_rules_say_and_not_where_chunks_end() -> None:
    rows = ROWS_PER_BLOCK + 7
    whole_column = pa.table({"x": np.arange(rows)})
    cut = pa.concat_tables(
        [
            whole_column.slice(0, 10),
            whole_column.slice(10, ROWS_PER_BLOCK),
            whole_column.slice(ROWS_PER_BLOCK + 10),
        ]
    )
    assert fingerprint(whole_column) == fingerprint(cut)


def test_lists_and_structs_have_content_too() -> None:
    one = pa.table({"x": [[1, 2], None, []], "y": [{"a": 1}, {"a": None}, None]})
    other = pa.table({"x": [[1], [2], []], "y": [{"a": 1}, {"a": None}, None]})
    assert fingerprint(one).columns["x"] != fingerprint(other).columns["x"]
    assert (
        fingerprint(one).columns["y"]
        == fingerprint(pa.concat_tables([one.slice(0, 1), one.slice(1)])).columns["y"]
    )


def test_polars_has_the_same_hash_where_it_is_installed() -> None:
    polars = pytest.importorskip("polars")
    base = frame()
    assert fingerprint(polars.from_pandas(base)).table == fingerprint(base).table


def test_mixed_values_tell_types_apart_and_foreign_objects_are_refused() -> None:
    assert (
        fingerprint(pd.DataFrame({"x": [1, "1"]})).table != fingerprint(pd.DataFrame({"x": ["1", 1]})).table
    )
    with pytest.raises(DataError, match="'x' holds objects of type"):
        fingerprint(pd.DataFrame({"x": [object(), 1]}))


def test_a_file_has_the_hash_of_its_bytes_and_of_its_table(tmp_path: pytest.TempPathFactory) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "x.csv"
    path.write_text("a,b\n1,x\n2,y\n")
    found = fingerprint_file(path)
    assert found.file == hash_file(path)
    assert found.content == fingerprint(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    assert set(found.to_json()) == {"path", "file", "table", "columns", "schema", "reader"}
    with pytest.raises(InputError, match="cannot be read"):
        fingerprint_file(path.with_name("none.csv"))


def test_the_hash_of_version_one_stays_what_it_is() -> None:
    table = pa.table({"x": pa.array([1.5, None]), "s": ["a", None], "n": [1, 2], "b": [True, None]})
    assert fingerprint(table).table == PINNED


PINNED = "b3:79fc4b28483882d0bea1b0dffd8490833bf1082a545eb309ffbbf7e9082cd715"
