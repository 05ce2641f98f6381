"""Counting a table: each column by its kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from heapq import nsmallest
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship import layout
from nbship import table as tables
from nbship.profile.bins import Bins, fixed
from nbship.profile.distinct import ERROR, sketch, uniqueness
from nbship.profile.occurrences import occurrences
from nbship.profile.records import NAMED_NEWCOMERS, ColumnProfile, Kind, Profile
from nbship.profile.tally import Tally, tally

_DOUBLE = pa.float64()

pc: Any = _compute  # its functions are made at import, where no type checker sees them

Numbers = np.ndarray[Any, np.dtype[np.float64]]

KEPT_CATEGORIES = 200
#: A text column with more than this share of distinct values (and more than 50 of them) is text, not a category.
MOSTLY_UNIQUE = 0.5
_FEW = 50
#: Integers of which at least this share is distinct, as the sketch sees it, are a key.
NEARLY_UNIQUE = 1 - 3 * ERROR

_PERSONAL = re.compile(
    r"(^|[_\W])(e?mail|phone|mobile|ssn|iban|passport|password|passwd|secret|token|address|street|surname|"
    r"first_?name|last_?name|full_?name|birth_?date|dob|credit_?card|card_?number)s?($|[_\W])",
    re.IGNORECASE,
)


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
    found = {}
    for column in tables.columns(table):
        numbers = _doubles(column)
        if numbers is None and _is_number(column.values.type):
            numbers = _numbers(_plain(column.values))
        if numbers is not None:
            found[column.name] = numbers
    return found


def _doubles(column: tables.Column) -> Numbers | None:
    """Give a column of NumPy's doubles as it is: most columns are, and the way over Arrow costs as much as a pass."""
    source = column.source
    if isinstance(source, layout.Source) and source.missing is None and source.values.dtype == np.float64:
        return np.ascontiguousarray(source.values)
    return None


def _count(column: tables.Column, known: ColumnProfile | None) -> ColumnProfile:
    numbers = _doubles(column)
    if numbers is not None and _kind(column.name, _DOUBLE, known) == "numeric":
        base = ColumnProfile(name=column.name, kind="numeric", type="double", rows=len(numbers), missing=0)
        return _count_numbers(base, numbers, known)
    return _count_arrow(column, known)


def _count_arrow(column: tables.Column, known: ColumnProfile | None) -> ColumnProfile:
    values, held = column.values, column.values.type
    if pa.types.is_dictionary(held):
        held = held.value_type
    kind = _kind(column.name, held, known)
    base = ColumnProfile(name=column.name, kind=kind, type=_type_name(held), rows=len(values), missing=0)
    if kind in {"category", "boolean"}:
        return _count_categories(base, values, known)
    values = _plain(values)
    if kind in {"numeric", "datetime"}:
        return _with_sketch(_count_numbers(base, _numbers(values), known), values, known)
    if kind == "text" and _is_text(held):
        return _count_lengths(base, values, known)
    return _with_sketch(replace(base, missing=_missing(values)), values, known)


def _with_sketch(found: ColumnProfile, values: pa.ChunkedArray, known: ColumnProfile | None) -> ColumnProfile:
    """Add how many values are distinct: where the reference tells it; in a reference, of texts and of keys."""
    if not (_is_text(values.type) or pa.types.is_integer(values.type) or pa.types.is_null(values.type)):
        return found
    if known is not None and known.kind == found.kind:
        return replace(found, sketch=sketch(values)) if known.sketch else found
    counted = replace(found, sketch=sketch(values))
    is_told = _is_text(values.type) or uniqueness(counted.sketch, counted.present) >= NEARLY_UNIQUE
    return counted if is_told and counted.present >= _FEW else found


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


def _count_numbers(base: ColumnProfile, numbers: Numbers, known: ColumnProfile | None) -> ColumnProfile:
    if known is None or known.kind != base.kind:
        bins = fixed(np.sort(numbers[np.isfinite(numbers)]))
    else:
        bins = Bins(edges=known.edges, deciles=known.deciles, fences=known.fences)
    found = tally(numbers, np.asarray(bins.edges, dtype=np.float64))
    finite, minimum, maximum = _extent(found, numbers)
    return replace(
        base,
        missing=len(numbers) - found.present,
        edges=bins.edges,
        deciles=bins.deciles,
        fences=bins.fences,
        counts=found.counts,
        infinite=found.present - finite,
        minimum=minimum,
        maximum=maximum,
    )


def _extent(found: Tally, numbers: Numbers) -> tuple[int, float | None, float | None]:
    """Give how many numbers are finite, the least and the greatest of these; of two zeros the positive one."""
    if isfinite(found.lowest) and isfinite(found.highest):
        return found.present, found.lowest + 0.0, found.highest + 0.0
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return 0, None, None
    return len(finite), float(finite.min()) + 0.0, float(finite.max()) + 0.0


def _count_lengths(
    base: ColumnProfile, values: pa.ChunkedArray, known: ColumnProfile | None
) -> ColumnProfile:
    lengths = pc.utf8_length(values).cast(pa.float64(), safe=False)
    found = _count_numbers(base, np.asarray(lengths.to_numpy(), dtype=np.float64), known)
    return _with_sketch(replace(found, minimum=None, maximum=None), values, known)


def _count_categories(
    base: ColumnProfile, values: pa.ChunkedArray, known: ColumnProfile | None
) -> ColumnProfile:
    found = occurrences(values)
    present = sum(found.values())
    base = replace(base, missing=len(values) - present)
    if known is not None and known.kind == base.kind:
        return _count_known_categories(base, found, known)
    if len(found) > max(_FEW, MOSTLY_UNIQUE * present) and base.kind == "category":
        return _count_lengths(replace(base, kind="text"), _plain(values), None)
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(sorted(ranked[:KEPT_CATEGORIES]))
    rest = sum(count for _, count in ranked[KEPT_CATEGORIES:])
    return replace(base, categories=tuple(kept), counts=(*kept.values(), rest))


def _count_known_categories(
    base: ColumnProfile, found: Mapping[str, int], known: ColumnProfile
) -> ColumnProfile:
    kept = set(known.categories)
    new = [value for value in found if value not in kept]
    rest = sum(found[value] for value in new)
    return replace(
        base,
        categories=known.categories,
        counts=(*(found.get(value, 0) for value in known.categories), rest),
        newcomers=tuple(nsmallest(NAMED_NEWCOMERS, new)),
    )
