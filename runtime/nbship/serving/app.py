"""The ASGI application of a frontend: `/predict`, and what people and probes ask about it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request as Asking
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from nbship.serving import metrics, openapi
from nbship.serving.answering import Answering, Reply, Request
from nbship.serving.keys import Doorkeeper

_log = logging.getLogger("nbship.serving.app")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ARROW = b"application/vnd.apache.arrow.stream"
_JSON = (b"content-type", b"application/json")
#: When somebody who was turned away should come again, in seconds.
_AGAIN = (b"retry-after", b"1")
_COME_AGAIN = frozenset({429, 503})
_MOST_NAME = 200
#: Bytes of a refused body that are read all the same, and dropped.
_MOST_DISCARDED = 64 * 2**20


class Application:
    """Requests to `/predict` come straight here: a framework's layers would cost more than small models take."""

    def __init__(self, answering: Answering, doorkeeper: Doorkeeper | None) -> None:
        self.answering = answering
        self.doorkeeper = doorkeeper
        self.is_closing = False
        self._held = 0
        self._loop = asyncio.get_running_loop()
        self._others = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/ready", self._ready),
                Route("/metrics", self._metrics),
                Route("/openapi.json", self._openapi),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"] == "/predict":
            await self._predict(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    async def _predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _discard(receive)
            await self._send(send, refusal, close=True)
            return
        self._held += (held := _announced(headers))
        try:
            body = await self._body(receive)
            if body is None:
                return
            if isinstance(body, Reply):
                await _discard(receive)
                await self._send(send, body, close=True)
                return
            request = self._request(body, headers)
            reply = await self._answer(request)
            await self._send(send, reply)
            if self.answering.table.mode == "shadow":
                self.answering.shadow(request, reply)
        finally:
            self._held -= held

    async def _answer(self, request: Request) -> Reply:
        """Give the reply; what should never happen is an answer, too, and stands in our own log."""
        try:
            return await self.answering.answer(request)
        except Exception:  # noqa: BLE001  # whatever it is, there must be an answer
            _log.exception("a request could not be answered")
            return _told(500, "the server failed; its log says why")

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> Reply | None:
        """Give the reply to a request whose body need not be read."""
        if scope["method"] != "POST":
            return _told(405, "POST a body with records or columns")
        if self.doorkeeper is not None and not self.doorkeeper.knows(_key(headers)):
            return _told(401, "the key is missing or not known: send it as X-API-Key")
        settings = self.answering.settings
        length = _announced(headers)
        if length > settings.most_body:
            return _told(413, f"{length} bytes, and a body may have {settings.most_body}")
        if self._held + length > settings.most_held:
            return _told(503, "too many bodies are being read")
        return None

    async def _body(self, receive: Receive) -> bytes | Reply | None:
        """Give the body; a reply where it is too long, None where the client has gone."""
        message = await receive()
        if message["type"] != "http.request":
            return None
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            return body
        parts = bytearray(body)
        while message.get("more_body"):
            if len(parts) > self.answering.settings.most_body:
                return _told(413, f"a body may have {self.answering.settings.most_body} bytes")
            message = await receive()
            if message["type"] != "http.request":
                return None
            parts += message.get("body", b"")
        if len(parts) > self.answering.settings.most_body:
            return _told(413, f"a body may have {self.answering.settings.most_body} bytes")
        return bytes(parts)

    def _request(self, body: bytes, headers: dict[bytes, bytes]) -> Request:
        seconds = self.answering.settings.timeout_s
        wanted = headers.get(b"x-timeout-ms")
        if wanted is not None and wanted.isdigit():
            seconds = min(seconds, int(wanted) / 1000)
        name, key = headers.get(b"x-request-id"), headers.get(b"x-key")
        return Request(
            body,
            time.time(),
            time.perf_counter(),
            self._loop.time() + seconds,
            headers.get(b"content-type", b"").startswith(ARROW),
            name[:_MOST_NAME].decode("latin-1") if name else None,
            key[:_MOST_NAME].decode("latin-1") if key else None,
        )

    async def _send(self, send: Send, reply: Reply, *, close: bool = False) -> None:
        self.answering.metrics.responded(reply.status)
        headers = [
            _JSON,
            (b"content-length", str(len(reply.content)).encode()),
            (b"x-request-id", reply.request.encode("latin-1", "replace")),
        ]
        if reply.status in _COME_AGAIN:
            headers.append(_AGAIN)
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.content})

    async def _health(self, _: Asking) -> Response:
        return PlainTextResponse("ok")

    async def _ready(self, _: Asking) -> Response:
        answering = self.answering
        table = answering.table
        ready = answering.is_ready and not self.is_closing
        found = {
            "ready": ready,
            "model": table.model,
            "revision": table.revision,
            "champion": table.champion,
            "challenger": table.challenger,
            "mode": table.mode,
            "share": table.share,
            "workers": {str(version): lane.pool.connected for version, lane in answering.lanes.items()},
            "problems": list(self._problems()),
        }
        return JSONResponse(found, status_code=200 if ready else 503)

    def _problems(self) -> list[str]:
        table, spool = self.answering.table, self.answering.spool
        found = [*table.notes, *(f"version {version}: {why}" for version, why in table.failed.items())]
        if spool.failure:
            found.append(
                f"{spool.waiting} predictions wait in memory: {spool.failure}; {spool.dropped} were let go"
            )
        if self.doorkeeper is not None and self.doorkeeper.problem:
            found.append(f"the file of API keys: {self.doorkeeper.problem}; the last one holds")
        return found

    async def _metrics(self, _: Asking) -> Response:
        return Response(metrics.exposition(self.answering), media_type=metrics.CONTENT_TYPE)

    async def _openapi(self, _: Asking) -> Response:
        table, settings = self.answering.table, self.answering.settings
        up = table.versions.get(table.champion or 0)
        if up is None or table.champion is None:
            return JSONResponse({"problem": "no version of the model is live yet"}, status_code=503)
        found = openapi.document(
            table.model,
            table.champion,
            up.schema,
            classes=up.classes,
            most_rows=settings.most_rows,
            keys=self.doorkeeper is not None,
            strict=settings.extra == "refuse",
        )
        return JSONResponse(found)


async def _discard(receive: Receive) -> None:
    """Let a client finish, within bounds: one that is cut off while it sends never reads what it is told."""
    seen = 0
    while seen < _MOST_DISCARDED:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        seen += len(message.get("body", b""))


def _told(status: int, problem: str) -> Reply:
    return Reply(status, msgspec.json.encode({"problem": problem}), "-")


def _announced(headers: dict[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def _key(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-api-key")
    if given is None:
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        given = given if scheme.lower() == b"bearer" else b""
    return given.decode("latin-1")
