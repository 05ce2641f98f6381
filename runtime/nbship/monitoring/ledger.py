"""What the monitor remembers, in the registry's database: one transaction for each window.

A stream is a version of a model, cut in one way. In a transaction a window is entered together with the rows it
took, its report, what it did to the alerts, and what people are to be told (``events``, delivered afterwards). A
monitor that is killed at any moment has done all of a window or nothing of it, and two monitors at once cannot both
do it: the second finds the window there. What is told is told at least once, under a number that stays the same.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nbship.alerts.lifecycle import Alert, Event
from nbship.database import Database, IntegrityError
from nbship.errors import NbshipError
from nbship.monitoring.judging import Judgement
from nbship.monitoring.windows import Take

_meta = sa.MetaData()
_streams = sa.Table(
    "nbship_monitor_streams",
    _meta,
    sa.Column("stream", sa.String(250), primary_key=True),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("passes", sa.Integer, nullable=False, default=0),
    sa.Column("baseline", sa.Text),
)
_windows = sa.Table(
    "nbship_monitor_windows",
    _meta,
    sa.Column("stream", sa.String(250), primary_key=True),
    sa.Column("window", sa.String(40), primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("late", sa.Integer, nullable=False, default=0),
    sa.Column("judged_at", sa.String(40), nullable=False),
    sa.Column("shown", sa.Boolean, nullable=False, default=False),
    sa.Column("document", sa.Text, nullable=False),
)
_takes = sa.Table(
    "nbship_monitor_takes",
    _meta,
    sa.Column("stream", sa.String(250), primary_key=True),
    sa.Column("part", sa.String(100), primary_key=True),
    sa.Column("window", sa.String(40), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("offset", sa.Integer, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("late", sa.Boolean, nullable=False, default=False),
)
_problems = sa.Table(
    "nbship_monitor_problems",
    _meta,
    sa.Column("stream", sa.String(250), primary_key=True),
    sa.Column("subject", sa.String(150), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("found_at", sa.String(40), nullable=False),
)
_alerts = sa.Table(
    "nbship_alerts",
    _meta,
    sa.Column("stream", sa.String(250), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)
_events = sa.Table(
    "nbship_alert_events",
    _meta,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("stream", sa.String(250), nullable=False),
    sa.Column("key", sa.String(250), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("pending", sa.Text, nullable=False),
)
_scores = sa.Table(
    "nbship_monitor_scores",
    _meta,
    sa.Column("stream", sa.String(250), primary_key=True),
    sa.Column("window", sa.String(40), primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
)


class AlreadyDoneError(NbshipError):
    """Another monitor has entered this window, or these rows, meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A version of a model, cut in one way."""

    model: str
    version: int
    cut: str

    @property
    def key(self) -> str:
        """Its name in the database."""
        return f"{self.model}:{self.version}:{self.cut}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A window as it stands in the ledger."""

    judgement: Judgement
    late: int
    judged_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How many rows of a part have been taken: by window, and in all, of how many."""

    windows: Mapping[str, int]
    rows: int
    total: int

    @property
    def done(self) -> bool:
        """Whether no row of it is left."""
        return self.rows >= self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event with its number, the stream it belongs to, and the sinks that do not have it yet."""

    number: int
    stream: str
    model: str
    event: Event
    pending: tuple[str, ...]


