"""``nbship doctor``: what this machine has, and what is in place of git, CI, registry and monitoring."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from nbship import __version__, config, store
from nbship.errors import NbshipError

_PARTS = {
    "magics": ("ipython", "ipywidgets", "anywidget", "cloudpickle", "mlflow"),
    "convert": ("libcst", "nbclient", "nbformat", "ruff", "mypy"),
    "lab": ("jupyterlab", "jupyter_server"),
    "data": ("pandas", "pyarrow", "numpy", "scipy", "blake3"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at: whether it is in place, what was found, what to do if not.

    What is ``required`` and not in place makes the command fail.
    """

    name: str
    ok: bool
    found: str
    help: str | None = None
    required: bool = False


def examine(folder: Path) -> list[Check]:
    """Look at this environment, at home, at the store, and at the four basics of the repository at ``folder``."""
    return [
        Check(
            name="nbship", ok=True, found=f"{__version__}, Python {platform.python_version()}, {sys.platform}"
        ),
        *(_part(name, needed) for name, needed in _PARTS.items()),
        *_places(folder),
        _git(folder),
        _ci(folder),
        _monitoring(folder),
        *_alerts(folder),
        *_policy(folder),
    ]


def _part(name: str, needed: tuple[str, ...]) -> Check:
    found = {item: _version(item) for item in needed}
    missing = [item for item, number in found.items() if number is None]
    return Check(
        name=name,
        ok=not missing,
        found=", ".join(f"{item} {number}" for item, number in found.items() if number)
        + (f"; not here: {', '.join(missing)}" if missing else ""),
        help=f"pip install 'nbship[{name}]'" if missing else None,
    )


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _places(folder: Path) -> list[Check]:
    try:
        settings = config.load(start=folder)
    except NbshipError as error:
        return [Check(name="configuration", ok=False, found=error.what, help=error.help)]
    origin = f"{store.shown(settings.tracking_uri)} (from {settings.origin})"
    home = Check(name="home", ok=True, found=str(settings.home))
    try:
        store.probe(settings.tracking_uri)
    except NbshipError as error:
        return [home, Check(name="registry", ok=False, found=f"{origin}: no answer", help=error.help)]
    return [home, Check(name="registry", ok=True, found=origin)]


def _git(folder: Path) -> Check:
    ok = any((parent / ".git").exists() for parent in (folder, *folder.parents))
    return Check(name="git", ok=ok, found="a repository" if ok else "none", help=None if ok else "git init")


def _ci(folder: Path) -> Check:
    roots = (folder, *folder.parents)
    known = (".github/workflows", ".gitlab-ci.yml", "azure-pipelines.yml", "Jenkinsfile", ".ci/run")
    found = [name for root in roots for name in known if (root / name).exists()]
    advice = None if found else "`nbship export` writes a workflow"
    return Check(name="CI", ok=bool(found), found=found[0] if found else "none", help=advice)


def _monitoring(folder: Path) -> Check:
    try:
        states = config.load(start=folder).home / "states"
    except NbshipError:
        states = folder / "states"
    watched = sum('"windows": [{' in path.read_text(encoding="utf-8") for path in states.glob("*.json"))
    ok = watched > 0
    advice = None if ok else "nbship drift MODEL --current FILE --window NAME"
    return Check(name="monitoring", ok=ok, found=f"{watched} models compared with live data", help=advice)


def _alerts(folder: Path) -> list[Check]:
    """Look whether every alert has a procedure; required as soon as something is monitored or alerts are named."""
    from nbship.alerts import rules

    try:
        settings = config.load(start=folder)
        missing = rules.lacking(settings.alerts)
    except NbshipError as error:
        return [Check(name="alerts", ok=False, found=error.what, help=error.help, required=True)]
    required = settings.alerts is not None or bool(settings.monitor)
    if not missing:
        return [Check(name="alerts", ok=True, found=f"{len(rules.WATCHED)} rules, each with a procedure")]
    found = "; ".join(missing) if required else "no procedures are configured"
    advice = f"say {', '.join(rules.PROCEDURE)} in [tool.nbship.alerts]"
    return [Check(name="alerts", ok=False, found=found, help=advice, required=required)]


def _policy(folder: Path) -> list[Check]:
    """Look at the organisation's policy, where one is named: one that cannot be read refuses everything."""
    from nbship import policy

    try:
        settings = config.load(start=folder)
        found = policy.of(settings)
        policy.enforced(settings)
    except NbshipError as error:
        return [Check(name="policy", ok=False, found=error.what, help=error.help, required=True)]
    return [Check(name="policy", ok=True, found=found.source)] if found is not None else []


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor_command(*, as_json: bool) -> None:
    """Say what is installed, where things are, and which of the four basics are in place.

    Fails where alerts have no owner, action, escalation and runbook although something is monitored.
    """
    checks = examine(Path.cwd())
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _print(checks)
    raise SystemExit(int(any(check.required and not check.ok for check in checks)))


def _print(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark = click.style("ok", fg="green") if check.ok else click.style("--", fg="yellow")
        click.echo(f"{mark} {check.name:<{width}}  {check.found}")
        if check.help:
            click.echo(f"   {'':<{width}}  help: {check.help}")
