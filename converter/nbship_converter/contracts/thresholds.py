"""The thresholds that a model must keep from now on: the notebook's own measures, with room.

The room is a quarter of the way to a model that learnt nothing: a seed or a new month of data passes, a model that was
trained on shuffled labels does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import tomlkit

from nbship.gates.metrics import LOWER_IS_BETTER
from nbship_converter.ir import Facts

__all__ = ["with_thresholds"]

_ROOM = 0.25
#: Of a measure that is no better than the baseline there is no way to go a quarter of.
_LEAST = 0.02
_DIGITS = 3


def with_thresholds(pyproject: str, measures: Mapping[str, Mapping[str, float]], facts: Facts | None) -> str:
    """Give the settings with ``[tool.nbship.gates]``, as far as there is something to say."""
    document: Any = tomlkit.parse(pyproject)
    gates = tomlkit.table()
    if names := _not_finite(facts):
        gates.add("not_finite", names)
    for key, limits in _limits(measures).items():
        table = tomlkit.table()
        for name, limit in limits.items():
            table.add(name, limit)
        gates.add(key, table)
    if gates:
        document["tool"]["nbship"].add("gates", gates)
    return tomlkit.dumps(document)


def _limits(measures: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    learnt_nothing = measures.get("baseline", {})
    for name, value in measures.get("model", {}).items():
        if not math.isfinite(value):
            continue
        falls = name in LOWER_IS_BETTER
        way = abs(value - learnt_nothing.get(name, value))
        room = max(_ROOM * way, _LEAST * abs(value))
        limit = value + room if falls else value - room
        found.setdefault("maximum" if falls else "minimum", {})[name] = _rounded(limit, up=falls)
    return {key: found[key] for key in ("minimum", "maximum") if key in found}


def _rounded(value: float, *, up: bool) -> float:
    """Round to three digits, to the side that asks for less.

    >>> _rounded(0.87834, up=False), _rounded(15.394, up=True)
    (0.878, 15.4)
    """
    if value == 0:
        return 0.0
    scale = 10.0 ** (_DIGITS - 1 - math.floor(math.log10(abs(value))))
    return float(f"{(math.ceil if up else math.floor)(value * scale) / scale:.{_DIGITS}g}")


def _not_finite(facts: Facts | None) -> list[str]:
    """Give the results that were not finite in the notebook itself."""
    numbers: Iterable[tuple[str, Any]] = (
        ((name, told.get("number")) for name, told in facts.summaries.items()) if facts else ()
    )
    return sorted(name for name, value in numbers if isinstance(value, float) and not math.isfinite(value))
