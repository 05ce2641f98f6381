"""What a fitted object tells of itself: that it is one, its state, its parameters, what it is judged by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nbship.facts import Scalar
from nbship_magics.identity import identity
from nbship_magics.metrics import is_number
from nbship_magics.own_models import is_own_model, settings, state
from nbship_magics.redaction import kept_value

__all__ = [
    "Signature",
    "features",
    "fitted_state",
    "is_estimator",
    "judged",
    "learns_in_place",
    "parameters",
    "signature",
]

#: By library, how the names of classes end whose objects are made by fitting.
_RESULTS: Mapping[str, tuple[str, ...]] = {
    "statsmodels": ("Results", "ResultsWrapper"),
    "xgboost": ("Booster",),
    "lightgbm": ("Booster",),
    "keras": ("History",),
    "tensorflow": ("History",),
}
#: What a statistical result is judged by.
_JUDGED_BY = ("rsquared", "rsquared_adj", "prsquared", "fvalue", "f_pvalue", "aic", "bic", "llf")
#: What scikit-learn's estimators say of their own fit, where they do.
_OWN_NUMBERS = ("best_score_", "oob_score_", "inertia_")
_MOST_COEFFICIENTS = 50
_MOST_PARAMETERS = 100
_MOST_EPOCHS = 1000
_LONGEST_SETTING, _MOST_ITEMS, _DEEPEST_SETTING = 250, 40, 2
_MLFLOW_TYPES: Mapping[str, str] = {
    "f8": "double",
    "f4": "float",
    "f2": "float",
    "b1": "boolean",
    "i8": "long",
    "u4": "long",
    **dict.fromkeys(("i4", "i2", "i1", "u2", "u1"), "integer"),
}
Signature = tuple[tuple[str, str], ...]


def is_estimator(value: Any) -> bool:
    """Tell an estimator, or what a fit of another library gives, by its class alone; no attribute is touched."""
    kind = type(value)
    if issubclass(kind, type):  # not `isinstance`, which asks the object for its `__class__`
        return False
    try:
        return (
            (hasattr(kind, "fit") and hasattr(kind, "get_params")) or is_result(value) or is_own_model(kind)
        )
    except Exception:  # noqa: BLE001  # a metaclass that raises
        return False


def is_result(value: Any) -> bool:
    """Tell what is fitted from the beginning: statistical results, boosters, Keras' history of a training."""
    kind = type(value)
    return kind.__name__.endswith(_RESULTS.get(kind.__module__.partition(".")[0], ()))


def learns_in_place(value: Any) -> bool:
    """Tell a model that does not say itself whether it has learnt."""
    kind = type(value)
    return not hasattr(kind, "get_params") and not is_result(value) and is_own_model(kind)


def fitted_state(estimator: Any) -> tuple[int, ...]:
    """Give the identities of what fitting has left in an estimator; nothing where it is not fitted.

    scikit-learn's own rule: an attribute that ends in ``_``. Where a class knows better, it is asked.
    """
    if is_result(estimator):
        return (identity(estimator),)
    try:
        if learns_in_place(estimator):
            return state(estimator)
        if (own := getattr(type(estimator), "__sklearn_is_fitted__", None)) is not None and not own(
            estimator
        ):
            return ()
        held = vars(estimator)
    except Exception:  # noqa: BLE001  # foreign classes do what they like
        return ()
    learnt = [value for name, value in held.items() if name.endswith("_") and not name.startswith("__")]
    steps = held.get("steps")
    if isinstance(steps, list):  # a pipeline is as fitted as its steps
        learnt += [part for _, step in steps for part in fitted_state(step)]
    if not learnt and own is not None:
        learnt = list(held.values())
    return tuple(item if type(item) is int else identity(item) for item in learnt)


def parameters(estimator: Any) -> dict[str, Scalar]:
    """Give the plain parameters of an estimator and those in it; of a nested one its class; what a search has found."""
    try:
        if is_result(estimator):
            return _made_with(estimator)
        if learns_in_place(estimator):
            return {name: _plain(name, value) for name, value in settings(estimator).items()}
        given: Mapping[str, Any] = estimator.get_params(deep=True)
        best = {f"best.{name}": value for name, value in _best(estimator).items()}
        by_depth = sorted({**given, **best}.items(), key=lambda item: (item[0].count("__"), item[0]))
        return {str(name): _plain(name, value) for name, value in by_depth[:_MOST_PARAMETERS]}
    except Exception:  # noqa: BLE001  # an estimator that cannot say is recorded without
        return {}


