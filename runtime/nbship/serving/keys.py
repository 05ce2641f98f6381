"""API keys: only their hashes are kept, in a file that is read again whenever it changes.

A key is 256 random bits, so a plain hash of it cannot be guessed back. To rotate: add a key, give it out, revoke the
old one; servers that run see both within a second.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbship.errors import InputError

_PREFIX = "nbs_"
_LOOK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashed:
    """A key as the file has it."""

    name: str
    digest: str


def digest(key: str) -> str:
    """Give a key's hash."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def read(path: Path) -> list[Hashed]:
    """Give the keys of a file; none where there is no file. Raises InputError where it is no file of keys."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return [Hashed(name=str(name), digest=str(value)) for name, value in document["keys"].items()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"this is no file of API keys: {error}",
            where=str(path),
            help="`nbship keys add NAME --keys FILE` makes one",
        ) from error


def add(path: Path, name: str) -> str:
    """Give a new key, whose hash is in the file from now on. Raises InputError where the name is taken."""
    known = {one.name: one.digest for one in read(path)}
    if name in known:
        raise InputError(
            f"there is a key {name!r} already", where=str(path), help="revoke it, or take another name"
        )
    key = _PREFIX + secrets.token_urlsafe(32)
    _write(path, {**known, name: digest(key)})
    return key


def revoke(path: Path, name: str) -> None:
    """Take a key out of the file. Raises InputError where there is none of that name."""
    known = {one.name: one.digest for one in read(path)}
    if known.pop(name, None) is None:
        raise InputError(f"there is no key {name!r}", where=str(path))
    _write(path, known)


def _write(path: Path, known: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.touch(mode=0o600)
    scratch.write_text(json.dumps({"keys": dict(known)}, indent=2) + "\n", encoding="utf-8")
    scratch.replace(path)


class Doorkeeper:
    """Tells which keys are good. A file that cannot be read lets in whom the last one did."""

    def __init__(self, path: Path) -> None:
        self.problem: str | None = None
        self._path = path
        self._keys = read(path)
        self._stamp = _stamp(path)
        self._next = time.monotonic() + _LOOK_S

    def knows(self, given: str) -> bool:
        """Tell whether this is a key."""
        if time.monotonic() > self._next:
            self._look()
        hashed = digest(given)
        matches = [hmac.compare_digest(hashed, one.digest) for one in self._keys]
        return any(matches)  # after all of them, so that the time tells nothing

    def _look(self) -> None:
        self._next = time.monotonic() + _LOOK_S
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        try:
            self._keys, self.problem = read(self._path), None
        except InputError as error:
            self.problem = error.what
        self._stamp = stamp


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
