"""What a feature function is made of: a hash that changes when, and only when, what it computes may change.

The function's code and everything of the package that it reaches (helpers, constants, classes) go into it, as syntax:
comments, layout and docstrings do not. Other packages count by name only; their versions stand in the lineage.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nbship.errors import InputError

#: Definitions are told by the hash's first characters, as commits are.
HASH_LENGTH = 16


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    module: str
    name: str


def definition_hash(sources: Mapping[str, str], module: str, function: str) -> str:
    """Give the hash of a function. ``sources`` has the text of each module of its package, by dotted name.

    Raises InputError where the module, or the function in it, is not there.
    """
    modules = {name: _Module(name, text) for name, text in sources.items()}
    if module not in modules:
        raise InputError(f"there is no module {module!r}", help="`function` is package.module:name")
    if function not in modules[module].defined:
        raise InputError(f"{module} has no function {function!r}", where=module)
    reached = sorted(_reach(modules, _Place(module, function)))
    parts = [f"{place.module}.{place.name}\n{modules[place.module].code(place.name)}" for place in reached]
    parts += sorted({line for place in reached for line in modules[place.module].foreign(place.name)})
    return hashlib.sha256("\n\n".join(parts).encode()).hexdigest()[:HASH_LENGTH]


def _reach(modules: Mapping[str, _Module], start: _Place) -> set[_Place]:
    reached: set[_Place] = set()
    waiting = [start]
    while waiting:
        place = waiting.pop()
        if place in reached:
            continue
        reached.add(place)
        waiting += modules[place.module].uses(place.name, modules)
    return reached


class _Module:
    """A module's top level: what each name is defined by, or imported from."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.defined: dict[str, list[ast.stmt]] = {}
        self._imported: dict[str, tuple[str, str | None]] = {}
        for statement in ast.parse(text).body:
            self._take(statement)

    def _take(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.If | ast.Try):
            for inner in (node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt)):
                self._take(inner)
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                self._imported[alias.asname or whole] = (whole, None)
        elif isinstance(statement, ast.ImportFrom):
            base = self._base(statement)
            for alias in statement.names:
                self._imported[alias.asname or alias.name] = (base, alias.name)
        else:
            for bound in _bound(statement):
                self.defined.setdefault(bound, []).append(statement)

    def _base(self, statement: ast.ImportFrom) -> str:
        if not statement.level:
            return statement.module or ""
        parts = self.name.split(".")[: -statement.level]
        return ".".join([*parts, *([statement.module] if statement.module else [])])

    def code(self, name: str) -> str:
        """Give what defines a name, as syntax."""
        return "\n".join(ast.dump(_bare(node)) for node in self.defined[name])

    def uses(self, name: str, modules: Mapping[str, _Module]) -> Iterator[_Place]:
        """Give what of the package a definition reads."""
        for node in (inner for statement in self.defined[name] for inner in ast.walk(statement)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                yield from self._found(node.value.id, node.attr, modules)
            elif isinstance(node, ast.Name):
                yield from self._found(node.id, None, modules)

    def _found(self, name: str, attribute: str | None, modules: Mapping[str, _Module]) -> Iterator[_Place]:
        if name in self.defined:
            yield _Place(self.name, name)
        elif name in self._imported:
            base, member = self._imported[name]
            whole = f"{base}.{member}" if member else base
            if member and base in modules and member in modules[base].defined:
                yield _Place(base, member)
            elif attribute and whole in modules and attribute in modules[whole].defined:
                yield _Place(whole, attribute)

    def foreign(self, name: str) -> Iterator[str]:
        """Give what a definition reads of imported names, as the text of an import."""
        for node in (inner for statement in self.defined[name] for inner in ast.walk(statement)):
            if isinstance(node, ast.Name) and node.id in self._imported and node.id not in self.defined:
                base, member = self._imported[node.id]
                yield f"{base}:{member or ''} as {node.id}"


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Give the names that a statement of the top level binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


class _Undocumented(ast.NodeTransformer):
    """Takes docstrings and annotations away: neither computes anything."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:  # ast's own name
        self.generic_visit(node)
        first = node.body[0]
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            node.body = node.body[1:] or [ast.Pass()]
        node.returns = None
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node


def _bare(statement: ast.stmt) -> ast.AST:
    copy = ast.parse(ast.unparse(statement)).body[0]
    return _Undocumented().visit(copy)  # type: ignore[no-any-return]  # the visitor is untyped
