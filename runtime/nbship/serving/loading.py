"""A folder with a version of a model -> something that computes. Only workers load this.

What scikit-learn's own flavour holds is opened without MLflow, whose import takes seconds; every other flavour goes
through ``mlflow.pyfunc``. The folder's fingerprint was checked before (see `fetching`): here pickles are opened.

A model whose inputs are all numbers is tried: where it gives for an array what it gives for a table,
it gets arrays from then on, since making a table takes longer than most models.
"""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nbship import names
from nbship.errors import DataError
from nbship.serving import schema as schemas
from nbship.serving.schema import Field, Schema

_log = logging.getLogger("nbship.serving.loading")
Frame = Any
Outputs = dict[str, list[Any]]
PROBABILITY = "probability."
_OURS = frozenset({"cloudpickle", "pickle"})
_DTYPES: Mapping[str, str] = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "datetime": "datetime64[ns]",
}
_TRIED_ROWS = 64
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A version that can answer: its inputs, and the function that computes them; see `compute`."""

    schema: Schema
    predict: Callable[[Any], Any]
    probabilities: Callable[[Any], Any] | None = None
    classes: tuple[str, ...] = ()

    def compute(self, rows: bytes | Sequence[Sequence[Any]]) -> Outputs:
        """Give, by output, a value for each row; ``rows`` as they came over the wire."""
        return self.answer(self.table(rows))

    def answer(self, given: Any) -> Outputs:
        """Give the same for rows that are as the model takes them: an array of floats, or a frame."""
        outputs = _outputs(self.predict(given))
        if self.probabilities is not None:
            shares = np.asarray(self.probabilities(given), dtype=float)
            for place, label in enumerate(self.classes):
                outputs[PROBABILITY + label] = shares[:, place].tolist()
        return outputs

    def table(self, rows: bytes | Sequence[Sequence[Any]]) -> Any:
        """Give rows as the model takes them: an array of floats, or a frame with the signature's types."""
        if isinstance(rows, bytes):
            return np.frombuffer(rows, dtype="<f8").reshape(-1, len(self.schema.fields))
        return frame_of(self.schema, rows)


def frame_of(schema: Schema, rows: Sequence[Sequence[Any]]) -> Frame:
    """Give rows as a frame."""
    import pandas as pd

    columns = list(zip(*rows, strict=True))
    return pd.DataFrame(
        {field.name: _column(field, values) for field, values in zip(schema.fields, columns, strict=True)},
        copy=False,
    )


def _column(field: Field, values: Sequence[Any]) -> Any:
    import pandas as pd

    if field.kind == "string":
        return pd.Series(values, dtype=object)
    if field.kind == "datetime":
        return pd.to_datetime(list(values), utc=True).tz_localize(None)
    return np.array(values, dtype=_DTYPES[field.kind])


def load(folder: Path, *, probabilities: bool = True) -> Model:
    """Open the model in an MLflow model folder, and try it. Raises DataError where it cannot be served."""
    import yaml

    try:
        described = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        flavour = described["flavors"]["python_function"]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise DataError(f"this is no MLflow model that predicts: {error}", where=str(folder)) from error
    estimator = _own(folder, described, flavour)
    predict = estimator.predict if estimator is not None else _through_mlflow(folder)
    schema = _schema(described, estimator)
    profile = _profile(folder)
    schema = replace(schema, fields=_nullable(schema, profile, predict))
    model = Model(schema=schema, predict=predict, **_classes(estimator, wanted=probabilities))
    return _with_arrays(model, estimator, profile)


def _own(folder: Path, described: Mapping[str, Any], flavour: Mapping[str, Any]) -> Any:
    """Open what scikit-learn's flavour holds; None for what only MLflow knows how to open."""
    sklearn = described["flavors"].get("sklearn", {})
    plain = flavour.get("loader_module") == "mlflow.sklearn" and not sklearn.get("code")
    if not plain or sklearn.get("serialization_format") not in _OURS:
        return None
    import cloudpickle

    path = folder / str(flavour.get("model_path", "model.pkl"))
    if path.is_dir():
        return None
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # another version of a library says so; the trial shows whether it matters
        return cloudpickle.load(file)


def _through_mlflow(folder: Path) -> Callable[[Any], Any]:
    import mlflow.pyfunc

    loaded: Any = mlflow.pyfunc.load_model(str(folder))
    # what it adds is a check of the schema, which is done, at 1 to 2 ms a call
    inner: Any = loaded._model_impl  # noqa: SLF001  # there is no public way to it
    predict: Callable[[Any], Any] = inner.predict
    return predict


def _schema(described: Mapping[str, Any], estimator: Any) -> Schema:
    signature = described.get("signature") or {}
    inputs = json.loads(signature.get("inputs") or "[]")
    if inputs and all(item.get("type") != "tensor" for item in inputs):
        return schemas.from_signature(inputs)
    known = tuple(map(str, getattr(estimator, "feature_names_in_", ())))
    width = int(getattr(estimator, "n_features_in_", 0))
    if not known and not width:
        raise DataError(
            "the model has no signature: nobody could say which inputs it takes",
            help="register it with a frame as input, or log it with `signature=`",
        )
    return schemas.unnamed(width, known)


def _classes(estimator: Any, *, wanted: bool) -> dict[str, Any]:
    labels = getattr(estimator, "classes_", None)
    if not wanted or labels is None or not hasattr(estimator, "predict_proba") or isinstance(labels, list):
        return {}
    return {"probabilities": estimator.predict_proba, "classes": tuple(map(str, labels))}


