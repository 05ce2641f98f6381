"""What ``%ship`` shows: the run so far, as a small table."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nbship.facts import (
    CellRan,
    DatasetHashed,
    DatasetKept,
    DatasetRead,
    EstimatorFitted,
    Fact,
    MetricComputed,
    ModelRegistered,
    ParameterSet,
)

_DIGEST = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Rows of (what, name, value), shown as text or HTML."""

    title: str
    rows: tuple[tuple[str, str, str], ...]

    def __repr__(self) -> str:
        if not self.rows:
            return self.title
        widths = [max(len(row[place]) for row in self.rows) for place in (0, 1)]
        lines = (f"  {what:<{widths[0]}}  {name:<{widths[1]}}  {value}" for what, name, value in self.rows)
        return "\n".join([self.title, *lines])

    def _repr_html_(self) -> str:
        cell = '<td style="text-align:left;vertical-align:top;padding:2px 12px 2px 0">{}</td>'
        body = "".join(
            "<tr>" + "".join(cell.format(html.escape(text)) for text in row) + "</tr>" for row in self.rows
        )
        head = f'<div style="font-weight:600;margin-bottom:4px">{html.escape(self.title)}</div>'
        return f'{head}<table style="border-collapse:collapse">{body}</table>'


def overview(facts: Iterable[Fact], *, run: int, recording: bool) -> Overview:
    """Give the current run's datasets, parameters, fits, metrics and models, the last word on each."""
    facts = tuple(facts)
    kept = {fact.of: fact for fact in facts if isinstance(fact, DatasetKept)}  # maybe in a later run
    mine = [fact for fact in facts if fact.run == run]
    cells = sum(isinstance(fact, CellRan) for fact in mine)
    state = "recording" if recording else "not recording"
    rows = {(what, name): value for what, name, value in _rows(mine, kept)}
    return Overview(
        title=f"nbship: {state}, run {run + 1}, {cells} cell{'s' * (cells != 1)}",
        rows=tuple((what, name, value) for (what, name), value in rows.items()),
    )


def _rows(facts: Sequence[Fact], kept: Mapping[int, DatasetKept]) -> Iterable[tuple[str, str, str]]:
    hashes = {fact.of: fact for fact in facts if isinstance(fact, DatasetHashed)}
    for fact in facts:
        match fact:
            case DatasetRead():
                hashed = hashes.get(fact.ordinal)
                digest = (hashed.table or hashed.file or hashed.problem or "") if hashed else "hashing …"
                rows = f"{fact.rows:,} rows  " if fact.rows is not None else ""
                yield "dataset", fact.name, f"{rows}{digest[:_DIGEST]}{_kept(kept.get(fact.ordinal))}"
            case ParameterSet():
                yield "parameter", fact.name, str(fact.value)
            case EstimatorFitted():
                on = f" on {fact.trained_on}" if fact.trained_on else ""
                rows = f" ({fact.rows:,} rows)" if fact.rows is not None else ""
                yield "fitted", fact.name, f"{fact.type.rpartition('.')[2]}{on}{rows}"
            case MetricComputed():
                yield "metric", fact.name, f"{fact.value:.6g}"
            case CellRan(unexplained=unexplained) if unexplained:
                yield (
                    "unexplained",
                    f"cell {fact.execution_count}",
                    f"{unexplained / 1e6:.1f} MB read, by nobody we know",
                )
            case ModelRegistered():
                yield "model", fact.model, f"{fact.type.rpartition('.')[2]}, pending"
            case _:
                pass


def _kept(fact: DatasetKept | None) -> str:
    if fact is None:
        return ""
    return f"  not kept: {fact.problem}" if fact.problem else f"  kept in {fact.store}"
