"""The monitor: reads the log, judges what is due, keeps reports and alerts. The shell around the pure parts.

A pass goes through the versions of a model that have been logged. For each it asks the ledger what has been taken of
each part, plans the windows that are due, and does them one after the other, each in one transaction. It can be
killed anywhere and begun again, or run twice at once: every row is counted once, every alert raised once. What is
wrong with one version or one part is told, and the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from nbship.alerts import lifecycle
from nbship.alerts.lifecycle import Observation, Policy
from nbship.errors import DataError, NbshipError
from nbship.monitoring import judging, records, trend, windows
from nbship.monitoring import log as logs
from nbship.monitoring.judging import Judgement
from nbship.monitoring.ledger import AlreadyDoneError, Entry, Ledger, Stream
from nbship.monitoring.log import Extent, Log, Part
from nbship.monitoring.windows import Calendar, Span, Spec, Take, Task, Waiting
from nbship.profile import Profile

_log = logging.getLogger("nbship.monitoring.monitor")
#: How often a pass plans anew because another monitor was quicker.
_TRIES = 10
_UNCUT = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is watched and how: the cut into windows, the policy of each rule, and who is told."""

    model: str
    spec: Spec
    cut: str
    policies: Mapping[str, Policy] = field(default_factory=dict[str, Policy])
    sinks: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Pass:
    """What one pass did: windows judged, rows that came late, rows that still wait, and what went wrong."""

    judged: list[tuple[Stream, Judgement]] = field(default_factory=list[tuple[Stream, Judgement]])
    late: int = 0
    waiting: int = 0
    problems: list[str] = field(default_factory=list[str])


