"""``nbship verify``: run an exported package again and compare fingerprints; nothing but the repository is needed."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from nbship.errors import InputError
from nbship_converter.verify import NameOutcome, Verification, fingerprint_of, run_package

__all__ = ["reverify"]


def reverify(directory: Path) -> Verification:
    """Compare a repository's results with ``.nbship/expected.json``.

    Raises InputError if the folder was not exported by nbship, RunError if the package does not run.
    """
    expected = _expected(directory)
    package = tomllib.loads((directory / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["nbship"][
        "package"
    ]
    found = run_package((directory / "src").resolve(), package)
    names: dict[str, NameOutcome] = {}
    for name, entry in expected["names"].items():
        if name not in found.values:
            names[name] = "missing"
        elif entry["outcome"] == "volatile":
            names[name] = "volatile"
        elif entry["fingerprint"] is None:
            names[name] = "unchecked"
        else:
            names[name] = (
                "equal" if fingerprint_of(found.values[name]) == entry["fingerprint"] else "different"
            )
    return Verification(names=names)


def _expected(directory: Path) -> dict[str, Any]:
    path = directory / ".nbship" / "expected.json"
    if not path.is_file():
        raise InputError(
            "this is not a repository that nbship exported",
            where=str(directory),
            help="Give the folder that `nbship export --to` wrote.",
        )
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
