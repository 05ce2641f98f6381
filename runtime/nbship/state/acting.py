"""What people do from the panel: each action is shown first, with its evidence, and then done against what they saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nbship import names
from nbship.errors import ConflictError, InputError, NbshipError, PolicyError
from nbship.registry import assignment as roles
from nbship.registry import lifecycle
from nbship.state import registering, retraining, standing
from nbship.state.documents import Action, Change, Conflict, Done, Evidence, Preview
from nbship.state.metrics import better

if TYPE_CHECKING:
    from nbship.model import ModelVersion, Stage
    from nbship.registry import Registry
    from nbship.registry.assignment import Assignment
    from nbship.state.sources import Sources

#: So many metrics are compared.
MOST_EVIDENCE = 6
STAGES: Mapping[str, Stage] = {
    "promote": names.STAGE_PRODUCTION,
    "archive": names.STAGE_ARCHIVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants done, and why: which action on which version (or fitted model of a notebook)."""

    action: Action
    model: str
    who: str
    version: int | None = None
    candidate: str | None = None
    notebook: str | None = None
    why: str = ""


def preview(sources: Sources, wish: Wish, *, at: datetime) -> Preview:
    """Say what an action would change, on which evidence; what cannot be done is not allowed, with the reason."""
    registry = sources.registry
    now = registry.assignments.of(wish.model)
    shown = Preview(action=wish.action, allowed=True, reason=None, expected=now.revision, says="")
    try:
        if wish.action == "register":
            return registering.preview(sources, shown, wish.model, wish.notebook)
        if wish.action == "retrain":
            return retraining.preview(registry, shown, wish.model)
        after = _after(registry, now, wish, at)
    except (InputError, PolicyError, ConflictError) as error:
        reason = f"{error.what} ({error.where})" if error.where else error.what
        advice = (error.help,) if error.help else ()
        return replace(
            shown, allowed=False, reason=reason, says=f"{wish.action} {wish.model}", warnings=advice
        )
    return _filled(sources, registry, shown, now, after)


def _after(registry: Registry, now: Assignment, wish: Wish, at: datetime) -> Assignment:
    """Give the assignment as an action would leave it. Raises InputError where it cannot."""
    if wish.action == "rollback":
        return lifecycle.rolled_back(
            now, registry.assignments.history(wish.model), registry.version_numbers(wish.model)
        )
    version = registry.version(wish.model, _version_of(wish))
    if version.status not in {"ready", "none"}:
        raise InputError(f"version {version.version} is {version.status}: it cannot answer yet")
    if wish.action == "challenge":
        return _challenged(registry, now, version, wish, at)
    after = roles.staged(now, version.version, STAGES[wish.action])
    if after == now:
        raise InputError(f"version {version.version} is {roles.stage_of(now, version.version)} already")
    lifecycle.allow(registry, version, STAGES[wish.action], who=wish.who, why=wish.why)
    return after


def _challenged(
    registry: Registry, now: Assignment, version: ModelVersion, wish: Wish, at: datetime
) -> Assignment:
    from nbship import policy
    from nbship.rollout import changes as rollouts
    from nbship.rollout import settings

    lifecycle.allow(registry, version, names.STAGE_PRODUCTION, who=wish.who, why=wish.why)
    plan = settings.read(policy.enforced(registry.config).rollout)
    history = registry.assignments.history(wish.model)
    return rollouts.begun(now, version.version, plan, at=at, history=history, again=False).to


def _version_of(wish: Wish) -> int:
    if wish.version is None:
        raise InputError(f"which version of {wish.model!r}?", help='name it: "version": NUMBER')
    return wish.version


def _filled(
    sources: Sources, registry: Registry, shown: Preview, now: Assignment, after: Assignment
) -> Preview:
    versions = {item.version: item for item in registry.versions(now.model)}
    role = "champion" if after.champion != now.champion else "challenger"
    was, will_be = (versions.get(getattr(one, role) or 0) for one in (now, after))
    evidence = _evidence(sources, registry, was or versions.get(now.champion or 0), will_be)
    warnings = [*_warnings(now, after), *_doubts(registry, evidence, will_be)]
    return replace(
        shown,
        says=says(now, after),
        changes=changes(now, after),
        evidence=evidence,
        warnings=tuple(warnings),
    )


def says(now: Assignment, after: Assignment) -> str:
    """Say what changes for those who ask the model.

    >>> from nbship.registry.assignment import Assignment
    >>> old = Assignment(model="m", revision=1, champion=1)
    >>> says(old, Assignment(model="m", revision=1, champion=2))
    'Version 2 answers instead of version 1'
    """
    if after.champion != now.champion:
        if after.champion is None:
            return f"Nobody answers any more: version {now.champion} is taken away"
        instead = f" instead of version {now.champion}" if now.champion is not None else ""
        return f"Version {after.champion} answers{instead}"
    if after.mode != "off" and now.mode == "off":
        return f"Version {after.challenger} begins its rollout ({_rollout(after)}); version {now.champion} answers"
    if after.challenger != now.challenger:
        if after.challenger is None:
            return f"Version {now.challenger} is no challenger any more; version {now.champion} answers as before"
        return f"Version {after.challenger} becomes challenger; version {now.champion} answers as before"
    return "Nothing changes for those who ask the model"


