"""ruff over the exported repository: imports sorted, code formatted, and every finding mended or told.

Only changes that keep the meaning are made. What is left (a comparison with ``None`` that pandas means, a
mutable default) is the user's own way of writing: that line is suppressed by its code and reported.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from ruff import find_ruff_bin  # type: ignore[import-untyped]  # its package has no types

from nbship_converter.findings import Finding
from nbship_converter.loosen import place_of
from nbship_converter.syntax import FilledBlocks

__all__ = ["polish"]

#: Rules whose "unsafe" fix keeps the meaning of code that stands in a function of its own.
_KEEPS_MEANING = "E731,B905,F841,B007,B009,B010,UP"
#: ``%d`` truncates a float where ``{:d}`` raises.
_TRUNCATES = ("%d", "%i")


def polish(folder: Path) -> list[Finding]:
    """Sort, mend and format every Python file below the folder; tell which lines had to be suppressed."""
    _keep_truncating(_left(folder, "--fix"))
    _ruff(folder, "check", "--fix-only", "--unsafe-fixes", "--select", _KEEPS_MEANING)
    left = _left(folder, "--fix")
    for _ in range(3):
        useless = [found for found in left if found["code"] == "B018"]
        if not useless:
            break
        for name in {found["filename"] for found in useless}:
            _drop_lines(
                Path(name), {found["location"]["row"] for found in useless if found["filename"] == name}
            )
        _ruff(folder, "check", "--fix-only", "--unsafe-fixes", "--select", "F841")
        left = _left(folder, "--fix")
    _ruff(folder, "format")
    left = left and _left(folder)
    if left:
        _ruff(folder, "check", "--add-noqa")
        _ruff(folder, "format")
    codes = sorted({str(found["code"]) for found in left})
    return (
        [Finding(code="NB410", message=f"{len(left)} lint findings suppressed ({', '.join(codes)})")]
        if left
        else []
    )


def _ruff(folder: Path, command: str, *options: str) -> str:
    arguments = [find_ruff_bin(), command, "--quiet", "--no-cache", *options, "."]
    return subprocess.run(arguments, cwd=folder, check=False, capture_output=True, text=True).stdout


def _left(folder: Path, *options: str) -> list[dict[str, Any]]:
    told = _ruff(folder, "check", *options, "--output-format", "json")
    found: list[dict[str, Any]] = json.loads(told or "[]")
    return [one for one in found if one.get("code")]


def _keep_truncating(left: Iterable[dict[str, Any]]) -> None:
    """Keep ``"%d" % x`` as it is written: its f-string form refuses floats."""
    for found in left:
        if found["code"] == "UP031":
            path, row = Path(found["filename"]), found["location"]["row"] - 1
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            last = found["end_location"]["row"] - 1
            if any(mark in "".join(lines[row : last + 1]) for mark in _TRUNCATES):
                lines[last] = (
                    lines[last].rstrip("\n") + "  # noqa: UP031\n"
                    if "noqa" not in lines[last]
                    else lines[last]
                )
                path.write_text("".join(lines), encoding="utf-8")


def _drop_lines(path: Path, rows: set[int]) -> None:
    """Take out expressions that stand alone and do nothing."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")))
    path.write_text(wrapper.visit(_Dropper(rows)).code, encoding="utf-8")


class _Dropper(FilledBlocks):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, rows: set[int]) -> None:
        super().__init__()
        self.rows = rows

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        row = place_of(self, original_node).start.line
        if row in self.rows and len(original_node.body) == 1 and isinstance(original_node.body[0], cst.Expr):
            return cst.RemoveFromParent()
        return updated_node
