"""Codes of a dictionary's entries, brought into the one order and width in which they are hashed.

Codes that are so already are hashed as they lie, which is what makes categories cheap; others are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship.streams import Array, hasher

pc: Any = _compute  # its functions are made at import, where no type checker sees them

_ROWS = 1 << 18
_BYTE = 1 << 8
_WORD = 1 << 16
#: So many entries are sought one by one in less time than all at once.
_SOUGHT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """Codes of a dictionary's entries; ``missing``, or a code below zero, is where there is none."""

    codes: Array
    entries: pa.Array
    missing: Array | None = None

    @property
    def nbytes(self) -> int:
        """How much memory the codes take."""
        return self.codes.nbytes


def width_of(distinct: int) -> np.dtype[Any]:
    """Give the type of codes: the narrowest that leaves one number for what is missing, all bits of it ones."""
    return np.dtype("u1" if distinct < _BYTE else "<u2" if distinct < _WORD else "<u4")


def used(part: Coded) -> Array:
    """Give the places of the entries that codes use; the search ends when all are seen."""
    seen = np.zeros(len(part.entries) + 1, np.bool_)  # a code of -1 falls on the last one
    for start in range(0, len(part.codes), _WORD):
        stop = start + _WORD
        block = part.codes[start:stop]
        seen[block if part.missing is None else block[~part.missing[start:stop]]] = True
        rest = np.flatnonzero(~seen[:-1])
        if not len(rest):
            break
        if len(rest) <= _SOUGHT and part.missing is None:
            seen[rest] = [_holds(part.codes[stop:], int(code)) for code in rest]
            break
    return np.flatnonzero(seen[:-1])


def _holds(codes: Array, code: int) -> bool:
    wanted = codes.dtype.type(code)
    return any((codes[start : start + _ROWS] == wanted).any() for start in range(0, len(codes), _ROWS))


def table_of(part: Coded, places: Array, ranks: Array, distinct: int) -> Array:
    """Give what each code becomes: of the entries at ``places`` their ranks, where -1 is missing.

    What follows the last entry is what a code below zero becomes.
    """
    table = np.arange(len(part.entries) + 1).astype(width_of(distinct))  # who is not used may become anything
    table[places] = ranks.astype(table.dtype)
    table[-1] = np.iinfo(table.dtype).max
    return table


def hash_of(parts: Sequence[Coded], tables: Sequence[Array]) -> str:
    """Give the BLAKE3 of the codes of all parts, each looked up in its table."""
    stream = hasher()
    for part, table in zip(parts, tables, strict=True):
        for block in _looked_up(part, table):
            stream.update(block.view(np.uint8).data)
    return str(stream.hexdigest())


def _looked_up(part: Coded, table: Array) -> Iterator[Array]:
    codes = np.ascontiguousarray(part.codes)
    as_they_are = bool((table[:-1] == np.arange(len(table) - 1).astype(table.dtype)).all())
    if as_they_are and part.missing is None and codes.itemsize == table.itemsize:
        yield codes.view(table.dtype)
        return
    look_up = _same(table) if as_they_are else _look_up(codes.itemsize, table)
    for start in range(0, len(codes), _ROWS):
        block = codes[start : start + _ROWS]
        if part.missing is None:
            yield look_up(block)
            continue
        missing = part.missing[start : start + _ROWS]
        found = look_up(np.where(missing, codes.dtype.type(0), block))
        yield np.where(missing, table[-1], found)


def _same(table: Array) -> Any:
    return lambda block: block.astype(table.dtype)  # -1 becomes all ones


def _look_up(itemsize: int, table: Array) -> Any:
    """Give what looks codes of so many bytes up; Arrow's look-up needs no index of eight bytes, NumPy's does."""
    if itemsize > np.dtype(np.uint16).itemsize:
        return table.take
    full = np.full(_BYTE if itemsize == 1 else _WORD, table[-1], table.dtype)
    full[: len(table) - 1] = table[:-1][: len(full)]
    if itemsize == table.itemsize == 1:
        return _pairs(full)
    entries, unsigned = pa.array(full), np.dtype(f"u{itemsize}")
    return lambda block: _taken(entries, block.view(unsigned))


def _pairs(full: Array) -> Any:
    """Look two codes of one byte up at a time, in half the time."""
    both = full | (full.astype(np.uint16)[:, np.newaxis] << 8)
    entries = pa.array(both.ravel())

    def look_up(block: Array) -> Array:
        codes = block.view(np.uint8)
        even = len(codes) // 2 * 2
        pairs = np.require(codes[:even].view(np.uint16), requirements="A")
        found = _taken(entries, pairs).view(np.uint8)
        return found if even == len(codes) else np.append(found, full[codes[even:]])

    return look_up


def _taken(entries: pa.Array, places: Array) -> Array:
    return np.asarray(pc.take(entries, pa.array(places), boundscheck=False))
