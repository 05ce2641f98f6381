"""The places in a cell where a number is measured: which expressions, and the name that each number gets.

Of the inside of functions only what they print: they may be called often, be compiled, or be sent to other processes.
A number counts where two things come together: it is made of predictions (`nbship_magics.dataflow`), and the name it
gets, the label it is printed with or its own formula speaks of a metric.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nbship_magics.dataflow import Dataflow, Flow, called, is_update, last_name
from nbship_magics.formulas import formula, plain, unscaled
from nbship_magics.prints import shown
from nbship_magics.redaction import redacted
from nbship_magics.words import speaks_of_metric

__all__ = ["Loop", "Place", "places"]

_LONGEST_EXPRESSION = 200
#: What is recorded of every fit, whoever looks at it.
SAID_BY_FITS = frozenset(
    "best_score_ oob_score_ inertia_ rsquared rsquared_adj prsquared fvalue f_pvalue aic bic llf".split()
)
_MOST_NODES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A loop around a place: the names it sets, the name that it goes through, and whether that is written out."""

    targets: tuple[str, ...]
    through: str
    literal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An expression that measures. ``parts`` are the names of a tuple that it gives, ``by`` and ``on`` as in `Flow`.

    ``named`` where the name is the notebook's own; ``shown`` where it is only printed or collected. ``function`` is what a
    library's measuring function is called; empty for what is computed by hand. ``trained`` where a training gives it, which
    may be a whole history; ``inside`` where a function prints it.
    """

    node: ast.expr
    name: str
    expression: str
    parts: tuple[str, ...] = ()
    named: bool = False
    shown: bool = False
    function: str = ""
    by: str = ""
    trained: bool = False
    inside: bool = False
    loops: tuple[Loop, ...] = ()


def places(tree: ast.Module, flows: Dataflow) -> list[Place]:
    """Give the places of a cell, the inner ones of nested ones first; ``flows`` learns what the cell binds."""
    if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
        return []
    search = _searched(tree.body, flows)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        search.display(last.value)
    found = [*search.found, *(place for function in _functions(tree) for place in _printed(function, flows))]
    return list({id(place.node): place for place in found}.values())


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Give the functions of a cell and the methods of its classes; what is decorated may be compiled."""
    for statement in tree.body:
        inner = statement.body if isinstance(statement, ast.ClassDef) else [statement]
        yield from (part for part in inner if isinstance(part, ast.FunctionDef) and not part.decorator_list)


def _printed(function: ast.FunctionDef, flows: Dataflow) -> Iterator[Place]:
    """Give the measures that a function prints, seen from the inside alone."""
    inner = Dataflow()
    inner.functions = flows.functions
    search = _searched(function.body, inner, inside=True)
    yield from (replace(place, inside=True) for place in search.found if place.shown and not place.named)


def _searched(body: Sequence[ast.stmt], flows: Dataflow, *, inside: bool = False) -> _Search:
    """Go through statements; through loops more than once, as what one binds late it may use early."""
    loops = any(
        isinstance(statement, ast.For | ast.While | ast.AsyncFor)
        for part in body
        for statement in ast.walk(part)
    )
    for _ in range(2 if loops else 0):
        _Search(flows, inside=inside).block(body, ())
    search = _Search(flows, inside=inside)
    search.block(body, ())
    return search


