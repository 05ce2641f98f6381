"""A server under fire: clients ask without pause while versions are swapped and workers are killed.

    python benchmarks/serve_soak.py --seconds 600

Told are what clients saw besides answers, which answered requests are not in the prediction log or are there twice,
and how long answers took. With ``--kill frontend`` it is the processes that speak HTTP that are killed, too: then a
client loses the request that was under way on its connection, and the log must still have all that was answered.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import serve_world as worlds

SWAP_S = 20.0


def soak(seconds: float, clients: int, kill_s: float, kinds: list[str], frontends: int, workers: int) -> bool:
    """Run it, print what was seen, and tell whether no logged request was lost and no client saw an error."""
    rows, _ = worlds.table()
    with tempfile.TemporaryDirectory() as scratch:
        world = worlds.World(Path(scratch))
        world.register(worlds.trained(1.0), rows)
        world.register(worlds.trained(0.1), rows)
        world.change(champion=1, challenger=None)
        seen = [worlds.Seen([], {}, []) for _ in range(clients)]
        options = ("--frontends", str(frontends), "--workers", str(workers))
        with worlds.serving(worlds.MODEL, *options) as server:
            server.wait(1)
            stop, content = threading.Event(), worlds.body()
            threads = [
                threading.Thread(
                    target=worlds.client, args=(server.port, f"c{place}", stop, content, seen[place])
                )
                for place in range(clients)
            ]
            for thread in threads:
                thread.start()
            swaps, kills = fire(world, server, seconds, kill_s, kinds)
            stop.set()
            for thread in threads:
                thread.join()
        whole = worlds.together(seen)
        return report(whole, world, seconds, swaps, kills)


def fire(
    world: worlds.World, server: worlds.Server, seconds: float, kill_s: float, kinds: list[str]
) -> tuple[int, dict[str, int]]:
    """Swap and kill for so long; give how often."""
    chance = random.Random(8)
    swaps, kills = 0, dict.fromkeys(kinds, 0)
    began = time.monotonic()
    next_swap, next_kill = began + min(SWAP_S, seconds / 3), began + kill_s
    champion = 1
    while time.monotonic() - began < seconds:
        time.sleep(0.2)
        now = time.monotonic()
        if now >= next_swap:
            champion = 3 - champion
            world.change(champion=champion, challenger=None)
            swaps, next_swap = swaps + 1, now + SWAP_S
        if kill_s and now >= next_kill:
            kind = chance.choice(kinds)
            processes = server.processes(kind)
            if processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(processes), signal.SIGKILL)
                    kills[kind] += 1
            next_kill = now + chance.uniform(0.5, 1.5) * kill_s
    return swaps, kills


def report(
    whole: worlds.Seen, world: worlds.World, seconds: float, swaps: int, kills: dict[str, int]
) -> bool:
    """Print what was seen."""
    logged = world.logged()
    answered = logged[(logged["outcome"] == "ok") & (logged["role"] == "champion")]["request"]
    lost = set(whole.answered) - set(answered)
    twice = int(answered.duplicated().sum())
    killed = ", ".join(f"{count} {kind}s killed" for kind, count in kills.items())
    print(f"{seconds:.0f} s, {swaps} swaps of version, {killed}")
    print(
        f"  answered            {len(whole.answered):10,}   ({len(whole.answered) / seconds:,.0f} a second)"
    )
    print(f"  errors at clients   {sum(whole.others.values()):10,}   {whole.others or ''}")
    print(f"  lost from the log   {len(lost):10,}   of all that were answered")
    print(f"  twice in the log    {twice:10,}")
    quantiles = (worlds.at(whole.seconds, 0.5), worlds.at(whole.seconds, 0.99), worlds.at(whole.seconds, 1.0))
    print(
        "  p50, p99, longest   {:10.1f} {:.1f} {:.1f} ms (the clients are on the same cores)".format(
            *quantiles
        )
    )
    return not lost and not twice and ("frontend" in kills or not whole.others)


def main() -> int:
    """Run the soak; the exit code is 1 where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--kill-every", type=float, default=5.0)
    parser.add_argument("--kill", action="append", choices=["worker", "frontend", "draining"], default=[])
    parser.add_argument("--frontends", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    kinds = given.kill or ["worker"]
    return (
        0
        if soak(given.seconds, given.clients, given.kill_every, kinds, given.frontends, given.workers)
        else 1
    )


if __name__ == "__main__":
    sys.exit(main())
