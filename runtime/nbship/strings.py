"""Text and bytes as nodes of ``nbship-hash v1``: of few distinct values as codes, of many as the bytes themselves.

Which it is depends on the content alone, so that a column of text and a column of categories have one hash, and
neither has to become the other: text is coded (one look-up a row), and codes that are in order are hashed as they lie.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship.streams import CORES, Array, Lengths, Node, Validity, absent, hasher, is_parallel, nothing

pc: Any = _compute  # its functions are made at import, where no type checker sees them

#: Columns of so many distinct values or fewer are codes, in one byte each.
MOST_DISTINCT = 255
_MISSING = 255
_ROWS = 1 << 16
#: Rows by which most columns of many values show that they are.
_PROBED = 1 << 12
_is = pa.types

#: Makes the blocks of a column anew.
Blocks = Callable[[], Iterator[pa.Array]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """Codes of a dictionary's entries; ``missing``, or a code below zero, is where there is none."""

    codes: Array
    entries: pa.Array
    missing: Array | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", _plain(self.entries))  # views can hardly be computed with


class _TooManyError(Exception):
    """More distinct values than there are codes."""


def text(name: str, chunks: Sequence[pa.Array]) -> Node:
    """Give the node of a column of text or bytes in any layout."""
    rows = sum(len(chunk) for chunk in chunks)

    def blocks() -> Iterator[pa.Array]:
        for chunk in chunks:
            yield from (_plain(chunk.slice(start, _ROWS)) for start in range(0, len(chunk), _ROWS))

    found = _looked_up(chunks)
    return _bytes_node(name, rows, blocks()) if found is None else _codes_node(name, rows, *found)


def coded(name: str, parts: Sequence[Coded]) -> Node:
    """Give the node of a column of text or bytes that is held as codes of one or several dictionaries."""
    rows = sum(len(part.codes) for part in parts)
    used = [_used(part) for part in parts]
    try:
        values = _distinct(parts, used)
    except _TooManyError:
        return _bytes_node(name, rows, _decoded(parts))
    tables = [_table(part, places, values) for part, places in zip(parts, used, strict=True)]
    blocks = (block for part, table in zip(parts, tables, strict=True) for block in _translated(part, table))
    return _codes_node(name, rows, blocks, values)


def name_of(kind: pa.DataType) -> str | None:
    """Give what a type of text or bytes is called in a node; None for others."""
    if _is_text(kind):
        return "string"
    plain = _is.is_binary(kind) or _is.is_large_binary(kind) or _is.is_binary_view(kind)
    return "binary" if plain or _is.is_fixed_size_binary(kind) else None


def _codes_node(name: str, rows: int, codes: Iterable[Array], values: pa.Array) -> Node:
    """Hash codes as places in the sorted list of distinct values, which are hashed beside them."""
    if not len(values):
        return nothing(rows)
    order = np.asarray(pc.array_sort_indices(values))
    places = np.full(_MISSING + 1, _MISSING, np.uint8)
    places[order] = np.arange(len(order), dtype=np.uint8)
    in_order = bool((np.diff(order.astype(np.int64)) > 0).all())
    stream = hasher()
    for block in codes:
        stream.update((block if in_order else places.take(block)).data)
    distinct = _bytes_node(name, len(values), iter([values.take(order)]))
    inner = {key: distinct[key] for key in ("lengths", "long", "values") if key in distinct}
    return {"type": name, "rows": rows, "codes": stream.hexdigest(), "distinct": inner}


def _bytes_node(name: str, rows: int, blocks: Iterable[pa.Array]) -> Node:
    validity, lengths, values = Validity(), Lengths(), hasher()
    for block in blocks:
        _take_bytes(block, validity, lengths, values)
    assert validity.rows == rows
    return validity.node(name, **lengths.streams(), values=values.hexdigest())


def _take_bytes(array: pa.Array, validity: Validity, lengths: Lengths, values: Any) -> None:
    missing = absent(array)
    validity.add(len(array), missing)
    if not len(array):
        return
    ends = _offsets(array)
    if missing is not None and (ends[1:] != ends[:-1])[missing].any():
        # a missing value may own bytes that nobody sees
        array = array.fill_null("" if _is_text(array.type) else b"")
        ends = _offsets(array)
    lengths.add(ends[1:] - ends[:-1])
    if array.buffers()[2] is not None:
        values.update(memoryview(array.buffers()[2])[int(ends[0]) : int(ends[-1])])


def _offsets(array: pa.Array) -> Array:
    width = np.int64 if _is.is_large_string(array.type) or _is.is_large_binary(array.type) else np.int32
    return np.frombuffer(array.buffers()[1], dtype=width)[array.offset : array.offset + len(array) + 1]


