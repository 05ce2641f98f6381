"""Why a column is not what it was, in plain words. Pure: a reference profile and a frame in, sentences out.

What is looked for, the most certain first: a column that went away or was renamed; two that were exchanged; text where
numbers were; values that are missing; another unit (all quantiles of the reference by one factor, or one factor and an
offset); categories that are new.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nbship.drift import RANK, compare
from nbship.gates.reference import current_profile
from nbship.profile import ColumnProfile, Profile, profile

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["explain"]

#: Factors between units that people mix up.
_UNITS: Mapping[float, str] = {
    1000.0: "such as metres for kilometres",
    100.0: "such as percent for shares, or centimetres for metres",
    60.0: "such as minutes for hours",
    3600.0: "such as seconds for hours",
    24.0: "such as hours for days",
    2.54: "such as centimetres for inches",
    0.3048: "such as metres for feet",
    1.609344: "such as kilometres for miles",
    0.45359237: "such as kilograms for pounds",
    3.6: "such as km/h for m/s",
}
_NEAR = 0.03
#: How far the quantiles may be from one factor, as a share of the factor.
_CONSTANT = 0.05
#: A factor that belongs to no known unit must be exact: a part of the data, or a trend, can look like one.
_EXACT = 0.01
#: A factor nearer to one than this is drift, not a unit.
_LEAST_FACTOR = 1.15
_FEWEST_QUANTILES = 3
#: Whole numbers below this say too little of a factor once they are rounded.
_WIDE = 10
_MISSING = 0.05
_MOST_EXCHANGES = 40


def explain(reference: Profile, frame: pd.DataFrame, suspects: Iterable[str]) -> dict[str, str]:
    """Give a cause for each of the suspected columns that one is known for; names of missing columns are suspects too."""
    now = current_profile(frame, reference)
    own = {column.name: column for column in profile(frame).columns}
    suspected = list(dict.fromkeys(suspects))
    found = dict(_renamed(reference, frame, now))
    found |= {name: text for name, text in _exchanged(reference, frame, suspected) if name not in found}
    for name in suspected:
        before, after = reference.column(name), now.column(name)
        if name in found or before is None or after is None:
            continue
        if text := _column(before, after, own[name], frame):
            found[name] = text
    return found


def _column(before: ColumnProfile, after: ColumnProfile, own: ColumnProfile, frame: pd.DataFrame) -> str:
    texts = [_kind(before, after, frame), _gone_missing(before, after)]
    if not texts[0]:
        texts += [_unit(before, own), _new_categories(before, after)]
    return "; ".join(text for text in texts if text)


def _renamed(reference: Profile, frame: pd.DataFrame, now: Profile) -> Iterator[tuple[str, str]]:
    """Yield for each column that is gone, and each that is new, what it is."""
    gone = [column for column in reference.columns if now.column(column.name) is None]
    known = {column.name for column in reference.columns}
    extra = [column.name for column in now.columns if column.name not in known]
    for column in gone:
        heirs = [name for name in extra if _fits(column, frame, name)]
        same = [name for name in extra if _bare(name) == _bare(column.name)]
        heir = next(iter(same or (heirs if len(heirs) == 1 else [])), None)
        if heir is None:
            yield column.name, f"the column `{column.name}` is missing"
            continue
        extra.remove(heir)
        yield column.name, f"the column `{column.name}` is now called `{heir}`: it was renamed"
        yield heir, f"the column `{column.name}` is now called `{heir}`: it was renamed"
    for name in extra:
        yield name, f"the column `{name}` is new: the notebook's data has no such column"


def _bare(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _fits(column: ColumnProfile, frame: pd.DataFrame, name: str) -> bool:
    """Whether a column of the frame looks like the reference of another name."""
    if column.kind in ("withheld", "text", "datetime"):
        return False
    alone = Profile(rows=column.rows, columns=(column,))
    current = profile(frame[[name]].rename(columns={name: column.name}), like=alone)
    if current.columns[0].kind != column.kind or not current.columns[0].present:
        return False
    return RANK[compare(alone, current).severity] <= RANK["info"]


def _exchanged(reference: Profile, frame: pd.DataFrame, suspected: list[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of suspects each of which looks like the other's reference."""
    there = {str(name) for name in frame.columns}
    names = [
        name
        for name in suspected
        if name in there and reference.column(name) is not None and not _fits_itself(reference, frame, name)
    ][:_MOST_EXCHANGES]
    free = set(names)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            if one in free and other in free and _exchange(reference, frame, one, other):
                free -= {one, other}
                text = f"the columns `{one}` and `{other}` look exchanged: each holds what the other held"
                yield from ((one, text), (other, text))


def _fits_itself(reference: Profile, frame: pd.DataFrame, name: str) -> bool:
    column = reference.column(name)
    return column is not None and _fits(column, frame, name)


def _exchange(reference: Profile, frame: pd.DataFrame, one: str, other: str) -> bool:
    first, second = reference.column(one), reference.column(other)
    assert first is not None
    assert second is not None
    return _fits(first, frame, other) and _fits(second, frame, one)


def _kind(before: ColumnProfile, after: ColumnProfile, frame: pd.DataFrame) -> str:
    if before.kind == after.kind or not after.present:
        return ""
    if before.kind == "numeric" and after.kind in ("category", "text"):
        return _no_numbers(before.name, frame)
    if before.kind == "datetime" and after.kind in ("category", "text"):
        return "the times are text now: their format has changed"
    words = {"numeric": "numbers", "category": "text", "datetime": "times", "boolean": "true and false"}
    return (
        f"there were {words.get(before.kind, before.kind)}, now there are {words.get(after.kind, after.kind)}"
    )


