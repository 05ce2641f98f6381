"""The whole way: a notebook file -> a proved repository. This is where the passes meet the outside world."""

from __future__ import annotations

import keyword
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nbship.errors import RunError
from nbship_converter.compile import compile_notebook
from nbship_converter.effects import outward
from nbship_converter.findings import Finding
from nbship_converter.ir import Facts, Notebook, Program
from nbship_converter.paths import data_name
from nbship_converter.project import Project, project
from nbship_converter.read import load, read
from nbship_converter.run import CELL_TIMEOUT_S, Run, clean_run
from nbship_converter.verify import Verification, fingerprint_of, judge, run_package
from nbship_converter.write import check_destination, fill, place, stage, tidy

__all__ = ["Exported", "Options", "export", "package_name"]

#: Bytes of data that are copied into the repository; larger files stay where they are.
MOST_DATA = 10 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line may ask for."""

    package: str | None = None
    python: str = sys.executable
    run: bool = True
    verify: bool = True
    data: bool = True
    yes: bool = False
    timeout_s: int = CELL_TIMEOUT_S
    say: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export made."""

    package: str
    path: Path
    program: Program
    findings: tuple[Finding, ...]
    verification: Verification
    files: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Give the object that ``export --json`` prints."""
        return {
            "package": self.package,
            "path": str(self.path),
            "steps": [
                {
                    "name": step.name,
                    "module": step.module,
                    "function": step.name,
                    "inputs": list(step.inputs),
                    "outputs": list(step.outputs),
                    "cells": list(step.cells),
                }
                for step in self.program.steps
            ],
            "findings": [finding.as_json() for finding in self.findings],
            "verification": self.verification.as_json(),
            "files": list(self.files),
        }

    @property
    def failed(self) -> bool:
        """Whether the command ends with exit code 1."""
        different = self.verification.ran and self.verification.status != "equal"
        return different or any(finding.severity == "error" for finding in self.findings)


def export(notebook: Path, destination: Path, options: Options) -> Exported:
    """Export a notebook to a repository.

    Raises InputError for what is no Python notebook, WriteError for a destination that holds other files,
    RunError when the notebook does not run; in each case nothing is written.
    """
    content = load(notebook)
    check_destination(destination)
    parsed, findings = read(content, notebook.stem)
    run = _run(notebook, parsed, options) if options.run else None
    program, found = compile_notebook(parsed, run.facts if run else None)
    plan = Project(
        program=program,
        facts=run.facts if run else None,
        package=package_name(options.package or notebook.stem),
        content=content,
        data=_data(notebook.parent, run.facts) if run else {},
        expected={name: fingerprint_of(run.values[name]) for name in program.results if name in run.values}
        if run
        else {},
    )
    with stage(destination) as staged:
        verification, proof_findings = _prove(plan, run, parsed, notebook, staged / "proof", options)
        plan = replace(plan, verification=verification)
        final = staged / "repository"
        _lay_out(plan, final, copy_data=options.data)
        files = place(final, destination)
    return Exported(
        package=plan.package,
        path=destination.resolve(),
        program=program,
        findings=(*findings, *found, *proof_findings),
        verification=verification,
        files=tuple(files),
    )


def package_name(wanted: str) -> str:
    """Give a name that can be imported and hides nothing.

    >>> package_name("01 Churn-Model"), package_name("class"), package_name("test")
    ('churn_model', 'class_pipeline', 'test_pipeline')
    """
    name = re.sub(r"_+", "_", re.sub(r"\W", "_", wanted, flags=re.ASCII)).strip("_").lower()
    name = re.sub(r"^[\d_]+", "", name) or "notebook"
    taken = keyword.iskeyword(name) or name in sys.stdlib_module_names or name in _KNOWN
    return f"{name}_pipeline" if taken else name


_KNOWN = frozenset(
    "pandas numpy sklearn scipy matplotlib seaborn torch tensorflow keras xgboost lightgbm statsmodels tests src nbship".split()
)


def _run(path: Path, parsed: Notebook, options: Options) -> Run:
    outside = outward(parsed)
    if outside and not options.yes:
        cell, line, what = outside[0]
        raise RunError(
            f"the notebook writes to the world outside ({what}, and {len(outside) - 1} more)"
            if len(outside) > 1
            else f"the notebook writes to the world outside ({what})",
            where=f"{path.name}, cell {cell}, line {line}",
            help="Export with --yes if it may do that again, with --no-run, or tag the cell `skip`.",
        )
    options.say(f"running {path.name} in a fresh kernel")
    total = sum(1 for cell in parsed.cells if cell.source.strip())

    def progress(done: int, _: int) -> None:
        if done and done % 10 == 0:
            options.say(f"  {done} of {total} cells")

    return clean_run(
        parsed, path.parent, python=options.python, timeout_s=options.timeout_s, progress=progress
    )


def _data(folder: Path, facts: Facts) -> dict[str, Path]:
    """Map names below ``data/`` to the files that the notebook read."""
    found: dict[str, Path] = {}
    for path in facts.reads:
        source = folder / path
        if source.is_file() and source.suffix not in (".py", ".pyc"):
            found[data_name(path)] = source
    return found


def _lay_out(plan: Project, folder: Path, *, copy_data: bool) -> None:
    fill(folder, project(plan))
    if copy_data and sum(path.stat().st_size for path in plan.data.values()) <= MOST_DATA:
        fill(folder / "data", {name: path.read_bytes() for name, path in plan.data.items()})
    tidy(folder)


def _prove(
    plan: Project, run: Run | None, parsed: Notebook, notebook: Path, folder: Path, options: Options
) -> tuple[Verification, list[Finding]]:
    """Run the package and compare; a name that differs is volatile if the notebook itself does not repeat it."""
    wanted = dict.fromkeys([*plan.program.results, *_required(run)])
    if run is None or not options.verify:
        return Verification(names=dict.fromkeys(wanted, "unchecked"), ran=False), [
            Finding(code="NB404", message="the package was not compared with the notebook")
        ]
    options.say("running the package and comparing")
    _lay_out(plan, folder, copy_data=False)
    try:
        with tempfile.TemporaryDirectory(prefix="nbship-data-") as scratch:
            data = Path(scratch)
            for name, path in plan.data.items():
                (data / name).parent.mkdir(parents=True, exist_ok=True)
                (data / name).symlink_to(path.resolve())
            found = run_package(folder / "src", plan.package, python=options.python, data=data)
    except RunError as error:
        return Verification(names=dict.fromkeys(wanted, "missing")), [
            Finding(code="NB406", message=f"{error.what} ({error.where})")
        ]
    verification = judge(wanted, run.values, found, run.facts.aliases)
    if "different" in verification.names.values():
        verification = _without_volatile(verification, run, parsed, notebook, options)
    return verification, _told(verification)


def _required(run: Run | None) -> list[str]:
    """Models must be in Results whatever else is."""
    return (
        [name for name, kind in run.facts.kinds.items() if kind == "model" and not name.startswith("_")]
        if run
        else []
    )


def _without_volatile(
    verification: Verification, run: Run, parsed: Notebook, notebook: Path, options: Options
) -> Verification:
    options.say("a name differs: running the notebook once more to see whether it repeats itself")
    again = clean_run(parsed, notebook.parent, python=options.python, timeout_s=options.timeout_s)
    names = dict(verification.names)
    for name, outcome in verification.names.items():
        if outcome == "different" and fingerprint_of(run.values[name]) != fingerprint_of(
            again.values.get(name, [])
        ):
            names[name] = "volatile"
    return replace(verification, names=names)


def _told(verification: Verification) -> list[Finding]:
    findings = []
    for name, outcome in verification.names.items():
        reason = verification.reasons.get(name, "")
        if outcome == "volatile":
            findings.append(
                Finding(
                    code="NB403", message=f"`{name}` differs between two clean runs of the notebook itself"
                )
            )
        elif outcome not in ("equal", "close"):
            findings.append(Finding(code="NB402", message=f"`{name}` is {outcome}: {reason}"))
    return findings
