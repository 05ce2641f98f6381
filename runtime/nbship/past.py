"""Runs that were recorded, read back from MLflow: what `nbship runs`, `compare` and `reproduce` look at."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship import names, store
from nbship.errors import InputError
from nbship.model import Dataset, Executed

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from nbship.config import Config

_LAST = re.compile(r"last(?:~(?P<back>\d+))?")
_SHOWN_ID = 8
_MOST_RUNS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run as the store has it. ``metrics`` are the last values; ``started`` is UTC, ISO 8601.

    ``history`` is every execution of a cell up to the run's end, ``own`` the parameters and metric values that were
    recorded for it, as ``recorded`` gives them; both are empty before `Past.whole`.
    """

    run_id: str
    name: str
    started: str
    status: str
    notebook: str | None
    number: int
    cells: int
    commit: str | None
    dirty: bool | None
    python: str | None
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    datasets: tuple[Dataset, ...] = ()
    requirements: tuple[str, ...] = ()
    history: tuple[Executed, ...] = ()
    own: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        """The head of the run's id, which is enough to name it."""
        return self.run_id[:_SHOWN_ID]

    @property
    def pins(self) -> dict[str, str]:
        """The version of each distribution that was imported."""
        return {name: number for name, _, number in (line.partition("==") for line in self.requirements)}

    def to_json(self) -> dict[str, Any]:
        """Give what `nbship runs --json` prints of it."""
        return {
            "run_id": self.run_id,
            "name": self.name,
            "started": self.started,
            "status": self.status,
            "notebook": self.notebook,
            "cells": self.cells,
            "commit": self.commit,
            "dirty": self.dirty,
            "params": dict(self.params),
            "metrics": dict(self.metrics),
            "datasets": [
                {"name": item.name, "digest": item.digest, "file": item.file} for item in self.datasets
            ],
        }


class Past:
    """The recorded runs of a store, newest first. Raises StoreError where the store does not answer."""

    def __init__(self, config: Config, client: MlflowClient | None = None) -> None:
        self._config = config
        self._client = client if client is not None else store.connect(config)

    def runs(self) -> list[PastRun]:
        """Give all runs that nbship has recorded."""
        with store.speaking_to(self._config.tracking_uri):
            ids = [found.experiment_id for found in self._client.search_experiments()]
            found = self._client.search_runs(
                ids, f"tags.`{names.TAG_SESSION}` != ''", max_results=_MOST_RUNS, order_by=["start_time DESC"]
            )
        return [_head(run) for run in found]

    def find(self, which: str) -> PastRun:
        """Give the run that an id, the head of one, a name, ``last`` or ``last~1`` says. Raises InputError."""
        return choose(self.runs(), which)

    def one(self, run_id: str) -> PastRun:
        """Give the run of an id, as far as its tags tell."""
        with store.speaking_to(self._config.tracking_uri):
            return _head(self._client.get_run(run_id))

    def whole(self, run: PastRun) -> PastRun:
        """Give a run with what stands in its artifacts; what is not there stays empty."""
        with tempfile.TemporaryDirectory() as folder, store.speaking_to(self._config.tracking_uri):
            there = {item.path for item in self._client.list_artifacts(run.run_id, "nbship")}
            texts = {
                path: Path(self._client.download_artifacts(run.run_id, path, folder)).read_text(
                    encoding="utf-8"
                )
                for path in (names.ARTIFACT_HISTORY, names.ARTIFACT_ENVIRONMENT)
                if path in there
            }
        told = json.loads(texts.get(names.ARTIFACT_HISTORY, "{}"))
        return replace(
            run,
            requirements=tuple(texts.get(names.ARTIFACT_ENVIRONMENT, "").split()),
            history=tuple(Executed(**item) for item in told.get("cells", ())),
            own=told.get("recorded"),
        )


def choose(runs: Sequence[PastRun], which: str) -> PastRun:
    """Give the run that ``which`` names; ``runs`` are newest first. Raises InputError where none or several fit."""
    if (back := _LAST.fullmatch(which)) is not None and len(runs) > int(back["back"] or 0):
        return runs[int(back["back"] or 0)]
    named = [run for run in runs if run.run_id == which] or [run for run in runs if run.name == which]
    found = named or [run for run in runs if which and run.run_id.startswith(which)]
    if len(found) == 1:
        return found[0]
    if found:
        these = ", ".join(f"{run.id} ({run.started[:16]})" for run in found[:5])
        raise InputError(f"{which!r} may be any of {len(found)} runs", help=f"name it by its id: {these}")
    known = ", ".join(f"{run.id} ({run.name})" for run in runs[:5]) or "none yet"
    raise InputError(f"there is no run {which!r}", help=f"the newest runs: {known}; `nbship runs` lists them")


def recorded(params: Mapping[str, str], metrics: Sequence[tuple[str, int, float]]) -> dict[str, Any]:
    """Give the values of a run as they stand in its history: metrics as (key, step, value as text, every digit)."""
    return {
        "params": dict(params),
        "metrics": [[key, step, repr(float(value))] for key, step, value in metrics],
    }


def _head(run: Run) -> PastRun:
    tags: Mapping[str, str] = run.data.tags
    rows = json.loads(tags.get(names.TAG_DATASETS, "[]"))
    dirty = tags.get(names.TAG_DIRTY)
    return PastRun(
        run_id=run.info.run_id,
        name=run.info.run_name or run.info.run_id,
        started=datetime.fromtimestamp(run.info.start_time / 1000, UTC).isoformat(timespec="seconds"),
        status=str(run.info.status).lower(),
        notebook=tags.get(names.TAG_NOTEBOOK_NAME),
        number=int(tags.get(names.TAG_RUN, 0)),
        cells=int(tags.get(names.TAG_CELLS, 0)),
        commit=tags.get("mlflow.source.git.commit"),
        dirty=None if dirty is None else dirty == "true",
        python=tags.get(names.TAG_PYTHON),
        params=dict(sorted(run.data.params.items())),
        metrics=dict(sorted(run.data.metrics.items())),
        datasets=tuple(Dataset(name=row["name"], digest=row["digest"], file=row.get("file")) for row in rows),
    )
