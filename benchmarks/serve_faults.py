"""What can go wrong with a server, one by one, and what clients see of it.

    python benchmarks/serve_faults.py

Each row is one fault, against a real server of a real registry. Meanwhile the champion must go on answering: that is
asked after each fault, over new connections and the ones that were open. The last rows count what is in the log.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import serve_world as worlds

COLUMNS = ("a", "b")
OK = 200


class Sum:
    """A model that behaves, unless the row says otherwise: ``a`` names the mischief."""

    def __init__(self, mischief: str = "") -> None:
        self.mischief = mischief
        self.kept: list[Any] = []

    def predict(self, rows: Any) -> Any:
        """Give the sum of each row."""
        values = np.asarray(rows, dtype=float)
        if not (values[:, 0] == ROW["a"]).any():
            return values.sum(axis=1)
        if self.mischief == "raise":
            raise RuntimeError("no such season")
        if self.mischief == "hang":
            time.sleep(3600)
        if self.mischief == "nan":
            return np.full(len(values), np.nan)
        if self.mischief == "die":
            os.abort()
        if self.mischief == "leak":
            self.kept.append(np.ones(2_000_000))
        return values.sum(axis=1)


MISCHIEF = ("", "raise", "hang", "nan", "die", "leak")
ROW = {"a": 7.0, "b": 0.5}


class Table:
    """Asks, and prints a row for each fault."""

    def __init__(self, server: worlds.Server) -> None:
        self.server = server
        self.failed = 0
        self.answered: list[str] = []
        self._names = 0

    def ask(self, body: str | bytes, **headers: str) -> tuple[int, Any]:
        """Give status and answer of one request over a connection of its own."""
        self._names += 1
        name = headers.pop("name", f"f-{self._names}")
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request("POST", "/predict", body, {"X-Request-ID": name, "X-Key": name, **headers})
            reply = connection.getresponse()
            content = json.loads(reply.read() or b"null")
        except (OSError, HTTPException) as error:
            return 0, type(error).__name__
        finally:
            connection.close()
        if reply.status == OK:
            self.answered.append(name)
        return reply.status, content

    def row(self, fault: str, holds: bool, seen: str) -> None:
        """Print a fault, what was seen, and whether the champion still answers."""
        alive = self.ask(json.dumps({"records": [{"a": 0.25, "b": 0.5}]}))
        fine = holds and alive[0] == OK
        self.failed += not fine
        print(f"{'ok  ' if fine else 'FAIL'} {fault:52} {seen[:90]}", flush=True)

    def body(self, fault: str, body: str | bytes, status: int, word: str = "") -> None:
        """Send a body that is refused."""
        code, content = self.ask(body)
        said = json.dumps(content)
        self.row(fault, code == status and word in said, f"{code} {said}")


def bodies(table: Table) -> None:
    """Try what clients may send."""
    table.body("malformed JSON", '{"records": [{"a": 1', 400, "not JSON")
    table.body("NaN in JSON", '{"records": [{"a": NaN, "b": 1}]}', 400, "not JSON")
    table.body("not UTF-8", b'{"records": [{"a": "\xff"}]}', 400)
    table.body(
        "a wrong type", '{"records": [{"a": 1, "b": 2}, {"a": "x", "b": 2}]}', 422, '"row": 1, "field": "a"'
    )
    table.body("a missing field", '{"records": [{"a": 1}]}', 422, '"field": "b", "problem": "is missing"')
    table.body("a field too many", '{"records": [{"a": 1, "b": 2, "c": 3}]}', 422, "is not known")
    table.body("null", '{"records": [{"a": null, "b": 2}]}', 422, "not null")
    table.body("an empty body", "", 400)
    table.body("a list of 100,000 lists", "[" * 100_000, 400)
    table.body("1,001 rows where 1,000 are allowed", json.dumps({"records": [ROW] * 1001}), 413)
    table.body("a body of 8 MB where 1 MB is allowed", b" " * (8 << 20), 413)
    code, _ = endless(table)
    table.row("a body without end (chunked)", code in {0, 413}, f"{code}")


def endless(table: Table) -> tuple[int, str]:
    """Send chunks until the server has had enough."""
    with socket.create_connection(("127.0.0.1", table.server.port), timeout=30) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        with contextlib.suppress(OSError):
            for _ in range(2000):
                client.sendall(chunk)
        with contextlib.suppress(OSError):
            said = client.recv(100)
            return int(said.split()[1]) if said else 0, ""
    return 0, "reset"


def slow_clients(table: Table) -> None:
    """Hold 200 connections open that send nothing more, and look how others fare."""
    held: list[socket.socket] = []
    for begun in (b"", b"POST /pre", b"POST /predict HTTP/1.1\r\nContent-Length: 50\r\n\r\n{") * 70:
        client = socket.create_connection(("127.0.0.1", table.server.port), timeout=30)
        client.sendall(begun)
        held.append(client)
    began = time.perf_counter()
    code, _ = table.ask(json.dumps({"records": [{"a": 0.25, "b": 0.5}]}))
    took = time.perf_counter() - began
    said = {client.recv(100)[9:12] for client in held}
    for client in held:
        client.close()
    table.row(
        "210 clients that never finish their request",
        code == OK and said == {b"408"},
        f"others: {code} in {took * 1e3:.0f} ms; they: {said}",
    )


def challengers(table: Table, world: worlds.World) -> None:
    """Let each bad model be a canary for all, then a shadow."""
    for mode in ("canary", "shadow"):
        for place, mischief in enumerate(MISCHIEF[1:], start=2):
            world.change(champion=1, challenger=place, mode=mode, share=1.0)
            wait(functools.partial(is_up, table, place))
            began = time.perf_counter()
            replies = [table.ask(json.dumps({"records": [ROW]})) for _ in range(8)]
            took = time.perf_counter() - began
            codes = {code for code, _ in replies}
            who = {content["version"] for _, content in replies if isinstance(content, dict)}
            right = {1} if mode == "shadow" or mischief != "leak" else {place}
            table.row(
                f"a {mode} that would {mischief}",
                codes == {OK} and who == right,
                f"{codes}, version {who} answered, {took / 8 * 1e3:.0f} ms each",
            )
    world.change(champion=1, challenger=99, mode="canary", share=1.0)
    wait(lambda: any("99" in problem for problem in table.server.ready()["problems"]))
    code, content = table.ask(json.dumps({"records": [ROW]}))
    table.row(
        "a challenger that was deleted",
        code == OK and content["version"] == 1,
        table.server.ready()["problems"][0],
    )
    world.change(champion=1, challenger=None, mode="off", share=0.0)
    table.server.wait(1, mode="off")


def is_up(table: Table, version: int) -> bool:
    """Tell whether somebody can be asked for a version."""
    workers: dict[str, int] = table.server.ready()["workers"]
    return workers.get(str(version), 0) > 0


def champions(table: Table, world: worlds.World) -> None:
    """Let each bad model be the live one."""
    for place, mischief in enumerate(MISCHIEF[1:5], start=2):
        world.change(champion=place)
        table.server.wait(place)
        code, content = table.ask(json.dumps({"records": [ROW]}))
        table.row(f"a champion that would {mischief}", code in {500, 504}, f"{code} {content.get('problem')}")
    world.change(champion=6)
    table.server.wait(6)
    before = set(table.server.processes("worker"))
    codes = {table.ask(json.dumps({"records": [ROW]}))[0] for _ in range(60)}
    wait(lambda: bool(before - set(table.server.processes("worker"))))
    table.row("a champion that leaks 16 MB a request", codes == {OK}, f"{codes}; the worker was replaced")
    world.change(champion=1)
    table.server.wait(1)


def wait(holds: Callable[[], bool], within_s: float = 60.0) -> None:
    """Come back when it is so."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        with contextlib.suppress(OSError, HTTPException):
            if holds():
                return
        time.sleep(0.1)
    print("FAIL it never came true", file=sys.stderr)


