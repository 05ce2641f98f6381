"""An MLflow store in memory that dies when it is told to. It drops no value that it has already, as file stores do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nbship.config import Config
from nbship.journal import Blobs
from nbship.model import RunRecord


class FakeStore:
    """What `nbship.tracking` calls of ``MlflowClient``; also the registry that holds it.

    ``dies_at`` is the number of the call that fails, ``after`` whether the store has done its work by then.
    """

    def __init__(self) -> None:
        self.runs: dict[str, Any] = {}
        self.history: dict[str, list[Any]] = {}
        self.inputs: dict[str, set[str]] = {}
        self.files: dict[str, dict[str, str]] = {}
        self.experiments: dict[str, str] = {}
        self.calls = 0
        self.dies_at: int | None = None
        self.after = False
        self.refuses: set[str] = set()

    @property
    def client(self) -> FakeStore:
        """Itself: what a registry holds."""
        return self

    def open(self, _: Config) -> Any:
        """Stand in for the connection to a store."""
        return self

    def keep(self, record: RunRecord, *, run_id: str, blobs: Blobs) -> None:
        """Stand in for the registry where no model was kept; models are tried against MLflow itself."""
        del run_id, blobs
        assert not record.models

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, f"_{name}") if name in _SPOKEN else None
        if found is None:
            return object.__getattribute__(self, name)
        return lambda *args, **kwargs: self._call(found, args, kwargs)

    def _call(self, method: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        self.calls += 1
        dies = self.calls == self.dies_at
        if dies and not self.after:
            raise ConnectionError("the server died")
        given = method(*args, **kwargs)
        if dies:
            raise ConnectionError("the server died before it could answer")
        return given

    def _get_experiment_by_name(self, name: str) -> Any:
        found = self.experiments.get(name)
        return SimpleNamespace(experiment_id=found) if found else None

    def _create_experiment(self, name: str, artifact_location: str | None = None) -> str:
        del artifact_location
        if name in self.experiments:
            raise ValueError(f"{name} exists")
        return self.experiments.setdefault(name, str(len(self.experiments) + 1))

    def _search_runs(self, _ids: list[str], query: str, *_: Any, **__: Any) -> list[Any]:
        if query.endswith("!= ''"):
            return [run for run in reversed(self.runs.values()) if run.info.lifecycle_stage == "active"]
        wanted = [part.partition(" = ") for part in query.split(" and ")]
        pairs = [(name.split("`")[1], value.strip("'")) for name, _, value in wanted]
        return [
            run
            for run in self.runs.values()
            if all(run.data.tags.get(name) == value for name, value in pairs)
        ]

    def _create_run(self, experiment_id: str, start_time: int, tags: dict[str, str], run_name: str) -> Any:
        if tags.get("nbship.session") in self.refuses:
            raise ValueError("a strange run")
        info = SimpleNamespace(
            run_id=f"run{len(self.runs)}",
            run_name=run_name,
            lifecycle_stage="active",
            status="RUNNING",
            start_time=start_time,
        )
        data = SimpleNamespace(
            params={}, metrics={}, tags=dict(tags), name=run_name, experiment=experiment_id
        )
        return self.runs.setdefault(info.run_id, SimpleNamespace(info=info, data=data))

    def _get_run(self, run_id: str) -> Any:
        return self.runs[run_id]

    def _log_batch(
        self, run_id: str, metrics: Sequence[Any] = (), params: Sequence[Any] = (), tags: Sequence[Any] = ()
    ) -> None:
        data = self.runs[run_id].data
        for item in params:
            if data.params.setdefault(item.key, item.value) != item.value:
                raise ValueError(f"{item.key} has another value")
        for item in metrics:
            data.metrics[item.key] = item.value
            self.history.setdefault(run_id, []).append(item)
        data.tags.update({item.key: item.value for item in tags})

    def _get_metric_history(self, run_id: str, key: str) -> list[Any]:
        return [item for item in self.history.get(run_id, []) if item.key == key]

    def _log_inputs(self, run_id: str, inputs: Sequence[Any]) -> None:
        self.inputs.setdefault(run_id, set()).update(item.dataset.digest for item in inputs)

    def _log_artifacts(self, run_id: str, folder: str) -> None:
        held = self.files.setdefault(run_id, {})
        for path in Path(folder).rglob("*.*"):
            held[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8")

    def _search_experiments(self) -> list[Any]:
        return [SimpleNamespace(experiment_id=found) for found in self.experiments.values()]

    def _list_artifacts(self, run_id: str, folder: str) -> list[Any]:
        return [
            SimpleNamespace(path=path) for path in self.files.get(run_id, {}) if path.startswith(f"{folder}/")
        ]

    def _download_artifacts(self, run_id: str, path: str, folder: str) -> str:
        target = Path(folder) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.files[run_id][path], encoding="utf-8")
        return str(target)

    def _set_terminated(self, run_id: str, status: str, _: int) -> None:
        self.runs[run_id].info.status = status

    def _delete_run(self, run_id: str) -> None:
        self.runs[run_id].info.lifecycle_stage = "deleted"

    def _search_model_versions(self, _: str) -> list[Any]:
        return []

    def content(self) -> Any:
        """All there is, in an order that does not depend on how it came."""
        metrics = {
            run: sorted((item.key, item.step, item.timestamp, repr(item.value)) for item in items)
            for run, items in self.history.items()
        }
        heads = {
            run.info.run_id: (run.info.lifecycle_stage, run.info.status, run.data.params, run.data.tags)
            for run in self.runs.values()
        }
        return heads, metrics, self.inputs, self.files


_SPOKEN = frozenset(
    name[1:]
    for name in vars(FakeStore)
    if name.startswith(
        ("_get_", "_create_", "_search_", "_log_", "_set_", "_delete_", "_list_", "_download_")
    )
)
