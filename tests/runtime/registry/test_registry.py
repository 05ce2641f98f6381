"""Against MLflow on SQLite: slow, because mlflow takes seconds to import and to make its tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from nbship import config, drain
from nbship.drift import compare
from nbship.errors import DataError, InputError
from nbship.facts import (
    CellRan,
    DatasetHashed,
    DatasetRead,
    EnvironmentSeen,
    EstimatorFitted,
    Fact,
    FigureShown,
    FrameProfiled,
    MetricComputed,
    ModelKept,
    ModelRegistered,
    ParameterSet,
    SessionEnded,
    SessionStarted,
)
from nbship.journal import Blobs, Journal
from nbship.profile import profile
from nbship.registry import Registry, lifecycle
from nbship.registry.fleet import fleet
from nbship.registry.lineage import lineage_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "default"
    ),  # mlflow, SQLAlchemy and alembic warn of themselves while they load
]


class Doubling:
    """A model of the user's: no library knows it."""

    def predict(self, frame: pd.DataFrame) -> pd.Series[float]:
        return frame["x"] * 2


def session(settings: config.Config, name: str, *, reference: bool = True) -> None:
    """Leave what a kernel leaves that has trained and registered."""
    blobs = Blobs(folder=settings.blobs)
    frame = pd.DataFrame({"x": np.arange(200.0)})
    facts: list[Fact] = [
        SessionStarted(python="3.11.7", user="ada", notebook_id="n", notebook_name="n.ipynb"),
        DatasetRead(name="x.csv", source="x.csv", reader="pandas.read_csv", rows=200, columns=("x",)),
        DatasetHashed(of=1, file="b3:" + "f" * 64, table="b3:" + "a" * 64),
        ParameterSet(name="n", value=1),
        ParameterSet(name="n", value=2),
        CellRan(cell="c", source_hash="h", execution_count=1, succeeded=True),
        EstimatorFitted(name="model", type="Doubling", parameters={"k": 1}),
        MetricComputed(name="mae", value=1.5, function="mean_absolute_error"),
        MetricComputed(name="mae", value=float("nan"), function="mean_absolute_error"),
        EnvironmentSeen(requirements=("cloudpickle==3", "ipykernel==7", "pandas==3")),
        ModelRegistered(
            model="doubling",
            variable="model",
            type="Doubling",
            format="cloudpickle",
            blob=blobs.put(cloudpickle.dumps(Doubling())),
            signature=(("x", "double"),),
            profile_of=6 if reference else None,
            user="ada",
        ),
        FrameProfiled(of=6, profile_blob=blobs.put(json.dumps(profile(frame).to_json()).encode())),
        EstimatorFitted(name="scaler", type="Doubling"),
        ModelKept(of=12, blob=blobs.put(cloudpickle.dumps(Doubling)), format="cloudpickle", predicts=False),
        FigureShown(cell="c", source_hash="h", blob=blobs.put(b"picture"), format="png", place=1),
        SessionEnded(),
    ]
    journal = Journal(settings.journals / name)
    for fact in facts:
        journal.append(fact)
    journal.close()


