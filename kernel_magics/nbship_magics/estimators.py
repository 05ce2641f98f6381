"""Estimators in the user's namespace: which have been fitted by a cell, and on what."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nbship.facts import EstimatorFitted, FrameProfiled, MetricComputed, Scalar
from nbship.tabular import is_tabular
from nbship_magics.cells import CellText, Fit, shown
from nbship_magics.datasets import snapshot
from nbship_magics.identity import identity
from nbship_magics.metrics import is_number
from nbship_magics.session import Session

#: By library, how the names of classes end whose objects are made by fitting.
_RESULTS: Mapping[str, tuple[str, ...]] = {
    "statsmodels": ("Results", "ResultsWrapper"),
    "xgboost": ("Booster",),
    "lightgbm": ("Booster",),
    "keras": ("History",),
    "tensorflow": ("History",),
}
#: What a statistical result is judged by.
_JUDGED_BY = ("rsquared", "rsquared_adj", "aic", "bic", "llf")
_SHELL = frozenset({"In", "Out", "exit", "quit"})
_MOST_IN_A_CONTAINER = 50
_MOST_PARAMETERS = 100
_MOST_EPOCHS = 1000
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What is known of a fitted estimator: the fact that says so, and the columns and types it read."""

    ordinal: int
    signature: Signature
    profiled: bool
    stamp: tuple[int, ...]


