from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from blake3 import blake3
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from nbship.cli import main
from nbship.errors import DataError, InputError
from nbship.fingerprint import fingerprint, fingerprint_file, hash_file, hash_folder

D = decimal.Decimal
ROWS_PER_BLOCK = 1 << 16
floats = st.lists(st.one_of(st.none(), st.floats(width=64)), max_size=40)
texts = st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), max_size=40)
whole = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40)
few = settings(max_examples=25, deadline=None)
moments = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))  # noqa: DTZ001  # naive is meant

#: Columns that every library can hold, by type: what hypothesis draws, and the Arrow type it is held in.
COLUMNS: dict[str, tuple[st.SearchStrategy[Any], pa.DataType]] = {
    "int8": (st.integers(-128, 127), pa.int8()),
    "int64": (st.integers(-(2**63), 2**63 - 1), pa.int64()),
    "uint64": (st.integers(0, 2**64 - 1), pa.uint64()),
    "float32": (st.floats(width=32), pa.float32()),
    "float64": (st.floats(), pa.float64()),
    "bool": (st.booleans(), pa.bool_()),
    "string": (st.text(st.characters(exclude_categories=["Cs"])), pa.string()),
    "binary": (st.binary(), pa.binary()),
    "timestamp": (moments, pa.timestamp("us")),
    "zoned": (moments, pa.timestamp("us", "UTC")),
    "duration": (st.timedeltas(dt.timedelta(-9000), dt.timedelta(9000)), pa.duration("us")),
    "date": (st.dates(), pa.date32()),
    "time": (st.times(), pa.time64("us")),
    "decimal": (st.decimals(-999, 999, places=3), pa.decimal128(12, 3)),
    "list": (st.lists(st.none() | st.integers(-9, 9), max_size=3), pa.list_(pa.int64())),
    "struct": (
        st.fixed_dictionaries({"a": st.none() | st.integers(0, 9), "b": st.text("xyz")}),
        pa.struct([("a", pa.int64()), ("b", pa.string())]),
    ),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 12))
    columns = {}
    for name in draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True)):
        values, kind = COLUMNS[name]
        columns[name] = pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind)
    return pa.table(columns)


def of(values: Any, **options: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(values, **options)})


def arrow(values: Any, kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"x": pa.array(values, kind)})


def polar(values: Any, kind: Any = None) -> pl.DataFrame:
    return pl.DataFrame({"x": pl.Series(values, dtype=kind)})


