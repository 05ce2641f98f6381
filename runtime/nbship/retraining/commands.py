"""``nbship retrain``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from nbship import config, policy
from nbship.gates.report import as_text
from nbship.gates.settings import Repository, repository_at
from nbship.leases import utc_now
from nbship.registry import Registry
from nbship.retraining import due, settings
from nbship.retraining.due import Due
from nbship.retraining.retrain import Attempt, look, retrain
from nbship.retraining.schedules import SCHEDULES
from nbship.retraining.settings import Plan


@click.command("retrain")
@click.argument("model", required=False)
@click.option("--dry-run", is_flag=True, help="Say what would happen and why; do nothing.")
@click.option("--now", "asked", is_flag=True, help="Train although nothing is due.")
@click.option(
    "--schedule", type=click.Choice(sorted(SCHEDULES)), help="Print what calls this command every hour."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def retrain_command(
    model: str | None, *, dry_run: bool, asked: bool, schedule: str | None, as_json: bool
) -> None:
    """Train MODEL again where drift or time ask for it, inside its exported repository.

    The package's own pipeline runs on fresh data; the gates judge the model; it is registered with its lineage and
    goes live by a rollout, or at once where no rollout is configured. One runs at a time. Exit code 1: the pipeline
    failed, or the gates refused the model.
    """
    repository = repository_at(Path.cwd())
    name = model or repository.settings.model or repository.package
    if schedule is not None:
        click.echo(SCHEDULES[schedule](name, repository.root), nl=False)
        return
    plan = _plan(repository)
    registry = Registry(repository.settings)
    try:
        if dry_run:
            _print_dry(registry, name, plan, asked=asked, as_json=as_json)
            return
        done = retrain(registry, name, repository, plan, clock=utc_now, asked=asked)
    finally:
        registry.close()
    _print(done, name, as_json=as_json)
    raise SystemExit(1 if done.result == "refused" else 0)


def _plan(repository: Repository) -> Plan:
    policy.enforced(repository.settings)  # a rollout that the policy refuses is told before hours of training
    table = config.table(repository.root)
    return settings.read(
        table.get("retrain", {}), rollout="rollout" in table, project=repository.settings.project
    )


def _print_dry(registry: Registry, model: str, plan: Plan, *, asked: bool, as_json: bool) -> None:
    seen = look(registry, model, now=utc_now())
    waiting = due.unfinished(seen)
    found = due.decide(plan, seen, asked=asked)
    steps = _steps(plan, found) if waiting is None else [f"go on with version {waiting.evidence['version']}"]
    if as_json:
        document: dict[str, Any] = {
            "due": bool(found) or waiting is not None,
            "trigger": found.trigger,
            "why": found.why,
            "steps": steps,
        }
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"{model}: {'would be trained again' if found else 'nothing to do'}: {found.why}")
    for number, step in enumerate(steps, start=1):
        click.echo(f"  {number}. {step}")


def _steps(plan: Plan, found: Due) -> list[str]:
    """Tell what would happen."""
    if not found:
        return []
    fresh = f"data from {plan.data}" if plan.data else "the package's own data"
    given = ", ".join(f"{name} = {value!r}" for name, value in plan.set.items())
    last = {
        "rollout": "start its rollout as challenger",
        "promote": "promote it to production",
        "nothing": "leave it as challenger",
    }[plan.then]
    return [
        f"check {fresh} against its contract, drift apart",
        f"run the pipeline{f' with {given}' if given else ''}, at most {plan.timeout_s} s",
        "judge the model: thresholds, and the champion on the same rows",
        "register it as a new version, with its lineage",
        last,
    ]


def _print(done: Attempt, model: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(done.to_json(), indent=2))
        return
    for verdict in done.verdicts:
        click.echo(as_text(verdict))
    reason = f"{done.due.why}; " if done.due else ""
    click.echo(f"{model}: {done.result}: {reason}{done.says}")
