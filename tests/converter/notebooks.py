"""Small notebooks for tests: cells as text, separated by ``---``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def notebook(text: str, tags: dict[int, list[str]] | None = None) -> dict[str, Any]:
    """Give a notebook's JSON; a part that begins with ``#md`` is a markdown cell."""
    cells: list[dict[str, Any]] = []
    for place, part in enumerate(text.strip("\n").split("\n---\n")):
        markdown = part.startswith("#md ")
        cell: dict[str, Any] = {
            "cell_type": "markdown" if markdown else "code",
            "id": f"cell{place}",
            "metadata": {"tags": (tags or {}).get(place, [])},
            "source": part.removeprefix("#md "),
        }
        if not markdown:
            cell |= {"outputs": [], "execution_count": None}
        cells.append(cell)
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def write_notebook(path: Path, text: str, tags: dict[int, list[str]] | None = None) -> Path:
    """Write a notebook file and give its path."""
    path.write_text(json.dumps(notebook(text, tags)), encoding="utf-8")
    return path
