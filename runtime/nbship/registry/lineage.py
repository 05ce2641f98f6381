"""Where a version comes from and how it came to answer: one record for what people ask of a model in production."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbship import names
from nbship.errors import StoreError
from nbship.model import Dataset, ModelVersion, Stage
from nbship.past import Past, PastRun
from nbship.registry.assignment import Assignment, stage_of
from nbship.registry.audit import AuditRecord
from nbship.registry.lifecycle import previous_champion

if TYPE_CHECKING:
    from nbship.registry.facade import Registry

#: What a version may be asked to know of itself, and the words for it.
PARTS: Mapping[str, str] = {
    "commit": "the code's commit",
    "notebook": "the notebook and its cells",
    "datasets": "the data, with content hashes",
    "environment": "the environment",
    "metrics": "metrics",
    "profile": "a reference profile",
    "signature": "a signature",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Since when something holds, who decided it, and why; ``number`` is the record in the history."""

    number: int
    at: str
    who: str
    action: str
    why: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """A version: where it comes from, since when it has its stage, and what answered before.

    ``cells`` are the hashes of the notebook's cells, ``commit`` is of the code that made it; ``goes_back_to`` is the
    version that ``nbship rollback`` would bring back, of a champion.
    """

    model: str
    version: int
    stage: Stage
    created: str
    created_by: str | None
    decision: Decision | None
    goes_back_to: int | None
    notebook: str | None
    notebook_id: str | None
    cells: Mapping[str, str]
    run_id: str | None
    commit: str | None
    dirty: bool | None
    datasets: tuple[Dataset, ...]
    python: str | None
    environment: tuple[str, ...]
    metrics: Mapping[str, float]
    profile: bool
    signature: tuple[tuple[str, str], ...]
    checks: Mapping[str, str]

    def lacking(self) -> list[str]:
        """Give the parts, as ``PARTS`` names them, of which nothing is known."""
        known = {
            "commit": self.commit,
            "notebook": self.notebook and self.cells,
            "datasets": self.datasets and all(item.digest or item.file for item in self.datasets),
            "environment": self.environment,
            "metrics": self.metrics,
            "profile": self.profile,
            "signature": self.signature,
        }
        return [part for part in PARTS if not known[part]]

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON knows it."""
        document: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return document


def lineage_of(registry: Registry, version: ModelVersion) -> Lineage:
    """Give what is known of a version; what nobody has recorded stays empty. Raises StoreError."""
    assignments = registry.assignments
    now, history = assignments.of(version.model), assignments.history(version.model)
    run = _run(registry, version)
    tags = version.tags
    stage = stage_of(now, version.version) if now.revision else version.stage
    return Lineage(
        model=version.model,
        version=version.version,
        stage=stage,
        created=version.created,
        created_by=version.created_by,
        decision=decided(now, history, version.version),
        goes_back_to=_goes_back_to(now, history, version.version, registry.version_numbers(version.model)),
        notebook=tags.get(names.TAG_NOTEBOOK_NAME),
        notebook_id=tags.get(names.TAG_NOTEBOOK_ID),
        cells=json.loads(tags.get(names.TAG_CELL_HASHES, "{}")),
        run_id=version.run_id,
        commit=tags.get(names.TAG_PACKAGE_COMMIT) or (run.commit if run else None),
        dirty=run.dirty if run else None,
        datasets=run.datasets if run else (),
        python=run.python if run else None,
        environment=run.requirements if run else (),
        metrics=run.metrics if run else {},
        profile=bool(tags.get(names.TAG_REFERENCE)),
        signature=signature_of(registry, version),
        checks=checks_of(registry, version),
    )


def decided(now: Assignment, history: Sequence[AuditRecord], version: int) -> Decision | None:
    """Give the decision by which a version has the stage that it has; None where nobody has decided anything."""
    stage = stage_of(now, version)
    for record in reversed(history):
        if stage_of(record.after, version) == stage != stage_of(record.before, version) or (
            record.evidence.get("version") == version and stage_of(record.after, version) == stage
        ):
            return Decision(
                number=record.number,
                at=record.at.isoformat(),
                who=record.who,
                action=record.action,
                why=record.why,
                evidence=record.evidence,
            )
    return None


def checks_of(registry: Registry, version: ModelVersion) -> dict[str, str]:
    """Give what gates have said of a version: by tags of its own, or of its run."""
    with contextlib.suppress(StoreError):
        tags = {**registry.run_tags(version), **version.tags}
        return {
            name.removeprefix(names.TAG_GATE): status
            for name, status in sorted(tags.items())
            if name.startswith(names.TAG_GATE)
        }
    return {}


def _goes_back_to(
    now: Assignment, history: Sequence[AuditRecord], version: int, there: Sequence[int]
) -> int | None:
    return previous_champion(now, history, there) if version == now.champion else None


def _run(registry: Registry, version: ModelVersion) -> PastRun | None:
    if version.run_id is None:
        return None
    past = Past(registry.config, registry.client)
    with contextlib.suppress(StoreError):  # a run that somebody deleted for good
        return past.whole(past.one(version.run_id))
    return None


def signature_of(registry: Registry, version: ModelVersion) -> tuple[tuple[str, str], ...]:
    """Give the columns that a version takes, with their types; empty where that is not known."""
    if version.source is None:
        return ()
    from mlflow.models import get_model_info

    with contextlib.suppress(StoreError), registry.speaking():
        found: Any = get_model_info(f"models:/{version.model}/{version.version}").signature
        inputs = found.inputs if found is not None else None
        if inputs is not None and inputs.has_input_names():
            return tuple((column.name, str(getattr(column.type, "name", column.type))) for column in inputs)
    return ()
