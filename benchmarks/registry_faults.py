"""Kill whoever decides, at any moment, and look whether MLflow and the history still tell the same.

    python benchmarks/registry_faults.py [--kills 100]

A process promotes and rolls back the versions of a model, one after the other, against MLflow on SQLite. After a random
time it gets SIGKILL, and the next that looks (once the dead one's lease has run out) makes good what it left. Counted
are decisions without their record, histories with a break, MLflow showing something else than what stands, and deaths
that were mistaken for changes made in MLflow's pages: all of them should be 0.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nbship import config, names
from nbship.config import Config
from nbship.errors import InputError
from nbship.registry import Registry, lifecycle
from nbship.registry.projection import view_of
from nbship.registry.reconciling import look, reconcile

MODEL = "bikes"
VERSIONS = 4


def decide_for_ever(settings: Config, seed: int) -> None:
    """Promote and roll back until somebody puts an end to it."""
    registry, chance = Registry(settings), random.Random(seed)
    while True:
        at = datetime.now(UTC)
        if chance.random() < 0.2:  # noqa: PLR2004  # now and then
            try:
                lifecycle.roll_back(registry, MODEL, who="chance", at=at)
            except InputError:
                continue
        else:
            version, stage = chance.randint(1, VERSIONS), chance.choice(["production", "staging", "archived"])
            lifecycle.promote(registry, MODEL, version, to=stage, who="chance", at=at)  # type: ignore[arg-type]


def killed(settings: Config, seed: int, after_s: float) -> None:
    """Let a process decide for a while, and kill it."""
    child = os.fork()
    if child == 0:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 2)
        try:
            decide_for_ever(settings, seed)
        finally:
            os._exit(1)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit("the process that should be killed ended by itself")


def looked_at(settings: Config, found: Counter[str]) -> None:
    """Look at what the dead one left, as the next one does, and count what is wrong after it."""
    registry = Registry(settings)
    registry.leases._clock = lambda: datetime.now(UTC) + timedelta(minutes=3)  # noqa: SLF001  # its lease has run out
    behind = registry.assignments.shown_revision(MODEL) < registry.assignments.of(MODEL).revision
    found["killed between the decision and MLflow"] += behind
    now = reconcile(registry, MODEL)
    shows = look(registry, MODEL)
    wanted = view_of(now, shows.stages if shows else ())
    found["MLflow shows something else"] += shows is None or replace(shows, head=None, heads={}) != wanted
    found["histories with a break"] += bool(registry.assignments.verify(MODEL, *registry.heads(MODEL)))
    history = registry.assignments.history(MODEL)
    found["decisions without a record"] += len(history) != now.revision
    found["deaths mistaken for changes in MLflow"] = sum(
        record.action == names.ACTION_ELSEWHERE for record in history
    )
    found["decisions"] = now.revision
    registry.close()


def main() -> None:
    """Kill as often as asked, and print what is left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    chance, found = random.Random(asked.seed), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="nbship-registry-") as folder:
        os.environ[names.ENV_HOME] = folder
        for name in (names.ENV_TRACKING_URI, names.ENV_STATE_URL, names.ENV_POLICY):
            os.environ.pop(name, None)
        settings = config.load(start=Path(folder))
        registry = Registry(settings)
        registry.client.create_registered_model(MODEL)
        for number in range(1, VERSIONS + 1):
            registry.client.create_model_version(MODEL, source=f"{folder}/{number}")
            lifecycle.place(registry, MODEL, number, who="ada", at=datetime.now(UTC))
        registry.close()
        for kill in range(asked.kills):
            killed(settings, asked.seed * 1000 + kill, chance.uniform(0.2, 3.0))
            looked_at(settings, found)
    print(f"{asked.kills} processes killed")
    bad = 0
    for name, count in found.items():
        print(f"{count:>6}  {name}")
        bad += count if name not in {"decisions", "killed between the decision and MLflow"} else 0
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
