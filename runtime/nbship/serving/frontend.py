"""One process that speaks HTTP.

    python -m nbship.serving.frontend

The first line of its standard input is what it was told (`Settings`, with the listening socket's number), each further
one what holds from then on (`Table`). It ends, after what is under way, on SIGTERM or when its input ends: then its
supervisor has gone, and another will take the port.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from nbship.serving.answering import Answering
from nbship.serving.app import Application
from nbship.serving.keys import Doorkeeper
from nbship.serving.metrics import Metrics
from nbship.serving.settings import Settings, Table
from nbship.serving.spool import Spool

_log = logging.getLogger("nbship.serving.frontend")
_MOST_HEADERS = 64 * 2**10
_ROTATE_S = 5.0
_SWEEP_S = 0.5
_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Guarded(HttpToolsProtocol):
    """uvicorn's protocol, with what it lacks: a limit for headers, and for how long a request may take to come."""

    begun = 0.0
    head = 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.begun = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what it takes for headers."""
        super().data_received(data)
        if self.begun and not self._in_body():
            self.head += len(data)
            if self.head > _MOST_HEADERS:
                self.refuse(_LARGE)

    def _in_body(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn declares
        return cycle is not None and not cycle.response_complete

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a request."""
        super().on_message_begin()
        self.begun = time.monotonic()
        self.head = 0

    def on_message_complete(self) -> None:
        """Stop waiting: the request is here."""
        self.begun = 0.0
        super().on_message_complete()

    def refuse(self, reply: bytes) -> None:
        """End the connection with a reply, where none was begun."""
        cycle: Any = self.cycle
        if self.transport.is_closing():
            return
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(reply)
        self.transport.close()


class Frontend:
    """uvicorn, with the application in it and the supervisor's lines coming in."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        self._spool = Spool(Path(settings.spool), most_bytes=settings.most_spool)

    async def serve(self, table: Table) -> None:
        """Answer until it is over; ``table`` holds from the first request on."""
        settings = self._settings
        answering = Answering(settings, self._spool, Metrics(settings.model))
        answering.adopt(table)
        doorkeeper = Doorkeeper(Path(settings.keys)) if settings.keys else None
        application = Application(answering, doorkeeper)
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                http=Guarded,
                loop="uvloop",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                proxy_headers=False,
                limit_concurrency=settings.most_connections,
                timeout_graceful_shutdown=max(1, round(settings.grace_s)),
            )
        )
        tasks = [
            asyncio.create_task(self._listen(application, server)),
            asyncio.create_task(self._keep_house(server)),
        ]
        try:
            serve: Any = server._serve  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # `serve` raises the signal again at its end
            await serve([self._listener])
        finally:
            for task in tasks:
                task.cancel()
            answering.close()

    async def _listen(self, application: Application, server: uvicorn.Server) -> None:
        """Take what the supervisor says; when it says nothing any more, stop."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            application.is_closing = True
            server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        reader = asyncio.StreamReader(limit=2**24)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            try:
                application.answering.adopt(Table.decoded(line))
            except Exception:  # noqa: BLE001  # what held goes on to hold
                _log.exception("a table of the supervisor cannot be used")
        stop()

    async def _keep_house(self, server: uvicorn.Server) -> None:
        """Close segments of the log, try again what the disk refused, and end requests that do not come."""
        rotated = time.monotonic()
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = time.monotonic()
            self._spool.retry()
            if now - rotated > _ROTATE_S:
                rotated = now
                with contextlib.suppress(OSError):
                    self._spool.rotate()
                self._spool.measure()
            for connection in list(server.server_state.connections):
                if isinstance(connection, Guarded) and 0 < connection.begun < now - self._settings.read_s:
                    connection.refuse(_SLOW)


def _line() -> bytes:
    """Give one line of standard input, and leave the others where the event loop will read them."""
    line = bytearray()
    while not line.endswith(b"\n"):
        read = os.read(0, 1)
        if not read:
            sys.exit("the supervisor has gone")
        line += read
    return bytes(line)


def main() -> None:
    """Read what we are told, and serve."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    told, table = json.loads(_line()), Table.decoded(_line())
    settings = Settings.from_json(told["settings"])
    listener = socket.socket(fileno=told["listener"])
    import uvloop

    uvloop.run(Frontend(settings, listener).serve(table))


if __name__ == "__main__":
    main()
