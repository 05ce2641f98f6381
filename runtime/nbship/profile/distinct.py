"""How many distinct values a column holds: a HyperLogLog sketch of 4,096 registers, right to 1.6 % (one deviation).

A sketch is a text of one character a register, so that it stands in JSON as it is. That of two tables together is, register
by register, the larger of theirs: the same whoever counts and in whatever order. (Libraries keep sketches that also
depend on the order of arrival, which two ways of counting one table would tell apart.) No value can be read from it.

Sources: Flajolet and others, HyperLogLog (2007); the estimate is Ertl's (2017), algorithm 6, which needs no tables.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship.profile import words
from nbship.profile.words import Array

pc: Any = _compute  # its functions are made at import, where no type checker sees them

#: The standard deviation of an estimate, relative to the truth.
ERROR = 1.04 / 64

_INDEX_BITS = 12
_REGISTERS = 1 << _INDEX_BITS
_RUN_BITS = 64 - _INDEX_BITS
_ZERO = ord("#")  # up to 53 above it there is nothing that JSON escapes
#: Of longer texts so many characters are read, beside the length.
_READ = 64


def sketch(values: pa.ChunkedArray) -> str:
    """Give the sketch of a column of texts or integers; missing values are none."""
    registers = np.zeros(_REGISTERS, dtype=np.uint8)
    for chunk in values.chunks:
        hashed = _hashed(chunk.drop_null())
        runs = _RUN_BITS + 1 - np.frexp((hashed & ((1 << _RUN_BITS) - 1)).astype(np.float64))[1]
        np.maximum.at(registers, (hashed >> _RUN_BITS).astype(np.intp), runs.astype(np.uint8))
    return (registers + _ZERO).tobytes().decode("ascii")


def merged(one: str, other: str) -> str:
    """Give the sketch of both columns together; none where one of them has none."""
    if not one or not other:
        return ""
    return np.maximum(_codes(one), _codes(other)).tobytes().decode("ascii")


def estimate(found: str) -> float:
    """Give about how many distinct values were there.

    >>> round(estimate(sketch(pa.chunked_array([[3, 3, None, 4]]))))
    2
    """
    times = np.bincount(_codes(found) - _ZERO, minlength=_RUN_BITS + 2).tolist()
    weight = _REGISTERS * _tau(1 - times[-1] / _REGISTERS)
    for count in times[-2:0:-1]:
        weight = (weight + count) / 2
    weight += _REGISTERS * _sigma(times[0] / _REGISTERS)
    return _REGISTERS**2 / (2 * math.log(2) * weight)


def uniqueness(found: str, present: int) -> float:
    """Give about which share of so many values the first of their kind are: 1 for a key, and never more."""
    return min(estimate(found) / present, 1.0) if present else 1.0


def _codes(found: str) -> Array:
    return np.frombuffer(found.encode("ascii"), dtype=np.uint8)


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    total, before, factor = x, -1.0, 1.0
    while total != before:
        x, before = x * x, total
        total += x * factor
        factor *= 2
    return total


def _tau(x: float) -> float:
    if x in {0, 1}:
        return 0.0
    total, before, factor = 1 - x, -1.0, 1.0
    while total != before:
        x, before, factor = math.sqrt(x), total, factor / 2
        total -= (1 - x) ** 2 * factor
    return total / 3


def _hashed(chunk: pa.Array) -> Array:
    if not (pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type)):
        return _mixed(chunk.cast(pa.int64(), safe=False).to_numpy().view(np.uint64))
    whole = pc.binary_length(chunk).to_numpy().astype(np.uint64)
    if len(whole) and whole.max() > _READ:
        chunk = pc.utf8_slice_codeunits(chunk, 0, _READ)
    data, offsets, lengths = words.bytes_of(chunk)
    found = _mixed(whole)
    for skip in range(0, int(lengths.max(initial=0)), words.WIDTH):
        deeper = _mixed(found ^ words.leading(data, offsets, lengths, skip=skip))
        found = np.where(lengths > skip, deeper, found)  # a text's hash is its own, whatever stands beside it
    return found


def _mixed(values: Array) -> Array:
    """Give each integer well mixed: the steps of SplitMix64 (Steele, Lea and Flood, 2014)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> 30
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> 27
    mixed *= np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> 31))
