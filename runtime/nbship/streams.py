"""The streams that a column is hashed in: values, bits, lengths; each cut in any way, with the same hash.

Values go by in blocks, so that a block is still in the processor's cache when the next step reads it, and nothing is
held twice in memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from blake3 import blake3

from nbship.errors import DataError

Array = np.ndarray[Any, Any]
Node = dict[str, Any]

_ROWS = 1 << 17
_LONG = 255
_INFINITY_OF_16 = 0x7C00
_NAT = np.iinfo(np.int64).min
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
#: The units a column of times is tried in: the first that holds each of its values exactly is the one.
_UNITS = ("us", "ns", "ms", "s")
FIRST_UNIT = _UNITS[0]
_MICRO = 1000
_INVERSE_OF_125 = np.uint64(pow(125, -1, 2**64)).view(np.int64)
_MOST_THOUSANDTHS = 2**63 // _MICRO


class _DoesNotFitError(Exception):
    """A time is not whole in a unit, or too far off for it."""


#: What may work at a time.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_parallel: ContextVar[bool] = ContextVar("_parallel", default=False)


@contextmanager
def in_parallel(allowed: bool) -> Generator[None]:
    """Let one column be hashed by all cores, or by this thread alone; threads that are begun do not inherit it."""
    token = _parallel.set(allowed and CORES > 1)
    try:
        yield
    finally:
        _parallel.reset(token)


def is_parallel() -> bool:
    """Whether the column that is hashed here has all cores to itself."""
    return _parallel.get()


def hasher() -> blake3:
    """Give the empty hash of a stream."""
    return blake3(max_threads=blake3.AUTO) if is_parallel() else blake3()


def hash_json(document: Mapping[str, Any]) -> str:
    """Give the BLAKE3 of a document written as JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return str(blake3(text.encode("utf-8", "surrogatepass")).hexdigest())


