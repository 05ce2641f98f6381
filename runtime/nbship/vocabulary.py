"""Text as codes of its distinct values: one look-up a row.

Values of up to 12 bytes lie in Arrow's view layout as 16 bytes with nothing behind them. Two numbers of 64 bits are
compared and looked up by NumPy in half the time that a table of texts takes; longer ones take Arrow's own table.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship.streams import CORES, Array, absent, is_parallel

pc: Any = _compute  # its functions are made at import, where no type checker sees them

MISSING = 0xFFFF
_ROWS = 1 << 18
_ROWS_OF_KEYS = 1 << 15
#: Rows by which most columns of many values show that they are.
_PROBED = 1 << 12
_SHORT = 12
_MOST_LEVELS = 8
_MIXERS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
#: How many slots there are for a value: so many that few of them meet.
_SLOTS = 16
_is = pa.types

_Keys = tuple[Array, Array]


class TooManyError(Exception):
    """More distinct values than there may be."""


@dataclass(frozen=True, slots=True)
class _Level:
    """Values with a slot of their own: two look-ups tell whether a key is one of them, and its code."""

    shift: np.uint64
    slots: Array
    first: Array
    second: Array
    codes: Array

    def look_up(self, keys: _Keys) -> tuple[Array, Array]:
        places = self.slots.take(_slots(keys, self.shift))
        same = self.first.take(places) == keys[0]
        same &= self.second.take(places) == keys[1]
        return self.codes.take(places), same


class Vocabulary:
    """The distinct values met so far; several threads may ask and teach it."""

    def __init__(self, kind: pa.DataType, most: int) -> None:
        self.words = pa.array([], plain_type(kind))
        self._most = most
        self._levels: tuple[_Level, ...] = ()
        self._lock = threading.Lock()
        self._is_full = False

    def codes(self, block: pa.Array) -> Array:
        """Give the places of values, `MISSING` where there is none. Raises TooManyError."""
        if self._is_full:
            raise TooManyError
        missing = absent(block)
        found = self._found_by_keys(block, missing) if _is_short(block) else None
        if found is None:
            found = self._found(plain(block))
        if missing is not None:
            np.putmask(found, missing, MISSING)
        return found

    def learn(self, block: pa.Array) -> None:
        """Add the distinct values of a block. Raises TooManyError."""
        new = pc.unique(block).drop_null()
        with self._lock:
            values = pc.unique(pa.concat_arrays([self.words, new]))
            if len(values) > self._most:
                self._is_full = True
                raise TooManyError
            added = values.slice(len(self.words))
            if not len(self.words):  # codes that are in order from the start need not be brought into it
                values = added = added.take(pc.array_sort_indices(added))
            self._index(values, len(values) - len(added))
            self.words = values

    def _index(self, values: pa.Array, known: int) -> None:
        grown = len(self._levels) < _MOST_LEVELS // 2
        start = known if grown else 0
        added = _levels(values.slice(start), start)
        self._levels = (*self._levels, *added) if grown else added

    def _found(self, block: pa.Array) -> Array:
        found = pc.index_in(block, value_set=self.words)
        if found.null_count > block.null_count:
            self.learn(block)
            found = pc.index_in(block, value_set=self.words)
        return np.asarray(found.fill_null(MISSING)).astype(np.uint16)

    def _found_by_keys(self, block: pa.Array, missing: Array | None) -> Array:
        found = np.empty(len(block), np.uint16)
        rest = []
        for start in range(0, len(block), _ROWS_OF_KEYS):
            piece = block.slice(start, _ROWS_OF_KEYS)
            gone = None if missing is None else missing[start : start + _ROWS_OF_KEYS]
            codes, places = self._by_keys(keys_of(piece), gone)
            found[start : start + len(codes)] = codes
            rest.append(places + start)
        places = np.concatenate(rest) if rest else np.zeros(0, np.int64)
        if len(places):
            found[places] = self._found(plain(block).take(pa.array(places)))
        return found

    def _by_keys(self, keys: _Keys, missing: Array | None) -> tuple[Array, Array]:
        """Give codes, and the places of those that are there and that no level knows."""
        levels = self._levels
        codes, same = levels[0].look_up(keys) if levels else _none(len(keys[0]))
        if missing is not None:
            same |= missing
        if same.all():
            return codes, np.zeros(0, np.int64)
        rest = np.flatnonzero(~same)
        for level in levels[1:]:
            if not len(rest):
                break
            found, same = level.look_up((keys[0][rest], keys[1][rest]))
            codes[rest[same]] = found[same]
            rest = rest[~same]
        return codes, rest


def look_up(chunks: Sequence[pa.Array], most: int) -> tuple[list[Array], pa.Array] | None:
    """Give the codes of text, and what they stand for; None where there are more than ``most`` distinct values."""
    vocabulary = Vocabulary(chunks[0].type, most)
    blocks = [chunk.slice(start, _ROWS) for chunk in chunks for start in range(0, len(chunk), _ROWS)]
    try:
        _probe(vocabulary, blocks, most)
        if is_parallel() and len(blocks) > 1:
            with ThreadPoolExecutor(CORES) as pool:
                return list(pool.map(vocabulary.codes, blocks)), vocabulary.words
        return [vocabulary.codes(block) for block in blocks], vocabulary.words
    except TooManyError:
        return None


def _probe(vocabulary: Vocabulary, blocks: Sequence[pa.Array], most: int) -> None:
    """Learn from the first rows, and from as many more as it takes to tell that there are too many."""
    few = min(_PROBED, 2 * most + 1)
    for block in blocks[:1]:
        vocabulary.learn(plain(block.slice(0, few)))
        if len(vocabulary.words) > few // 4:
            vocabulary.learn(plain(block.slice(0, most + most // 2)))
        if len(vocabulary.words) > most // 2:
            vocabulary.learn(plain(block.slice(0, 6 * most)))


def _levels(values: pa.Array, start: int) -> tuple[_Level, ...]:
    """Give the levels of those of the values that are short; the code of the first is ``start``."""
    short = np.flatnonzero(np.asarray(pc.binary_length(values)) <= _SHORT)
    if not len(short):
        return ()
    first, second = keys_of(values.take(pa.array(short)))
    codes = (short + start).astype(np.uint16)
    levels: list[_Level] = []
    while len(codes) and len(levels) < _MOST_LEVELS:
        shift = np.uint64(64 - max(8, (len(codes) * _SLOTS).bit_length()))
        slots = np.zeros(1 << (64 - int(shift)), np.uint16)
        own = _slots((first, second), shift)
        slots[own] = np.arange(len(codes), dtype=np.uint16)
        won = slots[own] == np.arange(len(codes))
        levels.append(_Level(shift, slots, first.copy(), second.copy(), codes))
        first, second, codes = first[~won], second[~won], codes[~won]
    return tuple(levels)


def _none(rows: int) -> tuple[Array, Array]:
    return np.zeros(rows, np.uint16), np.zeros(rows, np.bool_)


def _slots(keys: _Keys, shift: np.uint64) -> Array:
    mixed = keys[0] * _MIXERS[0]
    mixed += keys[1] * _MIXERS[1]
    mixed >>= shift
    return mixed.view(np.int64)


def keys_of(array: pa.Array) -> _Keys:
    """Give text as two numbers a value, which tell those of up to 12 bytes from all others."""
    if not _is_view(array.type):
        # what is cast has no offset: for one, Arrow would make room for all that is before it as well
        width = _offset_width(array.type)
        buffers = array.buffers()
        offsets = buffers[1].slice(array.offset * width)
        bare = pa.Array.from_buffers(array.type, len(array), [None, offsets, buffers[2] or pa.py_buffer(b"")])
        array = bare.cast(pa.string_view() if _is_text(array.type) else pa.binary_view())
    raw = np.frombuffer(array.buffers()[1] or b"", np.uint64).reshape(-1, 2)
    raw = raw[array.offset : array.offset + len(array)]
    return raw[:, 0], raw[:, 1]


def _is_short(block: pa.Array) -> bool:
    """Tell whether most values of a block are short."""
    if _is_view(block.type):
        raw = np.frombuffer(block.buffers()[1] or b"", np.uint32)
        lengths = raw[4 * block.offset : 4 * (block.offset + len(block)) : 4]
    else:
        ends = offsets_of(block)
        lengths = ends[1:] - ends[:-1]
    return bool(np.count_nonzero(lengths > _SHORT) * 8 <= len(lengths))


def offsets_of(array: pa.Array) -> Array:
    """Give where the values of an array of text begin, and where the last one ends."""
    width = np.dtype(f"i{_offset_width(array.type)}")
    if array.buffers()[1] is None or not array.buffers()[1].size:
        return np.zeros(1, width)
    return np.frombuffer(array.buffers()[1], dtype=width)[array.offset : array.offset + len(array) + 1]


def plain(array: pa.Array) -> pa.Array:
    """Give text and bytes of every layout with 64-bit offsets or, without a copy, with 32-bit ones."""
    return array.cast(plain_type(array.type)) if array.type != plain_type(array.type) else array


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Give the type that `plain` makes of one; views can hardly be computed with."""
    if _is.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if _is.is_binary_view(kind) or _is.is_fixed_size_binary(kind) else kind


def _is_view(kind: pa.DataType) -> bool:
    return bool(_is.is_string_view(kind) or _is.is_binary_view(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(_is.is_string(kind) or _is.is_large_string(kind))


def _offset_width(kind: pa.DataType) -> int:
    return 8 if _is.is_large_string(kind) or _is.is_large_binary(kind) else 4
