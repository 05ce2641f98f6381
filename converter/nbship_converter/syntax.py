"""Parsing a statement once, however many passes look at it."""

from __future__ import annotations

import ast
from functools import lru_cache

import libcst as cst

__all__ = ["FilledBlocks", "first_statement", "string_literals", "tree_of"]


@lru_cache(maxsize=1 << 15)
def tree_of(code: str) -> ast.Module:
    """Give Python's own tree of some code; it is shared, so nobody may change it."""
    return ast.parse(code)


def first_statement(code: str) -> ast.stmt:
    """Give the tree of the first statement."""
    return tree_of(code).body[0]


@lru_cache(maxsize=1 << 15)
def string_literals(code: str) -> frozenset[str]:
    """Give the texts that stand as plain string literals in some code.

    >>> sorted(string_literals("open('a.csv').read() + 'x'"))
    ['a.csv', 'x']
    """
    if '"' not in code and "'" not in code:
        return frozenset()
    return frozenset(
        node.value
        for node in ast.walk(tree_of(code))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


class FilledBlocks(cst.CSTTransformer):
    """A transformer that takes statements out: a block that loses its last one gets ``pass``."""

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        """Fill a block that is empty now."""
        if updated_node.body:
            return updated_node
        return updated_node.with_changes(body=[cst.SimpleStatementLine([cst.Pass()])])
