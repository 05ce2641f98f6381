"""What the panel is told: today's state, or the last known one and why it is not today's."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

from nbship_lab.worker import Failure, WorkerError

if TYPE_CHECKING:
    from nbship_lab.worker import JsonObject, Worker

Key: TypeAlias = tuple[str, str]

#: How many models' last states are kept; a document is some ten kilobytes.
KEPT = 64
#: An answer that came while nobody was waiting is given to whoever asks within this time.
FRESH_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A state document and the tag that tells whether the browser has it already."""

    document: JsonObject
    etag: str


@dataclass(frozen=True, slots=True)
class Pending:
    """No answer yet and nothing older to show; ``worker`` is ``starting`` or ``ready`` (busy)."""

    worker: str


class States:
    """Ask each model's state once at a time, and remember what it was."""

    def __init__(self, worker: Worker, *, deadline_s: float, patience_s: float) -> None:
        self._worker = worker
        self._deadline_s = deadline_s
        self._patience_s = patience_s
        self._flights: dict[Key, asyncio.Task[JsonObject]] = {}
        self._landed: WeakKeyDictionary[asyncio.Task[JsonObject], float] = WeakKeyDictionary()
        self._last: dict[Key, JsonObject] = {}

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
            document = flight.result()
            if older is not None and not _reachable(document) and not document.get("versions"):
                return _away(older, Failure(what=_message(document) or "The tracking store does not answer"))
            return Known(document=document, etag=str(document.get("revision", "")))
        if isinstance(error, WorkerError) and older is not None:
            return _away(older, error.failure)
        raise error

    async def stop(self) -> None:
        """Let go of the questions under way."""
        for flight in self._flights.values():
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)

    def _flight(self, key: Key) -> asyncio.Task[JsonObject]:
        flight = self._flights.get(key)
        if flight is not None and time.monotonic() - self._landed.get(flight, time.monotonic()) < FRESH_S:
            return flight
        flight = asyncio.create_task(self._fly(key))
        flight.add_done_callback(self._land)
        self._flights[key] = flight
        return flight

    def _land(self, flight: asyncio.Task[JsonObject]) -> None:
        self._landed[flight] = time.monotonic()
        if not flight.cancelled():
            flight.exception()  # looked at, so that asyncio does not log what the next question will tell

    async def _fly(self, key: Key) -> JsonObject:
        model, profile = key
        document = await self._worker.ask("state", model=model, profile=profile, deadline_s=self._deadline_s)
        if _reachable(document):
            self._last.pop(key, None)
            self._last[key] = document
            while len(self._last) > KEPT:
                del self._last[next(iter(self._last))]
        return document


def _reachable(document: JsonObject) -> bool:
    store = document.get("store")
    return isinstance(store, dict) and store.get("reachable") is True


def _message(document: JsonObject) -> str | None:
    store = document.get("store")
    return store.get("message") if isinstance(store, dict) else None


def _away(older: JsonObject, failure: Failure) -> Known:
    """The last known document, saying that its store is away; its ``as_of`` keeps the age."""
    store = older["store"] | {"reachable": False, "message": failure.what, "help": failure.help}
    return Known(document=older | {"store": store}, etag=f"{older.get('revision', '')}-away")


def failure_json(failure: Failure) -> JsonObject:
    """The failure as the browser reads it."""
    return {"error": asdict(failure)}
