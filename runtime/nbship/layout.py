"""Which bytes of a column are hashed: the nodes of ``nbship-hash v2``, as docs/fingerprint.md defines them.

A column becomes a *node*: its content type, its rows, and the BLAKE3 of each of its streams, nested where the type
is. How the values are stored (chunks, offsets, dictionaries, units, what lies under a missing value) is gone by then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship import categories, strings
from nbship.codes import Coded
from nbship.errors import DataError
from nbship.streams import FIRST_UNIT, Array, Leaf, Lengths, Node, Validity, absent, leaf_of, nothing, timed

pc: Any = _compute  # its functions are made at import, where no type checker sees them

_ROWS_STRIPED = 1 << 15
_STRIPED_BYTES = 1 << 21
_TURNED_BYTES = 1 << 18
_DIGITS_OF_16 = 38
_DIGITS_OF_32 = 76
_FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
_is = pa.types


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A NumPy column of fixed width, what of it is missing besides NaN and NaT, and whether its times are in UTC."""

    values: Array
    missing: Array | None = None
    zoned: bool = False

    @property
    def nbytes(self) -> int:
        """How much memory the values take."""
        return self.values.nbytes


def node(values: pa.ChunkedArray) -> Node:
    """Give the node of an Arrow column. Raises DataError for a type that has no content of its own."""
    kind = values.type
    if _is.is_null(kind):
        return nothing(len(values))
    if name := strings.name_of(kind):
        return strings.text(name, values.chunks)
    for matches, make in _NODES:
        if matches(kind):
            return make(values)
    return _fixed(values)


def coded_node(parts: Sequence[Coded], kind: pa.DataType) -> Node:
    """Give the node of codes of values of one type: of text, that of the text; of others, one of its own."""
    if name := strings.name_of(kind):
        return strings.coded(name, parts)
    return categories.node(parts, kind, node)


def text_node(values: pa.ChunkedArray, name: str) -> Node:
    """Give the node of a column of text under another type's name."""
    return strings.text(name, values.chunks)


def numpy_nodes(sources: Sequence[Source]) -> list[Node]:
    """Give the nodes of NumPy columns of one length.

    The columns go forward together, so that one that is a stripe of a table in C order is read from the cache.
    """
    leaves = [_leaf_for(source) for source in sources]
    pieces = [_numbers(source) for source in sources]
    stripes = []
    for leaf, (values, missing) in zip(leaves, pieces, strict=True):
        if values.flags.c_contiguous:
            leaf.take(values, missing)
        else:
            stripes.append((leaf, values, missing))
    _take_stripes(stripes)
    return [_finished(leaf, piece) for leaf, piece in zip(leaves, pieces, strict=True)]


def _finished(leaf: Leaf, piece: tuple[Array, Array | None]) -> Node:
    if not leaf.failed:
        return leaf.node()
    return timed(leaf.name, str(leaf.held), lambda: iter([piece]))


