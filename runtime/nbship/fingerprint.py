"""``nbship-hash v1``: what a table holds, as one hash that does not care how it is stored.

Two tables have the same ``table`` hash if and only if they have the same columns, by name, type and order, holding the
same values in the same order of rows, be they in pandas 2 or 3, pyarrow or polars. The hash does not see chunks,
offsets, buffers' padding, the order of a categorical's codes, or the payload of a NaN. It sees every row.

**Blocks.** A column is cut anew into blocks of 65,536 rows. A block is

1. ``N`` and the bit mask of its missing values if it has any, else ``V``. Missing is null or NaN: pandas cannot
   tell them apart, so we do not.
2. its values, little-endian, the slots of missing ones zero. Numbers are their bytes (so ``-0.0`` is not ``0.0``),
   booleans are packed into bits, strings are their lengths in bytes (int32) and then all their UTF-8; a categorical is
   the values it stands for. Times and durations are microseconds, or nanoseconds if one of the column's values needs
   them; with a time zone they are instants in UTC. Lists are their lengths and then their items as a column, structs
   their fields as columns.

**Column**: BLAKE3 of its blocks. **Table**: BLAKE3 of the JSON of ``{"cols": [[name, type, rows, column], ...],
"v": 1}``, sorted keys, no spaces. **Type** is logical: ``string`` for every kind of text, ``timestamp`` without its
unit, else Arrow's name. **Schema**: the same over names, types, categoricals and zones, without values or rows.
**Index**: a pandas index is a table of its own, beside the others; the plain count has none.

Written ``b3:`` and 64 hex digits. A file's hash is the BLAKE3 of its bytes: the same file with another table is *reader
drift*, which does happen (pandas 2 and 3 parse some floats apart).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute
from blake3 import blake3

from nbship import table as tables
from nbship.errors import DataError, InputError

pc: Any = _compute  # its functions are made at import, where no type checker sees them

VERSION = 1
ROWS_PER_BLOCK = 1 << 16
_PREFIX = "b3:"
_BYTES_PER_READ = 1 << 22
_NANOS_PER_MICRO = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The hashes of a table: the whole, column by column, the schema alone, the index alone."""

    table: str
    columns: Mapping[str, str]
    schema: str
    index: str | None
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFingerprint:
    """The hashes of a file, and of the table in it where it is a data file; ``reader`` is what made the table."""

    path: str
    file: str
    content: Fingerprint | None = None
    reader: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give what ``nbship fingerprint --json`` prints for a file."""
        return {
            "path": self.path,
            "file": self.file,
            "table": self.content.table if self.content else None,
            "columns": dict(self.content.columns) if self.content else None,
            "schema": self.content.schema if self.content else None,
            "reader": self.reader,
        }


def fingerprint(table: Any) -> Fingerprint:
    """Give the hashes of a pandas, pyarrow or polars table, or of a numpy array (by position).

    Raises DataError for what is no table or holds objects that have no content of their own.

    >>> import pandas as pd
    >>> one = fingerprint(pd.DataFrame({"x": ["a", "b"]}))
    >>> other = fingerprint(pd.DataFrame({"x": pd.Categorical(["a", "b"], categories=["b", "a"])}))
    >>> one.table == other.table, one.schema == other.schema
    (True, False)
    """
    columns = tables.columns(table)
    index = tables.index_columns(table)
    hashed = {column.name: _column_hash(column.values) for column in columns}
    return Fingerprint(
        table=_table_hash(columns, hashed),
        columns=hashed,
        schema=_schema_hash(columns),
        index=_table_hash(index, {item.name: _column_hash(item.values) for item in index}) if index else None,
        rows=tables.row_count(table),
    )


def fingerprint_file(path: Path) -> FileFingerprint:
    """Give the hashes of a file; of a data file, the table's too. Raises InputError, DataError."""
    file = hash_file(path)
    if tables.reader_of(path) is None:
        return FileFingerprint(path=str(path), file=file)
    frame, reader = tables.read_table(path)
    return FileFingerprint(path=str(path), file=file, content=fingerprint(frame), reader=reader)


def hash_file(path: Path) -> str:
    """Give the BLAKE3 of a file's bytes. Raises InputError where it cannot be read."""
    hasher = blake3()
    try:
        with path.open("rb") as file:
            while block := file.read(_BYTES_PER_READ):
                hasher.update(block)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    return _PREFIX + hasher.hexdigest()


def _table_hash(columns: list[tables.Column], hashed: Mapping[str, str]) -> str:
    rows = [
        [item.name, _logical_type(item), len(item.values), hashed[item.name].removeprefix(_PREFIX)]
        for item in columns
    ]
    return _hash_json({"cols": rows, "v": VERSION})


def _schema_hash(columns: list[tables.Column]) -> str:
    rows = [[item.name, _logical_type(item), *_particulars(item.values.type)] for item in columns]
    return _hash_json({"schema": rows, "v": VERSION})


