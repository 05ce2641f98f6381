"""The online store: the newest value of each entity, for a server to read by key.

A value never gives way to an older one, in whatever order they arrive, so that any number of processes may keep
features at once and nothing needs a lock around the store.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from nbship import store
from nbship.errors import InputError, StoreError

if TYPE_CHECKING:
    import pandas as pd

    from nbship.features.views import FeatureView

#: The values of an entity's keys, in the view's order.
Key = tuple[Any, ...]
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The features of one entity, and the moment from which they hold."""

    key: Key
    at: datetime
    features: Mapping[str, Any]


class OnlineStore(Protocol):
    """What a server needs: values by key. ``space`` is a view and its definition."""

    def put(self, space: str, rows: Sequence[Row]) -> None:
        """Keep rows; one that is older than what is there changes nothing."""
        ...

    def get(self, space: str, keys: Sequence[Key]) -> list[Row | None]:
        """Give the row of each key, or None."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


def online_store(url: str) -> OnlineStore:
    """Give the store at an address: ``redis://…`` or any of SQLAlchemy's. Raises InputError, or StoreError."""
    if url.startswith(("redis://", "rediss://", "unix://")):
        return RedisStore(url)
    if "://" not in url:
        raise InputError(
            f"{store.shown(url)!r} is no address of an online store",
            where="[tool.nbship.features] online",
            help="redis://HOST:6379/0, postgresql://…, or sqlite:///FILE",
        )
    return SqlStore(url)


def rows_of(features: pd.DataFrame, view: FeatureView) -> list[Row]:
    """Give the rows of a frame of keys, time and features; what is missing is None."""
    names = [str(name) for name in features.columns if name not in {*view.keys, view.time}]
    times = [moment.to_pydatetime() for moment in features[view.time]]
    columns = {name: _plain(features[name]) for name in (*view.keys, *names)}
    return [
        Row(
            key=tuple(columns[key][place] for key in view.keys),
            at=at,
            features={name: columns[name][place] for name in names},
        )
        for place, at in enumerate(times)
    ]


def fresh(row: Row | None, view: FeatureView, now: datetime) -> Mapping[str, Any] | None:
    """Give the values of a row, or None where they have grown older than the view allows."""
    if row is None or (view.freshness is not None and now - row.at > view.freshness):
        return None
    return row.features


def _plain(column: pd.Series) -> list[Any]:
    """Give Python's own values: JSON keeps them to the last digit. Times become text, what is missing None."""
    missing = column.isna()
    if column.dtype.kind == "M" or str(column.dtype).startswith("datetime64"):
        column = column.map(lambda value: value.isoformat(), na_action="ignore")
    values = column.astype(object).tolist()
    return [
        None if gone else getattr(value, "item", lambda value=value: value)()
        for value, gone in zip(values, missing, strict=True)
    ]


def _key_text(key: Key) -> str:
    return json.dumps(list(key), separators=(",", ":"), ensure_ascii=False)


def _document(row: Row) -> str:
    return json.dumps({"at": row.at.astimezone(UTC).isoformat(), "features": dict(row.features)}, default=str)


def _row(key: Key, document: str) -> Row:
    found = json.loads(document)
    return Row(key=key, at=datetime.fromisoformat(found["at"]), features=found["features"])


def _newest(rows: Sequence[Row]) -> dict[str, Row]:
    """Give one row for each key; of rows for the same moment the last."""
    found: dict[str, Row] = {}
    for row in rows:
        text = _key_text(row.key)
        if text not in found or row.at >= found[text].at:
            found[text] = row
    return found


