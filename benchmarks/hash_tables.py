"""Content hash of a table: nbship against joblib, pandas and mlflow, in one process, turn about.

One table for every kind of column; the fastest of the rounds, in milliseconds, and how many times as long as nbship's
identity each one takes. `identity` is BLAKE3 of the content on all cores, `one thread` the same on one, `change` is
the XXH3 change detector (of what can change in place), beside one reading of memory. mlflow's digest is of the first 10,000 rows at most, whatever its time.

`--only WORD` takes the kinds whose name holds it, `--without mlflow` leaves what is slow out, and
`--cpu` counts the seconds of all threads' work, for a machine that others use too. `--large GB` hashes one frame of that size instead, and prints the
memory that it takes above the frame. `--sensitivity` prints which changes each hash sees, beside what it should see.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from mlflow.data.digest_utils import compute_numpy_digest, compute_pandas_digest

from nbship.fingerprint import fingerprint
from nbship_magics.stamps import is_watched, stamp

SHOULD = {
    "nothing (a copy)": False,
    "value in the last row": True,
    "a time": True,
    "a truth value": True,
    "rows permuted": True,
    "column renamed": True,
    "columns in other order": True,
    "int32 to int64": True,
    "index only": False,
    "str to object": False,
    "str to category": False,
    "order of categories": False,
    "-0.0 for 0.0": True,
    "payload of NaN": False,
    "arrow: chunks": False,
    "arrow: offset": False,
    "arrow: large_string": False,
    "pandas NaN, arrow null": False,
    "pandas to arrow": False,
    "pandas to polars": False,
    "numpy: F order": False,
    "numpy: shape": True,
}


def _identity(table: Any) -> str:
    return fingerprint(table).table


def _one_thread(table: Any) -> str:
    return fingerprint(table, parallel=False).table


def _change(table: Any) -> str | None:
    return str(stamp(table)) if is_watched(table) else None


def _joblib(table: Any) -> str:
    return str(joblib.hash(table))


def _pandas(table: Any) -> str | None:
    if not isinstance(table, pd.DataFrame):
        return None
    return hashlib.sha256(pd.util.hash_pandas_object(table).to_numpy().tobytes()).hexdigest()


def _mlflow(table: Any) -> str | None:
    if isinstance(table, pd.DataFrame):
        return str(compute_pandas_digest(table))
    return str(compute_numpy_digest(table)) if isinstance(table, np.ndarray) else None


#: Each gives None for a table that it does not take.
HASHES: Mapping[str, Callable[[Any], str | None]] = {
    "identity": _identity,
    "one thread": _one_thread,
    "change": _change,
    "joblib": _joblib,
    "pandas+sha256": _pandas,
    "mlflow": _mlflow,
}


def tables(rows: int) -> dict[str, Callable[[], Any]]:
    """Give what makes a table of each kind."""
    random = np.random.default_rng(0)
    words = np.array([f"user-{number:07d}" for number in range(200_000)], dtype=object)

    def numbers() -> pd.DataFrame:
        columns: dict[str, Any] = {f"f{place}": random.standard_normal(rows) for place in range(4)}
        return pd.DataFrame(columns | {f"i{place}": random.integers(0, 1 << 40, rows) for place in range(4)})

    def codes() -> pd.DataFrame:
        names = [f"cat{number:02d}" for number in range(50)]
        return pd.DataFrame({"c": pd.Categorical.from_codes(random.integers(0, 50, rows), pd.Index(names))})

    def instants() -> pd.DataFrame:
        return pd.DataFrame({"t": pd.date_range("2020", periods=rows, freq="s", tz="Europe/Vilnius")})

    def few() -> pd.DataFrame:
        return codes().astype("str")

    def arrow() -> pa.Table:
        return pa.Table.from_pandas(numbers(), preserve_index=False)

    def text(values: Any) -> pd.DataFrame:
        chosen = pa.array(values, pa.large_string()).take(pa.array(random.integers(0, len(values), rows)))
        return pd.DataFrame(pa.table({"s": chosen}).to_pandas())

    def categories(values: Any) -> pd.DataFrame:
        return pd.DataFrame({"c": pd.Categorical.from_codes(random.integers(-1, len(values), rows), values)})

    def arrow_of(values: Any, kind: pa.DataType | None = None) -> pa.Table:
        return pa.table({"x": values if kind is None else pa.array(values).cast(kind)})

    integers = random.integers(0, 99, rows)
    cents = (random.integers(0, 10_000, rows) / 100).round(2)
    ends = pa.array(np.arange(0, rows + 1, 4, dtype=np.int32))
    long = np.array(
        [f"{'https://example.org/path/to/':30}{number:010}" for number in range(50)], dtype=object
    )
    missing = random.random(rows) < 0.1  # noqa: PLR2004  # a tenth
    return {
        "numbers, 8 columns": numbers,
        "floats, a tenth NaN": lambda: pd.DataFrame({"x": np.where(missing, np.nan, random.random(rows))}),
        "strings, many": lambda: pd.DataFrame({"s": words[random.integers(0, len(words), rows // 2)]}).astype(
            "str"
        ),
        "strings, few": few,
        "categorical": codes,
        "datetime tz": instants,
        "bool": lambda: pd.DataFrame({"b": integers > 49}),  # noqa: PLR2004  # half
        "nullable Int64": lambda: pd.DataFrame({"x": pd.array(integers, dtype="Int64")}),
        "Int64, a tenth NA": lambda: pd.DataFrame({"x": pd.arrays.IntegerArray(integers, missing)}),
        "numpy 1-D": lambda: random.standard_normal(rows),
        "numpy F order": lambda: np.asfortranarray(random.standard_normal((rows, 8))),
        "numpy C order": lambda: random.standard_normal((rows, 8)),
        "arrow numbers": arrow,
        "arrow strings": lambda: pa.Table.from_pandas(few(), preserve_index=False),
        "polars numbers": lambda: pl.from_arrow(arrow()),
        "numbers that are categories": lambda: pd.DataFrame({"x": pd.Categorical(integers)}),
        "categories, 5,000 texts": lambda: pd.DataFrame(
            {"c": pd.Categorical.from_codes(random.integers(0, 5_000, rows), pd.Index(sorted(words[:5_000])))}
        ),
        "text of 20,000 values": lambda: text(words[:20_000]),
        "text of 40 characters": lambda: text(long),
        "text of unlike lengths": lambda: text(np.array(["x" * (n % 25) for n in range(500)], dtype=object)),
        "categories in no order": lambda: categories(["low", "mid", "high"]),
        "categories, 60,000 texts": lambda: categories(words[:60_000]),
        "intervals (pandas.cut)": lambda: pd.DataFrame({"x": pd.cut(random.random(rows), 10)}),
        "times that are categories": lambda: categories(pd.date_range("2020", periods=50)),
        "arrow dictionary": lambda: arrow_of(pa.array(integers).cast(pa.string()).dictionary_encode()),
        "float32": lambda: pd.DataFrame({"x": random.random(rows, dtype=np.float32)}),
        "float16": lambda: pd.DataFrame({"x": random.random(rows).astype(np.float16)}),
        "uint8": lambda: pd.DataFrame({"x": integers.astype(np.uint8)}),
        "complex": lambda: pd.DataFrame({"x": random.random(rows) + 1j}),
        "times in ns": lambda: pd.DataFrame({"t": (integers * 1000).astype("M8[ns]")}),
        "timedelta, a tenth NaT": lambda: pd.DataFrame(
            {"t": np.where(missing, np.timedelta64("NaT"), integers.astype("m8[us]"))}
        ),
        "arrow dates": lambda: arrow_of(integers.astype(np.int32), pa.date32()),
        "arrow decimals": lambda: arrow_of(cents, pa.decimal128(12, 2)),
        "arrow binary": lambda: arrow_of(
            pa.array(words[random.integers(0, 200_000, rows // 2)]), pa.binary()
        ),
        "arrow lists": lambda: arrow_of(pa.ListArray.from_arrays(ends, pa.array(integers))),
        "arrow structs": lambda: arrow_of(
            pa.StructArray.from_arrays([pa.array(integers), pa.array(cents)], ["a", "b"])
        ),
        "objects that are text": lambda: pd.DataFrame({"s": words[random.integers(0, 200_000, rows // 10)]}),
        "objects that are mixed": lambda: pd.DataFrame(
            {"x": pd.Series([*range(10_000), *map(str, range(10_000))], dtype=object)}
        ),
        "one row": lambda: pd.DataFrame({"x": [1.0], "s": ["a"]}),
        "nothing present": lambda: pd.DataFrame({"x": np.full(rows, np.nan)}),
        "polars strings": lambda: pl.from_arrow(pa.Table.from_pandas(few(), preserve_index=False)),
    }


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Give the seconds of one call."""
    started = clock()
    work()
    return clock() - started


