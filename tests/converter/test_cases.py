"""The converter's specification: ``cases/*.md``.

A case is a heading, a sentence that says why, a fence ``notebook`` (cells separated by ``---``; a first line
``# tag: step:NAME`` tags a cell, ``#md`` makes it Markdown), and then what must come out:

- a first line ``# run: N`` gives a cell its execution count;
- fences named after modules (``python data.py``) hold lines that must stand there, one after the other, and
  ``not data.py`` text that must not;
- ``findings`` holds the codes that are told;
- ``equal`` holds the names of Results: such a case is really run, as a notebook and as a package, and every
  one of them must be equal; without it the case is compiled from syntax alone;
- ``volatile`` holds the names that two runs of the notebook itself do not agree on;
- ``file NAME`` is a file that the notebook finds beside it;
- ``refused`` holds a part of the message with which the notebook is refused, when it is to be run.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from notebooks import notebook
from rehearsal import rehearse
from ruff import find_ruff_bin

from nbship.errors import NbshipError
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
    absent: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    equal: list[str] | None = None
    volatile: list[str] = field(default_factory=list)
    refused: str = ""


def _cases() -> Iterator[Case]:
    for path in sorted(CASES.glob("*.md")):
        for part in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            fences = {found["info"].strip(): found["text"] for found in _FENCE.finditer(part)}
            equal = fences.get("equal")
            yield Case(
                part.splitlines()[0],
                fences["notebook"],
                modules=_named(fences, "python "),
                absent=_named(fences, "not "),
                files=_named(fences, "file "),
                findings=fences.get("findings", "").split(),
                equal=None if equal is None else equal.split(),
                volatile=fences.get("volatile", "").split(),
                refused=fences.get("refused", "").strip(),
            )


def _named(fences: dict[str, str], prefix: str) -> dict[str, str]:
    return {info.removeprefix(prefix): text for info, text in fences.items() if info.startswith(prefix)}


def _content(case: Case) -> dict[str, Any]:
    tags: dict[int, list[str]] = {}
    counts: dict[int, int] = {}
    cells = []
    for place, cell in enumerate(case.cells.strip("\n").split("\n---\n")):
        found = re.match(r"(?:# run: (?P<count>\d+)\n)?(?:# tag: (?P<tags>.+)\n)?", cell)
        assert found
        tags[place] = (found["tags"] or "").split()
        if found["count"]:
            counts[place] = int(found["count"])
        cells.append(cell[found.end() :])
    content = notebook("\n---\n".join(cells), tags)
    for place, count in counts.items():
        content["cells"][place]["execution_count"] = count
    return content


def _compiled(case: Case, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Give the modules and the codes of what was told; a case with ``equal`` is run on the way."""
    if case.equal is None:
        parsed, findings = read(_content(case), "demo")
        program, more = compile_notebook(parsed, None)
        modules = emit(program, "demo")
        assert modules == emit(compile_notebook(parsed, None)[0], "demo"), (
            "compiled anew it comes out otherwise"
        )
        return modules, [finding.code for finding in [*findings, *more]]
    done = rehearse(_content(case), folder)
    wanted = dict.fromkeys(case.equal, "equal") | dict.fromkeys(case.volatile, "volatile")
    assert done.verification.names == wanted, done.verification
    assert done.files == done.again, "compiled anew it comes out otherwise"
    texts = {
        path.removeprefix("src/demo/"): text
        for path, text in done.files.items()
        if path.startswith("src/demo/")
    }
    return texts, [finding.code for finding in done.findings]


def _formatted(modules: dict[str, str], folder: Path) -> dict[str, str]:
    folder.mkdir()
    for name, text in modules.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    ruff = [find_ruff_bin(), "format", "--isolated", "--quiet", "--line-length", "110", str(folder)]
    subprocess.run(ruff, check=True)
    return {name: (folder / name).read_text(encoding="utf-8") for name in modules}


@pytest.mark.parametrize("case", list(_cases()), ids=lambda case: case.name)
def test_a_case_becomes_what_it_says(case: Case, tmp_path: Path) -> None:
    for name, text in case.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    if case.refused:
        with pytest.raises(NbshipError) as refusal:
            rehearse(_content(case), tmp_path)
        assert case.refused in str(refusal.value)
        return
    texts, codes = _compiled(case, tmp_path)
    wanted_modules = {name: text for name, text in texts.items() if name in {*case.modules, *case.absent}}
    modules = _formatted(wanted_modules, tmp_path / "formatted")
    for name, wanted in case.modules.items():
        assert name in modules, sorted(texts)
        _assert_in_order(wanted, modules[name])
    for name, unwanted in case.absent.items():
        for line in filter(None, unwanted.splitlines()):
            assert line.strip() not in modules.get(name, ""), modules[name]
    assert sorted(codes) == sorted(case.findings)
    for name, text in texts.items():
        if name.endswith(".py"):
            ast.parse(text)


def _assert_in_order(wanted: str, text: str) -> None:
    rest = text
    for line in filter(None, (line.rstrip() for line in wanted.splitlines())):
        assert line in rest, f"{line!r} is not (in this order) in\n{text}"
        rest = rest[rest.index(line) + len(line) :]
