"""The mergeable summary of a table: what is kept of the reference, and what live data is counted against.

A reference pass fixes the edges and the kept categories of each column; every later table is counted over those, in
integers, so that ``profile(a, like=r) + profile(b, like=r) == profile(a and b, like=r)`` to the last digit.

**Edges.** For numbers: the 200-quantiles of the finite reference values (linear interpolation), each bin closed on its
right, ``(e_i, e_i+1]``, the outer two open to infinity. Every twentieth is a decile. Where a quantile repeats, one value
holds more than a step of the data; it becomes a bin of its own (the float before it is an edge too), so that what
lies below it and what lies above it are counted apart. The least and the greatest value are edges, and so are the
outer fences, three interquartile ranges from the quartiles: what later lies beyond them is counted apart.
Infinities fall into the outer bins; missing values into none.

**Privacy.** Texts that are mostly unique keep only the lengths; columns whose name speaks of a person keep only counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship import table as tables
from nbship.errors import DataError

Kind = Literal["numeric", "category", "boolean", "datetime", "text", "withheld"]

pc: Any = _compute  # its functions are made at import, where no type checker sees them

VERSION = 1
FINE = 200
DECILE = FINE // 10
#: How many interquartile ranges lie between the outer fences (Tukey, Exploratory Data Analysis, 1977).
FENCED = 7
KEPT_CATEGORIES = 200
NAMED_NEWCOMERS = 20
#: A text column with more than this share of distinct values (and more than 50 of them) is text, not a category.
MOSTLY_UNIQUE = 0.5
_FEW = 50

_PERSONAL = re.compile(
    r"(^|[_\W])(e?mail|phone|mobile|ssn|iban|passport|password|passwd|secret|token|address|street|surname|"
    r"first_?name|last_?name|full_?name|birth_?date|dob|credit_?card|card_?number)s?($|[_\W])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column, counted.

    ``edges`` and ``deciles`` (which of the edges bound the deciles' bins) hold for ``numeric`` and ``datetime`` (in
    microseconds since 1970) and, of text, for the lengths; ``counts`` has one entry more than ``edges``.
    ``fences`` are the outer ones, where the middle half of the values spreads at all.
    For ``category`` and ``boolean``, ``counts`` follows ``categories`` and ends with the rest;
    ``newcomers`` are the alphabetically first of the values counted in the rest of a table that is no reference.
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


def profile(table: Any, *, like: Profile | None = None) -> Profile:
    """Count a table: as a reference of its own, or over the edges and categories of the profile ``like``.

    Columns that ``like`` does not know, or knows as another kind, are counted as references of their own. Raises
    DataError for what is no table.

    >>> import pandas as pd
    >>> reference = profile(pd.DataFrame({"x": [1.0, 2.0, 3.0, None]}))
    >>> reference.column("x").missing
    1
    """
    found = []
    for column in tables.columns(table):
        known = like.column(column.name) if like else None
        found.append(_count(column, known))
    return Profile(rows=tables.row_count(table), columns=tuple(found))


def numbers_of(table: Any) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Give the columns of numbers as floats, missing as NaN."""
    found = ((column.name, _plain(column.values)) for column in tables.columns(table))
    return {name: _numbers(values) for name, values in found if _is_number(values.type)}


def _count(column: tables.Column, known: ColumnProfile | None) -> ColumnProfile:
    values = _plain(column.values)
    kind = _kind(column.name, values.type, known)
    base = ColumnProfile(
        name=column.name, kind=kind, type=_type_name(values.type), rows=len(values), missing=0
    )
    if kind in {"numeric", "datetime"}:
        return _count_numbers(base, _numbers(values), known)
    if kind == "withheld":
        return replace(base, missing=_missing(values))
    if kind == "text" and _is_text(values.type):
        return _count_lengths(base, values, known)
    if kind == "text":
        return replace(base, missing=_missing(values))
    return _count_categories(base, values, known)


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        return values.cast(values.type.value_type)
    return values


def _kind(name: str, kind: pa.DataType, known: ColumnProfile | None) -> Kind:
    """Tell how a column is counted; what the reference counts as text or withholds, its successors do too."""
    own: Kind
    if _PERSONAL.search(name):
        own = "withheld"
    elif pa.types.is_boolean(kind):
        own = "boolean"
    elif _is_number(kind):
        own = "numeric"
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        own = "datetime"
    elif _is_text(kind):
        own = "category"
    else:
        own = "text"
    if known is None:
        return own
    same_family = (own == known.kind) or (own == "category" and known.kind == "text")
    all_missing = pa.types.is_null(kind)
    return known.kind if same_family or all_missing else own


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _type_name(kind: pa.DataType) -> str:
    return "string" if _is_text(kind) else str(kind)


def _missing(values: pa.ChunkedArray) -> int:
    return int(values.null_count)