class Estimators:
    """Compares the fitted state of all estimators before and after each cell."""

    def __init__(self, session: Session, namespace: dict[str, Any]) -> None:
        self._session = session
        self._namespace = namespace
        self._learnt: dict[int, Learnt] = {}
        self._alive: dict[int, Any] = {}

    def learnt(self, estimator: Any) -> Learnt | None:
        """Give what is known of an estimator."""
        return self._learnt.get(identity(estimator)) if self._is_same(estimator) else None

    def end_cell(self, text: CellText, names: Iterable[str]) -> None:
        """Record what this cell has fitted among ``names``: those that it could touch."""
        seen: set[int] = set()
        for name, estimator in self._estimators(names):
            if identity(estimator) in seen:
                continue
            seen.add(identity(estimator))
            stamp = fitted_state(estimator)
            known = self.learnt(estimator)
            call = next((fit for fit in text.fits if fit.estimator == name), None)
            if stamp and (known is None or known.stamp != stamp or call is not None):
                self._record(name, estimator, stamp, call)

    def _is_same(self, estimator: Any) -> bool:
        alive = self._alive.get(identity(estimator))
        return alive is not None and alive() is estimator

    def _estimators(self, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
        """Give the estimators under the user's names, and in lists and dicts one level deep."""
        for name in names:
            if name.startswith("_") or name in _SHELL or name not in self._namespace:
                continue
            value = self._namespace[name]
            if is_estimator(value):
                yield name, value
            elif type(value) is dict and len(value) <= _MOST_IN_A_CONTAINER:
                yield from (
                    (f"{name}[{key!r}]", item) for key, item in list(value.items()) if is_estimator(item)
                )
            elif type(value) in {list, tuple} and len(value) <= _MOST_IN_A_CONTAINER:
                yield from (
                    (f"{name}[{place}]", item) for place, item in enumerate(value) if is_estimator(item)
                )

    def _record(self, name: str, estimator: Any, stamp: tuple[int, ...], call: Fit | None) -> None:
        features = _features(estimator)
        frame_name, frame = self._frame(call, features)
        fact = self._session.record(
            EstimatorFitted(
                cell=self._session.cell,
                source_hash=self._session.source_hash,
                name=name,
                type=f"{type(estimator).__module__}.{type(estimator).__qualname__}",
                parameters=parameters(estimator),
                features=features,
                trained_on=frame_name,
                rows=len(frame) if frame is not None else None,
            )
        )
        for part, value in _judged(estimator):
            self._session.record(
                MetricComputed(
                    cell=self._session.cell,
                    source_hash=self._session.source_hash,
                    name=f"{name}.{part}",
                    value=value,
                    function=part,
                )
            )
        if frame is not None:
            profile_later(self._session, fact.ordinal, frame)
        self._keep(estimator, fact.ordinal, frame, stamp)

    def _keep(self, estimator: Any, ordinal: int, frame: Any, stamp: tuple[int, ...]) -> None:
        try:
            self._alive[identity(estimator)] = weakref.ref(estimator)
        except TypeError:  # a class with slots: it lives as long as we do
            self._alive[identity(estimator)] = lambda: estimator
        self._learnt[identity(estimator)] = Learnt(
            ordinal=ordinal, signature=signature(frame), profiled=frame is not None, stamp=stamp
        )

    def _frame(self, call: Fit | None, features: tuple[str, ...]) -> tuple[str | None, Any]:
        """Give the frame that a fit names; one with other columns than the estimator saw is another frame."""
        if call is None or call.frame is None:
            return None, None
        frame: Any = self._namespace.get(call.frame)
        if not is_tabular(frame):
            return call.frame, None
        if call.columns is not None:
            chosen = (
                self._namespace.get(call.columns) if isinstance(call.columns, str) else list(call.columns)
            )
            if not isinstance(chosen, list) or not set(chosen) <= set(
                map(str, getattr(frame, "columns", ()))
            ):
                return call.frame, None
            frame = frame[chosen]
        labels = tuple(str(label) for label in getattr(frame, "columns", ()))
        return (call.frame, frame) if not features or labels == features else (call.frame, None)


def is_estimator(value: Any) -> bool:
    """Tell an estimator, or what a fit of another library gives, by its class alone; no attribute is touched."""
    kind = type(value)
    if isinstance(value, type):
        return False
    return (hasattr(kind, "fit") and hasattr(kind, "get_params")) or is_result(value)


def is_result(value: Any) -> bool:
    """Tell what is fitted from the beginning: statistical results, boosters, Keras' history of a training."""
    kind = type(value)
    return kind.__name__.endswith(_RESULTS.get(kind.__module__.partition(".")[0], ()))


def fitted_state(estimator: Any) -> tuple[int, ...]:
    """Give the identities of what fitting has left in an estimator; nothing where it is not fitted.

    scikit-learn's own rule: an attribute that ends in ``_``. Where a class knows better, it is asked.
    """
    if is_result(estimator):
        return (identity(estimator),)
    try:
        if (own := getattr(type(estimator), "__sklearn_is_fitted__", None)) is not None and not own(
            estimator
        ):
            return ()
        state = vars(estimator)
    except Exception:  # noqa: BLE001  # foreign classes do what they like
        return ()
    learnt = [value for name, value in state.items() if name.endswith("_") and not name.startswith("__")]
    steps = state.get("steps")
    if isinstance(steps, list):  # a pipeline is as fitted as its steps
        learnt += [part for _, step in steps for part in fitted_state(step)]
    if not learnt and own is not None:
        learnt = list(state.values())
    return tuple(item if type(item) is int else identity(item) for item in learnt)


def parameters(estimator: Any) -> dict[str, Scalar]:
    """Give the plain parameters of an estimator and those in it; of a nested one its class; what a search has found."""
    try:
        if is_result(estimator):
            return _made_with(estimator)
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


def _judged(estimator: Any) -> Iterator[tuple[str, float]]:
    """Give what a fit says of itself: a search's best score, a result's criteria, a training's losses by epoch."""
    try:
        state: Mapping[str, Any] = vars(estimator)
        if is_number(best := state.get("best_score_")):
            yield "best_score", float(best)
        if not is_result(estimator):
            return
        history = state.get("history")
        for measure, epochs in history.items() if isinstance(history, dict) else ():
            yield from ((str(measure), float(value)) for value in list(epochs)[:_MOST_EPOCHS])
        if type(estimator).__module__.startswith("statsmodels"):
            for part in _JUDGED_BY:
                if is_number(value := getattr(estimator, part, None)):
                    yield part, float(value)
    except Exception:  # noqa: BLE001  # what cannot be asked says nothing
        return


def _best(estimator: Any) -> Mapping[str, Any]:
    found = vars(estimator).get("best_params_")
    return found if isinstance(found, dict) else {}


def _plain(name: str, value: Any) -> Scalar:
    if value is None or isinstance(value, bool | int | float | str):
        return shown(str(name), value)
    return type(value).__name__


def _features(estimator: Any) -> tuple[str, ...]:
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


def profile_later(session: Session, of: int, frame: Any) -> None:
    """Have a frame fingerprinted and profiled off the user's thread; `FrameProfiled` says what came of it."""
    held, problem = snapshot(frame)

    def profiled() -> None:
        session.record(_profiled(session, of, held, problem))

    session.background.add(profiled)


def _profiled(session: Session, of: int, frame: Any, problem: str | None) -> FrameProfiled:
    import json

    from nbship.errors import NbshipError
    from nbship.fingerprint import fingerprint
    from nbship.profile import profile

    if frame is None:
        return FrameProfiled(of=of, problem=problem)
    try:
        blob = session.blobs.put(json.dumps(profile(frame).to_json()).encode())
        return FrameProfiled(of=of, table=fingerprint(frame).table, profile_blob=blob)
    except (NbshipError, OSError) as error:
        return FrameProfiled(of=of, problem=str(error))
