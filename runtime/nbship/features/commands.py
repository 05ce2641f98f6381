"""``nbship features``: computes, keeps, reads and checks the features that models share."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbship import config
from nbship.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from nbship.features.catalogue import Entry
    from nbship.features.replay import Replay
    from nbship.features.store import FeatureStore
    from nbship.features.views import FeatureView

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_file = click.Path(path_type=Path, exists=True)


@click.group("features")
def features_command() -> None:
    """Compute features once, and read the same ones for training and for serving.

    Views are named in [tool.nbship.features.views] of pyproject.toml; docs/features.md tells how.
    """


@features_command.command("list")
@_as_json
def list_command(*, as_json: bool) -> None:
    """Show every view of the shared catalogue: owner, definition, age of the newest value, lineage."""
    now = datetime.now(UTC)
    entries = _store().catalogue().entries()
    if as_json:
        click.echo(json.dumps([_entry_json(entry, now) for entry in entries], indent=2))
        return
    if not entries:
        click.echo("no feature view is registered yet: `nbship features compute VIEW`")
    for entry in entries:
        click.echo(_entry_line(entry, now))


@features_command.command("compute")
@click.argument("view")
@click.option(
    "--source", type=_file, help="The table to compute from. Default: the view's own, in the data folder."
)
@_as_json
def compute_command(view: str, *, source: Path | None, as_json: bool) -> None:
    """Run VIEW's function and keep what it gives, offline and online."""
    from nbship import table
    from nbship.fingerprint import fingerprint_file

    store = _store()
    found = store.view(view)
    path = source or _source_of(found)
    frame, _ = table.read_table(path)
    kept = store.compute(
        found,
        frame,
        at=datetime.now(UTC),
        who=getpass.getuser(),
        source=path.name,
        digest=content.table if (content := fingerprint_file(path).content) else None,
    )
    told = f"{kept.rows} rows of {kept.entities} entities kept, the newest of {kept.newest}"
    click.echo(json.dumps(asdict(kept), indent=2) if as_json else f"{view} {kept.definition}: {told}")


@features_command.command("get")
@click.argument("view")
@click.argument("key", nargs=-1, required=True)
def get_command(view: str, key: tuple[str, ...]) -> None:
    """Print the newest features of one entity as JSON; KEY is NAME=VALUE, once for each key of the view.

    The exit code is 1 where there are none, or they are older than the view's freshness allows.
    """
    store = _store()
    found = store.view(view)
    values = store.latest(found, [_key(found, key)], now=datetime.now(UTC))[0]
    click.echo(json.dumps(dict(values) if values is not None else None, indent=2))
    raise SystemExit(values is None)


@features_command.command("join")
@click.argument("views", nargs=-1, required=True)
@click.option("--to", "rows", type=_file, required=True, help="A table with the keys and a time in each row.")
@click.option("--time", required=True, help="The column with each row's moment.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Parquet or CSV, by its ending.")
@click.option("--known", is_flag=True, help="What was known then, instead of what was true then.")
def join_command(views: tuple[str, ...], *, rows: Path, time: str, out: Path, known: bool) -> None:
    """Put the features of VIEWS beside the rows of a table, each as it was at the row's own moment."""
    import pyarrow.parquet as _parquet

    from nbship import table
    from nbship.features.offline import arrow_table

    parquet: Any = _parquet
    if out.suffix not in (".parquet", ".csv"):
        raise InputError(f"{out.name} is neither .parquet nor .csv")
    store = _store()
    frame, _ = table.read_table(rows)
    joined = store.training(
        [store.view(name) for name in views], frame, time=time, as_="known" if known else "true"
    )
    if out.suffix == ".csv":
        joined.to_csv(out, index=False)
    else:
        parquet.write_table(arrow_table(joined), out)
    click.echo(
        f"{len(joined)} rows, {len(joined.columns) - len(frame.columns)} features: {out.name}", err=True
    )


@features_command.command("replay")
@click.argument("view")
@click.option("--model", help="The model whose log is replayed. Default: [tool.nbship] model.")
@click.option("--version", type=int, help="Its version. Default: every one that has been logged.")
@_as_json
def replay_command(view: str, *, model: str | None, version: int | None, as_json: bool) -> None:
    """Compare what servers answered with (the prediction log) with what the offline store says was known then.

    The exit code is 1 where a value differs.
    """
    from nbship.features.replay import replayed

    store = _store()
    found = store.view(view)
    logged = _logged(model, version)
    done = replayed(logged, store.history(found), found, time="time", request="request")
    click.echo(json.dumps(_replay_json(done), indent=2, default=str) if as_json else _replay_text(done))
    raise SystemExit(not done.equal)


