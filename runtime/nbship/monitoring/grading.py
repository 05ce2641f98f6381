"""Grades windows as labels come: figures with intervals, estimates where none has come, a change of the error stream.

A window is graded again whenever more of its labels are there. It *speaks*, to the rule ``performance``, once: when it
has a hundred labels, or all there will be of a smaller window. The first window that speaks is what later ones are
held against; one is worse where its interval lies wholly on the worse side and the figure is 5, 10 or 25 % worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship.alerts.lifecycle import TIERS, Observation, Tier
from nbship.errors import DataError
from nbship.monitoring import labels as truths
from nbship.monitoring import performance, records
from nbship.monitoring.labels import Joined, Labels
from nbship.monitoring.ledger import Stream
from nbship.monitoring.monitor import Monitor
from nbship.monitoring.performance import Estimate, Figure, Task

pc: Any = _compute

#: So many labels make a window speak.
ENOUGH = 100
#: How much worse than the first window is an info, a warning, critical.
WORSE = (0.05, 0.1, 0.25)
_MAIN = {"accuracy": True, "mae": False}  # whether more is better


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What is known of how right a window's answers were. ``errors`` are in order of time, with their times."""

    labelled: int
    missing: int
    conflicting: int
    repeated: int
    task: Task | None = None
    figures: tuple[Figure, ...] = ()
    estimate: Estimate | None = None
    errors: tuple[float, ...] = field(default=(), repr=False)
    times: tuple[datetime, ...] = field(default=(), repr=False)

    @property
    def main(self) -> Figure | None:
        """The figure that the rule watches."""
        return next((figure for figure in self.figures if figure.name in _MAIN), None)

    @property
    def speaks(self) -> bool:
        """Whether there are labels enough to hold it against another window."""
        return self.labelled >= ENOUGH or (self.labelled > 0 and self.missing == 0)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON, without the single errors."""
        document = {
            name: getattr(self, name) for name in ("labelled", "missing", "conflicting", "repeated", "task")
        }
        document["figures"] = [asdict(figure) for figure in self.figures]
        document["estimate"] = asdict(self.estimate) if self.estimate else None
        return document


def grade(rows: pa.Table, labels: Labels, *, task: Task | None = None) -> Grade | None:
    """Grade the rows of a window; None where it holds no answers."""
    if records.PREDICTION not in rows.column_names:
        return None
    joined = truths.join(rows, labels)
    truth, answers = joined.truth, joined.rows.column(records.PREDICTION).to_pylist()
    classes = _classes(rows)
    kind = task or performance.task_of(truth, answers, with_probabilities=bool(classes))
    figures, errors = _graded(kind, joined, answers, classes)
    times = joined.rows.column("time").to_pylist()
    stream = [pair for pair in zip(errors, times, strict=True) if np.isfinite(pair[0])] if errors else []
    return Grade(
        labelled=len(truth),
        missing=joined.missing,
        conflicting=joined.conflicting,
        repeated=joined.repeated,
        task=kind if truth or classes else None,
        figures=tuple(figures),
        estimate=_estimated(rows, joined, errors, classes),
        errors=tuple(error for error, _ in stream),
        times=tuple(at for _, at in stream),
    )


def _classes(rows: pa.Table) -> list[str]:
    names = [name for name in rows.column_names if name.startswith(records.PROBABILITY)]
    return sorted(name.removeprefix(records.PROBABILITY) for name in names)


def _graded(
    kind: Task, joined: Joined, answers: Sequence[Any], classes: list[str]
) -> tuple[list[Figure], list[float]]:
    if not joined.truth:
        return [], []
    if kind == "regression":
        said, true = _floats(answers), _floats(joined.truth)
        return performance.regression(true, said), [float(error) for error in np.abs(said - true)]
    positive = classes[-1] if classes else None
    column = _column(joined.rows, positive) if positive is not None else None
    pairs = zip(answers, joined.truth, strict=True)
    wrong = [float(performance.word(said) != performance.word(true)) for said, true in pairs]
    return performance.classification(joined.truth, answers, column, positive), wrong


def _floats(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    def number(value: Any) -> float:
        try:
            return float(value)
        except (TypeError, ValueError):
            return float("nan")

    return np.array([number(value) for value in values], dtype=np.float64)


def _column(rows: pa.Table, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return _floats(rows.column(records.PROBABILITY + name).to_pylist())


def _estimated(
    rows: pa.Table, joined: Joined, errors: Sequence[float], classes: list[str]
) -> Estimate | None:
    if not classes:
        return None
    answered = rows.filter(pc.equal(rows.column("outcome"), "ok"))
    right = 1 - np.asarray(errors, dtype=np.float64)
    return performance.estimate(
        _chosen(answered, classes), labelled=_chosen(joined.rows, classes), right=right
    )


def _chosen(rows: pa.Table, classes: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give the probability of the class that each row chose; of two classes one column tells both."""
    said = [performance.word(value) for value in rows.column(records.PREDICTION).to_pylist()]
    columns = {name: _column(rows, name) for name in classes}
    if len(classes) == 1:
        only = columns[classes[0]]
        return np.where(np.array([name == classes[0] for name in said], dtype=bool), only, 1 - only)
    missing = np.full(len(said), np.nan)
    return np.array([columns.get(name, missing)[place] for place, name in enumerate(said)], dtype=np.float64)


