"""What the system tells of this process: the memory it holds, the bytes it has read. Linux only; elsewhere nothing."""

from __future__ import annotations

import os
from functools import cache

__all__ = ["bytes_read", "memory"]

_STATM = "/proc/self/statm"
_IO = "/proc/self/io"
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def memory() -> int | None:
    """Give the bytes of memory that the process holds now."""
    try:
        return int(_start_of(_STATM).split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return None


def bytes_read(*without: int) -> int | None:
    """Give the bytes that the process has read so far, by whatever library and thread; of some threads not.

    Memory-mapped reads are not among them. Source: proc(5), ``/proc/pid/io``, ``rchar``.
    """
    whole = _rchar(_IO)
    if whole is None:
        return None
    return whole - sum(_rchar(f"/proc/self/task/{thread}/io") or 0 for thread in without)


def _rchar(path: str) -> int | None:
    try:
        return int(_start_of(path).split(b"\n", 1)[0].removeprefix(b"rchar:"))
    except (OSError, ValueError):
        return None


def _start_of(path: str) -> bytes:
    """Read the first bytes of a small file of the system's, which says something new each time, and stays open.

    This happens several times in every cell, and opening is most of what it costs.
    """
    return os.pread(_opened(path), 128, 0)


@cache
def _opened(path: str) -> int:
    return os.open(path, os.O_RDONLY)
