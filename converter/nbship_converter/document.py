"""The exported repository's README: what it does, how to run it, and the proof."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    pointed: Sequence[str] = (),
) -> str:
    """Give the README of the repository."""
    parts = [
        f"# {program.notebook.title}",
        program.notebook.purpose,
        f"Exported from `{program.notebook.name}.ipynb` by nbship; the package `{package}` needs nbship no longer.",
        _running(package),
        "## Steps",
        _table(("step", "module", "takes", "makes"), _steps(program)),
        *_data(facts, pointed),
        "## Proof",
        _proof(verification),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _running(package: str) -> str:
    return (
        "## Run it\n\n```\npip install -r requirements.lock && pip install --no-deps -e .\n"
        f"python -m {package} run          # --help lists every setting\nmake test                        # lint, types and tests\n```\n\n"
        f"Data is looked for in `data/`; `--data-dir` or `{package.upper()}_DATA_DIR` names another folder. "
        "Figures are saved with `--figures-dir FOLDER`."
    )


def _steps(program: Program) -> Iterable[tuple[str, ...]]:
    for step in program.steps:
        yield f"`{step.name}`", f"`{step.module}`", _names(step.inputs), _names(step.outputs)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _data(facts: Facts | None, pointed: Sequence[str]) -> list[str]:
    names = [data_name(path) for path in facts.reads] if facts else []
    lines = "\n".join(f"- `data/{name}`" for name in names)
    fetched = ", ".join(f"`{path}`" for path in pointed)
    how = (
        f"Too large for git: {fetched}. The pointer beside each (`.dvc`) tells what belongs there, and its hashes: "
        "`nbship data pull` fetches it, and so does `dvc pull`."
    )
    return ["## Data", lines, *([how] if pointed else [])] if names else []


def _proof(verification: Verification) -> str:
    if not verification.ran:
        return "The package was not compared with the notebook: it was exported without running it."
    text = (
        "The package was run in a fresh process and each result compared with what one clean run of the notebook "
        f"had at its end. Status: **{verification.status}**."
    )
    return f"{text}\n\n{_table(('name', 'outcome'), ((f'`{name}`', outcome) for name, outcome in verification.names.items()))}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
