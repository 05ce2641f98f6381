"""Proving an export: the package is run, compared with the notebook, and the differences are explained."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nbship.canonical import SEED
from nbship.errors import RunError
from nbship_converter.findings import Finding
from nbship_converter.project import Project
from nbship_converter.testimony import Run
from nbship_converter.verify import (
    PackageRun,
    Verification,
    fingerprint_of,
    judge,
    match,
    run_package,
)

__all__ = ["compared", "link_data", "prove", "required"]


def prove(
    plan: Project, run: Run, source: Path, *, again: Callable[[int], Run]
) -> tuple[Verification, list[Finding]]:
    """Run the package below ``source`` and compare each result with what ``run`` had at its end.

    ``again`` runs the notebook once more, with the given seed.
    """
    wanted = required(plan, run)
    try:
        with tempfile.TemporaryDirectory(prefix="nbship-data-") as scratch:
            link_data(plan, Path(scratch))
            found = run_package(
                source,
                plan.package,
                python=plan.python,
                data=Path(scratch),
                variables=plan.environment,
                evaluation=plan.evaluation.as_toml() if plan.evaluation else None,
            )
    except RunError as error:
        failed = Finding(code="NB406", message=f"{error.what} ({error.where})")
        return Verification(names=dict.fromkeys(wanted, "missing")), [failed]
    verification = replace(compared(wanted, run, found, again), measures=found.measures)
    return verification, _told(verification)


def required(plan: Project, run: Run) -> list[str]:
    """Give the names that must be compared: all of Results, and every model, returned or not."""
    models = [name for name, kind in run.facts.kinds.items() if kind == "model" and not name.startswith("_")]
    return list(dict.fromkeys([*plan.program.results, *models]))


def compared(wanted: list[str], run: Run, found: PackageRun, again: Callable[[int], Run]) -> Verification:
    """Compare what the package made with what the notebook had at its end.

    Where a name differs the notebook is run once more: what it does not repeat itself is volatile.
    A remembered run has only fingerprints: where one does not match, the notebook is run for its values first.
    """
    if not run.values:
        verification = match(wanted, run.fingerprints, found, run.facts.aliases)
        if verification.status == "equal":
            return verification
        run = again(SEED)
    verification = judge(wanted, run.values, found, run.facts.aliases)
    if "different" in verification.names.values():
        return _without_volatile(verification, run, again(SEED + 1))
    return verification


def link_data(plan: Project, folder: Path) -> None:
    """Lay out the data that the notebook read, however large."""
    for name, path in plan.data.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(path.resolve())


def _without_volatile(verification: Verification, first: Run, second: Run) -> Verification:
    names = dict(verification.names)
    for name, outcome in verification.names.items():
        repeats = fingerprint_of(first.values[name]) == fingerprint_of(second.values.get(name, []))
        if outcome == "different" and not repeats:
            names[name] = "volatile"
    return replace(verification, names=names)


def _told(verification: Verification) -> list[Finding]:
    findings = []
    for name, outcome in verification.names.items():
        if outcome == "volatile":
            message = f"`{name}` differs between two clean runs of the notebook itself"
            findings.append(Finding(code="NB403", message=message))
        elif outcome not in ("equal", "close"):
            findings.append(
                Finding(code="NB402", message=f"`{name}` is {outcome}: {verification.reasons.get(name, '')}")
            )
    return findings
