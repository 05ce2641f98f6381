"""Code that looks names up while it runs: nobody can tell from its text which ones."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from nbship_converter.findings import Finding
from nbship_converter.ir import Cell
from nbship_converter.syntax import tree_of

__all__ = ["dynamic_names"]

_NAMESPACES = frozenset({"globals", "locals"})


def dynamic_names(cells: Iterable[Cell]) -> list[Finding]:
    """Tell the lines of the cells in which names are looked up as text."""
    return [
        Finding(
            code="NB205",
            message=f"`{call}` looks names up as it runs; a step has only those that its code names",
            cell=cell.index,
            line=statement.line,
        )
        for cell in cells
        for statement in cell.statements
        if statement.mark in ("code", "plot", "function", "class")
        for call in sorted({_lookup(node) for node in ast.walk(tree_of(statement.code))} - {""})
    ]


def _lookup(node: ast.AST) -> str:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return ""
    name = node.func.id
    spelled_out = bool(node.args) and isinstance(node.args[0], ast.Constant)
    is_lookup = (
        name in _NAMESPACES
        or (name == "vars" and not node.args)
        or (name in ("eval", "exec") and not spelled_out)
    )
    return f"{name}()" if is_lookup or name == "exec" else ""
