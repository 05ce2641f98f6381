"""What `nbship monitor` runs: the monitor of one model as configured, and what follows a pass.

After a pass the events are carried to the sinks, the windows to the registry (where the sidebar and `nbship status`
show them), and the metrics to a file for Prometheus. Each of them may fail without the others, is told, and is made
good by the next pass.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nbship import names, policy
from nbship.alerts import prometheus, sinks
from nbship.alerts import rules as procedures
from nbship.alerts.lifecycle import Alert
from nbship.alerts.rules import Rule
from nbship.alerts.sinks import LogFile, Sink, Webhook
from nbship.config import Config
from nbship.drift import RANK, DriftReport
from nbship.errors import DataError, InputError, NbshipError, StoreError
from nbship.model import ModelVersion
from nbship.monitoring import windows
from nbship.monitoring.grading import Grader, as_task
from nbship.monitoring.judging import Judgement
from nbship.monitoring.labels import Source
from nbship.monitoring.ledger import Ledger, Stream
from nbship.monitoring.log import Log
from nbship.monitoring.monitor import Monitor, Pass, Watch
from nbship.profile import Profile

if TYPE_CHECKING:
    from nbship.registry import Registry

DEFAULT_WINDOW = "1d"


def now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


class Versions(Protocol):
    """Where references come from, who serves, and where reports are shown."""

    def reference(self, version: int) -> Profile:
        """Give what a version learnt from."""
        ...

    def serving(self) -> set[int]:
        """Give the versions that answer now."""
        ...

    def show(self, stream: Stream, judgement: Judgement, at: datetime) -> None:
        """Show a window to who looks at the version."""
        ...

    def tell(self, alerts: Sequence[tuple[Stream, Alert]]) -> None:
        """Show the open alerts with their versions."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OneReference:
    """A single profile for every version, where no registry is at hand."""

    profile: Profile

    def reference(self, version: int) -> Profile:
        """Give the profile, whatever the version."""
        del version
        return self.profile

    def serving(self) -> set[int]:
        """Nobody is known to serve: silence at the end is not judged."""
        return set()

    def show(self, stream: Stream, judgement: Judgement, at: datetime) -> None:
        """There is nobody to show it to."""

    def tell(self, alerts: Sequence[tuple[Stream, Alert]]) -> None:
        """There is nobody to show it to."""


class Registered:
    """The registry's versions."""

    def __init__(self, registry: Registry, model: str, *, tell: bool) -> None:
        self._registry = registry
        self._model = model
        self._tells = tell
        self._told: dict[int, str] = {}

    def reference(self, version: int) -> Profile:
        """Give what a version learnt from. Raises DataError where it is not registered, or brings no profile."""
        return self._registry.reference(self._version(version))

    def serving(self) -> set[int]:
        """Give the champion."""
        found = self._registry.versions(self._model)
        return {item.version for item in found if names.ALIAS_LIVE in item.aliases}

    def show(self, stream: Stream, judgement: Judgement, at: datetime) -> None:
        """Keep the report with the version."""
        version = self._version(stream.version)
        self._registry.record_drift(version, judgement.window, shown_report(judgement), at=at)

    def tell(self, alerts: Sequence[tuple[Stream, Alert]]) -> None:
        """Keep the open alerts in a tag of each version; only what has changed is written.

        It is also the time to notice what was changed in MLflow since the last pass.
        """
        self._registry.project(self._model)
        if not self._tells:
            return
        by_version: dict[int, list[Alert]] = {}
        for stream, alert in alerts:
            by_version.setdefault(stream.version, []).extend([alert] if alert.is_open else [])
        for version, found in by_version.items():
            text = alerts_tag(found)
            if self._told.get(version) != text:
                self._registry.record_alerts(self._version(version), text)
                self._told[version] = text

    def _version(self, number: int) -> ModelVersion:
        for version in self._registry.versions(self._model):
            if version.version == number:
                return version
        raise DataError(f"version {number} of {self._model!r} is logged and not registered")


def shown_report(judgement: Judgement) -> DriftReport:
    """Give inputs and answers as one report, the severest first; answers are named so."""
    if judgement.predictions is None:
        return judgement.inputs
    answers = [replace(item, feature=f"output {item.feature}") for item in judgement.predictions.features]
    features = sorted([*judgement.inputs.features, *answers], key=lambda item: -RANK[item.severity])
    return replace(judgement.inputs, severity=judgement.severity, features=tuple(features))


