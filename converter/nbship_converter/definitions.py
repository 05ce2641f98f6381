"""Which functions and classes leave their cells, and the outer values they need where they go.

A function is handed what it needs at every call. What Python evaluates where a definition stands (a default, a
base class, a decorator) and what a class reads in its methods cannot be handed over: that must be constant, and
such a constant moves along to the top of the module instead of becoming a setting.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import libcst as cst

from nbship_converter.ir import Constant, Helper, Notebook, Statement
from nbship_converter.uses import BUILTINS

__all__ = ["Movable", "helpers_of", "movable"]

#: Decorators that remember arguments: a value handed over besides would change what they remember.
_REMEMBER = frozenset({"lru_cache", "cache", "memoize", "memory.cache", "st.cache_data"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Movable:
    """Names of definitions that may leave their cells, and of the constants that they take along."""

    definitions: frozenset[str]
    fixed: frozenset[str]


def movable(found: Mapping[str, Statement], constants: Collection[str], imported: Collection[str]) -> Movable:
    """Tell which of the ``found`` definitions may move; the ones that cannot keep others with them."""
    kept = set(found)
    while True:
        move = _Moving(found, kept, {*constants, *imported, *BUILTINS})
        stays = {name for name in kept if not move.may(name)}
        if not stays:
            fixed = {name for definition in kept for name in move.at_definition(definition)}
            return Movable(definitions=frozenset(kept), fixed=frozenset(fixed & set(constants)))
        kept -= stays


class _Moving:
    """One round: which definitions may move if all of ``kept`` do."""

    def __init__(self, found: Mapping[str, Statement], kept: set[str], known: set[str]) -> None:
        self.found, self.kept, self.known = found, kept, known | kept

    def may(self, name: str) -> bool:
        use = self.found[name].use
        return not use.global_writes and self.at_definition(name) <= self.known

    def at_definition(self, name: str) -> set[str]:
        """Give the names that must hold a value as soon as the module is imported."""
        statement = self.found[name]
        if isinstance(statement.node, cst.ClassDef) or self._is_remembered(statement):
            return self._reached({name})
        return set(statement.use.reads) | self._reached(statement.use.reads & self.kept)

    def _is_remembered(self, statement: Statement) -> bool:
        decorators = getattr(statement.node, "decorators", ())
        names = {cst.Module(body=[]).code_for_node(d.decorator).split("(")[0] for d in decorators}
        return any(name in self.found or name.endswith(tuple(_REMEMBER)) for name in names)

    def _reached(self, definitions: Collection[str]) -> set[str]:
        """All names that definitions and what they call read from outside."""
        names: set[str] = set()
        pending = list(definitions)
        while pending:
            new = self.found[pending.pop()].use.needs - names
            names |= new
            pending += [other for other in new if other in self.kept]
        return names


def helpers_of(
    notebook: Notebook, constants: dict[str, Constant], variables: frozenset[str]
) -> dict[str, Helper]:
    """Give every function, class and constant that moves to a module, with the outer values it needs."""
    marks = ("function", "class", "fixed")
    definitions = {s.use.binds[-1]: s for s in notebook.statements if s.mark in marks}
    needs = {name: set(s.use.needs) & (variables | set(constants)) for name, s in definitions.items()}
    calls = {name: (s.use.needs & definitions.keys()) - {name} for name, s in definitions.items()}
    changed = True
    while changed:
        changed = False
        for name, called in calls.items():
            wider = needs[name].union(*(needs[other] for other in called)) if called else needs[name]
            changed |= wider != needs[name]
            needs[name] = set(wider)
    return {
        name: Helper(
            name=name,
            statement=statement,
            needs=tuple(sorted(needs[name] - constants.keys())),
            constants=tuple(sorted(needs[name] & constants.keys())),
            calls=frozenset(calls[name]),
            kind=statement.mark,
        )
        for name, statement in definitions.items()
    }
