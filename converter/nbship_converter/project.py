"""Modules -> a whole repository: the template, renamed and filled in, as ``{path: content}``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

from nbship_converter.contracts import REQUIREMENT, contract_files
from nbship_converter.document import readme
from nbship_converter.emit import config_module, emit
from nbship_converter.environment import LOCK, unhashed
from nbship_converter.environment.needs import needs_of
from nbship_converter.environment.sources import reads_data, without_group, without_sources
from nbship_converter.evaluation import Evaluation
from nbship_converter.expectations import module_tests, seeded, trimmed, with_environment
from nbship_converter.expectations.observe import Observation
from nbship_converter.findings import Finding
from nbship_converter.ir import Cell, Facts, Program
from nbship_converter.secrets import redacted
from nbship_converter.verify import Verification

__all__ = ["Project", "documents", "sources"]

TEMPLATE = Path(__file__).parent / "templates" / "package"
_TEMPLATE_PACKAGE = "notebook_package"
_TEMPLATE_PYTHON = "3.11"
#: Files of the template that name the version of Python.
_WITH_PYTHON = (".python-version", "Dockerfile", ".github/workflows/ci.yml")
_CACHES = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a repository is made from.

    ``environment`` are the secrets that the package reads from there: their values are written nowhere. ``pointed``
    is data that is fetched, from ``store`` where one is shared; ``digests`` are SHA-256 by the data's path.
    """

    program: Program
    facts: Facts | None
    package: str
    python: str
    content: Mapping[str, Any]
    data: Mapping[str, Path] = field(default_factory=dict)
    expected: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    pointed: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    store: str | None = None
    evaluation: Evaluation | None = None


def sources(plan: Project) -> dict[str, bytes]:
    """Give the package, its settings and the notebook; generated Python is not formatted yet."""
    needs = needs_of(plan.facts)
    modules = emit(plan.program, plan.package, needs)
    template = _template()
    if not reads_data(modules):
        del template[f"src/{_TEMPLATE_PACKAGE}/sources.py"], template["tests/test_sources.py"]
        place = f"src/{_TEMPLATE_PACKAGE}/config.py"
        template[place] = without_sources(template[place])
    files = {_renamed(path, plan.package): _renamed(text, plan.package) for path, text in template.items()}
    if plan.facts is not None:
        version = ".".join(plan.facts.python.split(".")[:2])
        files |= {path: files[path].replace(_TEMPLATE_PYTHON, version) for path in _WITH_PYTHON}
    source = f"src/{plan.package}"
    files |= {f"{source}/{name}": text for name, text in modules.items()}
    files[f"{source}/config.py"] = config_module(
        files[f"{source}/config.py"], plan.program.constants, plan.package
    )
    if not any(step.plots for step in plan.program.steps):
        del files[f"{source}/figures.py"], files["tests/test_figures.py"]
    if needs is None:
        del files[f"{source}/limits.py"], files["tests/test_limits.py"]
    if plan.program.unseeded is not None:
        files["tests/conftest.py"] = seeded(files["tests/conftest.py"])
    del files["tests/test_pipeline.py"], files["README.md"]
    files |= contract_files(plan.facts, plan.program.notebook, plan.package, plan.data)
    files["pyproject.toml"] = _pyproject(files["pyproject.toml"], plan, modules)
    files[LOCK] = unhashed(_dependencies(modules, plan), plan.facts)
    files[f"notebooks/{_file_name(plan.program.notebook.name)}.ipynb"] = _notebook(
        plan.content, plan.environment
    )
    if plan.environment:
        files[".env.example"] = "".join(f"{name}=\n" for name in plan.environment)
        files["tests/conftest.py"] = with_environment(files["tests/conftest.py"], plan.environment)
    return _encoded(files, plan)


def documents(
    plan: Project,
    verification: Verification,
    observed: Observation,
    findings: Sequence[Finding] = (),
) -> dict[str, bytes]:
    """Give what can only be written once the package was compared: tests, README, expected fingerprints."""
    files = module_tests(plan.program, plan.package, verification, observed)
    recording = _renamed(_template()["tests/recording.py"], plan.package)
    files["tests/recording.py"] = trimmed(recording, files.values())
    files[".nbship/expected.json"] = _json(_expected(plan, verification))
    files["README.md"] = readme(
        plan.program,
        plan.facts,
        plan.package,
        verification,
        evaluation=plan.evaluation,
        digests=plan.digests,
        dependencies=_dependencies(emit(plan.program, plan.package), plan),
        findings=findings,
        pointed=plan.pointed,
    )
    return _encoded(files, plan)


def _encoded(files: Mapping[str, str], plan: Project) -> dict[str, bytes]:
    """Give the files as bytes; a secret that has come this far, in whatever way, comes no further."""
    return {path: redacted(text, plan.environment.values()).encode() for path, text in files.items()}


