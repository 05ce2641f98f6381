"""What passes from one part of the compiler to the next; every record is frozen.

.ipynb -read-> Notebook -uses-> Notebook with Uses -flow-> Flow -steps-> [Step] -infer-> [Step, typed]
-emit-> {path: module} -project-> {path: bytes} -write-> repository
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import libcst as cst

#: Stands for the Config in the notebook's code until its function has a parameter for it.
CONFIG = "nbship_config"

Mark = Literal["import", "function", "class", "constant", "fixed", "display", "plot", "code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one statement does to names, as its text tells.

    ``reads`` are needed before the statement binds them; ``deferred`` are read only when a function defined
    or called back in it runs; ``mutates`` are changed in place as far as the text shows; ``spelled`` are read
    by the name that stands in a string.
    """

    binds: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()
    deferred: frozenset[str] = frozenset()
    mutates: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    global_writes: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    spelled: frozenset[str] = frozenset()

    @property
    def needs(self) -> frozenset[str]:
        """All names that must hold a value for the statement and what it defines to work."""
        return self.reads | self.deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One top-level statement of a cell: the user's own node, and where it stands."""

    node: cst.SimpleStatementLine | cst.BaseCompoundStatement
    code: str
    cell: int
    line: int
    use: Use = field(default_factory=Use)
    mark: Mark = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A code cell. ``index`` counts all cells of the notebook from 0; ``source`` is what the kernel runs.

    ``count`` is the execution count that was saved with it: when it was last run, as far as that is known.
    """

    index: int
    id: str
    source: str
    tags: tuple[str, ...] = ()
    heading: str = ""
    prose: str = ""
    statements: tuple[Statement, ...] = ()
    installs: tuple[str, ...] = ()
    count: int | None = None

    @property
    def step_tag(self) -> str | None:
        """The step this cell was tagged with, if any."""
        return next((tag.removeprefix("step:") for tag in self.tags if tag.startswith("step:")), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A notebook as the compiler sees it: only what computes, in the order in which it runs.

    ``modules`` are Python files that it writes itself: path -> source; ``hidden`` are names that hold a secret.
    """

    name: str
    id: str
    title: str
    purpose: str
    cells: tuple[Cell, ...]
    modules: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()

    @property
    def statements(self) -> list[Statement]:
        """All statements in the order in which they run."""
        return [statement for cell in self.cells for statement in cell.statements]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFacts:
    """What a clean run saw one cell do; ``random`` names the generators it advanced.

    ``failed_line`` is where it raised, if it did; ``shown`` whether its last expression had a value;
    ``folder`` the working folder at its end, relative to the notebook's.
    """

    bound: frozenset[str]
    changed: frozenset[str]
    types: dict[str, str]
    random: frozenset[str]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    figures: int
    failed_line: int | None = None
    shown: bool = False
    folder: str = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Types that a function of the user's was seen with, as annotations with full names."""

    parameters: dict[str, str]
    returns: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """A column of a file as it was read.

    ``values`` are all it holds where they are few and may be told, ``minimum`` and ``maximum`` of numbers that may
    be told; ``distinct`` is -1 where its values cannot be compared.
    """

    name: str
    dtype: str
    missing: int
    distinct: int
    values: tuple[str | int, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """A file that pandas read: the reader and its arguments (None where they cannot be written down), what it held.

    ``columns`` is None for what was no frame with plain column names; ``profile`` is the core's, as JSON.
    """

    path: str
    reader: str
    options: dict[str, Any] | None
    rows: int
    duplicates: int
    columns: tuple[ColumnFacts, ...] | None
    profile: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one clean run of the notebook told.

    ``reads`` and ``writes`` are relative to the notebook's folder; ``neighbours`` are the user's own modules that
    were imported: path in a package -> source. ``requirements`` say which of the ``closure`` each of it requires, by
    canonical names; ``elsewhere`` which of it no index gave, and where from. ``peak_bytes`` is the most memory that the run's process
    had, ``gpu`` the library that used a GPU, "" if none did.
    """

    cells: dict[int, CellFacts]
    types: dict[str, str]
    kinds: dict[str, str]
    aliases: tuple[tuple[str, ...], ...]
    signatures: dict[str, Signature]
    distributions: dict[str, tuple[str, ...]]
    untyped: frozenset[str]
    closure: tuple[str, ...]
    requirements: dict[str, tuple[str, ...]]
    elsewhere: dict[str, str]
    peak_bytes: int
    gpu: str
    summaries: dict[str, dict[str, Any]]
    origins: dict[str, str]
    neighbours: dict[str, str]
    python: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    datasets: tuple[DatasetFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The object that holds the names which functions share: its variable, its class, its fields' types."""

    variable: str
    kind: str
    types: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A plain literal that becomes a field of Config."""

    name: str
    field: str
    annotation: str
    value: cst.BaseExpression
    comment: str
    cell: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """A function or class of the user's, or a constant that classes read, that moves whole to a module."""

    name: str
    statement: Statement
    needs: tuple[str, ...]
    constants: tuple[str, ...]
    calls: frozenset[str]
    kind: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A named group of cells that becomes one function."""

    name: str
    module: str
    title: str
    prose: str
    cells: tuple[int, ...]
    statements: tuple[Statement, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    reason: str = ""
    confidence: float = 1.0
    plots: bool = False
    types: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The whole notebook as steps, helpers, constants and imports: what emit turns into modules.

    ``unseeded`` is the first cell that draws from NumPy's global generator before anything has seeded it;
    ``neighbours`` are the user's own modules beside the notebook: path in the package -> source.
    """

    notebook: Notebook
    steps: tuple[Step, ...]
    helpers: dict[str, Helper]
    helper_modules: dict[str, str]
    constants: dict[str, Constant]
    imports: dict[str, list[Statement]]
    results: dict[str, str]
    signatures: dict[str, Signature]
    neighbours: dict[str, str] = field(default_factory=dict)
    unseeded: int | None = None
    shared: Shared | None = None
