"""Candidates of each kind against a real server: one goes live by itself, the others go away by themselves.

A server answers customers without pause; a controller, a process of its own, looks every few seconds. One candidate
after the other is registered and its rollout begun, and then nobody does anything. Told are where each came to, the
seconds to it from its first answer (or from when it breaks, where that is later), what customers saw meanwhile, and the
record in the history.

    python benchmarks/rollout_story.py [KIND...]        # good slow failing differing drifting breaking idle
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import serve_world as worlds

from nbship.monitoring.log import Log

CLIENTS = 4
PAUSE_S = 0.02
PATIENCE_S = 900.0
SETTINGS = """
[tool.nbship.rollout]
steps = ["shadow", 0.3, 0.6]
interval_s = 5
min_minutes = 0.25
max_minutes = 0.6
"""


@dataclass
class Candidate:
    """A model that behaves, or does not. ``sick`` is a file: where it is there, the model fails."""

    model: Any
    slow_s: float = 0.0
    failing: float = 0.0
    upside_down: bool = False
    sick: str | None = None
    classes_: Any = field(init=False)

    def __post_init__(self) -> None:
        self.classes_ = self.model.classes_

    def predict(self, rows: Any) -> Any:
        """Answer."""
        time.sleep(self.slow_s)
        if random.random() < self.failing or (self.sick and os.path.exists(self.sick)):  # noqa: PTH110  # as a model is
            raise RuntimeError("this model does not feel well")
        found = self.model.predict(np.asarray(rows))
        return 1 - found if self.upside_down else found

    def predict_proba(self, rows: Any) -> Any:
        """Give probabilities."""
        found = self.model.predict_proba(np.asarray(rows))
        return found[:, ::-1] if self.upside_down else found


KINDS: Mapping[str, Callable[[Any, str], Candidate]] = {
    "good": lambda model, _: Candidate(model),
    "slow": lambda model, _: Candidate(model, slow_s=0.06),
    "failing": lambda model, _: Candidate(model, failing=0.3),
    "differing": lambda model, _: Candidate(model, upside_down=True),
    "drifting": lambda model, _: Candidate(model),
    "breaking": lambda model, sick: Candidate(model, sick=sick),
    "idle": lambda model, _: Candidate(model),
}


class Customers:
    """Clients that ask on and on; ``idle`` lets them wait."""

    def __init__(self, port: int, rows: pd.DataFrame) -> None:
        self.answered = 0
        self.others: dict[str, int] = {}
        self.idle = False
        self._port = port
        self._bodies = [
            json.dumps({"records": [{str(name): float(value) for name, value in row.items()}]})
            for _, row in rows.iterrows()
        ]
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(place,)) for place in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, place: int) -> None:
        chance, connection = random.Random(place), HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.wait(2.0 if self.idle else PAUSE_S):
            headers = {"Content-Type": "application/json", "X-Key": f"customer-{chance.randrange(2000)}"}
            try:
                connection.request("POST", "/predict", chance.choice(self._bodies), headers)
                reply = connection.getresponse()
                reply.read()
                kind = str(reply.status)
            except (OSError, HTTPException) as error:
                kind = type(error).__name__
                connection.close()
            with self._guard:
                if kind == "200":
                    self.answered += 1
                else:
                    self.others[kind] = self.others.get(kind, 0) + 1
        connection.close()

    def taken(self) -> tuple[int, dict[str, int]]:
        """Give what they saw since this was last asked."""
        with self._guard:
            found = self.answered, self.others
            self.answered, self.others = 0, {}
        return found

    def stop(self) -> None:
        """Let them go home."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


