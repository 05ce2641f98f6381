"""Drift of a table larger than one would load: time and memory by rows, in threads and on a Dask cluster.

    python benchmarks/drift_scale.py [--rows 100000000]

Writes Parquet files of eight columns (six floats, a count, a category) below a temporary folder, a reference and a
current one of so many rows each, and compares them in a process of its own, whose peak memory is told.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbship.profile import Executor

GROUP = 1_000_000


def write(folder: Path, rows: int, shift: float) -> None:
    """Write the files, ten million rows each."""
    folder.mkdir()
    kinds = pa.array([f"kind_{number:02}" for number in range(20)])
    for number, start in enumerate(range(0, rows, 10 * GROUP)):
        with pq.ParquetWriter(folder / f"{number:04}.parquet", _schema(), compression="zstd") as writer:
            for begin in range(start, min(start + 10 * GROUP, rows), GROUP):
                writer.write_table(
                    _group(np.random.default_rng(begin), min(GROUP, rows - begin), shift, kinds)
                )


def _schema() -> pa.Schema:
    floats = [(f"x{number}", pa.float64()) for number in range(6)]
    return pa.schema([*floats, ("count", pa.int32()), ("kind", pa.string())])


def _group(rng: np.random.Generator, rows: int, shift: float, kinds: pa.Array) -> pa.Table:
    columns: dict[str, object] = {
        f"x{number}": rng.normal(shift * (number == 0), 1, rows) for number in range(6)
    }
    columns["count"] = rng.poisson(3, rows).astype(np.int32)
    columns["kind"] = kinds.take(pa.array(rng.integers(0, 20, rows)))
    return pa.table(columns, schema=_schema())


def compared(folder: Path, *, dask: bool) -> None:
    """Compare the two and print one line of JSON: seconds, peak memory of this process and what was found."""
    from nbship.drift import compare
    from nbship.profile import parquet_parts, profile_parts

    executor: Executor | None = None
    close: Callable[[], None] | None = None
    if dask:
        executor, close = _cluster()
    started, cpu = time.perf_counter(), time.process_time()
    known = profile_parts(parquet_parts(str(folder / "reference")), executor=executor)
    report = compare(
        known, profile_parts(parquet_parts(str(folder / "current")), like=known, executor=executor)
    )
    row = {
        "wall_s": round(time.perf_counter() - started, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "severity": report.severity,
        "report": json.dumps(report.to_json()),
    }
    if close is not None:
        close()
    print(json.dumps(row))


def _cluster() -> tuple[Executor, Callable[[], None]]:
    distributed: Any = importlib.import_module("distributed")  # it is not typed

    from nbship.profile import DaskExecutor

    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )
    client = distributed.Client(cluster)

    def close() -> None:
        client.close()
        cluster.close()

    return DaskExecutor(client), close


def main() -> int:
    """Print a line for each way; exit code 1 where they do not agree to the last digit."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=10_000_000)
    options.add_argument("--folder", type=Path, help="internal: compare what lies here")
    options.add_argument("--dask", action="store_true")
    given = options.parse_args()
    if given.folder:
        compared(given.folder, dask=given.dask)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder / "reference", given.rows, 0.0)
        write(folder / "current", given.rows, 0.2)
        size = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
        print(f"{given.rows:,} rows twice, {size / 1e9:.1f} GB of Parquet")
        reports = [_in_a_process(folder, "threads"), _in_a_process(folder, "dask")]
    same = reports[0] == reports[1]
    print("the same to the last digit" if same else "they differ")
    return 0 if same else 1


def _in_a_process(folder: Path, way: str) -> str:
    command = [sys.executable, __file__, "--folder", str(folder), *(["--dask"] if way == "dask" else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    row = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{way:8} {row['wall_s']:8.1f} s, {row['cpu_s']:8.1f} s CPU here, peak {row['peak_mb']:,} MB: {row['severity']}",
        flush=True,
    )
    return str(row["report"])


if __name__ == "__main__":
    sys.exit(main())