class SqlStore:
    """A table of a database that SQLAlchemy knows: SQLite on one machine, PostgreSQL for several."""

    def __init__(self, url: str) -> None:
        import sqlalchemy as sa

        from nbship.database import Database

        self._sa = sa
        meta = sa.MetaData()
        self._table = sa.Table(
            "nbship_online_features",
            meta,
            sa.Column("space", sa.String(100), primary_key=True),
            sa.Column("key", sa.String(500), primary_key=True),
            sa.Column("at", sa.String(40), nullable=False),
            sa.Column("document", sa.Text, nullable=False),
        )
        self._database = Database(url, meta)

    def put(self, space: str, rows: Sequence[Row]) -> None:
        """Keep rows; one that is older than what is there changes nothing."""
        found = [
            {"space": space, "key": text, "at": _stamp(row.at), "document": _document(row)}
            for text, row in _newest(rows).items()
        ]
        for start in range(0, len(found), _AT_ONCE):
            with self._database.begin() as connection:
                connection.execute(self._upsert(found[start : start + _AT_ONCE], connection.dialect.name))

    def _upsert(self, values: list[dict[str, str]], dialect: str) -> Any:
        if dialect == "postgresql":
            from sqlalchemy.dialects.postgresql import insert
        else:
            from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # the same words

        statement = insert(self._table).values(values)
        new = {"at": statement.excluded.at, "document": statement.excluded.document}
        return statement.on_conflict_do_update(
            index_elements=["space", "key"], set_=new, where=statement.excluded.at >= self._table.c.at
        )

    def get(self, space: str, keys: Sequence[Key]) -> list[Row | None]:
        """Give the row of each key, or None."""
        texts = [_key_text(key) for key in keys]
        columns = (self._table.c.key, self._table.c.document)
        found: dict[str, str] = {}
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            query = self._sa.select(*columns).where(self._table.c.space == space, self._table.c.key.in_(some))
            found.update((row.key, row.document) for row in self._database.rows(query))
        return [
            _row(key, found[text]) if text in found else None for key, text in zip(keys, texts, strict=True)
        ]

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()


class RedisStore:
    """Redis, a hash for each view; a value and its time are changed together."""

    def __init__(self, url: str) -> None:
        try:
            import redis
        except ModuleNotFoundError as error:
            raise InputError("redis is not installed", help="pip install 'nbship[redis]'") from error
        self._redis, self._shown = redis, store.shown(url)
        with self._speaking():
            self._client: Any = redis.Redis.from_url(url, decode_responses=True)
            self._client.ping()

    def put(self, space: str, rows: Sequence[Row]) -> None:
        """Keep rows; one that is older than what is there changes nothing."""
        newest = _newest(rows)
        with self._speaking():
            for start in range(0, len(newest), _AT_ONCE):
                some = dict(list(newest.items())[start : start + _AT_ONCE])
                self._client.transaction(partial(self._put, space=space, rows=some), _name(space))

    def _put(self, pipe: Any, *, space: str, rows: Mapping[str, Row]) -> None:
        """Read, then change what is older; redis-py calls it again where another process came between."""
        there = pipe.hmget(_name(space), list(rows))
        kept = {
            text: _document(row)
            for (text, row), before in zip(rows.items(), there, strict=True)
            if before is None or row.at >= _row(row.key, before).at
        }
        pipe.multi()
        if kept:
            pipe.hset(_name(space), mapping=kept)

    def get(self, space: str, keys: Sequence[Key]) -> list[Row | None]:
        """Give the row of each key, or None."""
        if not keys:
            return []
        with self._speaking():
            found = self._client.hmget(_name(space), [_key_text(key) for key in keys])
        return [_row(key, text) if text is not None else None for key, text in zip(keys, found, strict=True)]

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    @contextlib.contextmanager
    def _speaking(self) -> Generator[None]:
        try:
            yield
        except (self._redis.RedisError, OSError) as error:
            said = str(error).strip().partition("\n")[0]
            raise StoreError(
                f"the online feature store does not answer: {said}",
                where=self._shown,
                help="[tool.nbship.features] online says where it is",
            ) from error


def _name(space: str) -> str:
    return f"nbship:features:{space}"


def _stamp(at: datetime) -> str:
    """Give a time as text that sorts as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
