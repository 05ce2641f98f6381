"""The names of metrics that formulas say by their form: mean squared differences, shares of hits, rates of counts."""

from __future__ import annotations

import ast

from nbship_magics.dataflow import Dataflow, called
from nbship_magics.words import speaks_of_metric

__all__ = ["formula", "plain", "unscaled"]

#: Calls that only change how a number is shown.
_SHOWS = frozenset({"round", "str", "float", "format", "around", "repr", "int"})
#: What the counts of a confusion matrix make, by those above and those below.
_RATES = {
    ("tn tp", "fn fp tn tp"): "accuracy",
    ("fn fp", "fn fp tn tp"): "error_rate",
    ("tp", "fn tp"): "recall",
    ("tn", "fp tn"): "specificity",
    ("fp", "fp tn"): "false_positive_rate",
    ("fn", "fn tp"): "false_negative_rate",
    ("tp", "fp tp"): "precision",
    ("tn", "fn tn"): "negative_predictive_value",
}


def formula(node: ast.expr, flows: Dataflow) -> str | None:  # noqa: C901, PLR0911  # one case, one name
    """Give the name of a metric that an expression's own form says."""
    match node:
        case ast.Call() if called(node) in _SHOWS and node.args:
            return formula(node.args[0], flows)
        case ast.Call() if called(node) == "sqrt" and node.args:
            return _root_of(formula(node.args[0], flows))
        case ast.Call() if called(node) in {"mean", "average", "sum", "nanmean"}:
            return _gathered(node)
        case ast.Call() if speaks_of_metric(called(node)):
            return called(node)
        case ast.Attribute(attr=name) if speaks_of_metric(name):
            return name.rstrip("_")
        case ast.Name(id=name) if speaks_of_metric(name):
            return name
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=0.5)):
            return _root_of(formula(left, flows))
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=right):
            return _complement(formula(right, flows), twice=isinstance(right, ast.BinOp))
        case ast.BinOp(op=ast.Div()) if (rate := _confusion(node)) is not None:
            return rate
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div(), right=right) if flows.of(right) is None:
            return formula(left, flows)
        case ast.BinOp(left=left, op=ast.Mult(), right=right) if flows.of(left) is None:
            return formula(right, flows)
        case _:
            return None


def _root_of(name: str | None) -> str | None:
    return {"mse": "rmse", "mean_squared_error": "root_mean_squared_error", None: None}.get(
        name, f"sqrt_{name}"
    )


def _complement(name: str | None, *, twice: bool) -> str | None:
    """Name one minus a number; R squared that is corrected for the features is one minus a multiple of such."""
    if name is not None and name.startswith("1-") and twice:
        return f"adjusted_{name[2:]}"
    return {"accuracy": "error_rate", None: None}.get(name, f"1-{name}")


def _gathered(call: ast.Call) -> str | None:  # noqa: PLR0911  # as above
    """Name a mean or a sum by what is gathered: hits, misses, squared or absolute differences, or a named score."""
    inner = call.func.value if isinstance(call.func, ast.Attribute) and not call.args else None
    inner = call.args[0] if call.args else inner
    while isinstance(inner, ast.Call) and called(inner) in {
        "astype",
        "float",
        "int",
        "abs",
        "absolute",
        "square",
    }:
        if called(inner) in {"abs", "absolute", "square"} and inner.args:
            return {"square": "mse"}.get(called(inner), "mae") if _is_difference(inner.args[0]) else None
        inner = (
            inner.func.value
            if isinstance(inner.func, ast.Attribute) and called(inner) == "astype"
            else inner.args[0]
        )
    match inner:
        case ast.Compare(ops=[ast.Eq()]):
            return "accuracy"
        case ast.Compare(ops=[ast.NotEq()]):
            return "error_rate"
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=2)) if _is_difference(left):
            return "mse"
        case (
            ast.GeneratorExp(elt=ast.Compare(ops=[ast.Eq()])) | ast.ListComp(elt=ast.Compare(ops=[ast.Eq()]))
        ):
            return "accuracy"
        case ast.Name(id=name) if speaks_of_metric(name) or _is_difference(inner):
            return f"{name}.{called(call)}"
        case _:
            return None


def _is_difference(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return any(word in node.id.lower() for word in ("resid", "err", "diff", "delta"))
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)


def _confusion(node: ast.BinOp) -> str | None:
    sides = []
    for side in (node.left, node.right):
        counts = {part.id.lower() for part in ast.walk(side) if isinstance(part, ast.Name)} - {"float", "sum"}
        sides.append(" ".join(sorted(counts)))
    return _RATES.get((sides[0], sides[1]))


def plain(node: ast.expr) -> ast.expr:
    """Give what is shown without what only rounds or writes it."""
    while isinstance(node, ast.Call) and called(node) in _SHOWS and node.args:
        if isinstance(node.args[0], ast.Constant):
            break
        node = node.args[0]
    return node


def unscaled(node: ast.expr) -> ast.expr:
    """Give what ``100 * x`` is made of."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(one, ast.Constant):
                return other
    return node
