"""``nbship lineage`` and ``nbship fleet``: what people ask about the models that answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import click

from nbship import config, names, store, text
from nbship.registry.facade import Registry
from nbship.registry.fleet import Row, fleet
from nbship.registry.lineage import PARTS, Lineage, lineage_of

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.command("lineage")
@click.argument("model")
@click.argument("version", type=int, required=False)
@_as_json
def lineage_command(model: str, version: int | None, *, as_json: bool) -> None:
    """Say where VERSION of MODEL comes from, since when it answers, who decided it, and how to get back.

    Without VERSION: the one that answers now.
    """
    registry = Registry(config.load())
    registry.project(model)
    found = registry.champion(model) if version is None else registry.version(model, version)
    lineage = lineage_of(registry, found)
    if as_json:
        click.echo(json.dumps({**lineage.to_json(), "lacking": lineage.lacking()}, indent=2))
    else:
        click.echo(lineage_lines(lineage))


def lineage_lines(lineage: Lineage) -> str:
    """Give a version's lineage, one question after the other."""
    rows = [
        ("stage", lineage.stage),
        ("since", _since(lineage)),
        ("back", _back(lineage)),
        ("made", f"{_minute(lineage.created)} by {lineage.created_by or 'nobody known'}"),
        ("notebook", _notebook(lineage)),
        ("commit", _commit(lineage)),
        ("run", lineage.run_id or "none"),
        *(("data", f"{item.name}  {item.digest or item.file or 'not hashed'}") for item in lineage.datasets),
        ("metrics", ", ".join(f"{name} {value:.6g}" for name, value in lineage.metrics.items())),
        ("checks", ", ".join(f"{name} {status}" for name, status in lineage.checks.items())),
        ("takes", ", ".join(f"{name}: {kind}" for name, kind in lineage.signature)),
        ("python", _environment(lineage)),
        ("unknown", ", ".join(PARTS[part] for part in lineage.lacking())),
    ]
    shown = [f"  {name:<9} {value}" for name, value in rows if value]
    return "\n".join([f"{lineage.model} version {lineage.version}", *shown])


def _since(lineage: Lineage) -> str:
    if lineage.decision is None:
        return "nobody has decided anything about it"
    why = f": {lineage.decision.why}" if lineage.decision.why else ""
    record = f" (record {lineage.decision.number})"
    return f"{_minute(lineage.decision.at)}, {lineage.decision.action} by {lineage.decision.who}{why}{record}"


def _back(lineage: Lineage) -> str:
    if lineage.stage != names.STAGE_PRODUCTION:
        return ""
    if lineage.goes_back_to is None:
        return "no earlier champion is there"
    return f"to version {lineage.goes_back_to}: nbship rollback {lineage.model}"


def _notebook(lineage: Lineage) -> str:
    cells = f", {len(lineage.cells)} cells" if lineage.cells else ""
    return f"{lineage.notebook}{cells}" if lineage.notebook else ""


def _commit(lineage: Lineage) -> str:
    if lineage.commit is None:
        return ""
    return lineage.commit + (", with changes that were not committed" if lineage.dirty else "")


def _environment(lineage: Lineage) -> str:
    count = f", {len(lineage.environment)} distributions" if lineage.environment else ""
    return f"{lineage.python}{count}" if lineage.python else ""


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")


@click.command("fleet")
@_as_json
def fleet_command(*, as_json: bool) -> None:
    """Show all models: whose they are, what answers and since when, what is tried, drift and open alerts."""
    settings = config.load()
    registry = Registry(settings)
    rows = fleet(registry, now=datetime.now(UTC), alerts=_open_alerts(settings))
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], indent=2))
    elif rows:
        click.echo(fleet_lines(rows))
    else:
        click.echo("no model is registered yet", err=True)


def fleet_lines(rows: list[Row]) -> str:
    """Give a line for each model."""
    head = ["model", "owner", "live", "since", "by", "age", "tried", "drift", "alerts"]
    return text.table([head, *(_cells(row) for row in rows)], indent="")


def _cells(row: Row) -> list[str]:
    tried = f"version {row.challenger}" if row.challenger is not None else ""
    mode = {"off": "", "shadow": ", shadow", "canary": f", {row.share * 100:g} %"}[row.mode]
    return [
        row.model,
        row.owner or "nobody",
        f"version {row.champion}" if row.champion is not None else "none",
        _minute(row.live_since or ""),
        row.by or "",
        f"{row.age_days:.0f} d" if row.age_days is not None else "",
        tried + (mode if tried else ""),
        text.severity(row.drift) if row.drift else "not watched",
        str(row.alerts) if row.alerts else "",
    ]


def _open_alerts(settings: config.Config) -> Mapping[str, int]:
    """Count the open alerts of each model; none where nothing was ever monitored."""
    file = store.sqlite_file(settings.state_url)
    if file is not None and not file.is_file():
        return {}
    from nbship.monitoring.ledger import Ledger

    ledger = Ledger(settings.state_url)
    try:
        return Counter(stream.model for stream, alert in ledger.alerts() if alert.is_open)
    finally:
        ledger.close()
