"""What the panel is told: today's state, or the last known one and why it is not today's."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

from nbship_lab.worker import Failure, WorkerError

if TYPE_CHECKING:
    from nbship_lab.worker import JsonObject, Reply, Worker

Key: TypeAlias = tuple[str, str]

#: How many models' last states are kept; a document is some ten kilobytes, of many versions half a megabyte.
KEPT = 64
#: An answer that came while nobody was waiting is given to whoever asks within this time.
FRESH_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A state document, unread: the store's part, the rest as it came, and the tag that the browser may have."""

    store: JsonObject
    rest: bytes
    etag: str

    @property
    def reachable(self) -> bool:
        """Whether the store answered when this was drawn."""
        return self.store.get("reachable") is True

    @property
    def document(self) -> bytes:
        """The whole as JSON; putting it together reads nothing, however large it is."""
        return b'{"store":' + json.dumps(self.store).encode() + b"," + self.rest[1:]


@dataclass(frozen=True, slots=True)
class Pending:
    """No answer yet and nothing older to show; ``worker`` is ``starting`` or ``ready`` (busy)."""

    worker: str


def _nobody(_model: str, _profile: str, _etag: str) -> None:
    """Tell nobody of a change."""


class States:
    """Ask each model's state once at a time, and remember what it was. ``changed`` is told of every other one."""

    def __init__(self, worker: Worker, *, deadline_s: float, patience_s: float) -> None:
        self._worker = worker
        self._deadline_s = deadline_s
        self._patience_s = patience_s
        self._flights: dict[Key, asyncio.Task[Known]] = {}
        self._landed: WeakKeyDictionary[asyncio.Task[Known], float] = WeakKeyDictionary()
        self._last: dict[Key, Known] = {}
        self._told: dict[Key, str] = {}
        self.changed: Callable[[str, str, str], None] = _nobody

    async def of(self, model: str, profile: str) -> Known | Pending:
        """The model's state; raises WorkerError only where nothing is known from before.

        While an older state is known the answer may take the whole deadline (the panel shows the older
        one meanwhile); the first time it is Pending after a moment, so that the panel can say so.
        """
        key = (model, profile)
        flight = self._flight(key)
        older = self._last.get(key)
        done, _ = await asyncio.wait([flight], timeout=None if older else self._patience_s)
        if not done:
            return Pending(self._worker.condition)
        if self._flights.get(key) is flight:
            del self._flights[key]
        error = flight.exception()
        if error is None:
            return self._newest(key, flight.result(), older)
        if isinstance(error, WorkerError) and older is not None:
            return self._tell(key, _away(older, error.failure))
        raise error

    async def stop(self) -> None:
        """Let go of the questions under way."""
        for flight in self._flights.values():
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)

    def _newest(self, key: Key, known: Known, older: Known | None) -> Known:
        """The state that came, unless it is an empty one of a store that is away and an older one is known."""
        if older is not None and not known.reachable and b'"versions":[]' in known.rest:
            what = known.store.get("message") or "The tracking store does not answer"
            known = _away(older, Failure(what=what, help=known.store.get("help")))
        return self._tell(key, known)

    def _tell(self, key: Key, known: Known) -> Known:
        before = self._told.pop(key, None)
        self._told[key] = known.etag
        _forget_oldest(self._told)
        if before is not None and before != known.etag:
            self.changed(*key, known.etag)
        return known

    def _flight(self, key: Key) -> asyncio.Task[Known]:
        flight = self._flights.get(key)
        if flight is not None and time.monotonic() - self._landed.get(flight, time.monotonic()) < FRESH_S:
            return flight
        flight = asyncio.create_task(self._fly(key))
        flight.add_done_callback(self._land)
        self._flights[key] = flight
        return flight

    def _land(self, flight: asyncio.Task[Known]) -> None:
        self._landed[flight] = time.monotonic()
        if not flight.cancelled():
            flight.exception()  # looked at, so that asyncio does not log what the next question will tell

    async def _fly(self, key: Key) -> Known:
        model, profile = key
        last = self._last.get(key)
        reply = await self._worker.reply(
            "state",
            model=model,
            profile=profile,
            apart=True,
            known=last.etag if last else None,
            deadline_s=self._deadline_s,
        )
        known = _read(reply, last)
        if known.reachable:
            self._last.pop(key, None)
            self._last[key] = known
            _forget_oldest(self._last)
        return known


def _forget_oldest(known: dict[Key, Known] | dict[Key, str]) -> None:
    while len(known) > KEPT:
        del known[next(iter(known))]


def _read(reply: Reply, last: Known | None) -> Known:
    """The state that an answer tells; raises WorkerError for one of a worker that speaks otherwise."""
    store, etag = reply.told.get("store"), reply.told.get("etag")
    if isinstance(store, dict) and isinstance(etag, str):
        if reply.body is not None:
            return Known(store=store, rest=reply.body, etag=etag)
        if last is not None and last.etag == etag:
            return replace(last, store=store)
    raise WorkerError(
        Failure(
            what="The nbship worker answers as another version of nbship would",
            help="Install the same version of nbship in both environments and restart the server.",
        )
    )


def _away(older: Known, failure: Failure) -> Known:
    """The last known document, saying that its store is away; its ``as_of`` keeps the age."""
    store = older.store | {"reachable": False, "message": failure.what, "help": failure.help}
    mark = hashlib.sha256(failure.what.encode()).hexdigest()[:8]
    return replace(older, store=store, etag=f"{older.etag}-away-{mark}")


def failure_json(failure: Failure) -> JsonObject:
    """The failure as the browser reads it."""
    return {"error": {"what": failure.what, "where": failure.where, "help": failure.help}}
