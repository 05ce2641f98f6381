"""Histories of rollouts, drawn at random and run through the real machine: what must never happen, does not.

The rules and the events are those of the tests (tests/runtime/rollout/histories.py), which run a few of them.

    python benchmarks/rollout_histories.py [HISTORIES] [SEED]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "runtime" / "rollout"))

import histories

HISTORIES = 100_000
SEED = 8


def main() -> None:
    """Explore, and tell."""
    given = [int(text) for text in sys.argv[1:]]
    count, seed = (*given, *(HISTORIES, SEED)[len(given) :])
    began = time.process_time()
    found = histories.explore(count, seed)
    took = time.process_time() - began
    print(f"{count:,} histories of {histories.EVENTS} events, {found['changes']:,} changes: no rule broken")
    print(
        f"{found['finished']:,} rollouts finished, {found['rolled back']:,} were rolled back; {took:.1f} CPU s"
    )
    events = sorted(event.__name__ for event in histories.EVENT_KINDS)
    print(", ".join(f"{name} {found[name]:,}" for name in events))


if __name__ == "__main__":
    main()
