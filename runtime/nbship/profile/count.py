"""Counting a table: each column by its kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship import table as tables
from nbship.profile.bins import Bins, counted, fixed
from nbship.profile.records import NAMED_NEWCOMERS, ColumnProfile, Kind, Profile

pc: Any = _compute  # its functions are made at import, where no type checker sees them

KEPT_CATEGORIES = 200
#: A text column with more than this share of distinct values (and more than 50 of them) is text, not a category.
MOSTLY_UNIQUE = 0.5
_FEW = 50

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
    ordered = np.sort(numbers)  # missing values last, infinities at the ends of the others
    lowest, end = np.searchsorted(ordered, [-np.inf, np.inf], side="right")
    highest = np.searchsorted(ordered, np.inf, side="left")
    present, finite = ordered[:end], ordered[lowest:highest]
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
        counts=counted(present, bins.edges),
        infinite=len(present) - len(finite),
        minimum=float(finite[0]) if len(finite) else None,
        maximum=float(finite[-1]) if len(finite) else None,
    )


def _count_lengths(
    base: ColumnProfile, values: pa.ChunkedArray, known: ColumnProfile | None
) -> ColumnProfile:
    lengths = pc.utf8_length(values).cast(pa.float64(), safe=False)
    found = _count_numbers(base, np.asarray(lengths.to_numpy(), dtype=np.float64), known)
    return replace(found, minimum=None, maximum=None)


def _count_categories(
    base: ColumnProfile, values: pa.ChunkedArray, known: ColumnProfile | None
) -> ColumnProfile:
    found = _value_counts(values)
    present = len(values) - _missing(values)
    if known is not None and known.kind == base.kind:
        return _count_known_categories(base, values, found, known)
    if len(found) > max(_FEW, MOSTLY_UNIQUE * present) and _is_text(values.type):
        return _count_lengths(replace(base, kind="text"), values, None)
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
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
