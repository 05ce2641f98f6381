"""What only a run can tell about the text: which names a star brings, where a cell stopped, what a cell showed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import libcst as cst

from nbship_converter.findings import Finding
from nbship_converter.history import with_history
from nbship_converter.ir import Cell, CellFacts, Facts, Notebook, Statement
from nbship_converter.uses import use_of

__all__ = ["resolve"]


def resolve(notebook: Notebook, facts: Facts | None) -> tuple[Notebook, Facts | None, list[Finding]]:
    """Give the notebook as Python alone can read it, and the facts of it."""
    findings: list[Finding] = []
    used = {name for statement in notebook.statements for name in statement.use.needs}
    cells = []
    for cell in notebook.cells:
        fact = facts.cells.get(cell.index) if facts else None
        if fact is not None and fact.failed_line is not None and "raises-exception" in cell.tags:
            findings.append(_stopped(cell, fact.failed_line))
            cell = _until_error(cell, fact.failed_line)  # noqa: PLW2901  # the same cell, as far as it ran
        cells.append(_without_stars(cell, used, fact, facts))
    history = with_history(replace(notebook, cells=tuple(cells)), facts)
    if facts is not None and history.names:
        facts = replace(facts, types={**facts.types, **dict.fromkeys(history.names, "typing.Any")})
    return history.notebook, facts, [*findings, *history.findings]


# a cell that may raise


def _stopped(cell: Cell, line: int) -> Finding:
    message = "the cell raises, as its tag says: what stands after that is left out"
    return Finding(code="NB110", message=message, cell=cell.index, line=line)


def _until_error(cell: Cell, line: int) -> Cell:
    """Keep what ran before the error; a block that raised in its middle is left at that point too."""
    kept = [statement for statement in cell.statements if statement.line <= line]
    if kept and isinstance(kept[-1].node, cst.SimpleStatementLine):
        kept.pop()
    elif kept:
        kept[-1:] = _suppressed(kept[-1])
    return replace(cell, statements=tuple(kept))


def _suppressed(statement: Statement) -> list[Statement]:
    block = cst.ensure_type(cst.parse_statement("with suppress(Exception):\n    pass"), cst.With)
    node = block.with_changes(body=block.body.with_changes(body=[statement.node]))
    return [_like(statement, cst.parse_statement("from contextlib import suppress")), _like(statement, node)]


def _like(statement: Statement, node: Any) -> Statement:
    code = cst.Module(body=[node]).code
    return replace(statement, node=node, code=code, use=use_of(code))


# star imports


def _without_stars(cell: Cell, used: set[str], fact: CellFacts | None, facts: Facts | None) -> Cell:
    """Write out the names that ``from module import *`` brings and somebody uses."""
    stars = [s for s in cell.statements if _star_of(s)]
    if not stars:
        return cell
    others = {name for s in cell.statements for name in s.use.binds}
    left = (used & fact.bound if fact is not None else set(used)) - others
    named: dict[int, list[Statement]] = {}
    for statement in reversed(stars):
        module = _star_of(statement)
        known = _names_in(module, facts)
        taken = left if known is None and fact is not None and len(stars) == 1 else left & (known or set())
        named[id(statement)] = _named(statement, module, sorted(taken))
        left = left - taken
    kept = [line for s in cell.statements for line in named.get(id(s), [s])]
    return replace(cell, statements=tuple(kept))


def _star_of(statement: Statement) -> str:
    """Give the module of ``from module import *``, "" for any other statement."""
    node = statement.node
    only = node.body[0] if isinstance(node, cst.SimpleStatementLine) else None
    if isinstance(only, cst.ImportFrom) and isinstance(only.names, cst.ImportStar) and only.module:
        return cst.Module(body=[]).code_for_node(only.module)
    return ""


def _names_in(module: str, facts: Facts | None) -> set[str] | None:
    """Give the public names of a module: of the user's own by its text, of a library by importing it."""
    own = facts.neighbours if facts else {}
    for path in (f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"):
        if path in own:
            return {name for name in use_of(own[path]).binds if not name.startswith("_")}
    try:
        found = (
            importlib.import_module(module)
            if importlib.util.find_spec(module.split(".", maxsplit=1)[0])
            else None
        )
    except Exception:  # noqa: BLE001  # a library may raise anything; then it is not known
        return None
    if found is None:
        return None
    return set(getattr(found, "__all__", None) or (name for name in dir(found) if not name.startswith("_")))


def _named(statement: Statement, module: str, names: Collection[str]) -> list[Statement]:
    homes: dict[str, list[str]] = {}
    for name in names:
        homes.setdefault(_home(name, module), []).append(name)
    lines = [f"from {home} import {', '.join(own)}" for home, own in sorted(homes.items())]
    return [_like(statement, cst.parse_statement(line)) for line in lines]


def _home(name: str, module: str) -> str:
    """``pylab`` only hands on what NumPy and pyplot have: those are named themselves."""
    if module != "pylab":
        return module
    pylab = sys.modules.get("pylab")
    for home in ("matplotlib.pyplot", "numpy"):
        value = getattr(sys.modules.get(home), name, None)
        if value is not None and value is getattr(pylab, name, None):
            return home
    return module