class Story:
    """One server, one controller, and candidates one after the other."""

    def __init__(self, folder: Path) -> None:
        (folder / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
        os.chdir(folder)
        self.world = worlds.World(folder)
        self.rows, _ = worlds.table()
        self.model = worlds.trained()
        del self.model.steps[0][
            1
        ].feature_names_in_  # what is asked has none, and scikit-learn would warn each time
        self.sick = folder / "sick"
        self.world.register(Candidate(self.model), self.rows)
        from nbship.registry import Registry

        self.registry = Registry(self.world.settings)
        self.world.change(champion=1, challenger=None)
        self.versions = 1

    def run(self, kinds: list[str]) -> None:
        """Tell the story of each kind."""
        nbship = str(Path(sys.executable).with_name("nbship"))
        command = [nbship, "rollout", worlds.MODEL, "--watch", "--stay"]
        with worlds.serving(worlds.MODEL, "--workers", "1") as server:
            server.wait(1)
            customers = Customers(server.port, self.rows)
            controller = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            try:
                for kind in kinds:
                    self.one(kind, customers)
            finally:
                controller.terminate()
                controller.wait(30)
                customers.stop()

    def one(self, kind: str, customers: Customers) -> None:
        """Register a candidate, begin, and wait for what becomes of it."""
        from nbship.rollout import lifecycle

        shifted = self.rows * 1.5 if kind == "drifting" else self.rows
        self.world.register(KINDS[kind](self.model, str(self.sick)), shifted)
        self.versions += 1
        customers.idle = kind == "idle"
        began = datetime.now(UTC)
        lifecycle.start(self.registry, worlds.MODEL, self.versions, who="ada", at=began, why=kind)
        customers.taken()
        broke = self._wait(kind)
        answered, others = customers.taken()
        now = self.registry.assignments.of(worlds.MODEL)
        last = self.registry.assignments.history(worlds.MODEL)[-1]
        first = broke or self._first_answer(began)
        told = "before it had answered"
        if first is not None:
            told = f"{(last.at - first).total_seconds():.1f} s from {'when it broke' if broke else 'its first answer'}"
        print(f"\n{kind}: version {now.champion} is live, {now.mode}")
        print(
            f"  {last.action} ({last.evidence.get('step')}), {told}; {(last.at - began).total_seconds():.1f} s in all"
        )
        print(f"  why: {last.why}")
        print(f"  customers: {answered:,} answers, {others or 'nothing else'}", flush=True)
        if now.mode != "off":
            lifecycle.abort(
                self.registry, worlds.MODEL, who="ada", at=datetime.now(UTC), why="the story goes on"
            )
        self.sick.unlink(missing_ok=True)
        customers.idle = False

    def _first_answer(self, began: datetime) -> datetime | None:
        """Give when the candidate was first asked: by then a server has loaded it."""
        rows = (
            Log(self.world.settings.log_url, worlds.MODEL)
            .window(self.versions, began, datetime.now(UTC))
            .table
        )
        times = rows.sort_by("time").column("time")
        return times[0].as_py() if len(times) else None

    def _wait(self, kind: str) -> datetime | None:
        """Wait until it is over, or told; let the one that breaks break as a canary."""
        broke: datetime | None = None
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            now = self.registry.assignments.of(worlds.MODEL)
            if now.rollout is None or (kind == "idle" and json.loads(now.rollout)["told"]):
                return broke
            if kind == "breaking" and now.mode == "canary" and broke is None:
                time.sleep(8)
                self.sick.touch()
                broke = datetime.now(UTC)
            time.sleep(0.2)
        print(f"{kind} was not decided in {PATIENCE_S:.0f} s")
        return broke


def main() -> None:
    """Tell all, or the kinds that are named."""
    kinds = sys.argv[1:] or list(KINDS)
    with tempfile.TemporaryDirectory() as scratch:
        story = Story(Path(scratch))
        story.run(kinds)
        breaks = story.registry.assignments.verify(worlds.MODEL)
        print(
            f"\nhistory: {len(story.registry.assignments.history(worlds.MODEL))} records, {breaks or 'whole'}"
        )


if __name__ == "__main__":
    main()
