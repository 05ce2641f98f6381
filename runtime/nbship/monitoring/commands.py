"""``nbship monitor`` and ``nbship alerts``."""

from __future__ import annotations

import getpass
import json
import signal
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbship import config, text
from nbship.errors import InputError, StoreError

if TYPE_CHECKING:
    from nbship.alerts.lifecycle import Alert, Step
    from nbship.alerts.rules import Rule
    from nbship.monitoring.ledger import Ledger, Stream
    from nbship.monitoring.monitor import Pass
    from nbship.monitoring.service import Service, Versions

_INTERVAL_S = 300.0
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.command("monitor")
@click.argument("model", required=False)
@click.option("--once", is_flag=True, help="Make one pass and end.")
@click.option(
    "--interval", "interval_s", default=_INTERVAL_S, show_default=True, help="Seconds between passes."
)
@click.option(
    "--window", help="15min, 1h, 1d, 1w, 1mo, or '5000 rows'. Default: [tool.nbship.monitor] window."
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path, exists=True),
    help="A table to compare every version with, instead of what the registry has.",
)
@click.option(
    "--metrics", type=click.Path(path_type=Path), help="Write the metrics for Prometheus to this file."
)
@_as_json
def monitor_command(
    model: str | None,
    *,
    once: bool,
    interval_s: float,
    window: str | None,
    reference: Path | None,
    metrics: Path | None,
    as_json: bool,
) -> None:
    """Turn MODEL's prediction log into windows, reports and alerts; go on until interrupted.

    It may be stopped at any moment, and goes on where it was. With --once the exit code is 1 where something could
    not be watched.
    """
    from nbship.monitoring.service import Service, model_of

    settings = config.load()
    name = model_of(settings, model)
    service = Service(settings, name, _versions(settings, name, reference), cut=window, metrics=metrics)
    try:
        if not once:
            _go_on(service, interval_s, as_json=as_json)
            return
        done = service.run()
        _print_pass(done, service, name, as_json=as_json)
    finally:
        service.close()
    raise SystemExit(1 if done.problems else 0)


def _versions(settings: config.Config, model: str, reference: Path | None) -> Versions:
    from nbship.monitoring.service import OneReference, Registered

    if reference is not None:
        from nbship.profile import profile
        from nbship.table import read_table

        return OneReference(profile=profile(read_table(reference)[0]))
    from nbship.registry import Registry

    return Registered(Registry(settings), model, tell=(settings.alerts or {}).get("mlflow", True))


