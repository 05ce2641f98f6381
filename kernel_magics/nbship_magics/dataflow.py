"""What the numbers of a notebook are computed from: predictions, what is measured on them, or neither.

Read from the text alone, cell after cell; nothing is run. Three kinds of flow are told apart. *Predicted* is what a
model answers, one value for each row. *Measured* is a number made of all of those, or of other such numbers. *Trained* is
what a training gives back. A single prediction is never a measure: it may speak of one person.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from nbship_magics.words import speaks_of_metric, speaks_of_prediction, speaks_of_training

__all__ = ["Dataflow", "Flow", "called", "is_update", "last_name"]

Kind = Literal["predicted", "measured", "trained"]

#: Functions and methods of libraries that measure.
_MEASURES = re.compile(
    r"_(score|error|loss|coef|deviance|variance|accuracy|kappa|matrix|report|curve)$|^(auc|dcg|d2_\w+|score|evaluate)$"
    r"|^cross_val(_score|idate)$"
)
_NO_MEASURE = re.compile(r"^(?!confusion_|classification_).*_(matrix|curve|report)$")
_PREDICTS = frozenset(
    "predict predict_proba predict_log_proba predict_classes decision_function fit_predict score_samples forward "
    "predict_on_batch forecast get_prediction cross_val_predict".split()
)
_GATHERS = frozenset(
    "mean average sum nanmean nansum fsum median nanmedian norm trace count_nonzero max min amax amin nanmax nanmin std var "
    "corrcoef corr pearsonr spearmanr crosstab".split()
)
#: Attributes of fitted objects that hold predictions, and that measure although their names do not say so.
_HOLDS_PREDICTIONS = frozenset({"resid", "fittedvalues", "labels_"})
_RATE = re.compile(r"learning|^lr$|^eta\d*$|^alpha$|^rate$", re.IGNORECASE)
_RANK: dict[Kind, int] = {"trained": 0, "measured": 1, "predicted": 2}
_Key = str | tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What an expression is made of; ``by`` is the estimator that predicted, ``on`` the data that it was given.

    ``kept`` where a number is recorded under the name that holds it, or mean and standard deviation of several.
    """

    kind: Kind
    by: str = ""
    on: str = ""
    kept: Literal["", "number", "several"] = ""


