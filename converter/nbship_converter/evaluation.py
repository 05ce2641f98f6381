"""The held-out evaluation: which model the notebook is for, and on which rows it is judged.

A pure pass over the statements in their order. Every call that makes a model predict, or judges it, is a candidate;
the one that says most wins: rows that the model was not fitted on, known labels, a model that is kept in a file,
and of equals the last.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from nbship_converter.ir import Facts, Program, Statement
from nbship_converter.syntax import tree_of

__all__ = ["Evaluation", "Task", "evaluation_of"]

Task = Literal["classification", "regression", "clustering", "unknown"]

_PREDICTS = frozenset({"predict", "predict_proba"})
_KEEPS = re.compile(r"(^|\.)(dump|dumps|save|save_model|log_model|register_model)$")
_METRIC = re.compile(r"(_score|_error|_loss|_report|_auc|_matrix)$|^auc$")
_CLASSIFIES = re.compile(
    r"(accuracy|balanced_accuracy|f1|fbeta|precision|recall|roc_auc|jaccard|cohen_kappa|log|average_precision"
    r"|brier|matthews|hinge)(_score|_loss|_corrcoef)$|^(classification_report|confusion_matrix|roc_curve|auc)$"
)
_REGRESSES = re.compile(r"^(r2_score|explained_variance_score|d2_\w+)$|(_error|_deviance)$")
_CLASSIFIERS = re.compile(
    r"(Classifier|NB|SVC|LogisticRegression(CV)?|Perceptron|DiscriminantAnalysis|NearestCentroid)$"
)
_REGRESSORS = re.compile(
    r"(Regressor|SVR|LinearRegression|Ridge(CV)?|Lasso\w*|ElasticNet\w*|OLS\w*|RegressionResults\w*)$"
)
_CLUSTERERS = re.compile(r"(KMeans|DBSCAN|OPTICS|Clustering|MeanShift|Birch|Mixture|AffinityPropagation)$")
_HELD_OUT = re.compile(r"test|val|hold|dev|eval", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Names in Results: the model, the rows it is judged on, their labels, what it said of them.

    ``reason`` says in a few words why this model and these rows were chosen.
    """

    model: str
    features: str
    labels: str | None = None
    predictions: str | None = None
    task: Task = "unknown"
    reason: str = ""

    def as_toml(self) -> dict[str, str]:
        """Give the table ``[tool.nbship.evaluation]`` of the exported repository."""
        named = {
            "model": self.model,
            "features": self.features,
            "labels": self.labels,
            "predictions": self.predictions,
            "task": self.task,
        }
        return {key: value for key, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One time that a model predicts or is judged, and the order in which that stands in the notebook."""

    model: str
    features: str
    place: int
    labels: str | None = None
    predictions: str | None = None
    metrics: tuple[str, ...] = ()


def evaluation_of(program: Program, facts: Facts | None) -> Evaluation | None:
    """Give the evaluation that the notebook's own text supports best, None where it judges no model.

    Only names that Results holds are named, so whoever runs the package can look at the objects.
    """
    statements = [s for s in program.notebook.statements if s.mark not in ("function", "class", "import")]
    last = _last_bindings(statements)
    fitted = dict(_fits(statements))
    seen = [
        one
        for one in _joined(_sightings(statements), last)
        if _is_model(one.model, facts, fitted) and {one.model, one.features} <= program.results.keys()
    ]
    if not seen:
        return None
    kept = _kept_in_a_file(statements)
    best = max(seen, key=lambda one: _weight(one, fitted, kept, last))
    return Evaluation(
        model=best.model,
        features=best.features,
        labels=best.labels if best.labels in program.results else None,
        predictions=best.predictions if best.predictions in program.results else None,
        task=_task(best, facts.types.get(best.model, "") if facts else _class(best.model, statements)),
        reason=_reason(best, fitted, kept),
    )


def _is_model(name: str, facts: Facts | None, fitted: Mapping[str, str]) -> bool:
    return facts.kinds.get(name) == "model" if facts is not None else name in fitted


def _last_bindings(statements: list[Statement]) -> dict[str, int]:
    """Give the place of the last statement that binds each name: what Results holds comes from there."""
    return {name: place for place, statement in enumerate(statements) for name in statement.use.binds}


def _fits(statements: list[Statement]) -> Iterator[tuple[str, str]]:
    """Yield (model, the name it is fitted on); where that is no plain name it is empty."""
    for statement in statements:
        for call in _calls(statement):
            if isinstance(call.func, ast.Attribute) and call.func.attr in ("fit", "train", "fit_predict"):
                rows = _name(call.args[0]) if call.args else None
                owner = _name(call.func.value)
                names = [owner] if owner else list(statement.use.binds)
                yield from ((name, rows or "") for name in names)


def _sightings(statements: list[Statement]) -> Iterator[_Seen | tuple[str, str, str, int]]:
    """Yield what each call says: a prediction, a score, or (metric, labels, predictions, place) of a metric by name."""
    for place, statement in enumerate(statements):
        bound = _plain_target(statement)
        for call in _calls(statement):
            predicted = _prediction(call)
            if predicted is not None:
                whole = bound if _value(statement) is call else None
                yield _Seen(model=predicted[0], features=predicted[1], place=place, predictions=whole)
            elif _is_score(call):
                model, names = _owner(call), [_name(argument) for argument in call.args]
                if model and names[0]:
                    yield _Seen(
                        model=model, features=names[0], labels=names[1], place=place, metrics=("score",)
                    )
            elif _METRIC.search(_called(call)) and len(call.args) >= 2:  # noqa: PLR2004  # labels and predictions
                yield from _judged(call, place)


def _judged(call: ast.Call, place: int) -> Iterator[_Seen | tuple[str, str, str, int]]:
    """Yield what a metric's two arguments are, whichever of the two comes first."""
    for labels, said in (call.args[:2], reversed(call.args[:2])):
        name = _name(labels)
        inner = _prediction(said)
        if name and inner is not None:
            yield _Seen(model=inner[0], features=inner[1], labels=name, place=place, metrics=(_called(call),))
        elif name and _name(said):
            yield _called(call), name, _name(said) or "", place


def _joined(found: Iterator[_Seen | tuple[str, str, str, int]], last: Mapping[str, int]) -> list[_Seen]:
    """Bring together what is said of one model and its rows: predictions by name get the labels they are held against."""
    seen: dict[tuple[str, str], _Seen] = {}
    predicted: dict[str, tuple[str, str]] = {}
    for one in found:
        if isinstance(one, tuple):
            metric, labels, said, place = one
            key = predicted.get(said)
            if key is not None:
                new = replace(seen[key], place=place, labels=labels, metrics=(*seen[key].metrics, metric))
                seen[key] = new
            continue
        key = (one.model, one.features)
        before = seen.get(key, one)
        if one.predictions:
            predicted[one.predictions] = key
        seen[key] = replace(
            one,
            labels=one.labels or before.labels,
            predictions=one.predictions or before.predictions,
            metrics=tuple(dict.fromkeys((*before.metrics, *one.metrics))),
        )
    owners = {name: key for name, key in predicted.items() if name in last}
    return [
        one if owners.get(one.predictions or "") == key else replace(one, predictions=None)
        for key, one in seen.items()
    ]


def _weight(
    one: _Seen, fitted: Mapping[str, str], kept: frozenset[str], last: Mapping[str, int]
) -> tuple[bool, bool, bool, bool, int]:
    """Order candidates: held-out rows, kept in a file, still what was judged, with labels, and then the last."""
    current = all(last.get(name, -1) <= one.place for name in (one.model, one.features))
    return (
        current,
        _is_held_out(one, fitted),
        one.model in kept,
        one.labels is not None,
        one.place,
    )


def _is_held_out(one: _Seen, fitted: Mapping[str, str]) -> bool:
    learnt_from = fitted.get(one.model, "")
    return one.features != learnt_from and bool(learnt_from or _HELD_OUT.search(one.features))


def _reason(one: _Seen, fitted: Mapping[str, str], kept: frozenset[str]) -> str:
    parts = [
        "judged on held-out rows" if _is_held_out(one, fitted) else "judged on the rows it was fitted on"
    ]
    if one.model in kept:
        parts.append("kept in a file")
    if one.metrics:
        parts.append(f"by {', '.join(dict.fromkeys(one.metrics))}")
    return ", ".join(parts)


def _kept_in_a_file(statements: list[Statement]) -> frozenset[str]:
    """Give the names that are handed to a call which saves or registers."""
    return frozenset(
        name
        for statement in statements
        for call in _calls(statement)
        if _KEEPS.search(ast.unparse(call.func))
        for name in [*(_name(argument) for argument in call.args), _owner(call)]
        if name
    )


def _task(one: _Seen, kind: str) -> Task:
    """Tell the task from the metrics, and where they say nothing from the model's class."""
    if any(_CLASSIFIES.search(metric) for metric in one.metrics):
        return "classification"
    if any(_REGRESSES.search(metric) for metric in one.metrics):
        return "regression"
    kinds: tuple[tuple[re.Pattern[str], Task], ...] = (
        (_CLASSIFIERS, "classification"),
        (_REGRESSORS, "regression"),
        (_CLUSTERERS, "clustering"),
    )
    for pattern, task in kinds:
        if pattern.search(kind):
            return task
    return "unknown"


def _class(model: str, statements: list[Statement]) -> str:
    """Give the class that the text binds a name to, without facts."""
    for statement in reversed(statements):
        value = _value(statement)
        if _plain_target(statement) == model and isinstance(value, ast.Call):
            inner = value.func.value if isinstance(value.func, ast.Attribute) else value
            return _called(inner) if isinstance(inner, ast.Call) else _called(value)
    return ""


# reading the tree


def _calls(statement: Statement) -> list[ast.Call]:
    return [node for node in ast.walk(tree_of(statement.code)) if isinstance(node, ast.Call)]


def _name(node: ast.expr | None) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def _owner(call: ast.Call) -> str | None:
    return _name(call.func.value) if isinstance(call.func, ast.Attribute) else None


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else _name(call.func) or ""


def _prediction(node: ast.expr) -> tuple[str, str] | None:
    """Give (model, features) of ``model.predict(features)``, also where its result is taken a part of."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if not (isinstance(node, ast.Call) and _called(node) in _PREDICTS and node.args):
        return None
    model, features = _owner(node), _name(node.args[0])
    return (model, features) if model and features else None


def _is_score(call: ast.Call) -> bool:
    return _called(call) == "score" and isinstance(call.func, ast.Attribute) and len(call.args) >= 2  # noqa: PLR2004  # rows and labels


def _value(statement: Statement) -> ast.expr | None:
    tree = tree_of(statement.code).body[0]
    return tree.value if isinstance(tree, (ast.Assign, ast.AnnAssign)) else None


def _plain_target(statement: Statement) -> str | None:
    tree = tree_of(statement.code).body[0]
    if isinstance(tree, ast.Assign) and len(tree.targets) == 1:
        return _name(tree.targets[0])
    return _name(tree.target) if isinstance(tree, ast.AnnAssign) else None
