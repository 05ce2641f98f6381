"""What an expression has to do with rows: its kind, how it reads where the model is trained, and where it serves.

Every expression of the user's is one of four kinds. ``rows``: it has a part for each record, and is computed anew for
new records. ``learnt``: it was made of many rows and is carried along. ``groups``: rows in groups, of which only learnt
values come. ``local``: it depends on a name of a lambda or a comprehension. Everything else is ``plain``.
Where something learnt meets rows it gets a name of its own; where it is trained that name is bound just before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import libcst as cst

from nbship_converter.serving.words import (
    ACCESSORS,
    ACROSS_ROWS,
    FIT_AND_APPLY,
    FITS,
    GROUP_WISE,
    OF_COLUMNS,
    REDUCES,
    REDUCING_FUNCTIONS,
    SELECTS,
)

__all__ = ["CannotServe", "Expressions", "Kind", "Seen", "names_in", "source_of"]

Kind = Literal["plain", "learnt", "rows", "groups", "local"]
_WEIGHT: dict[Kind, int] = {"plain": 0, "learnt": 1, "groups": 2, "rows": 3, "local": 4}
_ONLY_COLUMNS = frozenset({"select_dtypes"})


class CannotServe(Exception):  # noqa: N818  # it is no error: it becomes a finding
    """Why new records cannot be served: the code of the finding, and what the text does."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An expression, as it is where the model is trained (``learn``) and where it serves (``serve``).

    ``fresh`` says that it is learnt here, from rows, and has no name yet.
    """

    kind: Kind
    learn: cst.BaseExpression
    serve: cst.BaseExpression
    fresh: bool = False


@dataclass(slots=True, kw_only=True)
class Expressions:
    """Looks at the expressions of one statement; what it finds to be learnt is noted in ``before`` and ``after``.

    ``kinds`` are those of the notebook's names just before the statement. ``keys`` are the targets of the loops
    around it. ``before`` are the lines that bind what is learnt, ``learnt`` their names.
    """

    kinds: dict[str, Kind]
    name_for: Callable[[str], str]
    refits: frozenset[str] = frozenset()
    keys: tuple[str, ...] = ()
    bound: frozenset[str] = frozenset()
    before: list[cst.BaseStatement] = field(default_factory=list)
    after: list[cst.BaseStatement] = field(default_factory=list)
    learnt: set[str] = field(default_factory=set)
    fitted: set[str] = field(default_factory=set)
    tools: set[str] = field(default_factory=set)

    def see(self, node: cst.BaseExpression, *, select: bool = True) -> Seen:  # noqa: PLR0911  # one line for each kind of node
        """Give what an expression is; with ``select`` rows are no longer chosen where it serves."""
        if isinstance(node, cst.Name):
            kind = "local" if node.value in self.bound else self.kinds.get(node.value, "plain")
            return Seen(kind=kind, learn=node, serve=node)
        if isinstance(node, cst.Call):
            return self._call(node, select=select)
        if isinstance(node, cst.Attribute):
            return self._attribute(node, select=select)
        if isinstance(node, cst.Subscript):
            return self._subscript(node, select=select)
        if isinstance(node, cst.Lambda):
            return self._lambda(node)
        if isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp)):
            return self._comprehension(node)
        return self.whole(node, select=select)

    def whole(self, node: Any, *, select: bool = True) -> Seen:
        """Give what something made of parts is: what its parts are."""
        parts = {id(part): self.see(part, select=select) for part in _parts(node)}
        return self._joined(node, parts)

    def named(self, seen: Seen, hint: str = "") -> Seen:
        """Give a name to what is learnt here and has none, so that it can be carried."""
        if not seen.fresh:
            return seen
        return self._carried(seen.learn, hint or source_of(seen.learn))

    def _joined(self, node: Any, parts: Mapping[int, Seen]) -> Seen:
        kinds: list[Kind] = ["plain", *(part.kind for part in parts.values())]
        kind = max(kinds, key=lambda one: _WEIGHT[one])
        if kind in ("rows", "local"):
            parts = {key: self.named(part) for key, part in parts.items()}
        fresh = kind == "learnt" and any(part.fresh for part in parts.values())
        return Seen(
            kind=kind,
            learn=_with(node, {key: part.learn for key, part in parts.items()}),
            serve=_with(node, {key: part.serve for key, part in parts.items()}),
            fresh=fresh,
        )

    def _carried(self, value: cst.BaseExpression, hint: str) -> Seen:
        """Bind a value to a name of its own, one for each turn of the loops around."""
        local = {name for name, kind in self.kinds.items() if kind == "local"}
        if names_in(value) & (self.bound | local):
            raise CannotServe("NB437", f"`{_short(value)}` learns something else for every row")
        place = self.place(self._new_name(hint))
        self.before.append(_assignment(place, value))
        return Seen(kind="learnt", learn=place, serve=place.deep_clone())

    def _new_name(self, hint: str) -> str:
        name = self.name_for(f"{hint} by {' '.join(self.keys)}" if self.keys else hint)
        self.learnt.add(name)
        return name

    def place(self, name: str) -> cst.BaseExpression:
        """Give where a learnt value is kept: a name, in a loop its part for this turn."""
        if not self.keys:
            return cst.Name(name)
        return cst.parse_expression(f"{name}[{', '.join(self.keys)}]")

    # parts of things

    def _attribute(self, node: cst.Attribute, *, select: bool) -> Seen:
        value = self.see(node.value, select=select)
        if value.kind == "rows" and node.attr.value in OF_COLUMNS:
            return Seen(kind="learnt", learn=node.with_changes(value=value.learn), serve=node, fresh=True)
        if value.kind == "rows" and node.attr.value == "codes":
            raise CannotServe("NB437", f"`{_short(node)}` numbers the categories of all rows")
        return self._joined(node, {id(node.value): value})

    def _subscript(self, node: cst.Subscript, *, select: bool) -> Seen:
        value = self.see(node.value, select=select)
        parts = {id(node.value): value}
        parts |= {id(part): self.see(part, select=False) for part in _parts(node) if part is not node.value}
        seen = self._joined(node, parts)
        if value.kind != "rows" or not select:
            return seen
        return Seen(
            kind="rows",
            learn=seen.learn,
            serve=_unselected(cst.ensure_type(seen.serve, cst.Subscript), node, parts),
        )

    def _lambda(self, node: cst.Lambda) -> Seen:
        names = {parameter.name.value for parameter in node.params.params}
        return self._inside(node, frozenset(names), "plain")

    def _comprehension(self, node: Any) -> Seen:
        source = self.see(node.for_in.iter)
        names = names_in(node.for_in.target)
        if source.kind in ("rows", "local"):
            return self._inside(node, frozenset(names), source.kind)
        inner = self._within(frozenset())
        for name in names:
            inner.kinds[name] = "plain"
        inner.bound = self.bound
        seen = inner.whole(node)
        if inner.before and any(names_in(line) & names for line in inner.before):
            raise CannotServe(
                "NB437", f"`{_short(node)}` learns in a comprehension what its rows are compared with"
            )
        return seen

    def _inside(self, node: Any, names: frozenset[str], kind: Kind) -> Seen:
        """Look into a scope of its own; it is rows where rows are read in it from outside."""
        seen = self._within(names).whole(node)
        outside = {self.kinds.get(name, "plain") for name in names_in(node) - names}
        found: Kind = (
            "rows" if kind == "rows" or "rows" in outside else "local" if kind == "local" else "plain"
        )
        return Seen(kind=found, learn=seen.learn, serve=seen.serve)

    def _within(self, names: frozenset[str]) -> Expressions:
        return Expressions(
            kinds={**self.kinds},
            name_for=self.name_for,
            refits=self.refits,
            keys=self.keys,
            bound=self.bound | names,
            before=self.before,
            after=self.after,
            learnt=self.learnt,
            fitted=self.fitted,
            tools=self.tools,
        )

    # calls

    def _call(self, node: cst.Call, *, select: bool) -> Seen:
        if isinstance(node.func, cst.Attribute):
            method = node.func.attr.value
            receiver = self.see(node.func.value, select=select)
            if receiver.kind == "groups":
                return self._of_groups(node, method)
            if receiver.kind == "local" or (receiver.kind == "rows" and _is_accessor(node.func.value)):
                return self._live(node, receiver)
            if receiver.kind == "rows":
                return self._of_rows(node, method, receiver, select=select)
            if method in FIT_AND_APPLY and self._takes_rows(node):
                return self._fitted(node, method)
            joined = method in ("merge", "join") and receiver.kind == "learnt"
            if joined or (method in FITS and self._takes_rows(node)):
                return Seen(kind="learnt", learn=node, serve=node, fresh=True)
        return self._function(node, _called(node), select=select)

    def _of_groups(self, node: cst.Call, method: str) -> Seen:
        if method in GROUP_WISE:
            raise CannotServe("NB431", f"`{_short(node)}` looks at the other rows of a group")
        return Seen(kind="learnt", learn=node, serve=node, fresh=True)

    def _of_rows(  # a table of methods
        self, node: cst.Call, method: str, receiver: Seen, *, select: bool
    ) -> Seen:
        """Give what a method of a table, a column or an array is."""
        if method == "groupby":
            return Seen(kind="groups", learn=node, serve=node)
        if method in ACROSS_ROWS or (method == "fillna" and _word(node, "method") is not None):
            raise CannotServe("NB431", f"`{_short(node)}` looks at other rows")
        if method in REDUCES and not _along_rows(node):
            return Seen(kind="learnt", learn=self._live(node, receiver).learn, serve=node, fresh=True)
        if method in _ONLY_COLUMNS or (method == "dropna" and _along_rows(node)):
            return self._same_columns(node, receiver)
        if method in SELECTS or (method == "drop" and not _drops_columns(node)):
            return self._selected(node, method, receiver) if select else self._live(node, receiver)
        if method in ("apply", "transform", "agg") and (encoder := _encoder(node)) is not None:
            return self._encoded(node, receiver, encoder)
        return self._live(node, receiver)

    def _live(self, node: cst.Call, receiver: Seen) -> Seen:
        """Give a call that is made again for new records, with what its arguments learn carried."""
        assert isinstance(node.func, cst.Attribute)
        parts = {id(part): self.see(part, select=False) for part in _parts(node) if part is not node.func}
        function = self._joined(node.func, {id(node.func.value): receiver})
        return self._joined(node, {id(node.func): function, **parts})

    def _selected(self, node: cst.Call, method: str, receiver: Seen) -> Seen:
        """A row that is left out of the training data is no reason to refuse a record, unless something is missing."""
        live = self._live(node, receiver)
        if method != "dropna":
            return Seen(kind="rows", learn=live.learn, serve=receiver.serve)
        self.tools.add("complete")
        arguments = [arg for arg in node.args if _keyword(arg) not in ("inplace", "ignore_index")]
        checked = cst.Call(cst.Name("complete"), [cst.Arg(receiver.serve), *_spaced(arguments)])
        return Seen(kind="rows", learn=live.learn, serve=checked)

    def _same_columns(self, node: cst.Call, receiver: Seen) -> Seen:
        live = self._live(node, receiver)
        columns = self._carried(cst.Attribute(live.learn, cst.Name("columns")), f"{source_of(node)} columns")
        index = [cst.SubscriptElement(cst.Index(columns.serve))]
        return Seen(
            kind="rows",
            learn=cst.Subscript(receiver.learn, index),
            serve=cst.Subscript(receiver.serve, index),
        )

    def _encoded(self, node: cst.Call, receiver: Seen, encoder: cst.BaseExpression) -> Seen:
        """``table.apply(encoder.fit_transform)``: one encoder for each column."""
        self.tools |= {"copy"}
        fitted = cst.parse_expression(
            "{column: copy.deepcopy(ENCODER).fit(TABLE[column]) for column in TABLE}"
        )
        names = {"ENCODER": encoder, "TABLE": receiver.learn}
        carried = self._carried(_filled(fitted, names), f"{source_of(encoder)}s")
        apply = cst.parse_expression("TABLE.apply(lambda column: ENCODERS[column.name].transform(column))")
        place = {"ENCODERS": carried.serve}
        return Seen(
            kind="rows",
            learn=_filled(apply, {"TABLE": receiver.learn, **place}),
            serve=_filled(apply, {"TABLE": receiver.serve, **place}),
        )

    def _takes_rows(self, node: cst.Call) -> bool:
        return any(self.kinds.get(name) == "rows" for arg in node.args for name in names_in(arg.value))

    def _fitted(self, node: cst.Call, method: str) -> Seen:
        """``x.fit_transform(rows)`` is ``x.transform(rows)`` where it serves."""
        assert isinstance(node.func, cst.Attribute)
        first = self.see(node.args[0].value)
        owner = node.func.value
        apply = cst.Name(FIT_AND_APPLY[method])
        learn = node.with_deep_changes(node.args[0], value=first.learn)
        if isinstance(owner, cst.Name) and owner.value not in self.refits and not self.keys:
            self.fitted.add(owner.value)
            serving: cst.BaseExpression = owner
        elif isinstance(owner, cst.Name):
            self.tools.add("copy")
            serving = self.place(self._new_name(f"{_strings(node)} {owner.value}"))
            copied = _filled(cst.parse_expression("copy.deepcopy(OWNER)"), {"OWNER": owner})
            self.after.append(_assignment(serving, copied))
        else:
            carried = self._carried(self.see(owner).learn, f"{_strings(node)} {source_of(owner)}")
            serving = carried.serve
            learn = learn.with_deep_changes(learn.func, value=carried.learn)
        argument = node.args[0].with_changes(value=first.serve, keyword=None, comma=cst.MaybeSentinel.DEFAULT)
        served = cst.Call(cst.Attribute(serving, apply), [argument])
        return Seen(kind="rows", learn=learn, serve=served)

    def _function(self, node: cst.Call, name: str, *, select: bool) -> Seen:
        last = name.rsplit(".", 1)[-1]
        seen = self.whole(node, select=select)
        if seen.kind != "rows":
            return seen
        if last in REDUCING_FUNCTIONS and not _along_rows(node):
            return Seen(kind="learnt", learn=node, serve=node, fresh=True)
        if last == "get_dummies":
            return self._dummies(node, seen)
        if last in ("factorize", "qcut") or (last == "cut" and _counts_bins(node)):
            raise CannotServe("NB437", f"`{_short(node)}` makes its classes of all rows")
        if last == "merge" and self.see(node.args[0].value).kind != "rows":
            return Seen(kind="learnt", learn=node, serve=node, fresh=True)
        if last == "concat" and not _along_rows(node):
            raise CannotServe("NB437", f"`{_short(node)}` puts rows of several tables below each other")
        return seen

    def _dummies(self, node: cst.Call, seen: Seen) -> Seen:
        """Give the dummy columns of the categories that there were in training."""
        assert isinstance(seen.learn, cst.Call)
        assert isinstance(seen.serve, cst.Call)
        self.tools |= {"categories_of", "with_categories"}
        columns = [arg for arg in node.args[1:] if _keyword(arg) == "columns"]
        table = seen.learn.args[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        source = cst.Call(cst.Name("categories_of"), [table, *_spaced(columns)])
        carried = self._carried(source, f"{_strings(node)} categories")
        first = seen.serve.args[0]
        filled = cst.Call(cst.Name("with_categories"), [cst.Arg(first.value), cst.Arg(carried.serve)])
        serve = seen.serve.with_changes(args=[first.with_changes(value=filled), *seen.serve.args[1:]])
        return Seen(kind="rows", learn=seen.learn, serve=serve)


# reading and changing nodes


class _Children(cst.CSTTransformer):
    """Finds the expressions that something is directly made of, or puts others in their place."""

    def __init__(self, root: cst.CSTNode, new: Mapping[int, cst.BaseExpression]) -> None:
        super().__init__()
        self.root = root
        self.new = new
        self.found: list[cst.BaseExpression] = []
        self.names: set[int] = set()

    def on_visit(self, node: cst.CSTNode) -> bool:
        for part in ("keyword", "attr", "name", "target"):
            if isinstance(node, (cst.Arg, cst.Attribute, cst.Param, cst.CompFor)) and hasattr(node, part):
                self.names.add(id(getattr(node, part)))
        if node is self.root:
            return True
        if isinstance(node, cst.BaseExpression):
            if id(node) not in self.names:
                self.found.append(node)
            return False
        return True

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        return self.new.get(id(original_node), updated_node)


def _parts(node: cst.CSTNode) -> list[cst.BaseExpression]:
    children = _Children(node, {})
    node.visit(children)
    return children.found


def _with(node: Any, new: Mapping[int, cst.BaseExpression]) -> Any:
    return node.visit(_Children(node, new))


class _Fill(cst.CSTTransformer):
    def __init__(self, names: Mapping[str, cst.BaseExpression]) -> None:
        super().__init__()
        self.names = names

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self.names.get(original_node.value, updated_node)


def _filled(template: cst.BaseExpression, names: Mapping[str, cst.BaseExpression]) -> Any:
    return template.visit(_Fill(names))


def _assignment(target: cst.BaseExpression, value: cst.BaseExpression) -> cst.SimpleStatementLine:
    return cst.SimpleStatementLine(
        [cst.Assign([cst.AssignTarget(cst.ensure_type(target, cst.BaseAssignTargetExpression))], value)]  # type: ignore[type-abstract]  # an abstract class is what is asked for
    )


class _Names(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        self.found.add(node.value)


def names_in(node: cst.CSTNode) -> set[str]:
    """Give the names that stand in some code, attributes and keywords aside."""
    names = _Names()
    node.visit(names)
    return names.found


def source_of(node: cst.CSTNode) -> str:
    """Give the text of a node."""
    return cst.Module(body=[]).code_for_node(node).strip()


def _short(node: cst.CSTNode) -> str:
    text = " ".join(source_of(node).split())
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004  # a line of a message


def _strings(node: cst.CSTNode) -> str:
    return " ".join(re.findall(r"['\"](\w[\w ]*)['\"]", source_of(node)))


def _called(node: cst.Call) -> str:
    return source_of(node.func) if isinstance(node.func, (cst.Name, cst.Attribute)) else ""


def _is_accessor(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Attribute) and node.attr.value in ACCESSORS


def _keyword(arg: cst.Arg) -> str | None:
    return arg.keyword.value if arg.keyword is not None else None


def _word(node: cst.Call, name: str) -> cst.BaseExpression | None:
    return next((arg.value for arg in node.args if _keyword(arg) == name), None)


def _along_rows(node: cst.Call) -> bool:
    """Whether a call has ``axis=1``."""
    axis = _word(node, "axis")
    if axis is None and isinstance(node.func, cst.Attribute) and len(node.args) == 1:
        only = node.args[0]
        axis = only.value if only.keyword is None and source_of(only.value) == "1" else None
    return axis is not None and source_of(axis).strip("'\"") in ("1", "columns", "-1")


def _drops_columns(node: cst.Call) -> bool:
    return (
        _along_rows(node)
        or _word(node, "columns") is not None
        or (len(node.args) > 1 and source_of(node.args[1].value).strip("'\"") in ("1", "columns"))
    )


def _counts_bins(node: cst.Call) -> bool:
    bins = _word(node, "bins") or (node.args[1].value if len(node.args) > 1 else None)
    return isinstance(bins, cst.Integer)


def _encoder(node: cst.Call) -> cst.BaseExpression | None:
    first = node.args[0].value if node.args else None
    return first.value if isinstance(first, cst.Attribute) and first.attr.value == "fit_transform" else None


def _spaced(args: list[cst.Arg]) -> list[cst.Arg]:
    return [arg.with_changes(comma=cst.MaybeSentinel.DEFAULT) for arg in args]


_EVERYTHING = cst.SubscriptElement(cst.Slice(lower=None, upper=None))


def _unselected(serve: Any, node: cst.Subscript, parts: Mapping[int, Seen]) -> Any:
    """Give a subscript without its choice of rows: a condition, positions, a slice."""
    places = _by_place(node.value)
    rows, *columns = node.slice
    if not (places or _chooses(rows, parts) or isinstance(rows.slice, cst.Slice)):
        return serve
    if columns:
        return serve.with_changes(slice=[_EVERYTHING.with_changes(comma=rows.comma), *serve.slice[1:]])
    return serve.value.value if places else serve.value


def _by_place(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Attribute) and node.attr.value in ("loc", "iloc")


def _chooses(element: cst.SubscriptElement, parts: Mapping[int, Seen]) -> bool:
    return isinstance(element.slice, cst.Index) and parts[id(element.slice.value)].kind == "rows"
