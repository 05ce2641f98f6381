"""Loosening annotations where a type checker complains: the name, the parameter or the result becomes ``Any``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

__all__ = ["Loosening", "loosen", "place_of"]

_LIST_FOR_TUPLE = re.compile(r'Argument .* has incompatible type "list\[.*"; expected "[^"]*\btuple\[')
_ARGUMENT = re.compile(r'Argument (?:(\d+)|"(\w+)") to "(\w+)" (?:of "(\w+)" )?has incompatible type')


@dataclass(frozen=True, slots=True, kw_only=True)
class Loosening:
    """A complaint about one place: line from 1, column from 0."""

    line: int
    column: int
    code: str
    message: str


@dataclass(slots=True)
class _Changes:
    """What one function, or a class, gives up. Functions are keyed by the line of their ``def``."""

    names: dict[int, set[str]] = field(default_factory=dict)
    returns: set[int] = field(default_factory=set)
    results: set[int] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    parameters: set[tuple[str, str | int]] = field(default_factory=set)
    tuples: set[tuple[int, int]] = field(default_factory=set)


def place_of(visitor: cst.MetadataDependent, node: cst.CSTNode) -> CodeRange:
    """Give where a node stands, for a visitor that depends on PositionProvider."""
    place = visitor.get_metadata(PositionProvider, node)
    assert isinstance(place, CodeRange)
    return place


def loosen(code: str, complaints: Iterable[Loosening]) -> str:
    """Give the module with just those annotations loosened that the complaints are about."""
    wrapper = MetadataWrapper(cst.parse_module(code))
    changes = _Changes()
    functions = _Functions()
    wrapper.visit(functions)
    for complaint in complaints:
        _decide(complaint, functions, changes)
    changed = wrapper.visit(_Loosener(changes))
    return _with_any(changed).code


class _Functions(cst.CSTVisitor):
    """Finds, for a place, the function around it, the statement there and the names in it."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.functions: list[tuple[CodeRange, cst.FunctionDef]] = []
        self.statements: list[tuple[CodeRange, cst.CSTNode]] = []
        self.expressions: list[tuple[CodeRange, cst.BaseExpression]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, (cst.FunctionDef, cst.BaseSmallStatement, cst.BaseExpression, cst.For)):
            place = place_of(self, node)
            if isinstance(node, cst.FunctionDef):
                self.functions.append((place, node))
            elif isinstance(node, cst.BaseExpression):
                self.expressions.append((place, node))
            else:
                self.statements.append((place, node))
        return True

    def around(self, line: int) -> tuple[int, cst.FunctionDef] | None:
        """Give the innermost function that holds a line, with the line of its ``def``."""
        holding = [
            (place, node) for place, node in self.functions if place.start.line <= line <= place.end.line
        ]
        if not holding:
            return None
        place, node = max(holding, key=lambda pair: pair[0].start.line)
        return place.start.line, node

    def statement(self, line: int) -> cst.CSTNode | None:
        """Give the statement that begins on a line or, failing that, spans it."""
        spanning = [
            (place, node) for place, node in self.statements if place.start.line <= line <= place.end.line
        ]
        return max(spanning, key=lambda pair: pair[0].start.line)[1] if spanning else None

    def is_list(self, line: int, column: int) -> bool:
        """Tell whether a list is written out at a place."""
        return any(
            isinstance(node, cst.List) and (place.start.line, place.start.column) == (line, column)
            for place, node in self.expressions
        )

    def names(self, line: int, column: int) -> set[str]:
        """Give the names in the largest expression that begins at a place."""
        here = [
            node
            for place, node in self.expressions
            if (place.start.line, place.start.column) == (line, column)
        ]
        found: set[str] = set()
        for node in here:
            found |= _names(node)
        return found


def _names(node: cst.CSTNode) -> set[str]:
    found: set[str] = set()

    class Names(cst.CSTVisitor):
        def visit_Name(self, node: cst.Name) -> None:
            found.add(node.value)

        def visit_Attribute(self, node: cst.Attribute) -> bool:
            node.value.visit(self)
            return False

        def visit_Arg(self, node: cst.Arg) -> bool:
            node.value.visit(self)
            return False

    node.visit(Names())
    return found


