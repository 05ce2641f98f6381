"""What a monitor that is killed leaves behind: every prediction counted once, every alert raised once.

Two writers log drifting predictions of two weeks. A monitor that judges them day by day is started again and again
and killed by SIGKILL, each time after a random moment, 100 times; where one gets to the end before, more days are
logged. Then one pass is left in peace. What the ledger holds is compared with the log and with what an undisturbed
monitor says of the same log: windows with all figures, alerts, events. Events are also delivered to a file by the
killed monitors: *told twice* are copies there, which carry the same number, so that a receiver can drop them.

    python benchmarks/monitor_faults.py [KILLS [ADDRESS]]

ADDRESS is that of an empty database for the killed monitors; default: SQLite in a temporary folder.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from nbship.alerts import sinks
from nbship.alerts.sinks import LogFile
from nbship.monitoring.ledger import Ledger, Stream
from nbship.monitoring.log import Log, Writer
from nbship.monitoring.monitor import Monitor, Watch
from nbship.monitoring.records import Prediction
from nbship.monitoring.windows import parse
from nbship.profile import Profile, profile

KILLS = 100
SEED = 6
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CUT = "1d"
STREAM = Stream(model="m", version=1, cut=CUT)


class Bench:
    """A folder with a log that grows, and monitors of it."""

    def __init__(self, folder: Path, address: str | None = None) -> None:
        self.folder = folder
        self.url = address or f"sqlite:///{folder / 'killed.db'}"
        self.days = 0
        self.rows = 0
        self.rng = np.random.default_rng(SEED)
        self.log = Log(str(folder / "log"), "m")
        self.writers = [Writer(self.log), Writer(self.log)]
        self.reference: Profile = profile(pd.DataFrame({name: self.rng.normal(size=2000) for name in "abc"}))

    def grow(self, days: int) -> None:
        """Log some more days: every third has drifted; a few rows of each come a day late."""
        for _ in range(days):
            for number in range(120):
                late = DAY if number % 40 == 0 and self.days else timedelta()
                at = START + self.days * DAY + number * DAY / 120 - late
                shift = 1.5 * (self.days % 3 == 2)  # noqa: PLR2004  # one day of three
                inputs = {name: float(self.rng.normal() + shift * (name == "a")) for name in "abc"}
                self.writers[number % 2].append(
                    Prediction(
                        request=f"r{self.rows}", at=at, version=1, inputs=inputs, outputs={"prediction": 1.0}
                    )
                )
                self.rows += 1
                if number % 30 == 29:  # noqa: PLR2004  # four parts a day and writer
                    for writer in self.writers:
                        writer.flush()
            self.days += 1

    def pass_once(self, url: str, alerts: Path) -> None:
        """Make one pass as `nbship monitor` does, and deliver."""
        ledger = Ledger(url)
        Monitor(
            Watch(model="m", spec=parse(CUT), cut=CUT, sinks=("log",)),
            log=self.log,
            ledger=ledger,
            references=lambda _: self.reference,
            serving=lambda: (),
            clock=lambda: START + (self.days + 1) * DAY,
        ).run()
        sinks.deliver(ledger, [LogFile(path=alerts)], {})
        ledger.close()

    @property
    def alerts(self) -> Path:
        """Where they deliver."""
        return self.folder / "killed.jsonl"


def killed(bench: Bench, after_s: float) -> bool:
    """Start a monitor and kill it after so many seconds; whether it was still at work then."""
    process = multiprocessing.get_context("fork").Process(
        target=bench.pass_once, args=(bench.url, bench.alerts)
    )
    process.start()
    process.join(after_s)
    running = process.is_alive()
    if running and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    process.close()
    return running


def said(url: str) -> dict[str, Any]:
    """All that a ledger holds, without the moments when it was entered."""
    ledger = Ledger(url)
    windows = ledger.windows(STREAM)
    found = {
        "windows": [item.judgement.to_json() for item in windows],
        "late": sum(item.late for item in windows),
        "taken": sum(part.rows for part in ledger.taken(STREAM).values()),
        "alerts": [(alert.key, alert.state, alert.tier, alert.occurrence) for _, alert in ledger.alerts()],
        "events": [
            (item.event.kind, item.event.alert.key, item.event.alert.window) for item in ledger.events()
        ],
    }
    ledger.close()
    return found


def run(folder: Path, kills: int, *, seed: int = SEED, address: str | None = None) -> dict[str, Any]:
    """Kill so many monitors and count what is wrong."""
    bench, rng = Bench(folder, address), random.Random(seed)
    bench.grow(14)
    began = time.perf_counter()
    bench.pass_once(f"sqlite:///{folder / 'warm.db'}", folder / "warm.jsonl")
    whole_s = time.perf_counter() - began
    done = started = 0
    while done < kills:
        started += 1
        if killed(bench, rng.uniform(0, whole_s / 6)):
            done += 1
        else:
            bench.grow(8)
    bench.grow(1)
    bench.pass_once(bench.url, bench.alerts)
    return {"kills": done, "monitors": started + 1, **_compared(bench)}


def _compared(bench: Bench) -> dict[str, Any]:
    there, events = (
        said(bench.url),
        [json.loads(line)["event"] for line in bench.alerts.read_text().splitlines()],
    )
    rows = there["taken"]
    raised = [event for event in there["events"] if event[0] == "raised"]
    numbers = collections.Counter(events)
    entered = sum(window["rows"] for window in there["windows"])
    return {
        "days": bench.days,
        "predictions": bench.rows,
        "counted": rows,
        "in windows": entered,
        "late": there["late"],
        "windows": len(there["windows"]),
        "raised": len(raised),
        "raised twice": len(raised) - len(set(raised)),
        "events": len(there["events"]),
        "never told": len(there["events"]) - len(numbers),
        "told twice": sum(numbers.values()) - len(numbers),
    }


def main() -> None:
    """Print the table."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    address = sys.argv[2] if len(sys.argv) > 2 else None  # noqa: PLR2004  # the script itself is one
    with TemporaryDirectory() as folder:
        for name, count in run(Path(folder), kills, address=address).items():
            print(f"{name:<14} {count:>7,}")


if __name__ == "__main__":
    main()
