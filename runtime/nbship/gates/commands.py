"""``nbship check data|smoke|model``: what the CI of an exported repository calls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nbship import names
from nbship.gates.report import as_junit, as_markdown, as_text
from nbship.gates.settings import Repository, repository_at
from nbship.gates.verdict import Verdict


@click.group("check")
def check_command() -> None:
    """Check the data, a run, or the model of an exported repository, inside of it.

    Exit code 0: passed, or inconclusive where [tool.nbship.gates] does not require a decision; 1: failed.
    """


def _reported(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML to this file."),
        click.option(
            "--markdown", type=click.Path(path_type=Path), help="Write a Markdown summary to this file."
        ),
        click.option(
            "--log/--no-log", default=True, help="Log the verdict to MLflow where it can be reached."
        ),
    ):
        command = option(command)
    return command


@check_command.command("data")
@_reported
def data_command(**options: Any) -> None:
    """Hold every file that the notebook reads against its contract and against what the notebook saw."""
    from nbship.gates.data import check_data

    _tell(check_data, **options)


@check_command.command("smoke")
@_reported
def smoke_command(**options: Any) -> None:
    """Run the package on a small sample of its data, in a scratch folder, and say which step fails."""
    from nbship.gates.smoke import check_smoke

    _tell(check_smoke, **options)


@check_command.command("model")
@_reported
def model_command(**options: Any) -> None:
    """Run the package and judge its model: minimum thresholds, and the champion of the registry."""
    from nbship.gates.model import check_model

    _tell(check_model, **options)


def _tell(
    check: Callable[[Repository], Verdict],
    *,
    as_json: bool,
    junit: Path | None,
    markdown: Path | None,
    log: bool,
) -> None:
    repository = repository_at(Path.cwd())
    verdict = check(repository)
    if verdict.gate in repository.gate("require", []):
        verdict = verdict.required()
    click.echo(json.dumps(verdict.to_json(), indent=2) if as_json else as_text(verdict))
    _write(junit, as_junit(verdict))
    _write(markdown, as_markdown(verdict))
    if summary := os.environ.get(names.ENV_STEP_SUMMARY):
        with Path(summary).open("a", encoding="utf-8") as sink:
            sink.write(f"{as_markdown(verdict)}\n")
    if log:
        _logged(verdict, repository)
    raise SystemExit(1 if verdict.status == "failed" else 0)


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _logged(verdict: Verdict, repository: Repository) -> None:
    from nbship.gates.logbook import log

    if problem := log(verdict, repository):
        click.echo(f"warning: {problem}", err=True)