def test_a_journal_becomes_a_run_and_a_version_once(home: Path) -> None:
    settings = config.load()
    session(settings, "one")
    done = drain.drain(settings)
    (run,) = done.runs
    assert run["registered"] == [{"model": "doubling", "version": 1, "ordinal": 10}]

    # the receipt is lost, as when the worker dies between the store and it: nothing is doubled
    (home / "journals" / "one" / "receipt.json").unlink()
    assert drain.drain(settings).runs[0]["run_id"] == run["run_id"]
    registry = Registry(settings)
    client = registry.client
    (kept,) = client.search_runs([found.experiment_id for found in client.search_experiments()])
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"n": "1", "n/2": "2", "model.k": "1"}
    assert len(client.get_metric_history(run["run_id"], "mae")) == 2
    (dataset,) = kept.inputs.dataset_inputs
    assert dataset.dataset.digest == ("b3:" + "a" * 64)[:36]

    logged = client.search_logged_models([kept.info.experiment_id])
    assert sorted(item.name for item in logged) == ["doubling", "scaler"]
    assert {item.model_id for item in kept.outputs.model_outputs} == {item.model_id for item in logged}
    (picture,) = client.list_artifacts(run["run_id"], "figures")
    assert (picture.path, picture.file_size) == ("figures/cell-001-1.png", 7)

    # versions: the first is champion, later ones challenge
    (version,) = registry.versions("doubling")
    assert (version.stage, version.aliases, version.status) == ("production", ("champion",), "ready")
    assert registry.datasets(version)[0].digest == "b3:" + "a" * 64
    session(settings, "two", reference=False)
    session(settings, "zwei", reference=False)
    assert len(drain.drain(settings).written) == 2
    stages = {item.version: (item.stage, item.aliases) for item in registry.versions("doubling")}
    assert stages == {
        1: ("production", ("champion",)),
        2: ("experimental", ()),
        3: ("staging", ("challenger",)),
    }

    # mlflow opens what was wrapped without being unpickled
    import mlflow

    model = mlflow.pyfunc.load_model("models:/doubling@champion")
    assert list(model.predict(pd.DataFrame({"x": [1.0, 2.0]}))) == [2.0, 4.0]
    assert model.metadata.get_input_schema().input_names() == ["x"]
    folder = next(home.glob("artifacts/**/MLmodel")).parent
    assert (folder / "requirements.txt").read_text() == "cloudpickle==3\npandas==3\n"

    # drift is kept with the version
    live = registry.champion("doubling")
    known = registry.reference(live)
    report = compare(known, profile(pd.DataFrame({"x": np.arange(200.0) + 500}), like=known))
    registry.record_drift(live, "July/1", report, at=datetime(2026, 7, 1, tzinfo=UTC))
    ((window, path),) = registry.windows(registry.champion("doubling"))
    assert (window.window, window.severity) == ("July/1", "critical")
    assert registry.report(live, path) == report

    versions_know_where_they_come_from(registry, run["run_id"])
    versions_come_and_go(registry)
    with pytest.raises(InputError, match="registered models: doubling"):
        registry.champion("tripling")
    with pytest.raises(DataError, match="no reference profile"):
        registry.reference(registry.versions("doubling")[0])


def versions_know_where_they_come_from(registry: Registry, run_id: str) -> None:
    lineage = lineage_of(registry, registry.champion("doubling"))
    assert (lineage.stage, lineage.created_by, lineage.notebook) == ("production", "ada", "n.ipynb")
    assert (lineage.decision and lineage.decision.action, lineage.goes_back_to) == ("registered", None)
    assert lineage.cells == {"c": "h"}
    assert lineage.signature == (("x", "double"),)
    assert [item.digest for item in lineage.datasets] == ["b3:" + "a" * 64]
    assert lineage.environment == ("cloudpickle==3", "ipykernel==7", "pandas==3")
    assert (lineage.python, lineage.run_id, lineage.metrics["mae"]) == (
        "3.11.7",
        run_id,
        pytest.approx(float("nan"), nan_ok=True),
    )
    assert lineage.lacking() == ["commit"]
    assert "profile" in lineage_of(registry, registry.version("doubling", 3)).lacking()
    (row,) = fleet(registry, now=datetime.now(UTC), alerts={"doubling": 2})
    assert (row.owner, row.champion, row.challenger, row.versions) == ("ada", 1, 3, 3)
    assert (row.drift, row.alerts, row.by) == ("critical", 2, "ada")


def versions_come_and_go(registry: Registry) -> None:
    lifecycle.promote(registry, "doubling", 3, to="production", who="bo", at=datetime(2026, 7, 2, tzinfo=UTC))
    assert registry.champion("doubling").version == 3
    assert lineage_of(registry, registry.champion("doubling")).goes_back_to == 1
    lifecycle.roll_back(registry, "doubling", who="bo", at=datetime(2026, 7, 3, tzinfo=UTC))
    assert (registry.champion("doubling").version, registry.version("doubling", 3).stage) == (1, "archived")
    assert registry.assignments.verify("doubling", *registry.heads("doubling")) == []
    registry.client.delete_model_version("doubling", "2")
    registry.client.set_registered_model_alias("doubling", "challenger", "3")
    registry.project("doubling")
    assert [item.action for item in registry.assignments.history("doubling")][-1] == "changed elsewhere"
    assert registry.version("doubling", 3).stage == "staging"
    registry.close()
