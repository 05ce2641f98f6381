"""What differs between two recorded runs: parameters, data, cells, metrics, environment. Pure."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nbship.model import Dataset, Executed
from nbship.past import PastRun

DataChange = Literal["content", "reader", "unknown", "only_first", "only_second"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A name with two values; None where one run does not have it."""

    name: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDifference:
    """A file that two runs read: other content, the same bytes read to another table, or nobody knows."""

    name: str
    change: DataChange
    first: str | None
    second: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDifference:
    """A cell that was edited, or ran in one run only; ``diff`` is a unified diff, empty where no source was kept."""

    cell: str
    change: Literal["edited", "only_first", "only_second"]
    diff: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything in which two runs differ; what is equal is not listed."""

    params: tuple[Difference, ...]
    data: tuple[DataDifference, ...]
    cells: tuple[CellDifference, ...]
    metrics: tuple[Difference, ...]
    environment: tuple[Difference, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the runs differ in nothing that was recorded."""
        return not (self.params or self.data or self.cells or self.metrics or self.environment)


def compare(first: PastRun, second: PastRun) -> Comparison:
    """Give what differs between two whole runs."""
    return Comparison(
        params=differences(first.params, second.params),
        data=data_differences(first.datasets, second.datasets),
        cells=_cells(first, second),
        metrics=differences(first.metrics, second.metrics),
        environment=differences(_environment(first), _environment(second)),
    )


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Give the names whose values differ, by name; NaN is equal to NaN."""
    found = (
        Difference(name=name, first=first.get(name), second=second.get(name))
        for name in sorted(first.keys() | second.keys())
    )
    return tuple(item for item in found if not _same(item.first, item.second))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other):
        return True
    return bool(one == other)


def data_differences(first: Iterable[Dataset], second: Iterable[Dataset]) -> tuple[DataDifference, ...]:
    """Give the tables that are not known to be the same, by name; the last reading of a name counts."""
    one, other = ({item.name: item for item in items} for items in (first, second))
    found = (_datum(name, one.get(name), other.get(name)) for name in sorted(one.keys() | other.keys()))
    return tuple(item for item in found if item is not None)


def _datum(name: str, one: Dataset | None, other: Dataset | None) -> DataDifference | None:
    if one is None or other is None:
        change: DataChange = "only_second" if one is None else "only_first"
    elif None not in (one.digest, other.digest):
        if one.digest == other.digest:
            return None
        change = "reader" if one.file is not None and one.file == other.file else "content"
    elif None in (one.file, other.file):
        change = "unknown"
    elif one.file == other.file:
        return None
    else:
        change = "content"
    return DataDifference(
        name=name, change=change, first=one.digest if one else None, second=other.digest if other else None
    )


def _environment(run: PastRun) -> dict[str, str]:
    rest = {"python": run.python, "git commit": run.commit}
    return run.pins | {name: value for name, value in rest.items() if value}


def _cells(first: PastRun, second: PastRun) -> tuple[CellDifference, ...]:
    one, other = _last_sources(first), _last_sources(second)
    same = {item.source_hash for item in one.values()} & {item.source_hash for item in other.values()}
    found: list[CellDifference] = []
    for cell in dict.fromkeys([*one, *other]):
        before, after = one.get(cell), other.get(cell)
        if before is not None and after is not None:
            if before.source_hash != after.source_hash:
                found.append(CellDifference(cell=cell, change="edited", diff=_diff(before, after)))
        elif (only := before or after) is not None and only.source_hash not in same:
            change: Literal["only_first", "only_second"] = "only_first" if after is None else "only_second"
            found.append(CellDifference(cell=cell, change=change, diff=_diff(before, after)))
    return tuple(found)


def _last_sources(run: PastRun) -> dict[str, Executed]:
    """Give the last execution of each cell of a run; one without an id goes by its source."""
    return {item.cell or item.source_hash or "?": item for item in run.history if item.run == run.number}


def _diff(before: Executed | None, after: Executed | None) -> tuple[str, ...]:
    texts = [item.source if item is not None else "" for item in (before, after)]
    if any(text is None for text in texts):
        return ()
    one, other = ((text or "").splitlines() for text in texts)
    return tuple(difflib.unified_diff(one, other, lineterm="", n=1))[2:]