class Dataflow:
    """Knows what the names of a notebook hold, as far as its cells have said."""

    def __init__(self) -> None:
        self.functions: set[str] = set()
        self._known: dict[_Key, Flow | None] = {}
        self._answers: dict[ast.expr, Flow | None] = {}  # until something is bound

    def bind(self, target: ast.expr, flow: Flow | None) -> None:
        """Note what an assignment has put under a name, a column or several names."""
        self._answers.clear()
        if isinstance(target, ast.Tuple | ast.List):
            for item in target.elts:
                self.bind(item, flow)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, flow)
        elif (key := _key(target)) is not None:
            self._known[key] = flow
        elif isinstance(target, ast.Subscript) and flow is not None:
            self.bind(target.value, flow)  # an item of a container speaks for the container

    def of(self, node: ast.expr | None) -> Flow | None:
        """Give what an expression is made of; None where it is no model's doing."""
        if node is None or isinstance(node, ast.Constant | ast.JoinedStr | ast.Lambda):
            return None
        if node in self._answers:
            return self._answers[node]
        found = self._answers[node] = self._of(node)
        return found

    def _of(self, node: ast.expr) -> Flow | None:  # noqa: PLR0911  # one case, one return
        if (key := _key(node)) is not None and key in self._known:
            return self._known[key]
        match node:
            case ast.Name(id=name):
                return Flow(kind="predicted") if speaks_of_prediction(name) else None
            case ast.Attribute(value=value, attr=attribute):
                return self._of_attribute(value, attribute)
            case ast.Subscript(value=value):
                return self.of(value)
            case ast.Call():
                return self._of_call(node)
            case ast.BinOp(left=left, op=op, right=right):
                return self._of_operation(left, op, right)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self._of_comprehension(node)
            case _:
                return _joined(
                    self.of(part) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)
                )

    def is_own(self, call: ast.Call) -> bool:
        """Whether a call is one of a function that the notebook itself defines."""
        return isinstance(call.func, ast.Name) and call.func.id in self.functions

    def measures(self, call: ast.Call) -> bool:
        """Whether a call is one of a library's function that measures."""
        name = called(call)
        return bool(_MEASURES.search(name)) and not _NO_MEASURE.match(name) and not self.is_own(call)

    def _of_attribute(self, value: ast.expr, attribute: str) -> Flow | None:
        owner = last_name(value)
        if attribute in _HOLDS_PREDICTIONS or speaks_of_prediction(attribute):
            return Flow(kind="predicted", by=owner)
        inner = self.of(value)
        if inner is not None and inner.kind == "predicted":
            return inner
        if speaks_of_metric(attribute) and (attribute.endswith("_") or inner is not None):
            return Flow(kind="measured", by=owner)
        return inner

    def _of_call(self, call: ast.Call) -> Flow | None:  # noqa: PLR0911  # as above
        name = called(call)
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        inner = _joined(self.of(part) for part in ([receiver] if receiver is not None else []) + given)
        if self.measures(call):
            return self._of_measuring(call, receiver, inner)
        if name in _PREDICTS or (
            receiver is None and name not in {"print", "len"} and speaks_of_prediction(name)
        ):
            return Flow(
                kind="predicted", by=last_name(receiver), on=last_name(call.args[0]) if call.args else ""
            )
        if speaks_of_training(name):
            return Flow(kind="trained", by=last_name(receiver))
        own = self.is_own(call) and len(given) > 1
        if speaks_of_metric(name) and (own or (inner is not None and inner.kind != "trained")):
            return replace(inner or Flow(kind="measured"), kind="measured")
        if name in _GATHERS and inner is not None:
            return replace(inner, kind="measured")
        if name in {"len", "range", "type", "print", "isinstance"} or inner is None:
            return None
        return replace(inner, kind="predicted") if inner.kind == "trained" else inner

    def _of_measuring(self, call: ast.Call, receiver: ast.expr | None, inner: Flow | None) -> Flow:
        by = inner.by if inner is not None else ""
        if called(call) in {"score", "evaluate"}:
            by = last_name(receiver)
        elif called(call).startswith("cross_val"):
            by = last_name(call.args[0]) if call.args else ""
        given = call.args[1] if called(call).startswith("cross_val") and len(call.args) > 1 else None
        first = given if given is not None else (call.args[0] if call.args else None)
        return Flow(kind="measured", by=by, on=last_name(first) if isinstance(first, ast.Name) else "")

    def _of_operation(self, left: ast.expr, op: ast.operator, right: ast.expr) -> Flow | None:
        one, other = self.of(left), self.of(right)
        found = _joined([one, other])
        if found is None:
            return None
        if (
            isinstance(op, ast.MatMult)
            and one is not None
            and other is not None
            and found.kind == "predicted"
        ):
            return replace(found, kind="measured")  # a product of errors with themselves
        return replace(found, kind="predicted") if found.kind == "trained" else found

    def _of_comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Flow | None:
        before = dict(self._known)
        for loop in node.generators:
            self.bind(loop.target, self.of(loop.iter))
        found = _joined(
            [self.of(node.elt), *(self.of(test) for loop in node.generators for test in loop.ifs)]
        )
        self._known = before
        self._answers.clear()
        return found


def is_update(target: ast.expr, value: ast.expr) -> bool:
    """Tell a step of a training: a name that changes by a learning rate times something."""
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    return isinstance(target, ast.Name) and any(_RATE.search(name) for name in names)


def called(call: ast.Call) -> str:
    """Give the last part of the name that is called."""
    return last_name(call.func) if isinstance(call.func, ast.Name | ast.Attribute) else ""


def last_name(node: ast.expr | None) -> str:
    """Give the name or the attribute that an expression ends in; of a call or an item that of its object."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value) | ast.Call(func=value):
            return last_name(value)
        case _:
            return ""


def _key(node: ast.expr) -> _Key | None:
    """Give what a name, or a column of a frame, is known by."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() as column)):
            return name, column
        case ast.Attribute(value=ast.Name(id=name), attr=column):
            return name, column
        case _:
            return None


def _joined(flows: Iterable[Flow | None] | Iterator[Flow | None]) -> Flow | None:
    """Give the flow of what is made of several: predicted before measured before trained."""
    found = [flow for flow in flows if flow is not None]
    if not found:
        return None
    kind = max(found, key=lambda flow: _RANK[flow.kind]).kind
    by = next((flow.by for flow in found if flow.by), "")
    return Flow(kind=kind, by=by, on=next((flow.on for flow in found if flow.on), ""))
