"""The exported repository's README: the model card, how to run it, and the proof."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nbship_converter.card import data_table, limits, model_section, table
from nbship_converter.evaluation import Evaluation
from nbship_converter.findings import Finding
from nbship_converter.ir import Facts, Program
from nbship_converter.paths import data_name
from nbship_converter.verify import Verification

__all__ = ["readme"]


def readme(
    program: Program,
    facts: Facts | None,
    package: str,
    verification: Verification,
    *,
    evaluation: Evaluation | None = None,
    digests: Mapping[str, str] | None = None,
    dependencies: Sequence[str] = (),
    findings: Sequence[Finding] = (),
    pointed: Sequence[str] = (),
) -> str:
    """Give the README of the repository; ``digests`` are the SHA-256 of the data by its path there."""
    parts = [
        f"# {program.notebook.title}",
        program.notebook.purpose,
        f"Exported from `{program.notebook.name}.ipynb` by nbship; the package `{package}` needs nbship no longer.",
        model_section(program, facts, evaluation, verification),
        *_data(facts, digests or {}, pointed),
        _running(package),
        "## Steps",
        table(("step", "module", "takes", "makes"), _steps(program)),
        _environment(facts, dependencies),
        "## Proof",
        _proof(verification),
        "## Limits",
        limits(facts, evaluation, verification, findings),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _environment(facts: Facts | None, dependencies: Sequence[str]) -> str:
    if facts is None:
        return ""
    python = ".".join(facts.python.split(".")[:2])
    needs = f", with {', '.join(f'`{pin}`' for pin in dependencies)}" if dependencies else ""
    return (
        f"## Environment\n\nPython {python}{needs}, as the notebook's kernel had it. `requirements.lock` pins all that these"
        " need, `requirements-dev.lock` the tools of the checks; the `Dockerfile` makes an image of the same."
    )


def _running(package: str) -> str:
    return (
        "## Run it\n\n```\nmake setup   # .venv, from the locks\nmake run     # or: .venv/bin/python -m "
        f"{package} run --help\nmake test    # lint, types and tests\n```\n\n"
        f"Data is looked for in `data/`; `--data-dir` or `{package.upper()}_DATA_DIR` names another folder. "
        "Figures are saved with `--figures-dir FOLDER`."
    )


def _steps(program: Program) -> Iterable[tuple[str, ...]]:
    for step in program.steps:
        yield f"`{step.name}`", f"`{step.module}`", _names(step.inputs), _names(step.outputs)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _data(facts: Facts | None, digests: Mapping[str, str], pointed: Sequence[str]) -> list[str]:
    names = [data_name(path) for path in facts.reads] if facts else []
    fetched = ", ".join(f"`{path}`" for path in pointed)
    how = (
        f"Too large for git: {fetched}. The pointer beside each (`.dvc`) tells what belongs there, and its hashes: "
        "`nbship data pull` fetches it, and so does `dvc pull`."
    )
    return ["## Data", data_table(names, digests, pointed), *([how] if pointed else [])] if names else []


def _proof(verification: Verification) -> str:
    if not verification.ran:
        return "The package was not compared with the notebook: it was exported without running it."
    text = (
        "The package was run in a fresh process and each result compared with what one clean run of the notebook "
        f"had at its end. Status: **{verification.status}**."
    )
    return f"{text}\n\n{table(('name', 'outcome'), ((f'`{name}`', outcome) for name, outcome in verification.names.items()))}"