def _no_numbers(name: str, frame: pd.DataFrame) -> str:
    """Tell what keeps a column of text from being numbers; no value is shown, it may be anybody's."""
    import pandas as pd

    values = frame[name].dropna().astype(str).str.strip()
    bad = values[pd.to_numeric(values, errors="coerce").isna()]
    if not len(bad):
        return "the numbers are quoted as text"
    if pd.to_numeric(bad.str.replace(",", "."), errors="coerce").notna().all():
        return "the numbers have a comma for the decimal point"
    if pd.to_numeric(bad.str.replace(r"[,'\s\u00a0]", "", regex=True), errors="coerce").notna().all():
        return "the numbers have thousands separators"
    return f"numbers have become text: {len(bad):,} of {len(values):,} values are no numbers"


def _gone_missing(before: ColumnProfile, after: ColumnProfile) -> str:
    if not before.rows or not after.rows:
        return ""
    was, now = before.missing / before.rows, after.missing / after.rows
    if now - was < min(_MISSING, 1 - was) / 5:
        return ""
    return f"{now:.0%} of the values are missing, {was:.0%} were"


def _unit(before: ColumnProfile, own: ColumnProfile) -> str:
    """Compare the quantiles of a column with those of the reference."""
    if before.kind != "numeric" or own.kind != "numeric":
        return ""
    was, now = _quantiles(before), _quantiles(own)
    if was is None or now is None:
        return ""
    factor = float(now.sum() / was.sum()) if was.sum() else 0.0
    if (
        factor
        and len(np.unique(was)) >= _FEWEST_QUANTILES
        and max(abs(factor), 1 / abs(factor)) > _LEAST_FACTOR
    ):
        rounding = 1.0 if "int" in own.type and _named(factor) and np.abs(now).max() >= _WIDE else 0.0
        sure = _CONSTANT if _named(factor) else _EXACT
        room = np.maximum(sure * np.abs(factor * was), rounding)
        if np.all(np.abs(now - factor * was) <= room):
            if factor < 0:
                return "the values have changed their sign"
            known = _named(factor)
            unit = f"another unit{known}" if known else "another unit, or another range"
            return f"all values are about {_number(factor)} times what they were: {unit}"
    return _offset(was, now)


def _offset(was: Any, now: Any) -> str:
    """Tell a unit with another zero, as Celsius and Fahrenheit have."""
    if len(np.unique(was)) < _FEWEST_QUANTILES + 1:
        return ""
    slope, zero = (float(value) for value in np.polyfit(was, now, 1))
    spread = float(np.ptp(now)) or 1.0
    fits = bool(np.all(np.abs(slope * was + zero - now) <= _NEAR * spread))
    moved = abs(zero) > _NEAR * spread or abs(slope - 1) > _CONSTANT
    if not fits or not moved or slope <= 0:
        return ""
    for factor, offset, name in (
        (1.8, 32.0, "Fahrenheit for Celsius"),
        (1 / 1.8, -32 / 1.8, "Celsius for Fahrenheit"),
        (1.0, 273.15, "Kelvin for Celsius"),
        (1.0, -273.15, "Celsius for Kelvin"),
    ):
        if abs(slope - factor) <= _CONSTANT * factor and abs(zero - offset) <= 0.1 * abs(offset):
            return f"all values look converted: another unit, {name}"
    return f"all values are shifted by about {_number(zero)}" if abs(slope - 1) <= _CONSTANT else ""


def _quantiles(column: ColumnProfile) -> Any:
    """Give the deciles of a profile in which all are told apart as numbers; None where it holds none."""
    if not column.edges or not column.present:
        return None
    edges = np.asarray(column.edges)[list(column.deciles)] if column.deciles else np.asarray(column.edges)
    starts = [0, *(number + 1 for number in column.deciles)]
    counts = np.asarray(column.counts, dtype=float)
    counts = np.add.reduceat(counts, starts) if len(starts) <= len(counts) else counts
    shares = np.cumsum(counts)[:-1] / max(counts.sum(), 1.0)
    wanted = np.linspace(0.1, 0.9, 9)
    return edges[np.minimum(np.searchsorted(shares, wanted - 0.02), len(edges) - 1)]


def _named(factor: float) -> str:
    for known, words in _UNITS.items():
        if abs(factor / known - 1) <= _NEAR:
            return f", {words}"
        if abs(factor * known - 1) <= _NEAR:
            first, _, second = words.removeprefix("such as ").partition(" for ")
            return f", such as {second.partition(',')[0]} for {first}"
    return ""


def _number(value: float) -> str:
    """Give a number as one says it.

    >>> _number(1000.0003), _number(0.0254), _number(3.6)
    ('1,000', '0.025', '3.6')
    """
    if not math.isfinite(value) or value == 0:
        return str(value)
    digits = max(0, 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _new_categories(before: ColumnProfile, after: ColumnProfile) -> str:
    if before.kind != "category" or before.counts[-1:] != (0,) or not after.newcomers:
        return ""
    known = {_bare(name): name for name in before.categories}
    respelt = [name for name in after.newcomers if _bare(name) in known]
    share = after.counts[-1] / max(after.present, 1)
    names = ", ".join(f"`{name}`" for name in after.newcomers[:3])
    more = f" and {len(after.newcomers) - 3} more" if len(after.newcomers) > 3 else ""  # noqa: PLR2004  # named above
    if respelt and len(respelt) == len(after.newcomers):
        return f"categories are spelt differently: {names}{more} ({share:.0%} of the values)"
    plural = "y" if len(after.newcomers) == 1 else "ies"
    return f"new categor{plural} {names}{more} in {share:.1%} of the values"
