"""What the core knows of a notebook's file: its cells by id, each as the hash of its source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbship.sourcehash import source_hash


def cell_hashes(path: Path) -> dict[str, str]:
    """Give the hash of each code cell of a notebook by the cell's id; nothing where it cannot be read."""
    try:
        document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in document["cells"] if cell["cell_type"] == "code" and "id" in cell]
        return {cell["id"]: source_hash("".join(cell["source"])) for cell in cells}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