def large(size: int) -> None:
    """Print how long a frame of so many bytes takes, and the most memory above it."""
    rows = size // 61  # bytes of a row
    random = np.random.default_rng(0)
    words = pa.array([f"user-{number:07d}" for number in range(200_000)], pa.large_string())
    frame = pa.table({"s": words.take(pa.array(random.integers(0, len(words), rows)))}).to_pandas()
    for place in range(4):
        frame[f"x{place}"] = random.standard_normal(rows)
    frame["c"] = pd.Categorical.from_codes(
        random.integers(0, 50, rows).astype(np.int8), pd.Index([*"abcdefghijklm", *map(str, range(37))])
    )
    frame["t"] = pd.date_range("2020", periods=rows, freq="s")
    size = int(frame.memory_usage(index=False).sum())
    for name, digest in (("all cores", _identity), ("one thread", _one_thread)):
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # begins the peak anew
        took = seconds(lambda digest=digest: digest(frame))  # type: ignore[misc]  # bound now
        above = _memory("VmHWM") - before
        print(
            f"{size / 1e9:.1f} GB, {name}: {took:.2f} s, {size / took / 1e9:.1f} GB/s, {above / 1e6:.0f} MB above"
        )


def _memory(name: str) -> int:
    """Give a number of bytes that Linux tells of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def compare(
    rows: int,
    rounds: int,
    only: str,
    peers: Mapping[str, Callable[[Any], str | None]],
    clock: Callable[[], float],
) -> None:
    """Print the times of every hash on every kind of table."""
    memory = np.ones(8 * rows)
    print(f"{rows:,} rows; milliseconds (times the identity's)")
    print(f"{'':28}{'GB/s':>7}" + "".join(f"{name:>19}" for name in peers) + f"{'memory read':>13}")
    for kind, make in tables(rows).items():
        if only not in kind:
            continue
        table = make()
        start = table.slice(0, 9) if isinstance(table, pa.Table) else table[:9]
        hashes = {name: digest for name, digest in peers.items() if digest(start)}
        best = dict.fromkeys([*hashes, "memory"], float("inf"))
        size = _bytes(table)
        piece = memory[: size // 8]
        for _ in range(rounds):
            for name, digest in hashes.items():
                best[name] = min(best[name], seconds(lambda digest=digest, table=table: digest(table), clock))  # type: ignore[misc]  # bound now
            best["memory"] = min(best["memory"], seconds(piece.sum, clock))
        cells = [
            f"{best[name] * 1e3:10.1f} ({best[name] / best['identity']:5.1f})"
            if name in best
            else f"{'-':>18}"
            for name in peers
        ]
        print(
            f"{kind:28}{size / best['identity'] / 1e9:7.2f} "
            + " ".join(cells)
            + f"{best['memory'] * 1e3:12.1f}"
        )


def _bytes(table: Any) -> int:
    if isinstance(table, pd.DataFrame):
        return int(table.memory_usage(index=False).sum())
    return int(table.estimated_size() if isinstance(table, pl.DataFrame) else table.nbytes)


def changes() -> dict[str, tuple[Any, Any]]:
    """Give the tables before and after each of the changes."""
    random = np.random.default_rng(0)
    rows = 20_000
    base = pd.DataFrame(
        {
            "x": random.standard_normal(rows),
            "k": random.integers(0, 100, rows).astype("int32"),
            "s": pd.Series([f"v{number % 77}" for number in range(rows)], dtype="str"),
            "t": pd.date_range("2020", periods=rows, freq="s"),
            "b": random.integers(0, 2, rows).astype(bool),
        }
    )
    arrow = pa.Table.from_pandas(base, preserve_index=False)
    padded = pa.concat_tables([arrow.slice(0, 13), arrow]).combine_chunks()
    plain, large = (
        arrow.set_column(2, "s", arrow["s"].cast(kind)) for kind in (pa.string(), pa.large_string())
    )
    names = sorted(base["s"].unique())
    quiet = [
        np.array([bits] * 9, np.uint64).view(np.float64) for bits in (0x7FF8000000000000, 0x7FF8000000000001)
    ]
    array = random.standard_normal((500, 40))
    gaps = [None if number % 7 == 0 else 1.5 for number in range(50)]

    def put(row: int, column: str, value: Any) -> pd.DataFrame:
        table = base.copy()
        table.loc[row, column] = value
        return table

    return {
        "nothing (a copy)": (base, base.copy()),
        "value in the last row": (base, put(rows - 1, "x", 9.0)),
        "a time": (base, put(5, "t", pd.Timestamp("1999"))),
        "a truth value": (base, put(5, "b", not base.loc[5, "b"])),
        "rows permuted": (base, base.iloc[::-1].reset_index(drop=True)),
        "column renamed": (base, base.rename(columns={"x": "y"})),
        "columns in other order": (base, base[list(base.columns[::-1])]),
        "int32 to int64": (base, base.astype({"k": "int64"})),
        "index only": (base, base.set_axis(np.arange(rows) + 7)),
        "str to object": (base, base.astype({"s": object})),
        "str to category": (base, base.astype({"s": "category"})),
        "order of categories": tuple(
            base.assign(s=pd.Categorical(base["s"], order)) for order in (names, names[::-1])
        ),
        "-0.0 for 0.0": (base.assign(x=0.0), base.assign(x=-0.0)),
        "payload of NaN": tuple(pd.DataFrame({"x": each}) for each in quiet),
        "arrow: chunks": (arrow, pa.concat_tables([arrow.slice(0, 7001), arrow.slice(7001)])),
        "arrow: offset": (arrow, padded.slice(13)),
        "arrow: large_string": (plain, large),
        "pandas NaN, arrow null": (
            pd.DataFrame({"x": pd.Series(gaps, dtype="float64")}),
            pa.table({"x": gaps}),
        ),
        "pandas to arrow": (base, arrow),
        "pandas to polars": (base, pl.from_arrow(arrow)),
        "numpy: F order": (array, np.asfortranarray(array)),
        "numpy: shape": (array, array.reshape(40, 500)),
    }


def _seen(digest: Callable[[Any], str | None], before: Any, after: Any) -> str:
    try:
        one, other = digest(before), digest(after)
    except Exception as error:  # noqa: BLE001  # a peer that cannot hash a table is a result
        return type(error).__name__[:10]
    return "-" if one is None or other is None else "Y" if one != other else "."


def sensitivity() -> int:
    """Print which hash sees what (Y: another hash); fails if ours is not as it should be."""
    columns = {**{name: HASHES[name] for name in ("joblib", "pandas+sha256", "mlflow")}, "nbship": _identity}
    columns["nbship schema"] = lambda table: fingerprint(table).schema
    columns["nbship index"] = lambda table: str(fingerprint(table).index)
    print(f"{'':24}" + "".join(f"{name:>15}" for name in [*columns, "should"]))
    wrong = 0
    for change, (before, after) in changes().items():
        found = {name: _seen(digest, before, after) for name, digest in columns.items()}
        should = "Y" if SHOULD[change] else "."
        wrong += found["nbship"] != should
        print(f"{change:24}" + "".join(f"{mark:>15}" for mark in [*found.values(), should]))
    print(f"nbship is as it should be in {len(SHOULD) - wrong} of {len(SHOULD)}; pandas {pd.__version__}")
    return min(wrong, 1)


def main() -> int:
    """Compare times, or sensitivity."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sensitivity", action="store_true")
    options.add_argument("--rows", type=int, default=5_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", default="")
    options.add_argument("--without", nargs="*", default=(), metavar="HASH", help="hashes that are left out")
    options.add_argument("--cpu", action="store_true")
    options.add_argument("--large", type=float, metavar="GB")
    given = options.parse_args()
    if given.sensitivity:
        return sensitivity()
    if given.large:
        large(int(given.large * 1e9))
        return 0
    peers = {name: digest for name, digest in HASHES.items() if name not in given.without}
    compare(
        given.rows, given.rounds, given.only, peers, time.process_time if given.cpu else time.perf_counter
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
