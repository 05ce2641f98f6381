"""A code cell -> its statements: magics, scripts and what is only true in a kernel are put into Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import libcst as cst

from nbship_converter.findings import Finding
from nbship_converter.ir import Cell, Statement
from nbship_converter.magics import is_opened, to_python, translate
from nbship_converter.shell import is_install
from nbship_converter.uses import use_of

__all__ = ["Reader"]

_COMMAND = re.compile(r"^(?P<indent>\s*)[!%](?P<command>[^%!].*)$")
_OURS = re.compile(r"^\s*%{1,2}(?:ship\b|load_ext\s+nbship\b|reload_ext\s+nbship\b)")
_RUN = re.compile(r"""get_ipython\(\)\.run_line_magic\('run', '([^']*)'\)""")
_CAPTURE = re.compile(r"%%capture[ \t]+([A-Za-z_]\w*)[ \t]*$", re.MULTILINE)
_IGNORE = re.compile(r"#\s*type:\s*ignore(\[[^\]]*\])?\s*")
_EXITS = frozenset({"exit", "quit", "sys.exit", "os._exit"})


class Reader:
    """Reads the cells of one notebook in order, and knows what the ones before have bound.

    ``sources`` are the texts of all its code cells: what `%%capture NAME` catches is kept if NAME is read in one.
    """

    def __init__(self, folder: Path | None, sources: Sequence[str] = ()) -> None:
        self.folder = folder
        self.captured = _captured(sources)
        self.bound: set[str] = set()
        self.modules: dict[str, str] = {}
        self.stopped = False

    def cell(
        self, index: int, raw: dict[str, Any], text: str, *, heading: str, words: str
    ) -> tuple[Cell, list[Finding]]:
        """Give a cell with its statements; ``words`` is the prose that stands above it."""
        tags = tuple(str(tag) for tag in raw.get("metadata", {}).get("tags", []))
        first = text.lstrip().split("\n", 1)[0]
        if first.startswith("%%ship") and len(first.split()) > 1:
            tags = (f"step:{first.split()[1]}", *tags)
        runs, installs = _without_installs(text)
        away = "skip" in tags or self.stopped
        cell = Cell(
            index=index,
            id=str(raw.get("id", f"cell-{index}")),
            source="" if away else runs,
            tags=tags,
            heading=heading,
            prose=words,
            installs=installs,
            count=raw.get("execution_count"),
        )
        findings = [Finding(code="NB104", message=f"left out `{line}`", cell=index) for line in installs]
        if away or not runs.strip():
            return cell, findings
        statements, found = self._statements(index, runs)
        if not statements and any(finding.code in ("NB101", "NB105") for finding in found):
            return replace(cell, source=""), [*findings, *found]
        cell, statements, ended = _until_exit(cell, statements)
        self.stopped = bool(ended)
        return replace(cell, statements=statements), [*findings, *found, *ended]

    def _statements(self, index: int, source: str) -> tuple[tuple[Statement, ...], list[Finding]]:
        code, findings = to_python(index, source)
        module = _parsed(code)
        if module is not None:
            module = _capturing(module, self.captured.get(source))
        if module is None:
            message = "the cell is not valid Python and was left out"
            return (), [*findings, Finding(code="NB101", message=message, cell=index, line=_wrong_line(code))]
        kept: list[Statement] = []
        for node, text, line in _with_lines(module):
            for single, own in self._opened(node, text):
                outcome = translate(index, line, single, own, self.bound)
                findings += outcome.findings
                self.modules.update(outcome.modules)
                for found, found_code in outcome.statements:
                    use = use_of(found_code)
                    self.bound |= set(use.binds)
                    kept.append(Statement(node=found, code=found_code, cell=index, line=line, use=use))
        return tuple(kept), findings

    def _opened(self, node: Any, text: str) -> Iterator[tuple[Any, str]]:
        """Give the statements that a statement stands for: a script's, those of an open ``if``, of ``a; b``."""
        script = self._script(text)
        if script is not None:
            for inner, own, _ in _with_lines(script):
                yield from self._opened(inner, own)
        elif _is_main(node):
            for inner in node.body.body:
                yield from self._opened(inner, cst.Module(body=[inner]).code)
        else:
            yield from _split(node, text)

    def _script(self, text: str) -> cst.Module | None:
        """Give what ``%run FILE`` runs, where there is such a file."""
        found = _RUN.match(text.strip())
        words = [word for word in found[1].split() if not word.startswith("-")] if found else []
        if not words:
            return None
        source = self._source(words[0] if Path(words[0]).suffix else f"{words[0]}.py")
        return _parsed(to_python(0, source)[0]) if source else None

    def _source(self, name: str) -> str:
        """Give the Python of a script or a notebook that lies beside this one."""
        if name in self.modules:
            return self.modules.pop(name)
        path = self.folder / name if self.folder else None
        if path is None or not path.is_file():
            return ""
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".ipynb":
            return text
        import json

        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return "\n".join(_without_installs("".join(cell["source"]))[0] for cell in cells)


def _captured(sources: Sequence[str]) -> dict[str, str]:
    """Map the cells whose output a variable catches, and another cell reads, to that variable."""
    found = {}
    for source in sources:
        name = _CAPTURE.match(source.lstrip())
        if name and any(re.search(rf"\b{name[1]}\b", other) for other in sources if other != source):
            found[source] = name[1]
    return found


