"""What a contract says of a column, from what it held: its type, its values or their range, whether any may miss.

A range is wider than what was seen, by half its width on both sides and rounded outwards: it is there to catch
another unit and garbage, not the next larger value, and it must not tell the largest salary.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nbship_converter.ir import ColumnFacts

__all__ = ["Reliance", "Rule", "rules"]

#: More columns than this are a class that nobody reads: those that differ by a number only are taken together.
MANY = 60
_ALIKE = 10
_SLACK = 0.5
_ALMOST_ONE = 0.9

_TYPES: Mapping[str, str] = {
    "int64": "int",
    "float64": "float",
    "bool": "bool",
    "str": "str",
    "string": "str",
    "object": "object",
    "category": "pa.Category",
    "boolean": "pa.BOOL",
    "int8": "pa.Int8",
    "int16": "pa.Int16",
    "int32": "pa.Int32",
    "uint8": "pa.UInt8",
    "uint16": "pa.UInt16",
    "uint32": "pa.UInt32",
    "uint64": "pa.UInt64",
    "float32": "pa.Float32",
    "Int64": "pa.INT64",
    "Int32": "pa.INT32",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliance:
    """What later steps take for granted of a column: values that they know, numbers above a bound."""

    values: tuple[str | int, ...] | None = None
    above: float | None = None
    at_least: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a contract; ``pattern`` says that ``name`` is a regular expression for several columns."""

    name: str
    annotation: str
    checks: Mapping[str, Any] = field(default_factory=dict)
    nullable: bool = False
    pattern: bool = False


def rules(
    columns: Iterable[ColumnFacts], rows: int, relied: Mapping[str, Reliance] | None = None
) -> list[Rule]:
    """Give the rules of a table's columns in their order."""
    relied = relied or {}
    every = [_rule(column, rows, relied.get(column.name)) for column in columns]
    return _grouped(every) if len(every) > MANY else every


def _rule(column: ColumnFacts, rows: int, relied: Reliance | None) -> Rule:
    checks: dict[str, Any] = dict(_values(column))
    if relied is not None:
        checks = _tightened(checks, column, relied)
    if _is_key(column, rows):
        checks["unique"] = True
    return Rule(
        name=column.name, annotation=_annotation(column.dtype), checks=checks, nullable=column.missing > 0
    )


def _annotation(dtype: str) -> str:
    if dtype.startswith("datetime64") and "," not in dtype:  # a time zone is a type of its own
        return "pa.DateTime"
    if dtype.startswith("timedelta64"):
        return "pa.Timedelta"
    return _TYPES.get(dtype, "Any")


def _is_key(column: ColumnFacts, rows: int) -> bool:
    """Whether the column names the rows: all different and none missing, and withheld for just that."""
    named = re.search(r"(^|[_\W])(id|uuid|guid|key)$|[a-z]I[Dd]$", column.name, re.IGNORECASE)
    few = 20
    return bool(named) and rows >= few and column.distinct == rows


def _values(column: ColumnFacts) -> Mapping[str, Any]:
    values = column.values
    if values is not None and values and all(isinstance(value, int) for value in values):
        numbers = [int(value) for value in values]
        if numbers[-1] - numbers[0] == len(numbers) - 1:
            return {"ge": numbers[0], "le": numbers[-1]}
        return {"isin": numbers}
    if values is not None:
        return {"isin": list(values)}
    if column.minimum is None or column.maximum is None:
        return {}
    whole = column.dtype.lower().lstrip("u").startswith("int")
    low, high = _bounds(column.minimum, column.maximum)
    return {"ge": int(low), "le": int(high)} if whole else {"ge": low, "le": high}


def _bounds(low: float, high: float) -> tuple[float, float]:
    """Give a range with room.

    >>> _bounds(0.02, 1.0), _bounds(3.0, 977.0), _bounds(-8.0, 39.0)
    ((0.0, 1.0), (0.0, 1500.0), (-32.0, 63.0))
    """
    if low >= 0 and _ALMOST_ONE <= high <= 1:
        return 0.0, 1.0
    room = max((high - low) * _SLACK, abs(high) * 0.1, 1e-9)
    below = low - room
    return (0.0 if low >= 0 and below < 0 else _rounded(below, up=False)), _rounded(high + room, up=True)


def _rounded(value: float, *, up: bool) -> float:
    """Round to two digits, away from what was seen."""
    if value == 0 or not math.isfinite(value):
        return value
    digits = 1 - math.floor(math.log10(abs(value)))
    scale = 10.0**digits
    rounded = (math.ceil if up else math.floor)(round(value * scale, 6)) / scale
    return float(f"{rounded:.2g}") if abs(rounded) < 1e15 else float(rounded)  # noqa: PLR2004  # beyond, floats are whole


def _tightened(checks: dict[str, Any], column: ColumnFacts, relied: Reliance) -> dict[str, Any]:
    """Add what later steps take for granted, as far as the data itself keeps it."""
    seen = column.values
    if relied.values is not None and seen is not None and set(seen) <= set(relied.values):
        return {"isin": sorted(relied.values, key=str)}
    low, least = column.minimum, checks.get("ge", 0.0)
    if low is None or "isin" in checks:
        return checks
    if relied.above is not None and low > relied.above >= least:
        kept = {name: value for name, value in checks.items() if name != "ge"}
        return {"gt": _like(relied.above, column), **kept}
    if relied.at_least is not None and low >= relied.at_least >= least:
        return {**checks, "ge": _like(relied.at_least, column)}
    return checks


def _like(bound: float, column: ColumnFacts) -> float | int:
    return int(bound) if column.dtype.lower().lstrip("u").startswith("int") else bound


def _grouped(every: list[Rule]) -> list[Rule]:
    """Take columns together that differ by a number in their name only."""
    groups: dict[tuple[str, str], list[Rule]] = {}
    for rule in every:
        groups.setdefault((re.sub(r"\d+", "#", rule.name), rule.annotation), []).append(rule)
    found: list[Rule] = []
    for (stem, _), members in groups.items():
        if "#" in stem and len(members) >= _ALIKE:
            pattern = "^" + r"\d+".join(re.escape(part) for part in stem.split("#")) + "$"
            found.append(replace(members[0], name=pattern, pattern=True, **_common(members)))
        else:
            found += members
    return found


def _common(members: list[Rule]) -> dict[str, Any]:
    checks: dict[str, Any] = {}
    for bound, choose in (("ge", min), ("le", max)):
        values = [rule.checks.get(bound) for rule in members]
        if all(value is not None for value in values):
            checks[bound] = choose(value for value in values if value is not None)
    return {"checks": checks, "nullable": any(rule.nullable for rule in members)}