def _take_stripes(stripes: Sequence[tuple[Leaf, Array, Array | None]]) -> None:
    """Bring stripes into columns, so few rows at a time that they stay in the cache, and hash many at a time."""
    widest = max((abs(values.strides[0]) for _, values, _ in stripes), default=1)
    step = min(_ROWS_STRIPED, max(1024, _STRIPED_BYTES // max(widest, 1)))
    turned = min(step, max(64, _TURNED_BYTES // max(widest, 1)))
    columns = [np.empty(step, values.dtype) for _, values, _ in stripes]
    for start in range(0, len(stripes[0][1]) if stripes else 0, step):
        for part in range(start, start + step, turned):
            for column, (_, values, _) in zip(columns, stripes, strict=True):
                piece = values[part : min(part + turned, start + step)]
                column[part - start : part - start + len(piece)] = piece
        for column, (leaf, values, missing) in zip(columns, stripes, strict=True):
            rows = len(values[start : start + step])
            leaf.take(column[:rows], None if missing is None else missing[start : start + step])


def _numbers(source: Source) -> tuple[Array, Array | None]:
    values = source.values.view(np.int64) if source.values.dtype.kind in "mM" else source.values
    return values, source.missing


def _leaf_for(source: Source) -> Leaf:
    dtype = source.values.dtype
    if dtype.kind in "mM":
        name = "duration" if dtype.kind == "m" else "timestamp[utc]" if source.zoned else "timestamp"
        return leaf_of(name, held=np.datetime_data(dtype)[0], unit=FIRST_UNIT)
    return leaf_of(dtype.name, floats=dtype.kind == "f")


def _fixed(values: pa.ChunkedArray) -> Node:
    kind = values.type
    if _is.is_decimal(kind):
        return _decimal(values)
    if _is.is_timestamp(kind) or _is.is_duration(kind) or _is.is_time(kind):
        name = str(kind).partition("[")[0].rstrip("0123456789")
        zoned = "[utc]" if _is.is_timestamp(kind) and kind.tz else ""
        return timed(name + zoned, kind.unit, lambda: (_piece(chunk) for chunk in values.chunks))
    if _is.is_date(kind):
        leaf, values = leaf_of("date"), values.cast(pa.date32())
    elif _is.is_interval(kind):
        leaf = leaf_of("interval")
    elif _is.is_primitive(kind):
        leaf = leaf_of(_FLOATS.get(str(kind), str(kind)), floats=_is.is_floating(kind))
    else:
        raise DataError(f"columns of type {kind} have no hash")
    for chunk in values.chunks:
        if leaf.bits:
            leaf.take_bits(chunk)
        else:
            leaf.take(*_piece(chunk))
    return leaf.node()


def _piece(array: pa.Array) -> tuple[Array, Array | None]:
    """Give an Arrow array of fixed width as NumPy, without a copy, and which values are missing."""
    kind = array.type
    missing = absent(array)
    width = kind.bit_width // 8
    raw = np.frombuffer(array.buffers()[1] or b"", dtype=np.uint8)
    raw = raw[array.offset * width : (array.offset + len(array)) * width]
    if _is.is_time32(kind):
        return raw.view(np.int32).astype(np.int64), missing
    if _is.is_timestamp(kind) or _is.is_duration(kind) or _is.is_time64(kind):
        return raw.view(np.int64), missing
    if _is.is_integer(kind) or _is.is_floating(kind):
        return raw.view(kind.to_pandas_dtype()), missing
    return raw.reshape(-1, width), missing


def _decimal(values: pa.ChunkedArray) -> Node:
    """Hash decimals as integers, at the least scale from 0 that loses nothing, in 16 bytes where they fit."""
    scale = _least_scale(values)
    as_they_are = _is.is_decimal128(values.type) and values.type.scale == scale
    narrow = values if as_they_are else _recast(values, pa.decimal128(_DIGITS_OF_16, scale))
    leaf = leaf_of("decimal")
    for chunk in (values.cast(pa.decimal256(_DIGITS_OF_32, scale)) if narrow is None else narrow).chunks:
        leaf.take(*_piece(chunk))
    found = leaf.node()
    if found["type"] == "null":
        return found
    return {**found, "scale": scale, "width": 32 if narrow is None else 16}


def _least_scale(values: pa.ChunkedArray) -> int:
    """Give the least scale from 0 that loses nothing.

    Most columns tell it by their first values; those are tried alone, as Arrow words an error for each that fails.
    """
    scale = start = 0
    step = 4
    while start < len(values) and scale < values.type.scale:
        if _recast(values.slice(start, step), pa.decimal256(_DIGITS_OF_32, scale)) is None:
            scale += 1
        else:
            start, step = start + step, min(step * 4, _ROWS_STRIPED)
    return scale


def _recast(values: Any, kind: pa.DataType) -> Any:
    try:
        return values.cast(kind)
    except pa.ArrowInvalid:
        return None


def _dictionary(values: pa.ChunkedArray) -> Node:
    return coded_node([_coded(chunk) for chunk in values.chunks], values.type.value_type)


def _coded(array: pa.DictionaryArray) -> Coded:
    codes, missing = _piece(array.indices)
    return Coded(codes=codes, entries=array.dictionary, missing=missing)


def _extension(values: pa.ChunkedArray) -> Node:
    """Hash what an extension type stores, under the type's name."""
    kind = values.type
    inner = node(pa.chunked_array([chunk.storage for chunk in values.chunks], kind.storage_type))
    if inner["type"] == "null":
        return inner
    parameters = kind.__arrow_ext_serialize__().decode("utf-8", "backslashreplace")
    name = {"type": "extension", "name": kind.extension_name, "parameters": parameters}
    return {**name, "rows": len(values), "storage": inner}


def _runs(values: pa.ChunkedArray) -> Node:
    return node(pa.chunked_array(map(pc.run_end_decode, values.chunks), values.type.value_type))


def _struct(values: pa.ChunkedArray) -> Node:
    validity = _validity(values)
    fields = [values.type.field(place).name for place in range(values.type.num_fields)]
    parts = values.flatten() if fields else []
    inner = [[name, node(part)] for name, part in zip(fields, parts, strict=True)]
    return validity.node("struct", fields=inner)


def _list(values: pa.ChunkedArray) -> Node:
    """Hash lists of every layout as their lengths and, as a column, the items of those that are there."""
    kind = values.type
    if not hasattr(kind, "value_type") and not _is.is_map(kind):
        raise DataError(f"columns of type {kind} have no hash")
    validity, lengths = _validity(values), Lengths()
    items = []
    for chunk in values.chunks:
        array = _as_list(chunk)
        lengths.add(np.asarray(pc.fill_null(pc.list_value_length(array), 0)).astype(np.int64))
        items.append(array.flatten())
    inner = node(pa.chunked_array(items, items[0].type)) if items else nothing(0)
    return validity.node("list", **lengths.streams(), items=inner)


def _as_list(array: pa.Array) -> pa.Array:
    kind = array.type
    if _is.is_map(kind):
        pair = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        return array.cast(pa.list_(pair)) if array.type != pa.list_(pair) else array
    return array


def _validity(values: pa.ChunkedArray) -> Validity:
    validity = Validity()
    for chunk in values.chunks:
        validity.add(len(chunk), absent(chunk))
    return validity


def _is_extension(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType)


_NODES: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.ChunkedArray], Node]], ...] = (
    (_is_extension, _extension),
    (_is.is_dictionary, _dictionary),
    (_is.is_run_end_encoded, _runs),
    (_is.is_struct, _struct),
    (_is.is_nested, _list),
)
