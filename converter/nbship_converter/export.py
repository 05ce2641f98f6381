"""The whole way: a notebook file -> a proved repository. This is where the passes meet the outside world."""

from __future__ import annotations

import keyword
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbship import config
from nbship.canonical import SEED
from nbship.errors import RunError
from nbship_converter.compile import compile_notebook
from nbship_converter.contracts import contract_findings, with_thresholds
from nbship_converter.effects import outward, refuse_questions
from nbship_converter.environment import DEVELOPMENT, LOCK, Locks, locked
from nbship_converter.environment.index import ask
from nbship_converter.evaluation import evaluation_of
from nbship_converter.expectations import untested
from nbship_converter.expectations.observe import Observation, observe
from nbship_converter.findings import Finding
from nbship_converter.ir import Facts, Notebook, Program
from nbship_converter.merge import (
    check_destination,
    earlier_package,
    fill,
    origins_of,
    place,
    read_base,
    stage,
)
from nbship_converter.order import ordered_run
from nbship_converter.paths import data_name
from nbship_converter.pointing import Delivery, delivery, digests_of, shared_store
from nbship_converter.polish import polish
from nbship_converter.project import Project, documents, sources
from nbship_converter.proof import link_data, prove
from nbship_converter.read import load, read
from nbship_converter.run import CELL_TIMEOUT_S, clean_run
from nbship_converter.runs import recall, remember
from nbship_converter.secrets import lift_secrets
from nbship_converter.serving import serve
from nbship_converter.settle import settle
from nbship_converter.testimony import Run
from nbship_converter.verify import Verification

__all__ = ["Exported", "Options", "compiled", "data_files", "export", "package_name"]

