"""What faults cost the cell, and what is in MLflow afterwards: recorded / expected, for each fault of the issue.

(1) *Faults.* A notebook of a few cells in a real kernel, with the fault in force; seconds are those of its cells over
those of the same cells without the fault, both with nbship. Afterwards the fault is lifted and the store is
synchronised: the run's parameters, metrics and tables are counted against what a run without fault has.

(2) *Kills.* SIGKILL at a random moment, of a light process that records through the real Session and Journal, of
the worker's drain while it writes to MLflow on SQLite, and of real kernels in the middle of a cell. What counts as
recorded is what was acknowledged: `Session.record` had returned, so the operating system had the line. That survives
the process; power cuts are what the fsync is for that follows off-thread, and are not tried here. Lost is what was
acknowledged and is not in the journal (or, for drains, in MLflow in the end); doubled is what is there twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nbship import config, drain, journal, record
from nbship.config import Config
from nbship.facts import MetricComputed, ParameterSet

WRITER_KILLS, DRAIN_KILLS, KERNEL_KILLS = 100, 60, 3
SEED = 4
CELLS = [
    "import pandas as pd\nframe = pd.read_csv('x.csv')",
    "ALPHA = 0.5\nBETA = 2",
    "from sklearn.linear_model import Ridge\nmodel = Ridge(alpha=ALPHA).fit(frame[['a']], frame['y'])",
    "from sklearn.metrics import mean_absolute_error\nmae = mean_absolute_error(frame['y'], model.predict(frame[['a']]))",
    "GAMMA = 3",
]

#: What each odd-object fault puts into the user's namespace before the cells run.
ODD = {
    "`__eq__`, `__repr__`, `__array__` raise": (
        "class Odd:\n"
        "    def _no(self, *a): raise RuntimeError('no')\n"
        "    __eq__ = __repr__ = __str__ = __array__ = __len__ = __bool__ = __hash__ = __iter__ = _no\n"
        "odd, odds = Odd(), [Odd()]"
    ),
    "attribute access raises": (
        "class Shy:\n    def __getattribute__(self, name): raise RuntimeError(name)\nshy = Shy(); shies = {'a': Shy()}"
    ),
    "attribute access is slow (0.5 s)": (
        "import time\nclass Slow:\n    def __getattr__(self, name): time.sleep(0.5); raise AttributeError(name)\n"
        "    def __eq__(self, other): time.sleep(0.5); return True\n"
        "    def __repr__(self): time.sleep(0.5); return ''\nslow, slows = Slow(), [Slow()]"
    ),
    "a 10 GB frame (zero pages)": (
        "import numpy as np, pandas as pd\n"
        "big = pd.DataFrame(np.zeros((1_250_000_000 // 8, 8)), copy=False)\nbig.shape"
    ),
}


@contextlib.contextmanager
def silent() -> Generator[str]:
    """Accept, and never answer."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextlib.contextmanager
def broken(*, healthy: bool) -> Generator[str]:
    """Answer everything with 500; where ``healthy``, only from the second request on, and by hanging up."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if healthy and self.path.endswith("/health"):
                self.send_response(200)
                self.end_headers()
            elif healthy:
                self.connection.close()
            else:
                self.send_error(500)

        do_GET = do_POST = answer  # noqa: N815  # the names http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def execute(folder: Path, cells: list[str], environment: dict[str, str]) -> tuple[float, int]:
    """Run cells in a real kernel; seconds of the cells after the first imports, and the warnings that nbship gave."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    seconds = 0.0
    silence = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with client.setup_kernel(env={**os.environ, **environment}, **silence):
        for place, cell in enumerate(notebook.cells):
            started = time.perf_counter()
            client.execute_cell(cell, place)
            seconds += (time.perf_counter() - started) * (place >= cells.index(CELLS[1]))
    text = json.dumps(notebook.cells)
    return seconds, text.count("UserWarning: nbship:")


