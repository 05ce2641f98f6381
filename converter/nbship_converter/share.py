"""Names that functions write, or look up after they were bound anew, move into one object.

A step hands values over; a closure that was made in one step does not see what a later one binds, and a function
in a module has no globals of the notebook's to write. So ``counter`` becomes ``state.counter`` wherever it stands,
and ``state``, made at the notebook's top, is from then on a variable like any other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import libcst as cst
from libcst.metadata import Assignment, GlobalScope, MetadataWrapper, ScopeProvider

from nbship_converter.ir import Cell, CellFacts, Facts, Notebook, Shared, Statement
from nbship_converter.rewrite import global_reads
from nbship_converter.syntax import first_statement, tree_of
from nbship_converter.uses import MUTATORS, use_of

__all__ = ["share"]

_DOCUMENTATION = (
    "What the notebook's functions share: names that they write, or look up when they are called."
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def share(notebook: Notebook, facts: Facts | None) -> tuple[Notebook, Facts | None, Shared | None]:
    """Give the notebook, and its facts, with the names that functions share put into one object."""
    names = (_written(notebook) | _late(notebook)) & _bound_plainly(notebook)
    if not names:
        return notebook, facts, None
    everything = {n for s in notebook.statements for n in (*s.use.binds, *s.use.needs)}
    shared = Shared(
        variable=next(n for n in ("state", "shared", "shared_state") if n not in everything),
        kind=next(n for n in ("State", "SharedState", "NotebookState") if n not in everything),
        types={name: _type(name, facts) for name in sorted(names)},
    )
    return _rewritten(notebook, shared), _with_state(facts, shared) if facts else None, shared


def _written(notebook: Notebook) -> set[str]:
    return {name for s in notebook.statements for name in s.use.global_writes}


def _late(notebook: Notebook) -> set[str]:
    """Names that a function which outlives its cell reads, and that a later cell binds anew."""
    definitions = {s.use.binds[-1]: s for s in notebook.statements if _defines(s)}
    last = {name: s.cell for s in notebook.statements for name in s.use.binds}
    found: set[str] = set()
    for statement in notebook.statements:
        for name in _outlives(statement, definitions):
            if last.get(name, -1) > statement.cell:
                found.add(name)
    return found


def _defines(statement: Statement) -> bool:
    return isinstance(first_statement(statement.code), _FUNCTIONS)


def _outlives(statement: Statement, definitions: dict[str, Statement]) -> set[str]:
    """Give the names that functions read which this statement makes or hands on for later."""
    tree = first_statement(statement.code)
    if isinstance(tree, ast.ClassDef):
        return _reached(statement.use.deferred, definitions)
    if isinstance(tree, _FUNCTIONS):
        return set()
    kept = {name for value in _kept_values(tree) for name in _function_names(value, definitions)}
    return _reached(kept, definitions)


def _kept_values(tree: ast.stmt) -> Iterator[ast.expr]:
    """Yield the expressions whose value stays: what is assigned, put into a container or given to a class."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            yield node.value
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name[:1].isupper() or name in MUTATORS or name in ("partial", "map", "filter", "defaultdict"):
                yield from (*node.args, *(word.value for word in node.keywords))


def _function_names(value: ast.expr, definitions: dict[str, Statement]) -> set[str]:
    """Give what the functions in a value read: a lambda's free names, and the notebook's own functions."""
    if isinstance(value, ast.Lambda):
        return set(use_of(ast.unparse(value)).deferred)
    if isinstance(value, ast.Name):
        return {value.id} & definitions.keys()
    if isinstance(value, (ast.List, ast.Tuple, ast.Dict, ast.Set, ast.IfExp)):
        parts = [part for part in ast.iter_child_nodes(value) if isinstance(part, ast.expr)]
        return {name for part in parts for name in _function_names(part, definitions)}
    return set()


def _reached(names: Iterable[str], definitions: dict[str, Statement]) -> set[str]:
    found = set(names)
    pending = list(found)
    while pending:
        own = definitions.get(pending.pop())
        new = set(own.use.deferred) - found if own else set()
        found |= new
        pending += new
    return found


def _bound_plainly(notebook: Notebook) -> set[str]:
    """Names that are only ever bound where an attribute may stand as well."""
    bound = {name for s in notebook.statements for name in (*s.use.binds, *s.use.global_writes)}
    return bound - {name for s in notebook.statements for name in _bound_otherwise(tree_of(s.code))}


