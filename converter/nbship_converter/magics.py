"""Magics get their proper Python, or go.

IPython's own transformer decides what is a magic, so nothing is guessed from a line's looks. What it leaves
behind, ``get_ipython().METHOD(...)``, is replaced wherever it stands: alone, in a block, in an expression.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import libcst as cst

from nbship_converter import shell
from nbship_converter.findings import Finding
from nbship_converter.syntax import FilledBlocks

__all__ = ["Outcome", "is_opened", "to_python", "translate"]

#: Magics that only concern the notebook's front end.
_FRONT_END = {
    "matplotlib", "load_ext", "reload_ext", "unload_ext", "config", "autoreload", "pinfo", "pinfo2", "psource",
    "who", "whos", "who_ls", "history", "magic", "lsmagic", "precision", "xmode", "colors", "pdb", "timeit",
    "prun", "mprun", "memit", "lprun", "ship", "watermark", "notebook", "gui", "automagic", "pprint", "pdoc",
    "pdef", "psearch", "pfile", "alias", "doctest_mode", "logstart", "logstop", "debug", "tb", "config_completer",
    "html", "javascript", "js", "svg", "latex", "markdown", "tensorboard", "aimport", "bookmark", "pycat",
    "less", "more", "quickref", "time", "black", "nb_black", "rehashx",
}  # fmt: skip
#: Cell magics around Python code: the code stays.
_AROUND = frozenset(
    {"time", "capture", "prun", "memit", "mprun", "heat", "notify", "snakeviz", "scalene", "wandb"}
)
#: Shell commands that IPython offers as magics of their own.
_ALIASES = frozenset("ls cat cp mv rm mkdir rmdir ll lf lk ldir lx man touch wget unzip tar".split())
_SHELLS = {"bash": "bash", "sh": "sh", "shell": "sh", "script bash": "bash", "script sh": "sh"}
#: What a cell must hold for IPython to see anything in it but Python: escapes, prompts, an indented beginning.
_MAY_BE_MAGIC = re.compile(r"[%!?]|^\s*[,;/]|^\s*(?:>>>|\.\.\.|In \[)|\A\s", re.MULTILINE)


def _transformed(source: str) -> str:
    if not _MAY_BE_MAGIC.search(source):
        return source if source.endswith("\n") else f"{source}\n"
    from IPython.core.inputtransformer2 import TransformerManager  # imports all of IPython

    make_transformer: Any = TransformerManager
    code: str = make_transformer().transform_cell(source)
    return code


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a statement: statements with their text, what there is to tell, files it leaves."""

    statements: tuple[tuple[Any, str], ...]
    findings: tuple[Finding, ...] = ()
    modules: tuple[tuple[str, str], ...] = ()


def is_opened(source: str) -> bool:
    """Whether a cell begins with a magic around Python code, as ``%%time`` is."""
    words = source.lstrip().split("\n", 1)[0].split()
    return bool(words) and words[0].startswith("%%") and words[0][2:] in _AROUND


def to_python(index: int, source: str) -> tuple[str, list[Finding]]:
    """Let IPython turn magics into calls; what stands around Python code is taken away."""
    if is_opened(source):
        first, _, rest = source.lstrip().partition("\n")
        code, findings = to_python(index, rest)
        return code, [*findings, Finding(code="NB102", message=f"left out `{first}`", cell=index, line=1)]
    return _transformed(source.lstrip("\n")), []


def translate(index: int, line: int, node: Any, text: str, bound: Collection[str] = ()) -> Outcome:
    """Give the magics of a statement their Python; ``bound`` are the names that shell lines may mention."""
    if "get_ipython()" not in text:
        return Outcome(((node, text),))
    visitor = _Translator(index, line, {*bound, *_bound_in(text)})
    changed = cst.Module(body=[node]).visit(visitor)
    if visitor.lost:
        finding = Finding(code="NB103", message=f"left out `{visitor.lost}`", cell=index, line=line)
        return Outcome((), (*visitor.findings, finding))
    imports = [cst.parse_statement(each) for each in sorted(visitor.imports)]
    return Outcome(
        _with_text([*imports, *changed.body]), tuple(visitor.findings), tuple(visitor.modules.items())
    )


