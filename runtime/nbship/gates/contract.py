"""A frame against its pandera model: what does not hold, column by column, in plain words."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship.errors import DataError
from nbship.profile import Profile

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Issue", "contracts_of", "held_against"]

_SHOWN = 3
_LONGEST = 60
_ARGUMENT = re.compile(r"^(\w+)\((.*)\)$", re.DOTALL)
_WORDS: Mapping[str, str] = {
    "greater_than_or_equal_to": "at least {}",
    "greater_than": "above {}",
    "less_than_or_equal_to": "at most {}",
    "less_than": "below {}",
    "isin": "one of {}",
    "dtype": "the type {}",
    "str_matches": "text like {}",
    "not_nullable": "no missing values",
    "field_uniqueness": "all values different",
    "column_in_dataframe": "the column",
    "column_in_schema": "no such column",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing that is not as it should be; ``column`` is empty where it is about the whole file."""

    kind: str
    column: str
    expected: str
    found: str
    open: bool = False  # to be looked at, and no failure


def contracts_of(source: Path, package: str) -> Any:
    """Give the module with the contracts, fresh from its file. Raises DataError where it cannot be imported."""
    path = source / package / "contracts.py"
    name = f"{package}.contracts"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise DataError("there is no such file", where=f"src/{package}/contracts.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pandera looks annotations up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # hand-edited: anything may go wrong in it
        del sys.modules[name]
        raise DataError(
            f"it cannot be imported: {type(error).__name__}: {error}", where=f"src/{package}/contracts.py"
        ) from error
    return module


def held_against(model: Any, frame: pd.DataFrame, reference: Profile | None) -> list[Issue]:
    """Give what of the model does not hold for the frame; none where it keeps its contract."""
    from pandera.errors import SchemaErrors

    try:
        model.validate(frame, lazy=True)
    except SchemaErrors as error:
        return list(_issues(error.failure_cases, frame, reference))
    return []


def _issues(cases: pd.DataFrame, frame: pd.DataFrame, reference: Profile | None) -> Iterator[Issue]:
    schema = cases["check"].isin(["column_in_dataframe", "column_in_schema"])
    for _, case in cases[schema].iterrows():
        gone = case["check"] == "column_in_dataframe"
        yield Issue(
            kind="contract",
            column=str(case["failure_case"]),
            expected=_WORDS[str(case["check"])],
            found="missing" if gone else "there",
        )
    rest = cases[~schema]
    typed = {str(row["column"]) for _, row in rest.iterrows() if str(row["check"]).startswith("dtype(")}
    for (column, check), group in rest.groupby(["column", "check"], sort=False, dropna=False):
        is_type = str(check).startswith("dtype(")
        if str(column) in typed and not is_type and str(check) != "not_nullable":
            continue  # of values that have another type there is no more to say
        yield Issue(
            kind="contract",
            column=str(column),
            expected=_expected(str(check)),
            found=_type(frame, str(column)) if is_type else _values(str(column), group, reference, frame),
        )


def _expected(check: str) -> str:
    match = _ARGUMENT.match(check)
    name, argument = (match[1], match[2]) if match else (check, "")
    text = _WORDS.get(name, check).format(
        argument.strip("[]").replace("'", "") if name != "str_matches" else argument
    )
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _type(frame: pd.DataFrame, column: str) -> str:
    return str(frame[column].dtype) if column in frame.columns else "another"


def _values(column: str, group: pd.DataFrame, reference: Profile | None, frame: pd.DataFrame) -> str:
    """Say how many values are against it, and which where that may be told."""
    count = len(group)
    share = f"{count:,} of {len(frame):,} values"
    known = reference.column(column) if reference is not None else None
    if known is None or known.kind in ("withheld", "text"):
        return share
    values = group["failure_case"].dropna()
    if known.kind == "numeric":
        return f"{share}{_span(values)}"
    return f"{share}{_named(list(dict.fromkeys(map(str, values))))}"


def _span(values: pd.Series[Any]) -> str:
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").dropna()
    if not len(numbers):
        return ""
    low, high = float(numbers.min()), float(numbers.max())
    return f", {low:g}" if low == high else f", {low:g} to {high:g}"


def _named(values: Sequence[str]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return f": {', '.join(values[:_SHOWN])}{more}" if values else ""
