"""The converter's specification: ``cases/*.md``.

A case is a heading, a sentence that says why, a fence ``notebook`` (cells separated by ``---``; a first line
``# tag: step:NAME`` tags a cell), and then what must come out: fences named after modules hold lines that must
stand in them, one after the other, and a fence ``findings`` holds the codes that are told.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from notebooks import notebook

from nbship_converter.compile import compile_notebook
from nbship_converter.emit import emit
from nbship_converter.read import read

CASES = Path(__file__).parent / "cases"
_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Case:
    """One notebook and what it must become."""

    name: str
    cells: str
    modules: dict[str, str] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def _cases() -> Iterator[Case]:
    for path in sorted(CASES.glob("*.md")):
        for part in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            fences = {found["info"].strip(): found["text"] for found in _FENCE.finditer(part)}
            cells = fences.pop("notebook")
            findings = fences.pop("findings", "").split()
            yield Case(
                part.splitlines()[0],
                cells,
                {k.removeprefix("python "): v for k, v in fences.items()},
                findings,
            )


def _compiled(case: Case) -> tuple[dict[str, str], list[str]]:
    tags: dict[int, list[str]] = {}
    cells = []
    for place, cell in enumerate(case.cells.strip("\n").split("\n---\n")):
        found = re.match(r"# tag: (.+)\n", cell)
        if found:
            tags[place] = [found[1]]
        cells.append(cell[found.end() :] if found else cell)
    parsed, findings = read(notebook("\n---\n".join(cells), tags), "demo")
    program, more = compile_notebook(parsed, None)
    codes = [finding.code for finding in [*findings, *more]]
    return {name: _formatted(text) for name, text in emit(program, "demo").items()}, codes


def _formatted(code: str) -> str:
    ruff = [sys.executable, "-m", "ruff", "format", "--line-length", "110", "-"]
    return subprocess.run(ruff, input=code, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("case", list(_cases()), ids=lambda case: case.name)
def test_a_case_becomes_what_it_says(case: Case) -> None:
    modules, codes = _compiled(case)
    for name, wanted in case.modules.items():
        assert name in modules, sorted(modules)
        rest = modules[name]
        for line in filter(None, (line.rstrip() for line in wanted.splitlines())):
            assert line in rest, f"{line!r} is not (in this order) in\n{modules[name]}"
            rest = rest[rest.index(line) + len(line) :]
    assert sorted(codes) == sorted(case.findings)
    for text in modules.values():
        ast.parse(text)
    assert (modules, codes) == _compiled(case)
