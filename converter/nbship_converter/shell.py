"""Shell lines: which ones only show something, and what the others are in Python.

IPython's own formatter decides what ``{name}`` and ``$name`` stand for; a line that names nothing the notebook
has bound goes to the shell as it is, as IPython does it.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterator
from typing import Any

import libcst as cst
from IPython.utils.text import DollarFormatter

__all__ = ["as_text", "is_install", "kept", "only_shows", "taken"]

_SHOWS = frozenset(
    """ls ll dir pwd cat head tail wc which whoami date df du free uname echo tree file grep lscpu hostname id env
    printenv history man clear ps top nproc stat md5sum sha256sum export alias less more sort uniq cut nvidia-smi
    nvcc lsb_release cd true type lspci lsblk locate printf sleep""".split()
)
_SHOWS_WITH = {
    "git": {"log", "status", "show", "diff", "branch", "rev-parse", "remote"},
    "python": {"-V", "--version"},
    "python3": {"-V", "--version"},
    "java": {"-version", "--version"},
    "conda": {"list", "info", "env"},
    "jupyter": {"--version", "kernelspec", "notebook"},
}
_QUIET = re.compile(r"\d?>>?\s*(/dev/null|&\d)")
_INSTALL = re.compile(
    r"^\s*(?:sudo\s+)?(?:(?:\S*python\S*\s+-m\s+)?(?:pip|conda|mamba|micromamba|uv)3?|apt|apt-get|brew|npm|poetry)\s"
)
_WILD = re.compile(r"[*?\[]")


def is_install(command: str) -> bool:
    """Whether a command installs something.

    >>> is_install("pip install -q shap"), is_install("python -m pip install x"), is_install("ls")
    (True, True, False)
    """
    return _INSTALL.match(f"{command} ") is not None


def only_shows(command: str) -> bool:
    """Whether nothing is left of a command once its output was seen.

    >>> only_shows("ls -l data | head"), only_shows("ls > files.txt"), only_shows("mkdir -p out")
    (True, False, False)
    """
    plain = _QUIET.sub("", command)
    if ">" in plain or "`" in plain or "$(" in plain:
        return False
    return all(_shows(part.split()) for part in re.split(r"&&|\|\||[;|&]", plain))


def _shows(words: list[str]) -> bool:
    if not words:
        return True
    known = _SHOWS_WITH.get(words[0])
    return words[0] in _SHOWS or bool(known and words[1:] and words[1] in known)


def kept(command: str, bound: Collection[str]) -> cst.BaseExpression:
    """Give the call that runs a command whose effects are wanted; as in a notebook, failing is no error."""
    code = cst.ensure_type(cst.parse_expression("subprocess.run(X, shell=True, check=False)"), cst.Call)
    return code.with_changes(args=[code.args[0].with_changes(value=as_text(command, bound)), *code.args[1:]])


def taken(command: str, bound: Collection[str]) -> tuple[cst.BaseExpression, str]:
    """Give the expression for ``lines = !command``, a list of str, and the import it needs."""
    words = command.split()
    plain = [word for word in words[1:] if word != "-1"]
    if words and words[0] == "ls" and len(plain) < 2 and not re.search(r"[-|<>;&$'\"`\\]", " ".join(plain)):  # noqa: PLR2004  # one pattern or none
        pattern = plain[0] if plain else "*"
        if _WILD.search(pattern):
            return _call("sorted(iglob(X))", as_text(pattern, bound)), "from glob import iglob"
        listed = "sorted(name for name in os.listdir(X) if not name.startswith('.'))"
        return _call(listed, as_text(pattern, bound)), "import os"
    return _call("subprocess.getoutput(X).splitlines()", as_text(command, bound)), "import subprocess"


def _call(code: str, value: cst.BaseExpression) -> cst.Call:
    class Fill(cst.CSTTransformer):
        def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
            return value if original_node.value == "X" else updated_node

    filled: Any = cst.parse_expression(code).visit(Fill())
    return cst.ensure_type(filled, cst.Call)


def as_text(command: str, bound: Collection[str]) -> cst.BaseExpression:
    """Give a command as a string literal, as an f-string where it names variables of the notebook."""
    try:
        parts = list(DollarFormatter().parse(command))
        names = {name for _, field, _, _ in parts if field for name in _names(field)}
    except (ValueError, SyntaxError):
        return literal(command)
    if not names or not names <= {*bound, *dir(builtins)}:
        return literal(command)
    text = "".join(_pieces(parts))
    for quote in ('"', "'", '"""', "'''"):
        try:
            return cst.parse_expression(f"f{quote}{text}{quote}")
        except cst.ParserSyntaxError:
            continue
    return literal(command)


def _names(field: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(field.strip(), mode="eval")):
        if isinstance(node, ast.Name):
            yield node.id


def _pieces(parts: list[Any]) -> Iterator[str]:
    for text, field, spec, conversion in parts:
        escaped = str(text).replace("\\", "\\\\").replace("{", "{{").replace("}", "}}").replace("\n", "\\n")
        yield escaped.replace('"', '\\"')
        if field:
            yield (
                "{"
                + field.strip()
                + (f"!{conversion}" if conversion else "")
                + (f":{spec}" if spec else "")
                + "}"
            )


def literal(text: str) -> cst.BaseExpression:
    """Give a string literal; one of several lines keeps its lines.

    >>> cst.Module(body=[]).code_for_node(literal("a"))
    '"a"'
    """
    if "\n" in text and '"""' not in text and "\\" not in text and not text.endswith('"'):
        return cst.SimpleString(f'"""{text}"""')
    double = '"' + repr("'" + text)[2:-1].replace('"', '\\"') + '"'
    return cst.SimpleString(double if ast.literal_eval(double) == text else repr(text))