def _bound_in(text: str) -> set[str]:
    tree = ast.walk(ast.parse(text))
    return {
        node.id if isinstance(node, ast.Name) else node.arg
        for node in tree
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }


def _with_text(nodes: Iterable[Any]) -> tuple[tuple[Any, str], ...]:
    return tuple((node, cst.Module(body=[node]).code) for node in nodes)


@dataclass(slots=True)
class _Magic:
    """``get_ipython().METHOD(name, argument, body)``."""

    method: str
    name: str
    argument: str = ""
    body: str = ""

    @property
    def shown(self) -> str:
        """The line as the user wrote it."""
        if self.method in ("system", "getoutput"):
            return f"!{self.name}"
        sign = "%%" if self.method == "run_cell_magic" else "%"
        return f"{sign}{self.name} {self.argument}".strip()


def _magic(node: cst.CSTNode) -> _Magic | None:
    """Give the magic that a call stands for, if it is one."""
    if not (isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)):
        return None
    if cst.Module(body=[]).code_for_node(node.func.value) != "get_ipython()":
        return None
    words = [ast.literal_eval(a.value.value) for a in node.args if isinstance(a.value, cst.SimpleString)]
    return _Magic(node.func.attr.value, *(str(word) for word in words[:3])) if words else None


class _Translator(FilledBlocks):
    """Replaces the magics of one statement; ``lost`` is one that has no value in Python."""

    def __init__(self, cell: int, line: int, bound: Collection[str]) -> None:
        super().__init__()
        self.cell = cell
        self.line = line
        self.bound = bound
        self.findings: list[Finding] = []
        self.imports: set[str] = set()
        self.modules: dict[str, str] = {}
        self.lost = ""
        self.alone: set[int] = set()

    def tell(self, code: str, message: str) -> None:
        self.findings.append(Finding(code=code, message=message, cell=self.cell, line=self.line))

    def visit_Expr(self, node: cst.Expr) -> None:
        if _magic(node.value) is not None:
            self.alone.add(id(node.value))

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        only = original_node.body[0] if len(original_node.body) == 1 else None
        magic = _magic(only.value) if isinstance(only, cst.Expr) else None
        if magic is None:
            return updated_node
        made = self._alone(magic)
        if not made:
            return cst.RemoveFromParent()
        made[0] = made[0].with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel(made)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        magic = None if id(original_node) in self.alone else _magic(original_node)
        if magic is None:
            return updated_node
        value = self._value(magic)
        if value is None:  # a value that cannot be had takes its statement along
            self.lost = magic.shown
        return value or updated_node

    # a magic that stands alone

    def _alone(self, magic: _Magic) -> list[Any]:  # noqa: PLR0911  # one line for each kind of magic
        if magic.method == "run_cell_magic":
            return self._cell_magic(magic)
        if magic.method in ("system", "getoutput"):
            return self._command(magic.name)
        name, argument = magic.name, magic.argument
        if name in ("sx", "system", "sc"):
            return self._command(argument)
        if name in _ALIASES:
            return self._command(f"{name} {argument}")
        if name == "time" and argument:
            return self._timed(argument)
        if name == "cd" and argument and argument not in ("-", "~"):
            self.imports.add("import os")
            return [_line(_called("os.chdir", shell.as_text(argument.strip("'\""), self.bound)))]
        if name == "pylab":
            lines = ("import numpy as np", "import matplotlib.pyplot as plt", "from pylab import *")
            return [cst.parse_statement(line) for line in lines]
        if name in ("env", "set_env") and argument:
            return self._environment(argument)
        return self._left_out(magic)

    def _timed(self, code: str) -> list[Any]:
        try:
            return list(cst.parse_module(f"{code}\n").body)
        except cst.ParserSyntaxError:
            self.tell("NB101", f"left out `%time {code}`: it is not valid Python")
            return []

    def _left_out(self, magic: _Magic) -> list[Any]:
        if magic.name == "store" and "-r" in magic.argument.split():
            self.tell("NB115", f"left out `{magic.shown}`: what it keeps is not in the notebook")
        elif magic.name in _FRONT_END or magic.name in ("pwd", "env", "pip", "conda", "mamba", "uv", "store"):
            self.tell("NB102", f"left out `{magic.shown}`")
        else:
            self.tell("NB103", f"left out `{magic.shown}`")
        return []

    def _command(self, command: str) -> list[Any]:
        if shell.is_install(command):
            self.tell("NB104", f"left out `!{command.strip()}`")
            return []
        if shell.only_shows(command):
            self.tell("NB106", f"left out `!{command.strip()}`: it only shows something")
            return []
        self.tell("NB107", f"`!{command.strip()}` is run by the shell in the folder for outputs")
        self.imports.add("import subprocess")
        return [_line(shell.kept(command, self.bound))]

    def _environment(self, argument: str) -> list[Any]:
        name, sign, value = argument.partition("=" if "=" in argument else " ")
        if not sign:
            self.tell("NB102", f"left out `%env {argument}`")
            return []
        self.imports.add("import os")
        given = shell.as_text(value.strip(), self.bound)
        return [cst.parse_statement(f'os.environ["{name.strip()}"] = X').visit(_Fill({"X": given}))]

    def _cell_magic(self, magic: _Magic) -> list[Any]:
        kind = f"{magic.name} {magic.argument}".strip()
        if kind in _SHELLS:
            return self._script(_SHELLS[kind], magic.body)
        if magic.name in ("writefile", "file"):
            return self._file(magic)
        if magic.name in _FRONT_END:
            self.tell("NB102", f"left out a cell that only concerns the notebook (`{magic.shown}`)")
        else:
            self.tell("NB105", f"left out a cell of another language (`{magic.shown}`)")
        return []

    def _script(self, program: str, body: str) -> list[Any]:
        lines = [line for line in body.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if all(shell.is_install(line) or shell.only_shows(line) for line in lines):
            self.tell("NB106", f"left out a `%%{program}` cell: it only shows or installs something")
            return []
        self.tell("NB107", f"a `%%{program}` cell is run in the folder for outputs")
        self.imports.add("import subprocess")
        call = cst.parse_statement(f'subprocess.run(["{program}", "-c", X], check=True)')
        return [call.visit(_Fill({"X": shell.literal(body)}))]

    def _file(self, magic: _Magic) -> list[Any]:
        words = magic.argument.split()
        name = words[-1].strip("'\"") if words else ""
        append = "-a" in words or "--append" in words
        if name.endswith(".py"):
            self.tell("NB113", f"`{name}` becomes a module of the package")
            self.modules[name] = magic.body
            return []
        mode = "a" if append else "w"
        block = cst.parse_statement(
            f'with open(X, "{mode}", encoding="utf-8") as _file:\n    _file.write(Y)\n'
        )
        values = {"X": shell.as_text(name, self.bound), "Y": shell.literal(magic.body)}
        return [block.visit(_Fill(values))]

    # a magic with a value

    def _value(self, magic: _Magic) -> cst.BaseExpression | None:
        command = magic.name if magic.method == "getoutput" else magic.argument
        if magic.method == "getoutput" or (
            magic.method == "run_line_magic" and magic.name in ("sx", "system")
        ):
            value, needed = shell.taken(command, self.bound)
            self.imports.add(needed)
            return value
        if magic.method == "run_line_magic" and magic.name == "time":
            return cst.parse_expression(magic.argument)
        if magic.method == "run_line_magic" and magic.name in ("pwd", "env"):
            self.imports.add("import os")
            name = magic.argument.strip()
            return cst.parse_expression("os.getcwd()" if magic.name == "pwd" else f'os.environ["{name}"]')
        return None


class _Fill(cst.CSTTransformer):
    def __init__(self, values: dict[str, cst.BaseExpression]) -> None:
        super().__init__()
        self.values = values

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self.values.get(original_node.value, updated_node)


def _line(expression: cst.BaseExpression) -> cst.SimpleStatementLine:
    return cst.SimpleStatementLine([cst.Expr(expression)])


def _called(function: str, argument: cst.BaseExpression) -> cst.Call:
    return cst.Call(cst.parse_expression(function), [cst.Arg(argument)])
