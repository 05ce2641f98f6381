"""The numbers by which the user's own code measures: ``sklearn.metrics``, ``.score``, cross-validation, reports."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeGuard

from nbship_magics.identity import identity
from nbship_magics.wrapping import Call, Wrapping

__all__ = ["WATCHED", "Measured", "Metrics", "is_number"]

#: The modules whose import is waited for.
WATCHED = ("sklearn.metrics", "sklearn.model_selection", "sklearn.base")

_METRIC = re.compile(r"_(score|error|loss|coef|deviance|variance|accuracy|kappa)$|^(auc|dcg|d2_\w+)$")
_REPORTS = ("classification_report",)
_VALIDATIONS = ("cross_val_score", "cross_validate")
_MATRICES = ("confusion_matrix",)
_MOST_PER_CELL = 1000
_MOST_MATRICES = 20
#: What stands between the user's ``.score(...)`` and the method that is asked in the end: pipelines and searches.
_ON_THE_WAY = frozenset({"score", "scoring", "__call__", "_score", "_passthrough_scorer", "<lambda>", "fn"})
_REPORT_LINE = re.compile(
    r"^\s*(?P<what>accuracy|macro avg|weighted avg)\s+(?P<numbers>[\d.\s]+)$", re.MULTILINE
)
_REPORTED = ("precision", "recall", "f1-score")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A number that the user's code asked for: the function, and the object that it gave or that was measured.

    ``on`` is the name of the data in the function that asked.
    """

    function: str
    value: float
    result: Any
    part: str = ""
    estimator: Any = None
    on: str = ""


class Metrics:
    """Keeps what a cell measures with libraries: numbers in ``found``, ``(function, matrix)`` in ``matrices``."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._functions = Wrapping(namespace, self._noticed)
        self._scores: list[tuple[type, Any]] = []
        self.found: list[Measured] = []
        self.matrices: list[tuple[str, Any]] = []

    def watch(self, module: ModuleType) -> None:
        """Wrap what measures in a module."""
        if module.__name__ == "sklearn.base":
            self._watch_scores(module)
            return
        offered: Iterable[str] = getattr(module, "__all__", ())
        wanted = (*_REPORTS, *_VALIDATIONS, *_MATRICES)
        self._functions.wrap(module, [name for name in offered if _METRIC.search(name) or name in wanted])

    def remove(self) -> None:
        """Put the functions back."""
        self._functions.remove()
        for kind, original in self._scores:
            kind.score = original  # type: ignore[attr-defined]  # a mixin of scikit-learn's
        self._scores.clear()

    def begin_cell(self) -> None:
        """Forget the last cell's results."""
        self.found.clear()
        self.matrices.clear()

    def _noticed(self, call: Call) -> None:
        if not call.by_user or len(self.found) >= _MOST_PER_CELL:
            return
        if is_number(call.result):
            self._keep(call, "", float(call.result))
        elif call.function in _REPORTS:
            for part, value in _report(call.result):
                self._keep(call, part, value)
        elif call.function in _VALIDATIONS:
            for part, value in _validation(call.result):
                self._keep(call, part, value)
        elif call.function in _MATRICES and len(self.matrices) < _MOST_MATRICES:
            self.matrices.append((call.function, call.result))

    def _keep(self, call: Call, part: str, value: float) -> None:
        self.found.append(
            Measured(
                function=call.function,
                value=value,
                result=call.result,
                part=part,
                estimator=_only_model(call.caller),
                on=_name_of(call.args[0], call.caller) if call.args else "",
            )
        )

    def _watch_scores(self, module: ModuleType) -> None:
        """Wrap the method that classifiers and regressors of every library inherit from scikit-learn."""
        for name in ("ClassifierMixin", "RegressorMixin"):
            kind = getattr(module, name, None)
            original = vars(kind).get("score") if isinstance(kind, type) else None
            if kind is not None and inspect.isfunction(original):
                kind.score = self._scoring(original)
                self._scores.append((kind, original))

    def _scoring(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def scoring(estimator: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            result = original(estimator, *args, **kwargs)
            asked = self._asked(estimator)
            if asked is not None and is_number(result) and len(self.found) < _MOST_PER_CELL:
                self.found.append(
                    Measured(function="score", value=float(result), result=result, estimator=asked)
                )
            return result

        return scoring

    def _asked(self, estimator: Any) -> Any:
        """Give the object that the user's own code asked for its score; None where a library did, in a search."""
        frame = inspect.currentframe()
        frame = frame.f_back.f_back if frame is not None and frame.f_back is not None else None
        while frame is not None and frame.f_globals is not self._namespace:
            if frame.f_code.co_name not in _ON_THE_WAY:
                return None
            estimator = frame.f_locals.get("self", estimator)
            frame = frame.f_back
        return estimator if frame is not None else None


def _only_model(names: Mapping[str, Any]) -> Any:
    """Give the estimator that a function of the user's works with; None where there are several, or none."""
    found = {identity(value): value for value in names.values() if _predicts(type(value))}
    return next(iter(found.values())) if len(found) == 1 else None


def _predicts(kind: type) -> bool:
    try:
        return hasattr(kind, "fit") and hasattr(kind, "predict")
    except Exception:  # noqa: BLE001  # a metaclass that raises
        return False


def _name_of(value: Any, names: Mapping[str, Any]) -> str:
    return next((name for name, other in names.items() if other is value), "")


def _report(result: Any) -> Iterator[tuple[str, float]]:
    """Give accuracy and averages of a classification report, written or as a dict."""
    if isinstance(result, Mapping):
        for what, value in result.items():
            if what == "accuracy" and is_number(value):
                yield what, float(value)
            elif str(what).endswith(" avg") and isinstance(value, Mapping):
                yield from (
                    (f"{what}.{part}".replace(" ", "_"), float(value[part]))
                    for part in _REPORTED
                    if part in value
                )
        return
    for line in _REPORT_LINE.finditer(result if isinstance(result, str) else ""):
        numbers = [float(text) for text in line["numbers"].split()]
        parts = (
            ("accuracy",)
            if line["what"] == "accuracy"
            else tuple(f"{line['what']}.{part}" for part in _REPORTED)
        )
        yield from ((part.replace(" ", "_"), number) for part, number in zip(parts, numbers, strict=False))


def _validation(result: Any) -> Iterator[tuple[str, float]]:
    """Give mean and standard deviation over the folds."""
    scores = (
        {"": result}
        if not isinstance(result, Mapping)
        else {f"{k}.": v for k, v in result.items() if k.startswith("test_")}
    )
    for prefix, folds in scores.items():
        if (
            getattr(folds, "ndim", 0) == 1
            and getattr(getattr(folds, "dtype", None), "kind", "") == "f"
            and len(folds)
        ):
            yield f"{prefix}mean", float(folds.mean())
            yield f"{prefix}std", float(folds.std())


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value is one number: Python's or numpy's, and no truth value."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return True
    kind = type(value)
    return kind.__module__ == "numpy" and kind.__name__.startswith(("float", "int", "uint"))
