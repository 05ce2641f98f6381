"""How steps and helpers are called: what they are handed besides what the notebook handed them."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from nbship_converter.ir import CONFIG, Helper, Program, Step
from nbship_converter.rewrite import global_reads, mentions
from nbship_converter.syntax import first_statement

__all__ = ["Handed", "awaits", "config_name", "forwarded", "handed_in", "takes_config"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What moved code gets handed: keyword parameters by helper, and the nodes that read globals, by id."""

    extras: Mapping[str, Mapping[str, str]]
    reads: frozenset[int]


def config_name(step: Step) -> str:
    """Give the name of the step's Config parameter: ``config`` unless the notebook uses that itself."""
    taken = {name for s in step.statements for name in (*s.use.binds, *s.use.needs)}
    return "config" if "config" not in taken else "settings"


def _extras_of(program: Program) -> dict[str, dict[str, str]]:
    """Give each helper that reads globals the keyword parameters it gets for them: parameter -> global."""
    found = {name: _extras(helper, program) for name, helper in program.helpers.items()}
    return {name: extras for name, extras in found.items() if extras}


def _extras(helper: Helper, program: Program) -> dict[str, str]:
    if helper.kind != "function":
        return {}
    tree = first_statement(textwrap.dedent(helper.statement.code))
    own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    extras = {}
    for name in helper.constants:
        field = program.constants[name].field
        extras[field if field not in own or field == name else name] = name
    taken = own | extras.keys()
    return {**extras, **{_parameter(name, taken): name for name in helper.needs}}


def _parameter(name: str, taken: Collection[str]) -> str:
    """Give a parameter's name: the Config is called so unless the helper has that name itself."""
    return name if name != CONFIG or "config" in taken else "config"


def handed_in(program: Program) -> Handed:
    """Find out for all modules at once what the user's statements read of the notebook's globals."""
    extras = _extras_of(program)
    names = {*program.constants, *extras, CONFIG}
    moved = [helper.statement for helper in program.helpers.values()]
    moved += [statement for step in program.steps for statement in step.statements]
    reads = global_reads(statement for statement in moved if mentions(statement, names))
    return Handed(extras=extras, reads=reads)


def forwarded(wanted: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Give the arguments with which one helper calls another: its own parameters of the same globals."""
    by_global = {source: parameter for parameter, source in own.items()}
    return {parameter: by_global[source] for parameter, source in wanted.items() if source in by_global}


def takes_config(step: Step, program: Program) -> bool:
    """Whether the step's function has a Config parameter: it reads a constant, a file, or draws."""
    if step.plots:
        return True
    names = {name for s in step.statements for name in s.use.needs}
    if CONFIG in names or names & program.constants.keys():
        return True
    if any(program.helpers[name].constants for name in names & program.helpers.keys()):
        return True
    return any(CONFIG in program.helpers[name].needs for name in names & program.helpers.keys())


def awaits(step: Step) -> bool:
    """Whether the step's own code awaits something, so that its function is a coroutine."""
    return any(_awaits(first_statement(statement.code)) for statement in step.statements)


def _awaits(node: ast.AST) -> bool:
    """Look for ``await``, ``async for`` and ``async with`` outside of functions."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return False
    waits = isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)) or bool(
        getattr(node, "is_async", False)
    )
    return waits or any(_awaits(child) for child in ast.iter_child_nodes(node))
