"""What a server tells Prometheus. Counters and histograms lie in files that all frontends share.

So they are the same whichever frontend is asked, and go on where one was killed. Names follow Prometheus: base
units, ``_total`` for counters. ``PROMETHEUS_MULTIPROC_DIR`` is set before this is loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import prometheus_client as prometheus
from prometheus_client import multiprocess
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from nbship.monitoring.kinds import Outcome, Role
    from nbship.serving.answering import Answering

_log = logging.getLogger("nbship.serving")
#: Seconds; a model that takes numbers answers within the first.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONTENT_TYPE = prometheus.CONTENT_TYPE_LATEST


class Metrics:
    """The counters of one frontend."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._registry = prometheus.CollectorRegistry()
        self._requests = self._counter(
            "nbship_prediction_requests", "requests by what became of them", "role", "outcome"
        )
        self._rows = self._counter("nbship_prediction_rows", "rows that were computed", "role")
        self._seconds = prometheus.Histogram(
            "nbship_prediction_duration_seconds",
            "from a request's last byte to its answer",
            ("model", "version", "role"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._refused = self._counter(
            "nbship_prediction_refused", "requests turned away because the queue was full"
        )
        self._dropped = self._counter("nbship_shadow_dropped", "requests that the shadow had no time for")
        self._responses = prometheus.Counter(
            "nbship_http_responses",
            "responses to /predict by status",
            ("model", "code"),
            registry=self._registry,
        )
        self._of: dict[tuple[int, str, str], tuple[Any, Any, Any]] = {}
        self._codes: dict[int, Any] = {}

    def _counter(self, name: str, about: str, *more: str) -> Any:
        return prometheus.Counter(name, about, ("model", "version", *more), registry=self._registry)

    def predicted(self, version: int, role: Role, outcome: Outcome, seconds: float, rows: int) -> None:
        """Count a request that one version was asked."""
        found = self._of.get((version, role, outcome))
        if found is None:
            names = (self._model, str(version), role)
            found = (
                self._requests.labels(*names, outcome),
                self._seconds.labels(*names),
                self._rows.labels(*names),
            )
            self._of[version, role, outcome] = found
        found[0].inc()
        found[1].observe(seconds)
        found[2].inc(rows)

    def responded(self, code: int) -> None:
        """Count a response."""
        found = self._codes.get(code)
        if found is None:
            found = self._codes[code] = self._responses.labels(self._model, str(code))
        found.inc()

    def refused(self, version: int) -> None:
        """Count a request that found the queue full."""
        self._refused.labels(self._model, str(version)).inc()

    def shadow_dropped(self, version: int) -> None:
        """Count a request that the shadow did not see."""
        self._dropped.labels(self._model, str(version)).inc()

    def trouble(self, said: str) -> None:
        """Tell of what should not happen and stopped nobody."""
        _log.warning("%s", said)


def exposition(answering: Answering) -> bytes:
    """Give all metrics as Prometheus reads them: of all frontends, and of this one's queue and log."""
    registry = prometheus.CollectorRegistry()
    collector: Any = multiprocess.MultiProcessCollector  # untyped
    collector(registry)
    registry.register(_Now(answering))
    return prometheus.generate_latest(registry)


class _Now:
    """What is true at this moment: versions, queues, memory, and what waits for the log."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    def collect(self) -> Iterator[Any]:
        """Give the gauges."""
        table, model = self._answering.table, self._answering.table.model
        roles = {table.champion: "champion"}
        if table.challenger is not None and table.mode != "off":
            roles[table.challenger] = table.mode
        yield _gauge(
            "nbship_model_info",
            "1 for each version that is asked, with its role",
            ("model", "version", "role"),
            {(model, str(version), role): 1 for version, role in roles.items() if version is not None},
        )
        yield _gauge(
            "nbship_canary_share",
            "share of the keys that the challenger answers for",
            ("model",),
            {(model,): table.share},
        )
        lanes = self._answering.lanes.items()
        for name, about, value in _OF_A_LANE:
            yield _gauge(
                name,
                about,
                ("model", "version"),
                {(model, str(version)): value(lane) for version, lane in lanes},
            )
        spool = self._answering.spool
        yield _gauge(
            "nbship_log_waiting_rows",
            "rows that wait for a disk that takes nothing",
            ("model",),
            {(model,): spool.waiting},
        )
        yield _gauge(
            "nbship_log_dropped_rows",
            "rows that this frontend could not keep",
            ("model",),
            {(model,): spool.dropped},
        )
        yield _gauge(
            "nbship_process_memory_bytes",
            "resident memory of each process",
            ("model", "process", "pid"),
            _memory(model, table.processes),
        )


_OF_A_LANE: tuple[tuple[str, str, Callable[[Any], float]], ...] = (
    (
        "nbship_queue_requests",
        "requests that wait for a worker, in this frontend",
        lambda lane: len(lane.pool.waiting),
    ),
    ("nbship_workers", "workers that can be asked", lambda lane: lane.pool.connected),
)


def _gauge(name: str, about: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Any:
    family = GaugeMetricFamily(name, about, labels=labels)
    for place, value in values.items():
        family.add_metric(place, value)
    return family


def _memory(model: str, processes: tuple[tuple[str, int], ...]) -> dict[tuple[str, ...], float]:
    import psutil

    found: dict[tuple[str, ...], float] = {}
    for kind, pid in processes:
        try:
            found[model, kind, str(pid)] = psutil.Process(pid).memory_info().rss
        except psutil.Error:
            continue
    return found
