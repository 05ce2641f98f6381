"""Statements -> what training does with them, and what serving does: one forward pass over the notebook."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import libcst as cst

from nbship_converter.ir import Statement, Use
from nbship_converter.serving.expressions import (
    CannotServe,
    Expressions,
    Kind,
    Seen,
    names_in,
    source_of,
)
from nbship_converter.uses import MUTATORS, use_of

__all__ = ["Pass", "Turned", "statement_of"]

_SPLITS = "train_test_split"
_SCALARS = re.compile(
    r"^(int|float|str|bool|dict|list\[(str|int|float)|set|tuple\[(int|float|str)|numpy\.(float|int|str|bool)\w*)"
)
_IN_PLACE = MUTATORS - {"fit", "partial_fit", "fit_transform", "fit_predict"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """One statement: what it becomes in training and in serving, and what names are just before it.

    ``serve`` is None where serving has no use for it. ``cannot`` says why it cannot be served.
    """

    statement: Statement
    learn: tuple[Statement, ...]
    serve: tuple[Statement, ...]
    kinds: Mapping[str, Kind]
    learnt: frozenset[str] = frozenset()
    fitted: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    cannot: CannotServe | None = None


@dataclass(slots=True, kw_only=True)
class Pass:
    """Goes through statements in their order and keeps the kind of every name.

    ``record`` is the table whose rows are the records; ``types`` are those of names after a cell.
    """

    record: str
    reader: Statement
    types: Callable[[int, str], str]
    changed: Callable[[int, str], bool]
    helpers: Collection[str]
    refits: frozenset[str]
    name_for: Callable[[str], str]
    kinds: dict[str, Kind] = field(default_factory=dict)
    learnt_names: set[str] = field(default_factory=set)

    def turn(self, statement: Statement) -> Turned:
        """Give what becomes of the next statement."""
        before = dict(self.kinds)
        if statement is self.reader:
            self.kinds[self.record] = "rows"
            return Turned(statement=statement, learn=(), serve=(), kinds=before)
        look = Expressions(kinds=self.kinds, name_for=self.name_for, refits=self.refits)
        try:
            learn, serve = _Block(self, look, statement).turned(statement.node)
        except CannotServe as cannot:
            if any(before.get(name) == "rows" for name in statement.use.needs):
                self.kinds.update(dict.fromkeys((*statement.use.binds, *statement.use.mutates), "rows"))
            return Turned(
                statement=statement, learn=(statement,), serve=(statement,), kinds=before, cannot=cannot
            )
        self.kinds.update(dict.fromkeys(look.fitted, "learnt"))
        self._settle(statement, before)
        return Turned(
            statement=statement,
            learn=tuple(statement_of(node, statement) for node in learn),
            serve=tuple(statement_of(node, statement) for node in serve),
            kinds=before,
            learnt=frozenset(look.learnt),
            fitted=frozenset(look.fitted),
            tools=frozenset(look.tools),
        )

    def _settle(self, statement: Statement, before: Mapping[str, Kind]) -> None:
        """A single number or a dictionary has no row for each record, whatever made it."""
        for name in statement.use.binds:
            kind = self.kinds.get(name)
            if (
                kind == "rows"
                and before.get(name) != "rows"
                and _SCALARS.match(self.types(statement.cell, name))
            ):
                self.kinds[name] = "learnt"


class _Block:
    """Turns the lines of one statement, also those inside of loops and conditions."""

    def __init__(self, passing: Pass, look: Expressions, statement: Statement) -> None:
        self.passing = passing
        self.look = look
        self.kinds = passing.kinds
        self.statement = statement

    def turned(self, node: Any) -> tuple[list[Any], list[Any]]:
        """Give the lines for training and those for serving."""
        if isinstance(node, cst.SimpleStatementLine):
            return self._line(node)
        if isinstance(node, cst.For):
            return self._for(node)
        if isinstance(node, cst.If):
            return self._if(node)
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            return [node], [node]
        if names_in(node) & {name for name, kind in self.kinds.items() if kind in ("rows", "groups")}:
            raise CannotServe(
                "NB437", f"`{source_of(node).splitlines()[0]}` does something with rows in a block of its own"
            )
        return [node], [node]

    def _line(self, node: cst.SimpleStatementLine) -> tuple[list[Any], list[Any]]:
        learn: list[Any] = []
        serve: list[Any] = []
        for place, small in enumerate(node.body):
            comments = node.leading_lines if place == 0 else ()
            trained, served = self._small(small)
            learn += [*self.look.before, *_lines(trained, comments, node), *self.look.after]
            serve += _lines(served, comments, node)
            self.look.before.clear()
            self.look.after.clear()
        return learn, serve

    def _small(self, node: cst.BaseSmallStatement) -> tuple[Any, Any]:  # noqa: PLR0911  # one line for each kind of node
        if isinstance(node, cst.Assign):
            return self._assign(node)
        if isinstance(node, cst.AnnAssign) and node.value is not None:
            seen = self._bind(node.target, self.look.see(node.value))
            return node.with_changes(value=seen.learn), self._kept(node, seen)
        if isinstance(node, cst.AugAssign):
            target, value = self._stored(node.target), self.look.see(node.value)
            root = _root(node.target)
            if self.kinds.get(root or "") == "rows":
                value = self.look.named(value)
                return node.with_changes(target=target.learn, value=value.learn), node.with_changes(
                    target=target.serve, value=value.serve
                )
            if root is not None:
                self._raise(root, value.kind)
            return node, self._kept(node, value)
        if isinstance(node, cst.Expr):
            return self._expression(node)
        if isinstance(node, cst.Del):
            return node, node
        return node, node

    # assignments

    def _assign(self, node: cst.Assign) -> tuple[Any, Any]:
        target = node.targets[0].target
        if isinstance(node.value, cst.Call) and source_of(node.value.func).endswith(_SPLITS):
            return self._split(node, node.value)
        if isinstance(target, (cst.Subscript, cst.Attribute)):
            return self._store(node, target)
        if isinstance(target, cst.Tuple) and isinstance(node.value, cst.Tuple):
            return self._pairs(node, target, node.value)
        seen = self.look.see(node.value)
        for one in node.targets:
            seen = self._bind(one.target, seen)
        return node.with_changes(value=seen.learn), self._kept(node, seen)

    def _pairs(self, node: cst.Assign, target: cst.Tuple, value: cst.Tuple) -> tuple[Any, Any]:
        """``X, y = table[...], table[...]``: each for itself."""
        seen = [self.look.see(element.value) for element in value.elements]
        for element, one in zip(target.elements, seen, strict=False):
            self._bind(element.value, one)
        serve = [
            cst.Assign([cst.AssignTarget(_target(element.value))], one.serve)
            for element, one in zip(target.elements, seen, strict=False)
            if one.kind in ("rows", "plain")
        ]
        return node.with_changes(value=_elements(value, [one.learn for one in seen])), serve

    def _split(self, node: cst.Assign, call: cst.Call) -> tuple[Any, Any]:
        """A new record is on no side of a split: each side is the whole."""
        target = node.targets[0].target
        tables = [arg.value for arg in call.args if arg.keyword is None]
        if not (isinstance(target, cst.Tuple) and len(target.elements) == 2 * len(tables)):
            raise CannotServe(
                "NB437", f"`{source_of(call)}` is not taken apart into two parts for each table"
            )
        seen = [self.look.see(table) for table in tables]
        serve = []
        for place, element in enumerate(target.elements):
            whole = seen[place // 2]
            self._bind(element.value, whole)
            same = source_of(element.value) == source_of(whole.serve)
            if whole.kind == "rows" and not same:
                serve.append(cst.Assign([cst.AssignTarget(_target(element.value))], whole.serve.deep_clone()))
        return node, serve

    def _store(self, node: cst.Assign, target: Any) -> tuple[Any, Any]:
        root = _root(target)
        value = self.look.see(node.value)
        stored = self._stored(target)
        if self.kinds.get(root or "") != "rows":
            if root is not None:
                self._raise(root, value.kind)
            return node.with_changes(value=value.learn), self._kept(node, value)
        value = self.look.named(value)
        targets = [node.targets[0].with_changes(target=stored.learn)]
        served = [node.targets[0].with_changes(target=stored.serve)]
        return node.with_changes(targets=targets, value=value.learn), node.with_changes(
            targets=served, value=value.serve
        )

    def _stored(self, target: Any) -> Seen:
        """Look at what a target is made of: which rows are written to is asked again for new records."""
        if isinstance(target, cst.Name):
            return Seen(kind=self.kinds.get(target.value, "plain"), learn=target, serve=target)
        if isinstance(target, cst.Attribute):
            return Seen(kind="plain", learn=target, serve=target)
        return self.look.see(target, select=False)

    def _bind(self, target: Any, seen: Seen) -> Seen:
        if isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self._bind(element.value, seen)
        elif isinstance(target, cst.Name):
            self.kinds[target.value] = seen.kind
        elif (root := _root(target)) is not None:
            self._raise(root, seen.kind)
        return seen

    def _raise(self, name: str, kind: Kind) -> None:
        """Something is put into a value: it is then at least of that kind."""
        now = self.kinds.get(name, "plain")
        if kind in ("rows", "local") or now == "rows":
            self.kinds[name] = "rows"
        elif "learnt" in (kind, now) or "groups" in (kind, now):
            self.kinds[name] = "learnt"

    def _kept(self, node: Any, seen: Seen) -> Any:
        """Give the line for serving: what is learnt is carried, and not made again."""
        if seen.kind in ("learnt", "groups"):
            return None
        kept = node.with_changes(value=seen.serve)
        if isinstance(kept, cst.Assign) and len(kept.targets) == 1:
            same = source_of(kept.targets[0].target) == source_of(kept.value)
            return None if same else kept
        return kept

    # expressions that stand alone

    def _expression(self, node: cst.Expr) -> tuple[Any, Any]:
        call = node.value
        if not isinstance(call, cst.Call):
            return None, None
        root = _root(call.func) if isinstance(call.func, cst.Attribute) else None
        method = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
        seen = self.look.see(call)
        if root is not None and self.kinds.get(root) == "rows":
            return self._in_place(node, call, root, method, seen)
        if seen.fresh and root is not None and seen.kind == "learnt":
            self.kinds[root] = "learnt"
            self.look.fitted.add(root)
            return node.with_changes(value=seen.learn), None
        if root is not None and method in _IN_PLACE and seen.kind in ("rows", "learnt"):
            self._raise(root, seen.kind)
            return node.with_changes(value=seen.learn), node.with_changes(value=seen.serve)
        if self._changes_its_rows(call):
            return node.with_changes(value=seen.learn), node.with_changes(value=seen.serve)
        return None, None  # it shows something

    def _in_place(
        self, node: cst.Expr, call: cst.Call, root: str, method: str, seen: Seen
    ) -> tuple[Any, Any]:
        in_place = any(arg.keyword is not None and arg.keyword.value == "inplace" for arg in call.args)
        trained = node.with_changes(value=seen.learn)
        if in_place and not isinstance(seen.serve, cst.Call):
            return trained, None  # rows were left out
        if in_place and source_of(seen.serve).startswith("complete("):
            return trained, node.with_changes(value=seen.serve)
        if in_place or method in _IN_PLACE:
            return trained, node.with_changes(value=seen.serve)
        return None, None

    def _changes_its_rows(self, call: cst.Call) -> bool:
        """Whether a function of the user's changes a table that it is handed."""
        if source_of(call.func) not in self.passing.helpers:
            return False
        names = {source_of(arg.value) for arg in call.args}
        return any(
            self.kinds.get(name) == "rows" and self.passing.changed(self.statement.cell, name)
            for name in names
        )

    # blocks

    def _for(self, node: cst.For) -> tuple[list[Any], list[Any]]:
        node = node.with_changes(body=_block(node.body))
        source = self.look.see(node.iter)
        names = names_in(node.target)
        if source.kind in ("rows", "local"):
            for name in names:
                self.kinds[name] = "local"
            inner = self.look
        else:
            source = self.look.named(source)
            for name in names:
                self.kinds[name] = "plain"
            inner = replace(
                self.look,
                keys=(*self.look.keys, *sorted(names)),
                before=[],
                after=[],
            )
        known = set(inner.learnt)
        above = list(self.look.before)
        block = _Block(self.passing, inner, self.statement)
        learn, serve = block._body(node.body)  # the same class, one block further in
        kept = sorted(inner.learnt - known) if inner is not self.look else []
        empty = (
            [cst.parse_statement(f"{name}: dict[Any, Any] = {{}}") for name in kept]
            if not self.look.keys
            else []
        )
        self.look.before[:] = []
        trained = node.with_changes(iter=source.learn, body=node.body.with_changes(body=_filled(learn)))
        served = (
            [node.with_changes(iter=source.serve, body=node.body.with_changes(body=serve))] if serve else []
        )
        return [*above, *empty, trained], served

    def _if(self, node: cst.If) -> tuple[list[Any], list[Any]]:
        node = node.with_changes(body=_block(node.body))
        test = self.look.named(self.look.see(node.test), "chosen")
        above = list(self.look.before)
        self.look.before.clear()
        learn, serve = self._body(node.body)
        below_learn, below_serve = self._else(node.orelse)
        trained = node.with_changes(
            test=test.learn, body=node.body.with_changes(body=_filled(learn)), orelse=below_learn
        )
        served = node.with_changes(
            test=test.serve,
            body=node.body.with_changes(body=_filled(serve)),
            orelse=below_serve,
        )
        return [*above, trained], [served] if serve or below_serve is not None else []

    def _else(self, node: Any) -> tuple[Any, Any]:
        if node is None:
            return None, None
        if isinstance(node, cst.If):
            learn, serve = self._if(node)
            if len(learn) > 1:
                raise CannotServe(
                    "NB437", f"`{source_of(node.test)}` learns in an `elif` what its rows are compared with"
                )
            return learn[0], serve[0] if serve else None
        node = node.with_changes(body=_block(node.body))
        learn, serve = self._body(node.body)
        return (
            node.with_changes(body=node.body.with_changes(body=_filled(learn))),
            node.with_changes(body=node.body.with_changes(body=serve)) if serve else None,
        )

    def _body(self, body: Any) -> tuple[list[Any], list[Any]]:
        learn: list[Any] = []
        serve: list[Any] = []
        for line in body.body:
            trained, served = self.turned(line)
            learn += trained
            serve += served
        return learn, serve


