"""Where files are opened, listed and written: there, and nowhere else, a path meets Config's folders.

The notebook's own paths are relative to its folder. A value that holds one keeps it, to the letter: only the
call that goes to the disk asks ``config.data`` or ``config.output`` where that is. So paths may be joined,
formatted or found in any way, and every variable still equals the notebook's. What a clean run read and wrote
decides which cells are looked at, and where the working folder was.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import libcst as cst

from nbship_converter.findings import Finding
from nbship_converter.ir import CONFIG, Cell, CellFacts, Facts, Notebook, Statement
from nbship_converter.paths import data_name
from nbship_converter.places import access_of, dotted, method_of
from nbship_converter.syntax import tree_of
from nbship_converter.uses import use_of

__all__ = ["locate"]

_URL = re.compile(r"^[a-z][a-z0-9+]+://", re.IGNORECASE)
#: Calls that only compute with a path, or keep it.
_COMPUTES = re.compile(
    r"^(os\.path\.(join|basename|dirname|splitext|normpath)|(pathlib\.)?(Pure)?Path|print|len|str|repr|range|set|list)$"
    r"|\.(append|add|join|format|replace|split|startswith|endswith|get|map|apply|joinpath|insert|extend|isin)$"
)
_HANDLES = re.compile(r"(^|\.)(open|StringIO|BytesIO|urlopen|TextIOWrapper|get)$")


@dataclass(slots=True, kw_only=True)
class _World:
    """What is known of the notebook's files while its statements are walked."""

    facts: Facts
    imported: Mapping[str, str]
    paths: frozenset[str]
    folder: str = "."
    covered: set[str] = field(default_factory=set)


def locate(notebook: Notebook, facts: Facts | None) -> tuple[Notebook, list[Finding]]:
    """Give the notebook with every access to a file put below Config's folders."""
    if facts is None:
        return notebook, []
    world = _World(
        facts=facts,
        imported=_imported(notebook),
        paths=frozenset(name for name, kind in facts.types.items() if kind == "pathlib.Path"),
    )
    findings: list[Finding] = []
    cells = [_cell(cell, world, findings) for cell in notebook.cells]
    left = {path for path in facts.reads if path not in world.covered}
    if left:
        cells = [_with_literals(cell, world, left) for cell in cells]
    return replace(notebook, cells=tuple(cells)), findings


def _imported(notebook: Notebook) -> dict[str, str]:
    """Map each imported name to its full dotted name."""
    found: dict[str, str] = {}
    for statement in notebook.statements:
        for line in _lines(statement.node) if "import" in statement.code else ():
            if isinstance(line, cst.Import):
                for alias in line.names:
                    bound = alias.evaluated_alias
                    found[bound or alias.evaluated_name.split(".")[0]] = (
                        alias.evaluated_name if bound else alias.evaluated_name.split(".")[0]
                    )
            elif (
                isinstance(line, cst.ImportFrom)
                and line.module
                and not isinstance(line.names, cst.ImportStar)
            ):
                module = cst.Module(body=[]).code_for_node(line.module)
                for alias in line.names:
                    found[alias.evaluated_alias or alias.evaluated_name] = f"{module}.{alias.evaluated_name}"
    return found


def _lines(node: cst.CSTNode) -> list[cst.CSTNode]:
    """Give the small statements of a line, or of all lines inside a compound statement's first block."""
    if isinstance(node, cst.SimpleStatementLine):
        return list(node.body)
    block = getattr(node, "body", None)
    return [one for line in getattr(block, "body", ()) for one in _lines(line)]


def _handles(code: str) -> frozenset[str]:
    """Names that hold an open file or a stream in a statement: they are no paths."""
    found = set(re.findall(r"\bas\s+(\w+)\s*[:,]", code))
    found |= set(re.findall(r"\b(\w+)\s*=\s*(?:\w+\.)*(?:open|StringIO|BytesIO|urlopen)\(", code))
    return frozenset(found)


