"""``%ship status``: the sidebar's view as a widget where there is one, else as a table."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).parent / "static" / "widget.js"
_COLOURS = {
    "critical": "#c62828",
    "warning": "#b26a00",
    "info": "#1565c0",
    "none": "#2e7d32",
    "too_few": "#757575",
}
_DIGEST = 15


def view(state: Mapping[str, Any]) -> Any:
    """Give something that shows the state of a model in any front end."""
    try:
        return _widget(state) if _SCRIPT.is_file() else Panel(state=state)
    except ImportError:
        return Panel(state=state)


def _widget(state: Mapping[str, Any]) -> Any:
    import anywidget
    import traitlets

    class StatusWidget(anywidget.AnyWidget):
        """The same view as the sidebar's, from the same source."""

        _esm = _SCRIPT
        state = traitlets.Dict().tag(sync=True)

    return StatusWidget(state=dict(state))


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The state of a model as text and as plain HTML, with no script."""

    state: Mapping[str, Any]

    def __repr__(self) -> str:
        lines = [f"{self.state['model']}"]
        lines += [
            f"  version {row['version']}  {row['stage']}  {' '.join(row['aliases'])}"
            for row in self.state["versions"]
        ]
        for drift in self.state["drift"]:
            lines.append(f"  drift of version {drift['version']}: {drift['severity']}")
            lines += [
                f"    {row['feature']}  {row['severity']}  {row['reason']}" for row in drift["features"]
            ]
        return "\n".join(lines if self.state["versions"] else [*lines, "  not registered yet"])

    def _repr_html_(self) -> str:
        parts = [f'<div style="font-weight:600">{html.escape(str(self.state["model"]))}</div>']
        if not self.state["store"]["reachable"]:
            parts.append(
                f"<div>the store does not answer: {html.escape(str(self.state['store']['message']))}</div>"
            )
        parts.append(_versions(self.state["versions"]))
        parts += [_drift(row) for row in self.state["drift"]]
        return "".join(parts)


def _versions(versions: Any) -> str:
    rows = [
        [
            html.escape(str(row["version"])),
            html.escape(f"{row['stage']} {' '.join(row['aliases'])}"),
            html.escape(row["created"][:16].replace("T", " ")),
            html.escape(
                ", ".join(
                    f"{name} {value:.4g}" for name, value in row["metrics"].items() if value is not None
                )
            ),
            html.escape(
                ", ".join(f"{item['name']} {str(item['digest'])[:_DIGEST]}" for item in row["datasets"])
            ),
        ]
        for row in versions
    ]
    if not rows:
        return "<div>not registered yet</div>"
    return _table(["version", "stage", "registered", "metrics", "learnt from"], rows)


def _drift(drift: Mapping[str, Any]) -> str:
    windows = [row["window"] for row in drift["windows"]]
    rows = []
    for row in drift["features"]:
        points = {point["window"]: point for point in row["history"]}
        shown = [_point(points.get(window)) for window in windows]
        rows.append(
            [html.escape(row["feature"]), _severity(row["severity"]), *shown, html.escape(row["reason"])]
        )
    head = f"drift of version {drift['version']}: {_severity(drift['severity'])}"
    return f'<div style="margin-top:8px">{head}</div>' + _table(["feature", "", *windows, "why"], rows)


def _point(point: Mapping[str, Any] | None) -> str:
    if point is None or point["value"] is None:
        return "–"  # noqa: RUF001  # a dash as long as a figure
    return f'<span style="color:{_COLOURS[point["severity"]]}">{point["value"]:.3f}</span>'


def _severity(word: str) -> str:
    return (
        f'<span style="color:{_COLOURS[word]};font-weight:600">{html.escape(word.replace("_", " "))}</span>'
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    style = "text-align:left;padding:2px 12px 2px 0"
    top = "".join(f'<th style="{style}">{html.escape(text)}</th>' for text in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="{style}">{text}</td>' for text in row) + "</tr>" for row in rows
    )
    return f'<table style="border-collapse:collapse"><tr>{top}</tr>{body}</table>'
