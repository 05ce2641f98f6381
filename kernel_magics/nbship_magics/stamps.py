"""Cheap marks of content, to see whether a cell changed in place what it touches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xxhash

from nbship_magics.identity import identity

#: How much of a cell's data is looked at before and after it; the rest is recorded as unchecked.
BUDGET_BYTES = 4 << 20

Stamp = tuple[Any, ...]


def stamps(
    names: Iterable[str], namespace: Mapping[str, Any], *, budget_bytes: int = BUDGET_BYTES
) -> dict[str, Stamp]:
    """Give a stamp for each of the names that holds an array or a frame, as far as the budget goes."""
    left = budget_bytes
    found: dict[str, Stamp] = {}
    for name in sorted(names):
        value = namespace.get(name)
        if is_watched(value):
            left -= _size(value)
            if left >= 0 and (stamp := _stamp(value)) is not None:
                found[name] = stamp
    return found


def is_watched(value: Any) -> bool:
    """Tell whether a value can change in place and be stamped: a numpy array, a pandas frame or series."""
    kind = type(value)
    root = kind.__module__.partition(".")[0]
    return (root == "numpy" and kind.__name__ == "ndarray") or (
        root == "pandas" and kind.__name__ in {"DataFrame", "Series"}
    )


def _size(value: Any) -> int:
    if type(value).__name__ == "DataFrame":
        return int(value.shape[0] * max(value.shape[1], 1) * 8)
    return int(getattr(value, "nbytes", 0))


def _stamp(value: Any) -> Stamp | None:
    """Give a mark of the content; None where there is a column whose bytes cannot be had cheaply."""
    try:
        if type(value).__name__ != "DataFrame":
            return _array(value)
        columns = [_array(value.iloc[:, place]) for place in range(value.shape[1])]
    except Exception:  # noqa: BLE001  # odd labels, odd extension arrays: unchecked is an answer
        return None
    marks = [column for column in columns if column is not None]
    return (value.shape, tuple(map(str, value.columns)), *marks) if len(marks) == len(columns) else None


def _array(value: Any) -> Stamp | None:
    import numpy as np

    dtype = value.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biufcmM":
        array = np.ascontiguousarray(value)
        return (str(dtype), array.shape, xxhash.xxh3_64_intdigest(array.view(np.uint8).tobytes()))
    chunks = getattr(getattr(value, "array", None), "_pa_array", None)  # text of pandas 3, immutable Arrow
    return (str(dtype), len(value), identity(chunks)) if chunks is not None else None
