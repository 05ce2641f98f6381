"""What each pass of the compiler found, as data: ``nbship export --show uses|flow|steps|files``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from nbship_converter.flow import flow_of
from nbship_converter.ir import Cell, Facts, Program, Statement
from nbship_converter.project import Project, sources

__all__ = ["PASSES", "Pass", "as_text", "shown"]

Pass = Literal["uses", "flow", "steps", "files"]
PASSES: tuple[Pass, ...] = get_args(Pass)


def shown(what: Pass, program: Program, facts: Facts | None, package: str) -> dict[str, Any]:
    """Give what one pass found; ``facts`` are those that the program was compiled with."""
    if what == "uses":
        return {"uses": [_cell(cell) for cell in program.notebook.cells]}
    if what == "flow":
        return {"flow": _flow(program, facts)}
    if what == "steps":
        return {"steps": _steps(program)}
    return {"files": _files(program, facts, package)}


def _cell(cell: Cell) -> dict[str, Any]:
    return {"cell": cell.index, "statements": [_statement(statement) for statement in cell.statements]}


def _statement(statement: Statement) -> dict[str, Any]:
    use = statement.use
    return {
        "line": statement.line,
        "code": _first_line(statement.code),
        "mark": statement.mark,
        "binds": list(use.binds),
        "reads": sorted(use.reads),
        "deferred": sorted(use.deferred),
        "mutates": sorted(use.mutates),
        "deletes": sorted(use.deletes),
    }


def _flow(program: Program, facts: Facts | None) -> dict[str, Any]:
    flow, _ = flow_of(program.notebook, facts)
    cells = [
        {
            "cell": cell.index,
            "kept": cell.index in flow.reasons,
            "reason": flow.reasons.get(cell.index) or _left_out(cell),
        }
        for cell in program.notebook.cells
    ]
    links = [{"name": name, "from": maker, "to": reader} for name, maker, reader in flow.links]
    return {"cells": cells, "names": links, "results": dict(program.results)}


def _left_out(cell: Cell) -> str:
    marks = {statement.mark for statement in cell.statements}
    if not marks:
        return "holds no Python that is exported"
    if not marks & {"code", "plot", "display"}:
        return "holds imports, definitions and constants only, which move to where they are read"
    if marks <= {"display", "import", "function", "class", "constant"}:
        return "only shows something"
    names = sorted({name for s in cell.statements if s.mark in ("code", "plot") for name in s.use.binds})
    made = ", ".join(f"`{name}`" for name in names)
    return f"makes {made}, which no kept cell needs" if made else "only draws or prints"


def _steps(program: Program) -> list[dict[str, Any]]:
    return [
        {
            "name": step.name,
            "module": step.module,
            "cells": list(step.cells),
            "inputs": list(step.inputs),
            "outputs": list(step.outputs),
            "reason": step.reason,
            "confidence": step.confidence,
        }
        for step in program.steps
    ]


def _files(program: Program, facts: Facts | None, package: str) -> dict[str, str]:
    """Give the modules as they are emitted, before lint, types and format are settled."""
    plan = Project(program=program, facts=facts, package=package, python="", content={})
    found = {path: text.decode() for path, text in sources(plan).items()}
    return {path: found[path] for path in sorted(found) if path.startswith("src/") and path.endswith(".py")}


def _first_line(code: str) -> str:
    lines = (line.strip() for line in code.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")


def as_text(found: Mapping[str, Any]) -> str:
    """Give what a pass found for people to read.

    >>> print(as_text({"files": {"src/p/data.py": "x = 1"}}))
    # src/p/data.py
    x = 1
    """
    ((what, data),) = found.items()
    texts: dict[str, Callable[[Any], list[str]]] = {
        "uses": _uses_text,
        "flow": _flow_text,
        "steps": _steps_text,
        "files": _files_text,
    }
    return "\n".join(texts[what](data))


def _uses_text(cells: list[dict[str, Any]]) -> list[str]:
    lines = []
    for cell in cells:
        lines.append(f"cell {cell['cell']}")
        for statement in cell["statements"]:
            lines.append(f"  {statement['line']}: {statement['mark']:<9}{statement['code']}")
            keys = (key for key in ("binds", "reads", "deferred", "mutates", "deletes") if statement[key])
            lines += [f"       {key:<9}{', '.join(statement[key])}" for key in keys]
    return lines


def _flow_text(flow: dict[str, Any]) -> list[str]:
    lines = [
        f"cell {cell['cell']:<4} {'kept' if cell['kept'] else 'left out':<9} {cell['reason']}"
        for cell in flow["cells"]
    ]
    lines += ["", *(f"{link['name']}: cell {link['from']} -> cell {link['to']}" for link in flow["names"])]
    return [*lines, "", f"results: {', '.join(flow['results']) or 'none'}"]


def _steps_text(steps: list[dict[str, Any]]) -> list[str]:
    lines = []
    for step in steps:
        made = ", ".join(step["outputs"]) or "nothing"
        lines.append(f"{step['module']}.{step['name']}({', '.join(step['inputs'])}) -> {made}")
        cells = ", ".join(map(str, step["cells"]))
        lines.append(f"    cells {cells}: {step['reason']} ({step['confidence']:.2f})")
    return lines


def _files_text(files: dict[str, str]) -> list[str]:
    return [line for path, text in files.items() for line in (f"# {path}", text)]