def changes(now: Assignment, after: Assignment) -> tuple[Change, ...]:
    """List what is different afterwards."""
    versions = sorted(
        {now.champion, now.challenger, after.champion, after.challenger, *now.archived, *after.archived}
        - {None},
        key=lambda number: number or 0,
    )
    pairs = [
        ("champion", _text(now.champion), _text(after.champion)),
        ("challenger", _text(now.challenger), _text(after.challenger)),
        ("rollout", _rollout(now), _rollout(after)),
        *(
            (f"stage of version {item}", roles.stage_of(now, item), roles.stage_of(after, item))
            for item in versions
            if item is not None
        ),
    ]
    return tuple(Change(what=what, before=one, after=other) for what, one, other in pairs if one != other)


def _text(version: int | None) -> str | None:
    return None if version is None else str(version)


def _rollout(item: Assignment) -> str | None:
    if item.mode == "off":
        return None
    return "shadow" if item.mode == "shadow" else f"canary {item.share * 100:g} %"


def _evidence(
    sources: Sources, registry: Registry, was: ModelVersion | None, will_be: ModelVersion | None
) -> tuple[Evidence, ...]:
    there = [item for item in (was, will_be) if item is not None]
    runs = sources.runs(registry, there)
    one, other = (
        dict(runs[item.run_id].metrics) if item and item.run_id and item.run_id in runs else {}
        for item in (was, will_be)
    )
    shared = sorted({*one, *other}, key=lambda name: (name not in one or name not in other, name))
    measured = [_compared(name, one.get(name), other.get(name)) for name in shared[:MOST_EVIDENCE]]
    drifts = [_drift(registry, item) for item in (was, will_be)]
    if any(drifts):
        measured.append(Evidence(name="drift", was=drifts[0], will_be=drifts[1], verdict="unknown"))
    return tuple(measured)


def _compared(name: str, was: float | None, will_be: float | None) -> Evidence:
    verdict: Evidence
    told = [None if value is None else f"{value:.4g}" for value in (was, will_be)]
    verdict = Evidence(name=name, was=told[0], will_be=told[1], verdict="unknown")
    up = better(name)
    if was is None or will_be is None or (up is None and was != will_be):
        return verdict
    if was == will_be:
        return replace(verdict, verdict="same")
    return replace(verdict, verdict="better" if (will_be > was) == (up == "higher") else "worse")


def _drift(registry: Registry, version: ModelVersion | None) -> str | None:
    windows = registry.windows(version) if version is not None else []
    return f"{windows[-1][0].severity.replace('_', ' ')} in {windows[-1][0].window}" if windows else None


def _warnings(now: Assignment, after: Assignment) -> list[str]:
    if now.mode != "off" and after.mode == "off":
        return [f"The rollout that runs ({_rollout(now)}) ends before it has decided"]
    return []


def _doubts(registry: Registry, evidence: Sequence[Evidence], version: ModelVersion | None) -> list[str]:
    if version is None:
        return []
    found = [
        f"{item.name} is worse: {item.will_be} after {item.was}"
        for item in evidence
        if item.verdict == "worse"
    ]
    windows = registry.windows(version)
    if windows and windows[-1][0].severity == "critical":
        found.append(f"Live data has drifted (critical) from what version {version.version} learnt")
    if not version.tags.get(names.TAG_REFERENCE):
        found.append(f"Version {version.version} brings no reference profile: its drift cannot be watched")
    return found


def act(sources: Sources, wish: Wish, *, expected: int, at: datetime) -> Done | Conflict:
    """Do it, if what they saw still stands; else give what stands now, and nothing is changed."""
    registry = sources.registry
    try:
        done = _do(sources, registry, wish, expected=expected, at=at)
    except ConflictError as error:
        return _conflict(registry, wish.model, error)
    return done


def _do(sources: Sources, registry: Registry, wish: Wish, *, expected: int, at: datetime) -> Done:
    told: dict[str, Any] = {"who": wish.who, "at": at, "why": wish.why, "expected": expected}

    def promote() -> Assignment:
        return lifecycle.promote(registry, wish.model, _version_of(wish), to=STAGES[wish.action], **told)

    def challenge() -> Assignment:
        from nbship.rollout import lifecycle as rollout

        return rollout.start(registry, wish.model, _version_of(wish), **told)

    def roll_back() -> Assignment:
        return lifecycle.roll_back(registry, wish.model, **told)

    def register() -> Assignment:
        _still(registry, wish.model, expected)
        registering.register(sources, registry, wish.model, wish.candidate or "", who=wish.who)
        return registry.assignments.of(wish.model)

    ways: Mapping[str, Callable[[], Assignment]] = {
        "promote": promote,
        "archive": promote,
        "challenge": challenge,
        "rollback": roll_back,
        "register": register,
    }
    if wish.action not in ways:
        raise InputError(f"{wish.action!r} is done by a job", help='ask for a job of kind "retrain"')
    before = registry.assignments.of(wish.model)
    after = ways[wish.action]()
    if wish.action == "register":
        return Done(
            says=f"A new version of {wish.model} is registered", assignment=standing.assignment_of(after)
        )
    return Done(says=says(before, after), assignment=standing.assignment_of(after))


def _still(registry: Registry, model: str, expected: int) -> None:
    """Raise ConflictError where another revision stands than was seen."""
    now = registry.assignments.of(model)
    if now.revision != expected:
        raise ConflictError(
            f"the assignment of {model!r} is at revision {now.revision}, not {expected}: nothing was changed",
            help="look at what stands now, and decide again",
        )


def _conflict(registry: Registry, model: str, error: NbshipError) -> Conflict:
    now = registry.assignments.of(model)
    history = registry.assignments.history(model)
    return Conflict(
        error=standing.problem_of(error),
        stands=standing.assignment_of(now) if now.revision else None,
        changed=standing.entry_of(history[-1]) if history else None,
    )
