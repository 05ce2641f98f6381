"""A request's body -> rows of the model's inputs, or every problem with it, by row and field.

A body is ``{"records": [{...}, ...]}``, ``{"columns": {"NAME": [...]}}``, or an Arrow stream. ``request`` names the
request (a label comes back with it), ``key`` says whom a canary is for. A right body is read in one go by a decoder
that is made for the schema; only a wrong one is read a second time, to say all that is wrong with it.
"""

from __future__ import annotations

import difflib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from nbship.serving.schema import Field, Schema

Row = tuple[Any, ...]
#: Problems that are told at once.
MOST_PROBLEMS = 100
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_INT32, _INT64 = 2**31, 2**63
_PYTHON: Mapping[str, Any] = {
    "boolean": bool,
    "integer": Annotated[int, msgspec.Meta(ge=-_INT32, le=_INT32 - 1)],
    "long": Annotated[int, msgspec.Meta(ge=-_INT64, le=_INT64 - 1)],
    "float": float,
    "double": float,
    "string": str,
    "datetime": datetime,
}
_WORDS: Mapping[str, str] = {
    "boolean": "true or false",
    "integer": "a whole number of 32 bits",
    "long": "a whole number",
    "float": "a number",
    "double": "a number",
    "string": "a text",
    "datetime": "a time such as 2026-11-28T10:15:00",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: with which row, counted from 0, and which field."""

    problem: str
    row: int | None = None
    field: str | None = None


class RejectedError(Exception):
    """A body that is no input of the model: the HTTP status, and all that is wrong with it."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__(problems[0].problem)
        self.status = status
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The rows of a request, each with its values in the order of the schema's fields."""

    rows: Sequence[Row]
    request: str | None = None
    key: str | None = None


class Reader:
    """Reads bodies for one schema. ``extra`` says what becomes of a field that the model does not know."""

    def __init__(
        self, schema: Schema, *, most_rows: int, extra: Literal["refuse", "ignore"] = "refuse"
    ) -> None:
        self.schema = schema
        self._most = most_rows
        self._strict = extra == "refuse"
        self._types = [_type(field) for field in schema.fields]
        self._decoder: Any = msgspec.json.Decoder(self._body())

    def _body(self) -> Any:
        """Give the type of a body, made for this schema; names that are no identifiers stay what they are."""
        many: Any = list
        names = [msgspec.field(name=field.name) for field in self.schema.fields]
        row = msgspec.defstruct(
            "Row",
            [(f"f{place}", kind, names[place]) for place, kind in enumerate(self._types)],
            forbid_unknown_fields=self._strict,
            gc=False,
        )
        columns = msgspec.defstruct(
            "Columns",
            [(f"f{place}", many[kind], names[place]) for place, kind in enumerate(self._types)],
            forbid_unknown_fields=self._strict,
        )
        return msgspec.defstruct(
            "Body",
            [
                ("records", many[row] | None, None),
                ("columns", columns | None, None),
                ("request", str | None, None),
                ("key", str | None, None),
            ],
            forbid_unknown_fields=True,
        )

    def read(self, body: bytes) -> Asked:
        """Give what a JSON body asks. Raises RejectedError with all that is wrong with it."""
        try:
            found = self._decoder.decode(body)
        except _UNREADABLE as error:
            raise self._why(body, error) from error
        if (found.records is None) == (found.columns is None):
            raise RejectedError(422, Problem(problem="give either `records` or `columns`"))
        if found.records is not None:
            rows: Sequence[Row] = [msgspec.structs.astuple(row) for row in found.records]
        else:
            rows = self._across(msgspec.structs.astuple(found.columns))
        return Asked(rows=self._counted(rows), request=found.request, key=found.key)

    def read_arrow(self, body: bytes) -> Asked:
        """Give what an Arrow stream asks; its columns are the fields. Raises RejectedError."""
        import pyarrow as pa

        try:
            with pa.ipc.open_stream(io.BytesIO(body)) as stream:
                table = stream.read_all()
        except (pa.ArrowInvalid, OSError) as error:
            raise RejectedError(400, Problem(problem=f"the body is no Arrow stream: {error}")) from error
        self._counted(range(table.num_rows))
        problems = self._named(table.column_names, row=None)
        if problems:
            raise RejectedError(422, *problems)
        columns = [table.column(name).to_pylist() for name in self.schema.names]
        problems = [
            problem
            for field, kind, values in zip(self.schema.fields, self._types, columns, strict=True)
            for problem in _wrong_values(field, kind, values)
        ]
        if problems:
            raise RejectedError(422, *problems[:MOST_PROBLEMS])
        return Asked(rows=self._across(tuple(columns)))

    def _across(self, columns: tuple[list[Any], ...]) -> Sequence[Row]:
        lengths = {len(values) for values in columns}
        if len(lengths) > 1:
            told = ", ".join(
                f"{name}: {len(values)}" for name, values in zip(self.schema.names, columns, strict=True)
            )
            raise RejectedError(422, Problem(problem=f"the columns have different lengths ({told})"))
        return list(zip(*columns, strict=True))

    def _counted(self, rows: Sequence[Any]) -> Sequence[Any]:
        if not rows:
            raise RejectedError(422, Problem(problem="there is no row"))
        if len(rows) > self._most:
            raise RejectedError(
                413,
                Problem(
                    problem=f"{len(rows)} rows, and a request may have {self._most}: send several requests"
                ),
            )
        return rows

    def _why(self, body: bytes, error: Exception) -> RejectedError:
        try:
            found: Any = msgspec.json.decode(body)
        except _UNREADABLE as malformed:
            said = "it is nested too deeply" if isinstance(malformed, RecursionError) else str(malformed)
            return RejectedError(400, Problem(problem=f"the body is not JSON: {said}"))
        problems = list(self._problems(found))[:MOST_PROBLEMS]
        return RejectedError(422, *(problems or [Problem(problem=str(error))]))

    def _problems(self, found: Any) -> list[Problem]:
        if not isinstance(found, dict):
            return [Problem(problem='the body must be an object: {"records": [{...}]}')]
        known = ("records", "columns", "request", "key")
        wrong = [_unknown(str(name), known, None) for name in found if name not in known]
        wrong += [
            Problem(field=name, problem="must be a text")
            for name in ("request", "key")
            if not isinstance(found.get(name, ""), str | None)
        ]
        records, columns = found.get("records"), found.get("columns")
        if records is not None:
            wrong += self._wrong_records(records)
        if columns is not None:
            wrong += self._wrong_columns(columns)
        return wrong

    def _wrong_records(self, records: Any) -> list[Problem]:
        if not isinstance(records, list):
            return [Problem(field="records", problem="must be a list of objects")]
        wrong: list[Problem] = []
        for place, record in enumerate(records):
            if len(wrong) >= MOST_PROBLEMS:
                break
            if not isinstance(record, dict):
                wrong.append(Problem(row=place, problem="must be an object with a value for each field"))
                continue
            wrong += self._named(list(record), row=place)
            for field, kind in zip(self.schema.fields, self._types, strict=True):
                if field.name in record:
                    wrong += _wrong_values(field, kind, [record[field.name]], first=place)
        return wrong

    def _wrong_columns(self, columns: Any) -> list[Problem]:
        if not isinstance(columns, dict):
            return [Problem(field="columns", problem="must be an object with a list for each field")]
        wrong = self._named(list(columns), row=None)
        for field, kind in zip(self.schema.fields, self._types, strict=True):
            values = columns.get(field.name, [])
            if not isinstance(values, list):
                wrong.append(Problem(field=field.name, problem="must be a list"))
                continue
            wrong += _wrong_values(field, kind, values)
        return wrong

    def _named(self, given: Sequence[str], *, row: int | None) -> list[Problem]:
        here = set(given)
        wrong = [
            Problem(row=row, field=name, problem="is missing")
            for name in self.schema.names
            if name not in here
        ]
        if self._strict:
            known = set(self.schema.names)
            wrong += [_unknown(name, self.schema.names, row) for name in given if name not in known]
        return wrong


def _type(field: Field) -> Any:
    kind = _PYTHON[field.kind]
    return kind | None if field.nullable else kind


def _unknown(name: str, known: Sequence[str], row: int | None) -> Problem:
    near = difflib.get_close_matches(name, known, n=1)
    return Problem(
        row=row, field=name, problem="is not known" + (f"; did you mean {near[0]!r}?" if near else "")
    )


def _wrong_values(field: Field, kind: Any, values: Sequence[Any], *, first: int = 0) -> list[Problem]:
    wrong: list[Problem] = []
    for place, value in enumerate(values, start=first):
        try:
            _convert(value, kind, field)
        except msgspec.ValidationError:
            told = "null" if value is None else _shown(value)
            wrong.append(
                Problem(row=place, field=field.name, problem=f"must be {_WORDS[field.kind]}, not {told}")
            )
            if len(wrong) >= MOST_PROBLEMS:
                break
    return wrong


def _convert(value: Any, kind: Any, field: Field) -> None:
    """Raise ValidationError for a value of another type, or a float that is no number (Arrow has them)."""
    msgspec.convert(value, kind)
    if isinstance(value, float) and not math.isfinite(value) and not (field.nullable and math.isnan(value)):
        raise msgspec.ValidationError


def _shown(value: Any) -> str:
    """Give what stands there, short; its type alone where it is long."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= 40 else f"{type(value).__name__} of {len(text)} characters"  # noqa: PLR2004  # a line's part
