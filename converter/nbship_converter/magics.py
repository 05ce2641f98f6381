"""Magics get their proper Python, or go.

IPython's own transformer decides what is a magic, so nothing is guessed from a line's looks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import libcst as cst

from nbship_converter.findings import Finding

__all__ = ["Outcome", "to_python", "translate"]

#: Magics that only concern the notebook's front end.
_FRONT_END = {
    "matplotlib", "load_ext", "reload_ext", "unload_ext", "config", "autoreload", "pinfo", "pinfo2", "psource",
    "who", "whos", "who_ls", "history", "magic", "lsmagic", "precision", "xmode", "colors", "pdb", "timeit",
    "prun", "mprun", "memit", "lprun", "ship", "watermark", "notebook", "gui", "automagic", "pprint",
}  # fmt: skip


#: What a cell must hold for IPython to see anything in it but Python: escapes, prompts, an indented beginning.
_MAY_BE_MAGIC = re.compile(r"[%!?]|^\s*[,;/]|^\s*(?:>>>|\.\.\.|In \[)|\A\s", re.MULTILINE)


def to_python(index: int, source: str) -> tuple[str, list[Finding]]:
    """Let IPython turn magics into calls; cell magics are opened or left out."""
    body = source.lstrip("\n")
    if not body.lstrip().startswith("%%"):
        return _transformed(source), []
    first, _, rest = body.lstrip().partition("\n")
    magic = first[2:].split()[0] if len(first) > 2 else ""  # noqa: PLR2004  # the two percent signs
    if magic in ("time", "capture", "prun"):
        code, findings = to_python(index, rest)
        return code, [*findings, Finding(code="NB102", message=f"left out `{first}`", cell=index, line=1)]
    if magic == "timeit":
        return "", [
            Finding(code="NB102", message="left out a `%%timeit` cell: it binds nothing", cell=index, line=1)
        ]
    return "", [
        Finding(code="NB105", message=f"left out a cell of another language (`{first}`)", cell=index, line=1)
    ]


def _transformed(source: str) -> str:
    if not _MAY_BE_MAGIC.search(source):
        return source if source.endswith("\n") else f"{source}\n"
    from IPython.core.inputtransformer2 import TransformerManager  # imports all of IPython

    make_transformer: Any = TransformerManager
    code: str = make_transformer().transform_cell(source)
    return code


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a statement: statements with their text, and what there is to tell."""

    statements: tuple[tuple[Any, str], ...]
    findings: tuple[Finding, ...] = ()


def translate(index: int, line: int, node: Any, text: str) -> Outcome:
    """Give a magic line its Python; any other statement stays as it is."""
    if "get_ipython()" not in text:
        return Outcome(((node, text),))
    call = _magic_call(text)
    if call is None:
        if not isinstance(node, cst.SimpleStatementLine):
            return _inside(index, line, node)
        return Outcome(
            (), (Finding(code="NB103", message=f"left out `{text.strip()}`", cell=index, line=line),)
        )
    method, name, argument = call
    if method == "run_line_magic" and name == "time" and argument:
        return Outcome(_with_text(cst.parse_module(argument + "\n").body))
    shown = f"%{name} {argument}".strip() if method == "run_line_magic" else f"!{name}"
    if method == "run_line_magic" and name in _FRONT_END:
        return Outcome((), (Finding(code="NB102", message=f"left out `{shown}`", cell=index, line=line),))
    return Outcome((), (Finding(code="NB103", message=f"left out `{shown}`", cell=index, line=line),))


def _inside(index: int, line: int, node: Any) -> Outcome:
    """Take the magic lines out of a compound statement."""
    changed = node.visit(_MagicLines())
    return Outcome(
        _with_text([changed]),
        (Finding(code="NB103", message="left out magics inside a block", cell=index, line=line),),
    )


def _with_text(nodes: Iterable[Any]) -> tuple[tuple[Any, str], ...]:
    return tuple((node, cst.Module(body=[node]).code) for node in nodes)


class _MagicLines(cst.CSTTransformer):
    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        if "get_ipython()" in cst.Module(body=[original_node]).code:
            return updated_node.with_changes(body=[cst.Pass()])
        return updated_node


def _magic_call(text: str) -> tuple[str, str, str] | None:
    """Give (method, name, argument) of ``get_ipython().METHOD(...)`` that stands alone, else None."""
    body = ast.parse(text).body
    if len(body) != 1 or not isinstance(body[0], ast.Expr) or not isinstance(body[0].value, ast.Call):
        return None
    call = body[0].value
    if not (isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "get_ipython()"):
        return None
    words = [word.value for word in call.args if isinstance(word, ast.Constant)]
    return call.func.attr, str(words[0]) if words else "", str(words[1]) if len(words) > 1 else ""