class Bits:
    """A stream of bits, the first of eight the lowest, however the parts were cut."""

    def __init__(self) -> None:
        self._hasher = hasher()
        self._pending: Array = np.zeros(0, dtype=np.bool_)

    def update(self, bits: Array) -> None:
        """Add bits, one to a byte."""
        if len(self._pending):
            bits = np.concatenate([self._pending, bits])
        whole = len(bits) // 8 * 8
        self._hasher.update(np.packbits(bits[:whole], bitorder="little").data)
        self._pending = bits[whole:].copy()

    def add_packed(self, buffer: pa.Buffer, start: int, count: int) -> None:
        """Add bits as Arrow holds them; without unpacking where they lie on whole bytes."""
        if start % 8 or len(self._pending):
            self.update(_unpacked(buffer, start, count))
            return
        whole = count // 8
        self._hasher.update(memoryview(buffer)[start // 8 : start // 8 + whole])
        self.update(_unpacked(buffer, start + whole * 8, count % 8))

    def hexdigest(self) -> str:
        """Give the hash so far; the last byte is filled up with zeros."""
        hasher = self._hasher.copy()
        hasher.update(np.packbits(self._pending, bitorder="little").data)
        return str(hasher.hexdigest())


def _unpacked(buffer: pa.Buffer, start: int, count: int) -> Array:
    raw = np.frombuffer(buffer, dtype=np.uint8)[start // 8 : (start + count + 7) // 8]
    return np.unpackbits(raw, bitorder="little")[start % 8 : start % 8 + count].view(np.bool_)


def absent(array: pa.Array) -> Array | None:
    """Give which values of an Arrow array are null; None where none is."""
    if not array.null_count:
        return None
    return np.logical_not(_unpacked(array.buffers()[0], array.offset, len(array)))


class Validity:
    """The bits that tell which values are there; none are hashed while none is missing."""

    def __init__(self) -> None:
        self.rows = 0
        self.missing = 0
        self._bits: Bits | None = None

    def add(self, rows: int, missing: Array | None) -> None:
        """Add rows, and which of them are missing."""
        if missing is not None and self._bits is None:
            self._bits = Bits()
            self._bits.update(np.ones(self.rows, dtype=np.bool_))
        if self._bits is not None:
            self._bits.update(np.ones(rows, dtype=np.bool_) if missing is None else np.logical_not(missing))
        self.count(rows, missing)

    def count(self, rows: int, missing: Array | None) -> None:
        """Count values that tell by themselves whether they are there."""
        self.missing += 0 if missing is None else int(np.count_nonzero(missing))
        self.rows += rows

    def node(self, name: str, **streams: Any) -> Node:
        """Give the node of a column of these rows and streams."""
        if self.missing == self.rows:
            return nothing(self.rows)
        valid = {"valid": self._bits.hexdigest()} if self._bits is not None and self.missing else {}
        return {"type": name, "rows": self.rows, **valid, **streams}


class Lengths:
    """Lengths as bytes; one of 255 or more stands as 255, and in full in a stream of its own."""

    def __init__(self) -> None:
        self._bytes = hasher()
        self._long: Any = None

    def add(self, lengths: Array) -> None:
        """Add lengths."""
        if len(lengths) and lengths.max() >= _LONG:
            self._long = self._long or hasher()
            self._long.update(_raw(lengths[lengths >= _LONG].astype("<u8")))
            lengths = np.minimum(lengths, _LONG)
        self._bytes.update(_raw(lengths.astype(np.uint8)))

    def streams(self) -> dict[str, str]:
        """Give the hashes of the streams by their names."""
        more = {"long": self._long.hexdigest()} if self._long else {}
        return {"lengths": self._bytes.hexdigest(), **more}


@dataclass(slots=True, kw_only=True)
class Leaf:
    """Values of one width on their way into a hash; ``floats`` may be NaN, ``unit`` is what times are held in."""

    name: str
    validity: Validity
    values: Any
    floats: bool = False
    bits: bool = False
    held: str | None = None
    unit: str | None = None
    failed: bool = False

    def take(self, values: Array, missing: Array | None) -> None:
        """Add contiguous values; a mask of what is missing, or None."""
        if not self.failed:
            self._take(values, None if missing is None or not missing.any() else missing)

    @np.errstate(all="ignore")
    def _take(self, values: Array, missing: Array | None) -> None:
        as_they_are = missing is None and not (self.floats or self.held)
        step = max(len(values), 1) if as_they_are else _ROWS
        try:
            for start in range(0, len(values), step):
                gone = None if missing is None else missing[start : start + step]
                self._block(values[start : start + step], gone)
        except _DoesNotFitError:
            self.failed = True

    def take_bits(self, array: pa.Array) -> None:
        """Add Arrow's booleans, which are packed already."""
        if array.null_count:
            values = _unpacked(array.buffers()[1], array.offset, len(array))
            self.take(values, absent(array))
        elif len(array):
            self.validity.add(len(array), None)
            self.values.add_packed(array.buffers()[1], array.offset, len(array))

    def _block(self, values: Array, missing: Array | None) -> None:
        if missing is None and self._taken_whole(values):
            return
        if self.floats:
            self._take_floats(values, missing)
            return
        if self.held and np.minimum.reduce(values) == _NAT:
            nat = values == _NAT
            missing = nat if missing is None else nat | missing
        self.validity.add(len(values), missing)
        if missing is not None:
            there = np.logical_not(missing)  # a product takes half the time of a copy and a mask
            values = values * (there if values.ndim == 1 else there[:, np.newaxis])
        if self.held and self.unit:
            values = _in_unit(values, self.held, self.unit)
        self.values.update(values if self.bits else _raw(values))

    def _taken_whole(self, values: Array) -> bool:
        """Hash values as they are, and take that back if one of them is NaN or NaT.

        In this order the search reads from the cache, and costs a quarter of what it costs before the hash.
        """
        if self.held != self.unit or ((self.floats or self.held) and self.validity.missing):
            return False
        before = self.values.copy() if self.floats or self.held else None
        self.values.update(values if self.bits else _raw(values))
        if (self.floats and _holds_nan(values)) or (self.held and np.minimum.reduce(values) == _NAT):
            self.values = before
            return False
        self.validity.add(len(values), None)
        return True

    def _take_floats(self, values: Array, missing: Array | None) -> None:
        nan = _is_nan(values)
        if missing is not None:
            nan |= missing
        self.validity.count(len(values), nan)
        quiet = np.array(np.nan, dtype=values.dtype)
        bits = np.dtype(f"u{values.itemsize}")
        same = values.view(bits) == quiet.view(bits)
        if np.count_nonzero(same) != np.count_nonzero(nan):  # those of `same` are among those of `nan`
            values = values.copy()
            np.putmask(values, nan, quiet)
        self.values.update(_raw(values))

    def node(self) -> Node:
        """Give the column's node."""
        unit = {"unit": self.unit} if self.unit else {}
        return self.validity.node(self.name, **unit, values=self.values.hexdigest())


def leaf_of(name: str, *, floats: bool = False, held: str | None = None, unit: str | None = None) -> Leaf:
    """Give the empty leaf of a content type."""
    bits = name == "bool"
    values = Bits() if bits else hasher()
    return Leaf(name=name, validity=Validity(), values=values, floats=floats, bits=bits, held=held, unit=unit)


def timed(name: str, held: str, pieces: Callable[[], Iterator[tuple[Array, Array | None]]]) -> Node:
    """Give the node of times in the first unit that holds them all exactly."""
    for unit in _UNITS:
        leaf = leaf_of(name, held=held, unit=unit)
        for values, missing in pieces():
            leaf.take(np.ascontiguousarray(values), missing)
        if not leaf.failed:
            return leaf.node()
    raise DataError(f"times in {held} fit no unit")  # pragma: no cover  # they fit their own


def _in_unit(values: Array, held: str, unit: str) -> Array:
    have, want = _PER_SECOND[held], _PER_SECOND[unit]
    if have == want:
        return values
    if have > want:
        return _thousandths(values) if have // want == _MICRO else _whole(values, have // want)
    factor = want // have
    if len(values) and max(int(values.max()), -int(values.min())) > np.iinfo(np.int64).max // factor:
        raise _DoesNotFitError
    return values * factor


def _whole(values: Array, factor: int) -> Array:
    whole = values // factor
    if not np.array_equal(whole * factor, values):
        raise _DoesNotFitError
    return whole


def _thousandths(values: Array) -> Array:
    """Divide by 1,000 what divides by it, at a third of a division's cost: by 8, then times the inverse of 125.

    Modulo 2^64 that product is small if 125 divides the number, and only then. Source: Granlund and Montgomery,
    Division by Invariant Integers using Multiplication (1994), section 9.
    """
    if int(np.bitwise_or.reduce(values)) & 7:
        raise _DoesNotFitError
    whole = (values >> 3) * _INVERSE_OF_125
    if len(whole) and max(int(whole.max()), -int(whole.min())) > _MOST_THOUSANDTHS:
        raise _DoesNotFitError
    return whole


def _holds_nan(values: Array) -> bool:
    if values.dtype == np.float16:
        return bool(_is_nan(values).any())
    return bool(np.isnan(np.minimum.reduce(values)))


def _is_nan(values: Array) -> Array:
    """Tell which floats are NaN; those of two bytes by their bits, as processors know nothing of them."""
    if values.dtype != np.float16:
        return np.isnan(values)
    return (values.view(np.uint16) & 0x7FFF) > _INFINITY_OF_16


def _raw(values: Array) -> Any:
    return values.data.cast("B") if values.size else b""


def nothing(rows: int) -> Node:
    """Give the node of a column without a single value, whose type no two libraries agree on."""
    return {"type": "null", "rows": rows}