def expected(settings: Config) -> tuple[int, list[str]]:
    """Parameters, metrics and hashed tables in all journals of a home, and what is wrong with them."""
    found = 0
    problems: list[str] = []
    for folder in journal.sessions(settings.journals):
        reading = journal.read(folder)
        for run in record.run_records(reading.session, reading.facts, live=False):
            found += len(run.params) + len(run.metrics) + len(run.datasets)
        problems += [f"{len(reading.damaged_lines)} damaged"] * bool(reading.damaged_lines)
    return found, problems


def stored(settings: Config) -> int:
    """What the store holds of the same kinds."""
    from mlflow import MlflowClient

    client = MlflowClient(settings.tracking_uri)
    found: Any = client.search_runs([item.experiment_id for item in client.search_experiments()])
    total = 0
    for run in found:
        total += len(run.data.params) + len(run.inputs.dataset_inputs)
        total += sum(len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics)
    return total


class Bench:
    """One folder with the data, an empty MLflow database that is copied for each fault, and the plain run's figures."""

    def __init__(self, root: Path) -> None:
        self.root = root
        rows = "\n".join(f"{n},{3 * n + n % 5}" for n in range(1000))
        (root / "x.csv").write_text(f"a,y\n{rows}\n")
        self.template = root / "template.db"
        from nbship import store

        store.connect(replace(config.load(), home=root, tracking_uri=f"sqlite:///{self.template}"))
        # the first run reads all the libraries from the disk
        self.plain_s = min(self.run(name)[0] for name in ("first", "second", "third"))
        self.whole = 0

    def home(self, name: str) -> Config:
        """A home of its own, with a store that is ready."""
        home = self.root / name.replace("/", "-").replace(" ", "-")[:40]
        home.mkdir()
        shutil.copy(self.template, home / "mlflow.db")
        return Config(home=home, tracking_uri=f"sqlite:///{home / 'mlflow.db'}", origin="home")

    def run(
        self, name: str, *, before: str = "", uri: str | None = None, after: str = ""
    ) -> tuple[float, tuple[int, int, int]]:
        """Run the notebook under a fault; seconds, and (recorded, expected, warnings)."""
        settings = self.home(name)
        # mlflow in this process has set the variable for itself
        environment = {"NBSHIP_HOME": str(settings.home), "MLFLOW_TRACKING_URI": uri or ""}
        cells = ["%load_ext nbship", *([before] if before else []), *CELLS, *([after] if after else [])]
        seconds, warned = execute(self.root, cells, environment)
        drain.drain(settings, wait_s=60)
        wanted, _ = expected(settings)
        return seconds, (stored(settings), wanted, warned)

    def row(self, name: str, **how: Any) -> None:
        """Print one line of the table."""
        seconds, (got, wanted, warned) = self.run(name, **how)
        self.whole = self.whole or wanted
        note = "" if wanted >= self.whole else f"  (a run without fault: {self.whole})"
        print(
            f"| {name:<42} | {max(0.0, seconds - self.plain_s):6.2f} | {warned:>8} | {got:>3} / {wanted}{note}",
            flush=True,
        )


def faults(bench: Bench) -> None:
    """Table 1."""
    print(
        f"cells without a fault: {bench.plain_s:.2f} s\n| fault | seconds added | warnings | recorded / expected"
    )
    bench.row("no fault")
    bench.row("server down", uri="http://127.0.0.1:9")
    with silent() as uri:
        bench.row("server accepts and never answers", uri=uri)
    with broken(healthy=False) as uri:
        bench.row("server answers 500", uri=uri)
    with broken(healthy=True) as uri:
        bench.row("server hangs up on every request", uri=uri)
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({}, resource.RLIM_INFINITY))"
    bench.row(
        "disk full (file limit), room in the end",
        before=limit.format(1500),
        after=limit.format("resource.RLIM_INFINITY") + "\nDELTA = 4",
    )
    clock = (
        "import datetime, nbship.journal as j\nclass Back(datetime.datetime):\n    hours = 0\n"
        "    @classmethod\n    def now(cls, tz=None):\n        cls.hours += 1\n"
        "        return datetime.datetime(2026, 1, 1, tzinfo=tz) - datetime.timedelta(hours=cls.hours)\n"
        "j.datetime = Back"
    )
    bench.row("clock going back an hour with each fact", before=clock)
    for name, source in ODD.items():
        last = source.rpartition("\n")[2]
        held = last.partition(" ")[0].strip(",").partition(".")[0]
        bench.row(name, before=source, after=f"held = [{held}]\nagain = {held}")  # a cell that touches it


