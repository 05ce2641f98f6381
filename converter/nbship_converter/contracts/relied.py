"""What later cells rely on: the values that a mapping knows, the numbers that a logarithm or a root can take.

A pure pass over the text. ``df["sex"].map({"male": 0, "female": 1})`` makes anything else missing without a word, and
``np.log(df["price"])`` makes nonsense of a zero: both belong into the contract of the column.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbship_converter.contracts.columns import Reliance
from nbship_converter.ir import Notebook
from nbship_converter.syntax import tree_of

__all__ = ["relied_upon"]

_ABOVE_ZERO = frozenset({"log", "log2", "log10"})
_NOT_NEGATIVE = frozenset({"sqrt"})


def relied_upon(notebook: Notebook) -> dict[str, Reliance]:
    """Give what is relied on by column name; a column that is assigned to in the notebook tells nothing of the file's."""
    found: dict[str, Reliance] = {}
    made: set[str] = set()
    for statement in notebook.statements:
        tree = tree_of(statement.code)
        for name, reliance in _reliances(tree):
            if name not in made:
                found.setdefault(name, reliance)
        made |= set(_assigned(tree))
    return found


def _reliances(tree: ast.AST) -> Iterator[tuple[str, Reliance]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        called = node.func.attr
        owner, argument = _column(node.func.value), _column(node.args[0])
        if called == "map" and owner and (keys := _keys(node.args[0])):
            yield owner, Reliance(values=keys)
        elif called in _ABOVE_ZERO and argument:
            yield argument, Reliance(above=0.0)
        elif called in _NOT_NEGATIVE and argument:
            yield argument, Reliance(at_least=0.0)


def _column(node: ast.expr) -> str | None:
    """Give the column that ``frame["column"]`` names."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        key = node.slice
        return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
    return None


def _keys(node: ast.expr) -> tuple[str | int, ...]:
    """Give the keys of a literal dictionary of texts or whole numbers; none for anything else."""
    if not isinstance(node, ast.Dict):
        return ()
    keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
    plain = tuple(key for key in keys if isinstance(key, (str, int)) and not isinstance(key, bool))
    return plain if len(plain) == len(keys) else ()


def _assigned(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name for target in targets if (name := _column(target)))
