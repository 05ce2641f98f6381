"""``nbship runs``, ``nbship compare`` and ``nbship reproduce``: what was recorded, what differs, and once more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbship import config, text

if TYPE_CHECKING:
    from nbship.comparison import Comparison, Difference
    from nbship.past import Past, PastRun
    from nbship.reproduce import Needs, Reproduction

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_MOST_METRICS = 4
_DATA_CHANGES = {
    "content": "other content",
    "reader": "the same file, read to another table",
    "unknown": "not hashed",
    "only_first": "only the first read it",
    "only_second": "only the second read it",
}


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))


def _past() -> Past:
    from nbship.drain import waiting
    from nbship.past import Past

    settings = config.load()
    found = Past(settings)
    if pending := len(waiting(settings)):
        click.echo(
            f"{pending} recorded session{'s are' * (pending > 1) or ' is'} not in the store yet: nbship sync",
            err=True,
        )
    return found


@click.command("runs")
@click.option("--notebook", help="Only runs of the notebook of this name.")
@click.option("--most", default=20, show_default=True, help="How many to list, newest first.")
@_as_json
def runs_command(notebook: str | None, most: int, *, as_json: bool) -> None:
    """List what was recorded: name, when, notebook, metrics, cells, commit."""
    found = [run for run in _past().runs() if notebook in {None, run.notebook}][:most]
    if as_json:
        _print_json([run.to_json() for run in found])
    elif found:
        click.echo(_runs(found))
    else:
        click.echo("no run is recorded yet: `%load_ext nbship` in a notebook", err=True)


def _runs(found: Iterable[PastRun]) -> str:
    rows = [["run", "name", "started (UTC)", "notebook", "cells", "commit", "metrics"]]
    for run in found:
        metrics = [f"{name} {value:.6g}" for name, value in run.metrics.items()]
        more = [f"and {len(metrics) - _MOST_METRICS} more"] if len(metrics) > _MOST_METRICS else []
        commit = (run.commit or "")[:8] + ("+" if run.dirty else "")
        started = run.started[:16].replace("T", " ")
        shown = ", ".join([*metrics[:_MOST_METRICS], *more])
        rows.append([run.id, run.name, started, run.notebook or "", str(run.cells), commit, shown])
    return text.table(rows, indent="")


@click.command("compare")
@click.argument("first")
@click.argument("second")
@_as_json
def compare_command(first: str, second: str, *, as_json: bool) -> None:
    """Show in what two runs differ: parameters, data, cells, metrics, environment.

    FIRST and SECOND are the heads of ids, names, `last`, or `last~1` for the one before.
    """
    from nbship import comparison
    from nbship.past import choose

    past = _past()
    runs = past.runs()
    one, other = (past.whole(choose(runs, which)) for which in (first, second))
    found = comparison.compare(one, other)
    if as_json:
        heads = {"first": one.run_id, "second": other.run_id}
        _print_json({**heads, **asdict(found)})
    else:
        click.echo(_comparison(one, other, found))


def _comparison(one: PastRun, other: PastRun, found: Comparison) -> str:
    head = (
        f"{one.id} {one.name} ({one.started[:16]})  against  {other.id} {other.name} ({other.started[:16]})"
    )
    if found.is_empty:
        return f"{head}\nnothing that was recorded differs"
    data = [
        [item.name, _DATA_CHANGES[item.change], _short(item.first), _short(item.second)]
        for item in found.data
    ]
    parts = [head, *_table("parameters", found.params), *_table("metrics", found.metrics)]
    parts += ["data", text.table(data)] if data else []
    for cell in found.cells:
        what = {
            "edited": "was edited",
            "only_first": "ran in the first only",
            "only_second": "ran in the second only",
        }
        parts += [f"cell {cell.cell} {what[cell.change]}", *(f"    {line}" for line in cell.diff)]
    return "\n".join([*parts, *_table("environment", found.environment)])


def _table(title: str, items: Iterable[Difference]) -> list[str]:
    rows = [[item.name, _value(item.first), _value(item.second)] for item in items]
    return [title, text.table(rows)] if rows else []


def _value(value: object) -> str:
    return "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _short(digest: str | None) -> str:
    return (digest or "-")[:15]


@click.command("reproduce")
@click.argument("run")
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="Where the data and the notebook's own modules are. Default: here.",
)
@click.option("--anyway", is_flag=True, help="Run it even if its data is not what it was.")
@click.option("--needs", "only_needs", is_flag=True, help="Only tell what it needs.")
@_as_json
def reproduce_command(run: str, *, folder: Path, anyway: bool, only_needs: bool, as_json: bool) -> None:
    """Run a recorded run again, in a fresh kernel and a scratch folder, and compare what comes out.

    Nothing is checked out and nothing of yours is written. Exit code 0: parameters, data and metrics are equal
    (or close, within 1e-12); 1: they differ, it does not run, or its data is not here.
    """
    from nbship import reproduce as again

    past = _past()
    found = past.whole(past.find(run))
    needed = again.needs(found, folder)
    click.echo(_needs(found, needed), err=True)
    blocked = bool(needed.data) and not anyway
    result = None if blocked or only_needs else again.reproduce(found, needed, folder)
    if as_json:
        _print_json(
            {"run": found.run_id, "needs": asdict(needed), "result": asdict(result) if result else None}
        )
    elif result is not None:
        click.echo(_verdict(result))
    if blocked and not only_needs:
        click.echo(
            "not run: its data is not what it was (--from FOLDER, `nbship data pull`, or --anyway)", err=True
        )
    if not only_needs and (result is None or result.verdict == "different"):
        raise SystemExit(1)


def _needs(run: PastRun, needed: Needs) -> str:
    lines = [f"run {run.id} {run.name}: {len(needed.cells)} executions of cells"]
    if needed.commit:
        state = ", with changes that were not committed" if needed.dirty else ""
        lines.append(f"  recorded at commit {needed.commit[:12]}{state}; modules are taken as they are now")
    lines += [f"  {problem}" for problem in needed.problems]
    lines += [
        f"  {item.name}: {item.first} then, {item.second or 'not installed'} now" for item in needed.packages
    ]
    lines += [
        f"  {item.name}: {'other content than then' if item.second else 'is not here'}"
        for item in needed.data
    ]
    return "\n".join(lines)


def _verdict(result: Reproduction) -> str:
    lines = [f"{result.verdict}: {result.checked} parameters, tables and metric values compared"]
    lines += (
        _table("parameters", result.params) + _table("data", result.data) + _table("metrics", result.metrics)
    )
    return "\n".join(lines)