def on_two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every table count as large, on a machine of two cores."""
    monkeypatch.setattr("nbship.fingerprint._WORTH_THREADS", 1)
    for module in ("fingerprint", "streams", "vocabulary"):
        monkeypatch.setattr(f"nbship.{module}.CORES", 2)


def hashes(*same: Any) -> set[str]:
    return {fingerprint(table).table for table in same}


@given(tables(), st.data())
@few
def test_a_table_has_one_hash_in_every_library_and_however_it_is_cut(
    table: pa.Table, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, table.num_rows))
    pieces = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    padded = pa.concat_tables([table.slice(cut), table]).slice(table.num_rows - cut)
    backed = table.to_pandas(types_mapper=pd.ArrowDtype)
    assert len(hashes(table, pieces, padded, backed, pl.from_arrow(table))) == 1
    assert len({fingerprint(each).schema for each in (table, pieces, padded, backed)}) == 1
    objects = pd.DataFrame(
        {name: pd.Series(table[name].to_pylist(), dtype=object) for name in table.column_names}
    )
    exact = [name for name in table.column_names if name not in {"int8", "uint64", "float32"}]
    assert len(hashes(table.select(exact), objects[exact])) == 1


@given(tables(), st.data())
@few
def test_any_other_value_name_or_order_has_another_hash(table: pa.Table, data: st.DataObject) -> None:
    before = fingerprint(table)
    name = data.draw(st.sampled_from(table.column_names))
    place = table.column_names.index(name)
    renamed = table.rename_columns([f"{each}'" if each == name else each for each in table.column_names])
    assert fingerprint(renamed).table != before.table
    assert fingerprint(table.select(table.column_names[::-1])).table != before.table or table.num_columns == 1
    row = data.draw(st.integers(0, table.num_rows))
    values, kind = COLUMNS[name]
    items = table[name].to_pylist()
    new = pa.array([data.draw(st.none() | values)], kind)[0].as_py()  # as the column would hold it
    changed = (
        table.drop_columns([name])
        if row == len(items)
        else table.set_column(place, name, pa.array([*items[:row], new, *items[row + 1 :]], kind))
    )
    after = fingerprint(changed)
    alike = row < len(items) and same(new, items[row])
    assert (after.table == before.table) is alike
    for other in set(changed.column_names) - {name}:
        assert after.columns[other] == before.columns[other]


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are one: bitwise, with NaN and None both missing."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one == other
    missing = [value is None or value != value for value in (one, other)]  # noqa: PLR0124  # NaN
    if any(missing):
        return all(missing)
    return bool(one == other) and str(one).startswith("-") == str(other).startswith("-")


@given(floats, texts)
@few
def test_pandas_holds_what_arrow_and_polars_hold(
    numbers: list[float | None], words: list[str | None]
) -> None:
    rows = min(len(numbers), len(words))
    numbers, words = numbers[:rows], words[:rows]
    table = pa.table({"x": pa.array(numbers, pa.float64()), "s": pa.array(words, pa.string())})
    frames = [
        pd.DataFrame({"x": pd.Series(numbers, dtype="float64"), "s": pd.Series(words, dtype=dtype)})
        for dtype in ("object", "string", "category")
    ]
    coded = table.set_column(1, "s", table["s"].dictionary_encode())
    assert len(hashes(table, coded, *frames, pl.from_arrow(table), pl.from_arrow(coded))) == 1


@given(st.lists(st.integers(0, 9), min_size=4, max_size=12), st.permutations(list("abcdefghij")))
@few
def test_the_order_and_surplus_of_categories_are_not_seen(codes: list[int], categories: list[str]) -> None:
    words = [categories[code] for code in codes]
    frames = [of(pd.Categorical(words, categories=order)) for order in (categories, sorted(categories))]
    frames.append(of(pd.Categorical(words)))
    assert len({(found.table, found.schema) for found in map(fingerprint, frames)}) == 1
    assert hashes(frames[0]) == hashes(of(words))


@given(st.integers(1, 6), st.integers(1, 5), st.data())
@few
def test_an_array_is_a_table_by_position_in_any_order_of_memory(
    rows: int, wide: int, data: st.DataObject
) -> None:
    numbers = data.draw(st.lists(st.floats(), min_size=rows * wide, max_size=rows * wide))
    array = np.array(numbers).reshape(rows, wide)
    table = pa.table({str(place): array[:, place].copy() for place in range(wide)})
    orders = [array, np.asfortranarray(array), np.repeat(array, 2, axis=1)[:, ::2], array.astype(">f8")]
    frames = [pd.DataFrame(array), pd.DataFrame(np.asfortranarray(array))]
    assert len(hashes(*orders, *frames, table, pl.from_arrow(table))) == 1
    assert len({fingerprint(each).schema for each in (*orders, *frames)}) == 1


TEXT = ["a", None, "é", ""]
SAME: dict[str, list[Any]] = {
    "text in every layout": [
        *(
            of(TEXT, dtype=dtype)
            for dtype in (object, "string", "category", "string[pyarrow]", "string[python]")
        ),
        *(arrow(TEXT, kind) for kind in (pa.string(), pa.large_string(), pa.string_view())),
        *(polar(TEXT, kind) for kind in (pl.String, pl.Categorical, pl.Enum(["é", "a", "", "q"]))),
        of(pd.Categorical(TEXT, categories=["", "zz", "é", "a"], ordered=True)),
    ],
    "codes of every width": [
        arrow(pa.array(TEXT).dictionary_encode().cast(pa.dictionary(kind, pa.string())))
        for kind in (
            pa.int8(),
            pa.uint8(),
            pa.int16(),
            pa.uint16(),
            pa.int32(),
            pa.uint32(),
            pa.int64(),
            pa.uint64(),
        )
    ],
    "long text": [of(["a" * 300, "b"], dtype=object), arrow(["a" * 300, "b"]), polar(["a" * 300, "b"])],
    "categories of numbers": [
        of([3, None, 1, 3], dtype="category"),
        *(of(pd.Categorical([3, None, 1, 3], categories=order)) for order in ([3, 1], [7, 1, 3])),
        of(pd.Categorical([3, None, 1, 3], ordered=True)),
        arrow(pa.array([3, None, 1, 3]).dictionary_encode()),
        arrow(
            pa.DictionaryArray.from_arrays([3, 0, 2, 1], [3, 9, 1, 3, None]).take(pa.array([1, None, 2, 0]))
        ),
    ],
    "categories of floats": [
        arrow(pa.DictionaryArray.from_arrays(codes, pa.array(entries, pa.float64())))
        for codes, entries in (
            ([0, 1, 2, None, 3], [-0.0, 0.0, -1.5, 2.5]),
            ([3, 0, 2, 4, 1], [0.0, 2.5, -1.5, -0.0, np.nan]),
        )
    ],
    "categories of times": [
        of(pd.Categorical(pd.DatetimeIndex(["2020-01-02", "NaT", "1999-01-01"]).astype(f"M8[{unit}]")))
        for unit in ("us", "ns", "s")
    ],
    "categories of intervals": [
        of(pd.Categorical(pd.interval_range(0, 3).take([0, 2, 2]), pd.interval_range(0, 3).take(order)))
        for order in ([0, 1, 2], [2, 0, 1], [2, 0])
    ],
    "categories of anything": [
        arrow(pa.DictionaryArray.from_arrays(codes, pa.array(entries, pa.decimal128(9, 2))))
        for codes, entries in (
            ([0, 1, 0], [D("1.50"), D("2")]),
            ([1, 2, 3], [D(7), D("1.50"), D(2), D("1.50")]),
        )
    ],
    "runs": [pa.table({"x": pa.RunEndEncodedArray.from_arrays([2, 3], [1, 2])}), arrow([1, 1, 2])],
    "nullable numbers": [
        *(of([1, None, 3], dtype=dtype) for dtype in ("Int64", "int64[pyarrow]", object)),
        arrow([1, None, 3]),
        polar([1, None, 3]),
    ],
    "nullable truth": [
        *(of([True, None], dtype=dtype) for dtype in ("boolean", "bool[pyarrow]", object)),
        arrow([True, None]),
        polar([True, None]),
    ],
    "half floats": [of([1.5, np.nan], dtype="float16"), arrow(np.array([1.5, np.nan], np.float16))],
    "nothing present": [
        of([None, None], dtype=object),
        of([None, None], dtype="string"),
        arrow([None, None], pa.string()),
        polar([None, None], pl.String),
        polar([None, None]),
    ],
    "no rows": [of([], dtype=object), of(pd.Categorical([])), arrow([], pa.string()), polar([], pl.String)],
    "no columns": [pd.DataFrame(), pa.table({}), pl.DataFrame()],
    "rows and no columns": [pd.DataFrame(index=range(2)), np.zeros((2, 0))],
    "zones": [
        of(pd.DatetimeIndex(["2020-01-01T12:00", "NaT"], tz="UTC").tz_convert(zone))
        for zone in ("UTC", "Europe/Vilnius", dt.timezone(dt.timedelta(hours=2)))
    ],
    "times far off": [of(np.array(["300000-01-01", "2020-01-01"], f"M8[{unit}]")) for unit in ("s", "ms")],
    "days of numpy": [
        np.array(["2020-01-01", "NaT"], "M8[D]"),
        pd.DataFrame([np.datetime64("2020-01-01"), None]),
    ],
    "dates": [arrow([dt.date(2020, 1, 1), None], kind) for kind in (pa.date32(), pa.date64())],
    "clocks": [
        arrow([dt.time(1, 2, 3)], kind) for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("ns"))
    ],
    "decimals of every scale": [
        of([D("1.50"), None, D("2.25")], dtype=object),
        *(arrow([D("1.50"), None, D("2.25")], kind) for kind in (pa.decimal128(30, 6), pa.decimal256(60, 9))),
        polar([D("1.50"), None, D("2.25")], pl.Decimal(20, 4)),
    ],
    "lists of every layout": [
        of([[1, 2], None, [3, None]], dtype=object),
        of([np.array([1, 2]), None, [3, None]], dtype=object),
        *(
            arrow([[1, 2], None, [3, None]], kind)
            for kind in (pa.large_list(pa.int64()), pa.list_view(pa.int64()), pa.list_(pa.int64(), 2))
        ),
        polar([[1, 2], None, [3, None]], pl.Array(pl.Int64, 2)),
    ],
    "maps": [
        arrow([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
        arrow([[{"key": "a", "value": 1}], None]),
    ],
    "bytes of one width": [arrow([b"aa", None], pa.binary(2)), arrow([b"aa", None], pa.binary_view())],
    "sparse": [of(pd.arrays.SparseArray([np.nan, 0.0, 1.0])), of([np.nan, 0.0, 1.0])],
    "mixed": [of([1, "1", None], dtype=object), of([np.int64(1), "1", np.nan], dtype=object)],
    "records": [np.array([(1, 2.0)], dtype=[("a", "i8"), ("b", "f8")]), pd.DataFrame({"a": [1], "b": [2.0]})],
    "a series": [pd.Series([1], name="x"), pl.Series("x", [1]), arrow([1]), arrow([1]).to_batches()[0]],
    "payloads of NaN": [
        of(np.array([bits, 0x3FF0000000000000], np.uint64).view(np.float64))
        for bits in (0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000)
    ],
}


@pytest.mark.parametrize("tables", SAME.values(), ids=SAME.keys())
def test_the_same_values_have_one_hash(tables: list[Any]) -> None:
    assert len(hashes(*tables)) == 1


OTHER: dict[str, list[Any]] = {
    "categories of numbers and the numbers": [
        of([1, 3], dtype="category"),
        of([1, 3]),
        of([3, 1], dtype="category"),
        of(np.array([1, 3], "int8"), dtype="category"),
        of([1.0, 3.0], dtype="category"),
        of([1.0, 4.0], dtype="category"),
    ],
    "the sign of zero in categories": [
        arrow(pa.DictionaryArray.from_arrays(codes, [-0.0, 0.0]))
        for codes in ([0, 1], [1, 0], [0, 0], [1, 1])
    ],
    "types": [
        of([1], dtype=dtype) for dtype in ("int8", "int16", "int32", "int64", "uint8", "float32", "float64")
    ],
    "the sign of zero": [of([0.0]), of([-0.0])],
    "the unit of time": [of(pd.to_datetime([1001], unit=unit)) for unit in ("us", "ns")],
    "a nanosecond in objects": [
        of([pd.Timestamp(1000), pd.Timestamp(nano)], dtype=object) for nano in (1000, 1001)
    ],
    "zone or none": [of(pd.to_datetime(["2020-01-01"])), of(pd.to_datetime(["2020-01-01"], utc=True))],
    "dates among times": [
        of([one, other], dtype=object)
        for day, time in [(dt.date(2020, 1, 1), dt.datetime(2020, 1, 1))]  # noqa: DTZ001
        for one in (day, time)
        for other in (day, time)
    ],
    "bytes among text": [of([one, other], dtype=object) for one in (b"a", "a") for other in (b"a", "a")],
    "objects": [
        of([value, "1"], dtype=object)
        for value in (
            1,
            "1",
            True,
            1.0,
            D(1),
            [1],
            {"a": 1},
            {1},
            2**70,
            1j,
            uuid.UUID(int=1),
            dt.time(1),
            "\ud800",
        )
    ],
    "big integers": [of([2**70, number], dtype=object) for number in (2**70, 2**70 + 1)],
    "decimals": [
        of([D("1.5")], dtype=object),
        of([D("15")], dtype=object),
        of([D("0.15")], dtype=object),
        of([1.5]),
    ],
    "where the lists end": [
        arrow([[1, 2], []]),
        arrow([[1], [2]]),
        arrow([[1, 2], None]),
        arrow([[], [1, 2]]),
    ],
    "where the texts end": [arrow(["ab", ""]), arrow(["a", "b"]), arrow(["ab", None]), arrow(["", "ab"])],
    "a missing struct": [arrow([{"a": None}, {"a": 1}]), arrow([None, {"a": 1}])],
    "the shape of an array": [np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2), np.arange(6)],
    "names that repeat": [
        pd.DataFrame([[1, 2]], columns=names) for names in (["x", "x"], ["x", "x#2"], ["x", "y"])
    ],
    "rows": [pd.DataFrame(index=range(2)), pd.DataFrame(index=range(3)), pd.DataFrame()],
    "periods": [of(pd.period_range("2020", periods=1, freq=freq)) for freq in ("M", "D")] + [of([600])],
}


@pytest.mark.parametrize("tables", OTHER.values(), ids=OTHER.keys())
def test_other_values_have_other_hashes(tables: list[Any]) -> None:
    assert len(hashes(*tables)) == len(tables)


def test_the_schema_sees_what_the_content_does_not() -> None:
    held = [
        of(["a", "b"], dtype=dtype)
        for dtype in (object, "category", "large_string[pyarrow]", "string[pyarrow]")
    ]
    held.append(of(pd.Categorical(["a", "b"], ordered=True)))
    held.append(of(pd.Categorical(["a", "b"], categories=["b", "a"], ordered=True)))
    found = [
        fingerprint(table)
        for table in [*held[:2], arrow(["a", "b"]), arrow(["a", "b"], pa.large_string()), *held[4:]]
    ]
    assert len({each.table for each in found}) == 1
    assert len({each.schema for each in found}) == len(found)
    one, other = (fingerprint(pd.DataFrame({label: [1]})) for label in (1, "1"))
    assert (one.table, one.schema == other.schema) == (other.table, False)


def test_every_row_of_a_large_table_is_seen_and_no_block_or_chunk() -> None:
    rows = ROWS_PER_BLOCK + 7
    random = np.random.default_rng(0)
    table = pa.table(
        {
            "f": pa.array(np.where(random.random(rows) < 0.1, np.nan, random.random(rows))),
            "n": pa.array(random.integers(0, 99, rows), mask=random.random(rows) < 0.1),
            "b": pa.array(random.random(rows) < 0.5, mask=random.random(rows) < 0.1),
            "s": [str(number % 7) if number % 11 else None for number in range(rows)],
            "t": pa.array(random.integers(0, 1 << 40, rows) * 1000, pa.timestamp("ns")),
        }
    )
    cut = pa.concat_tables(
        [table.slice(0, 10), table.slice(10, ROWS_PER_BLOCK - 3), table.slice(ROWS_PER_BLOCK + 7)]
    )
    assert len(hashes(table, cut, table.to_pandas(types_mapper=pd.ArrowDtype), pl.from_arrow(table))) == 1
    plain = table.drop_columns(["n"])  # pandas makes floats of integers that may be missing
    assert len(hashes(plain, plain.to_pandas())) == 1
    for place, column in enumerate(table.columns):
        items = column.to_pylist()
        items[-1] = items[
            next(row for row, item in enumerate(items) if item is not None and item != items[-1])
        ]
        other = table.set_column(place, table.column_names[place], pa.array(items, column.type))
        assert fingerprint(other).table != fingerprint(table).table


def test_all_cores_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    on_two_cores(monkeypatch)
    rows = 3 * ROWS_PER_BLOCK + 5
    random = np.random.default_rng(0)
    square = random.random((rows, 5))
    square[random.random((rows, 5)) < 0.01] = np.nan
    gone = random.random(rows) < 0.1
    frame = pd.DataFrame(square).assign(
        n=pd.arrays.IntegerArray(random.integers(0, 99, rows), gone),
        b=pd.arrays.BooleanArray(random.random(rows) < 0.5, gone),
        s=[f"{number}" for number in range(rows)],
        t=pd.date_range("2020", periods=rows, freq="s", tz="Europe/Vilnius"),
    )
    tables = [square, square[:, 0], frame, *(frame[[name]] for name in frame.columns)]
    for table in [*tables, pa.Table.from_pandas(frame.drop(columns="t").rename(columns=str))]:
        assert fingerprint(table) == fingerprint(table, parallel=False)
    with pytest.raises(DataError, match="'x' holds objects"):
        fingerprint(frame.assign(x=np.array([object()] * rows, dtype=object)))


def test_the_index_is_a_table_of_its_own_and_the_plain_count_is_none() -> None:
    base = pd.DataFrame({"x": [1, 2]})
    for index in ([0, 1], range(2)):
        assert fingerprint(base.set_axis(index)).index is None
    levels = pd.MultiIndex.from_product([["a"], [1, 2]])
    indexes = (["a", "b"], [1, 0], range(1, 3), levels, pd.Index([0, 1], name="k"))
    found = [fingerprint(base.set_axis(index)) for index in indexes]
    assert len({each.index for each in found} | {None}) == len(found) + 1
    assert {each.table for each in found} == hashes(base)


def test_repeated_and_odd_names_have_columns_of_their_own() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["x", "x", "x#2"])
    assert set(fingerprint(frame).columns) == {"x", "x#2", "x#3"}
    levels = pd.MultiIndex.from_tuples([("a", np.int64(1)), ("b", 2)])
    assert set(fingerprint(pd.DataFrame([[1, 2]], columns=levels)).columns) == {"('a', 1)", "('b', 2)"}


def test_what_has_no_content_is_refused_with_a_reason() -> None:
    with pytest.raises(DataError, match="'x' holds objects of type object"):
        fingerprint(of([object(), 1], dtype=object))
    with pytest.raises(DataError, match="a dict is not a table"):
        fingerprint({"x": [1]})
    with pytest.raises(DataError, match="no form in Arrow"):
        fingerprint(polar([2**70], pl.Int128))


def test_past_a_budget_a_hash_is_partial_and_like_no_full_one() -> None:
    frame = pd.DataFrame({"x": np.arange(10_000), "s": ["text"] * 10_000}, index=np.arange(10_000) + 5)
    full = fingerprint(frame)
    assert fingerprint(frame, budget_bytes=1 << 30) == full
    part = fingerprint(frame, budget_bytes=20_000)
    assert (part.partial, full.partial) == (True, False)
    assert (part.rows, part.schema) == (full.rows, full.schema)
    assert 0 < part.hashed_rows < 1000
    for text in (part.table, part.index, *part.columns.values()):
        assert text is not None
        assert text.startswith("b3:partial:")
    assert part == fingerprint(frame.copy(), budget_bytes=20_000)
    sampled = frame.iloc[list(range(part.hashed_rows))]
    assert part.table.rpartition(":")[2] != fingerprint(sampled).table.rpartition(":")[2]
    assert fingerprint(frame.assign(x=frame["x"] + 1), budget_bytes=20_000).table != part.table
    for table in (pa.Table.from_pandas(frame), pl.from_pandas(frame), frame[["x"]].to_numpy()):
        assert fingerprint(table, budget_bytes=1000).partial


def test_a_file_has_the_hash_of_its_bytes_and_of_its_table(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,x\n2,y\n")
    found = fingerprint_file(path)
    assert found.file == hash_file(path) == f"b3:{blake3(path.read_bytes()).hexdigest()}"
    assert found.content == fingerprint(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    assert {"file", "table", "columns", "schema", "reader"} <= set(found.to_json())
    with pytest.raises(InputError, match="no such file"):
        fingerprint_file(path.with_name("none.csv"))
    with pytest.raises(InputError, match="cannot be read"):
        hash_file(path / "below")


def test_a_folder_has_the_hash_of_its_files_and_not_of_hidden_ones(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_text("1")
    (tmp_path / "a" / "y").write_text("2")
    found = hash_folder(tmp_path / "a")
    listing = "".join(f"{blake3(text).hexdigest()}  {name}\n" for name, text in (("b/x", b"1"), ("y", b"2")))
    assert found == f"b3:{blake3(listing.encode()).hexdigest()}"
    (tmp_path / "a" / ".cache").mkdir()
    (tmp_path / "a" / ".cache" / "z").write_text("3")
    (tmp_path / "a" / "empty").mkdir()
    assert hash_folder(tmp_path / "a") == found
    (tmp_path / "a" / "y").rename(tmp_path / "a" / "z")
    assert hash_folder(tmp_path / "a") != found
    with pytest.raises(InputError, match="holds no files"):
        hash_folder(tmp_path / "a" / "empty")


def b3(content: bytes) -> str:
    return str(blake3(content).hexdigest())


def document(content: Any) -> str:
    return b3(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def test_the_definition_can_be_followed_by_hand() -> None:
    number = {"type": "int16", "rows": 192, "values": b3(b"\x01\0\0\0\x03\0\0\0" * 48)}
    number["valid"] = b3(b"\xdd" * 24)
    distinct = {"lengths": b3(b"\0\x01\x02"), "values": b3("aé".encode())}
    few = {"type": "string", "rows": 192, "codes": b3(b"\x02\x01\xff\x00" * 48), "distinct": distinct}
    ranked = {"type": "int64", "rows": 2, "values": b3(bytes([1, *[0] * 7, 9, *[0] * 7]))}
    grade = {"type": "categories", "rows": 192, "codes": b3(b"\x01\x00\xff\x01" * 48), "distinct": ranked}
    table = pa.table(
        {
            "n": pa.array([1, None, 3, 0] * 48, pa.int16()),
            "s": ["é", "a", None, ""] * 48,
            "c": pa.array([9, 1, None, 9] * 48).dictionary_encode(),
        }
    )
    columns = {
        name: document({"column": node, "v": 2}) for name, node in {"n": number, "s": few, "c": grade}.items()
    }
    found = fingerprint(table)
    assert found.columns == {name: f"b3:{digest}" for name, digest in columns.items()}
    pairs = [[name, digest] for name, digest in columns.items()]
    assert found.table == f"b3:{document({'columns': pairs, 'rows': 192, 'v': 2})}"


@pytest.mark.parametrize(("distinct", "times"), [(256, 1), (300, 63), (300, 64)])
def test_the_definition_of_text_can_be_followed_by_hand(distinct: int, times: int) -> None:
    texts = [f"{number:04}" for number in range(distinct)]
    streams = {"lengths": b3(b"\x04" * distinct * times), "values": b3("".join(texts * times).encode())}
    column: dict[str, Any] = {"type": "string", "rows": distinct * times, **streams}
    if times == 64:
        column = {"type": "string", "rows": distinct * times}
        column["codes"] = b3(np.tile(np.arange(distinct, dtype="<u2"), times).tobytes())
        column["distinct"] = {"lengths": b3(b"\x04" * distinct), "values": b3("".join(texts).encode())}
    expected = f"b3:{document({'column': column, 'v': 2})}"
    assert set(fingerprint(arrow(texts * times)).columns.values()) == {expected}


@pytest.mark.parametrize("name", sorted(SAME))
def test_version_two_stays_what_it_is_under_every_version_of_every_library(name: str) -> None:
    golden = json.loads((Path(__file__).parent / "fingerprints.json").read_text())
    assert fingerprint(SAME[name][0]).table == golden[name]


def run(*words: object) -> Any:
    return CliRunner().invoke(main, ["fingerprint", *map(str, words)])


def test_the_command_tells_every_file_although_some_are_broken(tmp_path: Path) -> None:
    good, broken, empty, other = (tmp_path / name for name in ("a.csv", "b.parquet", "c.csv", "d.bin"))
    good.write_text("x\n1\n")
    broken.write_bytes(b"not parquet")
    empty.touch()
    other.write_bytes(b"?")
    (tmp_path / "folder").mkdir()
    found = run(good, broken, empty, other, "--json")
    rows = json.loads(found.stdout)
    assert found.exit_code == 1
    assert [row["file"] for row in rows] == [hash_file(path) for path in (good, broken, empty, other)]
    assert [bool(row["table"]) for row in rows] == [True, False, False, False]
    assert found.stderr.count("Error:") == found.stderr.count("help:") == 2
    found = run(tmp_path / "none.csv", tmp_path / "folder", good, tmp_path)
    assert found.exit_code == 2
    assert found.stderr.count("Error:") == found.stderr.count("help:") == 2
    assert hash_file(good) in found.stdout
    assert hash_folder(tmp_path) in found.stdout


def test_the_same_file_with_another_table_is_reader_drift(tmp_path: Path) -> None:
    path, record = tmp_path / "a.csv", tmp_path / "record.json"
    path.write_text("x,y\n1,0.1\n")
    rows = json.loads(run(path, "--json").stdout)
    record.write_text(json.dumps(rows))
    assert run(path, "--against", record).exit_code == 0
    older = {**rows[0], "table": "b3:0", "columns": {**rows[0]["columns"], "y": "b3:1"}, "reader": "old 2"}
    record.write_text(json.dumps([older]))
    drifted = run(path, "--against", record)
    assert drifted.exit_code == 1
    assert "reader drift" in drifted.stdout
    assert "recorded with old 2" in drifted.stdout
    assert "other columns: y" in drifted.stdout
    record.write_text(json.dumps(rows))
    path.write_text("x,y\n1,0.10\n")
    assert "rewritten" in run(path, "--against", record).stdout
    path.write_text("x,y\n2,0.10\n")
    (changed,) = json.loads(run(path, "--against", record, "--json").stdout)
    assert (changed["status"], changed["changed_columns"]) == ("changed", ["x"])
    assert run(path, "--against", path).exit_code == 2
