"""Requests that are routed, answered and logged as a server does it, second by second of a clock of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as _csv

from nbship import names
from nbship.alerts.sinks import LogFile
from nbship.config import Config
from nbship.errors import DataError, StoreError
from nbship.monitoring.labels import Source
from nbship.monitoring.ledger import Ledger
from nbship.monitoring.log import Log, Writer
from nbship.monitoring.records import Prediction
from nbship.profile import Profile, profile
from nbship.registry.assignment import Assignment, staged
from nbship.registry.assignments import Assignments
from nbship.registry.audit import AuditRecord
from nbship.rollout import changes, settings
from nbship.rollout.changes import Change
from nbship.rollout.controller import Controller, Pass
from nbship.rollout.notices import Notices
from nbship.rollout.plan import shadowed, version_for
from nbship.rollout.reading import Reader

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
QUICK: Mapping[str, Any] = {"steps": ["shadow", 0.2, 0.5], "min_minutes": 3, "max_minutes": 30}

csv: Any = _csv


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What a version is like: how often it fails, how slow it is, how far its answers and its past are off."""

    failing: float = 0.0
    slower: float = 1.0
    off: float = 0.0
    noise: float = 0.0
    learnt_elsewhere: float = 0.0


GOOD = Behaviour()


class Registered:
    """The versions that there are, without MLflow."""

    def __init__(self, behaviours: Mapping[int, Behaviour]) -> None:
        self.behaviours = dict(behaviours)
        self.is_away = False
        self.projected = 0

    def numbers(self) -> list[int]:
        if self.is_away:
            raise StoreError("the registry does not answer")
        return sorted(self.behaviours)

    def reference(self, version: int) -> Profile:
        if version not in self.behaviours:
            raise DataError("there is no such version")
        rng = np.random.default_rng(1)
        temp = rng.normal(self.behaviours[version].learnt_elsewhere, size=5000)
        return profile(pd.DataFrame({"temp": temp, "city": rng.choice(list("abc"), size=5000)}))

    def project(self) -> None:
        if self.is_away:
            raise StoreError("the registry does not answer")
        self.projected += 1


