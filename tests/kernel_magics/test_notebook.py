"""The whole way: a notebook in a real kernel, a store that is down and then is not, MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # ipykernel, zmq and mlflow warn of themselves
]

CELLS = [
    "%load_ext nbship",
    "ALPHA = 0.5",
    "import pandas as pd\nframe = pd.read_csv('x.csv')\nX, y = frame[['a', 'b']], frame['y']",
    "from sklearn.linear_model import Ridge\nfrom sklearn.metrics import mean_absolute_error\nmodel = Ridge(alpha=ALPHA)",
    "model.fit(X, y)\nmae = mean_absolute_error(y, model.predict(X))",
    "%ship register model --name ridge",
]


def execute(folder: Path, environment: dict[str, str]) -> Any:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    notebook.metadata.nbship = {"id": "the-notebook", "model": "ridge"}
    path = folder / "ridge.ipynb"
    nbformat.write(notebook, path)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    return client.execute(env={**environment, "JPY_SESSION_NAME": str(path)})


def sync(environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from nbship.cli import main; main()", "sync", "--json"]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


def test_a_store_that_is_down_slows_no_cell_and_loses_nothing(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},{n % 7},{3 * n}" for n in range(100))
    (tmp_path / "x.csv").write_text(f"a,b,y\n{rows}\n")
    down = {**os.environ, "NBSHIP_HOME": str(tmp_path / "home"), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    notebook = execute(tmp_path, down)
    assert "on its way to the registry" in notebook.cells[-1].outputs[0].text

    started = time.monotonic()
    failed = sync(down, tmp_path)
    assert time.monotonic() - started < 30
    assert failed.returncode == 1
    assert failed.stderr.count("Error:") == 1
    assert "Traceback" not in failed.stderr

    up = {name: value for name, value in down.items() if name != "MLFLOW_TRACKING_URI"}
    done = sync(up, tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert run["notebook"] == {"id": "the-notebook", "name": "ridge.ipynb"}
    assert run["params"]["ALPHA"] == "0.5"
    assert run["params"]["model.alpha"] == "0.5"
    assert set(run["metrics"]) == {"mae"}
    assert [item["name"] for item in run["datasets"]] == ["x.csv"]
    assert run["datasets"][0]["digest"].startswith("b3:")
    assert [(item["model"], item["version"]) for item in run["registered"]] == [("ridge", 1)]

    again = json.loads(sync(up, tmp_path).stdout)["runs"]
    assert [(item["run_id"], item["new"]) for item in again] == [(run["run_id"], False)]
    look = (
        "import mlflow; c = mlflow.MlflowClient(); e = [x.experiment_id for x in c.search_experiments()];"
        "(r,) = c.search_runs(e); (v,) = c.search_model_versions(\"name='ridge'\");"
        "print(r.info.status, len(r.inputs.dataset_inputs), len(c.get_metric_history(r.info.run_id, 'mae')), v.version,"
        " v.tags['stage'], *c.get_registered_model('ridge').aliases)"
    )
    store = {**up, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}"}
    seen = subprocess.run([sys.executable, "-c", look], env=store, capture_output=True, text=True, check=True)
    assert seen.stdout.split() == ["FINISHED", "1", "1", "1", "production", "champion"]
