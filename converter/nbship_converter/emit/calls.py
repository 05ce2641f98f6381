"""How steps and helpers are called: what they are handed besides what the notebook handed them."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping

from nbship_converter.ir import Helper, Program, Step

__all__ = ["awaits", "config_name", "extras_of", "forwarded", "takes_config"]


def config_name(step: Step) -> str:
    """Give the name of the step's Config parameter: ``config`` unless the notebook uses that itself."""
    taken = {name for s in step.statements for name in (*s.use.binds, *s.use.needs)}
    return "config" if "config" not in taken else "settings"


def extras_of(helper: Helper, program: Program) -> dict[str, str]:
    """Give the keyword parameters that a helper gets for the globals it reads: parameter -> global."""
    if helper.is_class:
        return {}
    tree = ast.parse(textwrap.dedent(helper.statement.code)).body[0]
    own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    extras = {}
    for name in helper.constants:
        field = program.constants[name].field
        extras[field if field not in own or field == name else name] = name
    return {**extras, **{name: name for name in helper.needs}}


def forwarded(wanted: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Give the arguments with which one helper calls another: its own parameters of the same globals."""
    by_global = {source: parameter for parameter, source in own.items()}
    return {parameter: by_global[source] for parameter, source in wanted.items() if source in by_global}


def takes_config(step: Step, program: Program) -> bool:
    """Whether the step's function has a Config parameter: it reads a constant, a file, or draws."""
    if step.plots:
        return True
    names = {name for s in step.statements for name in s.use.needs}
    if names & program.constants.keys():
        return True
    if any(program.helpers[name].constants for name in names & program.helpers.keys()):
        return True
    return any(_strings(s.code) & (program.paths.keys() | program.outputs) for s in step.statements)


def _strings(code: str) -> set[str]:
    return {
        node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def awaits(step: Step) -> bool:
    """Whether the step's code awaits something, so that its function is a coroutine."""
    return any("await " in statement.code for statement in step.statements)
