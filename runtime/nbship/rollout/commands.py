"""``nbship rollout``."""

from __future__ import annotations

import getpass
import json
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbship import config, names, text
from nbship.errors import InputError, StoreError, WriteError

if TYPE_CHECKING:
    from nbship.registry import Registry
    from nbship.registry.audit import AuditRecord
    from nbship.rollout.controller import Controller, Pass
    from nbship.rollout.machine import Rollout


@click.command("rollout")
@click.argument("model", required=False)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--start", "version", type=int, help="Begin the rollout of this version.")
@click.option("--again", is_flag=True, help="With --start: although this version was rolled back before.")
@click.option("--abort", is_flag=True, help="End the rollout: the champion alone answers.")
@click.option("--once", is_flag=True, help="Look at the evidence once, and do what it asks for; for cron.")
@click.option("--watch", is_flag=True, help="Look again and again, until the rollout is over.")
@click.option("--stay", is_flag=True, help="With --watch: wait for the next rollout too; for a service.")
@click.option("--status", is_flag=True, help="Show where it stands; this is what happens without options.")
@click.option("--why", default="", help="The reason of --start or --abort, for the history.")
@click.option("--by", help="Who decides. Default: the user's name.")
@click.option(
    "--to",
    "target",
    type=click.Choice(["kubernetes"]),
    help="Write the plan as manifests into FOLDER, or print them; changes nothing else.",
)
@click.option("--version", "written", type=int, help="With --to: this version. Default: the challenger.")
@click.option("--image", help="With --to: the image that the pods run; it has nbship[serve].")
@click.option(
    "--prometheus", default="http://prometheus:9090", show_default=True, help="With --to: who is asked."
)
@click.option(
    "--mesh",
    type=click.Choice(["none", "istio"]),
    default="none",
    show_default=True,
    help="With --to: only a mesh can mirror requests, which the shadow needs.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: one document, with --watch one for each look."
)
def rollout_command(
    model: str | None,
    folder: Path | None,
    *,
    version: int | None,
    again: bool,
    abort: bool,
    once: bool,
    watch: bool,
    stay: bool,
    status: bool,
    why: str,
    by: str | None,
    target: str | None,
    written: int | None,
    image: str | None,
    prometheus: str,
    mesh: str,
    as_json: bool,
) -> None:
    """Carry a candidate of MODEL from shadow over a growing share to the whole traffic, or back.

    The steps and what each must show are in [tool.nbship.rollout]. It may be stopped at any moment, run on several
    machines at once, and goes on where it was. With --once and --watch the exit code is 1 where the candidate was
    rolled back.
    """
    from nbship.registry import Registry
    from nbship.rollout import lifecycle

    _check(version, again=again, abort=abort, once=once, watch=watch, stay=stay, status=status)
    settings = config.load()
    name = _model(settings, model)
    registry = Registry(settings)
    if target is not None:
        _write(registry, name, written, folder, image=image, prometheus=prometheus, mesh=mesh)
        return
    if folder is not None:
        raise InputError(f"what is {str(folder)!r} for?", help="a folder goes with --to kubernetes")
    who = by or getpass.getuser()
    if abort:
        lifecycle.abort(registry, name, who=who, at=_now(), why=why)
    if version is not None:
        lifecycle.start(registry, name, version, who=who, at=_now(), why=why, again=again)
    controller = lifecycle.controller(registry, name, clock=_now)
    if watch:
        _go_on(controller, stay=stay, as_json=as_json)
        raise SystemExit(int(_ended_badly(registry, name)))
    done = controller.run() if once else controller.look()
    _print(done, registry, as_json=as_json)
    raise SystemExit(int(once and _is_rolled_back(done)))


def _check(version: int | None, **flags: bool) -> None:
    chosen = [f"--{name}" for name in ("abort", "once", "watch", "status") if flags[name]]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} exclude each other")
    if version is not None and flags["abort"]:
        raise InputError("--start and --abort exclude each other")
    for option, needed, given in (("again", "start", version is not None), ("stay", "watch", flags["watch"])):
        if flags[option] and not given:
            raise InputError(f"--{option} goes with --{needed}")


