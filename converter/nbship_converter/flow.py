"""Which cells compute something that is wanted, and what flows between them.

A cell is kept when it was tagged, when it makes a model or a number that Results must hold, when it changes
random or global state that a kept cell meets later, when it writes a file, or when a kept cell needs what it
makes. Everything else is exploration: it is left out and listed. With the facts of a clean run, in-place
changes and aliases are known; from syntax alone they are guessed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import libcst as cst

from nbship_converter.classify import JUDGES, is_setting
from nbship_converter.findings import Finding
from nbship_converter.ir import Cell, Facts, Notebook, Statement
from nbship_converter.syntax import first_statement
from nbship_converter.uses import BUILTINS

__all__ = ["LEFT_OUT_KINDS", "Flow", "flow_of"]

LEFT_OUT_KINDS = frozenset({"function", "class", "figure", "iterator", "handle"})
_GIVEN = frozenset({"__name__", "__file__", "__doc__", "get_ipython", "display"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The cells that are kept, the names that Results holds, and every variable of the notebook.

    ``reasons`` says for each kept cell why; ``links`` are (name, the cell that made it, the one that reads it).
    """

    kept: tuple[Cell, ...]
    results: dict[str, str]
    variables: frozenset[str]
    reasons: Mapping[int, str] = field(default_factory=dict)
    links: tuple[tuple[str, int, int], ...] = ()


def flow_of(notebook: Notebook, facts: Facts | None) -> tuple[Flow, list[Finding]]:
    """Slice the notebook down to what Results needs."""
    variables = _variables(notebook)
    finder = _Slice(notebook, facts, variables)
    kept = finder.kept()
    results = finder.results(kept)
    findings = [
        Finding(code="NB201", message=f"left out exploration: {_first_line(cell)}", cell=cell.index)
        for cell in notebook.cells
        if _computes(cell) and cell.index not in kept
    ]
    cells = tuple(cell for cell in _with_prose(notebook.cells) if cell.index in kept)
    if facts is None:  # a notebook that ran has shown that its names are defined
        findings += _undefined(notebook, cells)
    flow = Flow(
        kept=cells,
        results=results,
        variables=variables,
        reasons=finder.reasons(kept),
        links=tuple(finder.links(kept)),
    )
    return flow, findings


def _with_prose(cells: tuple[Cell, ...]) -> list[Cell]:
    """Hand the words above a cell that only imports or defines to the next one under the same heading."""
    handed: list[Cell] = []
    waiting = ("", "")
    for cell in cells:
        if not cell.prose and waiting[0] == cell.heading:
            cell = replace(cell, prose=waiting[1])  # noqa: PLW2901  # the same cell with its words
        waiting = ("", "") if _computes(cell) else (cell.heading, cell.prose)
        handed.append(cell)
    return handed


def _variables(notebook: Notebook) -> frozenset[str]:
    moved = {
        name
        for s in notebook.statements
        if s.mark in ("import", "function", "class", "constant", "fixed")
        for name in s.use.binds
    }
    stays = {
        name for s in notebook.statements if s.mark in ("code", "plot", "display") for name in s.use.binds
    }
    return frozenset(stays | (moved & stays))


def _computes(cell: Cell) -> bool:
    return any(s.mark in ("code", "plot", "display") for s in cell.statements)


def _first_line(cell: Cell) -> str:
    statement = next(s for s in cell.statements if s.mark in ("code", "plot", "display"))
    line = next(
        (line for line in statement.code.splitlines() if line.strip() and not line.lstrip().startswith("#")),
        "",
    )
    return f"`{line.strip()[:60]}`"