WRITER = """
import sys, time
from nbship import config
from nbship.facts import MetricComputed, ParameterSet
from nbship_magics.session import Session
session = Session(config.load(), wake=lambda _: None)
for number in range(10**9):
    fact = session.record(MetricComputed(name="m", value=float(number), function="x" * (number % 300)))
    sys.stdout.write(f"{fact.ordinal}\\n"); sys.stdout.flush()
"""


def killed_writers(settings: Config, chance: random.Random) -> None:
    """Kill recording processes; count what was acknowledged and is not there, or is there twice."""
    acknowledged = lost = doubled = torn = 0
    for _ in range(WRITER_KILLS):
        before = set(journal.sessions(settings.journals))
        with subprocess.Popen(
            [sys.executable, "-c", WRITER],
            stdout=subprocess.PIPE,
            env={**os.environ, "NBSHIP_HOME": str(settings.home)},
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            killer = threading.Timer(chance.uniform(0, 0.05), process.kill)
            killer.start()
            told = [int(line) for line in [first, *process.stdout] if line.endswith(b"\n")]
        (folder,) = set(journal.sessions(settings.journals)) - before
        reading = journal.read(folder)
        lines = (folder / "facts.jsonl").read_bytes().count(b"\n")
        have = {fact.ordinal for fact in reading.facts}
        acknowledged += len(told)
        lost += len(set(told) - have)
        doubled += lines - len(have) - len(reading.damaged_lines)
        torn += reading.torn
    print(
        f"| recording process | {WRITER_KILLS} | {acknowledged:,} facts acknowledged, {torn} torn ends "
        f"| lost {lost}, doubled {doubled}",
        flush=True,
    )


def killed_drains(bench: Bench, chance: random.Random) -> None:
    """Kill drains of a journal with 400 values; the last one is left alive. mlflow is loaded once, and forked."""
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401  # what each child would load

    settings = bench.home("drains")
    _journal_of_400(settings)
    started = time.monotonic()
    _drain_in_child(settings, None)
    whole_s = time.monotonic() - started
    killed = 0
    homes = 6
    lost = doubled = 0
    for number in range(homes):
        settings = bench.home(f"drains {number}")
        receipt = _journal_of_400(settings) / "receipt.json"
        for _ in range(DRAIN_KILLS // homes):
            receipt.unlink(missing_ok=True)
            killed += _drain_in_child(settings, chance.uniform(0, whole_s))
        receipt.unlink(missing_ok=True)
        _drain_in_child(settings, None)
        got = stored(settings)
        lost, doubled = lost + max(0, 400 - got), doubled + max(0, got - 400)
    print(
        f"| worker while it drains ({whole_s:.2f} s undisturbed) | {killed} of {DRAIN_KILLS} in time "
        f"| {400 * homes:,} values recorded | lost {lost}, doubled {doubled}",
        flush=True,
    )


def _journal_of_400(settings: Config) -> Path:
    written = journal.Journal(settings.journals / "20260101T000000-00000000")
    for value in range(200):
        written.append(ParameterSet(name=f"p{value}", value=value))
        written.append(MetricComputed(name=f"m{value % 7}", value=float(value), function="f"))
    written.close()
    return written.folder


def _drain_in_child(settings: Config, kill_after_s: float | None) -> bool:
    """Drain in a forked child, and kill it if it is still at work then; whether it was."""
    child = os.fork()
    if child == 0:
        os.environ["MLFLOW_TRACKING_URI"] = settings.tracking_uri
        done = drain.drain(settings)
        os._exit(1 if done.away or done.problems else 0)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert kill_after_s is not None or status == 0, "the undisturbed drain failed"
    return os.WIFSIGNALED(status)


def killed_kernels(bench: Bench, chance: random.Random) -> None:
    """Kill real kernels in the middle of a cell; the worker that they started carries the rest."""
    from jupyter_client.manager import start_new_kernel

    lost = doubled = wanted = 0
    waits: list[float] = []
    for number in range(KERNEL_KILLS):
        settings = bench.home(f"kernel {number}")
        environment = {
            **os.environ,
            "NBSHIP_HOME": str(settings.home),
            "MLFLOW_TRACKING_URI": settings.tracking_uri,
        }
        manager, client = start_new_kernel(env=environment, cwd=str(bench.root))
        for source in ("%load_ext nbship", *CELLS):
            client.execute_interactive(source, timeout=120, output_hook=lambda _: None)
        client.execute("import time\nfor _ in range(10**6): time.sleep(0.01)")
        time.sleep(chance.uniform(0, 1))
        manager.signal_kernel(signal.SIGKILL)
        client.stop_channels()
        killed_at = time.monotonic()
        while drain.waiting(settings) and time.monotonic() - killed_at < 120:  # noqa: PLR2004  # seconds
            time.sleep(0.5)
        waits.append(time.monotonic() - killed_at)
        manager.shutdown_kernel(now=True)
        want, got = expected(settings)[0], stored(settings)
        wanted, lost, doubled = wanted + want, lost + max(0, want - got), doubled + max(0, got - want)
    print(
        f"| kernel in a cell, carried by its worker | {KERNEL_KILLS} | {wanted} values recorded, in MLflow after at "
        f"most {max(waits):.0f} s | lost {lost}, doubled {doubled}",
        flush=True,
    )


def damaged_journals(bench: Bench, chance: random.Random) -> None:
    """Cut a journal's last line, and write garbage over one in its middle; the others must be in MLflow, and it is told."""
    settings = bench.home("damaged")
    path = _journal_of_400(settings) / "facts.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[200] = chance.randbytes(len(lines[200]) - 1).replace(b"\n", b"?") + b"\n"
    lines[-1] = lines[-1][:-20]
    path.write_bytes(b"".join(lines))
    done = drain.drain(settings)
    print(
        f"journal with garbage in its middle and a torn end: recorded {stored(settings)} / 398 that are whole; "
        f"told: {'; '.join(done.problems)}",
        flush=True,
    )


def two_workers(bench: Bench) -> None:
    """Start two workers at once; both end, one of them at once."""
    settings = bench.home("two workers")
    written = journal.Journal(settings.journals / "20260101T000000-00000000")
    written.append(ParameterSet(name="p", value=1))
    environment = {
        **os.environ,
        "NBSHIP_HOME": str(settings.home),
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
    }
    command = [sys.executable, "-m", "nbship.worker", "carry"]
    both = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    started = time.monotonic()
    while all(process.poll() is None for process in both) and time.monotonic() - started < 60:  # noqa: PLR2004
        time.sleep(0.1)
    left_s = time.monotonic() - started
    working = sum(process.poll() is None for process in both)
    written.append(ParameterSet(name="q", value=2))
    written.close()
    codes = [process.wait(120) for process in both]
    print(
        f"two workers at once: one left after {left_s:.1f} s, {working} worked on; recorded {stored(settings)} / 2, "
        f"exit codes {codes}"
    )


def main() -> None:
    """Print both tables."""
    warnings.simplefilter("ignore")
    os.environ.update(NBSHIP_HOME="", MLFLOW_TRACKING_URI="")
    chance = random.Random(SEED)
    only = sys.argv[1:]
    parts: dict[str, Callable[[Bench], None]] = {
        "faults": faults,
        "workers": two_workers,
        "kernels": lambda bench: killed_kernels(bench, chance),
        "drains": lambda bench: killed_drains(bench, chance),
        "writers": lambda bench: killed_writers(bench.home("writers"), chance),
        "damaged": lambda bench: damaged_journals(bench, chance),
    }
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name in only or parts:
            parts[name](bench)


if __name__ == "__main__":
    main()
