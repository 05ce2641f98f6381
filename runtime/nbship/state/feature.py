"""A feature's reference against one window: the bins that its drift was measured by, in shares."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from nbship.drift import DriftReport
from nbship.errors import DataError, InputError
from nbship.model import ModelVersion, Window
from nbship.state.documents import Bin, FeatureDetail, MissingShare, TestResult

if TYPE_CHECKING:
    from nbship.profile import ColumnProfile
    from nbship.registry import Registry
    from nbship.state.sources import Sources

#: So many categories have a bar of their own; the rest is one.
MOST_BINS = 20


def feature_of(
    sources: Sources, registry: Registry, version: ModelVersion, feature: str, window: str | None
) -> FeatureDetail:
    """Give a feature in one window, by default the latest.

    Raises InputError where there is no such window or feature. No model is loaded: its profile is JSON.
    """
    head, path = _window(registry, version, window)
    report = sources.report(registry, version, head.at, path)
    if report.feature(feature) is None:
        raise InputError(
            f"{feature!r} is no feature of {head.window!r}", help="the panel may be older than the registry"
        )
    reference, note = _reference(registry, version, feature)
    current = registry.current(version, path)
    now = current.column(feature) if current is not None else None
    if now is None and reference is not None:
        now = from_log(sources, version, head.window, reference)
        note = note or (None if now else "the rows of this window are not kept: only its measures are known")
    return detail(version.version, head, report, feature, reference, now, note)


def _window(registry: Registry, version: ModelVersion, window: str | None) -> tuple[Window, str]:
    found = registry.windows(version)
    for head, path in reversed(found):
        if window in (None, "", head.window):
            return head, path
    known = ", ".join(head.window for head, _ in found) or "none"
    raise InputError(f"version {version.version} was not compared with {window!r}", help=f"windows: {known}")


def _reference(
    registry: Registry, version: ModelVersion, feature: str
) -> tuple[ColumnProfile | None, str | None]:
    try:
        found = registry.reference(version).column(feature)
    except DataError as error:
        return None, error.what
    return found, None if found else "an answer of the model: it has no reference among the inputs"


def from_log(
    sources: Sources, version: ModelVersion, window: str, reference: ColumnProfile
) -> ColumnProfile | None:
    """Count a feature anew over the rows that the monitor took for a window; None where it took none."""
    ledger = sources.ledger
    if ledger is None:
        return None
    from nbship.monitoring import log as logs
    from nbship.monitoring import records, windows
    from nbship.profile import Profile, profile

    streams = [item for item in ledger.streams(version.model) if item.version == version.version]
    stream = next((item for item in streams if window in ledger.window_names(item)), None)
    if stream is None:
        return None
    spec = windows.parse(stream.cut, grace=timedelta())
    span = windows.span_of(spec, window) if isinstance(spec, windows.Calendar) else None
    log = logs.Log(sources.settings.log_url, version.model)
    tables = []
    for take in ledger.takes(stream, window):
        try:
            part = log.read(logs.Part(name=take.part, version=version.version))
        except DataError:  # damaged or gone: what is left is counted
            continue
        taken = (
            part.slice(take.offset, take.rows) if span is None else logs.between(part, span.start, span.end)
        )
        tables.append(taken)
    table = records.part_of(records.joined(tables)[0], records.INPUT) if tables else None
    if table is None or reference.name not in table.column_names:
        return None
    like = Profile(rows=reference.rows, columns=(reference,))
    return profile(table.select([reference.name]), like=like).column(reference.name)


def detail(
    version: int,
    head: Window,
    report: DriftReport,
    feature: str,
    reference: ColumnProfile | None,
    current: ColumnProfile | None,
    note: str | None,
) -> FeatureDetail:
    """Put what is known of a feature together."""
    found = report.feature(feature)
    assert found is not None
    return FeatureDetail(
        feature=feature,
        version=version,
        window=head.window,
        kind=found.kind,
        bins=bins(reference, current) if reference is not None else (),
        reference_rows=head.reference_rows,
        current_rows=head.rows,
        missing=MissingShare(
            reference=_share(reference.missing, reference.rows) if reference else 0.0,
            current=_share(current.missing, current.rows) if current else None,
        ),
        newcomers=current.newcomers if current else (),
        tests=tuple(
            TestResult(
                name=test.name,
                value=test.value,
                thresholds=test.thresholds,
                p_value=test.p_value,
                severity=test.severity,
            )
            for test in found.tests
        ),
        note=note,
    )


def bins(reference: ColumnProfile, current: ColumnProfile | None) -> tuple[Bin, ...]:
    """Give the deciles' bins of numbers, or the categories with the rest last, as shares of the values there are."""
    before = reference.counts
    after = current.counts if current is not None and len(current.counts) == len(before) else None
    if not before or reference.kind == "withheld":
        return ()
    if reference.categories:
        return _categories(reference, before, after)
    starts = [0, *(place + 1 for place in reference.deciles)]
    ends = [*starts[1:], len(before)]
    edges = [None, *(reference.edges[place] for place in reference.deciles), None]
    shares = [_shares(counts, starts, ends) for counts in (before, after) if counts is not None]
    return tuple(
        Bin(
            label=_label(edges[place], edges[place + 1]),
            low=edges[place],
            high=edges[place + 1],
            reference=shares[0][place],
            current=shares[1][place] if after is not None else None,
        )
        for place in range(len(starts))
    )


def _shares(counts: Sequence[int], starts: Sequence[int], ends: Sequence[int]) -> list[float]:
    return [_share(sum(counts[start:end]), sum(counts)) for start, end in zip(starts, ends, strict=True)]


def _categories(
    reference: ColumnProfile, before: Sequence[int], after: Sequence[int] | None
) -> tuple[Bin, ...]:
    now = after or [0] * len(before)
    order = sorted(range(len(reference.categories)), key=lambda place: -max(before[place], now[place]))
    groups = [(reference.categories[place], [place]) for place in order[:MOST_BINS]]
    groups.append(("everything else", [*order[MOST_BINS:], len(before) - 1]))
    return tuple(
        Bin(
            label=label,
            low=None,
            high=None,
            reference=_share(sum(before[place] for place in places), sum(before)),
            current=_share(sum(now[place] for place in places), sum(now)) if after is not None else None,
        )
        for label, places in groups
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _label(low: float | None, high: float | None) -> str:
    """Name a bin, which is open on its left and closed on its right.

    >>> _label(14200.0, 21000.5), _label(None, 3.0)
    ('14,200 to 21,000', 'up to 3')
    """
    if low is None:
        return f"up to {_short(high)}" if high is not None else "all"
    return f"above {_short(low)}" if high is None else f"{_short(low)} to {_short(high)}"


def _short(value: float | None) -> str:
    return f"{value:,.0f}" if value is not None and abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004  # as people write