class _Search:
    """Goes through statements in order."""

    def __init__(self, flows: Dataflow, *, inside: bool = False) -> None:
        self.found: list[Place] = []
        self._inside = inside  # of a function, where nothing is kept under its name
        self._flows = flows
        self._loops: tuple[Loop, ...] = ()

    def block(self, body: Sequence[ast.stmt], conditions: tuple[Flow, ...]) -> None:
        """Go through the statements that run under conditions."""
        for statement in body:
            self._statement(statement, conditions)

    def _statement(self, statement: ast.stmt, conditions: tuple[Flow, ...]) -> None:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self._flows.functions.add(name)
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign([target], value)
            case ast.AugAssign(target=target, value=value):
                self._calls(value)
                self._grow(target, value, conditions)
            case ast.Expr(value=value):
                self._expression(value)
            case ast.For(target=target, iter=iterated) | ast.AsyncFor(target=target, iter=iterated):
                self._loop(statement, target, iterated, conditions)
            case ast.If(test=test) | ast.While(test=test):
                flow = self._flows.of(test)
                self.block(statement.body, (*conditions, flow) if flow is not None else conditions)
                self.block(statement.orelse, conditions)
            case ast.With(body=body) | ast.AsyncWith(body=body):
                self.block(body, conditions)
            case ast.Try(body=body):
                inner = [part for handler in statement.handlers for part in handler.body]
                self.block([*body, *inner, *statement.orelse, *statement.finalbody], conditions)
            case _:
                pass

    def _loop(
        self,
        statement: ast.For | ast.AsyncFor,
        target: ast.expr,
        iterated: ast.expr,
        conditions: tuple[Flow, ...],
    ) -> None:
        self._flows.bind(target, self._flows.of(iterated))
        names = tuple(node.id for node in ast.walk(target) if isinstance(node, ast.Name))
        literal = isinstance(iterated, ast.List | ast.Tuple | ast.Dict | ast.Set)
        before = self._loops
        self._loops = (*before, Loop(targets=names, through=_root(iterated), literal=literal))
        self.block(statement.body, conditions)
        self._loops = before
        self.block(statement.orelse, conditions)

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        self._calls(value)
        flow = self._flows.of(value)
        for target in targets:
            if (
                isinstance(target, ast.Tuple)
                and isinstance(value, ast.Tuple)
                and len(target.elts) == len(value.elts)
            ):
                for one, other in zip(target.elts, value.elts, strict=True):
                    self._assign([one], other)
                continue
            kept = self._named(target, value, flow)
            kept = "" if self._inside else kept
            if is_update(target, value) and flow is None:
                flow = Flow(kind="trained")
            if flow is not None and flow.kind == "trained" and isinstance(target, ast.Name):
                flow = replace(flow, by=target.id)
            self._flows.bind(target, replace(flow, kept=kept) if flow is not None else None)

    def _named(
        self, target: ast.expr, value: ast.expr, flow: Flow | None
    ) -> Literal["", "number", "several"]:
        """Take what gets a name of the notebook's, and tell how it is kept."""
        if flow is None or flow.kind == "predicted" or isinstance(value, ast.Name | ast.Constant):
            return flow.kept if flow is not None and isinstance(value, ast.Name) else ""
        if isinstance(target, ast.Tuple | ast.List):
            parts = tuple(
                last_name(item) if speaks_of_metric(last_name(item)) else "" for item in target.elts
            )
            if any(parts) and not any(isinstance(item, ast.Starred) for item in target.elts):
                self._take(value, "", flow, parts=parts, named=True)
            return ""
        name = _target_name(target)
        taken = bool(
            name and (speaks_of_metric(name) or (flow.kind == "measured" and formula(value, self._flows)))
        )
        if taken:
            self._take(value, name, flow, named=True)
        if isinstance(value, ast.Call) and self._flows.measures(value):
            return "several" if called(value).startswith("cross_val") else "number"
        return "number" if taken else ""

    def _grow(self, target: ast.expr, value: ast.expr, conditions: tuple[Flow, ...]) -> None:
        """Note what ``+=`` makes: a sum over predictions is a measure, a step by a learning rate a training."""
        flow = self._flows.of(value) or next(iter(conditions), None)
        if is_update(target, value):
            self._flows.bind(target, Flow(kind="trained"))
        elif flow is not None and isinstance(target, ast.Name):
            self._flows.bind(target, replace(flow, kind="measured"))

    def _expression(self, value: ast.expr) -> None:
        self._calls(value)
        if not isinstance(value, ast.Call):
            return
        if called(value) == "print":
            for label, printed in shown(value.args):
                self._show(printed, label)
        elif called(value) == "append" and len(value.args) == 1 and isinstance(value.func, ast.Attribute):
            self._append(value.func.value, value.args[0])

    def _append(self, target: ast.expr, value: ast.expr) -> None:
        flow, name = self._flows.of(value), _target_name(target)
        if flow is None:
            return
        if flow.kind == "measured" and speaks_of_metric(name):
            self._take(value, name, flow, shown=True, named=True)
        self._flows.bind(target, flow)

    def display(self, value: ast.expr) -> None:
        """Take what a cell shows as its own value."""
        for item in value.elts if isinstance(value, ast.Tuple) else [value]:
            if not (isinstance(item, ast.Call) and called(item) in {"print", "append"}):
                self._show(item, "")

    def _show(self, value: ast.expr, label: str) -> None:
        value = plain(value)
        flow = self._flows.of(value)
        if (
            flow is None
            or flow.kind != "measured"
            or (isinstance(value, ast.Call) and self._flows.measures(value))
        ):
            return  # what a library measures has its name already
        if self._is_kept(value):
            return
        form = formula(value, self._flows)
        if form is not None and not isinstance(value, ast.Name):
            form = ".".join(part for part in (flow.by, form, flow.on) if part)
        name = label if speaks_of_metric(label) else form
        if name:
            self._take(value, name, flow, shown=True)

    def _is_kept(self, value: ast.expr) -> bool:
        """Tell what is recorded already: a name's number, mean or deviation, or what a fit says of itself."""
        whole = unscaled(value)
        if isinstance(whole, ast.Attribute):
            return whole.attr in SAID_BY_FITS
        several = isinstance(whole, ast.Call) and called(whole) in {"mean", "std"}
        if several and isinstance(whole, ast.Call) and isinstance(whole.func, ast.Attribute):
            given = whole.args[0] if whole.args else whole.func.value
            flow = self._flows.of(given)
            return isinstance(given, ast.Name) and flow is not None and flow.kept == "several"
        flow = self._flows.of(whole) if isinstance(whole, ast.Name) else None
        return flow is not None and flow.kept == "number"

    def _calls(self, value: ast.expr) -> None:
        """Take the measuring calls of libraries inside an expression, so that their numbers get names."""
        pending: list[ast.AST] = [value]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
                continue
            if isinstance(node, ast.Call) and self._flows.measures(node) and (node.args or node.keywords):
                flow = self._flows.of(node)
                assert flow is not None
                name = ".".join(part for part in (flow.by, called(node), flow.on) if part)
                self._take(node, name, flow, function=called(node))
                continue
            pending.extend(ast.iter_child_nodes(node))

    def _take(
        self,
        node: ast.expr,
        name: str,
        flow: Flow,
        *,
        parts: tuple[str, ...] = (),
        named: bool = False,
        shown: bool = False,
        function: str = "",
    ) -> None:
        if isinstance(node, ast.Call) and self._flows.measures(node):
            function = called(node)
        elif isinstance(node, ast.Attribute):
            function = node.attr.rstrip("_")
        text = redacted(ast.unparse(node))[:_LONGEST_EXPRESSION]
        self.found.append(
            Place(
                node=node,
                name=name,
                expression=text,
                parts=parts,
                named=named,
                shown=shown,
                function=function,
                by=flow.by,
                trained=flow.kind == "trained",
                loops=self._loops,
            )
        )


def _target_name(target: ast.expr) -> str:
    match target:
        case ast.Name(id=name):
            return name
        case ast.Subscript(value=value, slice=ast.Constant(value=str() as key)):
            return f"{_target_name(value)}.{key}" if isinstance(value, ast.Name) else ""
        case ast.Subscript(value=ast.Name(id=name)):
            return name
        case _:
            return ""


def _root(node: ast.expr) -> str:
    """Give the name that a loop goes through: of ``models.items()`` and ``enumerate(models)`` it is ``models``."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name)), args=[]):
            return name
        case ast.Call(args=[first, *_]):
            return _root(first)
        case _:
            return ""
