"""The reference that data is held against: how each file was read, and what its columns held.

It is made in the notebook's kernel, kept in ``.nbship/data.json`` and committed, so it holds as little of the data
as will do: numbers by their deciles, only such values of a category as several rows share, and nothing of
identifiers and of columns whose name speaks of a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nbship.errors import DataError
from nbship.profile import ColumnProfile, Profile, profile

__all__ = ["FILE", "Dataset", "current_profile", "is_identifier", "reference_profile"]

FILE = ".nbship/data.json"
VERSION = 1
#: A value that fewer rows have may be a person's.
SHARED_BY = 5
#: Up to so many values, each shared by that many rows on average, are a closed set that the contract tells as well.
CLOSED = 30
_IDENTIFIER = re.compile(r"(^|[_\W])(id|uuid|guid|key|index|unnamed: \d+|rownames?|no)$", re.IGNORECASE)
_CAMEL_IDENTIFIER = re.compile(r"[a-z]I[Dd]$")
#: Whole numbers as large as telephone numbers, and mostly different.
_LIKE_A_TELEPHONE = 1e9
_MOSTLY = 0.9
_FEW = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A file below ``data/`` as the notebook read it.

    ``options`` are the reader's keyword arguments, None where they cannot be written down (a function, say);
    ``model`` is the class in ``contracts.py``; ``duplicates`` counts rows that repeat an earlier one.
    """

    path: str
    reader: str
    options: Mapping[str, Any] | None
    model: str | None
    rows: int
    duplicates: int
    profile: Profile | None

    def to_json(self) -> dict[str, Any]:
        """Give the dataset as it stands in the file."""
        return {
            "path": self.path,
            "reader": self.reader,
            "options": None if self.options is None else dict(self.options),
            "model": self.model,
            "rows": self.rows,
            "duplicates": self.duplicates,
            "profile": self.profile.to_json() if self.profile else None,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Dataset:
        """Give a dataset back. Raises DataError where it is of another version."""
        try:
            known = row["profile"]
            told: dict[str, Any] = {**row, "profile": None if known is None else Profile.from_json(known)}
            return cls(**told)
        except (KeyError, TypeError) as error:
            raise DataError(f"{FILE} cannot be read: {error}", help="export the notebook again") from error


def reference_profile(frame: Any) -> Profile:
    """Profile a frame as a reference that may be committed."""
    found = profile(frame)
    return replace(found, columns=tuple(_committed(column, frame) for column in found.columns))


def current_profile(frame: Any, reference: Profile) -> Profile:
    """Profile a frame over the edges of a reference; what that withholds stays withheld."""
    found = profile(frame, like=reference)
    return replace(found, columns=tuple(_withheld_alike(column, reference) for column in found.columns))


def is_identifier(name: str, numbers: Any) -> bool:
    """Tell whether whole numbers name rows rather than measure something: all different, and named or numbered so."""
    present = np.unique(numbers)
    if len(present) < _FEW or len(present) < _MOSTLY * len(numbers):
        return False
    if float(np.abs(present.astype(np.float64)).max()) >= _LIKE_A_TELEPHONE:
        return True
    consecutive = int(present[-1]) - int(present[0]) == len(present) - 1
    named = bool(_IDENTIFIER.search(name) or _CAMEL_IDENTIFIER.search(name))
    return len(present) == len(numbers) and (named or consecutive)


def _committed(column: ColumnProfile, frame: Any) -> ColumnProfile:
    if column.kind == "numeric" and column.type.lstrip("u").startswith("int"):
        numbers = (
            frame.iloc[:, list(map(str, frame.columns)).index(column.name)] if _has(frame, column) else None
        )
        if numbers is not None and is_identifier(column.name, numbers.dropna().to_numpy()):
            return _withheld(column)
    if column.kind == "category":
        return _shared_categories(column)
    return _by_deciles(replace(column, minimum=None, maximum=None))


def _has(frame: Any, column: ColumnProfile) -> bool:
    return column.name in map(str, frame.columns)


def _withheld(column: ColumnProfile) -> ColumnProfile:
    return ColumnProfile(
        name=column.name, kind="withheld", type=column.type, rows=column.rows, missing=column.missing
    )


def _withheld_alike(column: ColumnProfile, reference: Profile) -> ColumnProfile:
    known = reference.column(column.name)
    if known is not None and known.kind == "withheld" and column.type == known.type:
        return _withheld(column)
    return column


def _shared_categories(column: ColumnProfile) -> ColumnProfile:
    """Keep a closed set, else the categories that several rows have; the others are counted together."""
    if len(column.categories) <= CLOSED and len(column.categories) * SHARED_BY <= column.present:
        return column
    pairs = list(zip(column.categories, column.counts[:-1], strict=True))
    kept = [(name, count) for name, count in pairs if count >= SHARED_BY]
    rest = column.counts[-1] + sum(count for _, count in pairs if count < SHARED_BY)
    return replace(
        column,
        categories=tuple(name for name, _ in kept),
        counts=(*(count for _, count in kept), rest),
    )


def _by_deciles(column: ColumnProfile) -> ColumnProfile:
    if not column.edges:
        return column
    starts = [0, *(number + 1 for number in column.deciles)]
    counts = np.add.reduceat(np.asarray(column.counts), starts)
    return replace(
        column,
        edges=tuple(column.edges[number] for number in column.deciles),
        deciles=tuple(range(len(column.deciles))),
        counts=tuple(int(count) for count in counts),
    )
