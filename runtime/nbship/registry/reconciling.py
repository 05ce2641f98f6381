"""Keep MLflow and the assignment the same, whoever changed which, and whoever died on the way.

The database notes which revision MLflow shows. Where that is behind, somebody died before MLflow was told, and it is
told now. Where MLflow shows something that we never wrote, somebody has changed it there: the assignment follows
where that makes sense, and a record says so either way. Only one process at a time does this for a model.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nbship import names, store
from nbship.errors import ConflictError, RefusedError
from nbship.leases import Clock, utc_now
from nbship.registry.assignment import Assignment
from nbship.registry.audit import Head
from nbship.registry.projection import Deviation, View, deviations, found_in, taken_over, view_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

    from nbship.registry.facade import Registry

_log = logging.getLogger("nbship.registry")
#: Longer than any client of MLflow waits for all the answers that one projection needs.
_LEASE = timedelta(minutes=2)
_ROUNDS = 10
#: MLflow does not say who changed something in it.
SOMEBODY = "somebody, in MLflow"


def reconcile(registry: Registry, model: str, *, clock: Clock = utc_now) -> Assignment:
    """Give the assignment, after MLflow shows it and it has followed what was done in MLflow.

    Where another process is at it, that one also sees what was changed meanwhile. Raises StoreError.
    """
    assignments = registry.assignments
    for _ in range(_ROUNDS):
        if _is_settled(registry, model):
            break
        with registry.leases.held(f"project:{model}", _LEASE) as mine:
            if not mine:
                break
            try:
                _settle(registry, model, clock)
            except ConflictError:  # somebody decided meanwhile: look again
                continue
        if assignments.shown_revision(model) == assignments.of(model).revision:
            break  # else somebody decided while MLflow was told, and found the lease taken
    return assignments.of(model)


def _is_settled(registry: Registry, model: str) -> bool:
    """Whether MLflow shows what stands, so that nothing is to be written anywhere."""
    with registry.speaking():
        shows = look(registry, model)
    now = registry.assignments.of(model)
    if shows is None or now.revision == 0 or registry.assignments.shown_revision(model) != now.revision:
        return False
    return bool(shows.head) and not deviations(now, now, shows)


def _settle(registry: Registry, model: str, clock: Clock) -> None:
    """Follow what was done in MLflow, then show what stands."""
    with registry.speaking():
        shows = look(registry, model)
    _see_that_it_is_ours(registry, model, shows)
    if shows is None:
        return
    now = _follow(registry, model, shows, clock)
    if now.revision:
        with registry.speaking():
            _show(registry, now, shows)
        registry.assignments.mark_shown(now)


def _see_that_it_is_ours(registry: Registry, model: str, shows: View | None) -> None:
    """Raise RefusedError where MLflow is not the one that we have shown this history: else all would look deleted."""
    shown = registry.assignments.shown_revision(model)
    if shown and (shows is None or not (shows.head or shows.heads)):
        raise RefusedError(
            f"this MLflow does not know {model!r}, or not its history: nothing was changed in either",
            where=store.shown(registry.config.tracking_uri),
            help="each MLflow has a database of nbship's own: set NBSHIP_STATE_URL to the one that belongs to it; "
            "where this MLflow is new, to a new one",
        )


def _follow(registry: Registry, model: str, shows: View, clock: Clock) -> Assignment:
    assignments = registry.assignments
    now = assignments.of(model)
    if now.revision == 0:
        after, found, left = found_in(model, shows), _nothing, _nothing
        if after == now:
            return now
        why = "found in the registry"
    else:
        found = deviations(now, assignments.shown_last(model), shows)
        if not found:
            return now
        behind = assignments.shown_revision(model) < now.revision
        gone = [item for item in found if item.subject == "gone"]
        after, left = taken_over(now, gone if behind else found)
        left = [item for item in found if item not in gone] if behind else left
        why = "; ".join(item.says for item in found)
    for item in left:
        _log.warning("%s: changed in MLflow, and changed back: %s", model, item.says)
    return assignments.change(
        after,
        expected=now.revision,
        action=names.ACTION_ELSEWHERE,
        who=SOMEBODY,
        at=clock(),
        why=why,
        evidence={
            "taken over": [item.says for item in found if item not in left],
            "changed back": [item.says for item in left],
        },
    )


_nothing: Sequence[Deviation] = ()


def look(registry: Registry, model: str) -> View | None:
    """Tell what MLflow shows of a model; None where it has no such model."""
    from mlflow.exceptions import MlflowException

    try:
        shown = registry.client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    found, tag = registry.mlflow_versions(model), _head_tag(registry, model)
    aliases: Mapping[str, Any] = shown.aliases
    champion, challenger = aliases.get(names.ALIAS_LIVE), aliases.get(names.ALIAS_CANDIDATE)
    return View(
        champion=int(champion) if champion is not None else None,
        challenger=int(challenger) if challenger is not None else None,
        stages={int(item.version): stage_tag(item) for item in found},
        head=shown.tags.get(tag),
        heads={int(item.version): item.tags[tag] for item in found if tag in item.tags},
    )


def stage_tag(item: MlflowVersion) -> str:
    """Give the stage that MLflow shows of a version."""
    return str(item.tags.get(names.TAG_STAGE, names.STAGE_EXPERIMENTAL))


def _show(registry: Registry, now: Assignment, shows: View) -> None:
    """Change what is not as it should be; the head last, so that it never tells of what is not there."""
    client, wanted = registry.client, view_of(now, shows.stages)
    for alias, version in wanted.aliases.items():
        if version is None and shows.aliases[alias] is not None:
            client.delete_registered_model_alias(now.model, alias)
        elif version is not None and shows.aliases[alias] != version:
            client.set_registered_model_alias(now.model, alias, str(version))
    for version, stage in wanted.stages.items():
        if shows.stages[version] != stage:
            client.set_model_version_tag(now.model, str(version), names.TAG_STAGE, stage)
    head, tag = registry.assignments.head(now.model), _head_tag(registry, now.model)
    for version in filter(None, (now.champion, now.challenger)):
        if _continues(registry, now.model, shows.heads.get(version), head):
            client.set_model_version_tag(now.model, str(version), tag, str(head))
    if _continues(registry, now.model, shows.head, head):
        client.set_registered_model_tag(now.model, tag, str(head))


def _head_tag(registry: Registry, model: str) -> str:
    head = registry.assignments.head(model)
    return names.TAG_HEAD + (head.chain if head else "")


def _continues(registry: Registry, model: str, there: str | None, head: Head | None) -> bool:
    """Whether a head goes in place of the one that is there: never of one that tells of other records than ours."""
    if head is None or there == str(head):
        return False
    before = Head.parse(there or "")
    if before is None or registry.assignments.holds(model, before):
        return True
    _log.error(
        "the history of %s is not the one that MLflow has seen: nbship history %s --verify", model, model
    )
    return False
