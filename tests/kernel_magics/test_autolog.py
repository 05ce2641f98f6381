"""A notebook that uses mlflow itself: real kernel, real autolog, SQLite. Slow, because mlflow is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from nbship import config, drain

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # ipykernel, zmq and mlflow warn of themselves
]

LOGGED_BY_HAND = """
from mlflow.sklearn import log_model
with mlflow.start_run(run_id=mlflow.last_active_run().info.run_id):
    log_model(model, name='mine', pip_requirements=['scikit-learn'])
"""
CELLS = [
    "%load_ext nbship",
    "import pandas as pd\nframe = pd.read_csv('x.csv')\nX, y = frame[['a', 'b']], frame['y']\nALPHA = 0.5",
    # models cost autolog 13 s each, and are not what is asked here
    "import mlflow\nmlflow.sklearn.autolog(log_models=False)",
    "from sklearn.linear_model import Ridge\nmodel = Ridge(alpha=ALPHA).fit(X, y)",
    "from sklearn.metrics import mean_absolute_error\nmae = mean_absolute_error(y, model.predict(X))",
    "spread = max(y) - min(y)\nr2 = model.score(X, y)",
    LOGGED_BY_HAND,
]


def only_run(uri: str) -> Any:
    """Give the run that the store holds, and the client."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    ids = [found.experiment_id for found in client.search_experiments()]
    (run,) = client.search_runs(ids)
    return run, client


def test_a_notebook_with_autolog_has_one_run_and_nothing_double(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "\n".join(f"{n},{n % 7},{3 * n + n % 5}" for n in range(100))
    (tmp_path / "x.csv").write_text(f"a,b,y\n{rows}\n")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=dict(os.environ))
    for _ in range(2):  # the second has nothing to add
        told = drain.drain(config.load())
        run, store = only_run(uri)
        assert (told.away, [item["run_id"] for item in told.runs]) == ((), [run.info.run_id])
        for receipt in (tmp_path / "home" / "journals").glob("*/receipt.json"):
            receipt.unlink()
    # what autolog wrote, and beside it only what it does not know
    assert run.data.params["alpha"] == "0.5"
    assert {name for name in run.data.params if name.startswith("model.") or name == "ALPHA"} == set()
    assert any(name.startswith("mean_absolute_error") for name in run.data.metrics)
    assert {"mae", "r2"} & set(run.data.metrics) == set()
    assert {len(store.get_metric_history(run.info.run_id, name)) for name in run.data.metrics} == {1}
    assert "x.csv" in [item.dataset.name for item in run.inputs.dataset_inputs]
    assert len(run.outputs.model_outputs) == 1
    assert run.data.tags["nbship.cells"] == "7"  # the one that loads us, too
    assert run.info.status == "FINISHED"
