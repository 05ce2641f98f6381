"""Pictures of a column, then and now, and of a measure over time: SVG, drawn with the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from nbship.drift.pair import Pair
from nbship.drift.report import LEVELS, DriftReport, FeatureDrift, Test
from nbship.profile import ColumnProfile

#: The most categories that are drawn; the others are one bar.
_MOST_BARS = 12
#: Small enough to be read on a phone, where all of it is shown.
_WIDTH, _HEIGHT, _FOOT = 420, 120, 22
#: The room for the thresholds' names, for a window's, and between two lines of text.
_NAMES, _LABEL, _LINE = 62, 44, 12

#: What a pair of bars is called, its share of the reference, its share now.
Bar = tuple[str, float, float]


def values(before: ColumnProfile | None, now: ColumnProfile | None) -> str:
    """Give the picture of a column's values, then and now; nothing where they are not counted alike."""
    if before is None or now is None or before.kind != now.kind or not before.present or not now.present:
        return ""
    bars = _bars(before, now)
    return _grouped(bars, f"{before.name}: shares of the values in the reference and now") if bars else ""


def course(item: FeatureDrift, history: Sequence[tuple[str, DriftReport]]) -> str:
    """Give the picture of the deciding measure over the windows, with its thresholds; nothing for one window."""
    decisive = item.decisive
    if decisive is None or decisive.value is None or decisive.thresholds is None:
        return ""
    points = [*_earlier(item.feature, decisive.name, history), ("now", decisive.value)]
    return _line(points, decisive, item.feature) if len(points) > 1 else ""


def _earlier(feature: str, test: str, history: Sequence[tuple[str, DriftReport]]) -> list[tuple[str, float]]:
    found = []
    for window, report in history:
        item = report.feature(feature)
        measured = item.test(test) if item else None
        if measured is not None and measured.value is not None:
            found.append((window, measured.value))
    return found


def _bars(before: ColumnProfile, now: ColumnProfile) -> list[Bar]:
    pair = Pair.of(before, now)
    n, m = pair.counted
    if not n or not m:
        return []
    then, current = ([float(count) for count in counts] for counts in pair.coarse)
    shares = [(p / n, q / m) for p, q in zip(then, current, strict=True)]
    if before.kind in {"category", "boolean"}:
        return _categories([*before.categories, "other"], shares)
    edges = [before.edges[number] for number in before.deciles]
    if not edges or before.kind == "datetime":  # a time goes on by nature
        return []
    labels = [*(f"≤ {edge:.3g}" for edge in edges), f"> {edges[-1]:.3g}"]
    return [(label, p, q) for label, (p, q) in zip(labels, shares, strict=True) if p or q]


def _categories(names: Sequence[str], shares: Sequence[tuple[float, float]]) -> list[Bar]:
    """Give the commonest categories as bars of their own, and the others as one."""
    bars = [(name, p, q) for name, (p, q) in zip(names, shares, strict=True) if p or q]
    bars.sort(key=lambda bar: (bar[0] == "other", -max(bar[1], bar[2])))
    shown, rest = bars[:_MOST_BARS], bars[_MOST_BARS:]
    if rest:
        shown.append((f"{len(rest)} more", sum(bar[1] for bar in rest), sum(bar[2] for bar in rest)))
    return shown


def _grouped(bars: Sequence[Bar], told: str) -> str:
    top = max(max(p, q) for _, p, q in bars)
    step = _WIDTH / len(bars)
    width = min(step * 0.38, 40)
    drawn = []
    for number, (label, p, q) in enumerate(bars):
        middle = step * (number + 0.5)
        drawn.append(_bar(middle - width, width, p / top, f"{label}: {p:.1%} in the reference", "then"))
        drawn.append(_bar(middle, width, q / top, f"{label}: {q:.1%} now", "now"))
        drawn.append(_tick(middle, label, step))
    return _svg(drawn, told) + _LEGEND


_LEGEND = '<p class="legend"><span class="key then"></span>reference <span class="key now"></span>now</p>'


def _bar(x: float, width: float, share: float, told: str, name: str) -> str:
    height = max(share * (_HEIGHT - 10), 0.5 if share else 0)
    box = f'x="{x:.1f}" y="{_HEIGHT - height:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{name}" {box}><title>{escape(told)}</title></rect>'


def _tick(x: float, label: str, step: float) -> str:
    room = max(int(step / 6), 3)
    short = label if len(label) <= room else f"{label[: room - 1]}…"
    return f'<text x="{x:.1f}" y="{_HEIGHT + 15}" text-anchor="middle">{escape(short)}<title>{escape(label)}</title></text>'


def _line(points: Sequence[tuple[str, float]], test: Test, feature: str) -> str:
    limits = [limit for limit in test.thresholds or () if math.isfinite(limit)]
    height = _scale([*(value for _, value in points), *limits], limits)
    step = (_WIDTH - _NAMES - 40) / max(len(points) - 1, 1)
    places = [(20 + step * number, height(value)) for number, (_, value) in enumerate(points)]
    drawn = _limits([height(limit) for limit in limits])
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn.append(f'<polyline class="course" points="{path}"/>')
    every = math.ceil(_LABEL / step)
    for number, ((x, y), (window, value)) in enumerate(zip(places, points, strict=True)):
        drawn.append(
            f'<circle class="course" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{escape(window)}: {value:.3g}</title></circle>'
        )
        if (len(points) - 1 - number) % every == 0:  # the last window always has its name
            drawn.append(_tick(x, window, step * every))
    return _svg(
        drawn, f"{feature}: {test.name} over the windows, with its thresholds, on a logarithmic scale"
    )


def _scale(values: Sequence[float], limits: Sequence[float]) -> Callable[[float], float]:
    """Give where a value stands: ``log(1 + value / first threshold)``, so that the thresholds stay apart below it."""
    unit = next((limit for limit in sorted(limits) if limit > 0), 1.0)
    top = 1.1 * math.log1p(max(values) / unit) or 1.0
    return lambda value: _HEIGHT * (1 - math.log1p(value / unit) / top)


def _limits(heights: Sequence[float]) -> list[str]:
    """Draw the thresholds, from the lowest up, and their names beside them, none on another."""
    drawn, room = [], _HEIGHT + 4.0
    for level, y in zip(LEVELS, heights, strict=False):
        text = min(y + 4, room)
        room = text - _LINE
        drawn.append(
            f'<line class="limit {level}" x1="0" x2="{_WIDTH - _NAMES}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="{level}" x="{_WIDTH - _NAMES + 5}" y="{text:.1f}">{level}</text>'
        )
    return drawn


def _svg(drawn: Sequence[str], told: str) -> str:
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT + _FOOT}"'
    return (
        f'<div class="wide"><svg {size} role="img" aria-label="{escape(told)}">{"".join(drawn)}</svg></div>'
    )
