"""Moved code meets its new home: constants and helpers' parameters are put in place.

Only names that libcst's scopes resolve to the notebook's global scope are touched, so a parameter or a
comprehension variable of the same name stays what it is. Nothing is printed from strings: the user's nodes
are changed where they must be and kept everywhere else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.metadata import Access, BuiltinScope, GlobalScope, MetadataWrapper, ScopeProvider

from nbship_converter.ir import Statement

__all__ = ["Rewriting", "global_reads", "mentions", "rewrite"]

#: Calls that never look at the name of a function they are handed.
_NAMELESS = frozenset(
    "map filter apply applymap sorted min max reduce minimize curve_fit quad odeint solve_ivp root".split()
)

_WORD = re.compile(r"[^\W\d]\w*")
#: What is rewritten wherever it stands.
_ALWAYS = re.compile(r"\bexcept\s*:|\.show\(\)")


@dataclass(slots=True, kw_only=True)
class Rewriting:
    """What to put in place, and what was found to be needed.

    ``names`` gives an expression for a global name; ``extras`` gives, for each helper, the keyword
    arguments it wants from whoever calls it.
    """

    names: Mapping[str, str]
    extras: Mapping[str, Mapping[str, str]]
    config: str = "config"
    used_config: bool = False
    used_functools: set[str] = field(default_factory=set)
    used_names: set[str] = field(default_factory=set)


def rewrite(statements: Iterable[Statement], rewriting: Rewriting, reads: frozenset[int]) -> list[Any]:
    """Give the statements as they read in their new place; ``rewriting`` notes what they now need.

    ``reads`` are the nodes that ``global_reads`` gave for at least these statements.
    """
    visitor = _Rewriter(rewriting, reads)
    touched = {*rewriting.names, *rewriting.extras}
    changed: list[Any] = []
    for statement in statements:
        rewriting.used_names |= statement.use.needs
        stays = not mentions(statement, touched)
        changed.append(statement.node if stays else statement.node.visit(visitor))
    return changed


def mentions(statement: Statement, names: set[str]) -> bool:
    """Whether a statement's text has anything that a rewriting could change: most have not."""
    return not names.isdisjoint(_WORD.findall(statement.code)) or _ALWAYS.search(statement.code) is not None


def global_reads(statements: Iterable[Statement]) -> frozenset[int]:
    """Give the ids of the Name nodes that read a global of the notebook.

    All statements are looked at in one go: libcst's scopes have a price for each time they are asked for.
    """
    module = cst.Module(body=[statement.node for statement in statements])
    scopes = MetadataWrapper(module, unsafe_skip_copy=True).resolve(ScopeProvider).values()
    found: set[int] = set()
    for scope in {scope for scope in scopes if scope is not None}:
        for access in scope.accesses:
            if all(isinstance(referent.scope, (GlobalScope, BuiltinScope)) for referent in access.referents):
                found.add(id(_root(access)))
    return frozenset(found)


def _root(access: Access) -> cst.CSTNode:
    node: cst.CSTNode = access.node
    while isinstance(node, cst.Attribute):
        node = node.value
    return node


class _Rewriter(cst.CSTTransformer):
    def __init__(self, rewriting: Rewriting, reads: frozenset[int]) -> None:
        super().__init__()
        self.rewriting = rewriting
        self.reads = reads
        self.called: set[int] = set()
        self.nameless: set[int] = set()
        self.writers: list[bool] = []

    def visit_Call(self, node: cst.Call) -> None:
        if isinstance(node.func, cst.Name) and node.func.value in self.rewriting.extras:
            self.called.add(id(node.func))
        callee = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
        if isinstance(callee, cst.Name) and callee.value in _NAMELESS:
            self.nameless |= {id(arg.value) for arg in node.args}

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        func = original_node.func
        if not (
            isinstance(func, cst.Name) and id(func) in self.reads and func.value in self.rewriting.extras
        ):
            return updated_node
        extra = [_keyword(name, value) for name, value in self._extras(func.value).items()]
        return updated_node.with_changes(args=[*_with_comma(updated_node.args, extra), *extra])

    def _extras(self, helper: str) -> Mapping[str, str]:
        extras = self.rewriting.extras[helper]
        for value in extras.values():
            self._needs(value)
        return extras

    def _needs(self, expression: str) -> None:
        root = expression.split(".", maxsplit=1)[0]
        if root == self.rewriting.config:
            self.rewriting.used_config = True

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        if id(original_node) not in self.reads:
            return updated_node
        name = original_node.value
        if name in self.rewriting.names:
            expression = self.rewriting.names[name]
            self._needs(expression)
            return _parenthesised(cst.parse_expression(expression), updated_node)
        extras = self.rewriting.extras.get(name)
        if extras and id(original_node) not in self.called:
            words = [_keyword(key, value) for key, value in self._extras(name).items()]
            return self._bound(updated_node, words, named=id(original_node) not in self.nameless)
        return updated_node

    def _bound(self, function: cst.Name, words: list[cst.Arg], *, named: bool) -> cst.Call:
        """Give the function with its extras; it keeps its name where somebody may ask for it."""
        self.rewriting.used_functools.add("partial")
        bound = cst.Call(func=cst.Name("partial"), args=[cst.Arg(function), *words])
        if not named:
            return bound
        self.rewriting.used_functools.add("update_wrapper")
        return cst.Call(func=cst.Name("update_wrapper"), args=[cst.Arg(bound), cst.Arg(function)])

    def leave_ExceptHandler(
        self, original_node: cst.ExceptHandler, updated_node: cst.ExceptHandler
    ) -> cst.ExceptHandler:
        """Say what a bare ``except`` means."""
        if updated_node.type is not None:
            return updated_node
        space = cst.SimpleWhitespace(" ")
        return updated_node.with_changes(type=cst.Name("BaseException"), whitespace_after_except=space)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        code = cst.Module(body=[original_node.with_changes(leading_lines=())]).code.strip().rstrip(";")
        if code in ("plt.show()", "pyplot.show()"):
            return updated_node.with_changes(body=[cst.Pass()])
        return updated_node

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        """Drop the ``pass`` that replaced a call of ``show`` where something else stands in the block."""
        kept = [line for line in updated_node.body if not _is_pass(line)]
        return (
            updated_node.with_changes(body=kept)
            if kept and len(kept) < len(updated_node.body)
            else updated_node
        )


def _is_pass(line: cst.BaseStatement) -> bool:
    return (
        isinstance(line, cst.SimpleStatementLine)
        and len(line.body) == 1
        and isinstance(line.body[0], cst.Pass)
        and not line.leading_lines
    )


def _keyword(name: str, value: str) -> cst.Arg:
    return cst.Arg(
        keyword=cst.Name(name),
        value=cst.parse_expression(value),
        equal=cst.AssignEqual(
            whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace("")
        ),
    )


def _with_comma(args: Sequence[cst.Arg], extra: Sequence[cst.Arg]) -> list[cst.Arg]:
    """End the user's arguments with a comma where ours follow."""
    if not args or not extra:
        return list(args)
    return [*args[:-1], args[-1].with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))]


def _parenthesised(expression: cst.BaseExpression, like: cst.Name) -> cst.BaseExpression:
    return expression.with_changes(lpar=like.lpar, rpar=like.rpar) if like.lpar else expression


def _text(node: cst.SimpleString) -> str | None:
    try:
        value = ast.literal_eval(node.value)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, str) else None
