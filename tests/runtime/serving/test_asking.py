from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from nbship.serving.asking import Asked, Problem, Reader, RejectedError
from nbship.serving.schema import Field, Schema

SCHEMA = Schema(
    fields=(
        Field(name="mean radius", kind="double"),
        Field(name="count", kind="integer"),
        Field(name="season", kind="string", nullable=True),
        Field(name="open", kind="boolean"),
    )
)
ROW = {"mean radius": 1.5, "count": 2, "season": "winter", "open": True}


def reader(**more: Any) -> Reader:
    return Reader(SCHEMA, most_rows=3, **more)


def problems(body: Any, **more: Any) -> tuple[int, list[tuple[int | None, str | None, str]]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(RejectedError) as caught:
        reader(**more).read(content)
    return caught.value.status, [(one.row, one.field, one.problem) for one in caught.value.problems]


def test_records_and_columns_are_the_same_rows_in_the_order_of_the_model() -> None:
    backwards = dict(reversed(ROW.items()))
    asked = reader().read(
        json.dumps({"records": [backwards, {**ROW, "season": None}], "key": "ada"}).encode()
    )
    assert list(asked.rows) == [(1.5, 2, "winter", True), (1.5, 2, None, True)]
    assert (asked.key, asked.request) == ("ada", None)
    columns = {name: [value, value] for name, value in ROW.items()}
    assert (
        list(reader().read(json.dumps({"columns": columns}).encode()).rows) == [(1.5, 2, "winter", True)] * 2
    )


def test_every_problem_is_told_by_row_and_field() -> None:
    rows = [{**ROW, "count": 1.5}, {**ROW, "mean radius": None, "open": "yes"}, {"count": 2**31}]
    assert problems({"records": rows}) == (
        422,
        [
            (0, "count", "must be a whole number of 32 bits, not 1.5"),
            (1, "mean radius", "must be a number, not null"),
            (1, "open", 'must be true or false, not "yes"'),
            (2, "mean radius", "is missing"),
            (2, "season", "is missing"),
            (2, "open", "is missing"),
            (2, "count", "must be a whole number of 32 bits, not 2147483648"),
        ],
    )


def test_a_field_that_the_model_does_not_know_is_refused_with_its_near_match_or_left_out() -> None:
    row = {**ROW, "mean_radius": 1.0}
    assert problems({"records": [row]}) == (
        422,
        [(0, "mean_radius", "is not known; did you mean 'mean radius'?")],
    )
    body = json.dumps({"records": [row]}).encode()
    assert list(reader(extra="ignore").read(body).rows) == [(1.5, 2, "winter", True)]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b'{"records": [', 400, "the body is not JSON"),
        (b'{"records": [{"count": NaN}]}', 400, "the body is not JSON"),
        (b"\xff\xfe", 400, "the body is not JSON"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b"[]", 422, "the body must be an object"),
        (b"{}", 422, "give either"),
        (b'{"records": []}', 422, "there is no row"),
        (b'{"records": {}}', 422, "must be a list of objects"),
        (b'{"records": [1]}', 422, "must be an object with a value for each field"),
        (b'{"record": []}', 422, "did you mean 'records'?"),
        (b'{"columns": {"count": [1]}}', 422, "is missing"),
        (b'{"records": [], "key": 3}', 422, "must be a text"),
    ],
)
def test_a_body_that_is_none_is_told_what_it_lacks(body: bytes, status: int, told: str) -> None:
    code, found = problems(body)
    assert code == status
    assert told in found[0][2]


def test_columns_of_different_lengths_are_told() -> None:
    columns = {name: [value] * (2 if name == "count" else 1) for name, value in ROW.items()}
    assert problems({"columns": columns})[1][0][2].startswith("the columns have different lengths")


def test_more_rows_than_a_request_may_have_are_too_large() -> None:
    assert problems({"records": [ROW] * 4})[0] == 413


def test_a_thousand_wrong_rows_are_not_told_a_thousand_times() -> None:
    with pytest.raises(RejectedError) as caught:
        Reader(SCHEMA, most_rows=9999).read(json.dumps({"records": [{}] * 1000}).encode())
    assert len(caught.value.problems) == 100


def arrow(**columns: Any) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def test_an_arrow_stream_is_read_and_its_problems_are_told_alike() -> None:
    good = arrow(**{name: [value] for name, value in ROW.items()})
    assert list(reader().read_arrow(good).rows) == [(1.5, 2, "winter", True)]
    nan = arrow(**{**{name: [value] for name, value in ROW.items()}, "mean radius": [float("nan")]})
    with pytest.raises(RejectedError) as caught:
        reader().read_arrow(nan)
    assert caught.value.problems == (
        Problem(row=0, field="mean radius", problem="must be a number, not nan"),
    )
    with pytest.raises(RejectedError) as caught:
        reader().read_arrow(arrow(count=[1]))
    assert caught.value.status == 422
    with pytest.raises(RejectedError) as caught:
        reader().read_arrow(b"no stream")
    assert caught.value.status == 400


json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(some.one_of(some.binary(max_size=30), json_values.map(lambda value: json.dumps(value).encode())))
def test_whatever_comes_is_rows_or_a_refusal_and_never_anything_else(body: bytes) -> None:
    for read in (reader().read, reader().read_arrow):
        assert status(read, body) in {200, 400, 413, 422}


def status(read: Callable[[bytes], Asked], body: bytes) -> int:
    try:
        return 200 if read(body).rows else 0
    except RejectedError as error:
        return error.status if error.problems else 0


@given(some.dictionaries(some.sampled_from([*ROW, "other"]), json_values), some.booleans())
def test_a_record_is_taken_exactly_if_the_slow_reading_finds_nothing_wrong(
    record: dict[str, Any], strict: bool
) -> None:
    tried = reader(extra="refuse" if strict else "ignore")
    document = json.loads(json.dumps({"records": [record]}, allow_nan=True).replace("NaN", "null"))
    body = json.dumps(document).replace("Infinity", "0").encode()
    assert status(tried.read, body) == (422 if tried._problems(json.loads(body)) else 200)
