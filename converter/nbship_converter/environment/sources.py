"""Whether a package reads data files, and what is left of the template for one that reads none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["reads_data", "without_group", "without_sources"]

_READS = re.compile(r"\b(config|settings|given|chosen)\.(data|matching)\(")
#: What only the tests of ``sources.py`` need.
_TOOLS = ("fsspec", "sqlalchemy", "stamina")
#: Pieces of ``config.py`` that are about sources.
_PIECES = (
    r"import json\n",
    r"from notebook_package\.sources import fetch\n\n?",
    r"#: Names where data files come from.*\nSOURCES_VARIABLE = .*\n",
    r"    # name of a data file.*\n    sources: .*\n",
    r"        source = self\.source_of(.*\n)+?            return fetch\(.*\n",
    r"    def source_of(.*\n)+?\n(?=    def )",
)


def reads_data(modules: Mapping[str, str]) -> bool:
    """Tell whether any module asks Config for a data file."""
    return any(_READS.search(text) for text in modules.values())


def without_sources(config: str) -> str:
    """Give the template's ``config.py`` for a package that reads no data."""
    for piece in _PIECES:
        config, found = re.subn(piece, "", config)
        assert found == 1, f"the template has changed: {piece}"
    return config.replace("import dataclass, field\n", "import dataclass\n")


def without_group(document: Any) -> None:
    """Take out of a ``pyproject.toml`` what only packages with sources need."""
    del document["project"]["optional-dependencies"]
    group = document["dependency-groups"]["dev"]
    for line in [line for line in group if line.startswith(_TOOLS)]:
        group.remove(line)
