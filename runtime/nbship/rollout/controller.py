"""Looks at the evidence, lets the machine decide, and writes the decision: one pass, or one after the other.

A decision is one transaction with its audit record, made only if the assignment is still the one that was looked at.
So a controller may be killed anywhere, run on several machines at once, and be started again: nothing is half done,
and of two that decide at the same moment one finds that the other was quicker. Everything it knows is in the registry's
database and the prediction log. What follows a decision, the alert and MLflow's aliases, is made good by the next pass
where a death came between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from nbship.errors import ConflictError, DataError, NbshipError, StoreError
from nbship.monitoring.labels import Labels, Source
from nbship.monitoring.performance import Task
from nbship.profile import Profile
from nbship.registry.assignment import Assignment
from nbship.registry.assignments import Assignments
from nbship.rollout import changes, criteria, evidence, machine
from nbship.rollout.changes import Change
from nbship.rollout.criteria import Evidence, Finding, Window
from nbship.rollout.machine import Decision, Rollout
from nbship.rollout.notices import Notices
from nbship.rollout.reading import Reader, Rows

_log = logging.getLogger("nbship.rollout.controller")
#: A gap between rows counts at most as this share of a step's least time (or one interval, if that is longer).
_LONGEST_GAP = 0.1


class Versions(Protocol):
    """What the controller asks the registry."""

    def numbers(self) -> Collection[int]:
        """Give the versions that there are. Raises StoreError."""
        ...

    def reference(self, version: int) -> Profile:
        """Give what a version learnt from. Raises DataError, StoreError."""
        ...

    def project(self) -> None:
        """Make MLflow show who answers. Raises StoreError."""
        ...


@dataclass(slots=True, kw_only=True)
class Pass:
    """What one pass found and did. ``rollout`` is the one that runs, after what was written; None where none does."""

    assignment: Assignment
    rollout: Rollout | None = None
    decision: Decision | None = None
    problems: list[str] = field(default_factory=list[str])


class Controller:
    """Carries one model's rollout on. ``clock`` gives the time; the state it keeps is a cache, and may be lost."""

    def __init__(
        self,
        model: str,
        *,
        assignments: Assignments,
        versions: Versions,
        reader: Reader,
        notices: Notices,
        clock: Callable[[], datetime],
        labels: Source | None = None,
        task: Task | None = None,
    ) -> None:
        self.model = model
        self._assignments = assignments
        self._versions = versions
        self._reader = reader
        self._notices = notices
        self._clock = clock
        self._source = labels
        self._labels: Labels | None = None
        self._task: Task | None = task
        self._references: dict[int, Profile] = {}
        self._shown: int | None = None

    def run(self) -> Pass:
        """Make one pass. Raises StoreError where the database does not answer; the next pass goes on from there."""
        done, change = self._considered(self._assignments.of(self.model))
        if change is not None:
            self._write(done, change)
        for follow in (self._project, self._tell):
            try:
                follow(done)
            except NbshipError as error:
                done.problems.append(error.what)
        return done

    def look(self) -> Pass:
        """Give what a pass would find and decide now, without anything being written."""
        return self._considered(self._assignments.of(self.model))[0]

    def _considered(self, now: Assignment) -> tuple[Pass, Change | None]:
        done = Pass(assignment=now)
        try:
            rollout = changes.running(now)
        except DataError as error:
            return _ended(done, changes.ended(now, error.what))
        if rollout is None:
            if now.mode != "off":
                return _ended(done, changes.ended(now, "no rollout stands behind what is routed"))
            return done, None
        if not changes.is_consistent(now, rollout):
            return _ended(done, changes.ended(now, "the assignment was changed beside the rollout"))
        done.rollout = rollout
        if self._is_gone(rollout, done):
            return _ended(done, changes.gone(now, rollout.challenger))
        seen = self._evidence(rollout, done)
        after, done.decision = machine.step(rollout, seen, self._clock())
        return done, changes.changed(now, after, done.decision) if done.decision.changes else None

    def _write(self, done: Pass, change: Change) -> None:
        """Make the change; where another has changed it meanwhile, leave it, for the next pass to look anew."""
        now = done.assignment
        try:
            done.assignment = self._assignments.change(
                change.to,
                expected=now.revision,
                action=change.action,
                who=changes.WHO,
                at=self._clock(),
                why=change.why,
                evidence=change.evidence,
            )
        except ConflictError as error:
            done.problems.append(error.what)
            done.assignment = self._assignments.of(self.model)
            done.decision = None
        else:
            _log.info("%s: %s: %s", self.model, change.action, change.why)
        done.rollout = _readable(done.assignment)

    def _is_gone(self, rollout: Rollout, done: Pass) -> bool:
        try:
            there = self._versions.numbers()
        except StoreError as error:  # away is not gone
            done.problems.append(error.what)
            return False
        if rollout.champion not in there:
            done.problems.append(f"the champion, version {rollout.champion}, is not in the registry any more")
        return rollout.challenger not in there

    def _evidence(self, rollout: Rollout, done: Pass) -> Evidence:
        is_shadow = rollout.at.mode == "shadow"
        try:
            mine = self._reader.rows(rollout.challenger, rollout.began, is_shadow=is_shadow)
            theirs = self._reader.rows(rollout.champion, rollout.began, is_shadow=False)
        except StoreError as error:
            done.problems.append(error.what)
            return _nothing(error.what)
        return self._judged(rollout, theirs, mine, is_shadow=is_shadow, done=done)

    def _judged(self, rollout: Rollout, theirs: Rows, mine: Rows, *, is_shadow: bool, done: Pass) -> Evidence:
        plan, wanted = rollout.plan, rollout.plan.criteria
        look = self._look(rollout)
        recent = rollout.began + max(look - 2, 0) * timedelta(seconds=plan.interval_s)
        labels = self._known_labels(done)

        def window(since: datetime, labels: Labels | None) -> Window:
            return evidence.window(
                evidence.since(theirs.table, since),
                evidence.since(mine.table, since),
                is_shadow=is_shadow,
                tolerance=wanted.tolerance,
                task=self._task,
                labels=labels,
            )

        drift = None
        if wanted.drift != "never":
            drift = evidence.drift(
                theirs.table,
                mine.table,
                versions=(rollout.champion, rollout.challenger),
                is_shadow=is_shadow,
                references=self._reference,
            )
        found = criteria.judge(
            window(rollout.began, labels),
            window(recent, None),
            wanted,
            steps=len(plan.steps),
            look=look,
            drift=drift,
        )
        problems = (*theirs.problems, *mine.problems)
        if problems:  # what cannot be read may be what speaks against it
            reason = f"the log is not whole: {problems[0]}"
            found = (*found, Finding(criterion="log", verdict="inconclusive", reason=reason))
        gap_s = max(plan.interval_s, rollout.at.min_s * _LONGEST_GAP)
        return Evidence(
            findings=found,
            observed_s=evidence.observed_s(mine.seconds, gap_s=gap_s),
            requests=(theirs.count, mine.count),
            notes=problems,
        )

    def _look(self, rollout: Rollout) -> int:
        """Give the number of the look at the last minutes: they begin anew with each interval."""
        passed = (self._clock() - rollout.began).total_seconds()
        return max(int(passed // rollout.plan.interval_s), 0) + 1

    def _known_labels(self, done: Pass) -> Labels | None:
        if self._source is None:
            return None
        try:
            fresh = self._source.read()
        except StoreError as error:
            done.problems.append(error.what)
            return self._labels
        if fresh is not None:
            self._labels = fresh
            done.problems += fresh.problems
        return self._labels

    def _reference(self, version: int) -> Profile:
        if version not in self._references:
            self._references[version] = self._versions.reference(version)
        return self._references[version]

    def _project(self, done: Pass) -> None:
        if self._shown != done.assignment.revision and done.assignment.revision:
            self._versions.project()
            self._shown = done.assignment.revision

    def _tell(self, done: Pass) -> None:
        last = None if done.rollout is not None else self._assignments.history(self.model)[-1:]
        done.problems += self._notices.settle(done.assignment, done.rollout, last[0] if last else None)


def _ended(done: Pass, change: Change) -> tuple[Pass, Change]:
    found = Finding(criterion="assignment", verdict="fail", reason=change.why)
    done.decision = Decision(kind="roll back", why=change.why, evidence=Evidence(findings=(found,)))
    return done, change


def _nothing(reason: str) -> Evidence:
    return Evidence(findings=(Finding(criterion="log", verdict="inconclusive", reason=reason),))


def _readable(now: Assignment) -> Rollout | None:
    try:
        return changes.running(now)
    except DataError:
        return None
