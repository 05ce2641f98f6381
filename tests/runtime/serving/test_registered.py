"""Against MLflow on SQLite: slow, because mlflow takes seconds to import and to make its tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd
import pytest
from room import PLUS, made

from nbship import config, drain, names, packing
from nbship.errors import DataError, InputError, StoreError
from nbship.facts import EnvironmentSeen, ModelRegistered, SessionEnded, SessionStarted
from nbship.journal import Blobs, Journal
from nbship.registry import Registry
from nbship.serving.fetching import fetch, sign
from nbship.serving.loading import load
from nbship.serving.sources import OneFolder, Registered, cache_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),
]  # mlflow warns of itself while it loads


def register(settings: config.Config) -> None:
    """Leave what a kernel leaves that has registered, and carry it to MLflow."""
    blobs, journal = Blobs(folder=settings.blobs), Journal(settings.journals / "one")
    for fact in (
        SessionStarted(python="3.11.7", user="ada", notebook_id="n", notebook_name="n.ipynb"),
        EnvironmentSeen(requirements=("cloudpickle==3",)),
        ModelRegistered(
            model="plus",
            variable="model",
            type="Made",
            format="cloudpickle",
            blob=blobs.put(cloudpickle.dumps(made(PLUS))),
            signature=(("a", "double"), ("b", "double")),
            user="ada",
        ),
        SessionEnded(),
    ):
        journal.append(fact)
    journal.close()
    assert drain.drain(settings).written


def test_only_files_that_were_signed_off_are_fetched_and_they_outlive_the_store(home: Path) -> None:
    settings = config.load()
    register(settings)
    source = Registered(settings, "plus")
    revision, now = source.assignment()
    assert (revision, now.champion, now.mode) == (1, 1, "off")
    files = source.files(1)
    assert files.digest == packing.digest(files.folder)
    assert load(files.folder).compute([[1.0, 2.0]])["prediction"] == [3.0]

    client = Registry(settings).client
    client.delete_model_version_tag("plus", "1", names.TAG_FILES)
    with pytest.raises(DataError, match="not signed off"):
        fetch(settings, "plus", 1)
    assert source.files(1) == files  # what was fetched before stays good, wherever MLflow is
    assert sign(settings, "plus", 1) == files.digest

    (stored,) = (path for path in home.rglob("model.pkl") if cache_of(settings, "plus") not in path.parents)
    stored.write_bytes(stored.read_bytes() + b"more")
    with pytest.raises(DataError, match="not those that were registered"):
        fetch(settings, "plus", 1)
    assert (
        json.loads((cache_of(settings, "plus") / "1.json").read_text(encoding="utf-8"))["files"]
        == files.digest
    )
    with pytest.raises(StoreError, match="not found"):
        source.files(7)


def test_a_folder_that_is_no_model_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no MLflow model"):
        OneFolder(tmp_path, "m")


def test_what_an_export_packs_for_mlflow_is_served_with_its_own_types(tmp_path: Path) -> None:
    import mlflow.pyfunc
    from mlflow.models import infer_signature

    class Served(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow's classes are not typed
        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.Series[float]:
            del context, params
            words = model_input["season"].map({"winter": 1.0, "summer": 2.0})
            return (model_input["hr"] + words).set_axis(model_input.index)

    example = pd.DataFrame({"hr": [7, 8], "season": ["winter", "summer"]})
    mlflow.pyfunc.save_model(
        str(tmp_path / "m"),
        python_model=Served(),
        signature=infer_signature(example, pd.Series([8.0, 10.0])),
        pip_requirements=[],
    )
    model = load(tmp_path / "m")
    assert [(field.name, field.kind) for field in model.schema.fields] == [
        ("hr", "long"),
        ("season", "string"),
    ]
    assert not model.schema.numeric
    assert model.compute([[7, "winter"], [8, "summer"]]) == {"prediction": [8.0, 10.0]}
