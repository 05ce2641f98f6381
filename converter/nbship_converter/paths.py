"""Which string literals name files that the notebook reads or writes, and what they are called in ``data/``."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable
from pathlib import PurePosixPath

from nbship_converter.ir import Notebook
from nbship_converter.syntax import string_literals, tree_of

__all__ = ["data_name", "imported_modules", "output_paths", "read_paths", "upward_paths"]


def read_paths(notebook: Notebook, reads: Iterable[str]) -> dict[str, str]:
    """Map each literal that names a file or folder that was read to its name below the data folder."""
    files = set(reads)
    folders = {PurePosixPath(path).parent.as_posix() for path in files} - {"", "."}
    found: dict[str, str] = {}
    for text in _literals(notebook):
        path = _normal(text)
        if path in files:
            found[text] = data_name(path)
        elif path in folders and "/" in text:
            found[text] = data_name(path) + ("/" if text.endswith("/") else "")
    return found


def output_paths(notebook: Notebook, writes: Iterable[str]) -> frozenset[str]:
    """Give the literals that name files which the notebook writes."""
    files = set(writes)
    return frozenset(text for text in _literals(notebook) if _normal(text) in files)


def upward_paths(notebook: Notebook) -> list[str]:
    """Give the literals that look like paths above the notebook's folder."""
    return sorted({text for text in _literals(notebook) if text == ".." or text.startswith("../")})


def imported_modules(notebook: Notebook) -> frozenset[str]:
    """Give the top-level names of the modules that the notebook imports."""
    found: set[str] = set()
    for statement in notebook.statements:
        for node in ast.walk(tree_of(statement.code)):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return frozenset(found)


def data_name(path: str) -> str:
    """Give the name below ``data/`` for a path relative to the notebook.

    >>> data_name("../data/raw/x.csv"), data_name("x.csv")
    ('raw/x.csv', 'x.csv')
    """
    parts = [part for part in path.split("/") if part not in ("..", ".", "")]
    if len(parts) > 1 and parts[0] == "data":
        parts = parts[1:]
    return "/".join(parts)


def _literals(notebook: Notebook) -> set[str]:
    found = {text for statement in notebook.statements for text in string_literals(statement.code)}
    return {text for text in found if 0 < len(text) < 400}  # noqa: PLR2004  # longer than any path


def _normal(text: str) -> str:
    return os.path.normpath(text).replace(os.sep, "/") if text else ""
