"""The converter's commands: ``nbship export``, ``steps``, ``verify`` and ``diff``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from nbship_converter.compile import compile_notebook
from nbship_converter.export import Exported, Options, compiled, export, package_name
from nbship_converter.read import load, read
from nbship_converter.run import CELL_TIMEOUT_S
from nbship_converter.show import PASSES, Pass, as_text, shown


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "destination",
    type=click.Path(path_type=Path),
    help="Folder of the repository to write.",
)
@click.option(
    "--show",
    type=click.Choice(PASSES),
    help="Write nothing; print what one pass of the compiler found: names by statement, which cells are kept and"
    " why, the steps, or the modules. With the facts of a remembered run where there is one, of a new one with --run, else from the text alone.",
)
@click.option("--package", help="Name of the package; default: the notebook's.")
@click.option(
    "--python",
    default=sys.executable,
    show_default="this one",
    help="Interpreter whose libraries the notebook uses.",
)
@click.option(
    "--run/--no-run",
    default=None,
    help="Run the notebook first (default, but for --show), or compile from its text alone: less is known, nothing"
    " is proved.",
)
@click.option(
    "--fresh", is_flag=True, help="Run the notebook even if nothing has changed since its last run."
)
@click.option("--no-verify", is_flag=True, help="Do not compare the package with the notebook.")
@click.option("--no-data", is_flag=True, help="Copy no data into the repository.")
@click.option(
    "--offline", is_flag=True, help="Ask no package index: the locks are pinned, and have no hashes."
)
@click.option("--timeout", default=CELL_TIMEOUT_S, show_default=True, help="Seconds that one cell may take.")
@click.option("--yes", is_flag=True, help="Run a notebook that writes to databases or the network.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--progress", is_flag=True, help="Say each step as it begins, as a line of JSON on stderr.")
def export_command(
    notebook: Path,
    destination: Path | None,
    show: Pass | None,
    package: str | None,
    python: str,
    run: bool | None,
    fresh: bool,
    no_verify: bool,
    no_data: bool,
    offline: bool,
    timeout: int,
    yes: bool,
    as_json: bool,
    progress: bool,
) -> None:
    """Export NOTEBOOK as a typed, tested package, and prove that it computes what the notebook does.

    With --show instead of --to nothing is written: it prints what one pass of the compiler found.
    """
    options = Options(
        package=package,
        python=python,
        run=True if show is None and run is None else run,
        fresh=fresh,
        verify=run is not False and not no_verify,
        data=not no_data,
        offline=offline,
        yes=yes,
        timeout_s=timeout,
        say=lambda text: click.echo(text, err=True),
        at=_say_step if progress else lambda *_: None,
    )
    if (show is None) == (destination is None):
        raise click.UsageError("Give --to DIR to export the notebook, or --show to look at it; one of them.")
    if show is not None:
        program, facts = compiled(notebook, options)
        found = shown(show, program, facts, package_name(package or notebook.stem))
        click.echo(json.dumps(found, indent=2) if as_json else as_text(found))
        return
    assert destination is not None
    exported = export(notebook, destination, options)
    click.echo(json.dumps(exported.as_json(), indent=2) if as_json else _report(exported))
    if not as_json:
        for finding in exported.findings:
            click.echo(
                f"{finding}\n    help: {finding.help}" if finding.severity != "info" else str(finding),
                err=True,
            )
    if exported.failed:
        raise SystemExit(1)


def _say_step(step: str, detail: str | None) -> None:
    click.echo(json.dumps({"step": step, **({"detail": detail} if detail else {})}), err=True)


def _report(exported: Exported) -> str:
    lines = [f"package {exported.package} in {exported.path}", ""]
    for step in exported.program.steps:
        made = ", ".join(step.outputs) or "nothing"
        lines.append(f"  {step.module}.{step.name}({', '.join(step.inputs)}) -> {made}")
    lines.append("")
    width = max((len(name) for name in exported.verification.names), default=0)
    for name, outcome in exported.verification.names.items():
        lines.append(f"  {name:<{width}}  {outcome}")
    lines += ["", f"compared with the notebook: {exported.verification.status}"]
    return "\n".join(lines)


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def steps_command(notebook: Path, as_json: bool) -> None:
    """Show the steps of NOTEBOOK: tagged ones, and proposals with a reason and a confidence."""
    parsed, _ = read(load(notebook), notebook.stem, notebook.parent)
    program, _ = compile_notebook(parsed, None)
    if as_json:
        rows = [
            {
                "name": s.name,
                "module": s.module,
                "cells": list(s.cells),
                "reason": s.reason,
                "confidence": s.confidence,
            }
            for s in program.steps
        ]
        click.echo(json.dumps({"steps": rows}, indent=2))
        return
    for step in program.steps:
        click.echo(
            f"{step.module}.{step.name}  cells {', '.join(map(str, step.cells))}  {step.reason} ({step.confidence:.2f})"
        )


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify_command(directory: Path, as_json: bool) -> None:
    """Run the package in DIRECTORY and compare it with what the notebook had when it was exported."""
    from nbship_converter.merge.changes import edited_files
    from nbship_converter.reverify import reverify

    verification = reverify(directory)
    edited = edited_files(directory)
    if edited and not as_json:
        click.echo(f"edited by hand since the export: {', '.join(edited)}", err=True)
    if as_json:
        click.echo(json.dumps({**verification.as_json(), "edited": edited}, indent=2))
    else:
        for name, outcome in verification.names.items():
            click.echo(f"{name}  {outcome}")
        click.echo(f"compared with the notebook: {verification.status}")
    if verification.status != "equal":
        raise SystemExit(1)


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def diff_command(notebook: Path, directory: Path, as_json: bool) -> None:
    """Show which steps changed since the last export: in NOTEBOOK, and by hand in DIRECTORY. Nothing is run."""
    from nbship_converter.merge.changes import changes_since

    changes = changes_since(notebook, directory)
    click.echo(json.dumps(changes.as_json(), indent=2) if as_json else changes.as_text())
