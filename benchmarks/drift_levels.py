"""How often drift is told where there is none, and how often where there is: by simulation.

Each null is a table of four unchanged columns (normal, lognormal, counts with ties, categories) against a reference of
the same law; an alarm is a report of severity info or above. Stated: at most 1 %. The second table gives the share of
windows in which a normal column that moved by so many standard deviations is told, and as how severe in the median.

    python benchmarks/drift_levels.py [--nulls 1000]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

import numpy as np
import pandas as pd

from nbship.drift import RANK, compare
from nbship.profile import profile

SIZES = (50, 200, 1000, 10_000, 100_000)
SHIFTS = (0.05, 0.1, 0.2, 0.5, 1.0)
ROWS = 10_000


def table(rng: np.random.Generator, rows: int, shift: float = 0.0) -> pd.DataFrame:
    """Give a table of four columns; ``shift`` moves the normal one."""
    return pd.DataFrame(
        {
            "normal": rng.normal(shift, 1, rows),
            "skewed": rng.lognormal(0, 1, rows),
            "counts": rng.poisson(3, rows),
            "kind": np.array(list("abcdefgh"))[rng.integers(0, 8, rows)],
        }
    )


def false_alarms(nulls: int) -> bool:
    """Print the share of unchanged windows that are told as drift; give whether each is at the stated level."""
    print(f"{'rows':>8} {'nulls':>6} {'info':>7} {'warning':>8} {'critical':>9}")
    held = True
    for rows in SIZES:
        rng = np.random.default_rng(rows)
        seen: Counter[str] = Counter()
        known = profile(table(rng, max(rows, ROWS)))
        for number in range(nulls):
            if number % 20 == 19:  # noqa: PLR2004  # a reference drawn anew: its own luck is part of the law
                known = profile(table(rng, max(rows, ROWS)))
            seen[compare(known, profile(table(rng, rows), like=known)).severity] += 1
        at_least = [
            sum(seen[level] for level in RANK if RANK[level] >= RANK[name])
            for name in ("info", "warning", "critical")
        ]
        print(f"{rows:>8} {nulls:>6} " + " ".join(f"{count / nulls:>8.2%}" for count in at_least), flush=True)
        held &= at_least[0] <= 0.01 * nulls + 3 * (0.01 * nulls) ** 0.5
    return held


def power(windows: int) -> None:
    """Print how many windows with a moved column are told."""
    print(f"\n{'rows':>8} " + " ".join(f"{shift:>14} sd" for shift in SHIFTS))
    for rows in SIZES:
        rng = np.random.default_rng(rows + 1)
        known = profile(table(rng, max(rows, ROWS)))
        told = []
        for shift in SHIFTS:
            found = [
                compare(known, profile(table(rng, rows, shift), like=known)).feature("normal")
                for _ in range(windows)
            ]
            levels = sorted(
                (item.severity for item in found if item is not None), key=lambda level: RANK[level]
            )
            share = sum(RANK[level] >= RANK["info"] for level in levels) / windows
            told.append(f"{share:>5.0%} {levels[windows // 2]:>8}")
        print(f"{rows:>8} " + "   ".join(told), flush=True)


def main() -> int:
    """Print both tables; exit code 1 where false alarms are above the stated level."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--nulls", type=int, default=1000)
    nulls = options.parse_args().nulls
    held = false_alarms(nulls)
    power(max(nulls // 20, 10))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