class Ledger:
    """The database. Raises StoreError where it does not answer."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, _meta)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    @contextlib.contextmanager
    def entry(self, stream: Stream) -> Generator[Entry]:
        """Begin a transaction on a stream, alone with it; all of it is kept, or nothing.

        Raises AlreadyDoneError where another has entered the same.
        """
        self._ensure(stream)
        with self._alone(), self._database.begin() as connection:
            # the first statement takes the stream's lock, so that what is read behind it stays true
            mine = _streams.c.stream == stream.key
            connection.execute(sa.update(_streams).where(mine).values(passes=_streams.c.passes + 1))
            yield Entry(connection, stream)

    def _ensure(self, stream: Stream) -> None:
        values = {"stream": stream.key, "model": stream.model, "version": stream.version, "passes": 0}
        with contextlib.suppress(IntegrityError), self._database.begin() as connection:
            here = connection.execute(sa.select(_streams.c.stream).where(_streams.c.stream == stream.key))
            if here.first() is None:
                connection.execute(sa.insert(_streams).values(values))

    def taken(self, stream: Stream) -> dict[str, Taken]:
        """Tell what has been taken of each part."""
        columns = (_takes.c.part, _takes.c.window, _takes.c.rows, _takes.c.total)
        found: dict[str, dict[str, int]] = {}
        totals: dict[str, int] = {}
        for part, window, rows, total in self._rows(sa.select(*columns).where(_takes.c.stream == stream.key)):
            windows = found.setdefault(part, {})
            windows[window] = windows.get(window, 0) + rows
            totals[part] = total
        return {
            part: Taken(windows=known, rows=sum(known.values()), total=totals[part])
            for part, known in found.items()
        }

    def takes(self, stream: Stream, window: str) -> list[Take]:
        """Give the rows that a window took when it was judged."""
        mine = (_takes.c.stream == stream.key, _takes.c.window == window, ~_takes.c.late)
        columns = (_takes.c.part, _takes.c.offset, _takes.c.rows, _takes.c.total)
        query = sa.select(*columns).where(*mine).order_by(_takes.c.part)
        return [
            Take(part=part, offset=offset, rows=rows, total=total)
            for part, offset, rows, total in self._rows(query)
        ]

    def window_names(self, stream: Stream) -> list[str]:
        """Give the names of the windows that were judged, oldest first."""
        query = (
            sa.select(_windows.c.window).where(_windows.c.stream == stream.key).order_by(_windows.c.window)
        )
        return [row[0] for row in self._rows(query)]

    def windows(self, stream: Stream, *, last: int | None = None) -> list[Judged]:
        """Give the windows that were judged, oldest first; the ``last`` ones of them."""
        columns = (_windows.c.document, _windows.c.late, _windows.c.judged_at)
        query = sa.select(*columns).where(_windows.c.stream == stream.key).order_by(_windows.c.window.desc())
        return [_judged(row) for row in reversed(self._rows(query.limit(last)))]

    def unshown(self, stream: Stream) -> list[Judged]:
        """Give the windows that the registry does not have yet, oldest first."""
        columns = (_windows.c.document, _windows.c.late, _windows.c.judged_at)
        mine = (_windows.c.stream == stream.key, ~_windows.c.shown)
        return [
            _judged(row) for row in self._rows(sa.select(*columns).where(*mine).order_by(_windows.c.window))
        ]

    def mark_shown(self, stream: Stream, window: str) -> None:
        """Note that the registry has a window."""
        mine = (_windows.c.stream == stream.key, _windows.c.window == window)
        with self._database.begin() as connection:
            connection.execute(sa.update(_windows).where(*mine).values(shown=True))

    def streams(self, model: str | None = None) -> list[Stream]:
        """Give the streams that are watched."""
        query = sa.select(_streams.c.model, _streams.c.version, _streams.c.stream).order_by(_streams.c.stream)
        if model is not None:
            query = query.where(_streams.c.model == model)
        return [
            Stream(model=name, version=version, cut=key.rpartition(":")[2])
            for name, version, key in self._rows(query)
        ]

    def problems(self, stream: Stream) -> dict[str, str]:
        """Give what was wrong with the log, by what it is of."""
        query = sa.select(_problems.c.subject, _problems.c.reason).where(_problems.c.stream == stream.key)
        rows: Any = self._rows(query.order_by(_problems.c.subject))
        return dict(rows)

    def alerts(self, model: str | None = None) -> list[tuple[Stream, Alert]]:
        """Give all alerts of a model, or of every model."""
        query = sa.select(_alerts.c.stream, _alerts.c.model, _alerts.c.document)
        if model is not None:
            query = query.where(_alerts.c.model == model)
        return [
            (_stream(key, name), _alert_from(json.loads(document)))
            for key, name, document in self._rows(query.order_by(_alerts.c.stream, _alerts.c.key))
        ]

    def scores(self, stream: Stream) -> dict[str, dict[str, Any]]:
        """Give what is known of how right the answers of each window were."""
        query = sa.select(_scores.c.window, _scores.c.document).where(_scores.c.stream == stream.key)
        return {window: json.loads(text) for window, text in self._rows(query.order_by(_scores.c.window))}

    def events(self, *, pending: bool = False) -> list[Told]:
        """Give what was to be told, in order; with ``pending`` what some sink does not have yet."""
        query = sa.select(_events, _streams.c.model).join(_streams, _streams.c.stream == _events.c.stream)
        if pending:
            query = query.where(_events.c.pending != "[]")
        return [
            Told(
                number=row.number,
                stream=row.stream,
                model=row.model,
                event=_event_from(json.loads(row.document)),
                pending=tuple(json.loads(row.pending)),
            )
            for row in self._rows(query.order_by(_events.c.number))
        ]

    def delivered(self, number: int, *, pending: Sequence[str]) -> None:
        """Note which sinks still lack an event."""
        with self._database.begin() as connection:
            left = json.dumps(list(pending))
            connection.execute(sa.update(_events).where(_events.c.number == number).values(pending=left))

    def _rows(self, query: Any) -> list[Any]:
        return self._database.rows(query)

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        try:
            yield
        except IntegrityError as error:
            where = self._database.shown
            raise AlreadyDoneError("another monitor has done this window", where=where) from error


class Entry:
    """One transaction on a stream."""

    def __init__(self, connection: sa.Connection, stream: Stream) -> None:
        self._connection = connection
        self._key = stream.key
        self._model = stream.model

    def add_window(self, judgement: Judgement, takes: Iterable[Take], *, at: datetime) -> None:
        """Enter a window that was judged, and the rows that it took."""
        values = {
            "stream": self._key,
            "window": judgement.window,
            "rows": judgement.rows,
            "judged_at": at.isoformat(),
            "document": json.dumps(judgement.to_json()),
        }
        self._connection.execute(sa.insert(_windows).values(late=0, shown=False, **values))
        self._take(judgement.window, takes, late=False)

    def add_late(self, window: str, takes: Sequence[Take]) -> None:
        """Count rows with the window they belong to, which is judged already."""
        mine = (_windows.c.stream == self._key, _windows.c.window == window)
        more = _windows.c.late + sum(take.rows for take in takes)
        self._take(window, takes, late=True)
        self._connection.execute(sa.update(_windows).where(*mine).values(late=more))

    def _take(self, window: str, takes: Iterable[Take], *, late: bool) -> None:
        rows = [
            {
                "stream": self._key,
                "part": take.part,
                "window": window,
                "place": take.offset,
                "offset": take.offset,
                "rows": take.rows,
                "total": take.total,
                "late": late,
            }
            for take in takes
        ]
        if rows:
            self._connection.execute(sa.insert(_takes), rows)

    def add_problems(self, problems: Mapping[str, str], *, at: datetime) -> dict[str, str]:
        """Note what is wrong with the log; give back what was not known before."""
        here = sa.select(_problems.c.subject).where(_problems.c.stream == self._key)
        known = {row[0] for row in self._connection.execute(here)}
        new = {subject: reason for subject, reason in problems.items() if subject not in known}
        rows = [
            {"stream": self._key, "subject": subject, "reason": reason, "found_at": at.isoformat()}
            for subject, reason in new.items()
        ]
        if rows:
            self._connection.execute(sa.insert(_problems), rows)
        return new

    def baseline(self) -> dict[str, Any] | None:
        """Give the profile that answers are held against."""
        query = sa.select(_streams.c.baseline).where(_streams.c.stream == self._key)
        text = self._connection.execute(query).scalar()
        return json.loads(text) if text else None

    def set_baseline(self, document: Mapping[str, Any]) -> None:
        """Keep the profile that answers are held against from now on."""
        mine = _streams.c.stream == self._key
        self._connection.execute(sa.update(_streams).where(mine).values(baseline=json.dumps(document)))

    def history(self, *, last: int) -> list[Judgement]:
        """Give the windows judged last, oldest first."""
        query = sa.select(_windows.c.document).where(_windows.c.stream == self._key)
        rows = self._connection.execute(query.order_by(_windows.c.window.desc()).limit(last))
        return [Judgement.from_json(json.loads(row[0])) for row in reversed(list(rows))]

    def alerts(self) -> dict[str, Alert]:
        """Give the alerts of the stream by their keys."""
        query = sa.select(_alerts.c.document).where(_alerts.c.stream == self._key)
        found = (_alert_from(json.loads(row[0])) for row in self._connection.execute(query))
        return {alert.key: alert for alert in found}

    def put_alert(self, alert: Alert) -> None:
        """Keep the state of an alert."""
        mine = (_alerts.c.stream == self._key, _alerts.c.key == alert.key)
        values = {"state": alert.state, "document": json.dumps(_plain(alert))}
        if not self._connection.execute(sa.update(_alerts).where(*mine).values(values)).rowcount:
            place = {"stream": self._key, "key": alert.key, "model": self._model}
            self._connection.execute(sa.insert(_alerts).values(**place, **values))

    def score(self, window: str) -> dict[str, Any]:
        """Give how right the answers of a window were; empty where nobody knows."""
        mine = (_scores.c.stream == self._key, _scores.c.window == window)
        text = self._connection.execute(sa.select(_scores.c.document).where(*mine)).scalar()
        found: dict[str, Any] = json.loads(text) if text else {}
        return found

    def put_score(self, window: str, document: Mapping[str, Any]) -> None:
        """Keep how right the answers of a window were, as far as labels have come."""
        mine = (_scores.c.stream == self._key, _scores.c.window == window)
        text = json.dumps(document)
        if not self._connection.execute(sa.update(_scores).where(*mine).values(document=text)).rowcount:
            self._connection.execute(
                sa.insert(_scores).values(stream=self._key, window=window, document=text)
            )

    def add_event(self, event: Event, *, sinks: Sequence[str]) -> None:
        """Keep something to be told, for each of the sinks."""
        document = {"kind": event.kind, "at": event.at.isoformat(), "alert": _plain(event.alert)}
        values = {
            "stream": self._key,
            "key": event.alert.key,
            "kind": event.kind,
            "at": event.at.isoformat(),
            "document": json.dumps(document),
            "pending": json.dumps(list(sinks)),
        }
        self._connection.execute(sa.insert(_events).values(**values))


def _judged(row: Any) -> Judged:
    return Judged(
        judgement=Judgement.from_json(json.loads(row.document)), late=row.late, judged_at=row.judged_at
    )


def _stream(key: str, model: str) -> Stream:
    version, _, cut = key[len(model) + 1 :].partition(":")
    return Stream(model=model, version=int(version), cut=cut)


def _plain(alert: Alert) -> dict[str, Any]:
    given = {name: getattr(alert, name) for name in alert.__dataclass_fields__}
    return {**given, "since": alert.since.isoformat()}


def _alert_from(document: Mapping[str, Any]) -> Alert:
    given = dict(document)
    given["since"] = datetime.fromisoformat(given["since"])
    return Alert(**given)


def _event_from(document: Mapping[str, Any]) -> Event:
    alert = _alert_from(document["alert"])
    return Event(kind=document["kind"], alert=alert, at=datetime.fromisoformat(document["at"]))
