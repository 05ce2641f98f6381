"""Which version answers a request: pure, so that every server gives the same answer without asking another.

A key falls on one place in [0, 1), by its hash together with the model and the challenger. In canary mode the
challenger answers for the places below ``share``: a key that it answers for stays with it while the share grows, and
another rollout meets other keys first.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from nbship.errors import DataError

_BITS = 53  # what a float holds exactly, so that no place is rounded up to 1


class Assignment(Protocol):
    """What routing reads of the registry's assignment; who routes loads no database."""

    @property
    def model(self) -> str:
        """The model's name."""
        ...

    @property
    def champion(self) -> int | None:
        """The version that is live."""
        ...

    @property
    def challenger(self) -> int | None:
        """The version that may become so."""
        ...

    @property
    def mode(self) -> str:
        """What the challenger sees: ``off``, ``shadow`` or ``canary``."""
        ...

    @property
    def share(self) -> float:
        """The share of the keys that it answers for, where it is a canary."""
        ...


def version_for(assignment: Assignment, key: str) -> int:
    """Give the version that answers a request with this key. Raises DataError where the model has no champion.

    >>> from types import SimpleNamespace as Now
    >>> now = Now(model="churn", champion=3, challenger=4, mode="canary", share=0.25)
    >>> [version_for(now, f"customer-{number}") for number in range(8)]
    [3, 4, 3, 3, 3, 3, 4, 4]
    """
    if assignment.champion is None:
        raise DataError(
            f"no version of {assignment.model!r} is live",
            help=f"nbship promote {assignment.model} VERSION --to production",
        )
    challenger = assignment.challenger
    if assignment.mode != "canary" or challenger is None:
        return assignment.champion
    is_canary = place_of(assignment.model, challenger, key) < assignment.share
    return challenger if is_canary else assignment.champion


def shadowed(assignment: Assignment) -> int | None:
    """Give the version that is to see the request too, its answer unused; None where there is none."""
    return assignment.challenger if assignment.mode == "shadow" else None


def place_of(model: str, challenger: int, key: str) -> float:
    """Give the place of a key in [0, 1): the same for every process, even over all keys.

    >>> place_of("churn", 4, "customer-7") == place_of("churn", 4, "customer-7") < 1
    True
    """
    text = f"{model}\0{challenger}\0{key}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> (64 - _BITS)) / (1 << _BITS)
