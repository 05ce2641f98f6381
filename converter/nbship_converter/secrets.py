"""Keys and passwords in a notebook's code: they move to the environment, and travel no further.

A string is taken for one by its looks (the access keys that services give out, a password in a URL) or by the name
it is given (``password``, ``api_key``, ``token`` ...) where it could be one. The clean run is the real notebook; the
package reads the environment, and the proof hands it the values in memory.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import libcst as cst

from nbship.errors import InputError
from nbship_converter.findings import Finding
from nbship_converter.ir import Notebook, Statement
from nbship_converter.uses import use_of

__all__ = ["KEY", "Lifted", "lift_secrets", "redacted"]

#: Access keys of OpenAI and others, AWS, GitHub, Hugging Face, Slack and Google.
KEY = re.compile(
    r"""(sk-[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,}"""
    r"""|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35})"""
)
_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/:@]*:(?P<secret>[^\s/@{}]+)@")
_AFTER_USER = re.compile(r"^:(?P<secret>[^\s/@:]+)@")
_PASSWORDS = re.compile(r"(^|_)(password|passwd|pwd|passphrase)$", re.IGNORECASE)
_KEYS = re.compile(
    r"(^|_)(api_?key|access_?key(_id)?|secret(_?key)?|auth_?token|api_?token|token|private_?key|client_?secret"
    r"|authorization)$",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"your|xxx|\*\*\*|\.\.\.|<.*>|\[.*\]|example|changeme|insert|todo|redacted", re.IGNORECASE
)
#: Bits a character: a word of a language has less, a key made by chance more.
_LEAST_ENTROPY = 3.0
_LEAST_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """A notebook without its secrets, the values by the environment variable that replaces them."""

    notebook: Notebook
    values: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def lift_secrets(notebook: Notebook) -> Lifted:
    """Give the notebook with every secret read from the environment instead.

    Raises InputError, which names cell and line but never the secret, where one stands in no expression.
    """
    names = _Names()
    findings: list[Finding] = []
    hidden: set[str] = set()
    cells = []
    for cell in notebook.cells:
        kept: list[Statement] = []
        for statement in cell.statements:
            visitor = _Lifter(names)
            node: Any = statement.node.visit(visitor) if _worth_a_look(statement.code) else statement.node
            if visitor.lifted:
                kept.append(_import_os(statement))
                hidden |= _bound_to(statement, visitor.whole)
                findings += [_finding(name, statement) for name in dict.fromkeys(visitor.lifted)]
                code = cst.Module(body=[node]).code
                statement = replace(statement, node=node, code=code, use=use_of(code))  # noqa: PLW2901  # the same without its secret
            _refuse_rest(notebook, statement)
            if not _sets_itself(statement.code):
                kept.append(statement)
        prose = redacted(cell.prose, names.values.values())
        cells.append(replace(cell, statements=tuple(kept), prose=prose))
    changed = replace(notebook, cells=tuple(cells), hidden=frozenset(hidden))
    return Lifted(notebook=changed, values=names.values, findings=tuple(findings))


def redacted(text: str, values: Iterable[str]) -> str:
    """Give a text without the secrets and without anything that looks like a key."""
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "REDACTED")
    return KEY.sub("REDACTED", text)


def _sets_itself(code: str) -> bool:
    """Whether a variable of the environment is only set to its own value."""
    target, _, value = code.strip().replace("'", '"').partition(" = ")
    return target == value and target.startswith("os.environ[")


def _worth_a_look(code: str) -> bool:
    return ("'" in code or '"' in code) and (
        KEY.search(code) is not None
        or "://" in code
        or re.search(r"(?i)pass|pwd|key|secret|token|auth", code) is not None
    )


def _finding(name: str, statement: Statement) -> Finding:
    message = f"a secret in the code is read from the environment: {name}"
    return Finding(code="NB108", message=message, cell=statement.cell, line=statement.line)


def _import_os(like: Statement) -> Statement:
    node = cst.ensure_type(cst.parse_statement("import os"), cst.SimpleStatementLine)
    return replace(like, node=node, code="import os\n", use=use_of("import os"))


def _bound_to(statement: Statement, whole: bool) -> set[str]:
    """Names that hold nothing but a secret: they are no results."""
    return set(statement.use.binds) if whole else set()


def _refuse_rest(notebook: Notebook, statement: Statement) -> None:
    if KEY.search(statement.code):
        raise InputError(
            "an access key stands in the code, and would be written into the package",
            where=f"{notebook.name}, cell {statement.cell}, line {statement.line}",
            help='Read it from the environment instead: os.environ["NAME"].',
        )


class _Names:
    """One environment variable for each secret."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def of(self, value: str, wanted: str) -> str:
        """Give the variable for a value: its own where it has one, else a new one."""
        for name, known in self.values.items():
            if known == value:
                return name
        base = re.sub(r"\W+", "_", wanted).strip("_").upper() or "ACCESS_KEY"
        name = base
        number = 2
        while name in self.values:
            name, number = f"{base}_{number}", number + 1
        self.values[name] = value
        return name


