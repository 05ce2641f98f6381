"""What the panel costs: how soon it has something to show, and how long it holds the Jupyter server's event loop.

    python benchmarks/sidebar.py [--versions 500] [--features 200] [--windows 30] [--seconds 20]

A real Jupyter server with the real worker, on MLflow's SQLite, and two probes in the server's own process: one ticks
every millisecond and tells how late it is, which a busy machine adds to; one tells the processor time of every callback of
the event loop, which it does not. Their figures are told for the server alone, and while a panel asks once a second with the
model changing under it, so that the document is drawn, sent and told anew each time. The peer is what people do today: a
handler that asks MLflow itself for the same facts, within the server, as the one MLflow extension for JupyterLab does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL = "big"
TOKEN = "bench"  # a server of our own, on the loopback, for a minute
DRIFTED = 2
PEER = "nbship_bench_peer"


def main() -> int:
    """Make the registry, run the server, and print the figures."""
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="nbship-bench-") as folder:
        home = Path(folder) / "home"
        os.environ |= {"NBSHIP_HOME": str(home)}
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        made = time.monotonic()
        registry(options)
        say(
            f"registry: {options.versions} versions, {options.features} features, {options.windows} windows each of"
        )
        say(f"          {DRIFTED} deployed versions, made in {time.monotonic() - made:.0f} s")
        with server(Path(folder), home) as (base, log):
            measure(base, log, options)
    return 0


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--versions", type=int, default=500)
    parser.add_argument("--features", type=int, default=200)
    parser.add_argument("--windows", type=int, default=30)
    parser.add_argument(
        "--keep", type=Path, help="Keep the registry in this folder, or use the one that is there."
    )
    parser.add_argument("--seconds", type=int, default=20)
    return parser.parse_args()


def registry(options: argparse.Namespace) -> None:
    """Fill MLflow: versions with runs and cells, two of them watched."""
    from nbship import config
    from nbship.registry import Registry

    opened = Registry(config.load())
    client = opened.client
    experiment = client.create_experiment("bench")
    client.create_registered_model(MODEL)
    cells = json.dumps({f"cell-{n}": f"{n:016x}" for n in range(40)})
    data = json.dumps([{"name": "data/customers.parquet", "digest": "b3:" + "a" * 64}])
    for number in range(options.versions):
        run = client.create_run(experiment, tags={"nbship.datasets": data}).info.run_id
        client.log_metric(run, "auc", number / options.versions)
        client.log_metric(run, "recall", 0.5)
        client.set_terminated(run)
        tags = {"nbship.cell_hashes": cells, "nbship.notebook.name": "big.ipynb", "nbship.created_by": "ada"}
        client.create_model_version(MODEL, f"file:///{run}", run, tags=tags)
    client.set_registered_model_alias(MODEL, "champion", str(options.versions))
    client.set_registered_model_alias(MODEL, "challenger", str(options.versions - 1))
    for version in opened.versions(MODEL)[:DRIFTED]:
        watch(opened, version, options)


def watch(opened: Any, version: Any, options: argparse.Namespace) -> None:
    """Keep the reports of some windows with a version."""
    from datetime import UTC, datetime, timedelta

    from nbship.drift import DriftReport, FeatureDrift, Test

    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(options.windows):
        features = []
        for place in range(options.features):
            value = 0.3 if place % 10 == 0 else 0.01 + number / 10_000
            severity: Any = "critical" if place % 10 == 0 else "none"
            test = Test(name="psi", value=value, thresholds=(0.1, 0.2, 0.25), severity=severity)
            reason = f"PSI {value:.2f} against 0.25"
            features.append(
                FeatureDrift(
                    feature=f"feature_{place}",
                    kind="numeric",
                    severity=severity,
                    reason=reason,
                    tests=(test,),
                )
            )
        report = DriftReport(
            severity="critical", reference_rows=1000, current_rows=1000, features=tuple(features)
        )
        at = begin + timedelta(days=number)
        opened.record_drift(version, f"{at:%Y-%m-%d}", report, at=at)


PEER_CODE = '''
"""A probe of the event loop, and the peer: a handler that asks MLflow from within the server."""
import asyncio, json, time
import tornado.web
from jupyter_server.base.handlers import APIHandler

late, held, running = [], [], False
run = asyncio.events.Handle._run

def timed(handle):
    began = time.thread_time()
    run(handle)
    held.append(time.thread_time() - began)

async def probe():
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append(time.perf_counter() - began - 0.001)

class Probe(APIHandler):
    @tornado.web.authenticated
    async def get(self):
        global running
        if not running:
            running = True
            asyncio.events.Handle._run = timed
            asyncio.get_running_loop().create_task(probe())
        (lab,) = self.serverapp.extension_manager.extension_apps["nbship_lab"]
        found = {"late": list(late), "held": sorted(held)[-100:], "worker": lab.running.worker.pid}
        late.clear()
        held.clear()
        self.finish(json.dumps(found))

class Peer(APIHandler):
    @tornado.web.authenticated
    async def get(self):
        from mlflow import MlflowClient
        client = MlflowClient(self.get_query_argument("uri"))
        rows = []
        for version in client.search_model_versions("name = 'big'"):
            run = client.get_run(version.run_id)
            rows.append({"version": version.version, "metrics": run.data.metrics, "tags": dict(version.tags)})
        self.finish(json.dumps(rows))

def _jupyter_server_extension_points():
    return [{"module": "nbship_bench_peer"}]

def _load_jupyter_server_extension(app):
    app.web_app.add_handlers(".*", [(app.base_url + "bench/probe", Probe), (app.base_url + "bench/peer", Peer)])
'''


@contextlib.contextmanager
def server(folder: Path, home: Path) -> Iterator[tuple[str, Path]]:
    """Give the address of a Jupyter server with our extension and the probe."""
    (folder / f"{PEER}.py").write_text(PEER_CODE)
    (folder / "work").mkdir()
    log, port = folder / "server.log", 18_765
    command = [
        *(sys.executable, "-m", "jupyter_server", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"),
        *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder / 'work'}", "--allow-root"),
        f"--ServerApp.jpserver_extensions={{'nbship_lab': True, '{PEER}': True}}",
        *("--NbshipLab.refresh_s=1.0", "--ServerApp.open_browser=False"),
    ]
    apart = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**os.environ, **apart, "PYTHONPATH": str(folder), "NBSHIP_HOME": str(home)}
    with log.open("w") as sink:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=sink, stderr=sink)
        try:
            base = f"http://127.0.0.1:{port}"
            for _ in range(240):
                with contextlib.suppress(OSError):
                    get(f"{base}/api")
                    break
                if process.poll() is not None:
                    raise RuntimeError(log.read_text()[-3000:])
                time.sleep(0.25)
            yield base, log
        finally:
            process.terminate()
            process.wait(timeout=30)


def get(url: str, **headers: str) -> tuple[int, bytes, str | None]:
    """Give code, body and ETag of an answer."""
    request = urllib.request.Request(
        url, headers={"Authorization": f"token {TOKEN}", **headers}
    )  # our own loopback
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read(), answer.headers.get("ETag")
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read(), refusal.headers.get("ETag")


def measure(base: str, log: Path, options: argparse.Namespace) -> None:
    """Print how soon the panel is useful, and how long the event loop was held."""
    state = f"{base}/nbship/api/state?model={MODEL}"
    began = time.monotonic()
    while True:
        code, body, _ = get(state)
        if code == 200:  # noqa: PLR2004  # OK
            break
        if code != 202:  # noqa: PLR2004  # still starting
            raise RuntimeError(f"{code}: {body.decode()[:500]}\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
    say(f"\nfirst answer of a worker that had to start (mlflow's import): {time.monotonic() - began:.1f} s")
    document = json.loads(body)
    say(
        f"document: {len(body) / 1024:.0f} KB, {len(document['versions'])} versions, {len(document['drift'])} drifts"
    )

    warm, spent = [], []
    worker = json.loads(get(f"{base}/bench/probe")[1])["worker"]
    for number in range(10):
        touch(number)
        before, began = processor_s(worker), time.monotonic()
        get(state)
        warm.append(time.monotonic() - began)
        spent.append(processor_s(worker) - before)
        time.sleep(0.3)
    say(f"worker's processor time for it: median {ms(statistics.median(spent))}, worst {ms(max(spent))}")
    say(
        f"panel useful with a warm worker, the model changed each time: median {ms(statistics.median(warm))}, worst {ms(max(warm))} (asked: 500 ms)"
    )

    quiet = ticks(base, options.seconds, lambda _: None)
    tell("event loop, server alone", quiet)
    held = ticks(base, options.seconds, lambda number: look(state, number))
    tell("event loop, a panel asks each second, changed each time", held)
    same = ticks(base, options.seconds, lambda _: get(state))
    tell("event loop, a panel asks each second, unchanged", same)

    from nbship import config

    uri = config.load().tracking_uri
    began = time.monotonic()
    peer = ticks(base, 1, lambda _: get(f"{base}/bench/peer?uri={uri}"))
    tell("event loop, the peer: one look from within the server, with mlflow's import", peer)
    again = ticks(base, 1, lambda _: get(f"{base}/bench/peer?uri={uri}"))
    tell("event loop, the peer: one look more", again)
    say(f"\nlongest hold, peer over ours: {again.longest / held.longest:.0f} times")


def processor_s(pid: int) -> float:
    """Give the processor time that a process has used; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def look(state: str, number: int) -> None:
    """Look at the state of a model that has just changed."""
    touch(number)
    get(state)


