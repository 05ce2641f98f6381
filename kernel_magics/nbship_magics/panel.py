"""``%ship status``: the sidebar's view as a widget where there is one, else as a table."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbship.errors import InputError, NbshipError

_SCRIPT = Path(__file__).parent / "static" / "widget.js"
_COLOURS = {
    "critical": "#c62828",
    "warning": "#b26a00",
    "info": "#1565c0",
    "none": "#2e7d32",
    "too_few": "#757575",
}
_DIGEST = 15
#: A table in a cell stays one that can be read.
_MOST_WINDOWS = 6
_MOST_FEATURES = 30
_MOST_VERSIONS = 20


#: What the view may ask the kernel; actions are the sidebar's, whose server knows who may do them.
ASKS = ("drift", "feature")
Ask = Callable[..., Any]


def view(state: Mapping[str, Any], ask: Ask | None = None) -> Any:
    """Give something that shows the state of a model in any front end; ``ask`` answers what the view asks on."""
    try:
        return _widget(state, ask) if _SCRIPT.is_file() else Panel(state=state)
    except ImportError:
        return Panel(state=state)


def _widget(state: Mapping[str, Any], ask: Ask | None) -> Any:
    """Give the sidebar's view within ipywidgets' own controls, and with the plain table for who cannot show it."""
    import anywidget
    import ipywidgets
    import traitlets

    class StatusWidget(anywidget.AnyWidget):
        """The same view as the sidebar's, from the same source."""

        _esm = _SCRIPT
        state = traitlets.Dict().tag(sync=True)
        asks = traitlets.List(traitlets.Unicode()).tag(sync=True)

    shown = StatusWidget(state=dict(state), asks=list(ASKS) if ask else [])
    if ask is None:
        return shown
    shown.on_msg(lambda widget, question, _: widget.send(answer(question, ask, state)))
    again = ipywidgets.Button(description="Refresh", icon="refresh", tooltip="Ask the registry again")
    said = ipywidgets.Label()
    again.on_click(lambda _: _refresh(shown, said, ask, state))
    box = ipywidgets.VBox([ipywidgets.HBox([again, said]), shown])
    return _WithTable(box, Panel(state=state))


def answer(question: Any, ask: Ask, state: Mapping[str, Any]) -> dict[str, Any]:
    """Give the answer to a message of the view; it asks about the model that is shown, and about nothing else."""
    number = question.get("id") if isinstance(question, dict) else None
    try:
        if number is None or question.get("ask") not in ASKS:
            raise InputError("the kernel does not answer this", help="open the nbship sidebar")
        about = {name: question[name] for name in ("version", "feature", "window") if name in question}
        result = ask(ask=question["ask"], model=state["model"], profile=state["profile"], **about)
    except NbshipError as error:
        return _refusal(number, error.what, error.where, error.help)
    except (OSError, ValueError) as error:
        return _refusal(number, f"the worker does not answer: {error}", None, "run `%ship status` again")
    return {"id": number, "ok": True, "result": result}


def _refusal(number: Any, what: str, where: str | None, help: str | None) -> dict[str, Any]:  # noqa: A002  # the word users see
    return {"id": number, "ok": False, "error": {"what": what, "where": where, "help": help}}


def _refresh(shown: Any, said: Any, ask: Ask, state: Mapping[str, Any]) -> None:
    try:
        shown.state = ask(ask="state", model=state["model"], profile=state["profile"])
        said.value = ""
    except (NbshipError, OSError, ValueError) as error:
        said.value = getattr(error, "what", None) or f"the worker does not answer: {error}"


class _WithTable:
    """A widget that brings the table along, for front ends without widgets and for who opens the saved notebook."""

    def __init__(self, box: Any, table: Panel) -> None:
        self.widget = box
        self._table = table

    def __repr__(self) -> str:
        return repr(self._table)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        made = self.widget._repr_mimebundle_(**options)  # IPython's protocol
        data = made[0] if isinstance(made, tuple) else made
        return {**data, "text/plain": repr(self._table), "text/html": self._table.to_html()}


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
        return self.to_html()

    def to_html(self) -> str:
        """Give it as plain HTML; every name is escaped."""
        parts = [f'<div style="font-weight:600">{html.escape(str(self.state["model"]))}</div>']
        if not self.state["store"]["reachable"]:
            parts.append(
                f"<div>the store does not answer: {html.escape(str(self.state['store']['message']))}</div>"
            )
        parts.append(_versions(self.state["versions"]))
        parts += [_drift(row) for row in self.state["drift"]]
        parts.append(_alerts(self.state.get("alerts", ())))
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
        for row in versions[:_MOST_VERSIONS]
    ]
    if not rows:
        return "<div>not registered yet</div>"
    return _table(["version", "stage", "registered", "metrics", "learnt from"], rows)


def _drift(drift: Mapping[str, Any]) -> str:
    windows = [row["window"] for row in drift["windows"]][-_MOST_WINDOWS:]
    rows = []
    for row in drift["features"][:_MOST_FEATURES]:
        points = {point["window"]: point for point in row["history"]}
        shown = [_point(points.get(window)) for window in windows]
        rows.append(
            [html.escape(row["feature"]), _severity(row["severity"]), *shown, html.escape(row["reason"])]
        )
    head = f"drift of version {drift['version']}: {_severity(drift['severity'])}"
    return f'<div style="margin-top:8px">{head}</div>' + _table(["feature", "", *windows, "why"], rows)


def _alerts(alerts: Any) -> str:
    rows = [
        [
            html.escape(row["key"]),
            _severity(row["tier"]),
            html.escape(row["state"]),
            html.escape(row["reason"]),
            html.escape(row["owner"] or ""),
        ]
        for row in alerts
        if row["state"] != "resolved"
    ]
    if not rows:
        return ""
    head = '<div style="margin-top:8px">alerts</div>'
    return head + _table(["alert", "", "state", "why", "owner"], rows)


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
