"""Columns of Python objects as Arrow: typed where all values are of one type, else as text that tells types apart.

pandas 2 holds text so, and every version holds decimals, dates, lists and whatever was mixed. Arrow's own reading of
objects joins what should stay apart (text with bytes, times with and without a zone), so that is looked at again.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import sys
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from nbship.errors import DataError

_is = pa.types


def as_arrow(values: np.ndarray[Any, Any], column: str) -> tuple[pa.Array | pa.ChunkedArray, bool]:
    """Give objects as an Arrow array, and whether they are mixed: no one type holds them all.

    Raises DataError for objects that have no content of their own.
    """
    try:
        found = pa.array(values, from_pandas=True)
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        return _mixed(values, column), True
    kind = found.type
    if _is.is_timestamp(kind) or _is.is_duration(kind):
        return _times(values, column)
    if (check := _ALIKE.get(str(kind))) and not all(check(value) for value in values if not _missing(value)):
        return _mixed(values, column), True
    return found, False


#: What Arrow's reading of objects lets in besides.
_ALIKE: dict[str, Callable[[Any], bool]] = {
    "binary": lambda value: isinstance(value, bytes),
    "date32[day]": lambda value: not isinstance(value, dt.datetime),
}


def _times(values: np.ndarray[Any, Any], column: str) -> tuple[pa.Array, bool]:
    """Read times with all their digits, which Arrow's own reading cuts to microseconds."""
    given = [None if _missing(value) else _nanoseconds(value) for value in values]
    kinds = {None if item is None else item[0] for item in given} - {None}
    if len(kinds) > 1:
        return _mixed(values, column), True
    counts = [None if item is None else item[1] for item in given]
    unit = "ns"
    if all(count is None or count % 1000 == 0 for count in counts):
        unit, counts = "us", [None if count is None else count // 1000 for count in counts]
    try:
        numbers = pa.array(counts, pa.int64())
    except (OverflowError, pa.ArrowInvalid):
        return _mixed(values, column), True
    made = {"duration": pa.duration(unit), "naive": pa.timestamp(unit), "aware": pa.timestamp(unit, "UTC")}
    return numbers.cast(made[kinds.pop() or ""]), False


def _nanoseconds(value: Any) -> tuple[str, int]:
    if isinstance(value, np.datetime64):
        return "naive", int(value.astype("M8[ns]").astype(np.int64))
    if isinstance(value, np.timedelta64):
        return "duration", int(value.astype("m8[ns]").astype(np.int64))
    more = int(getattr(value, "nanosecond", getattr(value, "nanoseconds", 0)))
    if isinstance(value, dt.timedelta):
        micros = (value.days * 86_400 + value.seconds) * 10**6 + value.microseconds
        return "duration", micros * 1000 + more
    if not isinstance(value, dt.datetime):
        return "date", 0
    zone = dt.UTC if value.tzinfo else None
    since = value - dt.datetime(1970, 1, 1, tzinfo=zone)
    micros = (since.days * 86_400 + since.seconds) * 10**6 + since.microseconds
    return ("aware" if zone else "naive"), micros * 1000 + more


def _mixed(values: Iterable[Any], column: str) -> pa.Array:
    texts = [
        None if _missing(value) else json.dumps(_told(value, column), separators=(",", ":"))
        for value in values
    ]
    return pa.array(texts, pa.large_string())


def _missing(value: Any) -> bool:
    """Tell whether a value is None, NaN, NaT or pandas.NA, without asking the user's classes."""
    if value is None or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NaT or value is pandas.NA)


def _told(value: Any, column: str) -> list[Any]:
    """Give a value as ``[type, content]``, made of what JSON has."""
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if _missing(value):
        return ["missing"]
    for kind, (name, content) in _PLAIN.items():
        if isinstance(value, kind):
            return [name, content(value)]
    if isinstance(value, (list, tuple, np.ndarray)):
        return ["list", [_told(item, column) for item in value]]
    if isinstance(value, dict):
        return ["dict", [[_told(key, column), _told(item, column)] for key, item in value.items()]]
    if isinstance(value, (set, frozenset)):
        return ["set", sorted((_told(item, column) for item in value), key=json.dumps)]
    raise DataError(
        f"column {column!r} holds objects of type {type(value).__name__}, which have no content to hash",
        help="leave the column out, or turn it into text or numbers",
    )


#: In this order: a bool is an int, a datetime is a date.
_PLAIN: dict[Any, tuple[str, Callable[[Any], Any]]] = {
    bool: ("bool", bool),
    int: ("int", str),
    float: ("float", repr),
    complex: ("complex", lambda value: [repr(value.real), repr(value.imag)]),
    str: ("string", str),
    bytes: ("binary", bytes.hex),
    decimal.Decimal: ("decimal", str),
    (dt.datetime, dt.timedelta, np.datetime64, np.timedelta64): (
        "time",
        lambda value: [str(part) for part in _nanoseconds(value)],
    ),
    dt.date: ("date", dt.date.isoformat),
    dt.time: ("clock", dt.time.isoformat),
    uuid.UUID: ("uuid", str),
}
