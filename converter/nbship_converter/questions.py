"""What the panel asks of a notebook that is open: which steps it has, and what is to be known of its cells.

The notebook comes as it stands in the browser, saved or not. Nothing of it is run, and nothing is read from disk.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbship_converter.compile import compile_notebook
from nbship_converter.findings import Finding
from nbship_converter.ir import Program, Step
from nbship_converter.read import check_format, read

Json = dict[str, Any]
_NAME = "notebook"


def cells(question: Mapping[str, Any]) -> Json:
    """Give the steps and the problems of ``question["notebook"]``. Raises InputError for what is no notebook."""
    name = question.get("name") if isinstance(question.get("name"), str) else None
    name = (name or _NAME).removesuffix(".ipynb")
    checked = check_format(question.get("notebook"), Path(f"{name}.ipynb"))
    if not _has_code(checked):
        return {"steps": [], "problems": []}
    program, findings = _compiled(checked, name)
    ids = [_id(cell, place) for place, cell in enumerate(checked["cells"])]
    tags = _tags(checked, name, program)
    tagged = {cell.index for cell in program.notebook.cells if cell.step_tag}
    steps = [
        {
            "name": step.name,
            "module": step.module,
            "tag": tag,
            "cells": [ids[index] for index in step.cells],
            "indexes": list(step.cells),
            "tagged": set(step.cells) <= tagged,
            "reason": step.reason,
            "confidence": step.confidence,
            "inputs": list(step.inputs),
            "outputs": list(step.outputs),
        }
        for step, tag in zip(program.steps, tags, strict=True)
    ]
    problems = [
        *untagged_needed(program.steps, tagged),
        *out_of_order(checked["cells"]),
        *(_of_finding(finding) for finding in findings),
    ]
    return {"steps": steps, "problems": [{**row, "cell": _at(ids, row["index"])} for row in problems]}


def _has_code(content: Json) -> bool:
    return any(
        cell.get("cell_type") == "code" and str(cell.get("source", "")).strip() for cell in content["cells"]
    )


def _compiled(content: Json, name: str) -> tuple[Program, list[Finding]]:
    notebook, found = read(content, name)
    program, more = compile_notebook(notebook, None)
    return program, [*found, *more]


def _id(cell: Mapping[str, Any], place: int) -> str:
    return str(cell.get("id") or f"cell-{place}")


def _at(ids: Sequence[str], index: int | None) -> str | None:
    return None if index is None else ids[index]


def _tags(content: Json, name: str, program: Program) -> list[str]:
    """Give the tag that keeps each step as it is: ``step:NAME``, with the module where the cells alone would not say it."""
    short = [f"step:{step.name}" for step in program.steps]
    accepted = copy.deepcopy(content)
    for step, tag in zip(program.steps, short, strict=True):
        for index in step.cells:
            metadata = accepted["cells"][index].setdefault("metadata", {})
            others = [word for word in metadata.get("tags", []) if not str(word).startswith("step:")]
            metadata["tags"] = [*others, tag]
    again = {step.name: step.module for step in _compiled(accepted, name)[0].steps}
    return [
        tag if again.get(step.name) == step.module else f"step:{step.module}.{step.name}"
        for step, tag in zip(program.steps, short, strict=True)
    ]


def untagged_needed(steps: Sequence[Step], tagged: set[int]) -> list[Json]:
    """Tell which cells without a tag make what a tagged step needs."""
    found: dict[int, Json] = {}
    for place, step in enumerate(steps):
        if not set(step.cells) <= tagged:
            continue
        for name in step.inputs:
            maker = next((other for other in reversed(steps[:place]) if name in other.outputs), None)
            loose = [index for index in maker.cells if index not in tagged] if maker is not None else []
            for index in loose[-1:]:
                found.setdefault(
                    index,
                    {
                        "code": "untagged-needed",
                        "severity": "warning",
                        "index": index,
                        "line": None,
                        "message": f"`{name}`, which the tagged step `{step.name}` needs, is made by a cell without a tag",
                        "help": "Accept the step that is proposed, or tag the cell yourself.",
                    },
                )
    return list(found.values())


def out_of_order(raws: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Tell which cells ran before one that stands above them, or not at all; nothing where none has run."""
    counts = [
        (index, raw.get("execution_count"))
        for index, raw in enumerate(raws)
        if raw.get("cell_type") == "code" and str(raw.get("source", "")).strip()
    ]
    if all(count is None for _, count in counts):
        return []
    found: list[Json] = []
    highest = 0
    for index, count in counts:
        if not isinstance(count, int):
            found.append(_order(index, "not-run", "info", "has not run since it was opened or cleared"))
        elif count < highest:
            message = f"ran before a cell above it (execution {count}, after {highest} above)"
            found.append(_order(index, "out-of-order", "warning", message))
        else:
            highest = count
    return found


def _order(index: int, code: str, severity: str, message: str) -> Json:
    advice = "Restart the kernel and run all cells, so that what you see is what the notebook says."
    return {
        "code": code,
        "severity": severity,
        "index": index,
        "line": None,
        "message": message,
        "help": advice,
    }


def _of_finding(finding: Finding) -> Json:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "index": finding.cell,
        "line": finding.line,
        "message": finding.message,
        "help": finding.help,
    }
