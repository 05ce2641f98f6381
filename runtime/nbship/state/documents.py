"""What the panel is told, as records: the one source of the documents that the front end reads.

``scripts/panel_types.py`` writes the same as TypeScript; ``tests/contract/*.json`` are examples that both sides check.
Times are ISO 8601 in UTC, shares 0 to 1, and None stands for what nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nbship.model import Severity, Stage

SCHEMA = 2

Mode = Literal["off", "shadow", "canary"]
Tier = Literal["info", "warning", "critical"]
AlertState = Literal["open", "acknowledged", "resolved"]
Action = Literal["promote", "rollback", "register", "retrain", "challenge", "archive"]
JobKind = Literal["export", "retrain"]
JobState = Literal["running", "done", "failed", "cancelled"]
StepState = Literal["waiting", "running", "done", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What happened, where, and what to do about it."""

    what: str
    where: str | None = None
    help: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Whether the registry answered, what it said if not, and when the document was true."""

    reachable: bool
    message: str | None
    as_of: str
    help: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDigest:
    """A dataset and its content hash."""

    name: str
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookName:
    """The notebook that made a version."""

    id: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMetric:
    """The metric a version is known by; ``change`` is against version ``against``.

    ``better`` says which way is up, as far as the metric's name tells.
    """

    name: str
    value: float
    better: Literal["higher", "lower"] | None
    change: float | None
    against: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A version with its lineage: datasets, cells of a notebook, run, package. ``drift`` is the latest window's."""

    version: int
    status: str
    stage: Stage
    aliases: tuple[str, ...]
    created: str
    created_by: str | None
    run_id: str | None
    metrics: Mapping[str, float | None]
    datasets: tuple[NamedDigest, ...]
    notebook: NotebookName
    package_commit: str | None
    cells: int
    key_metric: KeyMetric | None
    drift: Severity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftWindow:
    """One look at live data: its name, when it was looked at, how it compares."""

    window: str
    at: str
    rows: int
    reference_rows: int
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPoint:
    """A feature's measure in one window."""

    window: str
    value: float | None
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDrift:
    """A feature in the latest window, by the test that decided, and that measure in the windows before."""

    feature: str
    kind: str
    severity: Severity
    reason: str
    test: str | None
    value: float | None
    thresholds: tuple[float, ...] | None
    history: tuple[DriftPoint, ...]
    trend: Literal["rising", "falling", "steady"] | None
    first_breach: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftCounts:
    """How many features there are of each severity."""

    none: int = 0
    info: int = 0
    warning: int = 0
    critical: int = 0
    too_few: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDrift:
    """What live data has done to a version; ``severity`` is the latest window's."""

    version: int
    severity: Severity
    windows: tuple[DriftWindow, ...]
    counts: DriftCounts
    features: tuple[FeatureDrift, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """How far a rollout is, and how the challenger looks so far."""

    step: str
    since: str | None
    verdict: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Which versions answer, and for whom; ``revision`` is what an action is held against."""

    revision: int
    champion: int | None
    challenger: int | None
    mode: Mode
    share: float
    rollout: RolloutState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert with its procedure, as far as one is written."""

    stream: str
    key: str
    version: int
    rule: str
    subject: str
    tier: Tier
    state: AlertState
    since: str
    window: str
    reason: str
    occurrence: int
    by: str | None
    note: str | None
    owner: str | None
    action: str | None
    escalation: str | None
    runbook: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One change of a model's assignment: who, when, why, and what stood after it."""

    number: int
    at: str
    who: str
    action: str
    why: str
    champion: int | None
    challenger: int | None
    mode: Mode
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All of it. ``revision`` changes when, and only when, what is shown changes."""

    schema: int
    model: str
    profile: str
    revision: str
    store: Store
    assignment: Assignment | None
    versions: tuple[ModelVersion, ...]
    drift: tuple[VersionDrift, ...]
    alerts: tuple[Alert, ...]
    history: tuple[HistoryEntry, ...]
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the document of the contract."""
        from nbship.state.coding import plain

        return plain(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One measure of one feature, and where it begins to matter."""

    __test__ = False  # pytest takes the name for its own

    name: str
    value: float | None
    thresholds: tuple[float, ...] | None
    p_value: float | None
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A bin or a category: the share of the reference's values in it, and of the window's."""

    label: str
    low: float | None
    high: float | None
    reference: float
    current: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingShare:
    """The share of rows without a value."""

    reference: float
    current: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDetail:
    """A feature's reference against one window. ``note`` says what cannot be shown, and why."""

    feature: str
    version: int
    window: str
    kind: str
    bins: tuple[Bin, ...]
    reference_rows: int
    current_rows: int
    missing: MissingShare
    newcomers: tuple[str, ...]
    tests: tuple[TestResult, ...]
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How the code cells of the open notebook differ from those that made a version, by cell id."""

    version: int | None
    changed: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    same: int
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedStep:
    """Cells that become one function, and why; ``tagged`` once every one of them says so itself."""

    name: str
    module: str
    tag: str
    cells: tuple[str, ...]
    indexes: tuple[int, ...]
    tagged: bool
    reason: str
    confidence: float
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellProblem:
    """What is to be known of a cell before it can be shipped."""

    code: str
    severity: Literal["info", "warning", "error"]
    cell: str | None
    index: int | None
    line: int | None
    message: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """The steps of a notebook, tagged and proposed."""

    steps: tuple[ProposedStep, ...]
    problems: tuple[CellProblem, ...]


# `from` is a keyword: the record says `before`, `after`, the document the contract's words.
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that an action changes."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A measure as it is, and as it will be."""

    name: str
    was: str | None
    will_be: str | None
    verdict: Literal["better", "worse", "same", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A fitted model of the notebook that can be registered."""

    id: str
    variable: str
    type: str
    run: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an action would change, on which evidence. Nothing is done yet."""

    action: Action
    allowed: bool
    reason: str | None
    expected: int
    says: str
    changes: tuple[Change, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    warnings: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an action did; ``pending`` where the rest of it follows by itself."""

    says: str
    assignment: Assignment | None
    pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Somebody was quicker: what stands now, and the change that came between."""

    error: Problem
    stands: Assignment | None
    changed: HistoryEntry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStep:
    """A step of a job."""

    name: str
    state: StepState
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job failed; ``cell`` is the index over all cells where it was one."""

    what: str
    where: str | None
    help: str | None
    cell: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFinding:
    """What the converter has to tell of a cell."""

    code: str
    severity: Literal["info", "warning", "error"]
    cell: int | None
    line: int | None
    message: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedStep:
    """A function of the package, and the cells it was made of."""

    name: str
    module: str
    function: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    cells: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How the package's values compare with the notebook's, name by name."""

    status: Literal["equal", "different", "not_run"]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What an export made; ``path`` is below the server's root."""

    package: str
    path: str
    steps: tuple[ExportedStep, ...]
    findings: tuple[ExportFinding, ...]
    verification: Proof
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Long work that goes on while nobody looks: of the notebook at ``path``, or of ``model``.

    ``says`` is what it came to, in words; ``log`` is how many characters it has said on the way.
    """

    id: str
    kind: JobKind
    state: JobState
    title: str
    path: str | None
    model: str | None
    by: str
    started: str
    ended: str | None
    steps: tuple[JobStep, ...]
    says: str | None
    result: ExportResult | None
    error: JobError | None
    log: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What this user may do here."""

    read: bool
    write: bool
    execute: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Which half answers, how its worker is, and what this user may do."""

    version: str
    schema: int
    worker: Literal["idle", "starting", "ready", "stopped"]
    permissions: Permissions
    profiles: tuple[str, ...]
    events: str
