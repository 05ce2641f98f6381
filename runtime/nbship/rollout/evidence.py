"""(rows of both versions) -> what the criteria judge. Pure.

In a shadow both sides are the requests that both were asked: the same inputs, at the same moments. In a canary each
side is what it answered itself. What was rejected as no input of the model is left out there: a client that sends
garbage has one key, and one side would have to bear all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship.drift import RANK
from nbship.errors import DataError, StoreError
from nbship.model import Severity
from nbship.monitoring import judging, performance, records
from nbship.monitoring.labels import Labels
from nbship.monitoring.performance import Task
from nbship.profile import Profile
from nbship.rollout.criteria import DriftSeen, Floats, Losses, Side, Window

pc: Any = _compute
Places = np.ndarray[Any, np.dtype[np.int64]]
Truths = np.ndarray[Any, np.dtype[np.bool_]]

#: Drift is judged when there are so many rows, and again each time they have doubled, up to the most: a report for
#: each minute would see drift by chance sooner or later.
FIRST_REPORT = 500
LAST_REPORT = 32_000
_LEAVES_OUT = "[tool.nbship.rollout] require without 'drift' leaves it out"


def window(
    champion: pa.Table,
    challenger: pa.Table,
    *,
    is_shadow: bool,
    tolerance: float,
    task: Task | None = None,
    labels: Labels | None = None,
) -> Window:
    """Give both sides of some time. ``tolerance`` as `Criteria` has it; ``labels`` are what is known of the truth."""
    if not is_shadow:
        sides = champion, challenger = _accepted(champion), _accepted(challenger)
        return Window(
            champion=_side(champion, _failed(champion)),
            challenger=_side(challenger, _failed(challenger)),
            losses=_losses(*sides, labels, task, paired=False),
        )
    champion, challenger = paired(champion, challenger)
    failed = _failed(champion), _failed(challenger)
    both = pa.array(~(failed[0] | failed[1]))
    theirs, mine = champion.filter(both), challenger.filter(both)
    return Window(
        champion=_side(champion, failed[0]),
        challenger=_side(challenger, failed[1]),
        compared=mine.num_rows,
        differing=int(differing(theirs, mine, tolerance=tolerance, task=task).sum()),
        losses=_losses(theirs, mine, labels, task, paired=True),
    )


def since(rows: pa.Table, start: datetime) -> pa.Table:
    """Give the rows from a moment on."""
    times = rows.column("time")
    return rows.filter(pc.greater_equal(times, pa.scalar(start, times.type)))


def paired(champion: pa.Table, challenger: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Give the rows of the requests that both were asked and the champion did not reject, in the same order."""
    accepted = _accepted(champion)
    mine = {request: place for place, request in enumerate(challenger.column("request").to_pylist())}
    mine.pop(None, None)
    asked = accepted.column("request").to_pylist()
    theirs = {request: place for place, request in enumerate(asked) if request in mine}
    there = pa.array(list(theirs.values()), pa.int64())
    here = pa.array([mine[request] for request in theirs], pa.int64())
    return accepted.take(there), challenger.take(here)


def differing(champion: pa.Table, challenger: pa.Table, *, tolerance: float, task: Task | None) -> Truths:
    """Tell for each request whether the two answered differently; probabilities are no answers of their own.

    Numbers with fractions differ where they are further apart than ``tolerance`` standard deviations of the
    champion's; everything else where it is not equal.
    """
    names = {name for table in (champion, challenger) for name in _answers(table)}
    found = np.zeros(champion.num_rows, dtype=bool)
    for name in sorted(names):
        if name not in champion.column_names or name not in challenger.column_names:
            return np.ones(champion.num_rows, dtype=bool)
        found |= _differing(champion.column(name), challenger.column(name), tolerance, task)
    return found


def _differing(theirs: Any, mine: Any, tolerance: float, task: Task | None) -> Truths:
    if not (_is_number(theirs.type) and _is_number(mine.type)):
        pairs = zip(theirs.to_pylist(), mine.to_pylist(), strict=True)
        return np.array([performance.word(a) != performance.word(b) for a, b in pairs], dtype=bool)
    a, b = _floats(theirs), _floats(mine)
    finite = a[np.isfinite(a)], b[np.isfinite(b)]
    is_measure = any(bool(np.any(values % 1)) for values in finite) if task is None else task == "regression"
    apart = tolerance * float(finite[0].std()) if is_measure and len(finite[0]) else 0.0
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        close = np.abs(a - b) <= apart
    same: Truths = close | (a == b) | (np.isnan(a) & np.isnan(b))
    return ~same


def observed_s(seconds: Places, *, gap_s: float) -> float:
    """Give the time over which rows came, of the whole seconds in which one did; a longer gap counts ``gap_s``.

    >>> observed_s(np.array([0, 10, 20, 100_000]), gap_s=60)
    80.0
    """
    if len(seconds) == 0:
        return 0.0
    return float(np.minimum(np.diff(np.unique(seconds)), gap_s).sum())