def _go_on(service: Service, interval_s: float, *, as_json: bool) -> None:
    """Make passes until SIGINT or SIGTERM; a store that is away is told, and asked again at the next pass."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        try:
            _print_pass(service.run(), service, service.monitor.watch.model, as_json=as_json)
        except StoreError as error:
            click.echo(f"warning: {error}", err=True)
        stop.wait(interval_s)


def _print_pass(done: Pass, service: Service, model: str, *, as_json: bool) -> None:
    found = service.ledger.alerts(model)
    for problem in done.problems:
        click.echo(f"warning: {problem}", err=True)
    if as_json:
        click.echo(json.dumps(_pass_json(done, found, service.rules), indent=2))
        return
    for stream, judgement in done.judged:
        head = f"version {stream.version}  {judgement.window}  {judgement.rows:,} rows"
        worst = judgement.inputs.features[:1]
        why = f"  {worst[0].feature}: {worst[0].reason}" if worst and judgement.severity != "none" else ""
        notes = "".join(f"\n  note: {note}" for note in judgement.notes)
        click.echo(f"{head}  {text.severity(judgement.severity)}{why}{notes}")
    if done.late:
        click.echo(
            f"{done.late:,} rows came after their window was judged; they are counted with it, as late"
        )
    if not done.judged:
        click.echo(f"no window is due ({done.waiting:,} rows wait)", err=True)
    if lines := alert_lines([pair for pair in found if pair[1].is_open], service.rules):
        click.echo(lines)


def _pass_json(done: Pass, alerts: Sequence[tuple[Stream, Alert]], rules: dict[str, Rule]) -> dict[str, Any]:
    return {
        "windows": [{"version": stream.version, **judgement.to_json()} for stream, judgement in done.judged],
        "late": done.late,
        "waiting": done.waiting,
        "problems": done.problems,
        "alerts": [alert_json(stream, alert, rules) for stream, alert in alerts if alert.is_open],
    }


def alert_json(stream: Stream, alert: Alert, rules: dict[str, Rule]) -> dict[str, Any]:
    """Give an alert with its procedure."""
    rule = rules.get(alert.rule)
    procedure = (
        {name: getattr(rule, name) for name in ("owner", "action", "escalation", "runbook")} if rule else {}
    )
    return {
        "model": stream.model,
        "version": stream.version,
        "key": alert.key,
        "tier": alert.tier,
        "state": alert.state,
        "since": alert.since.isoformat(),
        "window": alert.window,
        "reason": alert.reason,
        "by": alert.by,
        "note": alert.note,
        **procedure,
    }


def alert_lines(alerts: Sequence[tuple[Stream, Alert]], rules: dict[str, Rule]) -> str:
    """Give alerts, the worst first, each with what to do first and who has it."""
    from nbship.drift import RANK

    lines: list[str] = []
    for stream, alert in sorted(alerts, key=lambda pair: (-RANK[pair[1].tier], pair[1].key)):
        state = f"acknowledged by {alert.by}" if alert.state == "acknowledged" else alert.state
        head = f"{text.severity(alert.tier)}  {alert.key}  {stream.model} version {stream.version}"
        lines.append(f"{head}  {state} since {alert.since:%Y-%m-%d %H:%M}\n  {alert.reason} ({alert.window})")
        if rule := rules.get(alert.rule):
            lines.append(f"  {rule.owner}: {rule.action}; then {rule.escalation}. {rule.runbook}")
    return "\n".join(lines)


@click.group("alerts", invoke_without_command=True)
@click.option("--model", help="Only those of one model. Default: [tool.nbship] model, or all.")
@click.option("--all", "every", is_flag=True, help="Those that are over or pending, too.")
@_as_json
@click.pass_context
def alerts_command(context: click.Context, *, model: str | None, every: bool, as_json: bool) -> None:
    """Show the alerts that are open, the worst first, with what to do."""
    settings = config.load()
    context.obj = (settings, model or settings.model)
    if context.invoked_subcommand is not None:
        return
    rules = known_rules(settings)
    with _ledger(settings) as ledger:
        found = [pair for pair in ledger.alerts(context.obj[1]) if every or pair[1].is_open]
    if as_json:
        click.echo(json.dumps([alert_json(stream, alert, rules) for stream, alert in found], indent=2))
    else:
        click.echo(alert_lines(found, rules) or "no alert is open")


def open_alerts(settings: config.Config, model: str) -> list[tuple[dict[str, Any], str]]:
    """Give the open alerts of a model, each as JSON and as lines."""
    rules = known_rules(settings)
    with _ledger(settings) as ledger:
        found = [pair for pair in ledger.alerts(model) if pair[1].is_open]
    return [(alert_json(*pair, rules), alert_lines([pair], rules)) for pair in found]


def known_rules(settings: config.Config) -> dict[str, Rule]:
    """Give the procedures, or none where they are not whole: alerts are shown all the same."""
    from nbship.alerts import rules

    try:
        return rules.read(settings.alerts)
    except InputError:
        return {}


class _ledger:  # noqa: N801  # a context, read as a word
    def __init__(self, settings: config.Config) -> None:
        from nbship.monitoring.ledger import Ledger

        self._found = Ledger(settings.state_url)

    def __enter__(self) -> Ledger:
        return self._found

    def __exit__(self, *_: object) -> None:
        self._found.close()


@alerts_command.command("ack")
@click.argument("key")
@click.option("--by", help="Who takes it. Default: the user's name.")
@click.option("--note", help="What is known, or being done.")
@click.pass_obj
def ack_command(
    given: tuple[config.Config, str | None], key: str, *, by: str | None, note: str | None
) -> None:
    """Take an alert: it stays open, and only a higher tier is told again."""
    _change(given, key, "acknowledge", by=by, note=note)


@alerts_command.command("resolve")
@click.argument("key")
@click.option("--by", help="Who says so. Default: the user's name.")
@click.option("--note", help="What was done.")
@click.pass_obj
def resolve_command(
    given: tuple[config.Config, str | None], key: str, *, by: str | None, note: str | None
) -> None:
    """End an alert; the next window that is over a threshold raises it anew."""
    _change(given, key, "resolve", by=by, note=note)


def _change(
    given: tuple[config.Config, str | None], key: str, verb: str, *, by: str | None, note: str | None
) -> None:
    from nbship.alerts import lifecycle, sinks
    from nbship.monitoring.service import configured_sinks, now

    settings, model = given
    targets = configured_sinks(settings, clock=now)
    with _ledger(settings) as ledger:
        mine = [stream for stream, alert in ledger.alerts(model) if alert.key == key and alert.is_open]
        if not mine:
            known = ", ".join(alert.key for _, alert in ledger.alerts(model) if alert.is_open) or "none"
            raise InputError(f"no alert {key!r} is open", help=f"open alerts: {known}")
        for stream in mine:
            with ledger.entry(stream) as entry:
                alert = entry.alerts()[key]
                step: Step = getattr(lifecycle, verb)(alert, by=by or getpass.getuser(), at=now(), note=note)
                if step[0] is not None and step[1] is not None:
                    entry.put_alert(step[0])
                    entry.add_event(step[1], sinks=[sink.name for sink in targets])
                    click.echo(f"{step[1].kind}: {key} of {stream.model} version {stream.version}")
        for problem in sinks.deliver(ledger, targets, known_rules(settings)):
            click.echo(f"warning: {problem}", err=True)


@alerts_command.command("rules")
@click.option(
    "--interval", "interval_s", default=_INTERVAL_S, show_default=True, help="Seconds between passes."
)
@click.pass_obj
def rules_command(given: tuple[config.Config, str | None], *, interval_s: float) -> None:
    """Print the rules as a file for Prometheus, with procedures as annotations."""
    from nbship.alerts import prometheus, rules
    from nbship.monitoring.service import model_of

    settings, model = given
    found = rules.read(settings.alerts)
    click.echo(
        prometheus.rules_file(model_of(settings, model), found, interval=timedelta(seconds=interval_s)),
        nl=False,
    )
