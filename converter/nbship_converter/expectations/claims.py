"""What should hold of any pipeline that trains: rows that match, no row on both sides, no target among the features."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from nbship_converter.ir import Program

__all__ = ["Claim", "claims"]

Subject = Literal["disjoint", "rows", "target"]

_TRAIN = re.compile(r"train", re.IGNORECASE)
_LABELS = re.compile(r"^[yY](?=_|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An expression about ``results``, what it is about, and the names it is said of."""

    subject: Subject
    text: str
    names: tuple[str, str]


def claims(program: Program) -> list[Claim]:
    """Give what may be claimed of the names in Results; whether it is so, a run tells."""
    return list(_claims(list(program.results)))


def _claims(held: list[str]) -> Iterator[Claim]:
    for train in held:
        for word in ("test", "val", "valid", "holdout"):
            test = _TRAIN.sub(word, train)
            if test != train and test in held:
                text = f"set(results.{train}.index).isdisjoint(results.{test}.index)"
                yield Claim(subject="disjoint", text=text, names=(train, test))
    for labels in held:
        for letter in ("X", "x"):
            features = _LABELS.sub(letter, labels)
            if features != labels and features in held:
                both = (features, labels)
                yield Claim(
                    subject="rows", text=f"len(results.{features}) == len(results.{labels})", names=both
                )
                text = f"results.{labels}.name not in results.{features}.columns"
                yield Claim(subject="target", text=text, names=both)