def _numbers(values: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give a column as floats, missing as NaN; times in microseconds."""
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(pa.int64())
    elif not (pa.types.is_integer(values.type) or pa.types.is_float64(values.type)):
        values = values.cast(pa.float64())
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _count_numbers(
    base: ColumnProfile, numbers: np.ndarray[Any, Any], known: ColumnProfile | None
) -> ColumnProfile:
    present = np.sort(numbers[~np.isnan(numbers)])
    finite = present[np.isfinite(present)]
    shared = known is not None and known.kind == base.kind
    bins = (
        Bins(edges=known.edges, deciles=known.deciles, fences=known.fences)
        if known and shared
        else fixed(finite)
    )
    return replace(
        base,
        missing=len(numbers) - len(present),
        edges=bins.edges,
        deciles=bins.deciles,
        fences=bins.fences,
        counts=_counts(present, bins.edges),
        infinite=len(present) - len(finite),
        minimum=float(finite[0]) if len(finite) else None,
        maximum=float(finite[-1]) if len(finite) else None,
    )


def _counts(ordered: np.ndarray[Any, Any], edges: tuple[float, ...]) -> tuple[int, ...]:
    """Count ordered values into ``(-inf, e_0], (e_0, e_1], ..., (e_k, inf)``."""
    places = np.searchsorted(ordered, np.asarray(edges, dtype=np.float64), side="right")
    return tuple(int(count) for count in np.diff(places, prepend=0, append=len(ordered)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Where numbers are cut: the edges, which of them bound the deciles' bins, and the outer fences among them."""

    edges: tuple[float, ...] = ()
    deciles: tuple[int, ...] = ()
    fences: tuple[float, ...] = ()


def fixed(finite: np.ndarray[Any, Any]) -> Bins:
    """Give the bins that ordered, finite reference values fix."""
    if len(finite) == 0:
        return Bins()
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # between the largest floats there is no number half way
        quantiles = np.quantile(finite, np.linspace(0, 1, FINE + 1))
    fences = _fences(quantiles[FINE // 4], quantiles[3 * FINE // 4])
    coarse = set(_with_atoms(quantiles[::DECILE]))
    cuts = _cuts(float(finite[0]), float(finite[-1])) + (_cuts(*fences) if fences else [])
    edges = tuple(sorted({*_with_atoms(quantiles), *coarse, *cuts}))
    deciles = tuple(number for number, edge in enumerate(edges) if edge in coarse)
    return Bins(edges=edges, deciles=deciles, fences=fences)


def _fences(lower: float, upper: float) -> tuple[float, ...]:
    """Give the outer fences; none where the middle half of the values is one value."""
    with np.errstate(over="ignore", invalid="ignore"):
        reach = (FENCED - 1) / 2 * (upper - lower)
        fences = float(lower - reach), float(upper + reach)
    return fences if reach > 0 and np.isfinite(fences).all() else ()


def _cuts(low: float, high: float) -> list[float]:
    """Give the edges that tell what is below ``low`` and above ``high``: bins are closed on their right."""
    with np.errstate(over="ignore"):  # below the least float there is no edge
        below = float(np.nextafter(low, -np.inf))
    return [edge for edge in (below, high) if np.isfinite(edge)]


def _with_atoms(quantiles: np.ndarray[Any, Any]) -> list[float]:
    """Give the inner quantiles as edges; a value that comes twice gets a bin of its own."""
    distinct, times = np.unique(quantiles[np.isfinite(quantiles)], return_counts=True)
    atoms = distinct[times > 1]
    inner = distinct[(distinct > distinct[0]) & (distinct < distinct[-1])]
    with np.errstate(over="ignore"):  # below the least float there is no edge
        below = np.nextafter(atoms, -np.inf)
    edges = np.concatenate([inner, atoms, below[np.isfinite(below)]])
    return [float(edge) for edge in np.unique(edges)]


def _count_lengths(
    base: ColumnProfile, values: pa.ChunkedArray, known: ColumnProfile | None
) -> ColumnProfile:
    lengths = pc.utf8_length(values).cast(pa.float64(), safe=False)
    counted = _count_numbers(base, np.asarray(lengths.to_numpy(), dtype=np.float64), known)
    return replace(counted, minimum=None, maximum=None)


def _count_categories(
    base: ColumnProfile, values: pa.ChunkedArray, known: ColumnProfile | None
) -> ColumnProfile:
    counted = _value_counts(values)
    present = len(values) - _missing(values)
    if known is not None and known.kind == base.kind:
        return _count_known_categories(base, values, counted, known)
    if len(counted) > max(_FEW, MOSTLY_UNIQUE * present) and _is_text(values.type):
        return _count_lengths(replace(base, kind="text"), values, None)
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(sorted(ranked[:KEPT_CATEGORIES]))
    rest = sum(count for _, count in ranked[KEPT_CATEGORIES:])
    counts = (*kept.values(), rest)
    return replace(base, missing=_missing(values), categories=tuple(kept), counts=counts)


def _count_known_categories(
    base: ColumnProfile, values: pa.ChunkedArray, counted: Mapping[str, int], known: ColumnProfile
) -> ColumnProfile:
    kept = set(known.categories)
    new = sorted(value for value in counted if value not in kept)
    rest = sum(counted[value] for value in new)
    return replace(
        base,
        missing=_missing(values),
        categories=known.categories,
        counts=(*(counted.get(value, 0) for value in known.categories), rest),
        newcomers=tuple(new[:NAMED_NEWCOMERS]),
    )


def _value_counts(values: pa.ChunkedArray) -> dict[str, int]:
    if len(values) == 0:
        return {}
    pairs = pc.value_counts(values)
    names, counts = pairs.field("values").to_pylist(), pairs.field("counts").to_pylist()
    return {_category(name): count for name, count in zip(names, counts, strict=True) if name is not None}


def _category(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _either(choose: Any, one: float | None, other: float | None) -> float | None:
    given = [value for value in (one, other) if value is not None]
    return choose(given) if given else None


def _to_json(column: ColumnProfile) -> dict[str, Any]:
    from dataclasses import asdict

    return {name: value for name, value in asdict(column).items() if value not in ((), None)}


def _from_json(row: Mapping[str, Any]) -> ColumnProfile:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return ColumnProfile(**cast("dict[str, Any]", values))