def stores(table: Table, world: worlds.World) -> None:
    """Take away the registry's database, the log, and the disk."""
    held = sqlite3.connect(world.settings.state_url.removeprefix("sqlite:///"), isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    wait(lambda: bool(table.server.ready()["problems"]))
    found = table.server.ready()
    table.row(
        "the registry's database does not answer",
        found["ready"],
        found["problems"][0] if found["problems"] else "nothing told",
    )
    held.execute("ROLLBACK")
    held.close()
    wait(lambda: not table.server.ready()["problems"])

    log = Path(world.settings.log_url)
    kept = log.with_name("kept")
    log.rename(kept)
    log.write_text("no folder")
    for _ in range(5):
        table.ask(json.dumps({"records": [ROW]}))
    wait(lambda: any("log" in problem for problem in table.server.ready()["problems"]))
    table.row("the log's store is away", True, table.server.ready()["problems"][0])
    log.unlink()
    kept.rename(log)

    (spool,) = (world.settings.home / "serving").glob("*/spool")
    wait(lambda: not table.server.ready()["problems"])
    aside = spool.with_name("aside")
    spool.rename(aside)
    spool.write_text("no folder")
    for _ in range(10):
        table.ask(json.dumps({"records": [ROW]}))
        time.sleep(1)
    found = table.server.ready()
    told = [problem for problem in found["problems"] if "wait in memory" in problem]
    table.row("the disk takes nothing", found["ready"] and bool(told), told[0] if told else str(found))
    spool.unlink()
    aside.rename(spool)
    wait(lambda: not table.server.ready()["problems"])


def kills(table: Table) -> None:
    """Kill each kind of process while clients ask."""
    for kind in ("worker", "draining", "frontend"):
        stop, content = threading.Event(), json.dumps({"records": [ROW]})
        seen = [worlds.Seen([], {}, []) for _ in range(4)]
        arguments = [
            (table.server.port, f"{kind}{place}", stop, content, one) for place, one in enumerate(seen)
        ]
        threads = [threading.Thread(target=worlds.client, args=given) for given in arguments]
        for thread in threads:
            thread.start()
        for _ in range(4):
            for pid in table.server.processes(kind)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(2)
        stop.set()
        for thread in threads:
            thread.join()
        whole = worlds.together(seen)
        table.answered += whole.answered
        bound = (
            16 if kind == "frontend" else 0
        )  # four kills, at most the request under way of each of four clients
        errors = sum(whole.others.values())
        table.row(
            f"4 x SIGKILL of a {kind}, 4 clients",
            errors <= bound,
            f"{len(whole.answered):,} answered, {errors} errors {whole.others or ''}",
        )


def main() -> int:
    """Print the table; the exit code is 1 where a row fails."""
    rows = pd.DataFrame(np.random.default_rng(0).random((100, 2)), columns=list(COLUMNS))
    with tempfile.TemporaryDirectory() as scratch:
        world = worlds.World(Path(scratch))
        for mischief in MISCHIEF:
            world.register(Sum(mischief), rows)
        world.change(champion=1, challenger=None)
        limits = (
            "--max-rows",
            "1000",
            "--max-body-mb",
            "1",
            "--timeout",
            "3",
            "--hang",
            "2",
            "--memory-mb",
            "450",
        )
        with worlds.serving(worlds.MODEL, *limits) as server:
            server.wait(1)
            table = Table(server)
            bodies(table)
            slow_clients(table)
            challengers(table, world)
            champions(table, world)
            stores(table, world)
            kills(table)
        logged = world.logged()
        known = set(logged[logged["outcome"] == "ok"]["request"])
        lost = set(table.answered) - known
        print(
            f"{'ok  ' if not lost else 'FAIL'} {'answered requests that are not in the log':52} {len(lost)} of {len(table.answered):,}"
        )
        print(
            f"     rows in the log by role and outcome: {logged.groupby(['role', 'outcome']).size().to_dict()}"
        )
        return 1 if table.failed or lost else 0


if __name__ == "__main__":
    sys.exit(main())
