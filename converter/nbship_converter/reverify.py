"""``nbship verify``: run an exported package again and compare fingerprints; nothing but the repository is needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbship.errors import InputError
from nbship_converter.merge.base import exported_base, package_of
from nbship_converter.merge.placing import alone, folder_files, unresolved_files
from nbship_converter.verify import NameOutcome, Verification, fingerprint_of, run_package

__all__ = ["reverify"]


def reverify(directory: Path) -> Verification:
    """Compare a repository's results with ``.nbship/expected.json``.

    Raises InputError if the folder was not exported by nbship, RunError if the package does not run.
    """
    package = _package(directory)
    expected = _expected(directory)
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


def _package(directory: Path) -> str:
    """Give the package's name as it is now, once no conflict of an export is open any more."""
    exported_base(directory)
    with alone(directory):  # what an export was killed in is carried out first
        base = exported_base(directory)
        unresolved = unresolved_files(folder_files(directory, base))
    if unresolved:
        raise InputError(
            f"there are conflict markers in {', '.join(unresolved)}",
            where=str(directory),
            help="Decide at each, take the markers out, and verify again.",
        )
    return package_of(directory, base)


def _expected(directory: Path) -> dict[str, Any]:
    path = directory / ".nbship" / "expected.json"
    if not path.is_file():
        raise InputError(
            "what the notebook had is not there any more",
            where=str(path),
            help="Bring it back as it was: `git checkout HEAD -- .nbship`.",
        )
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