def _made_with(result: Any) -> dict[str, Scalar]:
    """Give the formula of a statistical model, and what a training was told."""
    model = getattr(result, "model", None)
    formula = getattr(model, "formula", None)
    told = vars(result).get("params")
    given = {"model": type(model).__name__ if model is not None else None, "formula": formula}
    given |= told if isinstance(told, dict) else {}
    return {str(name): _plain(name, value) for name, value in given.items() if value is not None}


def judged(estimator: Any) -> Iterator[tuple[str, float]]:
    """Give what a fit says of itself: a search's best score, a result's criteria, a training's losses by epoch."""
    try:
        held: Mapping[str, Any] = vars(estimator)
        for own in _OWN_NUMBERS:
            if is_number(value := held.get(own)):
                yield own.rstrip("_"), float(value)
        if isinstance(curve := held.get("loss_curve_"), list):
            yield from (("loss", float(value)) for value in curve[-_MOST_EPOCHS:])
        yield from _rounds(held.get("evals_result_") or held.get("_evals_result"))
        if is_result(estimator):
            yield from _rounds({"": held.get("history")})
            if type(estimator).__module__.startswith("statsmodels"):
                yield from _criteria(estimator)
    except Exception:  # noqa: BLE001  # what cannot be asked says nothing
        return


def _rounds(told: Any) -> Iterator[tuple[str, float]]:
    """Give losses by round or epoch, for each data set that a training was to watch."""
    for name, measures in told.items() if isinstance(told, dict) else ():
        for measure, values in measures.items() if isinstance(measures, dict) else ():
            for value in list(values)[:_MOST_EPOCHS]:
                yield f"{name}.{measure}".lstrip("."), float(value)


def _criteria(result: Any) -> Iterator[tuple[str, float]]:
    """Give what a statistical result is judged by, and its coefficients."""
    for part in _JUDGED_BY:
        if is_number(value := getattr(result, part, None)):
            yield part, float(value)
    names = getattr(getattr(result, "model", None), "exog_names", None)
    found: Any = getattr(result, "params", None)
    if isinstance(names, list) and getattr(found, "ndim", 0) == 1 and len(names) == len(found):
        for name, value in list(zip(names, found, strict=True))[:_MOST_COEFFICIENTS]:
            yield f"params.{name}", float(value)


def _best(estimator: Any) -> Mapping[str, Any]:
    found = vars(estimator).get("best_params_")
    return found if isinstance(found, dict) else {}


def _plain(name: str, value: Any) -> Scalar:
    if value is None or isinstance(value, bool | int | float | str):
        return kept_value(str(name), value)
    if is_number(value):
        return float(value) if type(value).__name__.startswith("float") else int(value)
    text = _written(value, depth=0)
    return type(value).__name__ if text is None or len(text) > _LONGEST_SETTING else text


def _written(value: Any, *, depth: int) -> str | None:  # noqa: PLR0911  # one line for each kind of value
    """Give a small collection of numbers and short words as it is written; None for anything else, as it may be data."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if is_number(value):
        return f"{value:g}"
    if isinstance(value, str):
        return repr(value) if value.isidentifier() or "-" in value else None
    if depth > _DEEPEST_SETTING or not isinstance(value, tuple | list | dict) or len(value) > _MOST_ITEMS:
        return None
    parts = [
        _written(item, depth=depth + 1) for item in (value.values() if isinstance(value, dict) else value)
    ]
    if any(part is None for part in parts):
        return None
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!s}: {part}" for name, part in zip(value, parts, strict=True)) + "}"
    return f"{'[' if isinstance(value, list) else '('}{', '.join(map(str, parts))}{']' if isinstance(value, list) else ')'}"


def features(estimator: Any) -> tuple[str, ...]:
    """Give the names of the columns that an estimator has learnt from, where it knows them."""
    try:
        return tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
    except Exception:  # noqa: BLE001  # a property of a pipeline that has no names may raise
        return ()


def signature(frame: Any) -> Signature:
    """Give columns and MLflow types of a pandas frame; nothing for a column whose type MLflow lacks."""
    dtypes = getattr(frame, "dtypes", None)
    if frame is None or dtypes is None or not hasattr(frame, "columns"):
        return ()
    pairs = [(str(label), _mlflow_type(dtype)) for label, dtype in zip(frame.columns, dtypes, strict=True)]
    return tuple((label, kind) for label, kind in pairs if kind) if all(kind for _, kind in pairs) else ()


def _mlflow_type(dtype: Any) -> str | None:
    code = getattr(dtype, "str", "")[1:]
    if code in _MLFLOW_TYPES:
        return _MLFLOW_TYPES[code]
    if getattr(dtype, "kind", "") == "M":
        return "datetime"
    return "string" if str(dtype) in {"object", "str", "string", "category"} else None