def drift(
    champion: pa.Table,
    challenger: pa.Table,
    *,
    versions: tuple[int, int],
    is_shadow: bool,
    references: Callable[[int], Profile],
) -> DriftSeen | str:
    """Compare each side's inputs with what its version (champion, challenger) learnt from; or say why not.

    A shadow's log may leave its inputs out: they are the champion's.
    """
    theirs, mine = _accepted(champion), _accepted(challenger)
    if is_shadow and not _inputs(mine):
        mine = theirs
    rows = report_rows(mine.num_rows)
    if rows == 0:
        return f"{mine.num_rows:,} rows are too few to tell drift by (at least {FIRST_REPORT:,})"
    try:
        severity, reason = _drift(mine, rows, references(versions[1]))
    except (DataError, StoreError) as error:
        return f"the drift of version {versions[1]} is not known: {error.what} ({_LEAVES_OUT})"
    before: Severity | None = None
    if RANK[severity] > RANK["too_few"]:
        try:
            before = _drift(theirs, report_rows(theirs.num_rows), references(versions[0]))[0]
        except (DataError, StoreError):
            before = None
    return DriftSeen(challenger=severity, champion=before, reason=reason)


def report_rows(rows: int) -> int:
    """Give how many of the first rows the latest report is of.

    >>> [report_rows(rows) for rows in (499, 500, 1999, 2000, 10**6)]
    [0, 500, 1000, 2000, 32000]
    """
    if rows < FIRST_REPORT:
        return 0
    return int(min(FIRST_REPORT * 2 ** ((rows // FIRST_REPORT).bit_length() - 1), LAST_REPORT))


def _drift(rows: pa.Table, count: int, reference: Profile) -> tuple[Severity, str]:
    first = rows.sort_by("time").slice(0, count)
    report = judging.judge(first, window="", reference=reference, baseline=None).inputs
    if not report.features:
        return report.severity, f"the log holds no inputs to tell drift by ({_LEAVES_OUT})"
    worst = report.features[0]
    return report.severity, f"drift is {report.severity} over {count:,} rows: {worst.feature}, {worst.reason}"


def _inputs(table: pa.Table) -> list[str]:
    names = [name for name in table.column_names if name.startswith(records.INPUT)]
    return [name for name in names if table.column(name).null_count < table.num_rows]


def _accepted(table: pa.Table) -> pa.Table:
    return table.filter(pc.not_equal(table.column("outcome"), "rejected"))


def _failed(table: pa.Table) -> Truths:
    return np.asarray(pc.not_equal(table.column("outcome"), "ok").to_numpy(), dtype=bool)


def _side(table: pa.Table, failed: Truths) -> Side:
    latency = _floats(table.column("latency_s"))
    return Side(rows=table.num_rows, failed=int(failed.sum()), latency=np.sort(latency[np.isfinite(latency)]))


def _answers(table: pa.Table) -> list[str]:
    return [
        name
        for name in table.column_names
        if name.startswith(records.OUTPUT) and not name.startswith(records.PROBABILITY)
    ]


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return any(test(kind) for test in (types.is_integer, types.is_floating, types.is_boolean, types.is_null))


def _floats(column: Any) -> Floats:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), dtype=np.float64)


def _losses(
    champion: pa.Table, challenger: pa.Table, labels: Labels | None, task: Task | None, *, paired: bool
) -> Losses | None:
    """Hold the answers against the truth, as far as it is known."""
    tables = champion, challenger
    if labels is None or any(records.PREDICTION not in table.column_names for table in tables):
        return None
    known = [_known(table, labels) for table in tables]
    truth = [_truth(table, places, labels) for table, places in zip(tables, known, strict=True)]
    answers = [
        table.column(records.PREDICTION).take(pa.array(places)).to_pylist()
        for table, places in zip(tables, known, strict=True)
    ]
    if not all(truth):
        return None
    kind = task or _task(truth, answers, tables)
    found = [_loss(kind, said, true) for said, true in zip(answers, truth, strict=True)]
    if paired:
        both = np.isfinite(found[0]) & np.isfinite(found[1])
        found = [losses[both] for losses in found]
    return Losses(
        name="wrong answers" if kind == "classification" else "mean absolute error",
        is_share=kind == "classification",
        champion=found[0][np.isfinite(found[0])],
        challenger=found[1][np.isfinite(found[1])],
        paired=paired,
    )


def _known(table: pa.Table, labels: Labels) -> Places:
    """Give the places of the answered rows whose truth is known, each request once."""
    found: dict[str, int] = {}
    pairs = zip(table.column("request").to_pylist(), table.column("outcome").to_pylist(), strict=True)
    for place, (request, outcome) in enumerate(pairs):
        if outcome == "ok" and request in labels.values and request not in labels.conflicting:
            found.setdefault(request, place)
    return np.array(list(found.values()), dtype=np.int64)


def _truth(table: pa.Table, places: Places, labels: Labels) -> list[Any]:
    return [labels.values[name] for name in table.column("request").take(pa.array(places)).to_pylist()]


def _task(truth: list[list[Any]], answers: list[list[Any]], tables: Iterable[pa.Table]) -> Task:
    with_probabilities = any(
        name.startswith(records.PROBABILITY) for table in tables for name in table.column_names
    )
    said = [answer for found in answers for answer in found if answer is not None]
    return performance.task_of([*truth[0], *truth[1]], said, with_probabilities=with_probabilities)


def _loss(task: Task, answers: list[Any], truth: list[Any]) -> Floats:
    if task == "regression":
        return np.abs(_numbers(answers) - _numbers(truth))
    pairs = zip(answers, truth, strict=True)
    return np.array([performance.word(a) != performance.word(b) for a, b in pairs], dtype=np.float64)


def _numbers(values: Iterable[Any]) -> Floats:
    def number(value: Any) -> float:
        try:
            return float(value)
        except (TypeError, ValueError):
            return float("nan")

    return np.array([number(value) for value in values], dtype=np.float64)
