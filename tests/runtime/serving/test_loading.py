from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from room import PLUS, made, write_model

from nbship import names
from nbship.errors import DataError
from nbship.profile import profile
from nbship.serving import wire
from nbship.serving.loading import Model, load
from nbship.serving.schema import Field
from nbship.serving.worker import Computer, compare

NUMBERS = {"a": "double", "n": "long"}


def fitted(frame: pd.DataFrame) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, frame["a"] > 0)


def table() -> pd.DataFrame:
    chance = np.random.default_rng(3)
    return pd.DataFrame({"a": chance.normal(size=200), "n": chance.integers(0, 9, 200)})


def with_profile(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / names.ARTIFACT_PROFILE
    path.parent.mkdir()
    path.write_text(json.dumps(profile(frame).to_json()), encoding="utf-8")
    return folder


def test_a_model_of_numbers_gets_arrays_and_gives_what_it_gives_for_a_table(tmp_path: Path) -> None:
    frame = table()
    estimator = fitted(frame)
    expected = estimator.predict(frame.head(5)).tolist()
    shares = estimator.predict_proba(frame.head(5))[:, 1]
    model = load(with_profile(write_model(tmp_path / "m", estimator, NUMBERS), frame))
    assert model.schema.numeric
    assert model.classes == ("False", "True")
    rows = frame.head(5).to_numpy(dtype="<f8").tobytes()
    found = model.compute(rows)
    assert found["prediction"] == expected
    np.testing.assert_allclose(found["probability.True"], shares, rtol=1e-9)


def test_a_model_that_reads_columns_by_name_gets_a_table_with_the_types_of_its_signature(
    tmp_path: Path,
) -> None:
    source = "return [f'{rows.a.dtype} {rows.n.dtype}'] * len(rows)"
    model = load(write_model(tmp_path / "m", made(source), NUMBERS))
    assert not model.schema.numeric
    assert model.compute([[1.5, 2]]) == {"prediction": ["float64 int64"]}


def test_an_array_that_gives_something_else_is_not_used(tmp_path: Path) -> None:
    source = "return np.arange(len(rows)) if isinstance(rows, np.ndarray) else rows['a'].to_numpy()"
    assert not load(write_model(tmp_path / "m", made(source), NUMBERS)).schema.numeric


def test_null_is_taken_where_the_model_has_shown_that_it_answers_without(tmp_path: Path) -> None:
    source = "assert rows['s'].notna().all(), 'no text'\nreturn rows['a'].fillna(0).to_numpy()"
    model = load(write_model(tmp_path / "m", made(source), {"a": "double", "s": "string", "n": "long"}))
    assert [field.nullable for field in model.schema.fields] == [True, False, False]


def test_without_a_signature_the_names_that_the_model_was_fitted_with_are_its_fields(tmp_path: Path) -> None:
    frame = table()
    assert load(write_model(tmp_path / "m", fitted(frame), {})).schema.names == ("a", "n")
    assert load(write_model(tmp_path / "x", fitted_on_array(frame), {})).schema.names == ("x0", "x1")
    with pytest.raises(DataError, match="no signature"):
        load(write_model(tmp_path / "n", made(PLUS), {}))


def fitted_on_array(frame: pd.DataFrame) -> Any:
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(frame.to_numpy(), frame["a"].to_numpy())


def test_a_folder_that_was_tampered_with_is_not_opened(tmp_path: Path) -> None:
    from nbship import packing

    folder = write_model(tmp_path / "m", made(PLUS), NUMBERS)
    digest = packing.digest(folder)
    compare(folder, digest)
    (folder / "registered_model_meta").write_text("MLflow adds this")
    compare(folder, digest)
    (folder / "more.py").write_text("and somebody this")
    with pytest.raises(DataError, match="not those that were signed off"):
        compare(folder, digest)


def computer(source: str) -> Computer:
    from nbship.serving.schema import Schema

    schema = Schema(fields=(Field(name="a", kind="double"),), numeric=True)
    return Computer(Model(schema=schema, predict=made(source).predict))


def batch(*values: float) -> wire.Batch:
    return wire.Batch(number=1, counts=[1] * len(values), rows=np.array(values, dtype="<f8").tobytes())


def test_one_request_that_the_model_does_not_take_does_not_touch_the_others_of_its_batch() -> None:
    source = "if (rows == 2).any():\n    raise ValueError('two')\nreturn rows[:, 0] * np.where(rows[:, 0] == 3, np.nan, 1)"
    answers = computer(source).answers(batch(1, 2, 3, 4)).answers
    assert [(answer.outputs.get("prediction"), answer.problem) for answer in answers] == [
        ([1.0], None),
        (None, "the model raised ValueError: two"),
        (None, "the model gave nan as prediction of row 0"),
        ([4.0], None),
    ]


def test_a_model_that_gives_too_few_values_is_told_so() -> None:
    (one, two) = computer("return rows[:1, 0]").answers(batch(1, 2)).answers
    assert (one.outputs, two.outputs) == ({"prediction": [1.0]}, {"prediction": [2.0]})
    (alone,) = computer("return []").answers(batch(1)).answers
    assert alone.problem == "the model raised ValueError: the model gave 0 values of 'prediction' for 1 rows"