def touch(number: int) -> None:
    """Change something of the model that is shown: a tag of its newest version, by hand in the database."""
    import sqlite3

    from nbship import config

    path = config.load().tracking_uri.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
        database.execute(
            "UPDATE model_version_tags SET value = ? WHERE name = ? AND key = 'nbship.created_by' AND version ="
            " (SELECT MAX(version) FROM model_versions)",
            (f"ada {number}", MODEL),
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """How late the ticks were, and the processor time of the longest callbacks."""

    late: list[float]
    held: list[float]

    @property
    def longest(self) -> float:
        """The longest that a callback held the loop, in processor time."""
        return max(self.held)


def ticks(base: str, seconds: int, each: Any) -> Seen:
    """Give what the probes saw while ``each`` was called once a second."""
    get(f"{base}/bench/probe")
    seen = Seen([], [])
    for number in range(seconds):
        began = time.monotonic()
        each(number)
        time.sleep(max(0.0, 1.0 - (time.monotonic() - began)))
        told = json.loads(get(f"{base}/bench/probe")[1])
        seen.late.extend(told["late"])
        seen.held.extend(told["held"])
    return seen


def tell(what: str, seen: Seen) -> None:
    """Print how long the loop was held: the median, the worst of a hundred and of a thousand, and the worst."""
    ranked = sorted(seen.late)
    at = [ranked[min(len(ranked) - 1, int(len(ranked) * share))] for share in (0.5, 0.99, 0.999)]
    figures = ", ".join(
        f"{name} {ms(value)}" for name, value in zip(("p50", "p99", "p99.9"), at, strict=True)
    )
    say(f"{what}:")
    say(f"    held by one callback at most {ms(seen.longest)} of processor time")
    say(f"    ticks late by {figures}, at most {ms(ranked[-1])}, of {len(ranked):,}")


def ms(seconds: float) -> str:
    """Write a duration."""
    return f"{seconds * 1000:.1f} ms"


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