def _hash_json(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _PREFIX + blake3(text.encode("utf-8", "surrogatepass")).hexdigest()


def _particulars(kind: pa.DataType) -> list[str]:
    """Give what the schema sees and the content does not."""
    if pa.types.is_dictionary(kind):
        return ["categorical"]
    return [str(kind.tz)] if pa.types.is_timestamp(kind) and kind.tz else []


def _logical_type(column: tables.Column) -> str:
    return "mixed" if column.mixed else _type_name(column.values.type)


def _type_name(kind: pa.DataType) -> str:  # noqa: PLR0911  # one line per family
    """Give the type without what only storage cares about."""
    if pa.types.is_dictionary(kind):
        return _type_name(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "string"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return "binary"
    if pa.types.is_timestamp(kind):
        return "timestamp[tz]" if kind.tz else "timestamp"
    if pa.types.is_duration(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        return str(kind).partition("[")[0].rstrip("0123456789")
    if _is_list(kind):
        return f"list<{_type_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return "struct<" + ",".join(f"{field.name}:{_type_name(field.type)}" for field in kind) + ">"
    return str(kind)


def _column_hash(values: pa.ChunkedArray) -> str:
    hasher = blake3()
    values = _whole_times(values)
    for start in range(0, len(values), ROWS_PER_BLOCK):
        _update(hasher, _joined(values.slice(start, ROWS_PER_BLOCK)))
    return _PREFIX + hasher.hexdigest()


def _joined(values: pa.ChunkedArray) -> pa.Array:
    array = (
        values.chunk(0) if values.num_chunks == 1 else pa.concat_arrays([_decoded(c) for c in values.chunks])
    )
    return _decoded(array)


def _decoded(array: pa.Array) -> pa.Array:
    """Bring an array to the one layout of its family."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _decoded(array.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return array.cast(pa.large_string())
    if pa.types.is_binary(kind) or pa.types.is_binary_view(kind):
        return array.cast(pa.large_binary())
    if pa.types.is_date64(kind):
        return array.cast(pa.date32())
    if pa.types.is_time32(kind):
        return array.cast(pa.time64("us"))
    return array


def _whole_times(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give times in microseconds; in nanoseconds only where a value of the column needs them."""
    kind = values.type
    if not (pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time64(kind)):
        return values
    micro = _with_unit(kind, "us")
    if kind.unit != "ns":
        return values if kind.unit == "us" else values.cast(micro)
    counts = values.cast(pa.int64())
    micros = pc.divide(counts, _NANOS_PER_MICRO)
    whole = pc.all(pc.equal(pc.multiply(micros, _NANOS_PER_MICRO), counts), skip_nulls=True).as_py()
    return values if whole is False else values.cast(micro)


def _with_unit(kind: pa.DataType, unit: str) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.timestamp(unit, kind.tz)
    return pa.duration(unit) if pa.types.is_duration(kind) else pa.time64(unit)


def _update(hasher: Any, array: pa.Array) -> None:
    """Feed one block, in the layout that the module's head describes."""
    kind = array.type
    if pa.types.is_null(kind):
        hasher.update(b"N")
    elif pa.types.is_floating(kind):
        _update_floats(hasher, array)
    else:
        missing = _update_mask(hasher, array)
        _update_values(hasher, array, missing)


def _update_mask(hasher: Any, array: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
    if not array.null_count:
        hasher.update(b"V")
        return None
    missing = np.asarray(array.is_null())
    hasher.update(b"N")
    hasher.update(np.packbits(missing).tobytes())
    return missing


def _update_floats(hasher: Any, array: pa.Array) -> None:
    values = (pc.fill_null(array, float("nan")) if array.null_count else array).to_numpy(zero_copy_only=False)
    missing = np.isnan(values)
    if missing.any():
        hasher.update(b"N")
        hasher.update(np.packbits(missing).tobytes())
        values = np.where(missing, values.dtype.type(0), values)
    else:
        hasher.update(b"V")
    hasher.update(np.ascontiguousarray(values).data.cast("B") if len(values) else b"")


def _update_values(hasher: Any, array: pa.Array, missing: np.ndarray[Any, Any] | None) -> None:
    kind = array.type
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        _update_strings(hasher, array if missing is None else _filled(array))
    elif pa.types.is_boolean(kind):
        bits = np.asarray(pc.fill_null(array, False)).astype(bool)
        hasher.update(np.packbits(bits).tobytes())
    elif _is_list(kind):
        _update_lists(hasher, array)
    elif pa.types.is_struct(kind):
        for field in array.flatten():
            _update(hasher, _decoded(field))
    elif pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_fixed_size_binary(kind):
        _update_fixed(hasher, array, missing)
    else:
        raise DataError(f"columns of type {kind} have no hash yet")


def _filled(array: pa.Array) -> pa.Array:
    """Empty the slots of missing values, which may own bytes that nobody sees."""
    return pc.fill_null(array, "" if pa.types.is_large_string(array.type) else b"")


def _update_strings(hasher: Any, array: pa.Array) -> None:
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    hasher.update(np.diff(ends).astype("<i4").tobytes())
    if data is not None and len(ends):
        hasher.update(memoryview(data)[int(ends[0]) : int(ends[-1])])


def _update_lists(hasher: Any, array: pa.Array) -> None:
    lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int64())
    hasher.update(np.asarray(lengths).astype("<i4").tobytes())
    _update(hasher, _decoded(pc.list_flatten(array)))


def _update_fixed(hasher: Any, array: pa.Array, missing: np.ndarray[Any, Any] | None) -> None:
    width = array.type.bit_width // 8
    raw = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    raw = raw[array.offset * width : (array.offset + len(array)) * width]
    if missing is not None:
        raw = raw.reshape(len(array), width).copy()
        raw[missing] = 0
    hasher.update(raw.tobytes() if missing is not None else raw.data)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
