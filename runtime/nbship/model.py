"""The nouns of the core: what a run should hold, a model's version, a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nbship.facts import ModelRegistered

Stage = Literal["experimental", "staging", "production", "archived"]
Severity = Literal["none", "info", "warning", "critical", "too_few"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A table that a run has read: its name, and what it held.

    ``digest`` is the table's content, ``file`` the bytes it was read from, each ``b3:`` and 64 hex digits. Where those
    bytes are kept, ``store`` is the data store's address and ``md5`` their name in it.
    """

    name: str
    digest: str | None
    file: str | None = None
    schema: str | None = None
    reader: str | None = None
    rows: int | None = None
    columns: tuple[str, ...] = ()
    context: str = "input"
    store: str | None = None
    md5: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """One value of a metric; ``step`` counts the values of its name, ``at_ms`` is when it was computed."""

    key: str
    value: float
    at_ms: int
    step: int
    function: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSummary:
    """How a cell last ran, for the run's table of cells."""

    cell: str | None
    source_hash: str | None
    step: str | None
    succeeded: bool
    duration_s: float
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A picture of a run: where it goes among the artifacts, and the blob that holds it."""

    path: str
    blob: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A small table of a run, as CSV: where it goes among the artifacts, and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """One execution of a cell, in the order of the session; ``source`` is None where nobody kept it."""

    run: int
    cell: str | None
    source_hash: str | None
    succeeded: bool
    source: str | None = None
    redacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """The user's own MLflow run that a record belongs to; ``settled`` once the user logs nothing more into it."""

    run_id: str
    tracking_uri: str
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A model to be registered, and the reference profile in the blob store that goes with it."""

    fact: ModelRegistered
    profile_blob: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """All that an MLflow run should hold, as far as the journal knows today.

    ``ended_ms`` is None while more may come; ``models`` are the fitted ones that nobody has registered, as if they
    were, once no more may come. Writing the same record twice changes nothing.
    """

    session: str
    ordinal: int
    name: str
    started_ms: int
    ended_ms: int | None
    user: str
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[MetricValue, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    requirements: tuple[str, ...] = ()
    cells: tuple[CellSummary, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    models: tuple[ModelRegistered, ...] = ()
    history: tuple[Executed, ...] = ()
    registrations: tuple[Registration, ...] = ()
    attached: Attachment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One look at live data: its name, when it was looked at, how it compares."""

    window: str
    at: str
    rows: int
    reference_rows: int
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A version in the registry, with what its run tells about it."""

    model: str
    version: int
    status: str
    stage: Stage
    aliases: tuple[str, ...]
    created: str
    created_by: str | None
    run_id: str | None
    source: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetails:
    """What a run tells of the versions it made: the last values of its metrics, and the tables that it has read."""

    run_id: str
    ended: bool
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    datasets: tuple[Dataset, ...] = ()
