"""``nbship promote``, ``nbship rollback`` and ``nbship history``."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast, get_args

import click

from nbship import config
from nbship.errors import InputError, StoreError
from nbship.model import Stage
from nbship.registry import assignment as roles
from nbship.registry.assignments import Assignment, Assignments, said, shown
from nbship.registry.audit import AuditRecord, Break, Head

if TYPE_CHECKING:
    from nbship.registry.facade import Registry

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_why = click.option("--why", default="", help="The reason, for the history.")
_by = click.option("--by", help="Who decides. Default: the user's name.")
_yes = click.option("--yes", is_flag=True, help="Do it without asking.")


@click.command("promote")
@click.argument("model")
@click.argument("version", type=int)
@click.option(
    "--to", "stage", required=True, type=click.Choice(get_args(Stage)), help="The stage that it gets."
)
@_why
@_by
@_yes
@_as_json
def promote_command(
    model: str, version: int, *, stage: str, why: str, by: str | None, yes: bool, as_json: bool
) -> None:
    """Give VERSION of MODEL a stage: production makes it champion, staging challenger.

    What changes is shown first. Where somebody else changes the same model meanwhile, nothing happens.
    """
    from nbship.registry import lifecycle

    registry = _registry()
    registry.version(model, version)
    now = registry.assignments.of(model)
    after = roles.staged(now, version, cast("Stage", stage))
    _agree(now, after, f"version {version} becomes {stage}", yes=yes)
    done = lifecycle.promote(
        registry,
        model,
        version,
        to=cast("Stage", stage),
        who=by or getpass.getuser(),
        at=datetime.now(UTC),
        why=why,
        expected=now.revision,
    )
    _print_done(done, as_json=as_json)


@click.command("rollback")
@click.argument("model")
@click.option("--to", "version", type=int, help="Go back to this version. Default: the champion before.")
@_why
@_by
@_yes
@_as_json
def rollback_command(
    model: str, *, version: int | None, why: str, by: str | None, yes: bool, as_json: bool
) -> None:
    """End MODEL's rollout; where none runs, let the champion before this one answer again."""
    from nbship.registry import lifecycle

    registry = _registry()
    there = registry.version_numbers(model)
    if not there:
        registry.champion(model)  # says which models there are
    now = registry.assignments.of(model)
    after = lifecycle.rolled_back(now, registry.assignments.history(model), there, to=version)
    ends = after.champion == now.champion
    what = "the rollout ends" if ends else f"version {after.champion} answers again"
    _agree(now, after, what, yes=yes)
    done = lifecycle.roll_back(
        registry,
        model,
        who=by or getpass.getuser(),
        at=datetime.now(UTC),
        why=why,
        to=version,
        expected=now.revision,
    )
    _print_done(done, as_json=as_json)


@click.command("history")
@click.argument("model")
@click.option(
    "--verify", "verifies", is_flag=True, help="Check every record, and MLflow's copy of the last one."
)
@_as_json
def history_command(model: str, *, verifies: bool, as_json: bool) -> None:
    """Tell all that was decided about MODEL: when, by whom, what and why; oldest first.

    With --verify the exit code is 1 where the history is not what was written.
    """
    assignments = Assignments(config.load())
    heads = _looked_at(model, needed=verifies)
    records = assignments.history(model)
    if not records:
        raise InputError(f"no history of {model!r}", help=_known(assignments))
    breaks = assignments.verify(model, *heads) if verifies else []
    if as_json:
        _print_json(_document(assignments.of(model), records, breaks if verifies else None))
    else:
        click.echo("\n".join(history_lines(records)))
        click.echo(f"now: {shown(assignments.of(model))} (revision {assignments.of(model).revision})")
        if verifies:
            click.echo("\n".join(item.says for item in breaks) or f"{len(records)} records, all as written")
    raise SystemExit(int(bool(breaks)))


def _looked_at(model: str, *, needed: bool) -> list[Head]:
    """Notice what was changed in MLflow, and give the heads that it has kept; the history itself needs no MLflow."""
    from nbship.registry.reconciling import reconcile

    try:
        registry = _registry()
        heads = registry.heads(model)
        reconcile(registry, model)
    except StoreError as error:
        if needed:
            raise
        click.echo(f"warning: what was changed in MLflow is not seen: {error.what}", err=True)
        return []
    return heads


def history_lines(records: list[AuditRecord]) -> list[str]:
    """Give one line for each record, and one for what it changed."""
    return [
        f"{record.number:>4}  {said(record)}\n      {_version(record)}{shown(record.before)} -> {shown(record.after)}"
        for record in records
    ]


def _version(record: AuditRecord) -> str:
    version = record.evidence.get("version")
    return f"version {version}: " if version is not None else ""


def _document(now: Assignment, records: list[AuditRecord], breaks: list[Break] | None) -> dict[str, Any]:
    found: dict[str, Any] = {"now": now.to_json(), "records": [record.to_json() for record in records]}
    if breaks is not None:
        found["breaks"] = [{"number": item.number, "kind": item.kind, "says": item.says} for item in breaks]
    return found


def _registry() -> Registry:
    from nbship.registry.facade import Registry

    return Registry(config.load())


def _known(assignments: Assignments) -> str:
    known = ", ".join(item.model for item in assignments.all()) or "none yet"
    return f"models with a history: {known}"


def _agree(now: Assignment, after: Assignment, what: str, *, yes: bool) -> None:
    """Say what changes, and ask."""
    click.echo(f"{now.model}: {what}\n  {shown(now)} -> {shown(after)}", err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("nobody is there to ask", help="--yes does it without asking")
    click.confirm("do it?", abort=True, err=True)


def _print_done(done: Assignment, *, as_json: bool) -> None:
    if as_json:
        _print_json(done.to_json())
    else:
        click.echo(f"{done.model}: {shown(done)} (revision {done.revision})")


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))
