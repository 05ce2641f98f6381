"""What controllers that are killed leave behind: every decision once, and the same end as an undisturbed one.

A candidate is asked and answers on a clock that goes a minute at a time; two controllers look at the evidence of each
minute, both at once, and are killed by SIGKILL after a random moment; then the clock goes on. This is done for
candidates of several kinds until there were so many kills. At the end of each story one controller is left in peace.
What the database holds is compared with the rules: one record for each change and the chain whole, steps in order and
none twice, a failing candidate rolled back, one alert told once.

    python benchmarks/rollout_faults.py [KILLS]
"""

from __future__ import annotations

import collections
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "runtime" / "rollout"))

from traffic import GOOD, Behaviour, Traffic

from nbship import names

KILLS = 200
SEED = 4
KINDS = {
    "good": GOOD,
    "failing": Behaviour(failing=0.3),
    "slow": Behaviour(slower=4.0),
    "differing": Behaviour(off=3.0),
}
#: The moment of a kill is drawn from this many times what an undisturbed pass takes.
LONGEST = 4.0
_PATIENCE = 60


def look(folder: str, now: str, candidate: Behaviour) -> None:
    """Be a controller: one pass, in a process that may be killed."""
    world = Traffic.again(Path(folder), datetime.fromisoformat(now), candidate)
    world.controller.run()
    world.close()


def kill_two(world: Traffic, candidate: Behaviour, rng: random.Random, pass_s: float) -> int:
    """Start two controllers at once, kill each after a random moment; give how many were alive by then."""
    context = multiprocessing.get_context("fork")
    arguments = (str(world.folder), world.now.isoformat(), candidate)
    processes = [context.Process(target=look, args=arguments) for _ in range(2)]
    killed = 0
    for process in processes:
        process.start()
    for process in processes:
        time.sleep(rng.uniform(0, LONGEST / 2 * pass_s))
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
    return killed


def story(
    kind: str, folder: Path, rng: random.Random, pass_s: float, counts: collections.Counter[str]
) -> None:
    """Carry one candidate to its end among the kills, and hold what is left against the rules."""
    candidate = KINDS[kind]
    world = Traffic(folder, seed=rng.randrange(10**6))
    world.start(candidate)
    for _ in range(_PATIENCE):
        world.serve(60)
        world.assignments.close()
        world.ledger.close()
        counts["killed"] += kill_two(world, candidate, rng, pass_s)
        world = Traffic.again(folder, world.now, candidate, seed=rng.randrange(10**6), asked=world.asked)
        if world.assignments.of("m").rollout is None:
            break
    world.controller.run()
    if world.assignments.of("m").rollout is not None:  # every one of them died before it could decide
        world.minutes(_PATIENCE)
    check(kind, world, counts)
    world.close()


def check(kind: str, world: Traffic, counts: collections.Counter[str]) -> None:
    """Count what is not as it should be."""
    now, records = world.assignments.of("m"), world.history()
    counts["stories"] += 1
    counts["decisions"] += len(records) - 1
    counts["broken chains"] += len(world.assignments.verify("m"))
    counts["two champions, or one that is its own challenger"] += now.champion == now.challenger
    good = kind == "good"
    counts["wrong champions"] += now.champion != (2 if good else 1)
    counts["rollouts without an end"] += now.mode != "off"
    steps = [(record.after.mode, record.after.share) for record in records]
    wanted = [("shadow", 0.0), ("canary", 0.2), ("canary", 0.5), ("off", 0.0)]
    counts["steps missing, twice or out of order"] += steps != (wanted if good else [wanted[0], wanted[-1]])
    counts["decisions without evidence"] += sum("findings" not in record.evidence for record in records[1:])
    ended = records[-1].action
    counts["wrong ends"] += ended != (names.ACTION_ROLLOUT_FINISHED if good else names.ACTION_ROLLED_BACK)
    told = (
        [json.loads(line) for line in world.sink.path.read_text().splitlines()]
        if world.sink.path.is_file()
        else []
    )
    counts["alerts missing"] += not good and not told
    counts["alerts raised twice"] += len({row["event"] for row in told}) > (0 if good else 1)
    counts["alerts delivered again under their number"] += len(told) - len({row["event"] for row in told})


def undisturbed(folder: Path) -> float:
    """Give how long a process needs for a pass here, with what it needs to begin and to end."""
    world = Traffic(folder)
    world.start(GOOD)
    world.serve(120)
    world.close()
    began = time.monotonic()
    process = multiprocessing.get_context("fork").Process(
        target=look, args=(str(folder), world.now.isoformat(), GOOD)
    )
    process.start()
    process.join()
    return time.monotonic() - began


def main() -> None:
    """Tell stories until there were so many kills, and print what was counted."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    rng = random.Random(SEED)
    counts: collections.Counter[str] = collections.Counter()
    with TemporaryDirectory() as folder:
        pass_s = undisturbed(Path(folder))
    while counts["killed"] < kills:
        kind = rng.choice(sorted(KINDS))
        with TemporaryDirectory() as folder:
            story(kind, Path(folder), rng, pass_s, counts)
    for name, count in counts.items():
        print(f"{name:50} {count:6,}")


if __name__ == "__main__":
    main()