class _Slice:
    """A backward slice over cells."""

    def __init__(self, notebook: Notebook, facts: Facts | None, variables: frozenset[str]) -> None:
        self.cells = [cell for cell in notebook.cells if _computes(cell)]
        self.facts = facts
        self.variables = variables
        self.hidden = notebook.hidden
        self.deferred = {
            s.use.binds[-1]: s.use.needs
            for s in notebook.statements
            if s.mark in ("function", "class") and s.use.binds
        }
        self.reads = {cell.index: self._reads(cell) for cell in self.cells}
        self.binds = {cell.index: {n for s in _code(cell) for n in s.use.binds} for cell in self.cells}
        self.changes = {cell.index: self._changes(cell) for cell in self.cells}
        self.kills = {cell.index: self._kills(cell) for cell in self.cells}
        self.binding = _places(self.binds)
        self.touching = _places({place: self.binds[place] | self.changes[place] for place in self.binds})
        self.defined = {n for cell in self.cells for s in _code(cell) if _defines(s) for n in s.use.binds}

    def _reads(self, cell: Cell) -> frozenset[str]:
        """Variables that must hold a value before the cell, for itself or for a function that it uses."""
        names: set[str] = set()
        bound: set[str] = set()
        for statement in cell.statements:
            if statement.mark in ("code", "plot") or _judges(statement):
                names |= self._needed(statement) - bound
                bound |= _surely_bound(statement)
        return frozenset(names & self.variables)

    def _needed(self, statement: Statement) -> set[str]:
        names = set(statement.use.needs)
        pending = [name for name in names if name in self.deferred]
        while pending:
            new = self.deferred[pending.pop()] - names
            names |= new
            pending += [name for name in new if name in self.deferred]
        return names

    def _changes(self, cell: Cell) -> set[str]:
        guessed = {name for s in _code(cell) for name in s.use.mutates} & self.variables
        if self.facts is None or cell.index not in self.facts.cells:
            return guessed
        return set(self.facts.cells[cell.index].changed)

    def _kills(self, cell: Cell) -> set[str]:
        """Names that the cell surely binds anew without looking at what they held."""
        killed = {name for statement in _code(cell) for name in _surely_bound(statement)}
        return killed - self.reads[cell.index]

    def kept(self) -> set[int]:
        """Give the indices of the cells to keep."""
        settings = {cell.index for cell in self.cells if _sets(cell)}
        roots = {cell.index for cell in self.cells if self._own_reason(cell)}
        if not roots:  # no tag, no model and no number: what it binds is what it is for
            roots = {cell.index for cell in self.cells if self.binds[cell.index]}
        roots |= settings
        kept = self._close(roots)
        while True:
            wider = self._close(kept | self._state(kept))
            if wider == kept:
                return kept
            kept = wider

    def _own_reason(self, cell: Cell) -> str:
        """Say why a cell is kept whatever the others need, or nothing."""
        if cell.step_tag:
            return f"is tagged `step:{cell.step_tag}`"
        if any(_judges(s) for s in cell.statements):
            return "judges a model"
        fact = self.facts.cells.get(cell.index) if self.facts else None
        if fact is not None and fact.writes:
            return f"writes {', '.join(fact.writes)}"
        makes = sorted(self.binds[cell.index] | self.changes[cell.index])
        required = {name: kind for name in makes if (kind := self._required_kind(name, cell))}
        told = ", ".join(f"the {kind} `{name}`" for name, kind in required.items())
        return f"makes {told}" if told else ""

    def _required_kind(self, name: str, cell: Cell) -> str:
        """Models and computed numbers must be in Results, as the notebook's end has them."""
        if name.startswith("_") or self._last_touch(name) != cell.index:
            return ""
        kind = self.facts.kinds.get(name) if self.facts else _guess_kind(name, cell)
        required = kind == "model" or (kind == "number" and any(_computed(name, s) for s in _code(cell)))
        return kind if kind and required else ""

    def reasons(self, kept: set[int]) -> dict[int, str]:
        """Say why each kept cell is kept: for its own sake, or for a later one."""
        found: dict[int, str] = {}
        readers: dict[str, int] = {}
        for cell in reversed(self.cells):
            if cell.index not in kept:
                continue
            makes = sorted((self.binds[cell.index] | self.changes[cell.index]) & readers.keys())
            needed = {f"cell {readers[name]} needs its `{name}`" for name in makes}
            found[cell.index] = (
                self._own_reason(cell) or ", ".join(sorted(needed)) or self._other_reason(cell)
            )
            for name in self.kills[cell.index]:
                readers.pop(name, None)
            readers |= dict.fromkeys(self.reads[cell.index], cell.index)
        return dict(sorted(found.items()))

    def _other_reason(self, cell: Cell) -> str:
        fact = self.facts.cells.get(cell.index) if self.facts else None
        if _sets(cell):
            return "sets global state"
        if fact is not None and fact.random:
            return "draws random numbers before a later cell does"
        return "binds names, and no cell makes a model or a number"

    def links(self, kept: set[int]) -> Iterator[tuple[str, int, int]]:
        """Give (name, maker, reader) for what flows between kept cells; the maker is the last one before."""
        makers: dict[str, int] = {}
        for cell in self.cells:
            if cell.index in kept:
                yield from (
                    (name, makers[name], cell.index)
                    for name in sorted(self.reads[cell.index])
                    if name in makers
                )
                made = self.binds[cell.index] | self.changes[cell.index]
                makers |= dict.fromkeys(made, cell.index)

    def _last_touch(self, name: str) -> int:
        return self.touching.get(name, [-1])[-1]

    def _close(self, roots: set[int]) -> set[int]:
        """Add every cell that a kept one needs, walking backwards."""
        kept: set[int] = set()
        wanted: set[str] = set()
        for cell in reversed(self.cells):
            index = cell.index
            makes = (self.binds[index] | self.changes[index]) & wanted
            if index in roots or makes:
                kept.add(index)
                wanted = (wanted - self.kills[index]) | self.reads[index] | (self.changes[index] & wanted)
        return kept

    def _state(self, kept: set[int]) -> set[int]:
        """Cells that advance a random generator which a kept cell uses later."""
        if self.facts is None:
            return set()
        found: set[int] = set()
        later: set[str] = set()
        for cell in reversed(self.cells):
            fact = self.facts.cells.get(cell.index)
            used = set(fact.random) if fact else set()
            if used & later:
                found.add(cell.index)
            if cell.index in kept:
                later |= used
        return found

    def _guessed(self, name: str, deleted: set[str]) -> str | None:
        """Without facts: a value, unless it is deleted or a function or class that stays in its cell."""
        return None if name in deleted else "function" if name in self.defined else "value"

    def results(self, kept: set[int]) -> dict[str, str]:
        """Give the names of Results with their kinds, in the order in which the notebook first binds them."""
        names = dict.fromkeys(
            n for cell in self.cells for s in _code(cell) for n in s.use.binds if n not in self.hidden
        )
        deleted = {
            name for cell in self.cells if cell.index in kept for s in _code(cell) for name in s.use.deletes
        }
        found: dict[str, str] = {}
        for name in names:
            touching, binding = self.touching[name], self.binding[name]
            whole = set(touching) <= kept or (
                set(touching[touching.index(binding[-1]) :]) <= kept and binding[-1] in kept
            )
            kind = self.facts.kinds.get(name) if self.facts else self._guessed(name, deleted)
            if whole and kind and kind not in LEFT_OUT_KINDS and not name.startswith("_"):
                found[name] = kind
        return found


