"""What the user's own functions are given and give back, told by the functions themselves."""

from __future__ import annotations

import ast
from typing import Any

from nbship_magics.describe import describe, merge

__all__ = ["GAVE", "SEEN", "Calls", "Instrument"]

#: Calls of one function that are looked at.
MOST_CALLS = 40
#: Names among the builtins that instrumented functions call.
SEEN, GAVE = "_nbship_seen", "_nbship_gave"


class Calls:
    """What the user's own functions were given and gave back."""

    def __init__(self) -> None:
        self.parameters: dict[str, dict[str, set[str]]] = {}
        self.returns: dict[str, set[str]] = {}
        self.counts: dict[str, int] = {}

    def seen(self, name: str, values: dict[str, Any]) -> None:
        """Note what a function was called with."""
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.counts[name] <= MOST_CALLS:
            kept = self.parameters.setdefault(name, {})
            for parameter, value in values.items():
                kept.setdefault(parameter, set()).add(_describe_safely(value))

    def gave(self, name: str, value: Any) -> Any:
        """Note what a function returns, and hand it on."""
        if self.counts.get(name, 0) <= MOST_CALLS:
            self.returns.setdefault(name, set()).add(_describe_safely(value))
        return value

    def signatures(self) -> dict[str, dict[str, Any]]:
        """Give, for each function, the types of its parameters and of its result."""
        return {
            name: {
                "parameters": {parameter: merge(seen) for parameter, seen in parameters.items()},
                "returns": merge(self.returns.get(name, {"None"})),
            }
            for name, parameters in self.parameters.items()
        }


def _describe_safely(value: object) -> str:
    try:
        return describe(value)
    except Exception:  # noqa: BLE001  # the user's object may raise on any touch
        return "typing.Any"


class Instrument(ast.NodeTransformer):
    """Makes each function that a cell or a module defines tell what it was given and gave back.

    Only plain functions and methods at the top of a cell: a decorator may compile the source (numba) or
    rely on the signature, so decorated ones stay as they are. ``prefix`` stands before the names.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Instrument the functions and the methods at the top of a cell."""
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef):
                _instrument(statement, self.prefix + statement.name)
            elif isinstance(statement, ast.ClassDef):
                for member in statement.body:
                    if isinstance(member, ast.FunctionDef):
                        _instrument(member, f"{self.prefix}{statement.name}.{member.name}")
        return ast.fix_missing_locations(node)


def _instrument(function: ast.FunctionDef, name: str) -> None:
    if function.decorator_list:
        return
    _Returns(name).visit_body(function)
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    seen = ast.Dict(
        keys=[ast.Constant(argument.arg) for argument in given],
        values=[ast.Name(argument.arg, ast.Load()) for argument in given],
    )
    call = ast.Expr(ast.Call(ast.Name(SEEN, ast.Load()), [ast.Constant(name), seen], []))
    has_docstring = ast.get_docstring(function, clean=False) is not None
    function.body.insert(1 if has_docstring else 0, ast.copy_location(call, function.body[0]))


class _Returns(ast.NodeTransformer):
    """Wraps the returned expressions of one function, not of those inside it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def visit_body(self, function: ast.FunctionDef) -> None:
        function.body = [self.visit(statement) for statement in function.body]

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if node.value is not None:
            wrapped = ast.Call(ast.Name(GAVE, ast.Load()), [ast.Constant(self.name), node.value], [])
            node.value = ast.copy_location(wrapped, node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node
