"""Categories that are no text as nodes of ``nbship-hash v2``: their codes, and what they stand for, in one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from nbship import codes
from nbship.codes import Coded
from nbship.streams import Array, Node, hash_json, nothing

NodeOf = Callable[[pa.ChunkedArray], Node]


def node(parts: Sequence[Coded], kind: pa.DataType, node_of: NodeOf) -> Node:
    """Give the node of codes of values of one type; ``node_of`` gives that of a column of them."""
    rows = sum(len(part.codes) for part in parts)
    places = [codes.used(part) for part in parts]
    used = [part.entries.take(pa.array(each)) for part, each in zip(parts, places, strict=True)]
    entries = pa.chunked_array(used, kind)
    keys, missing = _keys(entries, node_of)
    _, first, ranks = np.unique(keys[~missing], return_index=True, return_inverse=True)
    if not len(first):
        return nothing(rows)
    ranked = np.full(len(keys), -1)
    ranked[~missing] = ranks
    ends = np.cumsum([len(each) for each in places])[:-1]
    tables = [
        codes.table_of(part, each, these, len(first))
        for part, each, these in zip(parts, places, np.split(ranked, ends), strict=True)
    ]
    values = entries.take(pa.array(np.flatnonzero(~missing)[first]))
    stream = codes.hash_of(parts, tables)
    return {"type": "categories", "rows": rows, "codes": stream, "distinct": node_of(values)}


def _keys(entries: pa.ChunkedArray, node_of: NodeOf) -> tuple[Array, Array]:
    """Give what entries are told apart and sorted by, and which are missing: numbers and times by value."""
    array = entries.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # without chunks, before pyarrow 19
        array = array.chunk(0) if array.num_chunks else pa.array([], entries.type)
    kind = array.type
    missing = np.asarray(array.is_null(nan_is_null=pa.types.is_floating(kind)))
    if pa.types.is_integer(kind) or (pa.types.is_temporal(kind) and not pa.types.is_interval(kind)):
        return np.asarray(_numbers(array)), missing
    if pa.types.is_floating(kind):
        return _in_order(np.asarray(array.fill_null(0))), missing
    keys = [hash_json(node_of(entries.slice(place, 1))) for place in range(len(array))]
    return np.array(keys, dtype="U64"), missing


def _numbers(array: pa.Array) -> pa.Array:
    kind = array.type
    if not pa.types.is_integer(kind):
        array = array.view(pa.int32() if kind.bit_width == 32 else pa.int64())  # noqa: PLR2004  # bits
    return array.fill_null(0)


def _in_order(floats: Array) -> Array:
    """Give the bits of floats as integers in the order of what they stand for; -0.0 comes before 0.0."""
    width = floats.itemsize
    bits = floats.view(f"i{width}")
    return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits)
