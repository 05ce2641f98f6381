"""What IPython tells about each cell, turned into facts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from nbship.facts import CellRan, EnvironmentSeen, MatrixComputed, MetricComputed, ParameterSet
from nbship_magics import cells, origin, process, settling
from nbship_magics.byhand import ByHand
from nbship_magics.cells import CellText, Named
from nbship_magics.changes import Changes
from nbship_magics.datasets import Datasets
from nbship_magics.estimators import Estimators
from nbship_magics.figures import Figures
from nbship_magics.identity import identity
from nbship_magics.imports import ImportWatch
from nbship_magics.keeping import Keeping
from nbship_magics.metrics import WATCHED, Metrics
from nbship_magics.readers import READERS
from nbship_magics.session import Session

_MOST_TYPES = 100
_MOST_SCHEMAS = 20
_MOST_COLUMNS = 200
_MOST_CLASSES = 100
_NOTHING = cells.read("", "")


class Capture:
    """Listens to a shell's cells. Whatever goes wrong in here is logged, told once, and never the user's."""

    def __init__(
        self, shell: Any, session: Session, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.session = session
        self._shell = shell
        self._namespace: dict[str, Any] = shell.user_ns
        self._clock = clock
        self._changes = Changes(self._namespace)
        self._datasets = Datasets(session, self._namespace)
        self._metrics = Metrics(self._namespace)
        self._hand = ByHand(self._namespace)
        self.estimators = Estimators(session, self._namespace)
        self._figures = Figures(session, shell)
        self.keeping = Keeping(session)
        self._imports = ImportWatch(
            dict.fromkeys(READERS, self._datasets.watch) | dict.fromkeys(WATCHED, self._metrics.watch)
        )
        self._text: CellText = _NOTHING
        self._ids: dict[str, int] = {}
        self._modules = 0
        self._roots: frozenset[str] = frozenset()
        self._started: float | None = None

    def install(self) -> None:
        """Begin to listen."""
        self.session.background.add(self._begin_session)
        self._shell.events.register("pre_run_cell", self.before_cell)
        self._shell.events.register("post_run_cell", self.after_cell)
        self._imports.install()
        self._hand.install(self._shell.ast_transformers)
        self._figures.install()
        # the cell that loads us is one of the notebook's, too
        self.before_cell(origin.running_cell(self._shell))

    def _begin_session(self) -> None:
        self.session.record(origin.session_started(self._namespace))

    def remove(self) -> None:
        """Listen no longer."""
        self._shell.events.unregister("pre_run_cell", self.before_cell)
        self._shell.events.unregister("post_run_cell", self.after_cell)
        self._imports.remove()
        self._datasets.remove()
        self._metrics.remove()
        self._hand.remove(self._shell.ast_transformers)
        self._figures.remove()

    def before_cell(self, info: Any) -> None:
        """Remember how things stand."""
        self._started = None
        if info is None or info.silent or not info.store_history:
            return  # a widget or an inspector asks, not the user
        self.session.background.begin_cell()
        try:
            self._begin(info)
        except Exception:  # noqa: BLE001  # the user's cell runs whatever happens here
            self.session.failed("looking at a cell")
        self._started = self._clock()

    def after_cell(self, result: Any) -> None:
        """Record what the cell did."""
        if self._started is None:
            return
        duration_s = self._clock() - self._started
        self._started = None
        try:
            self._end(result, duration_s)
        except Exception:  # noqa: BLE001  # as above
            self.session.failed("recording a cell")
        self.session.cell = self.session.source_hash = None
        self.session.background.end_cell()

    def _begin(self, info: Any) -> None:
        source = info.raw_cell or ""
        code = getattr(info, "transformed_cell", None)  # IPython 9 tells it
        self._text = cells.read(source, code if code is not None else self._shell.transform_cell(source))
        self.session.cell = info.cell_id
        self.session.source_hash = self._text.source_hash
        self.session.source = source
        # IPython keeps two names of its own for each cell that ran: they are passed over before anything else
        self._ids = {name: identity(value) for name, value in self._namespace.items() if name[:1] != "_"}
        self._changes.before(self._text.touched)
        self._metrics.begin_cell()
        self._hand.begin_cell(source)
        self._figures.begin_cell()
        self._datasets.begin_cell()

    def _end(self, result: Any, duration_s: float) -> None:
        # whoever draws reads its fonts again and again, from files that it opened long ago
        unexplained = 0 if self._figures.has_drawn else self._datasets.unexplained()
        self._datasets.end_cell()
        self._hand.end_cell()
        bound = self._bound()
        self._record_cell(result, duration_s, bound, unexplained)
        self._record_parameters()
        self._record_metrics(bound)
        touched = self._changes.touched.union(bound)
        self.estimators.end_cell(self._text, [name for name in self._namespace if name in touched])
        self._record_environment()
        if self.session.settings.snapshot:
            self.keeping.keep_new()
        self.session.wake_worker()

    def _bound(self) -> list[str]:
        """Give the user's names that are new or hold another object; one set by the text counts in any case."""
        hidden = self._shell.user_ns_hidden
        return [
            name
            for name, value in self._namespace.items()
            if name[:1] != "_"
            and (self._ids.get(name) != identity(value) or name in self._text.stored)
            and not (name in hidden and hidden[name] is value)
        ]

    def _record_cell(self, result: Any, duration_s: float, bound: list[str], unexplained: int) -> None:
        error = result.error_before_exec or result.error_in_exec
        seen = self._changes.after(bound, duration_s)
        fact = CellRan(
            cell=self.session.cell,
            source_hash=self.session.source_hash,
            execution_count=result.execution_count,
            succeeded=bool(result.success),
            error=type(error).__name__ if error is not None else None,
            duration_s=duration_s,
            step=self._text.step,
            bound=tuple(sorted(bound)),
            changed=seen.changed,
            unchecked=seen.unchecked,
            types={name: _type(self._namespace[name]) for name in sorted(bound)[:_MOST_TYPES]},
            schemas=_schemas(bound, self._namespace),
            memory=process.memory(),
            unexplained=unexplained,
        )
        self.session.record(fact)

    def _record_parameters(self) -> None:
        for name, value in self._text.constants:
            if name.partition(".")[0] in self._namespace:  # the cell may have failed before it came to this
                self.session.record(self._stamped(ParameterSet, name=name, value=value))
        for name, choice in self._text.choices:
            value = self._namespace.get(choice.name) if isinstance(choice, Named) else choice
            if value is None or type(value) in {bool, int, float, str}:
                self.session.record(self._stamped(ParameterSet, name=name, value=value))

    def _record_metrics(self, bound: list[str]) -> None:
        found, matrices = self._metrics.found, self._metrics.matrices
        if not (found or matrices or self._hand.noted):
            return
        names = settling.by_identity(bound, self._namespace)
        owners = settling.by_identity((name for name in self._namespace if name[:1] != "_"), self._namespace)
        for one in settling.settled(found, self._hand, names, owners):
            fact = self._stamped(
                MetricComputed, name=one.name, value=one.value, function=one.function, inferred=one.inferred
            )
            self.session.record(fact)
        for function, matrix in matrices:
            name = settling.name_of(matrix, self._hand, names) or function
            self.session.record(
                self._stamped(MatrixComputed, name=name, function=function, rows=_rows(matrix))
            )

    def _stamped(self, kind: Any, **fields: Any) -> Any:
        return kind(cell=self.session.cell, source_hash=self.session.source_hash, **fields)

    def _record_environment(self) -> None:
        """Note what is imported, when there is more of it than last time."""
        import sys

        if len(sys.modules) == self._modules:
            return
        self._modules = len(sys.modules)
        roots = origin.imported_roots()
        if roots - self._roots:
            self._roots = roots
            self.session.background.add(lambda: self._requirements(roots))

    def _requirements(self, roots: frozenset[str]) -> None:
        found = origin.requirements(roots)
        last = [fact for fact in self.session.facts if isinstance(fact, EnvironmentSeen)][-1:]
        if not last or last[0].requirements != found:
            self.session.record(EnvironmentSeen(requirements=found))


def _rows(matrix: Any) -> tuple[tuple[float, ...], ...]:
    """Give the counts of a matrix; of the first classes, where there are more than somebody would read."""
    return tuple(tuple(float(item) for item in row[:_MOST_CLASSES]) for row in matrix[:_MOST_CLASSES])


def _schemas(names: list[str], namespace: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Give columns and dtypes of the frames under some names: as many as somebody would read."""
    frames = [
        (name, namespace[name]) for name in sorted(names) if type(namespace[name]).__name__ == "DataFrame"
    ]
    return {name: _schema(frame) for name, frame in frames[:_MOST_SCHEMAS]}


def _schema(frame: Any) -> dict[str, str]:
    try:
        pairs = zip(list(frame.columns)[:_MOST_COLUMNS], list(frame.dtypes)[:_MOST_COLUMNS], strict=True)
        return {str(label): str(dtype) for label, dtype in pairs}
    except Exception:  # noqa: BLE001  # a frame of another library, or one that is not well
        return {}


def _type(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