def _decide(complaint: Loosening, functions: _Functions, changes: _Changes) -> None:
    """Choose what gives way for one complaint."""
    around = functions.around(complaint.line)
    if around is None:
        return
    line, function = around
    argument = _ARGUMENT.search(complaint.message)
    if _LIST_FOR_TUPLE.search(complaint.message) and functions.is_list(complaint.line, complaint.column):
        changes.tuples.add((complaint.line, complaint.column))
    elif complaint.code == "no-any-return":
        changes.results.add(complaint.line)
    elif complaint.code in ("return-value", "return"):
        changes.returns.add(line)
    elif argument and any(node.name.value == argument[3] for _, node in functions.functions):
        changes.parameters.add((argument[3], argument[2] or int(argument[1])))
    else:
        _decide_names(complaint, functions, function, line, changes)


def _decide_names(
    complaint: Loosening, functions: _Functions, function: cst.FunctionDef, line: int, changes: _Changes
) -> None:
    statement = functions.statement(complaint.line)
    local = _local_names(function)
    names: set[str] = set()
    if complaint.code in ("assignment", "var-annotated", "no-redef", "has-type"):
        named = re.search(r'(?:annotation for|type of|Name) "(\w+)"', complaint.message)
        targets = {named[1]} if named else _targets(statement)
        names = targets & local
        changes.attributes |= _self_attributes(statement)
    if not names:
        names = functions.names(complaint.line, complaint.column) & local
    if not names and statement is not None:
        names = _names(statement) & local
    names -= {"self", "cls"}
    if names:
        changes.names.setdefault(line, set()).update(names)
    elif statement is not None:
        changes.attributes |= _self_attributes(statement)


def _local_names(function: cst.FunctionDef) -> set[str]:
    """Give the parameters of a function and the names it binds."""
    parameters = function.params
    every = [*parameters.params, *parameters.kwonly_params, *parameters.posonly_params]
    found = {parameter.name.value for parameter in every}

    class Targets(cst.CSTVisitor):
        def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
            found.update(_bound(node.target))

        def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
            found.update(_bound(node.target))

        def visit_AugAssign(self, node: cst.AugAssign) -> None:
            found.update(_bound(node.target))

        def visit_For(self, node: cst.For) -> None:
            found.update(_bound(node.target))

        def visit_AsName(self, node: cst.AsName) -> None:
            found.update(_bound(node.name))

    function.body.visit(Targets())
    return found


def _bound(target: cst.BaseExpression) -> set[str]:
    if isinstance(target, cst.Name):
        return {target.value}
    if isinstance(target, (cst.Tuple, cst.List)):
        return {name for element in target.elements for name in _bound(element.value)}
    return set()


def _targets(statement: cst.CSTNode | None) -> set[str]:
    if isinstance(statement, cst.Assign):
        return {name for target in statement.targets for name in _bound(target.target)}
    if isinstance(statement, (cst.AnnAssign, cst.AugAssign, cst.For)):
        return _bound(statement.target)
    return set()


def _self_attributes(statement: cst.CSTNode | None) -> set[str]:
    """Give the attributes of ``self`` that a statement mentions."""
    found: set[str] = set()
    if statement is None:
        return found

    class Attributes(cst.CSTVisitor):
        def visit_Attribute(self, node: cst.Attribute) -> None:
            if isinstance(node.value, cst.Name) and node.value.value == "self":
                found.add(node.attr.value)

    statement.visit(Attributes())
    return found


def _any() -> cst.Annotation:
    return cst.Annotation(cst.Name("Any"))


