"""The order in which a notebook runs: the document's, or, where that one cannot, the one it was last run in.

Execution counts are only a hint: a cell may have been run twice, changed since, or run in another session. So the
recorded order is tried when document order fails, and it counts only if a clean run of it goes through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from nbship.errors import CellError
from nbship_converter.findings import Finding
from nbship_converter.ir import Notebook
from nbship_converter.testimony import Run

__all__ = ["Ordered", "in_recorded_order", "ordered_run", "unlike_recorded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A notebook in an order that runs, its clean run, and what there is to tell of it."""

    notebook: Notebook
    run: Run
    findings: tuple[Finding, ...] = ()


def ordered_run(notebook: Notebook, run: Callable[[Notebook], Run]) -> Ordered:
    """Run the notebook in document order or, where a cell raises, in the order that is recorded in it.

    Raises what ``run`` raises; where neither order runs, it is document order's error.
    """
    try:
        return Ordered(notebook=notebook, run=run(notebook), findings=tuple(unlike_recorded(notebook)))
    except CellError:
        recorded = in_recorded_order(notebook)
        if recorded == notebook:
            raise
        try:
            done = run(recorded)
        except CellError:
            done = None
        if done is None:
            raise
    order = ", ".join(str(cell.index) for cell in recorded.cells if cell.source.strip())
    message = f"only the order in which the cells were last run goes through: {order}"
    return Ordered(notebook=recorded, run=done, findings=(Finding(code="NB116", message=message),))


def in_recorded_order(notebook: Notebook) -> Notebook:
    """Give the notebook with its cells as their execution counts say; those without one come last."""
    last = max((cell.count or 0 for cell in notebook.cells), default=0) + 1
    return replace(
        notebook,
        cells=tuple(sorted(notebook.cells, key=lambda cell: cell.count or (last, 0)[not cell.source])),
    )


def unlike_recorded(notebook: Notebook) -> list[Finding]:
    """Tell which cell was last run before one that stands above it: its saved outputs may be others."""
    highest = 0
    for cell in notebook.cells:
        if cell.count is None or not cell.statements:
            continue
        if cell.count < highest:
            message = "was last run before a cell above it: the package computes what a clean run gives"
            return [Finding(code="NB117", message=message, cell=cell.index)]
        highest = cell.count
    return []
