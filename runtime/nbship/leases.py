"""Who may do what only one may do at a time: a row in nbship's database that runs out by itself.

A holder that dies keeps nobody out for longer than its lease; one that takes long renews it. What is done under a
lease must still be harmless when done twice: a holder that slept may wake up after its lease has run out.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from nbship.database import Database, IntegrityError
from nbship.errors import StoreError

if TYPE_CHECKING:
    from nbship.config import Config

_META = sa.MetaData()
_leases = sa.Table(
    "nbship_leases",
    _META,
    sa.Column("name", sa.String(250), primary_key=True),
    sa.Column("holder", sa.String(250), nullable=False),
    sa.Column("until", sa.Float(53), nullable=False),
)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Give the time, as everything in the database is written."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lease, and until when."""

    holder: str
    until: datetime


class Leases:
    """The leases of everybody who uses one database."""

    def __init__(self, config: Config, *, clock: Clock = utc_now) -> None:
        self._database = Database(config.state_url, _META)
        self._clock = clock

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def take(self, name: str, holder: str, length: timedelta) -> bool:
        """Take or renew a lease; False where somebody else holds it."""
        now = self._clock().timestamp()
        values: dict[str, Any] = {"holder": holder, "until": now + length.total_seconds()}
        free = sa.or_(_leases.c.until <= now, _leases.c.holder == holder)
        try:
            with self._database.begin() as connection:
                if connection.execute(
                    sa.update(_leases).where(_leases.c.name == name, free).values(values)
                ).rowcount:
                    return True
                if (
                    connection.execute(sa.select(_leases.c.name).where(_leases.c.name == name)).first()
                    is None
                ):
                    connection.execute(sa.insert(_leases).values(name=name, **values))
                    return True
        except IntegrityError:  # somebody else was the first
            return False
        return False

    def give_back(self, name: str, holder: str) -> None:
        """Let others have a lease; nothing happens where somebody else has it by now."""
        mine = (_leases.c.name == name, _leases.c.holder == holder)
        with self._database.begin() as connection:
            connection.execute(sa.delete(_leases).where(*mine))

    def holder(self, name: str) -> Holder | None:
        """Tell who holds a lease; None where nobody does, or where it has run out."""
        rows = self._database.rows(sa.select(_leases).where(_leases.c.name == name))
        if not rows or rows[0].until <= self._clock().timestamp():
            return None
        return Holder(holder=rows[0].holder, until=datetime.fromtimestamp(rows[0].until, UTC))

    @contextlib.contextmanager
    def held(self, name: str, length: timedelta, *, renewed: bool = False) -> Generator[bool]:
        """Hold a lease while the block runs; gives False, and holds nothing, where somebody else has it.

        ``renewed``: the block may take longer than ``length``, which is then only how long a dead holder is waited for.
        """
        holder = new_holder()
        if not self.take(name, holder, length):
            yield False
            return
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(name, holder, length, ended), daemon=True)
        if renewed:
            renewing.start()
        try:
            yield True
        finally:
            ended.set()
            if renewed:
                renewing.join()
            self.give_back(name, holder)

    def _renew(self, name: str, holder: str, length: timedelta, ended: threading.Event) -> None:
        """Renew a lease until its block has ended; a database that is away is asked again."""
        while not ended.wait(length.total_seconds() / 4):
            with contextlib.suppress(StoreError):
                self.take(name, holder, length)


def new_holder() -> str:
    """Give a name that nobody else has, from which people see which process it is."""
    return f"{platform.node()[:100]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