def _capturing(module: cst.Module, name: str | None) -> cst.Module:
    """Put a cell's code into IPython's ``with capture_output() as NAME``, which is what the magic does."""
    if name is None or not module.body:
        return module
    opened = cst.ensure_type(
        cst.parse_statement(f"with capture_output() as {name}:\n    pass\n"), cst.With
    ).with_changes(body=cst.IndentedBlock(body=module.body), leading_lines=module.header)
    bring = cst.parse_statement("from IPython.utils.capture import capture_output")
    return module.with_changes(header=[], body=[bring, opened])


def _without_installs(text: str) -> tuple[str, tuple[str, ...]]:
    """Take the lines that install something, and our own magics, out of a cell; give what stood there."""
    kept: list[str] = []
    installs: list[str] = []
    continued = False
    for line in text.splitlines():
        found = _COMMAND.match(line)
        if continued:
            installs[-1] = f"{installs[-1].rstrip(chr(92))} {line.strip()}"
        elif found and is_install(found["command"]):
            installs.append(line.strip())
            if found["indent"]:
                kept.append(f"{found['indent']}pass")  # a block must not become empty
        elif not _OURS.match(line):
            kept.append(line)
            continue
        continued = bool(installs) and line.rstrip().endswith("\\")
    return "\n".join(kept), tuple(installs)


def _parsed(code: str) -> cst.Module | None:
    """Parse as both libcst and Python do, None where one of them cannot."""
    try:
        ast.parse(code)
        module = cst.parse_module(code)
    except (cst.ParserSyntaxError, SyntaxError, ValueError):
        return None
    return module.visit(_WithoutIgnores()) if "type:" in code else module


class _WithoutIgnores(cst.CSTTransformer):
    """Drops ``# type: ignore``: the package's types are its own, and mypy minds one that is not needed."""

    def leave_TrailingWhitespace(
        self, original_node: cst.TrailingWhitespace, updated_node: cst.TrailingWhitespace
    ) -> cst.TrailingWhitespace:
        comment = updated_node.comment
        if comment is None or not _IGNORE.search(comment.value):
            return updated_node
        left = _IGNORE.sub("", comment.value).strip()
        if left:
            return updated_node.with_changes(comment=cst.Comment(left))
        return updated_node.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))


def _wrong_line(code: str) -> int | None:
    try:
        ast.parse(code)
    except SyntaxError as error:
        return error.lineno
    except ValueError:
        return None
    return None


def _until_exit(
    cell: Cell, statements: tuple[Statement, ...]
) -> tuple[Cell, tuple[Statement, ...], list[Finding]]:
    """Cut the notebook where it ends itself: a run would end there too."""
    for place, statement in enumerate(statements):
        if _ends(statement):
            message = f"the notebook ends at `{statement.code.strip()}`: what follows is not run"
            finding = Finding(code="NB111", message=message, cell=cell.index, line=statement.line)
            lines = to_python(cell.index, cell.source)[0].splitlines()[: statement.line - 1]
            kept = cell.source if is_opened(cell.source) else "\n".join(lines)
            return replace(cell, source=kept), statements[:place], [finding]
    return cell, statements, []


def _ends(statement: Statement) -> bool:
    tree = ast.parse(statement.code).body[0]
    if isinstance(tree, ast.Raise) and tree.exc is not None:
        return ast.unparse(tree.exc).startswith("SystemExit")
    called = tree.value if isinstance(tree, ast.Expr) else None
    return isinstance(called, ast.Call) and ast.unparse(called.func) in _EXITS


def _is_main(node: Any) -> bool:
    """Whether a statement is ``if __name__ == "__main__":``, which is true in a kernel."""
    if not isinstance(node, cst.If) or not isinstance(node.body, cst.IndentedBlock):
        return False
    test = cst.Module(body=[]).code_for_node(node.test).strip("()").replace("'", '"')
    return test.replace(" ", "") in ('__name__=="__main__"', '"__main__"==__name__')


def _with_lines(module: cst.Module) -> Iterator[tuple[Any, str, int]]:
    """Give every statement with its text and its line; comments above the first one are its own."""
    row = 1 + len(module.header)
    for place, node in enumerate(module.body):
        text = module.code_for_node(node)
        line = row + len(node.leading_lines)
        row += text.count("\n")
        if place == 0 and any(above.comment is not None for above in module.header):
            first = node.with_changes(leading_lines=[*module.header, *node.leading_lines])
            yield first, module.code_for_node(first), line
        else:
            yield node, text, line


def _split(node: Any, text: str) -> Iterator[tuple[Any, str]]:
    """Give every ``a; b`` its own lines."""
    if not isinstance(node, cst.SimpleStatementLine) or ";" not in text:
        yield node, text
        return
    for place, small in enumerate(node.body):
        single = _without_semicolon(node if place == 0 else node.with_changes(leading_lines=()), small)
        yield single, cst.Module(body=[single]).code


def _without_semicolon(
    line: cst.SimpleStatementLine, small: cst.BaseSmallStatement
) -> cst.SimpleStatementLine:
    return line.with_changes(body=[small.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)])
