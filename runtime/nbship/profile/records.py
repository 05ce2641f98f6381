"""A profile and its columns: what is counted, how it adds up, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from nbship.errors import DataError
from nbship.profile.distinct import merged

Kind = Literal["numeric", "category", "boolean", "datetime", "text", "withheld"]

VERSION = 1
NAMED_NEWCOMERS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column, counted.

    ``edges`` and ``deciles`` (which of the edges bound the deciles' bins) hold for ``numeric`` and ``datetime`` (in
    microseconds since 1970) and, of text, for the lengths; ``counts`` has one entry more than ``edges``.
    ``fences`` are the outer ones, where the middle half of the values spreads at all.
    For ``category`` and ``boolean``, ``counts`` follows ``categories`` and ends with the rest;
    ``newcomers`` are the alphabetically first of the values counted in the rest of a table that is no reference.
    ``sketch`` tells how many are distinct, of texts, withheld columns and keys of integers (`distinct`).
    """

    name: str
    kind: Kind
    type: str
    rows: int
    missing: int
    edges: tuple[float, ...] = ()
    deciles: tuple[int, ...] = ()
    fences: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    infinite: int = 0
    minimum: float | None = None
    maximum: float | None = None
    newcomers: tuple[str, ...] = ()
    sketch: str = ""

    @property
    def present(self) -> int:
        """How many values are not missing."""
        return self.rows - self.missing

    def __add__(self, other: ColumnProfile) -> ColumnProfile:
        mine = (self.name, self.kind, self.edges, self.categories)
        if mine != (other.name, other.kind, other.edges, other.categories):
            raise DataError(
                f"column {self.name!r} was counted over other edges: profile both like one reference"
            )
        return replace(
            self,
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            infinite=self.infinite + other.infinite,
            minimum=_either(min, self.minimum, other.minimum),
            maximum=_either(max, self.maximum, other.maximum),
            newcomers=tuple(sorted({*self.newcomers, *other.newcomers})[:NAMED_NEWCOMERS]),
            sketch=merged(self.sketch, other.sketch),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A table, counted: its rows and its columns in order."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str) -> ColumnProfile | None:
        """Give the column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def __add__(self, other: Profile) -> Profile:
        if [column.name for column in self.columns] != [column.name for column in other.columns]:
            raise DataError("profiles of different columns cannot be added")
        return Profile(
            rows=self.rows + other.rows,
            columns=tuple(a + b for a, b in zip(self.columns, other.columns, strict=True)),
        )

    def to_json(self) -> dict[str, Any]:
        """Give the profile as JSON, with the version of this format; what is empty is left out."""
        return {
            "nbship_profile": VERSION,
            "rows": self.rows,
            "columns": [_to_json(item) for item in self.columns],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Profile:
        """Give the profile back. Raises DataError for another format or version."""
        if document.get("nbship_profile") != VERSION:
            raise DataError(f"not a profile of version {VERSION}", help="register the model again")
        columns = tuple(_from_json(row) for row in document["columns"])
        return cls(rows=int(document["rows"]), columns=columns)


def _either(choose: Any, one: float | None, other: float | None) -> float | None:
    given = [value for value in (one, other) if value is not None]
    return choose(given) if given else None


def _to_json(column: ColumnProfile) -> dict[str, Any]:
    from dataclasses import asdict

    return {name: value for name, value in asdict(column).items() if value not in ((), None, "")}


def _from_json(row: Mapping[str, Any]) -> ColumnProfile:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return ColumnProfile(**cast("dict[str, Any]", values))
