"""The short hash of a cell's source: what tells in every part whether a cell is still the same."""

from __future__ import annotations

import hashlib


def source_hash(source: str) -> str:
    """Give the short hash of a cell's source, trailing blanks apart.

    >>> source_hash("x = 1  ") == source_hash("x = 1")
    True
    """
    plain = "\n".join(line.rstrip() for line in source.strip().splitlines())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:16]
