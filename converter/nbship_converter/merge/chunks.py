"""A file -> the pieces that are merged one by one: definitions of a module, members of a class, requirements.

Pieces are slices of the text: put together again they are the file, byte for byte.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = [
    "IMPORTS",
    "Chunk",
    "essence",
    "members_of",
    "module_chunks",
    "parsed",
    "parts_of",
    "requirement_chunks",
    "text_of",
]

#: Keys of pieces that have no name of their own; no name in Python looks like them.
IMPORTS, DOCSTRING, END, HEAD = "<imports>", "<docstring>", "<end>", "<head>"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*")
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a file: the name it is known by, and its text with the blank lines and comments above it."""

    key: str
    text: str


def text_of(chunks: Iterable[Chunk]) -> str:
    r"""Put pieces together; each but the last ends its line.

    >>> text_of([Chunk(key="a", text="a = 1"), Chunk(key="b", text="b = 2")])
    'a = 1\nb = 2'
    """
    texts = [chunk.text for chunk in chunks if chunk.text]
    return "".join(text if text.endswith(("\n", "\r")) else f"{text}\n" for text in texts[:-1]) + "".join(
        texts[-1:]
    )


def module_chunks(text: str) -> list[Chunk] | None:
    """Split a module into its docstring, its imports and its definitions; None if it is not valid Python."""
    tree = parsed(text)
    if tree is None:
        return None
    return _split(tree.body, _LINE.findall(text), 0)


def members_of(text: str) -> list[Chunk] | None:
    """Split the text of one class into its head and its members; None where there is nothing to split."""
    node = _only(text, ast.ClassDef)
    if node is None:
        return None
    start = _first_line(node.body[0]) - 1
    lines = _LINE.findall(text)
    return [Chunk(key=HEAD, text="".join(lines[:start])), *_split(node.body, lines, start)]


def parts_of(text: str) -> list[Chunk] | None:
    """Split the text of one function into its head, its docstring and its body; None if it is none."""
    node = _only(text, ast.FunctionDef, ast.AsyncFunctionDef)
    if node is None:
        return None
    lines = _LINE.findall(text)
    start = _first_line(node.body[0]) - 1
    body = start if _key(node.body[0], 0) != DOCSTRING else node.body[0].end_lineno or start
    slices = ((HEAD, lines[:start]), (DOCSTRING, lines[start:body]), (END, lines[body:]))
    return [Chunk(key=key, text="".join(part)) for key, part in slices]


def _only(text: str, *kinds: type[Definition]) -> Definition | None:
    """Give the one definition that a text is, if it is of these kinds and its body has lines of its own."""
    tree = parsed(text)
    node = tree.body[0] if tree is not None and len(tree.body) == 1 else None
    if not isinstance(node, kinds) or _first_line(node.body[0]) <= node.lineno:
        return None
    return node


def requirement_chunks(text: str) -> list[Chunk]:
    """Split a requirements file by what is required, each with its hashes and the comments above it."""
    chunks: list[Chunk] = []
    pending: list[str] = []
    for line in _LINE.findall(text):
        pending.append(line)
        name = _REQUIREMENT.match(pending[-1]) if not _goes_on(pending[:-1]) else None
        key = re.sub(r"[-_.]+", "-", name[0]).lower() if name else ""
        if key:
            chunks.append(Chunk(key=key, text="".join(pending)))
            pending = []
        elif chunks and line.startswith((" ", "\t")) and len(pending) == 1:
            chunks[-1] = Chunk(key=chunks[-1].key, text=chunks[-1].text + line)
            pending = []
    return _numbered([*chunks, *([Chunk(key=END, text="".join(pending))] if pending else [])])


def _goes_on(lines: Sequence[str]) -> bool:
    return bool(lines) and lines[-1].rstrip().endswith("\\")


@lru_cache(maxsize=4096)
def essence(text: str) -> tuple[str, ...] | None:
    r"""Give what formatting does not change: the tree and the comments; None if it is not valid Python.

    >>> essence("x = f( 'a',b )  # why") == essence('x = f(\n    "a",\n    b,\n)  # why\n')
    True
    """
    tree = parsed(text)
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                first.value.value = " ".join(first.value.value.split())
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    return (
        ast.dump(tree),
        *(token.string.lstrip("# ").rstrip() for token in tokens if token.type == tokenize.COMMENT),
    )


def parsed(text: str) -> ast.Module | None:
    """Give the tree of a text, None if it is not valid Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _split(body: Sequence[ast.stmt], lines: Sequence[str], start: int) -> list[Chunk]:
    """Slice the lines from ``start`` by the statements that stand there."""
    chunks: list[Chunk] = []
    after = ""
    imports_at: int | None = None
    for place, node in enumerate(body):
        end = _last_line(node, lines)
        if end <= start:  # it shares its line with the one before
            continue
        text, start = "".join(lines[start:end]), end
        key = _key(node, place)
        if isinstance(node, (ast.Import, ast.ImportFrom)) and imports_at in (None, len(chunks) - 1):
            if imports_at is not None:
                chunks[-1] = Chunk(key=IMPORTS, text=chunks[-1].text + text)
                continue
            imports_at, key = len(chunks), IMPORTS
        if not key and chunks and chunks[-1].key == after:
            chunks[-1] = Chunk(key=after, text=chunks[-1].text + text)
            continue
        after = after if not key else f"<after {key}>"
        chunks.append(Chunk(key=key or after or "<first>", text=text))
    if start < len(lines):
        chunks.append(Chunk(key=END, text="".join(lines[start:])))
    return _numbered(chunks)


def _key(node: ast.stmt, place: int) -> str:
    """Give the name that a statement is known by, "" if it has none."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if place == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return DOCSTRING
    return ""


def _numbered(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Tell pieces of one name apart (overloads, setters) by their order."""
    seen: Counter[str] = Counter()
    found = []
    for chunk in chunks:
        seen[chunk.key] += 1
        key = chunk.key if seen[chunk.key] == 1 else f"{chunk.key}#{seen[chunk.key]}"
        found.append(Chunk(key=key, text=chunk.text))
    return found


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _last_line(node: ast.stmt, lines: Sequence[str]) -> int:
    """Give the last line of a statement; comments that are indented deeper than it belong to it."""
    end = node.end_lineno or node.lineno
    if not hasattr(node, "body"):
        return end
    for number in range(end, len(lines)):
        line = lines[number]
        if line.strip() and not line.lstrip().startswith("#"):
            break
        if line.strip() and len(line) - len(line.lstrip()) <= node.col_offset:
            break
        if line.strip():
            end = number + 1
    return end