class _Loosener(cst.CSTTransformer):
    """Carries the changes out; what was annotated by an assignment gives way to one declaration on top."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, changes: _Changes) -> None:
        super().__init__()
        self.changes = changes
        self.open: list[set[str]] = []
        self.annotations: list[cst.Annotation | None] = []
        self.declared: list[set[str]] = []
        self.attributes: set[str] = set()

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.attributes = set()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        line = place_of(self, node).start.line
        self.open.append(set(self.changes.names.get(line, ())))
        self.annotations.append(node.returns)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        names = self.open.pop()
        self.annotations.pop()
        line = place_of(self, original_node).start.line
        if line in self.changes.returns:
            updated_node = updated_node.with_changes(returns=cst.Annotation(cst.Name("Any")))
        wanted = {name for function, name in self.changes.parameters if function == original_node.name.value}
        parameters = {p.name.value for p in _every_parameter(original_node)}
        updated_node = _with_loose_parameters(updated_node, names & parameters, wanted)
        declared = [name for name in sorted(names - parameters) if not _declares(updated_node, name)]
        return _with_declarations(updated_node, declared)

    def leave_List(self, original_node: cst.List, updated_node: cst.List) -> cst.BaseExpression:
        """Write a list that is only handed over as the tuple that is asked for."""
        start = place_of(self, original_node).start
        if (start.line, start.column) not in self.changes.tuples or len(updated_node.elements) < 2:  # noqa: PLR2004  # a tuple of one reads worse
            return updated_node
        return cst.Tuple(updated_node.elements, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])

    def leave_AnnAssign(
        self, original_node: cst.AnnAssign, updated_node: cst.AnnAssign
    ) -> cst.BaseSmallStatement:
        given_up = (
            self.open
            and isinstance(original_node.target, cst.Name)
            and original_node.target.value in self.open[-1]
        )
        if not given_up or updated_node.value is None:
            return updated_node
        return cst.Assign(targets=[cst.AssignTarget(updated_node.target)], value=updated_node.value)

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.BaseSmallStatement:
        target = original_node.targets[0].target
        if (
            len(original_node.targets) != 1
            or not isinstance(target, cst.Attribute)
            or not isinstance(target.value, cst.Name)
        ):
            return updated_node
        name = target.attr.value
        if target.value.value != "self" or name not in self.changes.attributes or name in self.attributes:
            return updated_node
        self.attributes.add(name)
        return cst.AnnAssign(target=target, annotation=_any(), value=updated_node.value)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        small = updated_node.body[0]
        line = place_of(self, original_node.body[0]).start.line
        end = place_of(self, original_node.body[0]).end.line
        hit = any(line <= wanted <= end for wanted in self.changes.results)
        kind = self.annotations[-1] if self.annotations else None
        if not (hit and isinstance(small, cst.Return) and small.value is not None and kind is not None):
            return updated_node
        result = cst.AnnAssign(
            target=cst.Name("result"), annotation=cst.Annotation(kind.annotation), value=small.value
        )
        first = updated_node.with_changes(body=[result])
        return cst.FlattenSentinel([first, cst.SimpleStatementLine([cst.Return(cst.Name("result"))])])


def _every_parameter(function: cst.FunctionDef) -> list[cst.Param]:
    parameters = function.params
    return [*parameters.posonly_params, *parameters.params, *parameters.kwonly_params]


def _with_loose_parameters(
    function: cst.FunctionDef, names: set[str], wanted: set[str | int]
) -> cst.FunctionDef:
    """Give the parameters that are named, or counted from 1 without ``self``, the type ``Any``."""
    plain = [p for p in _every_parameter(function) if p.name.value not in ("self", "cls")]
    chosen = set(names) | {
        p.name.value for place, p in enumerate(plain, start=1) if place in wanted or p.name.value in wanted
    }
    if not chosen:
        return function

    def loose(parameters: Iterable[cst.Param]) -> list[cst.Param]:
        return [p.with_changes(annotation=_any()) if p.name.value in chosen else p for p in parameters]

    old = function.params
    return function.with_changes(
        params=old.with_changes(
            params=loose(old.params),
            kwonly_params=loose(old.kwonly_params),
            posonly_params=loose(old.posonly_params),
        )
    )


def _declares(function: cst.FunctionDef, name: str) -> bool:
    for line in function.body.body:
        if isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], cst.AnnAssign):
            found = line.body[0]
            if found.value is None and isinstance(found.target, cst.Name) and found.target.value == name:
                return True
    return False


def _with_declarations(function: cst.FunctionDef, names: Iterable[str]) -> cst.FunctionDef:
    lines = [cst.SimpleStatementLine([cst.AnnAssign(cst.Name(name), _any(), None)]) for name in names]
    if not lines:
        return function
    body = list(function.body.body)
    place = 1 if function.get_docstring() is not None else 0
    return function.with_changes(body=function.body.with_changes(body=[*body[:place], *lines, *body[place:]]))


def _with_any(module: cst.Module) -> cst.Module:
    """Import ``Any`` where it is used now and was not before."""
    code = module.code
    if not re.search(r"\bAny\b", code) or re.search(r"^from typing import .*\bAny\b", code, re.MULTILINE):
        return module
    body = list(module.body)
    place = next((i + 1 for i, node in enumerate(body) if "from __future__" in module.code_for_node(node)), 0)
    return module.with_changes(
        body=[*body[:place], cst.parse_statement("from typing import Any"), *body[place:]]
    )
