"""What people and programs do to a registered model: place a version, promote it, roll back.

Each is one change of the assignment with its record, after which MLflow is made to show it. ``expected`` is the
revision that whoever decides has seen; ConflictError where another one stands by now.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nbship import names
from nbship.errors import ConflictError, InputError, PolicyError, StoreError
from nbship.model import ModelVersion, Stage
from nbship.registry import assignment as roles
from nbship.registry.assignment import Assignment
from nbship.registry.audit import AuditRecord
from nbship.registry.reconciling import reconcile

if TYPE_CHECKING:
    from nbship.registry.facade import Registry

_log = logging.getLogger("nbship.registry")
#: How often a change that nobody has decided by hand is tried anew where others change the same model.
_TRIES = 20


def promote(
    registry: Registry,
    model: str,
    version: int,
    *,
    to: Stage,
    who: str,
    at: datetime,
    why: str = "",
    expected: int | None = None,
    evidence: Mapping[str, Any] = {},
) -> Assignment:
    """Give a version a stage, and give the assignment as it stands now.

    Raises InputError where there is no such version, PolicyError where the policy does not allow it, ConflictError
    where ``expected`` is not what stands.
    """
    assignments = registry.assignments
    now = assignments.of(model)
    allow(registry, registry.version(model, version), to, who=who, why=why)
    after = roles.staged(now, version, to)
    done = assignments.change(
        after,
        expected=now.revision if expected is None else expected,
        action=names.ACTION_ARCHIVED if to == names.STAGE_ARCHIVED else names.ACTION_PROMOTED,
        who=who,
        at=at,
        why=why,
        evidence={"version": version, "stage": to, **evidence},
    )
    _shown(registry, model)
    return done


def allow(registry: Registry, version: ModelVersion, stage: Stage, *, who: str, why: str) -> None:
    """Raise PolicyError where the organisation's policy does not allow a version a stage."""
    from nbship import policy
    from nbship.registry.lineage import lineage_of

    rules = policy.of(registry.config)
    if rules is None:
        return
    lineage = lineage_of(registry, version)
    rules.allow(
        policy.Request(
            model=version.model,
            version=version.version,
            stage=stage,
            before=lineage.stage,
            who=who,
            why=why,
            checks=lineage.checks,
            lacking=tuple(lineage.lacking()),
        )
    )


def roll_back(
    registry: Registry,
    model: str,
    *,
    who: str,
    at: datetime,
    why: str = "",
    to: int | None = None,
    expected: int | None = None,
    evidence: Mapping[str, Any] = {},
) -> Assignment:
    """End the rollout that runs; where none does, let the champion before this one answer again.

    Raises InputError where there is nothing to go back to.
    """
    assignments = registry.assignments
    now = assignments.of(model)
    after = rolled_back(now, assignments.history(model), registry.version_numbers(model), to=to)
    done = assignments.change(
        after,
        expected=now.revision if expected is None else expected,
        action=names.ACTION_ROLLED_BACK,
        who=who,
        at=at,
        why=why,
        evidence={"from": now.champion if after.champion != now.champion else now.challenger, **evidence},
    )
    _shown(registry, model)
    return done


def rolled_back(
    now: Assignment, history: Sequence[AuditRecord], there: Sequence[int], *, to: int | None = None
) -> Assignment:
    """Give what rolling back would make of an assignment. ``there`` are the versions that exist."""
    if now.mode != "off" and to is None:
        assert now.challenger is not None
        return roles.staged(now, now.challenger, names.STAGE_ARCHIVED)
    target = to if to is not None else previous_champion(now, history, there)
    if target is None or target not in there:
        missing = "no earlier champion is known" if to is None else f"there is no version {to}"
        known = ", ".join(str(number) for number in sorted(there)) or "none"
        raise InputError(
            f"{now.model!r} cannot be rolled back: {missing}",
            help=f"versions: {known}; `nbship promote {now.model} VERSION --to production`",
        )
    if target == now.champion:
        raise InputError(f"version {target} of {now.model!r} is champion already")
    return roles.staged(now, target, names.STAGE_PRODUCTION)


def previous_champion(now: Assignment, history: Sequence[AuditRecord], there: Sequence[int]) -> int | None:
    """Give the version that answered before the champion came; what was rolled back is not come back to."""
    before: list[int] = []
    for record in history:
        champion = record.after.champion
        if champion is None or champion == record.before.champion:
            continue
        if record.action == names.ACTION_ROLLED_BACK and champion in before:
            del before[before.index(champion) :]
        before.append(champion)
    return next((number for number in reversed(before) if number != now.champion and number in there), None)


def place(registry: Registry, model: str, version: int, *, who: str, at: datetime) -> Assignment:
    """Enter a new version, once however often this is called: the first is champion, a later one challenges.

    Where the organisation's policy does not allow that, it is experimental, and its record says so.
    """
    assignments = registry.assignments
    if assignments.of(model).revision == 0:
        reconcile(registry, model)  # it may have been in MLflow before nbship's history began
    for _ in range(_TRIES):
        now = assignments.of(model)
        if not _is_registered(assignments.history(model), version):
            after, refused = _placed(registry, now, version, who)
            try:
                assignments.change(
                    after,
                    expected=now.revision,
                    action=names.ACTION_REGISTERED,
                    who=who,
                    at=at,
                    why=refused,
                    evidence={"version": version},
                )
            except ConflictError:
                continue
        break
    return reconcile(registry, model)


def _placed(registry: Registry, now: Assignment, version: int, who: str) -> tuple[Assignment, str]:
    """Give the assignment with a new version in its place, and why it has none where the policy says so."""
    after = roles.placed(now, version)
    if after == now:
        return now, ""
    try:
        allow(registry, registry.version(now.model, version), roles.stage_of(after, version), who=who, why="")
    except PolicyError as error:
        return now, error.what
    return after, ""


def _shown(registry: Registry, model: str) -> None:
    """Make MLflow show what was decided; where it does not answer, the next that looks does it."""
    try:
        reconcile(registry, model)
    except StoreError as error:
        _log.warning("it is done, but MLflow does not show it yet: %s", error.what)


def _is_registered(history: Sequence[AuditRecord], version: int) -> bool:
    return any(
        record.action == names.ACTION_REGISTERED and record.evidence.get("version") == version
        for record in history
    )