def _template() -> dict[str, str]:
    found = {}
    for path in sorted(TEMPLATE.rglob("*")):
        relative = path.relative_to(TEMPLATE)
        if path.is_file() and not _CACHES & set(relative.parts):
            found[relative.as_posix()] = path.read_text(encoding="utf-8")
    return found


def _renamed(text: str, package: str) -> str:
    text = text.replace(_TEMPLATE_PACKAGE, package).replace(_TEMPLATE_PACKAGE.upper(), package.upper())
    return text.replace(_TEMPLATE_PACKAGE.replace("_", "-"), package.replace("_", "-"))


def _pyproject(text: str, plan: Project, modules: Mapping[str, str]) -> str:
    document: Any = tomlkit.parse(text)
    facts = plan.facts
    if not reads_data(modules):
        without_group(document)
    document["project"]["description"] = plan.program.notebook.title[:200]
    if facts is not None:
        document["project"]["requires-python"] = f">={'.'.join(facts.python.split('.')[:2])}"
    pins = _dependencies(modules, plan)
    array = tomlkit.array()
    array.extend(pins)
    document["project"]["dependencies"] = array.multiline(multiline=len(pins) > 1)
    untyped = (
        sorted(_imported(modules) & facts.untyped) if facts else sorted(_third_party(modules, plan.package))
    )
    if untyped:
        override = tomlkit.table()
        override.add("module", [f"{name}{tail}" for name in untyped for tail in ("", ".*")])
        override.add("follow_imports", "skip")
        override["follow_imports"].comment("not typed: the same with and without stub packages")
        override.add("follow_imports_for_stubs", True)  # a TOML value
        override.add("ignore_missing_imports", True)
        override.add(tomlkit.nl())
        overrides = tomlkit.aot()
        overrides.append(override)
        document["tool"]["mypy"].add("overrides", overrides)
    document["tool"]["nbship"]["notebook"] = f"notebooks/{_file_name(plan.program.notebook.name)}.ipynb"
    if plan.evaluation is not None:
        document["tool"]["nbship"]["evaluation"] = plan.evaluation.as_toml()
    if plan.facts is not None and plan.facts.datasets:
        for group in ("dev", "ops"):
            document["dependency-groups"][group].append(REQUIREMENT)
    if plan.store is not None:
        document["tool"]["nbship"]["data"] = {"store": plan.store}
    return tomlkit.dumps(document)


def _imported(modules: Mapping[str, str]) -> set[str]:
    """Give the top-level packages that the generated modules import."""
    import ast

    found = set()
    for text in modules.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found | ({"matplotlib"} if any("finish_figures" in text for text in modules.values()) else set())


def _third_party(modules: Mapping[str, str], package: str) -> set[str]:
    return _imported(modules) - set(sys.stdlib_module_names) - {package}


def _dependencies(modules: Mapping[str, str], plan: Project) -> list[str]:
    names = _third_party(modules, plan.package)
    if plan.facts is None:
        return sorted("scikit-learn" if name == "sklearn" else name for name in names)
    pins = {pin for name in names for pin in plan.facts.distributions.get(name, ())}
    pins |= _installed(plan.program.notebook.cells, plan.facts.closure)
    return sorted(pins, key=str.lower)


def _installed(cells: Iterable[Cell], closure: Iterable[str]) -> set[str]:
    """Give the pins of what the notebook installs itself, where it was in use: some are never imported by name."""
    words = {word for cell in cells for line in cell.installs for word in line.split()}
    wanted = {re.split(r"[=<>~!\[;]", word.strip("'\""))[0].lower().replace("_", "-") for word in words}
    return {pin for pin in closure if pin.partition("==")[0] in wanted - {"pip", "conda"}}


def _expected(plan: Project, verification: Verification) -> dict[str, Any]:
    outcomes = dict(verification.names)
    return {
        "schema": 1,
        "notebook": plan.program.notebook.id,
        "cells": {
            cell.id: step.name
            for step in plan.program.steps
            for cell in plan.program.notebook.cells
            if cell.index in step.cells
        },
        "names": {
            name: {"fingerprint": plan.expected.get(name), "outcome": outcomes.get(name, "unchecked")}
            for name in sorted({*plan.program.results, *outcomes})
        },
    }


def _notebook(content: Mapping[str, Any], secrets: Mapping[str, str]) -> str:
    """Give the notebook without outputs, and without anything that looks like a key."""
    cells = []
    for cell in content.get("cells", []):
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(source)
        kept = {**cell, "source": redacted(text, secrets.values()).splitlines(keepends=True)}
        if cell.get("cell_type") == "code":
            kept |= {"outputs": [], "execution_count": None}
        cells.append(kept)
    return json.dumps({**content, "cells": cells}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)