def observation(now: Figure, first: Mapping[str, Any] | None) -> Observation:
    """Hold a figure against that of the first window that spoke."""
    shown = f"{now.name} {now.value:.3g} ({now.low:.3g} to {now.high:.3g}, {now.rows:,} labels)"
    if first is None or first["name"] != now.name:
        return Observation(rule="performance", subject=now.name, tier=None, reason=f"{shown}: the first")
    before = Figure(**first)
    more_is_better = _MAIN[now.name]
    apart = now.high < before.low if more_is_better else now.low > before.high
    change = (before.value - now.value) if more_is_better else (now.value - before.value)
    worse = change / abs(before.value) if before.value else float(change > 0)
    tier: Tier | None = None
    for level, size in zip(TIERS, WORSE, strict=True):
        tier = level if apart and worse > size else tier
    reason = f"{shown}; at first {before.value:.3g} ({before.low:.3g} to {before.high:.3g})"
    return Observation(rule="performance", subject=now.name, tier=tier, reason=reason)


class Grader:
    """The shell: grades the latest windows of a monitor's streams, and says what is new."""

    def __init__(self, monitor: Monitor, source: truths.Source | None, *, task: Task | None = None) -> None:
        self._monitor = monitor
        self._source = source
        self._task: Task | None = task
        self._labels = Labels(values={})
        self._errors: dict[tuple[str, str], Grade] = {}

    def run(self, *, last: int = 30) -> list[str]:
        """Grade what is new; give what could not be read. Raises StoreError for a store that is away."""
        fresh = self._source.read() if self._source is not None else None
        if fresh is not None:
            self._labels = fresh
        problems = list(fresh.problems) if fresh is not None else []
        ledger = self._monitor.ledger
        for stream in ledger.streams(self._monitor.watch.model):
            if stream.cut == self._monitor.watch.cut:
                problems += self._stream(stream, last, anew=fresh is not None)
        return problems

    def _stream(self, stream: Stream, last: int, *, anew: bool) -> list[str]:
        names = self._monitor.ledger.window_names(stream)[-last:]
        known = self._monitor.ledger.scores(stream)
        self._errors = {place: found for place, found in self._errors.items() if place[1] in names}
        changed = False
        problems: list[str] = []
        for window in names:
            before = known.get(window)
            if before is not None and (not anew or not before["missing"]):
                continue
            try:
                found = self._grade(stream, window)
            except DataError as error:
                problems.append(f"{window} cannot be graded: {error.what}")
                continue
            if found is not None and (before is None or before["labelled"] != found.labelled):
                known[window] = self._keep(stream, window, found, known)
                changed = changed or found.labelled > 0
        if changed:
            self._changes(stream, names, known)
        return problems

    def _grade(self, stream: Stream, window: str) -> Grade | None:
        found = grade(self._monitor.rows_of(stream, window), self._labels, task=self._task)
        if found is not None:
            self._errors[stream.key, window] = found
        return found

    def _keep(
        self, stream: Stream, window: str, found: Grade, known: Mapping[str, dict[str, Any]]
    ) -> dict[str, Any]:
        before = known.get(window, {})
        document = {**found.to_json(), "spoke": before.get("spoke", False), "changed": before.get("changed")}
        seen: list[Observation] = []
        main = found.main
        if main is not None and found.speaks and not document["spoke"]:
            document["spoke"] = True
            spoken = [other for name, other in sorted(known.items()) if other["spoke"] and name != window]
            first = (
                next((row for row in spoken[0]["figures"] if row["name"] in _MAIN), None) if spoken else None
            )
            seen.append(observation(main, first))
        with self._monitor.ledger.entry(stream) as entry:
            entry.put_score(window, document)
            self._monitor.observe(entry, seen, window)
        return document

    def _changes(self, stream: Stream, names: Sequence[str], known: dict[str, dict[str, Any]]) -> None:
        """Look for the places where the error went up, and tell those that were not known."""
        labelled = [window for window in names if known.get(window, {}).get("labelled")]
        errors: list[float] = []
        windows: list[str] = []
        times: list[datetime] = []
        for window in labelled:
            found = self._errors.get((stream.key, window)) or self._grade(stream, window)
            if found is not None:
                errors += found.errors
                windows += [window] * len(found.errors)
                times += found.times
        told = {window for window in labelled if known[window].get("changed")}
        for place in performance.changes(errors):
            window, at = windows[place], times[place].isoformat()
            if window in told:
                continue
            told.add(window)
            reason = f"the error went up by {at[:16].replace('T', ' ')} (ADWIN)"
            seen = Observation(rule="performance", subject="error stream", tier="warning", reason=reason)
            known[window] = {**known[window], "changed": at}
            with self._monitor.ledger.entry(stream) as entry:
                entry.put_score(window, known[window])
                self._monitor.observe(entry, [seen], window)


def _first(known: Mapping[str, dict[str, Any]], window: str) -> Mapping[str, Any] | None:
    """Give the figure that windows are held against: that of the first other window that has spoken."""
    for name, other in sorted(known.items()):
        if other["spoke"] and name != window:
            return next((row for row in other["figures"] if row["name"] in _MAIN), None)
    return None


def as_task(text: str | None) -> Task | None:
    """Read the task of the configuration. Raises DataError for another word."""
    if text not in {None, "classification", "regression"}:
        raise DataError(
            f"task {text!r} is neither classification nor regression", where="[tool.nbship.monitor]"
        )
    return cast("Task | None", text)
