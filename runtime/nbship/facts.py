"""What a kernel can say about a session: one frozen record per kind of fact.

A fact is written once and never changed; a later fact about the same thing stands beside it. ``ordinal`` counts
the facts of a session, ``run`` its runs, both from 0. Cells are named by id and by the hash of their source.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What every fact says: which one it is, when (UTC, ISO 8601), in which run, by which cell."""

    kind: ClassVar[str]
    ordinal: int = -1
    run: int = 0
    at: str = ""
    cell: str | None = None
    source_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(Fact):
    """A kernel began to record. ``notebook_name`` is a file name, never a path of the machine."""

    kind: ClassVar[str] = "session"
    python: str
    user: str
    notebook_id: str | None = None
    notebook_name: str | None = None
    model: str | None = None
    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChosen(Fact):
    """Where this session's runs belong; ``origin`` is `nbship.config.Origin`. The address holds no password."""

    kind: ClassVar[str] = "store"
    tracking_uri: str
    experiment: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRun(Fact):
    """The notebook has an MLflow run of its own, by hand or by ``mlflow.autolog``: this fact and later ones go there.

    ``active`` is whether the user may still log into it; the address holds no password.
    """

    kind: ClassVar[str] = "user-run"
    run_id: str
    tracking_uri: str
    active: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Fact):
    """From here on facts belong to another run (``%ship run``)."""

    kind: ClassVar[str] = "run"
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRan(Fact):
    """A cell ran: how it ended, how long it took, what it bound and what it changed in place.

    ``unchecked`` are names that the cell touches and nobody compared: they may or may not have changed.
    ``schemas`` are columns and dtypes of the frames it bound; ``memory`` is what the process held at its end, in
    bytes; ``unexplained`` the bytes that it read from files and that no reader we know explains.
    """

    kind: ClassVar[str] = "cell"
    execution_count: int | None
    succeeded: bool
    error: str | None = None
    duration_s: float = 0.0
    step: str | None = None
    bound: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    schemas: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    memory: int | None = None
    unexplained: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSource(Fact):
    """The source behind ``source_hash``, said once for each; ``redacted`` where a secret was taken out of it."""

    kind: ClassVar[str] = "source"
    source: str
    redacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSet(Fact):
    """A knob got its value: a plain constant at the top level of a cell."""

    kind: ClassVar[str] = "parameter"
    name: str
    value: Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRead(Fact):
    """A reader gave a table. Its hashes follow in `DatasetHashed`, which names this fact."""

    kind: ClassVar[str] = "dataset"
    name: str
    source: str
    reader: str
    rows: int | None = None
    columns: tuple[str, ...] = ()
    context: str = "input"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetHashed(Fact):
    """The content hashes of what `DatasetRead` number ``of`` read; ``problem`` says why one is missing."""

    kind: ClassVar[str] = "dataset-hash"
    of: int
    file: str | None = None
    table: str | None = None
    schema: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetKept(Fact):
    """The bytes that `DatasetRead` number ``of`` read are in the data store, or ``problem`` says why not.

    ``md5`` is their name there; ``store`` its address as it may be shown; ``pointer`` the file that stands for them in git.
    """

    kind: ClassVar[str] = "dataset-snapshot"
    of: int
    store: str
    md5: str | None = None
    size: int | None = None
    pointer: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorFitted(Fact):
    """An estimator has learnt: its class, parameters, and the frame it learnt from."""

    kind: ClassVar[str] = "fit"
    name: str
    type: str
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    trained_on: str | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameProfiled(Fact):
    """The frame that fit number ``of`` learnt from: its fingerprint, and its profile in the blob store."""

    kind: ClassVar[str] = "frame-profile"
    of: int
    table: str | None = None
    profile_blob: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKept(Fact):
    """The bytes of what fit number ``of`` has fitted are in the blob store; the rest as in `ModelRegistered`."""

    kind: ClassVar[str] = "model"
    of: int
    blob: str
    format: str
    predicts: bool = True
    signature: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricComputed(Fact):
    """A metric function or ``.score`` gave a number; ``name`` is the variable that holds it, if one does.

    ``inferred`` is the expression where the notebook computed it by hand: that it is a metric is read from its text.
    """

    kind: ClassVar[str] = "metric"
    name: str
    value: float
    function: str
    inferred: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixComputed(Fact):
    """A confusion matrix was computed: its counts, row by row; the classes have no names here."""

    kind: ClassVar[str] = "matrix"
    name: str
    function: str
    rows: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureShown(Fact):
    """A cell showed a picture: its bytes are in the blob store; ``place`` counts the pictures of a cell from 1."""

    kind: ClassVar[str] = "figure"
    blob: str
    format: str
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSeen(Fact):
    """The distributions that are really imported, as ``name==version``."""

    kind: ClassVar[str] = "environment"
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRegistered(Fact):
    """The user registers an object: its bytes are in the blob store, its version number follows.

    ``signature`` is ``[(column, type)]`` of the frame it reads, ``format`` how the bytes were made, and
    ``profile_of`` the number under which a `FrameProfiled` brings the reference profile, if one is to come.
    """

    kind: ClassVar[str] = "register"
    model: str
    variable: str
    type: str
    format: str
    blob: str
    predicts: bool = True
    signature: tuple[tuple[str, str], ...] = ()
    profile_of: int | None = None
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Fact):
    """The kernel went in good order."""

    kind: ClassVar[str] = "end"


KINDS: Mapping[str, type[Fact]] = {
    kind.kind: kind
    for kind in (
        SessionStarted,
        StoreChosen,
        UserRun,
        RunStarted,
        CellRan,
        CellSource,
        ParameterSet,
        DatasetRead,
        DatasetHashed,
        DatasetKept,
        EstimatorFitted,
        FrameProfiled,
        ModelKept,
        MetricComputed,
        MatrixComputed,
        FigureShown,
        EnvironmentSeen,
        ModelRegistered,
        SessionEnded,
    )
}


def to_json(fact: Fact) -> dict[str, Any]:
    """Give a fact as plain JSON; what holds its default is left out."""
    given = {
        item.name: getattr(fact, item.name)
        for item in dataclasses.fields(fact)
        if item.default is dataclasses.MISSING or getattr(fact, item.name) != item.default
    }
    return {"kind": fact.kind, **given}


def from_json(document: Mapping[str, Any]) -> Fact | None:
    """Give the fact back, or None for a kind that this version does not know.

    Fields that this version does not know are dropped, so that an older worker reads a newer journal.
    """
    kind = KINDS.get(document.get("kind", ""))
    if kind is None:
        return None
    known = {item.name for item in dataclasses.fields(kind)}
    return kind(**{name: _frozen(value) for name, value in document.items() if name in known})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
