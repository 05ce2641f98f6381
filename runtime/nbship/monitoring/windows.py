"""Windows: which rows are judged together, and when. Pure: parts and the time come in, tasks go out.

A *calendar* window (``1h``, ``1d``, ``1w``, ``1mo``; in UTC, weeks from Monday) holds the rows whose own time lies in
it. It is judged once, ``grace`` after its end. A row that the log gets later than that is *late*: it is counted with
its window, and reported, but the window is not judged again. Windows without a row between others are judged too:
that nothing came is something to know.

A *count* window (``5000 rows``) holds so many rows in the order in which the log got them. There no row is late.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from nbship.errors import InputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_LENGTHS: Mapping[str, timedelta] = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_MONTHS = 12
GRACE = timedelta(minutes=10)
#: Windows without a row that one pass judges at most; a longer silence is gone through in the next passes.
MOST_EMPTY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Intervals of the calendar: so many ``min``, ``h``, ``d``, ``w`` or ``mo``."""

    number: int
    unit: str
    grace: timedelta = GRACE

    def span(self, at: datetime) -> Span:
        """Give the window that a time lies in."""
        at = at.astimezone(UTC)
        if self.unit == "mo":
            return self._months((at.year * _MONTHS + at.month - 1) // self.number)
        origin, length = _MONDAY if self.unit == "w" else _EPOCH, _LENGTHS[self.unit] * self.number
        start = origin + (at - origin) // length * length
        return Span(key=self._key(start), start=start, end=start + length)

    def _months(self, place: int) -> Span:
        first, last = place * self.number, (place + 1) * self.number
        start = datetime(first // _MONTHS, first % _MONTHS + 1, 1, tzinfo=UTC)
        end = datetime(last // _MONTHS, last % _MONTHS + 1, 1, tzinfo=UTC)
        return Span(key=self._key(start), start=start, end=end)

    def _key(self, start: datetime) -> str:
        if self.unit == "mo":
            return f"{start:%Y-%m}"
        return f"{start:%Y-%m-%d}" if self.unit in {"d", "w"} else f"{start:%Y-%m-%dT%H:%M}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """So many rows, in the order in which they arrived."""

    rows: int


Spec = Calendar | Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time that a calendar window covers, and its name."""

    key: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A part with rows that no window has taken yet.

    ``rows`` counts those, by the calendar window they lie in; for count windows under one key, with ``taken`` before.
    ``total`` is how many rows the part has in all.
    """

    part: str
    rows: Mapping[str, int]
    total: int
    taken: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Rows of a part that a window takes: for count windows ``rows`` of them behind the first ``offset``."""

    part: str
    rows: int
    total: int
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One window to judge, or late rows to add to one that is judged."""

    kind: Literal["judge", "late"]
    window: str
    takes: tuple[Take, ...]
    span: Span | None = None

    @property
    def rows(self) -> int:
        """How many rows it takes."""
        return sum(take.rows for take in self.takes)


def parse(text: str, *, grace: timedelta = GRACE) -> Spec:
    """Read ``1h``, ``15min``, ``1d``, ``1w``, ``1mo`` or ``5000 rows``. Raises InputError for anything else.

    >>> parse("5000 rows")
    Count(rows=5000)
    """
    match = re.fullmatch(r"([1-9]\d{0,8})\s*(min|h|d|w|mo|rows?)", text.strip())
    if match is None:
        raise InputError(
            f"{text!r} is no window", help="15min, 1h, 1d, 1w, 1mo, or a number of rows: '5000 rows'"
        )
    number, unit = int(match[1]), match[2]
    return Count(rows=number) if unit.startswith("row") else Calendar(number=number, unit=unit, grace=grace)


def plan_calendar(
    spec: Calendar,
    waiting: Iterable[Waiting],
    *,
    judged: set[str],
    last: Span | None,
    now: datetime,
    serves: bool,
) -> list[Task]:
    """Tell what is due, oldest first.

    ``last`` is the latest window that was judged; ``serves`` says whether the version still answers, so that a
    window without rows at the end is worth judging.
    """
    takes: dict[str, list[Take]] = {}
    for part in waiting:
        for key, rows in part.rows.items():
            takes.setdefault(key, []).append(Take(part=part.part, rows=rows, total=part.total))
    late = [
        Task(kind="late", window=key, takes=tuple(found))
        for key, found in sorted(takes.items())
        if key in judged
    ]
    due = [span for span in _spans(spec, takes) if span.key not in judged and span.end + spec.grace <= now]
    spans = _with_empty(spec, due, last, now if serves else None, judged)
    return late + [
        Task(kind="judge", window=span.key, takes=tuple(takes.get(span.key, ())), span=span) for span in spans
    ]


def span_of(spec: Calendar, key: str) -> Span:
    """Give the window of that name.

    >>> span_of(Calendar(number=1, unit="mo"), "2026-02").end.isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    start = datetime.fromisoformat(key if len(key) > len("2026-11") else f"{key}-01")
    return spec.span(start.replace(tzinfo=UTC))


def _spans(spec: Calendar, keys: Iterable[str]) -> list[Span]:
    return sorted((span_of(spec, key) for key in keys), key=lambda span: span.start)


def _with_empty(
    spec: Calendar, due: Sequence[Span], last: Span | None, now: datetime | None, judged: set[str]
) -> list[Span]:
    """Put the windows between in, and where the version still answers those up to now."""
    known = {span.key: span for span in due}
    begin = last.end if last else due[0].start if due else None
    until = max([span.end for span in due] + ([now - spec.grace] if now else []), default=None)
    if begin is not None and until is not None:
        for number, span in enumerate(_from(spec, begin)):
            if span.end > until or number >= MOST_EMPTY:
                break
            if span.key not in judged:
                known.setdefault(span.key, span)
    return sorted(known.values(), key=lambda span: span.start)


def _from(spec: Calendar, start: datetime) -> Iterator[Span]:
    span = spec.span(start)
    while True:
        yield span
        span = spec.span(span.end)


def plan_rows(spec: Count, waiting: Iterable[Waiting], *, windows: int) -> list[Task]:
    """Fill windows with what has arrived, in that order; what does not fill one waits for more."""
    tasks: list[Task] = []
    takes: list[Take] = []
    room = spec.rows
    for part in waiting:
        offset, left = part.taken, sum(part.rows.values())
        while left:
            rows = min(left, room)
            takes.append(Take(part=part.part, rows=rows, total=part.total, offset=offset))
            offset, left, room = offset + rows, left - rows, room - rows
            if not room:
                tasks.append(Task(kind="judge", window=count_key(windows + len(tasks)), takes=tuple(takes)))
                takes, room = [], spec.rows
    return tasks


def count_key(number: int) -> str:
    """Name a count window; names sort as the windows do."""
    return f"rows-{number:07d}"
