"""A prediction as a row: what was asked, what was answered, by which version, how long it took.

The columns are ``time``, ``request``, ``role``, ``outcome``, ``latency_s``, one ``input.NAME`` for each input and one
``output.NAME`` for each output (a single answer is ``output.prediction``, probabilities are
``output.probability.CLASS``). What was rejected stands as JSON in ``rejected``: it is no input, and must not make a
column of numbers into one of text. ``key`` is there where requests came with one. Columns of objects become typed where all values are of one type, else text that
says so. Everything here is pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship import objects
from nbship.errors import DataError
from nbship.monitoring.kinds import Outcome, Role

pc: Any = _compute

__all__ = ["Outcome", "Prediction", "Role", "as_table", "joined", "part_of", "repeated"]

INPUT = "input."
OUTPUT = "output."
PREDICTION = "output.prediction"
PROBABILITY = "output.probability."
FIXED: Mapping[str, Any] = {
    "time": pa.timestamp("us", "UTC"),
    "request": pa.string(),
    "role": pa.string(),
    "outcome": pa.string(),
    "latency_s": pa.float64(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One answer of one version. ``request`` is what a label comes back with, ``key`` what a canary is chosen by."""

    request: str
    at: datetime
    version: int
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    latency_s: float | None = None
    role: Role = "champion"
    outcome: Outcome = "ok"
    key: str | None = None


def as_table(predictions: Sequence[Prediction]) -> tuple[pa.Table, tuple[str, ...]]:
    """Give predictions as a table, and the columns whose values were of several types."""
    fixed = {
        "time": [item.at.astimezone(UTC) for item in predictions],
        "request": [item.request for item in predictions],
        "role": [item.role for item in predictions],
        "outcome": [item.outcome for item in predictions],
        "latency_s": [item.latency_s for item in predictions],
    }
    columns = {name: pa.array(values, FIXED[name]) for name, values in fixed.items()}
    keys = [item.key for item in predictions]
    if any(key is not None for key in keys):
        columns["key"] = pa.array(keys, pa.string())
    mixed: list[str] = []
    turned_away = [_json(item.inputs) if item.outcome == "rejected" else None for item in predictions]
    if any(turned_away):
        columns["rejected"] = pa.array(turned_away, pa.string())
    for prefix, rows in (
        (INPUT, [item.inputs if item.outcome != "rejected" else {} for item in predictions]),
        (OUTPUT, [item.outputs for item in predictions]),
    ):
        for name in _names(rows):
            columns[prefix + name], is_mixed = _column([row.get(name) for row in rows], name)
            mixed += [prefix + name] * is_mixed
    return pa.table(columns), tuple(mixed)


def _json(inputs: Mapping[str, Any]) -> str:
    return json.dumps({str(name): value for name, value in inputs.items()}, default=str)


def _names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(name) for row in rows for name in row))


def _column(values: list[Any], name: str) -> tuple[pa.Array | pa.ChunkedArray, bool]:
    held = np.empty(len(values), dtype=object)
    held[:] = values
    try:
        return objects.as_arrow(held, name)
    except DataError:  # a value with no content of its own: what it calls itself is better than no row
        return pa.array([None if value is None else str(value) for value in values], pa.string()), True


def joined(tables: Sequence[pa.Table]) -> tuple[pa.Table, tuple[str, ...]]:
    """Give tables of one log as one, and the columns that had no type in common and are text now."""
    if not tables:
        return pa.table({name: pa.array([], kind) for name, kind in FIXED.items()}), ()
    clashing = _clashing(tables)
    if clashing:
        tables = [_as_text(table, clashing) for table in tables]
    return pa.concat_tables(tables, promote_options="permissive"), tuple(sorted(clashing))


def _clashing(tables: Sequence[pa.Table]) -> set[str]:
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for entry in table.schema:
            kinds.setdefault(entry.name, set()).add(entry.type)
    return {name for name, found in kinds.items() if len(found) > 1 and not _unify(name, found)}


def _unify(name: str, kinds: set[pa.DataType]) -> bool:
    try:
        pa.unify_schemas([pa.schema([(name, kind)]) for kind in kinds], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return False
    return True


def _as_text(table: pa.Table, names: set[str]) -> pa.Table:
    for name in names & set(table.column_names):
        column = table.column(name)
        try:
            text = pc.cast(column, pa.string())
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            text = pa.array([None if value is None else str(value) for value in column.to_pylist()])
        table = table.set_column(table.schema.get_field_index(name), name, text)
    return table


def part_of(table: pa.Table, prefix: str) -> pa.Table:
    """Give the inputs or the outputs alone, under the names they had.

    >>> part_of(pa.table({"time": [1], "input.temp": [0.5]}), INPUT).column_names
    ['temp']
    """
    names = [name for name in table.column_names if name.startswith(prefix)]
    return table.select(names).rename_columns([name.removeprefix(prefix) for name in names])


def repeated(table: pa.Table) -> int:
    """Tell how many rows carry a request id that an earlier row of theirs carries too."""
    known = table.column("request").drop_null()
    return len(known) - int(pc.count_distinct(known).as_py())