@features_command.command("feast")
@click.argument("folder", type=click.Path(path_type=Path))
def feast_command(folder: Path) -> None:
    """Write the views and their history to FOLDER as a repository for Feast."""
    from nbship.features.feast import write_repository

    store = _store()
    views = list(store.views.values())
    if not views:
        raise InputError("no view is named", where="[tool.nbship.features.views]")
    settings = config.load()
    project = settings.model or (settings.project.parent.name if settings.project else "features")
    files = write_repository(folder, project, views, {view.name: store.history(view) for view in views})
    click.echo(f"{len(files)} files; next: cd {folder.name} && feast apply", err=True)


def _store() -> FeatureStore:
    from nbship.features.store import FeatureStore

    settings = config.load()
    if settings.project is not None:  # an exported repository whose package is not installed
        source = str(settings.project.parent / "src")
        if source not in sys.path:
            sys.path.insert(0, source)
    return FeatureStore.at(Path.cwd())


def _source_of(view: FeatureView) -> Path:
    from nbship.gates.settings import repository_at

    if view.source is None:
        raise InputError(
            f"view {view.name!r} names no source", help="--source FILE, or source = in pyproject.toml"
        )
    path = repository_at(Path.cwd()).data / view.source
    if not path.is_file():
        raise InputError(
            f"{view.source} is not in the data folder", help="`nbship data pull`, or --source FILE"
        )
    return path


def _key(view: FeatureView, given: Sequence[str]) -> tuple[Any, ...]:
    """Give an entity's keys in the view's order; what looks like a whole number is one."""
    found = {name: value for name, _, value in (item.partition("=") for item in given)}
    if set(found) != set(view.keys):
        wanted = " ".join(f"{key}=…" for key in view.keys)
        raise InputError(f"the keys of {view.name!r} are {', '.join(view.keys)}", help=f"write {wanted}")
    return tuple(_value(found[key]) for key in view.keys)


def _value(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return text.strip('"')


def _logged(model: str | None, version: int | None) -> pd.DataFrame:
    """Give the rows of the prediction log that were answered: their inputs, time and request."""
    import pandas as pd

    from nbship.monitoring.log import Log
    from nbship.monitoring.records import INPUT, part_of
    from nbship.monitoring.service import model_of

    settings = config.load()
    log = Log(settings.log_url, model_of(settings, model))
    frames = [pd.DataFrame()]
    for number in [version] if version is not None else log.versions():
        for part in log.parts(number).parts:
            table = log.read(part)
            fixed = table.select(["time", "request", "outcome"]).to_pandas()
            frame = pd.concat([fixed, part_of(table, INPUT).to_pandas()], axis="columns")
            frames.append(frame[frame["outcome"] == "ok"].drop(columns="outcome"))
    rows = pd.concat(frames, ignore_index=True)
    if rows.empty:
        raise InputError("the log has no answered rows", help="`nbship serve` writes it")
    return rows


def _entry_json(entry: Entry, now: datetime) -> dict[str, Any]:
    age = entry.age(now)
    return {
        **asdict(entry.latest),
        "age_s": age.total_seconds() if age else None,
        "fresh": entry.is_fresh(now),
        "earlier": [item.definition for item in entry.earlier],
        "computed": [asdict(item) for item in entry.computed],
    }


def _entry_line(entry: Entry, now: datetime) -> str:
    latest, age = entry.latest, entry.age(now)
    told = f"newest value {_span(age.total_seconds())} old" if age else "nothing computed yet"
    if entry.is_fresh(now) is False:
        told += f", OLDER than {_span(latest.freshness_s or 0)}"
    source = next((f" from {item.source}" for item in entry.computed if item.source), "")
    code = f" at {latest.commit[:12]}" if latest.commit else ""
    return (
        f"{latest.view}  {latest.definition}  {', '.join(latest.keys)}  owner {latest.owner}\n"
        f"    {latest.function}{code}{source}; {told}"
    )


def _span(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _replay_json(done: Replay) -> dict[str, Any]:
    return {**asdict(done), "equal": done.equal}


def _replay_text(done: Replay) -> str:
    if done.equal:
        return f"{done.rows} logged rows, {len(done.features)} features: all as the offline store has them"
    lines = [f"{done.rows} logged rows, {len(done.differences)} features differ"]
    for item in done.differences:
        request, before, after = item.examples[0]
        lines.append(
            f"    {item.feature}: {item.rows} rows; request {request} was answered with {before}, known was {after}"
        )
    return "\n".join(lines)