def statement_of(node: Any, like: Statement, use: Use | None = None) -> Statement:
    """Give a statement made of a changed node, in the place of another."""
    own = node.deep_clone()
    code = cst.Module(body=[own]).code
    return replace(like, node=own, code=code, use=use or use_of(code), mark="code")


def _lines(parts: Any, comments: Any, node: cst.SimpleStatementLine) -> list[cst.SimpleStatementLine]:
    """Give each part of a line a line of its own; the comments stay with the first."""
    found = parts if isinstance(parts, list) else [parts] if parts is not None else []
    return [
        cst.SimpleStatementLine(
            body=[part.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)],
            leading_lines=comments if place == 0 else (),
            trailing_whitespace=node.trailing_whitespace if place == 0 else cst.TrailingWhitespace(),
        )
        for place, part in enumerate(found)
    ]


def _block(body: Any) -> Any:
    """Give the body of a loop or condition that stands in its line as a block."""
    return (
        body
        if isinstance(body, cst.IndentedBlock)
        else cst.IndentedBlock(body=[cst.SimpleStatementLine(body.body)])
    )


def _filled(body: list[Any]) -> list[Any]:
    return body or [cst.SimpleStatementLine([cst.Pass()])]


def _target(node: Any) -> Any:
    return node.deep_clone()


def _elements(node: cst.Tuple, values: list[cst.BaseExpression]) -> cst.Tuple:
    elements = [
        element.with_changes(value=value) for element, value in zip(node.elements, values, strict=True)
    ]
    return node.with_changes(elements=elements)


def _root(node: Any) -> str | None:
    while isinstance(node, (cst.Attribute, cst.Subscript, cst.Call)):
        node = node.func if isinstance(node, cst.Call) else node.value
    return node.value if isinstance(node, cst.Name) else None