class _Lifter(cst.CSTTransformer):
    """Replaces the secrets of one statement."""

    def __init__(self, names: _Names) -> None:
        super().__init__()
        self.names = names
        self.given: dict[int, str] = {}
        self.defaults: set[int] = set()
        self.lifted: list[str] = []
        self.whole = False

    def _give(self, value: cst.BaseExpression | None, name: str) -> None:
        if isinstance(value, (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString)) and name:
            self.given.setdefault(id(value), name)
            if isinstance(value, cst.FormattedString):
                for part in value.parts:
                    self.given.setdefault(id(part), name)

    def visit_Assign(self, node: cst.Assign) -> None:
        name = _name_of(node.targets[0].target)
        self._give(node.value, name)
        self.whole = isinstance(node.value, cst.SimpleString) and isinstance(node.targets[0].target, cst.Name)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._give(node.value, _name_of(node.target))
        self.whole = isinstance(node.value, cst.SimpleString)

    def visit_Arg(self, node: cst.Arg) -> None:
        self._give(node.value, node.keyword.value if node.keyword else "")

    def visit_Param(self, node: cst.Param) -> None:
        self._give(node.default, node.name.value)
        self.defaults.add(id(node.default))

    def visit_DictElement(self, node: cst.DictElement) -> None:
        if isinstance(node.key, cst.SimpleString):
            self._give(node.value, str(node.key.evaluated_value))

    def visit_Comparison(self, node: cst.Comparison) -> None:
        for target in node.comparisons:
            self._give(target.comparator, _name_of(node.left))

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        text = original_node.evaluated_value
        name = self.given.get(id(original_node), "")
        if not isinstance(text, str) or "\n" in original_node.value:
            return updated_node
        found = _secret_in(text, name)
        if found is None:
            return updated_node
        start, end = found
        variable = self._variable(text, found, name)
        if id(original_node) in self.defaults:  # evaluated on import, where nothing may be missing
            return cst.parse_expression(f'os.environ.get("{variable}", "")')
        if (start, end) == (0, len(text)):
            return cst.parse_expression(f'os.environ["{variable}"]')
        self.whole = False
        return cst.parse_expression(
            f"f\"{_escaped(text[:start])}{{os.environ['{variable}']}}{_escaped(text[end:])}\""
        )

    def _variable(self, text: str, found: tuple[int, int], name: str) -> str:
        """Give the environment variable for the secret that stands at ``found`` in a text."""
        in_url = text[found[1] : found[1] + 1] == "@"
        wanted = f"{name or 'database'}_password" if in_url else name or "access_key"
        variable = self.names.of(text[found[0] : found[1]], wanted)
        self.lifted.append(variable)
        return variable

    def leave_FormattedStringText(
        self, original_node: cst.FormattedStringText, updated_node: cst.FormattedStringText
    ) -> Any:
        text = original_node.value
        after_user = _AFTER_USER.match(text)
        found = after_user.span("secret") if after_user else _secret_in(text, "")
        if found is None:
            return updated_node
        start, end = found
        variable = self._variable(text, found, self.given.get(id(original_node), ""))
        inside = cst.FormattedStringExpression(cst.parse_expression(f"os.environ['{variable}']"))
        before, after = original_node.value[:start], original_node.value[end:]
        parts = [cst.FormattedStringText(before), inside, cst.FormattedStringText(after)]
        return cst.FlattenSentinel(parts)


def _name_of(target: cst.BaseExpression) -> str:
    """Give the words under which a value is known: a name, an attribute with its owner, a key."""
    if isinstance(target, cst.Name):
        return target.value
    if isinstance(target, cst.Attribute):
        return f"{_name_of(target.value)}_{target.attr.value}"
    if isinstance(target, cst.Subscript) and isinstance(target.slice[0].slice, cst.Index):
        key = target.slice[0].slice.value
        return str(key.evaluated_value) if isinstance(key, cst.SimpleString) else ""
    return ""


def _secret_in(text: str, name: str) -> tuple[int, int] | None:
    """Give where in a text a secret stands; ``name`` is what the text is given to."""
    found = KEY.search(text)
    if found is not None:
        return found.span()
    found = _IN_URL.search(text)
    if found is not None and not _PLACEHOLDER.search(found["secret"]):
        return found.span("secret")
    return (0, len(text)) if _is_secret(text, name) else None


def _is_secret(text: str, name: str) -> bool:
    if not text or _PLACEHOLDER.search(text) or text.lower() == name.lower():
        return False
    if _PASSWORDS.search(name):
        return not re.search(r"\s", text) and len(text) > 3  # noqa: PLR2004  # shorter ones are no passwords
    return _KEYS.search(name) is not None and _looks_drawn(text)


def _looks_drawn(text: str) -> bool:
    """Whether a text looks drawn by chance: long, of digits and letters, and hardly a character twice."""
    if len(text) < _LEAST_LENGTH or re.search(r"\s", text) or not re.search(r"\d", text):
        return False
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) >= _LEAST_ENTROPY


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return plain.replace("{", "{{").replace("}", "}}")
