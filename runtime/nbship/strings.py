"""Text and bytes as nodes of ``nbship-hash v2``: of few distinct values as codes, of many as the bytes themselves.

Which it is depends on the content alone, so that a column of text and a column of categories have one hash, and
neither has to become the other: text is coded (one look-up a row), and codes that are in order are hashed as they lie.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship import codes, vocabulary
from nbship.codes import Coded
from nbship.streams import Array, Lengths, Node, Validity, absent, hasher, nothing
from nbship.vocabulary import offsets_of, plain

pc: Any = _compute  # its functions are made at import, where no type checker sees them

#: Columns of so many distinct values or fewer, each for so many rows or more, are codes.
MOST_DISTINCT = 65_535
ROWS_PER_VALUE = 64
_ROWS = 1 << 16
_is = pa.types


def text(name: str, chunks: Sequence[pa.Array]) -> Node:
    """Give the node of a column of text or bytes in any layout."""
    chunks = [_variable(chunk) for chunk in chunks if len(chunk)]
    rows = sum(len(chunk) for chunk in chunks)
    found = vocabulary.look_up(chunks, _most(rows)) if rows else None
    if found is None:
        return _bytes_node(name, rows, _blocks(chunks))
    coded_blocks, values = found
    parts = [Coded(codes=block, entries=values) for block in coded_blocks]
    in_order = _sorted([values])
    table = codes.table_of(parts[0], np.arange(len(values)), _ranks(values, in_order), len(values))
    return _codes_node(name, rows, codes.hash_of(parts, [table] * len(parts)), in_order)


def coded(name: str, parts: Sequence[Coded]) -> Node:
    """Give the node of a column of text or bytes that is held as codes of one or several dictionaries."""
    parts = [dataclasses.replace(part, entries=plain(part.entries)) for part in parts]
    rows = sum(len(part.codes) for part in parts)
    places = [codes.used(part) for part in parts]
    entries = [part.entries.take(pa.array(each)) for part, each in zip(parts, places, strict=True)]
    values = _sorted(entries)
    if len(values) > _most(rows):
        return _bytes_node(name, rows, _decoded(parts))
    tables = [
        codes.table_of(part, each, _ranks(these, values), len(values))
        for part, each, these in zip(parts, places, entries, strict=True)
    ]
    return _codes_node(name, rows, codes.hash_of(parts, tables), values)


def name_of(kind: pa.DataType) -> str | None:
    """Give what a type of text or bytes is called in a node; None for others."""
    if _is_text(kind) or _is.is_string_view(kind):
        return "string"
    kept = _is.is_binary(kind) or _is.is_large_binary(kind) or _is.is_binary_view(kind)
    return "binary" if kept or _is.is_fixed_size_binary(kind) else None


def _most(rows: int) -> int:
    return min(MOST_DISTINCT, rows // ROWS_PER_VALUE)


def _sorted(entries: Sequence[pa.Array]) -> pa.Array:
    """Give the distinct values of dictionaries in the order of their bytes."""
    if not entries:
        return pa.array([], pa.string())
    values = pa.concat_arrays(entries)
    if not values.null_count and pc.all(pc.less(values[:-1], values[1:])).as_py() is not False:
        return values
    values = pc.unique(values).drop_null()
    return values.take(pc.array_sort_indices(values))


def _ranks(entries: pa.Array, values: pa.Array) -> Array:
    if entries is values or entries.equals(values):
        return np.arange(len(values))
    return np.asarray(pc.index_in(entries, value_set=values).fill_null(-1))


def _codes_node(name: str, rows: int, stream: str, values: pa.Array) -> Node:
    """Give the node of codes, which are the places in the sorted list of distinct values."""
    if not len(values):
        return nothing(rows)
    distinct = _bytes_node(name, len(values), iter([values]))
    inner = {key: distinct[key] for key in ("lengths", "long", "values") if key in distinct}
    return {"type": name, "rows": rows, "codes": stream, "distinct": inner}


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
    ends = offsets_of(array)
    if missing is not None and (ends[1:] != ends[:-1])[missing].any():
        # a missing value may own bytes that nobody sees
        array = array.fill_null("" if _is_text(array.type) else b"")
        ends = offsets_of(array)
    lengths.add(ends[1:] - ends[:-1])
    if array.buffers()[2] is not None:
        values.update(memoryview(array.buffers()[2])[int(ends[0]) : int(ends[-1])])


def _variable(array: pa.Array) -> pa.Array:
    """Give bytes of one width as bytes of any."""
    return plain(array) if _is.is_fixed_size_binary(array.type) else array


def _blocks(chunks: Sequence[pa.Array]) -> Iterator[pa.Array]:
    for chunk in chunks:
        yield from (plain(chunk.slice(start, _ROWS)) for start in range(0, len(chunk), _ROWS))


def _decoded(parts: Sequence[Coded]) -> Iterator[pa.Array]:
    """Give the values that codes stand for, a block at a time."""
    for part in parts:
        for start in range(0, len(part.codes), _ROWS):
            block = part.codes[start : start + _ROWS]
            missing = block < 0 if part.missing is None else part.missing[start : start + _ROWS]
            yield part.entries.take(pa.array(np.where(missing, 0, block), mask=missing))


def _is_text(kind: pa.DataType) -> bool:
    return bool(_is.is_string(kind) or _is.is_large_string(kind))
