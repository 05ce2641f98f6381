"""All models at a glance, for whoever looks after many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nbship import names
from nbship.registry.assignment import Assignment
from nbship.registry.audit import AuditRecord

if TYPE_CHECKING:
    from nbship.registry.facade import Registry

#: A tag of the registered model that says who answers for it; else it is who made the version that serves.
OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A model: whose it is, what answers and since when, what is tried, how far live data has drifted, open alerts.

    ``age_days`` counts from when the champion's version was registered.
    """

    model: str
    owner: str | None
    champion: int | None
    challenger: int | None
    mode: str
    share: float
    live_since: str | None
    by: str | None
    age_days: float | None
    versions: int
    drift: str | None
    alerts: int

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON knows it."""
        return asdict(self)


def fleet(registry: Registry, *, now: datetime, alerts: Mapping[str, int]) -> list[Row]:
    """Give a row for each model, by name. ``alerts`` counts the open alerts of each. Raises StoreError.

    MLflow is asked twice, however many models there are.
    """
    with registry.speaking():
        models = {item.name: dict(item.tags) for item in registry.mlflow_models()}
        versions: dict[str, dict[int, Any]] = {}
        for item in registry.all_mlflow_versions():
            versions.setdefault(item.name, {})[int(item.version)] = item
    assignments = {item.model: item for item in registry.assignments.all()}
    return [
        _row(
            assignments.get(model, Assignment(model=model, revision=0)),
            models.get(model, {}),
            versions.get(model, {}),
            registry.assignments.history(model),
            alerts=alerts.get(model, 0),
            now=now,
        )
        for model in sorted({*models, *assignments})
    ]


def _row(
    assigned: Assignment,
    tags: Mapping[str, str],
    versions: Mapping[int, Any],
    history: Sequence[AuditRecord],
    *,
    alerts: int,
    now: datetime,
) -> Row:
    live = versions.get(assigned.champion) if assigned.champion is not None else None
    own = dict(live.tags) if live is not None else {}
    came = _came(assigned, history)
    return Row(
        model=assigned.model,
        owner=tags.get(OWNER) or own.get(names.TAG_CREATED_BY),
        champion=assigned.champion,
        challenger=assigned.challenger,
        mode=assigned.mode,
        share=assigned.share,
        live_since=came.at.isoformat() if came is not None else None,
        by=came.who if came is not None else None,
        age_days=(now.timestamp() - live.creation_timestamp / 1000) / 86400 if live is not None else None,
        versions=len(versions),
        drift=own.get(names.TAG_DRIFT),
        alerts=alerts,
    )


def _came(assigned: Assignment, history: Sequence[AuditRecord]) -> AuditRecord | None:
    """Give the record by which the champion came to answer."""
    return next(
        (
            record
            for record in reversed(history)
            if record.after.champion == assigned.champion != record.before.champion
        ),
        None,
    )
