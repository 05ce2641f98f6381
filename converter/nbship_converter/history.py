"""IPython's memory of what cells showed and said: ``_``, ``Out[3]``, ``In[2]`` get a name where one is due.

In a clean run the n-th cell that is executed is number n. A cell's shown value is bound to ``_out_n`` where a later
cell asks for it; nothing else is bound, and a name that the notebook binds itself is its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import libcst as cst

from nbship_converter.findings import Finding
from nbship_converter.ir import Cell, Facts, Notebook, Statement
from nbship_converter.shell import literal
from nbship_converter.uses import use_of

__all__ = ["History", "with_history"]

_MEMORY = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|Out|In|_oh|_ih")


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A notebook that asks for no earlier output by number, and the names that it has instead."""

    notebook: Notebook
    names: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class _Memory:
    """What the shell remembers before a cell: sources by number, and the numbers of what was shown."""

    sources: dict[int, str] = field(default_factory=dict)
    shown: list[int] = field(default_factory=list)
    wanted: set[int] = field(default_factory=set)


def with_history(notebook: Notebook, facts: Facts | None) -> History:
    """Give the notebook with what it takes from the shell's memory bound to names."""
    own = {name for statement in notebook.statements for name in statement.use.binds}
    asking = {name for s in notebook.statements for name in s.use.needs if _MEMORY.fullmatch(name)} - own
    if not asking:
        return History(notebook=notebook)
    memory = _Memory()
    findings: list[Finding] = []
    cells: list[Cell] = []
    numbers: dict[int, int] = {}
    for cell in notebook.cells:
        kept = [_remembered(s, asking, memory, findings) for s in cell.statements]
        cells.append(replace(cell, statements=tuple(kept)))
        if cell.source.strip():
            number = len(memory.sources) + 1
            memory.sources[number] = cell.source
            numbers[cell.index] = number
            if _shows(cell, facts):
                memory.shown.append(number)
    named = [_bound(cell, numbers.get(cell.index, 0), memory.wanted) for cell in cells]
    names = tuple(f"_out_{number}" for number in sorted(memory.wanted))
    return History(notebook=replace(notebook, cells=tuple(named)), names=names, findings=tuple(findings))


def _shows(cell: Cell, facts: Facts | None) -> bool:
    last = cell.statements[-1] if cell.statements else None
    expression = last is not None and isinstance(getattr(last.node, "body", [None])[0], cst.Expr)
    if not expression or cell.source.rstrip().endswith(";"):
        return False
    fact = facts.cells.get(cell.index) if facts else None
    return fact.shown if fact is not None else last is not None and "print" not in last.use.calls


def _bound(cell: Cell, number: int, wanted: set[int]) -> Cell:
    """Bind what a cell shows, where it is asked for later."""
    if number not in wanted:
        return cell
    last = cell.statements[-1]
    line = cst.ensure_type(last.node, cst.SimpleStatementLine)
    value = cst.ensure_type(line.body[0], cst.Expr).value
    target = cst.AssignTarget(cst.Name(f"_out_{number}"))
    return replace(
        cell,
        statements=(
            *cell.statements[:-1],
            _with(last, line.with_changes(body=[cst.Assign([target], value)])),
        ),
    )


def _with(statement: Statement, node: cst.SimpleStatementLine | cst.BaseCompoundStatement) -> Statement:
    code = cst.Module(body=[node]).code
    return replace(statement, node=node, code=code, use=use_of(code))


def _remembered(
    statement: Statement, asking: set[str], memory: _Memory, findings: list[Finding]
) -> Statement:
    if not asking & statement.use.needs:
        return statement
    visitor = _Rememberer(asking & statement.use.needs, memory)
    node = statement.node.visit(visitor)
    if visitor.unknown:
        message = (
            f"`{visitor.unknown}` asks the shell's memory for something that a clean run does not settle"
        )
        findings.append(Finding(code="NB112", message=message, cell=statement.cell, line=statement.line))
    assert isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
    return _with(statement, node)


class _Rememberer(cst.CSTTransformer):
    def __init__(self, asking: set[str], memory: _Memory) -> None:
        super().__init__()
        self.asking = asking
        self.memory = memory
        self.unknown = ""

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        base = original_node.value
        if not isinstance(base, cst.Name) or base.value not in self.asking:
            return updated_node
        number = _number(original_node)
        if base.value in ("Out", "_oh") and number is not None:
            return self._output(number) or updated_node
        if base.value in ("In", "_ih") and number in self.memory.sources:
            return literal(self.memory.sources[number])
        self.unknown = cst.Module(body=[]).code_for_node(original_node)
        return updated_node

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        name = original_node.value
        if name not in self.asking or name in ("Out", "In", "_oh", "_ih"):
            return updated_node
        found: Mapping[int, str] = self.memory.sources
        if name.startswith("_i"):
            number = int(name[2:]) if name[2:].isdigit() else len(found) + 2 - len(name)
            return literal(found[number]) if number in found else self._lost(updated_node)
        back = len(name)
        shown = self.memory.shown
        number = int(name[1:]) if name[1:].isdigit() else shown[-back] if len(shown) >= back else 0
        return self._output(number) or self._lost(updated_node)

    def _output(self, number: int) -> cst.BaseExpression | None:
        if number not in self.memory.shown:
            self.unknown = f"Out[{number}]"
            return None
        self.memory.wanted.add(number)
        return cst.Name(f"_out_{number}")

    def _lost(self, node: cst.Name) -> cst.Name:
        self.unknown = node.value
        return node


def _number(node: cst.Subscript) -> int | None:
    index = node.slice[0].slice
    if isinstance(index, cst.Index) and isinstance(index.value, cst.Integer):
        return int(index.value.value)
    return None
