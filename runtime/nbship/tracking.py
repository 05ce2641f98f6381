"""Writes a run record into MLflow, as often as one likes: the run is found again, and nothing is doubled."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nbship import names
from nbship.journal import Blobs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, FileInfo, Run

    from nbship.config import Config
    from nbship.model import Dataset, RunRecord

_T = TypeVar("_T")

_PARAMS_PER_BATCH = 100  # the limits of mlflow's log_batch
_METRICS_PER_BATCH = 1000
_LONGEST_DIGEST = 36  # mlflow cuts a dataset's digest here; the whole one stands in a tag
_LONGEST_TAG = 7500


def write_run(client: MlflowClient, config: Config, record: RunRecord) -> str:
    """Bring the MLflow run of ``record`` up to date, and give its id."""
    experiment_id = experiment(client, config)
    run = _find(client, experiment_id, record) or _create(client, experiment_id, record)
    run_id: str = run.info.run_id
    _log_values(client, run_id, record, known=set(run.data.params))
    _log_datasets(client, run_id, record.datasets)
    _log_files(client, run_id, record)
    _log_figures(client, run_id, record, Blobs(folder=config.blobs))
    if record.ended_ms is not None and run.info.status == "RUNNING":
        client.set_terminated(run_id, "FINISHED", record.ended_ms)
    return run_id


def experiment(client: MlflowClient, config: Config) -> str:
    """Give the id of the experiment, made if need be; beside a database, artifacts go to home, not to the cwd."""
    found = client.get_experiment_by_name(config.experiment)
    if found is not None:
        return str(found.experiment_id)
    local = not config.tracking_uri.startswith(("http:", "https:", "databricks"))
    location = config.artifacts.as_uri() if local else None
    return str(client.create_experiment(config.experiment, artifact_location=location))


def _find(client: MlflowClient, experiment_id: str, record: RunRecord) -> Run | None:
    query = f"tags.`{names.TAG_SESSION}` = '{record.session}' and tags.`{names.TAG_RUN}` = '{record.ordinal}'"
    found = client.search_runs([experiment_id], query, max_results=1)
    return found[0] if found else None


def _create(client: MlflowClient, experiment_id: str, record: RunRecord) -> Run:
    tags = {**record.tags, "mlflow.user": record.user}
    return client.create_run(experiment_id, start_time=record.started_ms, tags=tags, run_name=record.name)


def _log_values(client: MlflowClient, run_id: str, record: RunRecord, *, known: set[str]) -> None:
    from mlflow.entities import Metric, Param, RunTag

    params = [Param(name, value) for name, value in record.params.items() if name not in known]
    metrics = [Metric(item.key, item.value, item.at_ms, item.step) for item in record.metrics]
    tags = [RunTag(name, value) for name, value in {**record.tags, **_dataset_tag(record.datasets)}.items()]
    client.log_batch(run_id, tags=tags)
    for some in _batches(params, _PARAMS_PER_BATCH):
        client.log_batch(run_id, params=some)
    for others in _batches(metrics, _METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=others)


def _batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _dataset_tag(datasets: Sequence[Dataset]) -> dict[str, str]:
    if not datasets:
        return {}
    rows = [{"name": item.name, "digest": item.digest, "file": item.file} for item in datasets]
    while len(text := json.dumps(rows, separators=(",", ":"))) > _LONGEST_TAG:
        rows.pop()
    return {names.TAG_DATASETS: text}


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
    files = {names.ARTIFACT_CELLS: json.dumps([asdict(cell) for cell in record.cells], indent=1)}
    if record.requirements:
        files[names.ARTIFACT_ENVIRONMENT] = "\n".join(record.requirements) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        client.log_artifacts(run_id, folder)


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
