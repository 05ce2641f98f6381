"""(assignment, rollout, decision) -> the change of the assignment, and what its record says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from nbship import names
from nbship.errors import ConflictError, DataError, InputError
from nbship.registry import assignment as roles
from nbship.registry.assignment import Assignment
from nbship.registry.audit import AuditRecord
from nbship.rollout import machine
from nbship.rollout.machine import Decision, Kind, Rollout
from nbship.rollout.settings import Plan

#: Who the history says it was, where a controller decided.
WHO = "rollout"
ACTIONS: dict[Kind, str] = {
    "tell": names.ACTION_ROLLOUT_STEPPED,
    "begin anew": names.ACTION_ROLLOUT_STEPPED,
    "advance": names.ACTION_ROLLOUT_STEPPED,
    "finish": names.ACTION_ROLLOUT_FINISHED,
    "roll back": names.ACTION_ROLLED_BACK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be written in one transaction: the assignment, and the words and evidence of its record."""

    to: Assignment
    action: str
    why: str
    evidence: dict[str, Any] = field(default_factory=dict[str, Any])


def begun(
    now: Assignment, version: int, plan: Plan, *, at: datetime, history: Sequence[AuditRecord], again: bool
) -> Change:
    """Give the change that begins a rollout of a version.

    Raises InputError where the version cannot be a challenger, ConflictError where a rollout runs already.
    """
    if now.champion is None:
        raise InputError(
            f"no version of {now.model!r} is live: there is nothing to hold version {version} against",
            help=f"nbship promote {now.model} {version} --to production",
        )
    if now.champion == version:
        raise InputError(f"version {version} of {now.model!r} is live already")
    if now.mode != "off":
        raise ConflictError(
            f"a rollout of version {now.challenger} of {now.model!r} is running",
            help=f"wait for it, or end it: nbship rollout {now.model} --abort",
        )
    if not again and (failed := failure(history, version)) is not None:
        raise InputError(
            f"version {version} of {now.model!r} was rolled back on {failed.at:%Y-%m-%d %H:%M}: {failed.why}",
            help="register what was made better as a new version, or say --again and why",
        )
    rollout = machine.start(model=now.model, champion=now.champion, challenger=version, plan=plan, now=at)
    staged = roles.staged(now, version, names.STAGE_STAGING)
    return Change(
        to=_standing(staged, rollout),
        action=names.ACTION_ROLLOUT_STARTED,
        why="",
        evidence={"version": version, "plan": plan.to_json()},
    )


def changed(now: Assignment, rollout: Rollout, decision: Decision) -> Change:
    """Give the change that a decision asks for; ``rollout`` is as it stands after it."""
    return Change(
        to=_after(now, rollout),
        action=ACTIONS[decision.kind],
        why=decision.why,
        evidence={
            "version": rollout.challenger,
            "decision": decision.kind,
            "step": replace(rollout, status="running").title,
            **decision.evidence.to_json(),
        },
    )


def gone(now: Assignment, version: int) -> Change:
    """Give the change that forgets a challenger that is no more."""
    return Change(
        to=roles.without_rollout(roles.without(now, {version})),
        action=names.ACTION_ROLLED_BACK,
        why=f"version {version} is not in the registry any more",
        evidence={"version": version, "decision": "roll back"},
    )


def ended(now: Assignment, why: str) -> Change:
    """Give the change that ends a rollout whose document is not what stands beside it: the champion alone answers."""
    return Change(
        to=roles.without_rollout(now),
        action=names.ACTION_ROLLED_BACK,
        why=why,
        evidence={"version": now.challenger, "decision": "roll back"},
    )


def running(now: Assignment) -> Rollout | None:
    """Give the rollout that runs. Raises DataError where its document cannot be read."""
    if now.rollout is None:
        return None
    try:
        return Rollout.from_json(now.rollout)
    except (ValueError, LookupError, TypeError, AttributeError, InputError) as error:
        raise DataError(f"the rollout's document cannot be read: {error}") from error


def is_consistent(now: Assignment, rollout: Rollout) -> bool:
    """Tell whether the assignment is what the rollout makes of it."""
    wanted = machine.routing(rollout)
    stands = (now.model, now.champion, now.challenger, now.mode, now.share)
    return stands == (rollout.model, wanted.champion, wanted.challenger, wanted.mode, wanted.share)


def failure(history: Sequence[AuditRecord], version: int) -> AuditRecord | None:
    """Give the record of a version having failed in its last rollout; None where it has not."""
    for record in reversed(history):
        if record.evidence.get("version") != version:
            continue
        if record.action == names.ACTION_ROLLOUT_STARTED:
            return None
        if record.action == names.ACTION_ROLLED_BACK and record.evidence.get("verdict") == "fail":
            return record
    return None


def _after(now: Assignment, rollout: Rollout) -> Assignment:
    if rollout.status == "finished":
        return roles.staged(now, rollout.challenger, names.STAGE_PRODUCTION)
    if rollout.status == "rolled back":
        return roles.staged(now, rollout.challenger, names.STAGE_ARCHIVED)
    return _standing(now, rollout)


def _standing(now: Assignment, rollout: Rollout) -> Assignment:
    routing = machine.routing(rollout)
    return replace(now, mode=routing.mode, share=routing.share, rollout=rollout.to_json())


def story(history: Sequence[AuditRecord]) -> list[AuditRecord]:
    """Give the records of the last rollout: from its start to its end, or to where it stands."""
    starts = [place for place, record in enumerate(history) if record.action == names.ACTION_ROLLOUT_STARTED]
    if not starts:
        return []
    of = set(ACTIONS.values()) | {names.ACTION_ROLLOUT_STARTED}
    return [record for record in history[starts[-1] :] if record.action in of]
