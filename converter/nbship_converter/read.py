"""A notebook file -> Notebook: what computes, as the user's own nodes, and the words around it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbship.errors import InputError
from nbship_converter.cells import Reader
from nbship_converter.findings import Finding
from nbship_converter.ir import Cell, Notebook

__all__ = ["load", "read"]

_HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$")


def load(path: Path) -> dict[str, Any]:
    """Give a notebook's JSON (format 4), or raise InputError that says what the file is instead."""
    if not path.is_file():
        raise InputError("there is no such notebook", where=str(path), help="Check the path.")
    if path.suffix == ".py":
        return _script(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(
            "this is not a notebook (no JSON)",
            where=str(path),
            help="Give an .ipynb file or a py:percent script.",
        ) from error
    return check_format(content, path)


def check_format(content: object, path: Path) -> dict[str, Any]:
    """Give what was read as a notebook's JSON, or raise InputError that says what it is instead."""
    if not isinstance(content, dict) or "nbformat" not in content:
        raise InputError(
            "this is not a notebook (no nbformat)",
            where=str(path),
            help="Give an .ipynb file or a py:percent script.",
        )
    if content["nbformat"] != 4:  # noqa: PLR2004  # the format that Jupyter writes since 2015
        raise InputError(
            f"the notebook is in format {content['nbformat']}, not 4",
            where=str(path),
            help=f"Upgrade it first: jupyter nbconvert --to notebook --nbformat 4 {path.name}",
        )
    rows = content.setdefault("cells", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(
            "the notebook's cells are no list of cells", where=str(path), help="Open and save it."
        )
    _check_language(content, path)
    return content


def _check_language(content: dict[str, Any], path: Path) -> None:
    metadata = content.get("metadata", {})
    language = (
        metadata.get("language_info", {}).get("name")
        or metadata.get("kernelspec", {}).get("language")
        or "python"
    )
    if str(language).lower() not in ("python", "python3", "ipython"):
        raise InputError(
            f"the notebook's language is {language}, not Python",
            where=str(path),
            help="nbship converts Python notebooks; choose a Python kernel if the cells are Python.",
        )


def _script(path: Path) -> dict[str, Any]:
    """Read a ``py:percent`` script (https://jupytext.readthedocs.io/en/latest/formats-scripts.html)."""
    cells: list[dict[str, Any]] = []
    text = path.read_text(encoding="utf-8")
    if not re.search(r"^# %%", text, re.MULTILINE):
        raise InputError(
            "the script has no cells (`# %%`)", where=str(path), help="Mark the cells with `# %%` lines."
        )
    for place, part in enumerate(re.split(r"^# %%", text, flags=re.MULTILINE)[1:]):
        header, _, body = part.partition("\n")
        markdown = "[markdown]" in header or "[md]" in header
        tags = re.findall(r'"([^"]+)"', (re.search(r"tags=\[([^\]]*)\]", header) or [""])[0])
        source = (
            re.sub(r"^# ?", "", body, flags=re.MULTILINE)
            if markdown
            else re.sub(r"^# ([%!])", r"\1", body, flags=re.MULTILINE)
        )
        kind = "markdown" if markdown else "code"
        cells.append(
            {
                "cell_type": kind,
                "id": f"cell-{place}",
                "source": source.strip("\n"),
                "metadata": {"tags": tags},
            }
        )
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def read(content: dict[str, Any], name: str, folder: Path | None = None) -> tuple[Notebook, list[Finding]]:
    """Turn a notebook's JSON into the compiler's Notebook; what cannot be read becomes findings.

    ``folder`` is where the notebook lies: scripts and modules that it uses are read from there.
    """
    raws = content.get("cells", [])
    reader = Reader(folder, [_text(raw) for raw in raws if raw.get("cell_type") == "code"])
    findings: list[Finding] = []
    cells: list[Cell] = []
    prose = _Prose()
    for index, raw in enumerate(raws):
        text = _text(raw)
        if raw.get("cell_type") == "markdown":
            prose.add(text)
        elif raw.get("cell_type") == "code":
            cell, found = reader.cell(index, raw, text, heading=prose.heading, words=prose.words())
            findings += found
            cells.append(cell)
            prose.used()
    if not any(cell.statements for cell in cells):
        raise InputError(
            "the notebook has no Python code to export", where=name, help="Write some cells first."
        )
    metadata = content.get("metadata", {}).get("nbship", {})
    notebook = Notebook(
        name=name,
        id=str(metadata.get("id", name)),
        title=prose.title or name,
        purpose=prose.purpose,
        cells=tuple(cells),
        modules=reader.modules,
    )
    return notebook, findings


def _text(raw: Mapping[str, Any]) -> str:
    source = raw.get("source", "")
    return source if isinstance(source, str) else "".join(source)


class _Prose:
    """Keeps the words that stand above the next code cell."""

    def __init__(self) -> None:
        self.title = ""
        self.purpose = ""
        self.heading = ""
        self.text: list[str] = []

    def add(self, markdown: str) -> None:
        plain = []
        for line in markdown.splitlines():
            found = _HEADING.match(line)
            if found:
                self.heading = _plain(found[2]).replace("`", "")
                self.title = self.title or self.heading
            else:
                plain.append(line)
        text = "\n".join(plain).strip()
        if text:
            self.text.append(text)
            self.purpose = self.purpose or _plain(text.split("\n\n")[0])

    def words(self) -> str:
        """Give the words above the next cell as plain text."""
        return _plain("\n\n".join(self.text))

    def used(self) -> None:
        self.text = []


def _plain(markdown: str) -> str:
    """Strip Markdown, HTML and LaTeX down to words."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)|<[^>]+>|\$+[^$]*\$+", "", markdown)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(
        r"\*{1,3}([^*\s](?:[^*]*[^*\s])?)\*{1,3}|(?<!\w)_{1,3}([^_\s](?:[^_]*[^_\s])?)_{1,3}(?!\w)",
        r"\1\2",
        text,
    )
    return _unwrapped(text)


def _unwrapped(text: str) -> str:
    """Give each paragraph and each item of a list one line."""
    lines: list[str] = []
    fresh = True
    for line in text.splitlines():
        plain = line.strip()
        item = re.match(r"([-*+\u2022]|\d+[.)])\s", plain) is not None
        if plain and (fresh or item):
            lines.append(plain)
        elif plain:
            lines[-1] += f" {plain}"
        fresh = not plain or plain.startswith("|")
    return "\n".join(lines)