def _go_on(controller: Controller, *, stay: bool, as_json: bool) -> None:
    """Make passes until the rollout is over, or SIGINT or SIGTERM; a store that is away is asked again."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    last = ""
    while not stop.is_set():
        interval_s = _IDLE_S
        try:
            done = controller.run()
        except StoreError as error:
            click.echo(f"warning: {error}", err=True)
        else:
            last = _print_look(done, last, as_json=as_json)
            if done.rollout is None and not stay:
                return
            interval_s = done.rollout.plan.interval_s if done.rollout else _IDLE_S
        stop.wait(interval_s)


#: How often it is asked whether a rollout has begun, or a store has come back.
_IDLE_S = 10.0


def _print_look(done: Pass, last: str, *, as_json: bool) -> str:
    """Print what a look found; to people only what has changed since the ``last``."""
    for problem in done.problems:
        click.echo(f"warning: {problem}", err=True)
    if as_json:
        click.echo(json.dumps(_look_json(done)))
        return ""
    if done.decision is None:
        line = "no rollout is running" if done.rollout is None else f"{done.rollout.title}: decided elsewhere"
    else:
        title = done.rollout.title if done.rollout else "over"
        line = f"{title}: {done.decision.kind}: {done.decision.why}"
    if line != last:
        click.echo(f"{_now():%H:%M:%S}  {line}")
    return line


def _print(done: Pass, registry: Registry, *, as_json: bool) -> None:
    from nbship.registry.assignments import shown
    from nbship.rollout import changes

    now = done.assignment
    records = changes.story(registry.assignments.history(now.model))
    if as_json:
        document = _look_json(done)
        document["history"] = [record.to_json() for record in records]
        click.echo(json.dumps(document, indent=2))
        return
    for problem in done.problems:
        click.echo(f"warning: {problem}", err=True)
    click.echo(f"{now.model}: {shown(now)} (revision {now.revision})")
    for record in records:
        click.echo(f"  {_line(record)}")
    if done.rollout is None:
        click.echo("no rollout is running")
    else:
        click.echo(_standing(done, done.rollout))


def _line(record: AuditRecord) -> str:
    step = f" ({record.evidence['step']})" if "step" in record.evidence else ""
    why = f": {record.why}" if record.why else ""
    return f"{record.at:%Y-%m-%d %H:%M:%S}  {record.action}{step} by {record.who}{why}"


def _standing(done: Pass, rollout: Rollout) -> str:
    place = f"step {rollout.step + 1} of {len(rollout.plan.steps)}"
    lines = [f"{place}: {rollout.title} since {rollout.began:%Y-%m-%d %H:%M:%S} UTC"]
    if done.decision is not None:
        rows = [
            [finding.criterion, finding.verdict, finding.reason]
            for finding in done.decision.evidence.findings
        ]
        lines += [text.table(rows)] if rows else []
        lines.append(f"{done.decision.kind}: {done.decision.why}")
    return "\n".join(lines)


def _look_json(done: Pass) -> dict[str, Any]:
    decision, rollout = done.decision, done.rollout
    return {
        "assignment": done.assignment.to_json(),
        "rollout": json.loads(rollout.to_json()) if rollout else None,
        "decision": {
            "kind": decision.kind,
            "why": decision.why,
            "evidence": decision.evidence.to_json(),
        }
        if decision
        else None,
        "problems": done.problems,
    }


def _ended_badly(registry: Registry, model: str) -> bool:
    """Tell whether the last rollout was rolled back, by whichever controller."""
    from nbship.rollout import changes

    records = changes.story(registry.assignments.history(model))
    return bool(records) and records[-1].action == names.ACTION_ROLLED_BACK


def _is_rolled_back(done: Pass) -> bool:
    return done.decision is not None and done.decision.kind == "roll back"


def _write(
    registry: Registry,
    model: str,
    version: int | None,
    folder: Path | None,
    *,
    image: str | None,
    prometheus: str,
    mesh: str,
) -> None:
    """Print or write the manifests, and say what of the plan they leave out."""
    from nbship.rollout import kubernetes, settings

    if image is None:
        raise InputError("which image do the pods run?", help="--image NAME, with nbship[serve] in it")
    number = version if version is not None else registry.assignments.of(model).challenger
    if number is None:
        raise InputError(f"{model!r} has no challenger", help="--version says which version the pods serve")
    registry.version(model, number)
    target = kubernetes.Target(
        model=model,
        version=number,
        image=image,
        tracking_uri=registry.config.tracking_uri,
        prometheus=prometheus,
        mesh="istio" if mesh == "istio" else "none",
    )
    files = kubernetes.manifests(settings.read(registry.config.rollout), target)
    if "://" in target.tracking_uri and not target.tracking_uri.startswith("http"):
        click.echo(
            "warning: no pod reaches this tracking store; MLFLOW_TRACKING_URI names a server", err=True
        )
    click.echo(f"not judged there: {kubernetes.left_out(files)}", err=True)
    for name, documents in files.items():
        _put(folder, name, kubernetes.as_yaml(documents))


def _put(folder: Path | None, name: str, content: str) -> None:
    if folder is None:
        click.echo(f"---\n# {name}\n{content}", nl=False)
        return
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise WriteError(f"it cannot be written: {error.strerror or error}", where=str(path)) from error
    click.echo(str(path))


def _model(settings: config.Config, model: str | None) -> str:
    from nbship.monitoring.service import model_of

    return model_of(settings, model)


def _now() -> datetime:
    return datetime.now(UTC)
