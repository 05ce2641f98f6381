"""``nbship drift``: a table against another, or against what a model learnt from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbship import config, text
from nbship.errors import InputError, WriteError

if TYPE_CHECKING:
    from nbship.drift.report import DriftReport
    from nbship.profile import Profile
    from nbship.profile.parts import RowGroup

#: A Parquet file of more bytes than this is read by row groups: in memory it is some times as large.
_LARGE = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """A report, the two profiles that it compares, and the model's windows before it."""

    title: str
    report: DriftReport
    reference: Profile
    current: Profile
    history: Sequence[tuple[str, DriftReport]] = ()


@click.command("drift")
@click.argument("model", required=False)
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="The table to compare with; a folder: its Parquet files.",
)
@click.option(
    "--current",
    type=click.Path(path_type=Path),
    help="The table that has arrived; a folder: its Parquet files.",
)
@click.option(
    "--window", help="The name of the window; recorded with MODEL's champion. Default: the file's name."
)
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with pictures to this file.")
@click.option(
    "--fail-on",
    type=click.Choice(("info", "warning", "critical")),
    help="Exit with 1 at this severity or above.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def drift_command(
    model: str | None,
    *,
    reference: Path | None,
    current: Path | None,
    window: str | None,
    html: Path | None,
    fail_on: str | None,
    as_json: bool,
) -> None:
    """Compare a table with another, or with what MODEL learnt from.

    With MODEL the comparison is kept in the registry, where the sidebar and `nbship status` show it.
    """
    from nbship.drift import RANK

    if current is None or (model is None) == (reference is None):
        raise click.UsageError("give --reference FILE --current FILE, or MODEL --current FILE --window NAME")
    found = _with_model(model, current, window) if model else _with_file(reference, current)
    if html is not None:
        _write_page(found, html)
    if as_json:
        click.echo(json.dumps(found.report.to_json(), indent=2))
    else:
        click.echo(text.report_lines(found.report, width=text.terminal_width()))
    if fail_on and RANK[found.report.severity] >= RANK[fail_on]:
        raise SystemExit(1)


def _with_file(reference: Path | None, current: Path) -> _Compared:
    from nbship.drift import compare, measured_exactly
    from nbship.profile import profile, profile_parts

    assert reference is not None
    title = f"{current.name} against {reference.name}"
    parts = _parts_of(reference)
    if parts is not None or _parts_of(current) is not None:
        known = profile_parts(parts) if parts is not None else profile(_table_of(reference))
        now = _profiled(current, known)
        return _Compared(title=title, report=compare(known, now), reference=known, current=now)
    before, after = _table_of(reference), _table_of(current)
    known = profile(before)
    now = profile(after, like=known)
    report = measured_exactly(compare(known, now), known, before, after)
    return _Compared(title=title, report=report, reference=known, current=now)


def _with_model(model: str, current: Path, window: str | None) -> _Compared:
    from nbship.drift import compare
    from nbship.registry import Registry

    if not current.exists():  # told before mlflow is loaded
        raise InputError("no such file", where=str(current))
    registry = Registry(config.load())
    version = registry.champion(model)
    known = registry.reference(version)
    now = _profiled(current, known)
    report = compare(known, now, extra_columns=False)
    name = window or current.stem
    history = [
        (head.window, registry.report(version, path))
        for head, path in registry.windows(version)
        if head.window != name
    ]
    registry.record_drift(version, name, report, at=datetime.now(UTC), current=now)
    click.echo(f"recorded with version {version.version} of {model}", err=True)
    title = f"{model}, version {version.version}: {name}"
    return _Compared(title=title, report=report, reference=known, current=now, history=history)


def _profiled(path: Path, known: Profile) -> Profile:
    from nbship.profile import profile, profile_parts

    parts = _parts_of(path)
    return profile_parts(parts, like=known) if parts is not None else profile(_table_of(path), like=known)


def _parts_of(path: Path) -> Sequence[RowGroup] | None:
    """Give the parts of a folder of Parquet files, or of one that may not fit into memory; None for what does."""
    from nbship.profile import parquet_parts

    if path.is_dir():
        return parquet_parts(str(path))
    large = path.suffix in {".parquet", ".pq"} and path.is_file() and path.stat().st_size > _LARGE
    return parquet_parts(str(path)) if large else None


def _table_of(path: Path) -> Any:
    from nbship.table import read_table

    return read_table(path)[0]


def _write_page(found: _Compared, path: Path) -> None:
    from nbship.drift.page import page

    text = page(found.report, found.reference, found.current, title=found.title, history=found.history)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WriteError(f"the page cannot be written: {error.strerror}", where=str(path)) from error
    click.echo(f"page: {path}", err=True)
