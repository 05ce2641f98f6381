"""Which feature views there are: each definition once, with its owner, its lineage and when it was computed last.

It stands in nbship's own database, beside the registry's state, so that everybody who shares that database sees the
same views.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from nbship.database import Database

_meta = sa.MetaData()
_definitions = sa.Table(
    "nbship_features",
    _meta,
    sa.Column("view", sa.String(100), primary_key=True),
    sa.Column("definition", sa.String(40), primary_key=True),
    sa.Column("registered_at", sa.String(40), nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)
_computed = sa.Table(
    "nbship_features_computed",
    _meta,
    sa.Column("view", sa.String(100), primary_key=True),
    sa.Column("part", sa.String(100), primary_key=True),
    sa.Column("definition", sa.String(40), nullable=False),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A view as it was registered. ``definition`` is the hash of what its function computes, ``commit`` the code's."""

    view: str
    definition: str
    function: str
    keys: tuple[str, ...]
    time: str
    columns: Mapping[str, str]
    owner: str
    freshness_s: float | None
    description: str
    commit: str | None
    dirty: bool | None
    registered_at: str
    registered_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Computation:
    """Features that were kept once: from which table, how many rows, and the newest moment they tell of."""

    view: str
    definition: str
    part: str
    at: str
    rows: int
    newest: str
    source: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A view's latest definition, those before it, and what was computed of it, newest first."""

    latest: Definition
    earlier: tuple[Definition, ...] = field(default=())
    computed: tuple[Computation, ...] = field(default=())

    def age(self, now: datetime) -> timedelta | None:
        """Give how old the newest value is; None where there is none."""
        times = [
            datetime.fromisoformat(item.newest)
            for item in self.computed
            if item.definition == self.latest.definition
        ]
        return now - max(times) if times else None

    def is_fresh(self, now: datetime) -> bool | None:
        """Tell whether the newest value is younger than the view allows; None where it allows any age."""
        if self.latest.freshness_s is None:
            return None
        age = self.age(now)
        return age is not None and age.total_seconds() <= self.latest.freshness_s


class Catalogue:
    """The tables of views. Raises StoreError where the database does not answer."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, _meta)

    def register(self, found: Definition) -> bool:
        """Keep a definition; False where it is there already, which is then left as it is."""
        there = sa.select(_definitions.c.view).where(
            _definitions.c.view == found.view, _definitions.c.definition == found.definition
        )
        with self._database.begin() as connection:
            if connection.execute(there).first() is not None:
                return False
            connection.execute(
                sa.insert(_definitions).values(
                    view=found.view,
                    definition=found.definition,
                    registered_at=found.registered_at,
                    document=json.dumps(asdict(found)),
                )
            )
        return True

    def note(self, found: Computation) -> None:
        """Keep that features were computed."""
        values = {"view": found.view, "part": found.part, "definition": found.definition, "at": found.at}
        with self._database.begin() as connection:
            connection.execute(sa.insert(_computed).values(document=json.dumps(asdict(found)), **values))

    def entries(self) -> list[Entry]:
        """Give every view, by name."""
        definitions: dict[str, list[Definition]] = {}
        computed: dict[str, list[Computation]] = {}
        query = sa.select(_definitions.c.document).order_by(_definitions.c.registered_at.desc())
        for (text,) in self._database.rows(query):
            found = _definition(json.loads(text))
            definitions.setdefault(found.view, []).append(found)
        for (text,) in self._database.rows(sa.select(_computed.c.document).order_by(_computed.c.at.desc())):
            done = Computation(**json.loads(text))
            computed.setdefault(done.view, []).append(done)
        return [
            Entry(latest=known[0], earlier=tuple(known[1:]), computed=tuple(computed.get(name, ())))
            for name, known in sorted(definitions.items())
        ]


def _definition(document: Mapping[str, Any]) -> Definition:
    fields: dict[str, Any] = {**document, "keys": tuple(document["keys"])}
    return Definition(**fields)
