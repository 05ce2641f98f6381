"""One look at a model, and where it is due the whole of a retraining: train, judge, register, and let it go live.

Only one process at a time does it for a model, by a lease that a dead process does not keep. Every attempt is a
record in the model's history, also one that came to nothing. Who dies between the record and what follows leaves that
to the next look.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from nbship import names
from nbship.errors import ConflictError, InputError, NbshipError
from nbship.gates.settings import Repository
from nbship.gates.verdict import Verdict
from nbship.leases import Clock
from nbship.registry import Registry, lifecycle
from nbship.registry.assignment import Assignment
from nbship.registry.lineage import signature_of
from nbship.retraining import due, training, versions
from nbship.retraining.due import Due, Seen
from nbship.retraining.settings import Plan
from nbship.retraining.training import Outcome

Result = Literal["not due", "busy", "refused", "registered", "promoted", "rollout started"]

#: Who the history says it was.
WHO = "retrain"
_LEASE = timedelta(minutes=2)
_TRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one look came to; ``says`` is the reason in words, ``version`` the new one if there is one."""

    result: Result
    due: Due
    says: str
    assignment: Assignment
    version: int | None = None
    verdicts: tuple[Verdict, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give what ``nbship retrain --json`` prints."""
        return {
            "result": self.result,
            "trigger": self.due.trigger,
            "why": self.due.why,
            "says": self.says,
            "version": self.version,
            "assignment": self.assignment.to_json(),
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
        }


def look(registry: Registry, model: str, *, now: datetime) -> Seen:
    """Give what is known of a model; nothing is written. Raises StoreError."""
    found, windows, made = registry.assignments.of(model), [], None
    with contextlib.suppress(InputError):  # nothing answers yet
        champion = registry.champion(model)
        windows = [window for window, _ in registry.windows(champion)]
        made = datetime.fromisoformat(champion.created)
    return Seen(
        assignment=found,
        history=registry.assignments.history(model),
        champion_made=made,
        windows=windows,
        now=now,
    )


def retrain(
    registry: Registry,
    model: str,
    repository: Repository,
    plan: Plan,
    *,
    clock: Clock,
    asked: bool = False,
    who: str = WHO,
) -> Attempt:
    """Look whether a retraining is due, and carry it out.

    Raises RunError where the pipeline fails (the history has a record of it), PolicyError, StoreError.
    """
    with registry.leases.held(f"retrain:{model}", _LEASE, renewed=True) as mine:
        if not mine:
            return _busy(registry, model)
        registry.project(model)
        seen = look(registry, model, now=clock())
        if (waiting := due.unfinished(seen)) is not None:
            found = Due(trigger=None, why=waiting.why, evidence=waiting.evidence)
            return _goes_on(
                registry, model, found, plan, version=waiting.evidence["version"], who=who, clock=clock
            )
        found = due.decide(plan, seen, asked=asked)
        if not found:
            return Attempt(result="not due", due=found, says=found.why, assignment=seen.assignment)
        return _Attempting(registry, model, repository, plan, found, who, clock).carry_out()


@dataclass(frozen=True, slots=True)
class _Attempting:
    """A retraining that is under way."""

    registry: Registry
    model: str
    repository: Repository
    plan: Plan
    due: Due
    who: str
    clock: Clock

    def carry_out(self) -> Attempt:
        began = self.clock()
        try:
            with tempfile.TemporaryDirectory(prefix="nbship-retrain-") as scratch:
                seen = training.with_fresh_data(self.repository, self.plan)
                outcome = training.train(seen, self.plan, Path(scratch))
        except NbshipError as error:
            self._record(f"it failed: {error.what}", {"result": "failed"})
            raise
        refused = outcome.refused or self._takes_others(outcome)
        if refused or outcome.trained is None:
            now = self._record(f"refused: {refused}", {"result": "refused", **_judgement(outcome)})
            return self._attempt("refused", refused, now, outcome)
        version = versions.register(
            self.registry,
            self.model,
            outcome.trained,
            source=self.repository,
            verdicts=outcome.verdicts,
            why=self.due.why,
            who=self.who,
            began=began,
            ended=self.clock(),
        )
        measured = {"metrics": outcome.trained.metrics, **_judgement(outcome)}
        then = {"version": version, "then": self.plan.then}
        self._record(self.due.why, {"result": "passed", **then, **measured})
        gone = _goes_on(
            self.registry, self.model, self.due, self.plan, version=version, who=self.who, clock=self.clock
        )
        return self._attempt(gone.result, gone.says, gone.assignment, outcome, version=version)

    def _takes_others(self, outcome: Outcome) -> str:
        """Say that the new model takes other columns than the champion: what is sent to one the other cannot answer."""
        if outcome.trained is None or self.plan.then == "nothing":
            return ""
        with contextlib.suppress(InputError):  # nothing answers yet
            known = signature_of(self.registry, self.registry.champion(self.model))
            ours, theirs = ({name for name, _ in item} for item in (outcome.trained.signature, known))
            if ours and theirs and ours != theirs:
                others = ", ".join(sorted(ours ^ theirs))
                return f'it takes other columns than the champion ({others}): then = "nothing" registers it'
        return ""

    def _attempt(
        self, result: Result, says: str, now: Assignment, outcome: Outcome, *, version: int | None = None
    ) -> Attempt:
        return Attempt(
            result=result,
            due=self.due,
            says=says,
            assignment=now,
            version=version,
            verdicts=outcome.verdicts,
        )

    def _record(self, why: str, evidence: Mapping[str, Any]) -> Assignment:
        """Enter the attempt into the history; who answers stays as it is."""
        assignments = self.registry.assignments
        for _ in range(_TRIES):
            now = assignments.of(self.model)
            told = {"trigger": self.due.trigger, "of": now.champion, **self.due.evidence, **evidence}
            with contextlib.suppress(ConflictError):
                return assignments.change(
                    now,
                    expected=now.revision,
                    action=names.ACTION_RETRAINED,
                    who=self.who,
                    at=self.clock(),
                    why=why,
                    evidence=told,
                )
        raise ConflictError(f"the assignment of {self.model!r} changes all the time")


def _goes_on(
    registry: Registry, model: str, found: Due, plan: Plan, *, version: int, who: str, clock: Clock
) -> Attempt:
    """Let a version that passed its gates go live, in the way that is configured."""
    result: Result = "registered"
    says = f"version {version} is challenger: nbship promote {model} {version} --to production"
    if plan.then == "promote":
        lifecycle.promote(
            registry, model, version, to=names.STAGE_PRODUCTION, who=who, at=clock(), why=found.why
        )
        result, says = "promoted", f"version {version} answers"
    elif plan.then == "rollout":
        from nbship.rollout import lifecycle as rollouts

        rollouts.start(registry, model, version, who=who, at=clock(), why=found.why)
        result, says = "rollout started", f"version {version} is tried: nbship rollout {model}"
    now = registry.assignments.of(model)
    return Attempt(result=result, due=found, says=says, assignment=now, version=version)


def _busy(registry: Registry, model: str) -> Attempt:
    holder = registry.leases.holder(f"retrain:{model}")
    who = f"{holder.holder} until {holder.until:%H:%M:%S}" if holder is not None else "another process"
    nothing = Due(trigger=None, why="", evidence={})
    says = f"another retraining is under way ({who})"
    return Attempt(result="busy", due=nothing, says=says, assignment=registry.assignments.of(model))


def _judgement(outcome: Outcome) -> dict[str, Any]:
    """Give what the gates said, for the history: their verdicts and every row that did not pass."""
    rows = [
        f"{row.status}: {row.where}: {row.what}: {row.cause or row.found}"
        for verdict in outcome.verdicts
        for row in verdict.rows
        if row.status != "passed"
    ]
    return {"checks": {verdict.gate: verdict.status for verdict in outcome.verdicts}, "rows": rows[:20]}
