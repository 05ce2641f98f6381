"""The core's commands that touch data or the registry; loaded only when one of them is called."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbship import config, store, text
from nbship.errors import DataError, InputError, NbshipError

if TYPE_CHECKING:
    from nbship.fingerprint import FileFingerprint

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))


@click.command("fingerprint")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--against", type=click.Path(path_type=Path), help="Compare with what --json printed once.")
@_as_json
def fingerprint_command(files: tuple[Path, ...], *, against: Path | None, as_json: bool) -> None:
    """Hash files and folders by their bytes, and the tables in files by content.

    With --against RECORD each file is compared with what was recorded of it: the same file that is now read into
    another table is reader drift. What cannot be read is told, and the others are hashed all the same.
    """
    from nbship import recorded

    records = recorded.read(against) if against else None
    rows, worst = [], 0
    for path in files:
        found, error = _fingerprinted(path)
        comparison = recorded.compare(found, records) if records is not None and not error else None
        differs = comparison is not None and comparison.status not in recorded.HOLDS
        worst = max(worst, error.exit_code if error else 0, int(differs))
        rows.append({**found.to_json(), **(comparison.to_json() if comparison else {})})
        if not as_json and not (error and not found.file):
            click.echo(text.fingerprint_lines(found, comparison))
        if error:
            click.echo(f"Error: {error}", err=True)
    if as_json:
        _print_json(rows)
    raise SystemExit(worst)


def _fingerprinted(path: Path) -> tuple[FileFingerprint, NbshipError | None]:
    """Give the hashes of a file, or what there is of them and why there is no more."""
    from nbship.fingerprint import FileFingerprint, fingerprint_file, hash_file

    try:
        return fingerprint_file(path), None
    except DataError as error:
        return FileFingerprint(path=str(path), file=hash_file(path), problem=error.what), error
    except InputError as error:
        return FileFingerprint(path=str(path), file=None, problem=error.what), error


@click.command("sync")
@_as_json
@click.option("--wait", "wait_s", default=120.0, show_default=True, help="Seconds to wait for another drain.")
def sync_command(*, as_json: bool, wait_s: float) -> None:
    """Carry what kernels have recorded into MLflow, now."""
    from nbship.drain import drain, waiting

    settings = config.load()
    if pending := len(waiting(settings)):
        click.echo(f"writing {pending} session{'s' * (pending > 1)} to {text.shown(settings)} …", err=True)
    done = drain(settings, wait_s=wait_s)
    for problem in done.problems:
        click.echo(f"warning: {problem}", err=True)
    if done.away:
        raise done.away[0]
    if as_json:
        document = {"tracking_uri": text.shown(settings), "sessions": done.written, "runs": done.runs}
        _print_json({**document, "problems": done.problems})
    else:
        click.echo(text.sync_lines(done))


@click.command("status")
@click.argument("model", required=False)
@_as_json
def status_command(model: str | None, *, as_json: bool) -> None:
    """Show a model's versions, and how far live data has drifted from what they learnt."""
    from nbship import state
    from nbship.registry import Registry

    settings = config.load()
    model = model or settings.model
    if model is None:
        _list_models(Registry(settings).models(), as_json=as_json)
        return
    registry = Registry(settings)
    sources = state.Sources(settings, open_registry=lambda: registry)
    shown = state.read(model, "default", sources=sources, now=datetime.now(UTC))
    if not shown.versions:
        known = ", ".join(registry.models()) or "none yet"
        raise InputError(f"no model {model!r} is registered", help=f"registered models: {known}")
    open_alerts = _open_alerts(settings, model)
    if as_json:
        _print_json({**shown.to_json(), "alerts": [row for row, _ in open_alerts]})
        return
    click.echo(text.state_lines(shown, width=text.terminal_width()))
    if open_alerts:
        click.echo("\n" + "\n".join(line for _, line in open_alerts))


def _open_alerts(settings: config.Config, model: str) -> list[tuple[dict[str, Any], str]]:
    """Give the open alerts of a model, as JSON and as lines; none where nothing was ever monitored here."""
    file = store.sqlite_file(settings.state_url)
    if (file is not None and not file.is_file()) or find_spec("sqlalchemy") is None:
        return []
    from nbship.monitoring.commands import open_alerts

    return open_alerts(settings, model)


def _list_models(models: list[str], *, as_json: bool) -> None:
    if as_json:
        _print_json({"models": models})
    elif models:
        click.echo("\n".join(models))
    else:
        click.echo(
            "no model is registered yet: `%ship register VARIABLE --name MODEL` in a notebook", err=True
        )