def _outputs(predicted: Any) -> Outputs:
    """Give an answer by output: one is ``prediction``, several have their columns' names or places."""
    if hasattr(predicted, "columns"):
        return {str(name): np.asarray(predicted[name]).tolist() for name in predicted.columns}
    values = np.asarray(predicted)
    if values.ndim <= 1:
        return {"prediction": values.tolist()}
    if values.shape[1] == 1:
        return {"prediction": values[:, 0].tolist()}
    return {f"prediction.{place}": values[:, place].tolist() for place in range(values.shape[1])}


def _profile(folder: Path) -> Any:
    from nbship.profile import Profile

    path = folder / names.ARTIFACT_PROFILE
    try:
        return Profile.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, DataError):
        return None


def examples(schema: Schema, profile: Any, count: int) -> list[list[Any]]:
    """Give rows to try a model with: across what each column had when it was trained, as far as that is known."""
    columns = [
        _examples(field, profile.column(field.name) if profile else None, count) for field in schema.fields
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def _examples(field: Field, known: Any, count: int) -> list[Any]:
    if field.kind in {"string", "datetime"}:
        values: Sequence[Any] = ["2000-01-01T00:00:00"] if field.kind == "datetime" else [""]
        if known is not None and field.kind == "string" and known.categories:
            values = known.categories
        return [values[place % len(values)] for place in range(count)]
    edges = _seen(known) or [0.0, 1.0, 2.0, 0.5, -1.0]
    # each column goes through its values at a pace of its own, so that rows are not all alike
    pace = 1 + sum(map(ord, field.name)) % 7
    found = [edges[(place * pace) % len(edges)] for place in range(count)]
    cast: Callable[[float], Any] = (
        (lambda value: bool(round(value) % 2)) if field.kind == "boolean"
        else round if field.kind in {"integer", "long"} else float
    )  # fmt: skip
    return [cast(value) for value in found]


def _seen(known: Any) -> list[float]:
    """Give the edges of a profile between the least and the greatest value: models may do anything beyond."""
    if known is None or known.minimum is None or known.maximum is None:
        return []
    return [edge for edge in known.edges if known.minimum <= edge <= known.maximum]


def _nullable(schema: Schema, profile: Any, predict: Callable[[Any], Any]) -> tuple[Field, ...]:
    """Mark the fields that may be missing: those that were in training, and those without which the model answers."""
    row = examples(schema, profile, 1)
    if _answers(schema, row, predict) is None:
        return schema.fields
    found: list[Field] = []
    for place, field in enumerate(schema.fields):
        if field.kind in {"integer", "long", "boolean"}:  # these types have no value for it
            found.append(field)
            continue
        without = [[None if at == place else value for at, value in enumerate(row[0])]]
        answer = _answers(schema, without, predict)
        found.append(replace(field, nullable=answer is not None and not _not_finite(answer)))
    return tuple(found)


def _answers(schema: Schema, rows: Sequence[Sequence[Any]], predict: Callable[[Any], Any]) -> Outputs | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _outputs(predict(frame_of(schema, rows)))
    except Exception as error:  # whatever the user's model raises  # noqa: BLE001
        _log.debug("a trial row is refused: %s", error)
        return None


def _not_finite(outputs: Outputs) -> bool:
    return any(
        isinstance(value, float) and not np.isfinite(value) for values in outputs.values() for value in values
    )


def _with_arrays(model: Model, estimator: Any, profile: Any) -> Model:
    """Give the model as one that takes arrays, if it gives the same for them; else as it is, tried and warm."""
    rows = examples(model.schema, profile, _TRIED_ROWS)
    expected = _computed(model, rows)
    numbers = all(field.kind in schemas.NUMBERS for field in model.schema.fields)
    if estimator is None or expected is None or not numbers:
        return model
    nameless = replace(model, schema=replace(model.schema, numeric=True))
    kept = _forget_names(estimator)
    array = np.array(rows, dtype="<f8").tobytes()
    if (
        _agree(_computed(nameless, array), expected)
        and _computed(nameless, array[: 8 * len(rows[0])]) is not None
    ):
        return nameless
    for owner, known in kept:
        owner.feature_names_in_ = known
    return model


def _agree(one: Outputs | None, other: Outputs) -> bool:
    """Tell whether answers are the same; a sum may differ in its last digits by the order of an array in memory."""
    if one is None or one.keys() != other.keys():
        return False
    return all(_same(a, b) for name in other for a, b in zip(one[name], other[name], strict=True))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=_CLOSE) or (
            math.isnan(one) and math.isnan(other)
        )
    return bool(one == other)


def _computed(model: Model, rows: Any) -> Outputs | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.compute(rows)
    except Exception as error:  # whatever the user's model raises  # noqa: BLE001
        _log.debug("the trial is refused: %s", error)
        return None


def _forget_names(estimator: Any) -> list[tuple[Any, Any]]:
    """Take the columns' names from an estimator and its steps, which would warn of each array; give what to put back."""
    owners = [estimator, *(step for _, step in getattr(estimator, "steps", ()))]
    named = [owner for owner in owners if "feature_names_in_" in getattr(owner, "__dict__", {})]
    return [(owner, owner.__dict__.pop("feature_names_in_")) for owner in named]
