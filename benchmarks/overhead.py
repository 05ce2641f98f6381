"""What recording adds to a cell: nbship against a plain shell and ``mlflow.autolog()``, and what loading takes.

Each variant is a process of its own with IPython's shell and runs the same cells, turn about; every figure is the
median of the added time over a plain shell's median, the autologged fit apart, which takes seconds and runs twice.
MLflow writes to SQLite, nbship to its journal; ``%load_ext nbship`` is timed in a real kernel.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROUNDS, LOADS = 60, 5
SETUP = """
import warnings; warnings.filterwarnings("ignore")
import numpy as np, pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
pd.DataFrame({"a": range(20_000), "b": 1.5}).to_csv("rows.csv", index=False)
model = LogisticRegression(max_iter=20).fit(X, y)
guess = model.predict(X)
"""
CELLS = {
    "x = 1": "x = 1",
    "accuracy_score": "accuracy = accuracy_score(y, guess)",
    "read_csv, 20,000 rows": "rows = pd.read_csv('rows.csv')",
    "LogisticRegression.fit": "model = LogisticRegression(max_iter=20); model.fit(X, y)",
}
VARIANTS = {"plain": "", "nbship": "%load_ext nbship", "mlflow": "import mlflow; mlflow.autolog(silent=True)"}
_MODES = "import time\nstarted, busy = time.perf_counter(), time.process_time()\n%load_ext nbship\nprint(time.perf_counter() - started, time.process_time() - busy)"


def seconds(variant: str) -> dict[str, list[float]]:
    """Run the cells in this process and give the seconds of each."""
    from IPython.core.interactiveshell import InteractiveShell

    shell: Any = InteractiveShell.instance()
    shell.run_cell(SETUP, store_history=True).raise_error()
    shell.run_cell(VARIANTS[variant], store_history=True).raise_error()
    taken: dict[str, list[float]] = {}
    for name, code in CELLS.items():
        rounds = 2 if variant == "mlflow" and "fit" in name else ROUNDS
        for _ in range(rounds):
            started = time.perf_counter()
            shell.run_cell(code, store_history=True)
            taken.setdefault(name, []).append(time.perf_counter() - started)
    return taken


def measured(variant: str, folder: Path) -> dict[str, list[float]]:
    """Run the cells in a process of their own."""
    environment = os.environ | {
        "NBSHIP_HOME": str(folder / "home"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "NBSHIP_CAPTURE": "on",
    }
    command = [sys.executable, __file__, variant]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def loading(folder: Path) -> list[tuple[float, float]]:
    """Give wall and CPU seconds of ``%load_ext nbship`` in fresh kernels."""
    from jupyter_client.manager import start_new_kernel

    found = []
    for _ in range(LOADS):
        manager, client = start_new_kernel(env=os.environ | {"NBSHIP_HOME": str(folder / "home")})
        told: list[str] = []

        def hear(message: dict[str, Any], told: list[str] = told) -> None:
            told.append(message["content"].get("text", ""))

        client.execute_interactive(_MODES, output_hook=hear)
        wall, busy = (float(text) for text in "".join(told).split()[-2:])
        found.append((wall, busy))
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return found


def main() -> None:
    """Print both tables."""
    with TemporaryDirectory() as scratch:
        found = {}
        for variant in VARIANTS:
            folder = Path(scratch) / variant
            folder.mkdir()
            found[variant] = measured(variant, folder)
        print(
            f"{'median ms of a cell':28}{'plain':>10}{'nbship':>10}{'adds':>10}{'mlflow':>12}{'adds':>12}{'times ours':>12}"
        )
        for name in CELLS:
            plain, ours, theirs = (statistics.median(found[variant][name]) * 1000 for variant in VARIANTS)
            more, most = ours - plain, theirs - plain
            ratio = f"{most / more:12.0f}" if more > 0 else f"{'-':>12}"
            print(f"{name:28}{plain:10.2f}{ours:10.2f}{more:10.2f}{theirs:12.2f}{most:12.2f}{ratio}")
        loads = loading(Path(scratch))
    walls, busy = zip(*loads, strict=True)
    print(
        f"%load_ext nbship: {statistics.median(walls) * 1000:.0f} ms ({min(walls) * 1000:.0f} at best), "
        f"{statistics.median(busy) * 1000:.0f} ms of CPU, median of {LOADS} kernels"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(seconds(sys.argv[1])))
    else:
        main()
