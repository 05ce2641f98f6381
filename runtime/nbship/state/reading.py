"""Draws the state of a model: registry, drift, assignment, alerts and history, each as far as its store answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from nbship import names
from nbship.errors import StoreError
from nbship.model import ModelVersion as Found
from nbship.model import RunDetails
from nbship.state import coding, memory, standing
from nbship.state.cellhashes import hashes_of
from nbship.state.documents import (
    SCHEMA,
    Alert,
    Assignment,
    HistoryEntry,
    ModelVersion,
    NamedDigest,
    NotebookName,
    Problem,
    State,
    Store,
    VersionDrift,
)
from nbship.state.drifting import drift_of
from nbship.state.metrics import key_metric_of, key_name

if TYPE_CHECKING:
    from nbship.registry import Registry
    from nbship.state.sources import Sources


def read(model: str, profile: str, *, sources: Sources, now: datetime) -> State:
    """Give the state of a model; where the registry does not answer, the last one known, marked as such."""
    store = Store(reachable=True, message=None, as_of=now.isoformat())
    try:
        current = _current(model, profile, sources, store)
    except StoreError as error:
        away = replace(store, reachable=False, message=str(error.what), help=error.help)
        known = memory.remembered(sources.settings, model, profile)
        if known is None:
            return _sealed(_empty(model, profile, away))
        return _sealed(replace(known, store=replace(away, as_of=known.store.as_of)))
    memory.remember(sources.settings, current)
    return current


def _current(model: str, profile: str, sources: Sources, store: Store) -> State:
    registry = sources.registry
    found = registry.versions(model)
    runs = sources.runs(registry, found)
    problems: list[Problem] = []
    assignment = standing.guarded(lambda: standing.assignment(sources, model), None, problems)
    no_history: tuple[HistoryEntry, ...] = ()
    no_alerts: tuple[Alert, ...] = ()
    history = standing.guarded(lambda: standing.history(sources, model), no_history, problems)
    alerts = standing.guarded(lambda: standing.alerts(sources, model, problems), no_alerts, problems)
    champion = _champion(found, assignment)
    before = _champion_before(champion, history)
    return _sealed(
        replace(
            _empty(model, profile, store),
            assignment=assignment,
            versions=_versions(registry, found, runs, champion, before),
            drift=_drifts(sources, registry, found, assignment),
            alerts=alerts,
            history=history,
            problems=tuple(problems),
        )
    )


def _champion(found: Sequence[Found], assignment: Assignment | None) -> int | None:
    if assignment is not None:
        return assignment.champion
    return next((item.version for item in found if names.ALIAS_LIVE in item.aliases), None)


def _champion_before(champion: int | None, history: Sequence[HistoryEntry]) -> int | None:
    """Give the version that answered before the champion did; history is newest first."""
    others = (entry.champion for entry in history if entry.champion not in (None, champion))
    return next(others, None)


def _versions(
    registry: Registry,
    found: Sequence[Found],
    runs: Mapping[str, RunDetails],
    champion: int | None,
    before: int | None,
) -> tuple[ModelVersion, ...]:
    details = {item.version: runs.get(item.run_id or "") for item in found}
    metrics = {number: dict(run.metrics) if run else {} for number, run in details.items()}
    name = key_name(metrics, champion)
    rows: list[ModelVersion] = []
    for item in found:
        run, against = details[item.version], before if item.version == champion else champion
        windows = registry.windows(item)
        rows.append(
            ModelVersion(
                version=item.version,
                status=item.status,
                stage=item.stage,
                aliases=item.aliases,
                created=item.created,
                created_by=item.created_by,
                run_id=item.run_id,
                metrics={key: _finite(value) for key, value in metrics[item.version].items()},
                datasets=tuple(NamedDigest(name=d.name, digest=d.digest) for d in run.datasets)
                if run
                else (),
                notebook=NotebookName(
                    id=item.tags.get(names.TAG_NOTEBOOK_ID), name=item.tags.get(names.TAG_NOTEBOOK_NAME)
                ),
                package_commit=item.tags.get(names.TAG_PACKAGE_COMMIT),
                cells=len(hashes_of(item)),
                key_metric=key_metric_of(name, metrics, item.version, against),
                drift=windows[-1][0].severity if windows else None,
            )
        )
    return tuple(rows)


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None  # NaN too: JSON has no word for either


def _drifts(
    sources: Sources, registry: Registry, found: Sequence[Found], assignment: Assignment | None
) -> tuple[VersionDrift, ...]:
    """Give the drift of the versions that answer; where none of them was watched, of the newest that was."""
    roles = {assignment.champion, assignment.challenger} if assignment is not None else set()
    deployed = [item for item in found if item.aliases or item.version in roles]
    watched = [drift for item in deployed if (drift := drift_of(sources, registry, item)) is not None]
    if not watched:
        others = (item for item in found if registry.windows(item))
        newest = next(others, None)
        drift = drift_of(sources, registry, newest) if newest is not None else None
        watched = [drift] if drift is not None else []
    return tuple(watched)


def _empty(model: str, profile: str, store: Store) -> State:
    return State(
        schema=SCHEMA,
        model=model,
        profile=profile,
        revision="",
        store=store,
        assignment=None,
        versions=(),
        drift=(),
        alerts=(),
        history=(),
        problems=(),
    )


def _sealed(state: State) -> State:
    """Give the state its revision: that of all that is shown, but for the moment in which it was read."""
    timeless = replace(state, revision="", store=replace(state.store, as_of="", message=None, help=None))
    return replace(state, revision=hashlib.sha256(coding.encoded(timeless)).hexdigest()[:8])
