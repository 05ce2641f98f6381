"""How often each value of a column of categories comes.

Arrow counts any column by hashing every value. Two makes go several times faster: codes (a dictionary) are counted as
the integers they are, and short texts as the 64-bit words that their bytes make.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship.profile import words
from nbship.profile.words import Array

pc: Any = _compute  # its functions are made at import, where no type checker sees them

Pairs = Iterable[tuple[Any, int]]


def occurrences(values: pa.ChunkedArray) -> Mapping[str, int]:
    """Give how many times each value comes; missing is none. A boolean is ``true`` or ``false``.

    >>> dict(occurrences(pa.chunked_array([["a", "b", "a", None]])))
    {'a': 2, 'b': 1}
    """
    found: Counter[str] = Counter()
    for chunk in values.chunks:
        for value, count in _pairs(chunk):
            if value is not None:
                found[_name(value)] += count
    return found


def _pairs(chunk: pa.Array) -> Pairs:
    if pa.types.is_dictionary(chunk.type):
        return _coded(chunk)
    if pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type):
        present = chunk.drop_null()
        short = _words(present)
        if short is not None:
            return _short(short)
        chunk = present
    counted = pc.value_counts(chunk)
    return zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)


def _name(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _coded(chunk: pa.DictionaryArray) -> Pairs:
    """Count codes; a dictionary may hold a value twice, or missing."""
    codes = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
    counts = np.bincount(codes, minlength=len(chunk.dictionary))
    used = np.flatnonzero(counts)
    names = chunk.dictionary.take(pa.array(used)).to_pylist()
    return zip(names, counts[used].tolist(), strict=True)


def _short(texts: Array) -> Pairs:
    distinct, counts = np.unique(texts, return_counts=True)
    width = texts.dtype.itemsize
    names = (word.to_bytes(width, "little").rstrip(b"\0").decode() for word in distinct.tolist())
    return zip(names, counts.tolist(), strict=True)


def _words(texts: pa.Array) -> Array | None:
    """Give the bytes of each text as an integer, padded by zeros; None where one is longer than a word or holds a zero."""
    data, offsets, lengths = words.bytes_of(texts)
    longest = int(lengths.max(initial=0))
    if not 0 < longest <= words.WIDTH or not data.all():
        return None
    if longest in {1, 2, 4, words.WIDTH} and lengths.min() == longest:
        return data.view(f"<u{longest}")
    return words.leading(data, offsets, lengths)
