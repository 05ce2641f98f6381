"""Serving beside its peers: one small model, requests of one row, one server after the other in one run.

    python benchmarks/serve.py [--seconds 10] [--connections 8] [--rounds 2]

The model is a scaler and a logistic regression on 30 columns. Each peer has an environment of its own (made with uv in
.cache/peers, from the registry) and one worker; nbship validates, logs every prediction and counts for Prometheus
meanwhile, the others do not. The load comes from `wrk` (a Debian package). Beside throughput the CPU time of all the
server's processes per request is told: that holds on a machine that others share.

Then what a shadow costs: the same server with and without one, in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import serve_world as worlds

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".cache" / "peers"
PEER = Path(__file__).parent / "peers" / "serve_peer.py"
COMMON = ("scikit-learn", "pandas", "uvicorn", "cloudpickle")
ENVIRONMENTS = {
    "mlflow": ("mlflow==3.17.2", *COMMON),
    "vetiver": ("vetiver==0.2.6", *COMMON),
    "fastapi": ("fastapi", *COMMON),
    "bare": ("msgspec", "uvloop", "httptools", *COMMON),
}
ROWS = ("mlflow", "vetiver", "fastapi-frame", "fastapi-array", "bare", "nbship", "nbship, probabilities too")


@dataclass(frozen=True)
class Measured:
    """What one server did under load."""

    rps: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    memory_mb: float
    errors: int


def interpreter(peer: str) -> str:
    """Give the Python of a peer's environment, made where it is not there."""
    name = peer.partition("-")[0]
    folder = PEERS / f"serve-{name}"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", "3.11", str(folder)], check=True)
        command = ["uv", "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*command, *ENVIRONMENTS[name]], check=True)
    return str(python)


def prepare(folder: Path) -> None:
    """Write the model as each peer opens it."""
    rows, _ = worlds.table()
    (folder / "columns.json").write_text(json.dumps(list(rows.columns)))
    (folder / "model.pkl").write_bytes(pickle.dumps(worlds.trained()))
    subprocess.run(
        [interpreter("mlflow"), str(PEER), "mlflow-save", "0", str(folder)],
        check=True,
        stderr=subprocess.DEVNULL,
    )


def command(row: str, port: int, folder: Path) -> list[str]:
    """Give what starts a server."""
    if row.startswith("nbship"):
        more = [] if "probabilities" in row else ["--no-probabilities"]
        nbship = str(Path(sys.executable).with_name("nbship"))
        return [nbship, "serve", str(folder / "mlflow"), "--port", str(port), "--workers", "1", *more]
    return [interpreter(row), str(PEER), row, str(port), str(folder)]


def asked(row: str) -> tuple[str, str]:
    """Give the path and the body of a request of one row."""
    (record,) = json.loads(worlds.body())["records"]
    if row == "mlflow":
        return "/invocations", json.dumps({"dataframe_records": [record]})
    if row.startswith("nbship"):
        return "/predict", json.dumps({"records": [record]})
    return "/predict", json.dumps([record] if row == "vetiver" else record)


def measured(row: str, folder: Path, seconds: int, connections: int) -> Measured:
    """Start a server, load it, and stop it."""
    port = free_port()
    process = subprocess.Popen(
        command(row, port, folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    path, content = asked(row)
    url = f"http://127.0.0.1:{port}{path}"
    try:
        await_answer(url, content, process)
        wrk(url, content, 2, connections, folder)
        before, _ = usage(process.pid)
        found = wrk(url, content, seconds, connections, folder)
        after, memory = usage(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
    requests = found["requests"]
    return Measured(
        rps=requests / found["seconds"],
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        cpu_ms=1e3 * (after - before) / max(1, requests),
        memory_mb=memory / 2**20,
        errors=int(found["errors"]),
    )


def free_port() -> int:
    """Give a port that nobody has."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


def await_answer(url: str, content: str, process: subprocess.Popen[bytes]) -> None:
    """Come back when a server answers."""
    for _ in range(1800):
        try:
            request = urllib.request.Request(url, content.encode(), {"Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=20).close()
        except urllib.error.HTTPError as error:
            if error.code != 503:  # noqa: PLR2004  # not yet
                raise SystemExit(f"{url}: {error.code} {error.read()[:300]!r}") from error
        except OSError:
            if process.poll() is not None:
                raise SystemExit(f"{url}: the server ended") from None
        else:
            return
        time.sleep(0.1)
    raise SystemExit(f"{url}: no answer in three minutes")


def usage(pid: int) -> tuple[float, float]:
    """Give CPU seconds and resident bytes of a process and all below it."""
    cpu, memory = 0.0, 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
            cpu += times.user + times.system
            memory += process.memory_info().rss
        except psutil.Error:
            continue
    return cpu, memory


_LUA = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[%s]==]
done = function(s, l, r)
  local e = s.errors
  io.write(string.format("RESULT %%d %%d %%f %%f %%f\\n", s.requests,
    e.status + e.timeout + e.read + e.connect, s.duration / 1e6, l:percentile(50) / 1e3, l:percentile(99) / 1e3))
end
"""


def wrk(url: str, content: str, seconds: int, connections: int, folder: Path) -> Mapping[str, float]:
    """Load a server, and give what was seen."""
    script = folder / "post.lua"
    script.write_text(_LUA % content)
    try:
        done = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url],
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        raise SystemExit("wrk is not installed: apt-get install wrk") from None
    found = re.search(r"RESULT (.*)", done.stdout)
    assert found is not None, done.stdout
    values = map(float, found[1].split())
    return dict(zip(("requests", "errors", "seconds", "p50_ms", "p99_ms"), values, strict=True))


def shadowed(seconds: int, rounds: int) -> None:
    """Tell what a shadow costs the champion's latency: the same server, the same load, in turn."""
    rows, _ = worlds.table()
    with tempfile.TemporaryDirectory() as scratch:
        world = worlds.World(Path(scratch))
        world.register(worlds.trained(1.0), rows)
        world.register(worlds.trained(0.1), rows)
        world.change(champion=1, challenger=2, mode="off")
        with worlds.serving(worlds.MODEL, "--workers", "1") as server:
            server.wait(1)
            for clients, pause_s, about in ((4, 0.008, "at a steady pace"), (8, 0.0, "without pause")):
                found: dict[str, list[worlds.Seen]] = {"off": [], "shadow": []}
                for _ in range(rounds):
                    for mode, seen in found.items():
                        world.change(mode=mode)
                        server.wait(1, mode=mode)
                        loaded(server.port, clients, pause_s, 1.0)
                        seen.append(loaded(server.port, clients, pause_s, float(seconds)))
                tell_shadow(about, found, server)


def loaded(port: int, clients: int, pause_s: float, seconds: float) -> worlds.Seen:
    """Ask for so long with so many clients."""
    stop, content = threading.Event(), worlds.body()
    seen = [worlds.Seen([], {}, []) for _ in range(clients)]
    threads = [
        threading.Thread(
            target=worlds.client, args=(port, f"{time.time()}-{place}", stop, content, one, pause_s)
        )
        for place, one in enumerate(seen)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return worlds.together(seen)


def tell_shadow(about: str, found: Mapping[str, Sequence[worlds.Seen]], server: worlds.Server) -> None:
    """Print the medians over the rounds."""
    told: dict[str, tuple[float, ...]] = {}
    for mode, rounds in found.items():
        told[mode] = (
            statistics.median(len(seen.answered) / max(sum(seen.seconds), 1e-9) for seen in rounds),
            statistics.median(worlds.at(seen.seconds, 0.5) for seen in rounds),
            statistics.median(worlds.at(seen.seconds, 0.99) for seen in rounds),
        )
    off, shadow = told["off"], told["shadow"]
    print(
        f"  {about:18} p50 {off[1]:6.2f} -> {shadow[1]:6.2f} ms, p99 {off[2]:6.2f} -> {shadow[2]:6.2f} ms ({shadow[2] / off[2] - 1:+.0%})"
    )
    print(
        f"  {'':18} shadowed {server.metric('nbship_prediction_rows_total'):,.0f} rows in all, dropped {server.metric('nbship_shadow_dropped_total'):,.0f}"
    )


def table(found: Mapping[str, list[Measured]]) -> None:
    """Print what was measured, each beside ours."""
    best = {row: max(values, key=lambda one: one.rps) for row, values in found.items()}
    cheapest = {row: min(one.cpu_ms for one in values) for row, values in found.items()}
    ours, our_cpu = best["nbship"], cheapest["nbship"]
    print(
        f"{'':28}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'MB':>7}{'errors':>8}   nbship's throughput, its CPU"
    )
    for row, one in best.items():
        ratio = f"{ours.rps / one.rps:8.1f} x {our_cpu / cheapest[row]:8.2f} x"
        print(
            f"{row:28}{one.rps:11,.0f}{one.p50_ms:9.2f}{one.p99_ms:9.2f}{cheapest[row]:9.3f}{one.memory_mb:7.0f}{one.errors:8}   {ratio}"
        )


def main() -> int:
    """Print the table, and what a shadow costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=["peers", "shadow"])
    given = parser.parse_args()
    os.environ["NBSHIP_HOME"] = tempfile.mkdtemp(prefix="nbship-bench-")
    if given.only != "shadow":
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            prepare(folder)
            found: dict[str, list[Any]] = {row: [] for row in ROWS}
            for _ in range(given.rounds):
                for row in ROWS:
                    found[row].append(measured(row, folder, given.seconds, given.connections))
            print(
                f"{given.connections} connections, one worker each, the best of {given.rounds} rounds; load {os.getloadavg()[0]:.1f}"
            )
            table(found)
    if given.only != "peers":
        print("\nwhat a shadow costs, the same server with and without it")
        shadowed(given.seconds, max(3, given.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