def alerts_tag(alerts: Sequence[Alert]) -> str:
    """Give the open alerts as the value of a tag, the worst first, as many as fit."""
    import json

    rows = [
        {"rule": alert.rule, "subject": alert.subject, "tier": alert.tier, "state": alert.state}
        for alert in sorted(alerts, key=lambda alert: (-RANK[alert.tier], alert.key))
    ]
    while len(json.dumps(rows)) > _LONGEST_TAG:
        rows.pop()
    return json.dumps(rows)


_LONGEST_TAG = 4000


class Service:
    """A monitor with all that surrounds it."""

    def __init__(
        self,
        settings: Config,
        model: str,
        versions: Versions,
        *,
        cut: str | None = None,
        clock: Callable[[], datetime] = now,
        metrics: Path | None = None,
    ) -> None:
        settings = policy.enforced(settings)
        self.rules: dict[str, Rule] = procedures.read(settings.alerts)
        self.ledger = Ledger(settings.state_url)
        self._versions = versions
        self._model = model
        self._clock = clock
        self._metrics = metrics
        self._sinks = configured_sinks(settings, clock=clock)
        cut = cut or str(settings.monitor.get("window", DEFAULT_WINDOW))
        grace = timedelta(minutes=settings.monitor.get("grace_minutes", 10))
        watch = Watch(
            model=model,
            spec=windows.parse(cut, grace=grace),
            cut=cut,
            policies={name: rule.policy for name, rule in self.rules.items()},
            sinks=tuple(sink.name for sink in self._sinks),
        )
        self.monitor = Monitor(
            watch,
            log=Log(settings.log_url, model),
            ledger=self.ledger,
            references=versions.reference,
            serving=versions.serving,
            clock=clock,
        )
        self._grader = Grader(
            self.monitor, configured_labels(settings), task=as_task(settings.monitor.get("task"))
        )

    def run(self) -> Pass:
        """Make a pass and carry on what it found. Raises StoreError where log or ledger do not answer."""
        done = self.monitor.run()
        try:
            done.problems += self._grader.run()
        except NbshipError as error:
            done.problems.append(error.what)
        done.problems += sinks.deliver(self.ledger, self._sinks, self.rules)
        for follow in (self._show, self._tell, self._expose):
            try:
                follow()
            except NbshipError as error:
                done.problems.append(error.what)
        return done

    def _show(self) -> None:
        for stream in self.ledger.streams(self._model):
            for window in self.ledger.unshown(stream):
                at = datetime.fromisoformat(window.judged_at)
                self._versions.show(stream, window.judgement, at)
                self.ledger.mark_shown(stream, window.judgement.window)

    def _tell(self) -> None:
        self._versions.tell(self.ledger.alerts(self._model))

    def _expose(self) -> None:
        if self._metrics is None:
            return
        latest = [(stream.version, self.ledger.windows(stream, last=1)) for stream in self._mine()]
        text = prometheus.exposition(
            self._model,
            [(version, found[0].judgement) for version, found in latest if found],
            [(stream.version, alert) for stream, alert in self.ledger.alerts(self._model)],
            at=self._clock(),
        )
        write_whole(self._metrics, text)

    def _mine(self) -> list[Stream]:
        """Give the streams that are cut as this monitor cuts: another cut of the same version would be told twice."""
        cut = self.monitor.watch.cut
        return [stream for stream in self.ledger.streams(self._model) if stream.cut == cut]

    def close(self) -> None:
        """Let go of the database."""
        self.ledger.close()


def configured_labels(settings: Config) -> Source | None:
    """Give where the truth comes from, None where none is configured: then there are estimates at most."""
    url = settings.monitor.get("labels")
    if url is None:
        return None
    key, label = settings.monitor.get("key", "request"), settings.monitor.get("label", "label")
    return Source(settings.beside_project(url), key=key, label=label)


def configured_sinks(settings: Config, *, clock: Callable[[], datetime]) -> list[Sink]:
    """Give the sinks that are configured; the log file always."""
    found: list[Sink] = [LogFile(path=settings.home / names.FOLDER_LOGS / names.FILE_ALERTS_LOG)]
    url = (settings.alerts or {}).get("webhook")
    if url:
        secret = os.environ.get(names.ENV_WEBHOOK_SECRET) or None
        found.append(Webhook(url=url, secret=secret, clock=clock, sleep=time.sleep))
    return found


def write_whole(path: Path, text: str) -> None:
    """Write a file so that who reads it meanwhile sees the old one or the new one. Raises StoreError."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise StoreError(f"{path.name} cannot be written: {error.strerror}") from error


def model_of(settings: Config, model: str | None) -> str:
    """Give the model that is meant. Raises InputError where none is named."""
    found = model or settings.model
    if found is None:
        raise InputError("which model?", help="name it, or say [tool.nbship] model in pyproject.toml")
    return found
