"""One process that holds one version of a model, and computes what frontends ask of it over a socket.

    python -m nbship.serving.worker FOLDER FINGERPRINT SOCKET NICENESS PROBABILITIES

Before anything of the folder is opened its fingerprint is compared (``-``: whoever named the folder answers for it).
It says on its standard output, in one line of JSON, what it has loaded or why it could not; it ends when its standard
input does (who started it has gone, or wants it gone) and no frontend is connected any more.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship import packing
from nbship.errors import DataError, NbshipError
from nbship.serving import wire

if TYPE_CHECKING:
    from nbship.serving.loading import Model

#: What a worker that is not wanted any more waits for frontends to let go of it.
_PATIENCE_S = 30.0


class Computer:
    """Computes batches. What one request of a batch does to the model does not touch the others."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._width = 8 * len(model.schema.fields)
        self._guard = threading.Lock()

    def answers(self, batch: wire.Batch) -> wire.Answers:
        """Give the answers to a batch."""
        with self._guard:
            try:
                found = self._together(batch)
            except Exception as error:  # the user's model may raise anything  # noqa: BLE001
                found = self._one_by_one(batch, error)
        return wire.Answers(number=batch.number, answers=found)

    def _together(self, batch: wire.Batch) -> list[wire.Answer]:
        started = time.perf_counter()
        outputs = self._model.compute(batch.rows)
        took = time.perf_counter() - started
        total = sum(batch.counts)
        for name, values in outputs.items():
            if len(values) != total:
                raise ValueError(f"the model gave {len(values)} values of {name!r} for {total} rows")
        if len(batch.counts) == 1:
            return [_checked(outputs, took)]
        found: list[wire.Answer] = []
        first = 0
        for count in batch.counts:
            last = first + count
            found.append(_checked({name: values[first:last] for name, values in outputs.items()}, took))
            first = last
        return found

    def _one_by_one(self, batch: wire.Batch, error: Exception) -> list[wire.Answer]:
        if len(batch.counts) == 1:
            return [wire.Answer(outputs={}, problem=_said(error))]
        found: list[wire.Answer] = []
        first = 0
        for count in batch.counts:
            alone = wire.Batch(number=batch.number, counts=[count], rows=self._part(batch.rows, first, count))
            try:
                found += self._together(alone)
            except Exception as its_own:  # as above  # noqa: BLE001
                found.append(wire.Answer(outputs={}, problem=_said(its_own)))
            first += count
        return found

    def _part(self, rows: Any, first: int, count: int) -> Any:
        if isinstance(rows, bytes):
            return rows[first * self._width : (first + count) * self._width]
        return rows[first : first + count]


def _checked(outputs: dict[str, list[Any]], seconds: float) -> wire.Answer:
    """Give an answer; one that is no number, or nothing, is a failure of the model."""
    for name, values in outputs.items():
        for place, value in enumerate(values):
            if value is None or (isinstance(value, float) and not math.isfinite(value)):
                said = f"the model gave {value} as {name} of row {place}"
                return wire.Answer(outputs={}, problem=said, seconds=seconds)
    return wire.Answer(outputs=outputs, seconds=seconds)


def _said(error: Exception) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else ""
    return f"the model raised {type(error).__name__}" + (f": {first}" if first else "")


class Door:
    """The socket that frontends connect to; a thread for each of them, which computes one batch after the other."""

    def __init__(self, path: str, computer: Computer) -> None:
        self._computer = computer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(64)
        self._open = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                with self._changed:
                    self._open += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError, EOFError):
                while True:
                    batch = wire.batch(_frame(connection))
                    connection.sendall(wire.frame(self._computer.answers(batch)))
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Take no new frontend, and come back when the last one has let go, or patience ends."""
        self._listener.close()
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, timeout=_PATIENCE_S)


def _frame(connection: socket.socket) -> bytes:
    wanted = wire.length(_exactly(connection, wire.HEAD))
    return bytes(_exactly(connection, wanted))


def _exactly(connection: socket.socket, count: int) -> bytearray:
    """Give so many bytes. Raises EOFError where the other side has gone."""
    content = bytearray(count)
    view, got = memoryview(content), 0
    while got < count:
        read = connection.recv_into(view[got:])
        if not read:
            raise EOFError
        got += read
    return content


def compare(folder: Path, digest: str) -> None:
    """Raise DataError where a folder is not what was signed off."""
    if digest == "-":
        return
    found = packing.digest(folder)
    if found != digest:
        raise DataError(
            f"the files are not those that were signed off (now {found[:19]}, then {digest[:19]})",
            where=str(folder),
            help="nothing of them was opened; look who has changed them, and remove this folder to fetch them again",
        )


def _await_end(loaded: threading.Event, ended: threading.Event) -> None:
    """Tell when standard input ends; a worker that still loads, or hangs over it, goes at once."""
    while os.read(0, 4096):
        pass
    ended.set()
    if not loaded.is_set():
        os._exit(1)


def main() -> None:
    """Load, listen, say so, and compute until nobody wants it any more."""
    folder, digest, path, niceness, probabilities = sys.argv[1:6]
    told, sys.stdout = sys.stdout, sys.stderr  # what a model prints must not be read as what we say
    os.nice(int(niceness))
    loaded, ended = threading.Event(), threading.Event()
    threading.Thread(target=_await_end, args=(loaded, ended), daemon=True).start()
    try:
        compare(Path(folder), digest)
        from nbship.serving import loading

        model = loading.load(Path(folder), probabilities=probabilities == "yes")
        door = Door(path, Computer(model))
    except Exception as error:  # the user's model may raise anything while it is opened  # noqa: BLE001
        said = str(error) if isinstance(error, NbshipError) else f"{type(error).__name__}: {error}"
        print(json.dumps({"problem": said}), file=told, flush=True)
        sys.exit(1)
    ready = {"schema": model.schema.to_json(), "classes": model.classes}
    print(json.dumps(ready), file=told, flush=True)
    loaded.set()
    ended.wait()
    door.close()
    os._exit(0)  # a model's own threads must not keep it


if __name__ == "__main__":
    main()
