"""Taking out what a step computes and nobody reads: an assignment that only display-only code used.

Backwards over a step's statements, as a compiler's dead-store elimination does it (Aho et al., Compilers, 2006,
9.2.5), but only where computing the value can have no effect of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable

from nbship_converter.classify import has_no_effect
from nbship_converter.ir import Statement
from nbship_converter.syntax import tree_of

__all__ = ["trimmed"]


def trimmed(
    statements: Iterable[Statement],
    live: Iterable[str],
    needs: Callable[[Statement], set[str]],
    own: Collection[str],
) -> tuple[Statement, ...]:
    """Give the statements without the dead ones; ``live`` are the names that are wanted afterwards.

    ``needs`` tells which names a statement reads, be it through a helper; ``own`` are the notebook's functions
    and classes, whose calls may do anything.
    """
    wanted = set(live)
    kept: list[Statement] = []
    for statement in reversed(list(statements)):
        targets = _plain_targets(statement)
        if targets and not targets & wanted and not statement.use.calls & set(own):
            continue
        kept.append(statement)
        if targets is not None:
            wanted -= targets
        wanted |= needs(statement)
    return tuple(reversed(kept))


def _plain_targets(statement: Statement) -> set[str] | None:
    """Give the names that an assignment without effects binds; None for any other statement."""
    tree = tree_of(statement.code).body[0]
    if not isinstance(tree, (ast.Assign, ast.AnnAssign)) or tree.value is None:
        return None
    targets = tree.targets if isinstance(tree, ast.Assign) else [tree.target]
    if not all(isinstance(target, ast.Name) for target in targets) or not has_no_effect(tree.value):
        return None
    return {target.id for target in targets if isinstance(target, ast.Name)}
