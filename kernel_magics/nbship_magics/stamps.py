"""Cheap marks of content, to see whether a cell changed in place what it touches.

The change detector is XXH3: no identity, as it can be forged and sees what does not matter (the payload of a NaN, the
order of the columns in memory), but it reads as fast as the memory does. Nothing is copied that lies in one piece.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import xxhash

from nbship_magics.identity import identity

#: How much of a cell's data is looked at before and after it; the rest is recorded as unchecked.
BUDGET_BYTES = 4 << 20
#: What of a table in C order is brought into columns at once.
_BLOCK_BYTES = 1 << 18

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
            if left >= 0 and (mark := stamp(value)) is not None:
                found[name] = mark
    return found


def is_watched(value: Any) -> bool:
    """Tell whether a value can change in place and be stamped: a numpy array, a pandas frame or series."""
    kind = type(value)
    root = kind.__module__.partition(".")[0]
    return (root == "numpy" and kind.__name__ == "ndarray") or (
        root == "pandas" and kind.__name__ in {"DataFrame", "Series"}
    )


def stamp(value: Any) -> Stamp | None:
    """Give a mark of the content; None where there is a column whose bytes cannot be had cheaply."""
    try:
        if type(value).__name__ == "DataFrame":
            marks = _columns(value)
            head: Stamp = (value.shape, tuple(map(str, value.columns)), _index(value.index))
        elif hasattr(value, "index"):
            marks, head = [_column(value)], (str(value.name), _index(value.index))
        else:
            marks, head = [_array(value)], ()
    except Exception:  # noqa: BLE001  # odd labels, odd extension arrays: unchecked is an answer
        return None
    return None if None in (*marks, *head) else (*head, *marks)


def _size(value: Any) -> int:
    if type(value).__name__ == "DataFrame":
        return int(value.shape[0] * max(value.shape[1], 1) * 8)
    return int(getattr(value, "nbytes", 0))


def _columns(frame: Any) -> list[Stamp | None]:
    """Give the marks of a frame's columns; of one array with all of them, where that is what it is made of."""
    import numpy as np

    if frame.shape[1] > 1 and not (first := frame.iloc[:, 0]).to_numpy().flags.c_contiguous:
        whole = frame.to_numpy() if (frame.dtypes == first.dtype).all() else None
        if whole is not None and np.may_share_memory(whole, first.to_numpy()):
            return [_array(whole)]
    return [_column(series) for _, series in frame.items()]


def _index(index: Any) -> Stamp | None:
    if type(index).__name__ == "RangeIndex":
        return ("range", index.start, index.stop, index.step)
    if hasattr(index, "levels"):
        parts = (*map(_index, index.levels), *map(_array, index.codes))
        return None if None in parts else parts
    return _column(index) or (len(index), _held(index.values))


def _column(series: Any) -> Stamp | None:
    """Give a mark of a pandas column, by the arrays that it is made of."""
    import numpy as np

    if isinstance(series.dtype, np.dtype):
        return _array(series.to_numpy())
    array = series.array
    if (chunks := getattr(array, "_pa_array", None)) is not None:
        return (str(series.dtype), len(series), _held(chunks))  # immutable: another content is another object
    parts = [part for name in _PARTS if isinstance(part := getattr(array, name, None), np.ndarray)]
    marks = [_array(part) for part in parts]
    if not marks or None in marks:
        return None
    more = (_held(series.dtype.categories),) if hasattr(series.dtype, "categories") else ()
    return (str(series.dtype), *more, *marks)


#: What pandas calls the arrays below its own: masked columns, categoricals, times with a zone.
_PARTS = ("_data", "_mask", "_codes", "_ndarray")


def _held(value: Any) -> Stamp:
    """Tell an immutable object from every other, now or later, without keeping it alive."""
    return (identity(value), weakref.ref(value))


def _array(array: Any) -> Stamp | None:
    if array.dtype.kind not in "biufcmM":
        return None
    return (str(array.dtype), array.shape, _digest(array))


def _digest(array: Any) -> int:
    """Give the XXH3 of an array's elements, in their order in memory where they lie in one piece."""
    import numpy as np

    if array.ndim and not array.flags.c_contiguous and not array.flags.f_contiguous:
        hasher = xxhash.xxh3_64()
        step = max(1, _BLOCK_BYTES // max(1, array[:1].nbytes))
        for start in range(0, len(array), step):
            hasher.update(np.ascontiguousarray(array[start : start + step]).view(np.uint8).data)
        return hasher.intdigest()
    plain = np.ascontiguousarray(array if array.flags.c_contiguous else array.T)
    return xxhash.xxh3_64_intdigest(plain.reshape(-1).view(np.uint8).data)
