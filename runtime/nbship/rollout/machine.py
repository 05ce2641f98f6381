"""(rollout, evidence, time) -> (rollout, decision): the state machine, pure and whole.

::

    started --> shadow --> canary 5 % --> canary 25 % --> canary 50 % --> finished: the challenger is the champion
                  |            |               |               |
                  +------------+---------------+---------------+--> rolled back: the champion alone answers

A step is passed when its evidence passes and it has been observed for ``min_s``; one that fails rolls back at once,
however short it has been; one that is still inconclusive after ``max_s`` stays where it is, and somebody is told.

**Time** is not taken from the clock where a step may be passed: ``observed_s`` counts the time over which rows came.
A clock that jumps ahead can make somebody be told too early, no more; one that goes back before the step's beginning
makes the step begin anew, as the rows that come now would seem to be none of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from nbship.rollout.criteria import Evidence
from nbship.rollout.settings import Plan, Step

Status = Literal["running", "finished", "rolled back"]
Kind = Literal["stay", "tell", "begin anew", "advance", "finish", "roll back"]

#: Clocks of several machines differ; less than this behind the beginning is no jump.
SKEW = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Where a rollout stands, with the plan it began with. ``began`` is when its step did; ``told`` that it is stuck."""

    model: str
    champion: int
    challenger: int
    plan: Plan
    started: datetime
    began: datetime
    step: int = 0
    told: bool = False
    status: Status = "running"

    @property
    def at(self) -> Step:
        """The step it is at."""
        return self.plan.steps[self.step]

    @property
    def title(self) -> str:
        """What people call where it stands.

        >>> from nbship.rollout import settings
        >>> now = datetime(2026, 1, 1)
        >>> start(model="m", champion=1, challenger=2, plan=settings.read({"steps": [0.05]}), now=now).title
        'canary 5 %'
        """
        if self.status != "running":
            return self.status
        return "shadow" if self.at.mode == "shadow" else f"canary {self.at.share * 100:g} %"

    def to_json(self) -> str:
        """Give it as the document that stands in the assignment."""
        document = {
            **{name: getattr(self, name) for name in _PLAIN},
            "plan": self.plan.to_json(),
            "started": self.started.isoformat(),
            "began": self.began.isoformat(),
        }
        return json.dumps(document, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Rollout:
        """Give it back."""
        document: Mapping[str, Any] = json.loads(text)
        return cls(
            **{name: document[name] for name in _PLAIN},
            plan=Plan.from_json(document["plan"]),
            started=datetime.fromisoformat(document["started"]),
            began=datetime.fromisoformat(document["began"]),
        )


_PLAIN = ("model", "champion", "challenger", "step", "told", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Who answers, as the registry's assignment says it."""

    champion: int
    challenger: int | None
    mode: Literal["off", "shadow", "canary"]
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done, why, and what it rests on."""

    kind: Kind
    why: str
    evidence: Evidence

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        return self.kind != "stay"


def start(*, model: str, champion: int, challenger: int, plan: Plan, now: datetime) -> Rollout:
    """Give a rollout that begins now."""
    return Rollout(model=model, champion=champion, challenger=challenger, plan=plan, started=now, began=now)


def routing(rollout: Rollout) -> Routing:
    """Give who answers at this point. A challenger that was rolled back answers nobody."""
    if rollout.status == "finished":
        return Routing(champion=rollout.challenger, challenger=None, mode="off", share=0.0)
    if rollout.status == "rolled back":
        return Routing(champion=rollout.champion, challenger=None, mode="off", share=0.0)
    step = rollout.at
    return Routing(champion=rollout.champion, challenger=rollout.challenger, mode=step.mode, share=step.share)


def step(rollout: Rollout, evidence: Evidence, now: datetime) -> tuple[Rollout, Decision]:
    """Give the rollout after one look at its evidence, and what was decided."""
    if rollout.status != "running":
        return rollout, Decision(kind="stay", why=f"it is {rollout.status}", evidence=evidence)
    verdict = evidence.verdict
    if verdict == "fail":
        return _over(rollout, "rolled back", "roll back", evidence.reasons("fail"), evidence)
    if now < rollout.began - SKEW:
        back = rollout.began - now
        why = f"the clock went back by {back}: {rollout.title} begins anew"
        return replace(rollout, began=now, told=False), Decision(
            kind="begin anew", why=why, evidence=evidence
        )
    observed = evidence.observed_s >= rollout.at.min_s
    if verdict == "pass" and observed:
        return _passed(rollout, evidence, now)
    why = _waits(rollout, evidence)
    late = now - rollout.began >= timedelta(seconds=rollout.at.max_s)
    if late and not rollout.told:
        return replace(rollout, told=True), Decision(kind="tell", why=f"undecided: {why}", evidence=evidence)
    return rollout, Decision(kind="stay", why=why, evidence=evidence)


def abort(rollout: Rollout, why: str, evidence: Evidence | None = None) -> tuple[Rollout, Decision]:
    """Give the rollout rolled back, because somebody says so."""
    return _over(rollout, "rolled back", "roll back", why, evidence or Evidence(findings=()))


def _over(
    rollout: Rollout, status: Status, kind: Kind, why: str, evidence: Evidence
) -> tuple[Rollout, Decision]:
    if rollout.status != "running":
        return rollout, Decision(kind="stay", why=f"it is {rollout.status}", evidence=evidence)
    return replace(rollout, status=status), Decision(kind=kind, why=why, evidence=evidence)


def _passed(rollout: Rollout, evidence: Evidence, now: datetime) -> tuple[Rollout, Decision]:
    why = f"{rollout.title} passed: {evidence.reasons('pass')}"
    if rollout.step + 1 == len(rollout.plan.steps):
        return _over(rollout, "finished", "finish", why, evidence)
    later = replace(rollout, step=rollout.step + 1, began=max(now, rollout.began), told=False)
    return later, Decision(kind="advance", why=why, evidence=evidence)


def _waits(rollout: Rollout, evidence: Evidence) -> str:
    if evidence.verdict == "pass":
        return f"{evidence.observed_s / 60:.1f} of at least {rollout.at.min_s / 60:g} minutes observed"
    return evidence.reasons("inconclusive") or "there is no evidence yet"
