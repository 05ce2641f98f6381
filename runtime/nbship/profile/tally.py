"""How many numbers lie at or below each edge, without ordering them in double precision.

Rounding to single precision keeps order, so ordered singles tell of every number on which side of an edge it lies,
but for those that round to what the edge rounds to. These are few, and looked at as they are: the counts are exact.
Ordering singles takes half the time of ordering doubles, and in blocks it stays in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: Rows that are ordered at a time.
_BLOCK = 1 << 16
#: Up to so many edges are looked at one by one, each with a pass over the block.
_ONE_BY_ONE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many numbers are at or below each edge, how many there are, and between which they lie (NaN: none)."""

    places: Array
    present: int
    lowest: float
    highest: float

    @property
    def counts(self) -> tuple[int, ...]:
        """How many are in ``(-inf, e_0], (e_0, e_1], ..., (e_k, inf)``."""
        places = np.concatenate([[0], self.places, [self.present]])
        return tuple((places[1:] - places[:-1]).tolist())


def tally(numbers: Array, edges: Array) -> Tally:
    """Count doubles against ordered edges; NaN is no number.

    >>> tally(np.array([3.0, np.nan, 1.0, 2.0]), np.array([0.0, 2.0])).places
    array([0, 2])
    """
    places, present, lowest, highest = np.zeros(len(edges), dtype=np.int64), 0, np.nan, np.nan
    with np.errstate(over="ignore"):  # beyond the singles' range is infinite, in order still
        rounded, room = edges.astype(np.float32), np.empty(min(len(numbers), _BLOCK), dtype=np.float32)
        for start in range(0, len(numbers), _BLOCK):
            block = numbers[start : start + _BLOCK]
            singles = room[: len(block)]
            singles[:] = block
            lowest, highest = np.fmin(lowest, np.fmin.reduce(block)), np.fmax(highest, np.fmax.reduce(block))
            singles.sort()
            there = int(singles.searchsorted(np.inf, side="right"))
            places += _placed(block, singles[:there], edges, rounded)
            present += there
    return Tally(places=places, present=present, lowest=float(lowest), highest=float(highest))


def _placed(block: Array, singles: Array, edges: Array, rounded: Array) -> Array:
    below = singles.searchsorted(rounded)
    if not len(singles):
        return below
    unsure = np.flatnonzero(singles.take(below, mode="clip") == rounded)
    if len(unsure) <= _ONE_BY_ONE:
        for number in unsure.tolist():
            below[number] = np.count_nonzero(block <= edges[number])
        return below
    if np.count_nonzero(block == block.astype(np.float32)) == len(singles):  # no number was rounded
        return np.where(rounded <= edges, singles.searchsorted(rounded, side="right"), below)
    return np.sort(block).searchsorted(edges, side="right")