def _plain(array: pa.Array) -> pa.Array:
    """Give text and bytes of every layout with 64-bit offsets or, without a copy, with 32-bit ones."""
    if _is.is_string_view(array.type):
        return array.cast(pa.large_string())
    if _is.is_binary_view(array.type) or _is.is_fixed_size_binary(array.type):
        return array.cast(pa.large_binary())
    return array


class _Vocabulary:
    """The distinct values met so far, in the order in which they were met; several threads may ask and teach it."""

    def __init__(self, kind: pa.DataType) -> None:
        self.values = pa.array([], kind)
        self._lock = threading.Lock()
        self._is_full = False

    def codes(self, block: pa.Array) -> Array:
        """Give the places of values. Raises _TooManyError once there are more than codes."""
        if self._is_full:
            raise _TooManyError
        plain = _plain(block)
        found = pc.index_in(plain, value_set=self.values)
        if found.null_count > plain.null_count:
            self._learn(plain)
            found = pc.index_in(plain, value_set=self.values)
        return np.asarray(found.fill_null(_MISSING)).astype(np.uint8)

    def _learn(self, block: pa.Array) -> None:
        with self._lock:
            new = pc.unique(block).drop_null()
            values = pc.unique(pa.concat_arrays([self.values, new]))
            self._is_full = len(values) > MOST_DISTINCT
            if self._is_full:
                raise _TooManyError
            self.values = values


def _looked_up(chunks: Sequence[pa.Array]) -> tuple[list[Array], pa.Array] | None:
    """Give the codes of text, and what they stand for; None where there are too many distinct values."""
    if not chunks:
        return [], pa.array([], pa.string())
    vocabulary = _Vocabulary(_plain(chunks[0].slice(0, 0)).type)
    blocks = [chunk.slice(start, _ROWS) for chunk in chunks for start in range(0, len(chunk), _ROWS)]
    try:
        for chunk in chunks[:1]:
            vocabulary.codes(chunk.slice(0, _PROBED))
        if is_parallel() and len(blocks) > 1:
            with ThreadPoolExecutor(CORES) as pool:
                codes = list(pool.map(vocabulary.codes, blocks))
        else:
            codes = [vocabulary.codes(block) for block in blocks]
    except _TooManyError:
        return None
    return codes, vocabulary.values


def _used(part: Coded) -> Array:
    """Give the places of the dictionary's entries that the codes use; the search ends when all are seen."""
    seen = np.zeros(len(part.entries) + 1, np.bool_)  # a code of -1 falls on the last one
    for start in range(0, len(part.codes), _ROWS):
        block = part.codes[start : start + _ROWS]
        seen[block if part.missing is None else block[~part.missing[start : start + _ROWS]]] = True
        if seen[:-1].all():
            break
    return np.flatnonzero(seen[:-1])


def _distinct(parts: Sequence[Coded], used: Sequence[Array]) -> pa.Array:
    """Give the distinct values behind the entries that are used. Raises _TooManyError."""
    if not parts:
        return pa.array([], pa.string())
    entries = [part.entries.take(pa.array(places)) for part, places in zip(parts, used, strict=True)]
    values = pc.unique(pa.concat_arrays(entries)).drop_null()
    if len(values) > MOST_DISTINCT:
        raise _TooManyError
    return values


def _table(part: Coded, places: Array, values: pa.Array) -> Array:
    """Give what each code becomes; a code below zero falls on the end."""
    table = np.full(max(len(part.entries), _MISSING) + 1, _MISSING, np.uint8)
    found = pc.index_in(part.entries.take(pa.array(places)), value_set=values)
    table[places] = np.asarray(found.fill_null(_MISSING)).astype(np.uint8)
    return table


def _translated(part: Coded, table: Array) -> Iterator[Array]:
    codes = np.ascontiguousarray(part.codes)
    known = table[table != _MISSING]
    same = codes.itemsize == 1 and bool((table[: len(known)] == np.arange(len(known))).all())
    if same and part.missing is None:
        yield codes.view(np.uint8)
        return
    for start in range(0, len(codes), _ROWS):
        block = codes[start : start + _ROWS]
        if part.missing is None:
            yield table.take(block)
            continue
        missing = part.missing[start : start + _ROWS]
        found = table.take(np.where(missing, 0, block))
        np.putmask(found, missing, _MISSING)
        yield found


def _decoded(parts: Sequence[Coded]) -> Iterator[pa.Array]:
    """Give the values that codes stand for, a block at a time."""
    for part in parts:
        for start in range(0, len(part.codes), _ROWS):
            block = part.codes[start : start + _ROWS]
            missing = block < 0 if part.missing is None else part.missing[start : start + _ROWS]
            yield part.entries.take(pa.array(np.where(missing, 0, block), mask=missing))


def _is_text(kind: pa.DataType) -> bool:
    return bool(_is.is_string(kind) or _is.is_large_string(kind) or _is.is_string_view(kind))
