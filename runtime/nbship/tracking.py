"""Writes a run record into MLflow, as often as one likes: the run is found again, and nothing is doubled."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nbship import foreign, names, past
from nbship.foreign import Values
from nbship.journal import Blobs
from nbship.model import MetricValue

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, FileInfo, Run

    from nbship.config import Config
    from nbship.model import Attachment, Dataset, RunRecord

_T = TypeVar("_T")

_PARAMS_PER_BATCH = 100  # the limits of mlflow's log_batch
_METRICS_PER_BATCH = 1000
_LONGEST_DIGEST = 36  # mlflow cuts a dataset's digest here; the whole one stands in a tag of the run


def write_run(client: MlflowClient, config: Config, record: RunRecord) -> str:
    """Bring the MLflow run of ``record`` up to date, and give its id.

    A run that the user has moved to MLflow's trash stays there, as it is.
    """
    experiment_id = experiment(client, config)
    run = _find(client, experiment_id, record) or _create(client, experiment_id, record)
    run_id: str = run.info.run_id
    if run.info.lifecycle_stage == "deleted":
        return run_id
    history = _histories(client, run, {item.key for item in record.metrics} & set(run.data.metrics))
    _log_values(client, run_id, foreign.missing(record, run.data.params, history))
    _log_rest(client, config, run_id, record)
    if record.ended_ms is not None and run.info.status == "RUNNING":
        client.set_terminated(run_id, "FINISHED", record.ended_ms)
    return run_id


def write_into(client: MlflowClient, config: Config, record: RunRecord, attached: Attachment) -> str:
    """Add to the user's own run what is not in it yet, and give its id; it is theirs to name and to end.

    Values wait until the user logs nothing more into it: only then can be told what is there already.
    """
    run = client.get_run(attached.run_id)
    if run.info.lifecycle_stage != "deleted":
        history = _histories(client, run, run.data.metrics)
        held = Values(params=run.data.params, tags=run.data.tags, metrics=history)
        _log_values(client, attached.run_id, foreign.beside(record, held, settled=attached.settled))
        _log_rest(client, config, attached.run_id, record)
    return attached.run_id


def has_models(client: MlflowClient, run_id: str) -> bool:
    """Tell whether the user, or ``mlflow.autolog``, has logged models into a run; ours have a session."""
    outputs = client.get_run(run_id).outputs
    ids = [item.model_id for item in outputs.model_outputs] if outputs is not None else []
    return any(names.TAG_SESSION not in client.get_logged_model(model_id).tags for model_id in ids)


def set_aside(client: MlflowClient, config: Config, record: RunRecord, keep: str) -> None:
    """Move our own run of ``record`` to the trash, now that all it held is in the user's run ``keep``.

    One that a registered version points to is left.
    """
    run = _find(client, experiment(client, config), record, other_than=keep)
    if run is None or run.info.lifecycle_stage == "deleted":
        return
    if not client.search_model_versions(f"run_id = '{run.info.run_id}'"):
        client.delete_run(run.info.run_id)


def experiment(client: MlflowClient, config: Config) -> str:
    """Give the id of the experiment, made if need be; beside a database, artifacts go where the configuration says."""
    found = client.get_experiment_by_name(config.experiment)
    if found is not None:
        return str(found.experiment_id)
    local = not config.tracking_uri.startswith(("http:", "https:", "databricks"))
    location = config.artifact_url if local else None
    try:
        return str(client.create_experiment(config.experiment, artifact_location=location))
    except Exception:  # mlflow's own kinds: another home may have made it just now
        found = client.get_experiment_by_name(config.experiment)
        if found is None:
            raise
        return str(found.experiment_id)


def _find(
    client: MlflowClient, experiment_id: str, record: RunRecord, *, other_than: str | None = None
) -> Run | None:
    from mlflow.entities import ViewType

    query = f"tags.`{names.TAG_SESSION}` = '{record.session}' and tags.`{names.TAG_RUN}` = '{record.ordinal}'"
    found = client.search_runs([experiment_id], query, ViewType.ALL, max_results=10)
    return next((run for run in found if run.info.run_id != other_than), None)


def _create(client: MlflowClient, experiment_id: str, record: RunRecord) -> Run:
    tags = {**record.tags, "mlflow.user": record.user}
    return client.create_run(experiment_id, start_time=record.started_ms, tags=tags, run_name=record.name)


def _histories(client: MlflowClient, run: Run, keys: Iterable[str]) -> list[MetricValue]:
    """Give every value of some metrics. Not all stores drop a value that they have already."""
    return [
        MetricValue(key=key, value=item.value, at_ms=item.timestamp, step=item.step)
        for key in keys
        for item in client.get_metric_history(run.info.run_id, key)
    ]


def _log_values(client: MlflowClient, run_id: str, new: Values) -> None:
    from mlflow.entities import Metric, Param, RunTag

    params = [Param(name, value) for name, value in new.params.items()]
    metrics = [Metric(item.key, item.value, item.at_ms, item.step) for item in new.metrics]
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in new.tags.items()])
    for some in _batches(params, _PARAMS_PER_BATCH):
        client.log_batch(run_id, params=some)
    for others in _batches(metrics, _METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=others)


def _log_rest(client: MlflowClient, config: Config, run_id: str, record: RunRecord) -> None:
    _log_datasets(client, run_id, record.datasets)
    _log_files(client, run_id, record)
    _log_figures(client, run_id, record, Blobs(folder=config.blobs))


def _batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _log_datasets(client: MlflowClient, run_id: str, datasets: Sequence[Dataset]) -> None:
    if datasets:
        client.log_inputs(run_id, [_input(item) for item in datasets])


def _input(item: Dataset) -> DatasetInput:
    from mlflow.entities import Dataset as MlflowDataset
    from mlflow.entities import DatasetInput, InputTag

    profile = {"num_rows": item.rows, "columns": list(item.columns), "digest": item.digest, "file": item.file}
    dataset = MlflowDataset(
        name=item.name[:500],
        digest=(item.digest or "unhashed")[:_LONGEST_DIGEST],
        source_type="local",
        source=json.dumps({"uri": item.name}),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", item.context)])


def _log_files(client: MlflowClient, run_id: str, record: RunRecord) -> None:
    files = {
        names.ARTIFACT_CELLS: json.dumps([asdict(cell) for cell in record.cells], indent=1),
        names.ARTIFACT_HISTORY: json.dumps(_history(record), indent=1),
    }
    files |= {f"{names.ARTIFACT_TABLES}/{table.path}": table.text for table in record.tables}
    if record.requirements:
        files[names.ARTIFACT_ENVIRONMENT] = "\n".join(record.requirements) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        client.log_artifacts(run_id, folder)


def _history(record: RunRecord) -> dict[str, object]:
    """Give what a reproduction needs, whatever else the user's own run may hold."""
    values = past.recorded(record.params, [(item.key, item.step, item.value) for item in record.metrics])
    return {"cells": [asdict(item) for item in record.history], "recorded": values}


def _log_figures(client: MlflowClient, run_id: str, record: RunRecord, blobs: Blobs) -> None:
    """Bring the pictures that are not there yet; one whose bytes are gone is left out."""
    if not record.figures:
        return
    there = {Path(item.path).name: item for item in client.list_artifacts(run_id, names.ARTIFACT_FIGURES)}
    with tempfile.TemporaryDirectory() as folder:
        for figure in record.figures:
            source = blobs.path(figure.blob)
            if source.is_file() and not _is_there(there.get(figure.path), source):
                (Path(folder) / figure.path).write_bytes(source.read_bytes())
        if any(Path(folder).iterdir()):
            client.log_artifacts(run_id, folder, names.ARTIFACT_FIGURES)


def _is_there(artifact: FileInfo | None, source: Path) -> bool:
    return artifact is not None and artifact.file_size == source.stat().st_size
