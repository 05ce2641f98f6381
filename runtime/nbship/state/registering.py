"""The fitted models of a notebook that are recorded and not registered, and registering one of them.

Their bytes are in the blob store already, so that no kernel is asked, and nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from nbship import drain, journal, names, tracking
from nbship.errors import InputError
from nbship.journal import Blobs
from nbship.model import Registration
from nbship.record import run_records
from nbship.state.documents import Candidate, Preview

if TYPE_CHECKING:
    from nbship.config import Config
    from nbship.facts import ModelRegistered
    from nbship.model import RunRecord
    from nbship.registry import Registry
    from nbship.state.sources import Sources

#: How far back is looked: sessions, newest first.
MOST_SESSIONS = 20
MOST_CANDIDATES = 20


def preview(sources: Sources, shown: Preview, model: str, notebook: str | None) -> Preview:
    """List what can be registered. Raises InputError where there is nothing."""
    found = [_candidate(record, fact) for record, fact in fitted(sources.settings, notebook)][
        :MOST_CANDIDATES
    ]
    where = f"of {notebook}" if notebook else "of your notebooks"
    if not found:
        raise InputError(f"no fitted model {where} is recorded that is not registered yet")
    return replace(
        shown,
        says=f"A fitted model {where} becomes the next version of {model}",
        candidates=tuple(found),
        warnings=(
            f"It brings no reference profile; `%ship register VARIABLE --name {model}` in the notebook records one",
        ),
    )


def fitted(settings: Config, notebook: str | None) -> Iterator[tuple[RunRecord, ModelRegistered]]:
    """Give the fitted models of a notebook whose bytes are kept, newest first."""
    blobs = Blobs(folder=settings.blobs)
    looked = 0
    for folder in reversed(journal.sessions(settings.journals)):
        reading = journal.read(folder)
        records = run_records(reading.session, reading.facts, live=False)
        mine = [item for item in records if notebook in (None, "", item.tags.get(names.TAG_NOTEBOOK_NAME))]
        looked += bool(mine)
        for record in reversed(mine):
            yield from ((record, fact) for fact in reversed(record.models) if blobs.path(fact.blob).is_file())
        if looked >= MOST_SESSIONS:
            return


def _candidate(record: RunRecord, fact: ModelRegistered) -> Candidate:
    return Candidate(
        id=f"{record.session}:{fact.ordinal}",
        variable=fact.variable,
        type=fact.type,
        run=record.name,
        at=fact.at,
    )


def register(sources: Sources, registry: Registry, model: str, candidate: str, *, who: str) -> int:
    """Register a fitted model, once however often it is asked, and give its version.

    Raises InputError where it is recorded no more.
    """
    settings = sources.settings
    for record, fact in fitted(settings, None):
        if f"{record.session}:{fact.ordinal}" == candidate:
            run_id = _run_id(settings, record) or tracking.write_run(registry.client, settings, record)
            registration = Registration(fact=replace(fact, model=model, user=who))
            return registry.register(record, registration, run_id=run_id, blobs=Blobs(folder=settings.blobs))
    raise InputError(
        "this fitted model is not recorded any more", help="open the preview again: it lists what there is"
    )


def _run_id(settings: Config, record: RunRecord) -> str | None:
    """Give the MLflow run of a record, where it has been written."""
    rows = (
        row
        for row in drain.receipts(settings)
        if (row.get("session"), row.get("run")) == (record.session, record.ordinal)
    )
    return next((str(row["run_id"]) for row in rows if row.get("run_id")), None)
