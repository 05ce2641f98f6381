"""What the notebook's files are called in ``data/``, and which of its texts may name one."""

from __future__ import annotations

import ast
import posixpath
import re

from nbship_converter.ir import Notebook
from nbship_converter.syntax import string_literals, tree_of

__all__ = ["data_name", "imported_modules", "texts", "upward_paths"]


def upward_paths(notebook: Notebook) -> list[str]:
    """Give the paths above the notebook's folder that its text mentions.

    Where it goes up by a bare ``..`` or from its working folder, what its strings name up there is meant.
    """
    spoken = texts(notebook)
    upward = {text for text in spoken if text == ".." or text.startswith("../")}
    bare = {posixpath.normpath(text) for text in upward if not text.strip("./")}
    if any(
        "cwd()" in s.code and re.search(r"\.parent\b|dirname|parents\[", s.code) for s in notebook.statements
    ):
        bare.add("..")
    names = {text.strip("/").split("/")[0] for text in spoken if len(text) < 100} - {"", ".", ".."}  # noqa: PLR2004  # longer than a file's name
    return sorted(upward | {f"{up}/{name}" for up in bare for name in names if "\n" not in name})


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
    return "/".join(parts[1:] if parts[:1] == ["data"] else parts)


def texts(notebook: Notebook) -> set[str]:
    """Give the strings of the notebook that are short enough to be a path."""
    found = {text for statement in notebook.statements for text in string_literals(statement.code)}
    return {text for text in found if 0 < len(text) < 400}  # noqa: PLR2004  # longer than any path