def _places(names: Mapping[int, set[str]]) -> dict[str, list[int]]:
    """Turn names by cell into cells by name, in document order."""
    found: dict[str, list[int]] = {}
    for index, own in names.items():
        for name in own:
            found.setdefault(name, []).append(index)
    return found


def _sets(cell: Cell) -> bool:
    return any(is_setting(s) for s in cell.statements)


def _surely_bound(statement: Statement) -> set[str]:
    """Names that the statement binds whatever happens, and not from what they held."""
    tree = first_statement(statement.code)
    if isinstance(tree, (ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef, ast.For, ast.With)):
        return set(statement.use.binds) - statement.use.needs
    return set()


def _defines(statement: Statement) -> bool:
    return isinstance(statement.node, (cst.FunctionDef, cst.ClassDef))


def _code(cell: Cell) -> list[Statement]:
    return [s for s in cell.statements if s.mark in ("code", "plot")]


def _judges(statement: Statement) -> bool:
    """Whether a statement says how good a model is, be it only by showing it."""
    return statement.mark != "function" and any(JUDGES.search(call) for call in statement.use.calls)


def _computed(name: str, statement: Statement) -> bool:
    return (name in statement.use.binds and bool(statement.use.calls)) or name in statement.use.mutates


def _guess_kind(name: str, cell: Cell) -> str:
    """Without facts: a name that is fitted is a model, one that a metric or score gives is a number."""
    for statement in _code(cell):
        if f"{name}.fit" in statement.use.calls:
            return "model"
        if name in statement.use.binds and any(
            call.endswith(("score", "error", "loss")) for call in statement.use.calls
        ):
            return "number"
    return "value"


def _undefined(notebook: Notebook, kept: tuple[Cell, ...]) -> list[Finding]:
    """Names that no cell defines before they are read."""
    moved = {
        n
        for s in notebook.statements
        if s.mark in ("import", "function", "class", "constant", "fixed")
        for n in s.use.binds
    }
    known = set(moved | BUILTINS | _GIVEN)
    findings = []
    for cell in kept:
        for statement in cell.statements:
            for name in sorted(statement.use.reads - known):
                findings.append(
                    Finding(
                        code="NB202", message=f"`{name}` is not defined", cell=cell.index, line=statement.line
                    )
                )
                known.add(name)
            known |= set(statement.use.binds)
    return findings
