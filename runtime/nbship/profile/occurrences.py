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

pc: Any = _compute  # its functions are made at import, where no type checker sees them

Array = np.ndarray[Any, np.dtype[Any]]
Pairs = Iterable[tuple[Any, int]]

_WORD = 8
#: Texts that are brought into words at a time: their windows stay in the processor's cache.
_BLOCK = 1 << 14


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
        words = _words(present)
        if words is not None:
            return _short(words)
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


def _short(words: Array) -> Pairs:
    distinct, counts = np.unique(words, return_counts=True)
    width = words.dtype.itemsize
    names = (word.to_bytes(width, "little").rstrip(b"\0").decode() for word in distinct.tolist())
    return zip(names, counts.tolist(), strict=True)


def _words(texts: pa.Array) -> Array | None:
    """Give the bytes of each text as an integer, padded by zeros; None where one is longer than a word or holds a zero."""
    _, bounds, held = texts.buffers()
    if held is None or not len(texts):
        return None
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    offsets = np.frombuffer(bounds, kind)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(offsets)
    longest = int(lengths.max())
    data = np.frombuffer(held, np.uint8)[offsets[0] : offsets[-1]]
    if not 0 < longest <= _WORD or not data.all():
        return None
    if longest in {1, 2, 4, _WORD} and lengths.min() == longest:
        return data.view(f"<u{longest}")
    return _windows(data, offsets - offsets[0], lengths)


def _windows(data: Array, offsets: Array, lengths: Array) -> Array:
    """Read a word at each offset, and clear what lies beyond the text."""
    masks = np.array([(1 << 8 * length) - 1 for length in range(_WORD + 1)], dtype="<u8")
    words = np.empty(len(lengths), dtype="<u8")
    for start in range(0, len(lengths), _BLOCK):
        stop = min(start + _BLOCK, len(lengths))
        first, last = offsets[start], offsets[stop]
        padded = np.zeros(last - first + _WORD, dtype=np.uint8)
        padded[: last - first] = data[first:last]
        windows = np.ndarray((last - first + 1,), dtype="<u8", buffer=padded, strides=(1,))
        words[start:stop] = windows[offsets[start:stop] - first] & masks[lengths[start:stop]]
    return words