def _bound_otherwise(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.NamedExpr):
            yield node.target.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, (*_FUNCTIONS, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            yield node.name or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"@(\w+)", node.value)


def _type(name: str, facts: Facts | None) -> str:
    cells = facts.cells.values() if facts else ()
    seen = {cell.types[name] for cell in cells if name in cell.types}
    return seen.pop() if len(seen) == 1 else "typing.Any"


def _with_state(facts: Facts, shared: Shared) -> Facts:
    """Whoever bound or changed a shared name has changed the object that holds it."""

    def told(cell: CellFacts) -> CellFacts:
        touched = (cell.bound | cell.changed) & shared.types.keys()
        types = {**cell.types, shared.variable: f"__main__.{shared.kind}"}
        return replace(
            cell, changed=cell.changed | {shared.variable} if touched else cell.changed, types=types
        )

    cells = {index: told(cell) for index, cell in facts.cells.items()}
    return replace(facts, cells=cells, kinds={**facts.kinds, shared.variable: "value"})


def _rewritten(notebook: Notebook, shared: Shared) -> Notebook:
    touched = [
        s for s in notebook.statements if not shared.types.keys().isdisjoint(re.findall(r"\w+", s.code))
    ]
    visitor = _Rewriter(shared, _global_nodes(touched, shared))
    ours = {id(s) for s in touched}
    first = touched[0].cell
    cells = []
    for cell in notebook.cells:
        moved = tuple(_moved(s, visitor) if id(s) in ours else s for s in cell.statements)
        opening = _opening(cell, shared) if cell.index == first else ()
        cells.append(replace(cell, statements=(*opening, *moved)))
    return replace(notebook, cells=tuple(cells))


def _global_nodes(statements: list[Statement], shared: Shared) -> frozenset[int]:
    """Give the ids of all Name nodes that read, bind or delete a shared name of the notebook's."""
    module = cst.Module(body=[statement.node for statement in statements])
    scopes = MetadataWrapper(module, unsafe_skip_copy=True).resolve(ScopeProvider).values()
    bound = {
        id(assignment.node)
        for scope in set(scopes)
        if isinstance(scope, GlobalScope)
        for assignment in scope.assignments
        if isinstance(assignment, Assignment) and assignment.name in shared.types
    }
    return global_reads(statements) | bound


def _moved(statement: Statement, visitor: _Rewriter) -> Statement:
    node: Any = statement.node.visit(visitor)
    code = cst.Module(body=[node]).code
    return replace(statement, node=node, code=code, use=use_of(code))


def _opening(cell: Cell, shared: Shared) -> tuple[Statement, ...]:
    """Give the class of the object, and the statement that makes it."""
    fields = "".join(f"    {name}: {kind}\n" for name, kind in shared.types.items())
    code = (
        f'class {shared.kind}:\n    """{_DOCUMENTATION}"""\n\n{fields}',
        f"{shared.variable} = {shared.kind}()\n",
    )
    nodes: list[Any] = [cst.parse_statement(text) for text in code]
    uses = use_of(code[0]), use_of(code[1])
    uses = replace(uses[0], reads=frozenset()), uses[1]
    return tuple(
        Statement(node=node, code=text, cell=cell.index, line=1, use=use)
        for node, text, use in zip(nodes, code, uses, strict=True)
    )


class _Rewriter(cst.CSTTransformer):
    """Puts ``state.name`` where a shared name stands, and takes it out of ``global`` statements."""

    def __init__(self, shared: Shared, nodes: frozenset[int]) -> None:
        super().__init__()
        self.shared, self.nodes = shared, nodes

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        if id(original_node) not in self.nodes or original_node.value not in self.shared.types:
            return updated_node
        plain = updated_node.with_changes(lpar=(), rpar=())
        return cst.Attribute(
            value=cst.Name(self.shared.variable), attr=plain, lpar=updated_node.lpar, rpar=updated_node.rpar
        )

    def visit_Global(self, node: cst.Global) -> bool:
        return False

    def leave_Global(self, original_node: cst.Global, updated_node: cst.Global) -> Any:
        names = [item for item in original_node.names if item.name.value not in self.shared.types]
        if not names:
            return cst.RemoveFromParent()
        last = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(names=[*names[:-1], last])

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        return (
            updated_node
            if updated_node.body
            else updated_node.with_changes(body=[cst.SimpleStatementLine([cst.Pass()])])
        )
