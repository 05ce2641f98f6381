"""Drift of sixty columns by rows: CPU seconds beside those of np.sort, and the memory needed above the data.

    python benchmarks/drift_rows.py [ROWS ...]

Each number of rows has a process of its own, which holds a window as pandas and the stored profile of a reference as
large. Memory is the peak of the comparison above what the process held before it (Linux: the kernel's own high-water
mark, set back in between). The window has another number of rows in each round, so that no round can use another's.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from drift_peers import sixty_columns

from nbship.drift import compare
from nbship.profile import Profile, profile

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 5


def seconds(known: Profile, current: pd.DataFrame) -> tuple[float, float]:
    """Give the CPU seconds of a comparison, and of ordering the numbers: the best of some rounds, turn about."""
    ours, sorting = [], []
    numbers = [str(name) for name in current.select_dtypes("number")]
    for number in range(ROUNDS):
        window = current.iloc[8 * number :]
        started = time.process_time()
        compare(known, profile(window, like=known))
        ours.append(time.process_time() - started)
        columns = [window[name].to_numpy() for name in numbers]
        started = time.process_time()
        for column in columns:
            np.sort(column)
        sorting.append(time.process_time() - started)
    return min(ours), min(sorting)


def peak_mb(known: Profile, current: pd.DataFrame) -> float:
    """Give how far a comparison takes the process above what it holds."""
    before = _held("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    compare(known, profile(current, like=known))
    return (_held("VmHWM") - before) / 1024


def _held(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def measured(rows: int) -> None:
    """Print the line of one number of rows."""
    known = profile(sixty_columns(0, rows))
    current = sixty_columns(1, rows)
    compare(
        known, profile(current.iloc[:1000], like=known)
    )  # what is imported at the first call is no memory of it
    data = float(current.memory_usage(deep=True).sum()) / 2**20
    above = peak_mb(known, current)
    ours, sorting = seconds(known, current)
    print(
        f"{rows:>10,} {data:>9,.0f} {above:>9,.0f} {ours:>9.3f} {sorting:>9.3f} {ours / sorting:>9.2f}",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    if "--one" in sys.argv:
        measured(int(sys.argv[-1]))
        return
    print(
        f"{'rows':>10} {'data MB':>9} {'above MB':>9} {'CPU s':>9} {'sort s':>9} {'x np.sort':>9}", flush=True
    )
    for rows in [int(word) for word in sys.argv[1:]] or SIZES:
        subprocess.run([sys.executable, __file__, "--one", str(rows)], check=True)


if __name__ == "__main__":
    main()
