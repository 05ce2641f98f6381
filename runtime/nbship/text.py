"""What the terminal shows: plain lines, aligned columns, colour only where the terminal has it (click sees to that)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from nbship import store

if TYPE_CHECKING:
    from nbship.config import Config
    from nbship.drain import Drained
    from nbship.drift import DriftReport
    from nbship.fingerprint import FileFingerprint
    from nbship.recorded import Comparison
    from nbship.state import ModelVersion, State, VersionDrift

_COLOURS = {"critical": "red", "warning": "yellow", "info": "blue", "too_few": "bright_black"}
_NARROW = 40


def terminal_width() -> int:
    """Give the width to fill; wide enough to read where the output is no terminal."""
    return max(_NARROW, shutil.get_terminal_size((110, 24)).columns)


def shown(settings: Config) -> str:
    """Give the tracking store's address without a password."""
    return store.shown(settings.tracking_uri)


def severity(word: str, width: int = 0) -> str:
    """Give a severity in its colour."""
    return click.style(word.replace("_", " ").ljust(width), fg=_COLOURS.get(word), bold=word == "critical")


def table(rows: Sequence[Sequence[str]], *, indent: str = "  ") -> str:
    """Align rows of text; the first row is the head."""
    widths = [max(len(click.unstyle(row[place])) for row in rows) for place in range(len(rows[0]))]
    lines = (
        indent
        + "  ".join(
            cell + " " * (wide - len(click.unstyle(cell))) for cell, wide in zip(row, widths, strict=True)
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def fingerprint_lines(item: FileFingerprint, comparison: Comparison | None = None) -> str:
    """Give a file's hashes, one per line, and how it relates to its record."""
    lines = [item.path, *([_compared(item, comparison)] if comparison else []), f"  file    {item.file}"]
    if item.content is not None:
        lines += [f"  table   {item.content.table}   {item.content.rows:,} rows, read by {item.reader}"]
        lines += [f"  schema  {item.content.schema}"]
        rows = [[name, digest] for name, digest in item.content.columns.items()]
        lines += [table(rows, indent="    ")] if rows else []
    return "\n".join(lines)


def _compared(item: FileFingerprint, comparison: Comparison) -> str:
    columns = f"; other columns: {', '.join(comparison.columns)}" if comparison.columns else ""
    if comparison.status != "reader drift":
        return f"  {comparison.status}{columns}"
    readers = f"recorded with {comparison.recorded_reader}, read now with {item.reader}"
    return f"  reader drift: the same bytes make another table ({readers}){columns}"


def sync_lines(done: Drained) -> str:
    """Give what a drain has written, run by run."""
    new = [run for run in done.runs if run["new"]]
    if not new:
        return "nothing new: the store has every recorded session"
    return "\n".join(_run_lines(run) for run in new)


def _run_lines(run: dict[str, object]) -> str:
    lines = [f"run {run['run_id']}  {run['name']}  ({run['status']})"]
    lines += [f"  dataset  {item['name']}  {item['digest']}" for item in _rows(run["datasets"])]
    lines += _pairs("params", run["params"]) + _pairs("metrics", run["metrics"])
    lines += [f"  model    {item['model']} version {item['version']}" for item in _rows(run["registered"])]
    return "\n".join(lines)


def _rows(value: object) -> list[dict[str, object]]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _pairs(title: str, value: object) -> list[str]:
    if not isinstance(value, dict) or not value:
        return []
    return [f"  {title:<7}  " + ", ".join(f"{name}={_number(item)}" for name, item in value.items())]


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def report_lines(report: DriftReport, *, width: int) -> str:
    """Give a drift report: one line per feature, the severest first."""
    head = f"{severity(report.severity)}: {report.current_rows:,} rows against {report.reference_rows:,}"
    rows = [["feature", "kind", "severity", "why"]]
    rows += [
        [item.feature, item.kind, severity(item.severity), _cut(item.reason, width)]
        for item in report.features
    ]
    return f"{head}\n{table(rows)}"


def state_lines(state: State, *, width: int) -> str:
    """Give what ``nbship status MODEL`` shows."""
    parts = [click.style(state.model, bold=True), _versions(state.versions)]
    if not state.store.reachable:
        parts.insert(1, f"the store does not answer; this was true at {state.store.as_of}")
    parts += [_drift(item, width) for item in state.drift]
    if not state.drift:
        parts.append(f"  no live data compared yet: nbship drift {state.model} --current FILE --window NAME")
    return "\n".join(parts)


def _versions(versions: Iterable[ModelVersion]) -> str:
    rows = [["version", "stage", "alias", "registered", "by", "metrics", "learnt from"]]
    for item in versions:
        metrics = ", ".join(f"{name} {_number(value)}" for name, value in item.metrics.items())
        data = ", ".join(f"{data.name} {(data.digest or 'unhashed')[:15]}" for data in item.datasets)
        created = item.created[:16].replace("T", " ")
        rows.append(
            [
                str(item.version),
                item.stage,
                " ".join(item.aliases),
                created,
                item.created_by or "",
                metrics,
                data,
            ]
        )
    return table(rows)


def _drift(drift: VersionDrift, width: int) -> str:
    windows = [item.window for item in drift.windows]
    rows = [["feature", "severity", *windows, "why"]]
    for item in drift.features:
        by_window = {point.window: point for point in item.history}
        points = [_point(by_window[name].value) if name in by_window else "-" for name in windows]
        rows.append([item.feature, severity(item.severity), *points, _cut(item.reason, width)])
    last = drift.windows[-1]
    head = (
        f"drift of version {drift.version}: {severity(drift.severity)} in {last.window} ({last.rows:,} rows)"
    )
    return f"{head}\n{table(rows)}"


def _point(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _cut(reason: str, width: int) -> str:
    room = max(_NARROW, width - 50)
    return reason if len(reason) <= room else reason[: room - 1] + "…"