def _inner_names(code: str) -> frozenset[str]:
    """Names that a statement binds for itself: of loops, comprehensions and functions."""
    found: set[str] = set()
    for node in ast.walk(tree_of(code)):
        if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            found |= {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return frozenset(found)


def _cell(cell: Cell, world: _World, findings: list[Finding]) -> Cell:
    fact = world.facts.cells.get(cell.index)
    kept: list[Statement] = []
    for statement in cell.statements:
        target = _changes_folder(statement, world.imported)
        if target is None:
            kept.append(_located(statement, fact, world))
            continue
        world.folder = (
            posixpath.normpath(posixpath.join(world.folder, target)) if target else (fact or _NOTHING).folder
        )
        message = f"`{statement.code.strip()}` became part of the paths after it"
        findings.append(Finding(code="NB107", message=message, cell=cell.index, line=statement.line))
    world.folder = fact.folder if fact else world.folder
    return replace(cell, statements=tuple(kept))


_NOTHING = CellFacts(
    bound=frozenset(), changed=frozenset(), types={}, random=frozenset(), reads=(), writes=(), figures=0
)


def _changes_folder(statement: Statement, imported: Mapping[str, str]) -> str | None:
    """Give the folder of ``os.chdir(FOLDER)``, "" where it is no literal, None for any other statement."""
    node = statement.node
    only = node.body[0] if isinstance(node, cst.SimpleStatementLine) else None
    if not (isinstance(only, cst.Expr) and isinstance(only.value, cst.Call)):
        return None
    if dotted(only.value.func, imported) != "os.chdir" or not only.value.args:
        return None
    value = only.value.args[0].value
    return str(value.evaluated_value) if isinstance(value, cst.SimpleString) else ""


def _located(statement: Statement, fact: CellFacts | None, world: _World) -> Statement:
    defines = isinstance(statement.node, (cst.FunctionDef, cst.ClassDef))
    reads = world.facts.reads if defines or fact is None else fact.reads
    writes = world.facts.writes if defines or fact is None else fact.writes
    if "(" not in statement.code or not (reads or writes):
        return statement
    visitor = _Locator(world, frozenset(reads), frozenset(writes), statement.code)
    return _changed(statement, statement.node.visit(visitor))


def _changed(statement: Statement, node: Any) -> Statement:
    code = cst.Module(body=[node]).code
    return statement if code == statement.code else replace(statement, node=node, code=code, use=use_of(code))


def _with_literals(cell: Cell, world: _World, left: Collection[str]) -> Cell:
    """Put files that a library opens in its own way where their names stand in the text."""
    visitor = _Literals(world, frozenset(left))
    return replace(cell, statements=tuple(_changed(s, s.node.visit(visitor)) for s in cell.statements))


class _Literals(cst.CSTTransformer):
    def __init__(self, world: _World, left: frozenset[str]) -> None:
        super().__init__()
        self.world = world
        self.left = left | {posixpath.dirname(path) for path in left} - {""}

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        text = original_node.evaluated_value
        if isinstance(text, str) and text and posixpath.normpath(text) in self.left:
            return cst.parse_expression(f"str({CONFIG}.data({data_name(posixpath.normpath(text))!r}))")
        return updated_node

    def visit_Call(self, node: cst.Call) -> bool:
        return not cst.Module(body=[]).code_for_node(node.func).startswith(f"{CONFIG}.")


class _Locator(cst.CSTTransformer):
    """Changes the calls of one statement that go to the disk."""

    def __init__(self, world: _World, reads: frozenset[str], writes: frozenset[str], code: str) -> None:
        super().__init__()
        self.handles = _handles(code)
        self.inner = _inner_names(code)
        self.world = world
        self.reads = reads
        self.writes = writes

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        name = dotted(original_node.func, self.world.imported)
        if name in ("subprocess.run", "subprocess.getoutput"):
            return self._shell(updated_node, name)
        access = access_of(original_node, name)
        if access is not None and access[1] >= 0:
            return self._access(updated_node, *access)
        if isinstance(updated_node.func, cst.Attribute) and self._is_path(updated_node.func.value):
            return self._method(updated_node, updated_node.func)
        if _COMPUTES.search(name) or name.startswith(CONFIG):
            return updated_node
        return updated_node.with_changes(args=[self._literal(argument) for argument in updated_node.args])

    # the kinds of calls

    def _access(self, call: cst.Call, access: str, place: int) -> cst.BaseExpression:
        path = call.args[place].value
        if not self._may_be_path(path):
            return call
        if access == "list":
            return cst.parse_expression(f"{CONFIG}.matching(X)").with_changes(
                args=[cst.Arg(self._here(path))]
            )
        found = self._where(path, access)
        if found is None:
            return call
        args = list(call.args)
        args[place] = args[place].with_changes(value=found)
        return call.with_changes(args=args)

    def _method(self, call: cst.Call, method: cst.Attribute) -> cst.BaseExpression:
        access = method_of(call)
        if access is None:
            return call
        if access != "list":
            found = self._where(method.value, access)
            return call if found is None else call.with_changes(func=method.with_changes(value=found))
        pattern: list[cst.BaseExpression] = (
            [cst.SimpleString('"*"')] if method.attr.value == "iterdir" else []
        )
        pattern += [cst.SimpleString('"**"')] if method.attr.value == "rglob" else []
        joined = method.value
        for part in [*pattern, *(argument.value for argument in call.args)]:
            joined = cst.BinaryOperation(joined, cst.Divide(), part)
        made = _called("matching", self._here(joined))
        return cst.Call(cst.Name("map"), [cst.Arg(self._path_class(), comma=_COMMA), cst.Arg(made)])

    def _path_class(self) -> cst.BaseExpression:
        names = {full: name for name, full in self.world.imported.items()}
        return cst.parse_expression(names.get("pathlib.Path") or f"{names.get('pathlib', 'pathlib')}.Path")

    def _literal(self, argument: cst.Arg) -> cst.Arg:
        """A file named in the call of a library that is not known takes its place as a string."""
        if not isinstance(argument.value, cst.SimpleString):
            return argument
        text = argument.value.evaluated_value
        if not isinstance(text, str) or not text or "\n" in text:
            return argument
        path = self._normal(text)
        if path in self.reads or path in self.writes:
            found = self._where(argument.value, "write" if path not in self.world.facts.reads else "read")
            return argument if found is None else argument.with_changes(value=_in_str(found))
        return argument

    def _shell(self, call: cst.Call, name: str) -> cst.BaseExpression:
        from nbship_converter.words import placed_words

        changed = placed_words(call, self.reads - self.writes, self.world.folder)
        if changed is not call:
            self.world.covered |= self.reads
        if name == "subprocess.run" and not any(a.keyword and a.keyword.value == "cwd" for a in call.args):
            word = cst.parse_expression(f"f(cwd={CONFIG}.working_folder())")
            changed = changed.with_changes(
                args=[*_closed(changed.args), *cst.ensure_type(word, cst.Call).args]
            )
        return changed

    # paths

    def _is_path(self, node: cst.BaseExpression) -> bool:
        """Whether an expression surely is a ``Path``."""
        if isinstance(node, cst.Name):
            return node.value in self.world.paths
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Divide):
            return self._is_path(node.left) or isinstance(node.right, (cst.SimpleString, cst.FormattedString))
        if isinstance(node, cst.Attribute):
            return node.attr.value == "parent" and self._is_path(node.value)
        return isinstance(node, cst.Call) and dotted(node.func, self.world.imported) == "pathlib.Path"

    def _may_be_path(self, node: cst.BaseExpression) -> bool:
        if isinstance(node, cst.Name):
            kind = "" if node.value in self.inner else self.world.facts.types.get(node.value, "")
            return node.value not in self.handles and kind in ("", "str", "pathlib.Path", "typing.Any")
        if isinstance(node, cst.Call):
            return not _HANDLES.search(dotted(node.func, self.world.imported))
        return not isinstance(node, (cst.Integer, cst.List, cst.Dict, cst.Lambda))

    def _normal(self, text: str) -> str:
        return posixpath.normpath(posixpath.join(self.world.folder, text))

    def _where(self, path: cst.BaseExpression, access: str) -> cst.BaseExpression | None:
        """Give the place of a path: below the data folder, or below the one for outputs."""
        if isinstance(path, cst.SimpleString):
            return self._where_literal(str(path.evaluated_value), access)
        if (access == "write" and not self.writes) or (access == "read" and not self.reads):
            return None
        if access == "read":
            self.world.covered |= self.reads
        return _called("data" if access == "read" else "output", self._here(path))

    def _where_literal(self, text: str, access: str) -> cst.BaseExpression | None:
        if _URL.match(text) or posixpath.isabs(text) or text == ":memory:":
            return None
        path = self._normal(text)
        inside = "/".join(part for part in path.split("/") if part != "..")
        if access == "write":
            return _called("output", _string(inside))
        self.world.covered.add(path)
        made = path in self.world.facts.writes  # with its whole name it is found among the outputs as well
        return _called("data", _string(inside if made else data_name(path) or "."))

    def _here(self, path: cst.BaseExpression) -> cst.BaseExpression:
        """Give a path relative to the notebook's folder, wherever the notebook had gone."""
        if self.world.folder == ".":
            return path
        if isinstance(path, cst.SimpleString):
            return _string(self._normal(str(path.evaluated_value)))
        joined = cst.parse_expression(f"os.path.join({self.world.folder!r}, X)")
        call = cst.ensure_type(joined, cst.Call)
        return call.with_changes(args=[call.args[0], cst.Arg(path)])


_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _called(method: str, path: cst.BaseExpression) -> cst.Call:
    bare = path.with_changes(lpar=[], rpar=[]) if isinstance(path, cst.BinaryOperation) else path
    return cst.Call(cst.parse_expression(f"{CONFIG}.{method}"), [cst.Arg(bare)])


def _in_str(value: cst.BaseExpression) -> cst.Call:
    return cst.Call(cst.Name("str"), [cst.Arg(value)])


def _string(text: str) -> cst.BaseExpression:
    return cst.SimpleString(f'"{text}"' if '"' not in text and "\\" not in text else repr(text))


def _closed(args: Any) -> list[cst.Arg]:
    return [*args[:-1], args[-1].with_changes(comma=_COMMA)]