class Traffic:
    """``minutes`` serves requests and lets the controller look once a minute; ``now`` is the clock of both."""

    def __init__(self, folder: Path, *, rate: float = 20, seed: int = 3) -> None:
        self.folder = folder
        self.rate = rate
        self.now = START
        self.rng = np.random.default_rng(seed)
        self.config = Config(home=folder, tracking_uri="", origin="home")
        self.assignments = Assignments(self.config)
        self.versions = Registered({1: GOOD})
        self.log = Log(str(folder / "log"), "m")
        self.writer = Writer(self.log)
        self.ledger = Ledger(self.config.state_url)
        self.labels: Source | None = None
        self.sink = LogFile(path=folder / "alerts.jsonl")
        self.asked = 0
        self.controller = self.another()
        if self.assignments.of("m").revision == 0:
            self._change(staged(self.assignments.of("m"), 1, "production"), names.ACTION_PROMOTED)

    @classmethod
    def again(
        cls, folder: Path, now: datetime, candidate: Behaviour, *, seed: int = 3, asked: int = 0
    ) -> Traffic:
        """Find what another process has left in a folder."""
        found = cls(folder, seed=seed)
        found.now, found.asked = now, asked
        found.versions.behaviours[2] = candidate
        return found

    def another(self) -> Controller:
        """Give a controller that has just been started."""
        return Controller(
            "m",
            assignments=self.assignments,
            versions=self.versions,
            reader=Reader(self.log),
            notices=Notices(self.ledger, [self.sink], {}, clock=lambda: self.now),
            clock=lambda: self.now,
            labels=self.labels,
        )

    def start(
        self, candidate: Behaviour, table: Mapping[str, Any] = QUICK, *, again: bool = False, **more: Any
    ) -> None:
        """Register version 2 and begin its rollout."""
        self.versions.behaviours.setdefault(2, candidate)
        now, history = self.assignments.of("m"), self.assignments.history("m")
        plan = settings.read({**table, **more})
        change = changes.begun(now, 2, plan, at=self.now, history=history, again=again)
        self.write(change)

    def write(self, change: Change) -> None:
        """Let a person make a change."""
        self.assignments.change(
            change.to,
            expected=self.assignments.of("m").revision,
            action=change.action,
            who="ada",
            at=self.now,
            why=change.why,
            evidence=change.evidence,
        )

    def minutes(self, most: int) -> list[Pass]:
        """Serve and look, minute by minute, until the rollout is over, or so many minutes are."""
        found: list[Pass] = []
        for _ in range(most):
            found.append(self.minute())
            if self.assignments.of("m").rollout is None:
                break
        return found

    def minute(self) -> Pass:
        self.serve(60)
        return self.controller.run()

    def serve(self, seconds: float, *, rate: float | None = None) -> None:
        """Answer what is asked in so many seconds, by the assignment as it stands."""
        now = self.assignments.of("m")
        count = round((rate or self.rate) * seconds)
        for place in range(count):
            at = self.now + timedelta(seconds=seconds * place / count)
            self._request(now, at)
        self.writer.flush()
        self.now += timedelta(seconds=seconds)

    def _request(self, now: Assignment, at: datetime) -> None:
        request = f"r{self.asked:08d}"
        self.asked += 1
        inputs = {"temp": float(self.rng.normal()), "city": "abc"[self.asked % 3]}
        version = version_for(now, f"customer-{self.asked % 997}")
        role = "canary" if version == now.challenger else self._champion_role()
        self._answer(version, request, at, inputs, role)
        shadow = shadowed(now)
        if shadow is not None:
            self._answer(shadow, request, at, inputs, "shadow")

    def _champion_role(self) -> Any:
        return Prediction(request="", at=START, version=1, inputs={}).role

    def _answer(self, version: int, request: str, at: datetime, inputs: Mapping[str, Any], role: Any) -> None:
        behaviour = self.versions.behaviours.get(version, GOOD)
        failed = bool(self.rng.random() < behaviour.failing)
        answer = 2 * inputs["temp"] + behaviour.off + behaviour.noise * float(self.rng.normal())
        self.writer.append(
            Prediction(
                request=request,
                at=at,
                version=version,
                inputs=inputs,
                outputs={} if failed else {"prediction": answer},
                latency_s=float(self.rng.lognormal(-4.6, 0.4)) * behaviour.slower,
                role=role,
                outcome="error" if failed else "ok",
            )
        )

    def label(self, noise: float = 0.1) -> None:
        """Let the truth come for all that was asked: what a good version says, more or less."""
        rows: dict[str, list[Any]] = {"request": [], "label": []}
        for part in self.log.parts(1).parts:
            table = self.log.read(part)
            rows["request"] += table.column("request").to_pylist()
            rows["label"] += [2 * value for value in table.column("input.temp").to_pylist()]
        truth = np.asarray(rows["label"]) + self.rng.normal(0, noise, len(rows["label"]))
        folder = self.folder / "labels"
        folder.mkdir(exist_ok=True)
        csv.write_csv(pa.table({"request": rows["request"], "label": truth}), folder / f"{self.asked}.csv")
        if self.labels is None:
            self.labels = Source(str(folder), key="request", label="label")
            self.controller = self.another()

    def _change(self, to: Assignment, action: str) -> None:
        expected = self.assignments.of("m").revision
        self.assignments.change(to, expected=expected, action=action, who="ada", at=self.now, why="")

    def change(self, **more: Any) -> None:
        """Change the assignment beside the rollout."""
        self._change(replace(self.assignments.of("m"), **more), names.ACTION_ELSEWHERE)

    def history(self) -> list[AuditRecord]:
        return changes.story(self.assignments.history("m"))

    def last(self) -> AuditRecord:
        return self.history()[-1]

    def open_alerts(self) -> set[str]:
        return {alert.key for _, alert in self.ledger.alerts("m") if alert.is_open}

    def close(self) -> None:
        self.ledger.close()
        self.assignments.close()
