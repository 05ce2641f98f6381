"""What pandas read in a clean run: from which file, how, and what each column held; facts for the data contract."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbship_magics import readers
from nbship_magics.imports import ImportWatch
from nbship_magics.wrapping import Call, Wrapping

__all__ = ["Readings"]

#: Files and ways of reading them that are told; a loop over more is not a contract that anybody reads.
MOST = 20
#: A set of codes has no value much rarer than the others; what thins out towards its end is a count, and open.
EVEN = 0.1


class Readings:
    """Notes each file that pandas gives as a frame; what a library reads for itself is sorted out by its path later."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self._wrapping = Wrapping(namespace, self._noticed)
        self._watch = ImportWatch({"pandas": self._wrap})

    def install(self) -> None:
        """Wrap the readers of pandas, now or when it is imported."""
        self._watch.install()

    def told(self) -> list[dict[str, Any]]:
        """Give what was read, in order, as plain JSON."""
        return list(self._found.values())

    def _wrap(self, module: Any) -> None:
        self._wrapping.wrap(module, readers.functions(module, readers.READERS["pandas"]))

    def _noticed(self, call: Call) -> None:
        source = readers.source_of(call.module, call.function, call.args, call.kwargs)
        if not (isinstance(source, Path) and source.is_file()) or len(self._found) >= MOST:
            return
        options = _options(call)
        key = f"{source.absolute()} {call.function} {options!r}"
        if key not in self._found:
            self._found[key] = {
                "path": str(source.absolute()),
                "reader": f"{call.module}.{call.function}",
                "options": options,
                **_described(call.result),
            }


def _options(call: Call) -> dict[str, Any] | None:
    """Give the arguments besides the file as JSON; None where one of them cannot be written so."""
    import pandas as pd

    try:
        bound = inspect.signature(getattr(pd, call.function)).bind(*call.args, **call.kwargs).arguments
        return {name: _plain(value) for name, value in list(bound.items())[1:]}
    except (TypeError, ValueError):
        return None


def _plain(value: Any) -> Any:
    """Give an argument as JSON that means the same to the reader. Raises TypeError where there is none."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, type) and value.__module__ in ("builtins", "numpy"):
        return value.__name__
    if isinstance(value, (list, tuple, range, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        given: dict[Any, Any] = value
        if all(isinstance(name, str) for name in given):
            return {name: _plain(item) for name, item in given.items()}
    raise TypeError(value)


def _described(frame: Any) -> dict[str, Any]:
    """Describe a frame; ``columns`` is None for what is no frame with plain column names."""
    import pandas as pd

    nothing: dict[str, Any] = {"rows": 0, "duplicates": 0, "columns": None, "profile": None}
    if not isinstance(frame, pd.DataFrame):
        return nothing
    names: list[Any] = list(frame.columns)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        return nothing
    from nbship.gates.reference import reference_profile

    profile = reference_profile(frame)
    withheld = {column.name for column in profile.columns if column.kind in ("withheld", "text")}
    return {
        "rows": len(frame),
        "duplicates": _duplicates(frame),
        "columns": [_column(name, frame[name], withheld=name in withheld) for name in names],
        "profile": profile.to_json(),
    }


def _duplicates(frame: Any) -> int:
    try:
        return int(frame.duplicated().sum())
    except TypeError:  # a cell holds a list or a dict
        return 0


def _column(name: str, series: Any, *, withheld: bool) -> dict[str, Any]:
    present = series.dropna()
    try:
        distinct = int(present.nunique())
    except TypeError:  # as above
        distinct, withheld = -1, True
    found: dict[str, Any] = {
        "name": name,
        "dtype": str(series.dtype),
        "missing": int(len(series) - len(present)),
        "distinct": distinct,
        "values": None,
        "minimum": None,
        "maximum": None,
    }
    if withheld or not len(present):
        return found
    return {**found, **_range(present), "values": _closed(series, present, distinct)}


def _range(present: Any) -> Mapping[str, float]:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if not is_numeric_dtype(present) or is_bool_dtype(present):
        return {}
    low, high = float(present.min()), float(present.max())
    return {"minimum": low, "maximum": high} if math.isfinite(low) and math.isfinite(high) else {}


def _closed(series: Any, present: Any, distinct: int) -> list[Any] | None:
    """Give the values of a column that has few, each shared by several rows; sorted, so that they never change place."""
    from nbship.gates.reference import CLOSED, SHARED_BY

    if series.dtype.kind in "fmM" or distinct > CLOSED or distinct * SHARED_BY > len(present):
        return None
    counts = present.value_counts()
    values = [value.item() if hasattr(value, "item") else value for value in counts.index]
    kinds = {type(value) for value in values}
    if kinds == {int} and float(counts.min()) < EVEN * float(counts.mean()):
        return None
    return sorted(values) if kinds in ({str}, {int}) else None
