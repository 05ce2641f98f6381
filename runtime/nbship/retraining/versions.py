"""Registers a model that was trained anew: an ordinary run and an ordinary version, with their whole lineage."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import datetime

from nbship import names, record, repository, tracking
from nbship.facts import ModelRegistered
from nbship.gates.settings import Repository
from nbship.gates.verdict import Verdict
from nbship.journal import Blobs
from nbship.model import MetricValue, Registration, RunRecord
from nbship.notebooks import cell_hashes
from nbship.registry import Registry
from nbship.retraining.training import Trained

_LONGEST_TAG = 5000
#: What the session of such a run begins with.
SESSION = "retrain-"


def register(
    registry: Registry,
    model: str,
    trained: Trained,
    *,
    source: Repository,
    verdicts: Iterable[Verdict],
    why: str,
    who: str,
    began: datetime,
    ended: datetime,
) -> int:
    """Give the number of the new version. Raises StoreError."""
    blobs = Blobs(folder=registry.config.blobs)
    fact = ModelRegistered(
        ordinal=0,
        at=ended.isoformat(),
        model=model,
        variable=trained.variable,
        type=trained.type,
        format="cloudpickle",
        blob=blobs.put(trained.model),
        predicts=trained.predicts,
        signature=trained.signature,
        user=who,
    )
    registration = Registration(
        fact=fact, profile_blob=blobs.put(trained.profile) if trained.profile is not None else None
    )
    session = SESSION + uuid.uuid4().hex[:16]
    run = RunRecord(
        session=session,
        ordinal=0,
        name=f"retrain {model} {ended:%Y-%m-%d %H:%M}",
        started_ms=_ms(began),
        ended_ms=_ms(ended),
        user=who,
        params={"retrained_because": why[:500]},
        metrics=tuple(
            MetricValue(key=name, value=value, at_ms=_ms(ended), step=0)
            for name, value in sorted(trained.metrics.items())
        ),
        tags={
            **_tags(source, trained, session),
            **{names.TAG_GATE + verdict.gate: verdict.status for verdict in verdicts},
            **record.dataset_tag(trained.datasets),
        },
        datasets=trained.datasets,
        requirements=trained.requirements,
        registrations=(registration,),
    )
    with registry.speaking():
        run_id = tracking.write_run(registry.client, registry.config, run)
    return registry.register(run, registration, run_id=run_id, blobs=blobs)


def _tags(source: Repository, trained: Trained, session: str) -> dict[str, str]:
    commit, dirty = repository.head_of(source.root), repository.is_dirty(source.root)
    tags = {
        names.TAG_SESSION: session,
        names.TAG_RUN: "0",
        names.TAG_CELLS: "0",
        names.TAG_PYTHON: trained.python,
        names.TAG_NOTEBOOK_NAME: source.notebook.name if source.notebook else None,
        names.TAG_CELL_HASHES: _cells(source),
        names.TAG_PACKAGE_COMMIT: commit,
        names.TAG_DIRTY: None if dirty is None else json.dumps(dirty),
        "mlflow.source.git.commit": commit,
        "mlflow.source.name": source.package,
        "mlflow.source.type": "PROJECT",
    }
    return {name: value for name, value in tags.items() if value}


def _cells(source: Repository) -> str | None:
    """Give the hashes of the notebook's cells, as the repository has them; None where they are more than a tag takes."""
    text = (
        json.dumps(cell_hashes(source.root / source.notebook), separators=(",", ":"))
        if source.notebook
        else ""
    )
    return text if len("{}") < len(text) <= _LONGEST_TAG else None


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
