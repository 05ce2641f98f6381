"""mypy over the exported package: where an annotation says more than a type checker can follow, it says less.

The types come from values that were seen; a library's own annotations may tell it differently, and a name
may hold one type after another. mypy is asked, and each complaint loosens just the name, parameter or result
that it is about. A line that nothing helps is suppressed by its code and reported.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from platformdirs import user_cache_dir

from nbship_converter.findings import Finding
from nbship_converter.loosen import Loosening, loosen

__all__ = ["settle"]

#: Rounds of asking and loosening; each round works on what the one before brought to light.
ROUNDS = 8
_UNTYPED_BASE = re.compile(r"Class cannot subclass|Untyped decorator|metaclass", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One line of mypy's."""

    file: str
    line: int
    column: int
    code: str
    message: str


def settle(folder: Path, package: str, *, python: str = sys.executable) -> list[Finding]:
    """Loosen annotations below ``src`` until ``mypy --strict`` passes; tell what had to be given up."""
    complaints = _ask(folder, python)
    for _ in range(ROUNDS):
        if not complaints:
            return []
        before = complaints
        _mend(folder, package, complaints)
        complaints = _ask(folder, python)
        if set(complaints) == set(before):
            break
    return _suppress(folder, complaints)


def _ask(folder: Path, python: str) -> list[Complaint]:
    arguments = [
        *(sys.executable, "-m", "mypy", "--strict", "--output", "json"),
        *("--cache-dir", str(_cache(python)), "--python-executable", python, "src"),
    ]
    done = subprocess.run(arguments, cwd=folder, check=False, capture_output=True, text=True)
    found = []
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            raw = json.loads(line)
            if raw.get("severity") == "error":
                found.append(
                    Complaint(
                        file=raw["file"],
                        line=raw["line"],
                        column=raw["column"],
                        code=raw["code"] or "misc",
                        message=raw["message"],
                    )
                )
    return found


def _cache(python: str) -> Path:
    """One cache for all exports with an interpreter: what mypy knows of its libraries is the same for each."""
    environment = hashlib.sha256(python.encode()).hexdigest()[:16]
    return Path(user_cache_dir("nbship")) / "mypy" / environment


def _mend(folder: Path, package: str, complaints: Iterable[Complaint]) -> None:
    by_file: dict[str, list[Complaint]] = {}
    for complaint in complaints:
        by_file.setdefault(complaint.file, []).append(complaint)
    for file, own in by_file.items():
        bases = [
            c for c in own if c.code in ("misc", "untyped-decorator") and _UNTYPED_BASE.search(c.message)
        ]
        if bases:
            _allow_untyped_bases(folder, f"{package}.{Path(file).stem}")
        unknown = [c for c in own if c.code in ("import-untyped", "import-not-found")]
        if unknown:
            _skip_imports(folder, unknown)
        rest = [
            Loosening(line=c.line, column=c.column, code=c.code, message=c.message)
            for c in own
            if c not in bases and c not in unknown
        ]
        if rest:
            path = folder / file
            path.write_text(loosen(path.read_text(encoding="utf-8"), rest), encoding="utf-8")


def _overrides(folder: Path, change: Any) -> None:
    path = folder / "pyproject.toml"
    document: Any = tomlkit.parse(path.read_text(encoding="utf-8"))
    mypy = document["tool"]["mypy"]
    if "overrides" not in mypy:
        mypy.add("overrides", tomlkit.aot())
    change(mypy["overrides"])
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


def _allow_untyped_bases(folder: Path, module: str) -> None:
    """Let classes of one module inherit from a library's untyped ones."""

    def change(overrides: Any) -> None:
        if any(module in entry["module"] for entry in overrides):
            return
        table = tomlkit.table()
        table.add("module", [module])
        allowed = tomlkit.item(False)  # a TOML value
        allowed.comment("its base classes come from untyped libraries")
        table.add("disallow_subclassing_any", allowed)
        table.add("disallow_untyped_decorators", False)  # a TOML value
        table.add(tomlkit.nl())
        overrides.append(table)

    _overrides(folder, change)


def _skip_imports(folder: Path, complaints: Iterable[Complaint]) -> None:
    names = {found[1].split(".")[0] for c in complaints if (found := re.search(r'"([\w.]+)"', c.message))}

    def change(overrides: Any) -> None:
        skipping = next((entry for entry in overrides if entry.get("follow_imports") == "skip"), None)
        if skipping is None:
            skipping = tomlkit.table()
            skipping.add("module", [])
            skipping.add("follow_imports", "skip")
            skipping.add("follow_imports_for_stubs", True)  # a TOML value
            skipping.add("ignore_missing_imports", True)  # a TOML value
            skipping.add(tomlkit.nl())
            overrides.append(skipping)
            skipping = overrides[-1]
        for name in sorted(names):
            for pattern in (name, f"{name}.*"):
                if pattern not in skipping["module"]:
                    skipping["module"].append(pattern)

    _overrides(folder, change)


def _suppress(folder: Path, complaints: list[Complaint]) -> list[Finding]:
    by_place: dict[tuple[str, int], set[str]] = {}
    for complaint in complaints:
        by_place.setdefault((complaint.file, complaint.line), set()).add(complaint.code)
    for (file, line), codes in by_place.items():
        path = folder / file
        lines = path.read_text(encoding="utf-8").splitlines()
        lines[line - 1] += f"  # type: ignore[{', '.join(sorted(codes))}]"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return (
        [Finding(code="NB302", message=f"{len(by_place)} lines have a suppressed type error")]
        if by_place
        else []
    )
