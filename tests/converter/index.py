"""A package index that has whatever it is asked for, with hashes that only look like some."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nbship_converter.environment.closure import name_of
from nbship_converter.environment.index import Answer


def hashed(
    wanted: Sequence[str], python: str, *, constraints: Sequence[str] = (), alone: bool = False
) -> Answer:
    """Answer at once, as uv would: pins as they are, anything else at version 1."""
    del python, alone
    pins = [pin if "==" in pin else f"{name_of(pin)}==1" for pin in wanted]
    versions = {name_of(pin): pin.partition("==")[2] for pin in constraints}
    assert all(pin.partition("==")[2] == versions.get(name_of(pin), pin.partition("==")[2]) for pin in pins)
    return Answer(requirements={name_of(pin): text_of(pin) for pin in sorted(pins)})


def text_of(pin: str) -> str:
    return f"{pin} \\\n    --hash=sha256:{hashlib.sha256(pin.encode()).hexdigest()}\n"