#: What only a run tells.
_UNKNOWN = (
    "; not run, so it is not known what types names have, what calls change in place, which files are read and"
    " written, and which modules beside the notebook are needed"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line may ask for."""

    package: str | None = None
    python: str = sys.executable
    run: bool | None = True  # None: only as far as it is remembered
    fresh: bool = False
    verify: bool = True
    data: bool = True
    offline: bool = False
    yes: bool = False
    versioned: bool = True  # whether a new folder becomes a git repository
    timeout_s: int = CELL_TIMEOUT_S
    say: Callable[[str], None] = lambda _: None
    at: Callable[[str, str | None], None] = lambda *_: (
        None
    )  # told of each step as it begins, and how far it is


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


def compiled(notebook: Path, options: Options) -> tuple[Program, Facts | None]:
    """Compile a notebook as ``export`` would, and write nothing; raises what ``export`` raises."""
    parsed = lift_secrets(read(load(notebook), notebook.stem, notebook.parent)[0]).notebook
    parsed, run, _ = _clean(notebook, parsed, options)
    facts = run.facts if run else None
    return compile_notebook(parsed, facts)[0], facts


def export(notebook: Path, destination: Path, options: Options) -> Exported:
    """Export a notebook to a repository.

    Raises InputError for what is no Python notebook or holds an access key where it cannot be taken out,
    WriteError for a destination that holds other files, RunError when the notebook does not run; in each case nothing
    is written. Where an earlier export lies, the new one is merged into it.
    """
    options.at("read", None)
    content = load(notebook)
    settings = config.load(start=notebook.parent.resolve())
    check_destination(destination)
    named = options.package and package_name(options.package)
    package = earlier_package(destination, named) or named or package_name(notebook.stem)
    parsed, findings = read(content, notebook.stem, notebook.parent)
    lifted = lift_secrets(parsed)
    parsed, run, ordered = _clean(notebook, lifted.notebook, options)
    findings += [*lifted.findings, *ordered]
    options.at("compile", None)
    program, found = compile_notebook(parsed, run.facts if run else None)
    data = data_files(notebook.parent, run.facts) if run else {}
    findings += contract_findings(run.facts if run else None, data)
    shared = delivery(data, listed_folders(notebook.parent, run.facts) if run else (), copy=options.data)
    plan = Project(
        program=program,
        facts=run.facts if run else None,
        package=package,
        python=options.python,
        content=content,
        environment=lifted.values,
        data=data,
        pointed=tuple(unit.path for unit in shared.pointed),
        store=shared_store(settings),
        evaluation=evaluation_of(program, run.facts if run else None),
        expected={name: run.fingerprints[name] for name in program.results if name in run.fingerprints}
        if run
        else {},
    )
    with stage(destination) as staged:
        options.at("write", None)
        repository = staged / "repository"
        fill(repository, sources(plan))
        findings += [*found, *polish(repository), *settle(repository, plan.package, python=options.python)]
        verification = Verification(names=dict.fromkeys(program.results, "unchecked"), ran=False)
        if run is not None and options.verify:
            options.say("running the package and comparing")
            options.at("compare", None)
            verification, found = prove(
                plan, run, repository / "src", again=lambda seed: _run(notebook, parsed, options, seed=seed)
            )
        else:
            unknown = "" if run else _UNKNOWN
            found = [
                Finding(code="NB404", message=f"the package was not compared with the notebook{unknown}")
            ]
        options.at("tests", None)
        observed = _observed(plan, repository) if verification.ran else Observation()
        found += untested(program, verification, observed) if verification.ran else []
        found += serve(plan, repository, verification, options.say)
        delivered = shared.files(notebook.parent, settings)
        plan = replace(plan, digests=digests_of(delivered))
        fill(repository, documents(plan, verification, observed, [*findings, *found]))
        settled = (repository / "pyproject.toml").read_text(encoding="utf-8")
        fill(
            repository,
            {"pyproject.toml": with_thresholds(settled, verification.measures, plan.facts).encode()},
        )
        options.at("lock", None)
        locks = _locked(repository, destination, plan.facts, options)
        fill(repository, {name: text.encode() for name, text in locks.files.items()})
        ignored = (repository / ".gitignore").read_bytes() + shared.ignored().encode()
        fill(repository, {**delivered, ".gitignore": ignored})
        findings += [*found, *polish(repository), *_pointed(shared), *locks.findings]
        options.at("place", None)
        placed = place(
            repository,
            destination,
            package=package,
            origins=origins_of(program, content, package),
            versioned=options.versioned,
            say=options.say,
        )
    return Exported(
        package=plan.package,
        path=destination.resolve(),
        program=program,
        findings=tuple(dict.fromkeys([*findings, *placed.findings])),
        verification=verification,
        files=placed.files,
    )


def _locked(repository: Path, destination: Path, facts: Facts | None, options: Options) -> Locks:
    """Lock what the staged repository needs; the locks of the last export are kept as far as they still hold."""
    if not options.offline:
        options.say("asking the package index for hashes")
    before = read_base(destination)
    earlier = {
        name: before.texts[name].decode() for name in (LOCK, DEVELOPMENT) if before and name in before.texts
    }
    pyproject = (repository / "pyproject.toml").read_text(encoding="utf-8")
    return locked(pyproject, facts, earlier, index=None if options.offline else ask)


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
    "pandas numpy sklearn scipy matplotlib seaborn torch tensorflow keras xgboost lightgbm statsmodels test tests src nbship".split()
)


def _clean(
    path: Path, parsed: Notebook, options: Options
) -> tuple[Notebook, Run | None, tuple[Finding, ...]]:
    """Give the notebook in the order in which it runs, and a clean run of it if there is to be one."""
    if options.run is None:
        return parsed, _recalled(path, parsed, options), ()
    if not options.run:
        return parsed, None, ()
    done = ordered_run(parsed, lambda cells: _recalled(path, cells, options) or _run(path, cells, options))
    return done.notebook, done.run, done.findings


def _run(path: Path, parsed: Notebook, options: Options, *, seed: int = SEED) -> Run:
    refuse_questions(parsed)
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
    options.at("run", None)
    total = sum(1 for cell in parsed.cells if cell.source.strip())

    def progress(done: int, _: int) -> None:
        options.at("run", f"{done} of {total} cells")
        if done and done % 10 == 0:
            options.say(f"  {done} of {total} cells")

    run = clean_run(
        parsed, path.parent, python=options.python, timeout_s=options.timeout_s, seed=seed, progress=progress
    )
    remember(run, parsed, path.parent, options.python, seed, now=datetime.now(UTC))
    return run


def _recalled(path: Path, parsed: Notebook, options: Options) -> Run | None:
    """Give the remembered run, and say that it is one."""
    found = None if options.fresh else recall(parsed, path.parent, options.python, SEED)
    if found is None:
        return None
    when = found.when.astimezone()
    options.say(
        f"the run of {when:%d %B, %H:%M} is used: nothing it depends on has changed (--fresh runs it anew)"
    )
    return found.run


def data_files(folder: Path, facts: Facts) -> dict[str, Path]:
    """Map names below ``data/`` to the files that the notebook read."""
    found: dict[str, Path] = {}
    for path in facts.reads:
        source = folder / path
        inside = [source] if source.is_file() else source.glob("*") if source.is_dir() else []
        for file in inside:
            if file.is_file() and file.suffix not in (".py", ".pyc") and not file.name.startswith(".env"):
                found[data_name(path if file == source else f"{path}/{file.name}")] = file
    return found


def listed_folders(folder: Path, facts: Facts) -> set[str]:
    """Give the names below ``data/`` of the folders that the notebook listed; "" is ``data/`` itself."""
    return {data_name(path) for path in facts.reads if (folder / path).is_dir()}


def _observed(plan: Project, repository: Path) -> Observation:
    """Give what each step did when the package was run as its tests run it."""
    with tempfile.TemporaryDirectory(prefix="nbship-data-") as scratch:
        link_data(plan, Path(scratch))
        return observe(
            plan.program,
            repository,
            plan.package,
            python=plan.python,
            data=Path(scratch),
            variables=plan.environment,
        )


def _pointed(shared: Delivery) -> list[Finding]:
    return [
        Finding(
            code="NB412", message=f"{unit.path}, {unit.size:,} bytes, is not in the repository but pointed to"
        )
        for unit in shared.pointed
    ]
