"""A report as one HTML file that needs nothing else: the features ranked, each with its values then and now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

from nbship.drift import plots
from nbship.drift.report import LEVELS, DriftReport, FeatureDrift, Test
from nbship.drift.statistics import BY_NAME
from nbship.profile import Profile

_WORDS = {
    "none": "no drift",
    "too_few": "too few rows",
    "info": "info",
    "warning": "warning",
    "critical": "critical",
}


def page(
    report: DriftReport,
    reference: Profile,
    current: Profile,
    *,
    title: str,
    history: Sequence[tuple[str, DriftReport]] = (),
) -> str:
    """Give the page. ``history`` are the windows before, oldest first, each with its name.

    Names and categories come from data, so every text is escaped; nothing is loaded from anywhere.
    """
    known = {column.name: column for column in reference.columns}
    now = {column.name: column for column in current.columns}
    cards = [
        _card(number, item, plots.values(known.get(item.feature), now.get(item.feature)), history)
        for number, item in enumerate(report.features)
    ]
    style = resources.files("nbship.drift").joinpath("page.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>",
            f"<h1>{escape(title)} {_badge(report.severity)}</h1>",
            f"<p>{report.current_rows:,} rows against {report.reference_rows:,} of the reference. {_summary(report)}</p>",
            _overview(report),
            *cards,
            "</main>\n</body>\n</html>\n",
        ]
    )


def _badge(severity: str) -> str:
    return f'<span class="badge {severity}">{_WORDS[severity]}</span>'


def _summary(report: DriftReport) -> str:
    counts = {
        level: sum(item.severity == level for item in report.features)
        for level in (*reversed(LEVELS), "too_few")
    }
    told = [f"{count} {_WORDS[level]}" for level, count in counts.items() if count]
    return f"Of {len(report.features)} features: {', '.join(told) or 'none has drifted'}."


def _overview(report: DriftReport) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="#{_anchor(number)}">{escape(item.feature)}</a></th><td>{escape(item.kind)}</td>'
        f"<td>{_badge(item.severity)}</td><td>{escape(item.reason)}</td></tr>"
        for number, item in enumerate(report.features)
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("feature", "kind", "severity", "why"))
    body = rows or '<tr><td colspan="4">no columns</td></tr>'
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide overview">{table}</div>'


def _anchor(number: int) -> str:
    return f"feature-{number}"


def _card(number: int, item: FeatureDrift, picture: str, history: Sequence[tuple[str, DriftReport]]) -> str:
    name = escape(item.feature)
    parts = [
        f'<section id="{_anchor(number)}">\n<h2>{name} {_badge(item.severity)}</h2>',
        f"<p>{escape(item.reason)}</p>",
        picture,
        plots.course(item, history),
        _tests(item.tests),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _tests(tests: Iterable[Test]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("test", "value", *LEVELS, "p", "severity"))
    rows = "".join(
        f'<tr><th scope="row">{escape(_label(test))}</th>'
        + "".join(f'<td class="number">{_number(value)}</td>' for value in (test.value, *_thresholds(test)))
        + f'<td class="number">{_number(test.p_value)}</td><td>{_WORDS[test.severity]}{_decides(test)}</td></tr>'
        for test in tests
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _label(test: Test) -> str:
    return BY_NAME[test.name].label if test.name in BY_NAME else test.name


def _thresholds(test: Test) -> Sequence[float | None]:
    return test.thresholds or (None, None, None)


def _decides(test: Test) -> str:
    return "" if test.decides else " (decides nothing)"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
