"""Content hash of a table: nbship against joblib and mlflow, in one process, turn about.

Two tables: 8 columns of numbers (2,000,000 rows, 128 MB), and 2 of text (1,000,000 rows). Each hash first has
to show that it sees a change in the last row; one that does not is marked, since its seconds buy less. Prints
the median wall seconds of five rounds, and how many times as long as nbship each one takes.

mlflow's digest is the one that `mlflow.data.from_pandas` gives a dataset: of the first 10,000 rows at most.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

import joblib
import numpy as np
import pandas as pd
from mlflow.data.digest_utils import compute_pandas_digest

from nbship.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5
HASHES: dict[str, Callable[[pd.DataFrame], str]] = {
    "nbship": lambda table: fingerprint(table).table,
    "joblib.hash": lambda table: str(joblib.hash(table)),
    "mlflow digest": lambda table: str(compute_pandas_digest(table)),
}


def numbers() -> pd.DataFrame:
    """Give 8 columns of numbers, half of them whole."""
    random = np.random.default_rng(7)
    rows = 2_000_000
    columns: dict[str, object] = {f"float_{i}": random.standard_normal(rows) for i in range(4)}
    columns |= {f"whole_{i}": random.integers(0, 1 << 40, rows) for i in range(4)}
    return pd.DataFrame(columns)


def texts() -> pd.DataFrame:
    """Give 2 columns of short texts."""
    random = np.random.default_rng(7)
    words = np.array([f"user-{i:07d}" for i in range(200_000)], dtype=object)
    rows = 1_000_000
    columns = {name: words[random.integers(0, len(words), rows)] for name in ("sender", "receiver")}
    return pd.DataFrame(columns).astype("str")


def sees_the_last_row(digest: Callable[[pd.DataFrame], str], table: pd.DataFrame) -> bool:
    """Whether a change in the last row alone changes the hash."""
    first = str(table.columns[0])
    values = table[first].to_numpy(copy=True)
    values[-1] = values[0]
    changed = table.assign(**{first: pd.Series(values, index=table.index, dtype=table[first].dtype)})
    return digest(changed) != digest(table)


def seconds(digest: Callable[[pd.DataFrame], str], table: pd.DataFrame) -> float:
    """Give the wall seconds of hashing a table once."""
    started = time.perf_counter()
    digest(table)
    return time.perf_counter() - started


def main() -> int:
    """Compare on both tables; fails only if our own hash misses the change."""
    for name, table in (("numbers", numbers()), ("texts", texts())):
        size = int(table.memory_usage(deep=True).sum()) / 1e6
        print(f"{name}: {len(table):,} rows, {size:,.0f} MB in pandas")
        seen = {peer: sees_the_last_row(digest, table) for peer, digest in HASHES.items()}
        rounds = [{peer: seconds(digest, table) for peer, digest in HASHES.items()} for _ in range(ROUNDS)]
        middle = {peer: statistics.median(taken[peer] for taken in rounds) for peer in HASHES}
        for peer, taken in middle.items():
            told = "" if seen[peer] else "   does not see the last row"
            print(f"  {peer:16}{taken:8.3f} s {taken / middle['nbship']:8.2f} x the time{told}")
        if not seen["nbship"]:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