class Monitor:
    """Watches one model. ``references`` gives the profile a version learnt from, ``serving`` who answers now."""

    def __init__(
        self,
        watch: Watch,
        *,
        log: Log,
        ledger: Ledger,
        references: Callable[[int], Profile],
        serving: Callable[[], Iterable[int]],
        clock: Callable[[], datetime],
    ) -> None:
        self.watch = watch
        self._log = log
        self.ledger = ledger
        self._references = references
        self._known: dict[int, Profile] = {}
        self._serving = serving
        self._clock = clock
        self._extents: dict[Part, Extent] = {}

    def run(self) -> Pass:
        """Make one pass. Raises StoreError where the log or the ledger does not answer at all."""
        done = Pass()
        serving = set(self._serving())
        for version in self._log.versions():
            stream = Stream(model=self.watch.model, version=version, cut=self.watch.cut)
            try:
                self._version(stream, done, serves=version in serving)
            except NbshipError as error:
                _log.warning("version %s: %s", version, error)
                done.problems.append(f"version {version}: {error.what}")
        return done

    def _version(self, stream: Stream, done: Pass, *, serves: bool) -> None:
        reference = self._reference(stream.version)
        for _ in range(_TRIES):
            waiting, problems = self._survey(stream)
            if problems:
                done.problems += self._note(stream, problems)
            tasks = self._plan(stream, waiting, serves=serves)
            if self._do(stream, tasks, reference, done):
                rows = sum(sum(part.rows.values()) for part in waiting)
                done.waiting += rows - sum(task.rows for task in tasks)
                return
        done.problems.append(
            f"version {stream.version}: other monitors are at it; the rest is for the next pass"
        )

    def _reference(self, version: int) -> Profile:
        if version not in self._known:
            self._known[version] = self._references(version)
        return self._known[version]

    def _do(self, stream: Stream, tasks: Sequence[Task], reference: Profile, done: Pass) -> bool:
        """Do what is planned; False where it must be planned anew: the log or the ledger is not as it seemed."""
        for task in tasks:
            rows, damaged = self._rows(stream, task) if task.kind == "judge" else (None, {})
            if damaged:  # their footers were whole, their pages are not
                done.problems += self._note(stream, damaged)
                return False
            try:
                self._enter(stream, task, rows, reference, done)
            except AlreadyDoneError:
                return False
        return True

    def _enter(
        self, stream: Stream, task: Task, rows: pa.Table | None, reference: Profile, done: Pass
    ) -> None:
        with self.ledger.entry(stream) as entry:
            if rows is None:
                entry.add_late(task.window, task.takes)
                judgement = None
            else:
                judgement = self._judge(entry, task, rows, reference)
                entry.add_window(judgement, task.takes, at=self._clock())
                ahead = trend.forecasts(entry.history(last=trend.MOST_WINDOWS))
                seen = [*judging.observations(judgement), *trend.observations(ahead)]
                self.observe(entry, seen, judgement.window)
        if judgement is None:
            done.late += task.rows
        else:
            done.judged.append((stream, judgement))

    def _judge(self, entry: Entry, task: Task, rows: pa.Table, reference: Profile) -> Judgement:
        kept = entry.baseline()
        span = task.span
        judgement = judging.judge(
            rows,
            window=task.window,
            reference=reference,
            baseline=Profile.from_json(kept) if kept else None,
            span=(span.start.isoformat(), span.end.isoformat()) if span else None,
            notes=self._notes(task),
        )
        if kept is None and (baseline := judging.baseline_of(rows)) is not None:
            entry.set_baseline(baseline.to_json())
        return judgement

    def _notes(self, task: Task) -> tuple[str, ...]:
        mixed = {
            name
            for part, extent in self._extents.items()
            for name in extent.mixed
            if any(take.part == part.name for take in task.takes)
        }
        return tuple(f"{name} came in several types and is compared as text" for name in sorted(mixed))

    def observe(self, entry: Entry, seen: Iterable[Observation], window: str) -> None:
        """Go one step on with the alerts that a window speaks of."""
        known, at = entry.alerts(), self._clock()
        for item in seen:
            policy = self.watch.policies.get(item.rule, Policy())
            before = known.get(item.key)
            alert, event = lifecycle.observe(before, item, policy=policy, window=window, at=at)
            if alert is not None and alert != before:
                entry.put_alert(alert)
            if event is not None:
                entry.add_event(event, sinks=self.watch.sinks)

    def _note(self, stream: Stream, problems: Mapping[str, str]) -> list[str]:
        """Keep what is wrong with the log, raise what was not known before, and give it."""
        with self.ledger.entry(stream) as entry:
            new = entry.add_problems(problems, at=self._clock())
            seen = [
                Observation(rule="log", subject=subject, tier="warning", reason=reason)
                for subject, reason in new.items()
            ]
            self.observe(entry, seen, "log")
        return [f"version {stream.version}: {reason}" for reason in new.values()]

    def _survey(self, stream: Stream) -> tuple[list[Waiting], dict[str, str]]:
        """Look at each part that is not wholly taken: what waits in it, and what is wrong."""
        listing = self._log.parts(stream.version)
        taken, known = self.ledger.taken(stream), self.ledger.problems(stream)
        problems = {f"gap:{gap}": f"part {gap} is not in the log" for gap in listing.gaps}
        waiting: list[Waiting] = []
        for part in listing.parts:
            before = taken.get(part.name)
            if before is not None and before.done:
                continue
            try:
                extent = self._extent(part, suspected=f"damaged:{part.name}" in known)
                rows = self._counts(part, extent, before.windows if before else {})
            except DataError as error:
                problems[f"damaged:{part.name}"] = f"{part.name}: {error.what}"
                continue
            if extent.dropped:
                problems[f"dropped:{part.name}"] = (
                    f"{extent.dropped} predictions before {part.name} were let go"
                )
            offset = before.rows if before else 0
            waiting.append(Waiting(part=part.name, rows=rows, total=extent.rows, taken=offset))
        waiting.sort(key=lambda item: (not item.taken, item.part))
        return waiting, problems

    def _extent(self, part: Part, *, suspected: bool) -> Extent:
        if suspected:  # somebody may have put a whole one in its place
            self._log.read(part)
        if part not in self._extents:
            self._extents[part] = self._log.extent(part)
        return self._extents[part]

    def _counts(self, part: Part, extent: Extent, taken: Mapping[str, int]) -> dict[str, int]:
        """Count the rows that wait, by window; only a part that lies in several must be read for it."""
        spec = self.watch.spec
        if not isinstance(spec, Calendar):
            return {_UNCUT: extent.rows - sum(taken.values())}
        first, last = spec.span(extent.first), spec.span(extent.last)
        if first == last:
            found = {first.key: extent.rows}
        else:
            times = self._log.read(part, ["time"])
            found = {
                span.key: logs.between(times, span.start, span.end).num_rows
                for span in _between(spec, first, last)
            }
        return {key: rows for key, rows in found.items() if rows and key not in taken}

    def _plan(self, stream: Stream, waiting: Sequence[Waiting], *, serves: bool) -> list[Task]:
        spec, names = self.watch.spec, self.ledger.window_names(stream)
        if not isinstance(spec, Calendar):
            return windows.plan_rows(spec, waiting, windows=len(names))
        last = windows.span_of(spec, names[-1]) if names else None
        return windows.plan_calendar(
            spec, waiting, judged=set(names), last=last, now=self._clock(), serves=serves
        )

    def _rows(self, stream: Stream, task: Task) -> tuple[pa.Table, dict[str, str]]:
        tables: list[pa.Table] = []
        damaged: dict[str, str] = {}
        for take in task.takes:
            try:
                tables.append(self._taken(stream, take, task.span))
            except DataError as error:
                damaged[f"damaged:{take.part}"] = f"{take.part}: {error.what}"
        return records.joined(tables)[0], damaged

    def rows_of(self, stream: Stream, window: str) -> pa.Table:
        """Give the rows that a window was judged by. Raises DataError where a part of them is damaged or gone."""
        spec = self.watch.spec
        span = windows.span_of(spec, window) if isinstance(spec, Calendar) else None
        return records.joined(
            [self._taken(stream, take, span) for take in self.ledger.takes(stream, window)]
        )[0]

    def _taken(self, stream: Stream, take: Take, span: Span | None) -> pa.Table:
        table = self._log.read(Part(name=take.part, version=stream.version))
        if span is not None:
            return logs.between(table, span.start, span.end)
        return table.slice(take.offset, take.rows)


def _between(spec: Calendar, first: Span, last: Span) -> list[Span]:
    spans = [first]
    while spans[-1].key != last.key:
        spans.append(spec.span(spans[-1].end))
    return spans
