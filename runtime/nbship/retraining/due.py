"""Whether a model is to be trained again now, and why. Pure.

What was tried stands in the model's history, so that one window of drift is a reason once, and an attempt that came to
nothing is not made again at the next look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from nbship import names
from nbship.drift import RANK
from nbship.model import Window
from nbship.registry.assignment import Assignment
from nbship.registry.audit import AuditRecord
from nbship.retraining.settings import Plan

Trigger = Literal["drift", "interval", "asked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a model: who answers, what happened, when the champion was made, its windows, oldest first."""

    assignment: Assignment
    history: Sequence[AuditRecord]
    champion_made: datetime | None
    windows: Sequence[Window]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Whether a retraining is to begin; ``trigger`` is None where it is not, ``evidence`` what speaks for it."""

    trigger: Trigger | None
    why: str
    evidence: Mapping[str, Any]

    def __bool__(self) -> bool:
        return self.trigger is not None


def decide(plan: Plan, seen: Seen, *, asked: bool = False) -> Due:
    """Say whether a model is to be trained again. ``asked``: somebody wants it, whatever the plan says."""
    if seen.assignment.mode != "off":
        return _not(f"a rollout of version {seen.assignment.challenger} is under way")
    if asked:
        return Due(trigger="asked", why="somebody asked for it", evidence={})
    attempts = [record for record in seen.history if record.action == names.ACTION_RETRAINED]
    if attempts and seen.now - attempts[-1].at < plan.wait:
        return _not(f"the last attempt was at {_minute(attempts[-1].at)}, and {plan.wait} has not passed")
    return _by_drift(plan, seen, attempts) or _by_time(plan, seen, attempts)


def _by_drift(plan: Plan, seen: Seen, attempts: Sequence[AuditRecord]) -> Due:
    """Say whether the latest windows of the champion are over the threshold, for a reason not yet acted upon."""
    latest = seen.windows[-plan.windows :]
    if plan.drift == "never" or len(latest) < plan.windows:
        return _not("no drift")
    over = [window for window in latest if RANK[window.severity] >= RANK[plan.drift]]
    if len(over) < plan.windows:
        return _not(f"drift is {latest[-1].severity} in {latest[-1].window}")
    version, window = seen.assignment.champion, latest[-1]
    if any(
        (record.evidence.get("of"), record.evidence.get("window")) == (version, window.window)
        for record in attempts
    ):
        return _not(f"drift in {window.window} has been acted upon")
    in_a_row = f", {len(over)} windows in a row" if len(over) > 1 else ""
    return Due(
        trigger="drift",
        why=f"drift of version {version} is {window.severity} in {window.window}{in_a_row}",
        evidence={"window": window.window, "severity": window.severity, "rows": window.rows},
    )


def _by_time(plan: Plan, seen: Seen, attempts: Sequence[AuditRecord]) -> Due:
    nothing = _by_drift(plan, seen, attempts).why
    made = [seen.champion_made] if seen.champion_made is not None else []
    last = max([*made, *(record.at for record in attempts)], default=None)
    if plan.every is None:
        return _not(nothing)
    if last is not None and seen.now - last < plan.every:
        return _not(f"{nothing}; the next by time is at {_minute(last + plan.every)}")
    since = f"since {_minute(last)}" if last is not None else "never yet"
    return Due(
        trigger="interval", why=f"{plan.every} have passed ({since})", evidence={"every": str(plan.every)}
    )


def _not(why: str) -> Due:
    return Due(trigger=None, why=why, evidence={})


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def unfinished(seen: Seen) -> AuditRecord | None:
    """Give the attempt that passed its gates, and whose version nothing has been done with since; None mostly."""
    for record in reversed(seen.history):
        if record.action == names.ACTION_RETRAINED:
            version = record.evidence.get("version")
            waits = (
                version is not None
                and version == seen.assignment.challenger
                and seen.assignment.mode == "off"
            )
            return record if waits and record.evidence.get("then") != "nothing" else None
        if record.action not in {names.ACTION_REGISTERED, names.ACTION_ELSEWHERE}:
            return None
    return None
