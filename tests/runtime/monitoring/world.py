"""A small world to watch: a log, a ledger, a version with a reference, and a clock that goes when it is told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nbship.alerts.lifecycle import Policy
from nbship.errors import DataError
from nbship.monitoring.ledger import Ledger, Stream
from nbship.monitoring.log import Log, Writer
from nbship.monitoring.monitor import Monitor, Pass, Watch
from nbship.monitoring.records import Prediction
from nbship.monitoring.windows import Spec, parse
from nbship.profile import Profile, profile

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class World:
    """``rows`` logs a day's predictions; ``run`` is one pass of a monitor that has just been started."""

    def __init__(
        self,
        folder: Path,
        *,
        cut: str = "1d",
        spec: Spec | None = None,
        url: str | None = None,
        **policies: Policy,
    ) -> None:
        self.folder = folder
        self.log = Log(str(folder / "log"), "m")
        self.writer = Writer(self.log)
        self.url = url or f"sqlite:///{folder / 'state.db'}"
        self.ledger = Ledger(self.url)
        self.now = START + DAY
        self.serving = {1}
        self.unknown: set[int] = set()
        self.rng = np.random.default_rng(6)
        self.stream = Stream(model="m", version=1, cut=cut)
        self.watch = Watch(model="m", spec=spec or parse(cut), cut=cut, policies=policies, sinks=("log",))
        self.asked = 0

    def reference(self, version: int) -> Profile:
        if version in self.unknown:
            raise DataError("there is no reference profile")
        rng = np.random.default_rng(1)
        return profile(
            pd.DataFrame({"temp": rng.normal(size=2000), "city": rng.choice(list("abc"), size=2000)})
        )

    def rows(self, day: float, number: int = 300, *, shift: float = 0.0, **more: Any) -> list[str]:
        """Log that many predictions, spread over the day; give their request ids."""
        asked: list[str] = []
        for place in range(number):
            temp = float(self.rng.normal()) + shift
            given: dict[str, Any] = {
                "inputs": {"temp": temp, "city": str(self.rng.choice(list("abc")))},
                "outputs": {"prediction": 2 * temp},
                "latency_s": 0.01,
                **more,
            }
            at = START + (day + place / number) * DAY
            self.writer.append(
                Prediction(request=f"r{self.asked:07d}", at=at, version=given.pop("version", 1), **given)
            )
            asked.append(f"r{self.asked:07d}")
            self.asked += 1
        self.writer.flush()
        return asked

    def monitor(self, ledger: Ledger | None = None) -> Monitor:
        return Monitor(
            self.watch,
            log=self.log,
            ledger=ledger or self.ledger,
            references=self.reference,
            serving=lambda: self.serving,
            clock=lambda: self.now,
        )

    def run(self, day: float | None = None) -> Pass:
        if day is not None:
            self.now = START + day * DAY
        return self.monitor().run()

    def taken(self) -> int:
        return sum(part.rows for part in self.ledger.taken(self.stream).values())

    def open_alerts(self) -> dict[str, str]:
        return {alert.key: alert.tier for _, alert in self.ledger.alerts() if alert.is_open}

    def events(self) -> list[str]:
        return [f"{item.event.kind} {item.event.alert.key}" for item in self.ledger.events()]

    def close(self) -> None:
        self.ledger.close()
