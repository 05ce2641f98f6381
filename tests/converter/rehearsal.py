"""Notebook and package side by side in a moment: both run in forks of one warm process, with the real witness.

What a kernel does over sockets in seconds happens here in IPython's shell itself in a tenth of one, so that every
case file and every generated program can be run and not only read.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nbship.canonical import SEED
from nbship_converter.compile import compile_notebook
from nbship_converter.effects import refuse_questions
from nbship_converter.evaluation import evaluation_of
from nbship_converter.export import data_files
from nbship_converter.findings import Finding
from nbship_converter.ir import Notebook, Program
from nbship_converter.mirror import mirror_of
from nbship_converter.order import ordered_run
from nbship_converter.project import Project, sources
from nbship_converter.proof import compared, link_data, required
from nbship_converter.read import read
from nbship_converter.run import raised, run_environment
from nbship_converter.secrets import lift_secrets
from nbship_converter.testimony import Run, testimony
from nbship_converter.verify import Verification, read_probe

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["IPython.core.interactiveshell", "numpy", "pandas", "matplotlib.pyplot", "sklearn.linear_model", "nbship_magics.witness", "nbship_magics.probe"])  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What came of a notebook that was run, compiled, and run as a package; ``again`` are the files made anew."""

    program: Program
    findings: list[Finding]
    files: dict[str, str]
    again: dict[str, str]
    verification: Verification


def rehearse(content: Mapping[str, Any], folder: Path, package: str = "demo") -> Rehearsal:
    """Take a notebook's JSON all the way to a verification; ``folder`` holds the files it reads.

    Lint and types are not settled here. Raises AssertionError with the traceback where one of the two fails.
    """
    notebook, findings = read(dict(content), "demo", folder)
    lifted = lift_secrets(notebook)
    refuse_questions(lifted.notebook)
    ordered = ordered_run(lifted.notebook, lambda cells: run_notebook(cells, folder))
    notebook, run = ordered.notebook, ordered.run
    program, more = compile_notebook(notebook, run.facts)
    data = data_files(folder, run.facts)
    plan = Project(
        program=program,
        facts=run.facts,
        package=package,
        python="",
        content=content,
        data=data,
        environment=lifted.values,
        evaluation=evaluation_of(program, run.facts),
    )
    files = _texts(plan)
    again = _texts(replace(plan, program=compile_notebook(notebook, run.facts)[0]))
    with TemporaryDirectory() as scratch:
        for path, text in files.items():
            (Path(scratch) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(scratch) / path).write_text(text, encoding="utf-8")
        out = Path(scratch) / "values.pickle"
        link_data(plan, Path(scratch) / "data")
        _apart(
            _probe,
            str(Path(scratch) / "src"),
            package,
            str(out),
            str(Path(scratch) / "data"),
            f"{scratch}/output",
            dict(lifted.values),
        )
        verification = compared(
            required(plan, run), run, read_probe(out), lambda seed: run_notebook(notebook, folder, seed)
        )
    return Rehearsal(
        program=program,
        findings=[*findings, *lifted.findings, *ordered.findings, *more],
        files=files,
        again=again,
        verification=verification,
    )


def _texts(plan: Project) -> dict[str, str]:
    return {path: text.decode() for path, text in sources(plan).items()}


def run_notebook(notebook: Notebook, folder: Path, seed: int = SEED) -> Run:
    """Give what the witness saw of the notebook's cells, run one after the other in a mirror of the folder."""
    cells = [cell for cell in notebook.cells if cell.source.strip()]
    run = [(cell.source, "raises-exception" in cell.tags) for cell in cells]
    with TemporaryDirectory() as witness, mirror_of(folder) as mirror:
        failed = Path(witness) / "failed"
        environment = run_environment(Path(witness), mirror.scratch, seed) | {"MPLBACKEND": "agg"}
        _apart(_cells, run, str(mirror.folder), environment, str(failed))
        if failed.exists():
            place, kind, value = json.loads(failed.read_text(encoding="utf-8"))
            raise raised(notebook, cells[place].index, kind, value)
        return testimony(Path(witness), [cell.index for cell in cells], mirror)


def _apart(work: Callable[..., None], *arguments: object) -> None:
    """Do something in a fork, and raise AssertionError with its traceback where it fails."""
    with TemporaryDirectory() as scratch:
        said = Path(scratch) / "traceback"
        process = _FORKS.Process(target=_guarded, args=(work, str(said), *arguments))
        process.start()
        process.join(120)
        assert process.exitcode == 0, said.read_text(encoding="utf-8") if said.exists() else process.exitcode


def _guarded(work: Callable[..., None], said: str, *arguments: object) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    try:
        work(*arguments)
    except BaseException:  # noqa: BLE001  # whatever ends it is told to the parent
        Path(said).write_text(traceback.format_exc(), encoding="utf-8")
        raise SystemExit(1) from None


def _cells(sources: list[tuple[str, bool]], folder: str, environment: dict[str, str], failed: str) -> None:
    """Run cells in IPython's shell with the witness loaded, as the kernel would."""
    from IPython.core.interactiveshell import InteractiveShell

    from nbship_magics.witness import load_ipython_extension

    os.chdir(folder)
    sys.path.insert(0, "")  # as a kernel has it
    os.environ.update(environment)
    shell: Any = InteractiveShell.instance(history_manager=None)
    type(shell).enable_gui = lambda *_: None  # a kernel has an event loop of its own
    load_ipython_extension(shell)
    for place, (source, may_fail) in enumerate(sources):
        error = shell.run_cell(source, store_history=True).error_in_exec
        if error is not None and not may_fail:
            told = [place, type(error).__name__, str(error)]
            Path(failed).write_text(json.dumps(told), encoding="utf-8")
            return
    shell.run_cell("get_ipython().run_line_magic('nbship_testify', '')").raise_error()


def _probe(source: str, package: str, out: str, data: str, output: str, variables: dict[str, str]) -> None:
    from nbship_magics.probe import probe

    os.environ["MPLBACKEND"] = "agg"
    os.environ.update(variables)
    os.chdir(Path(source).parent)
    probe(Path(source), package, Path(out), Path(data), Path(output))
