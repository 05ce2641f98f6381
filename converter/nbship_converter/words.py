"""The words of a shell command that name the notebook's files are put where the package keeps them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from fnmatch import fnmatch

import libcst as cst

from nbship_converter.ir import CONFIG

__all__ = ["placed_words"]

_WORD = re.compile(r"[^\s'\"<>|;&()]+")
_HOLE = re.compile("\0(\\d+)\0")


def placed_words(call: cst.Call, reads: Collection[str], folder: str) -> cst.Call:
    """Give the call with each word of its command that names one of ``reads`` below the data folder."""
    place = _command_place(call)
    if place is None or not reads:
        return call
    value = (
        call.args[0].value
        if place < 0
        else cst.ensure_type(call.args[0].value, cst.List).elements[place].value
    )
    pattern, holes = _with_holes(value)
    words = [found for found in _WORD.finditer(pattern) if _names(found[0], reads, folder)]
    if not words:
        return call
    code = "f" + _quoted(_filled(pattern, words, holes))
    new = cst.parse_expression(code)
    if place < 0:
        return call.with_changes(args=[call.args[0].with_changes(value=new), *call.args[1:]])
    listed = cst.ensure_type(call.args[0].value, cst.List)
    elements = [e.with_changes(value=new) if i == place else e for i, e in enumerate(listed.elements)]
    changed = call.args[0].with_changes(value=listed.with_changes(elements=elements))
    return call.with_changes(args=[changed, *call.args[1:]])


def _command_place(call: cst.Call) -> int | None:
    """Where the command stands: -1 for the first argument itself, a place in it where that is a list."""
    first = call.args[0].value if call.args else None
    if isinstance(first, (cst.SimpleString, cst.FormattedString)):
        return -1
    if isinstance(first, cst.List) and len(first.elements) == 3:  # noqa: PLR2004  # bash -c TEXT
        last = first.elements[2].value
        return 2 if isinstance(last, (cst.SimpleString, cst.FormattedString)) else None
    return None


def _with_holes(value: cst.BaseExpression) -> tuple[str, list[str]]:
    if isinstance(value, cst.SimpleString):
        return str(value.evaluated_value), []
    text = ""
    holes: list[str] = []
    for part in cst.ensure_type(value, cst.FormattedString).parts:
        if isinstance(part, cst.FormattedStringText):
            text += part.value.replace("{{", "{").replace("}}", "}").replace('\\"', '"').replace("\\\\", "\\")
        else:
            text += f"\0{len(holes)}\0"
            holes.append(cst.Module(body=[]).code_for_node(part))
    return text, holes


def _names(word: str, reads: Collection[str], folder: str) -> bool:
    pattern = posixpath.normpath(posixpath.join(folder, _HOLE.sub("*", word)))
    return pattern.strip("*/.") != "" and any(fnmatch(path, pattern) for path in reads)


def _filled(pattern: str, words: list[re.Match[str]], holes: list[str]) -> str:
    """Write the inside of the f-string."""
    text, end = "", 0
    for word in words:
        head, tail = _split_at_wildcard(word[0])
        text += _escaped(pattern[end : word.start()], holes)
        quote = "" if pattern[word.start() - 1 : word.start()] in ("'", '"') else "'"
        text += f"{quote}{{{CONFIG}.data({_joined(head, holes)})}}{quote}{_escaped(tail, holes)}"
        end = word.end()
    return text + _escaped(pattern[end:], holes)


def _split_at_wildcard(word: str) -> tuple[str, str]:
    found = re.search(r"[*?\[]", word)
    if found is None:
        return word, ""
    place = word.rfind("/", 0, found.start())
    return (word[:place] or "/", word[place:]) if place >= 0 else (".", f"/{word}")


def _joined(word: str, holes: list[str]) -> str:
    """Write a word as an expression: its parts, added up; no quotes nest in it."""
    parts = []
    for place, part in enumerate(_HOLE.split(word)):
        if place % 2:
            parts.append(f"str({holes[int(part)][1:-1]})")
        elif part:
            parts.append(f"'{part}'")
    return " + ".join(parts)


def _escaped(text: str, holes: list[str]) -> str:
    plain = text.replace("\\", "\\\\").replace("{", "{{").replace("}", "}}").replace('"', '\\"')
    return _HOLE.sub(lambda found: holes[int(found[1])], plain)


def _quoted(inside: str) -> str:
    return f'"""{inside}"""' if "\n" in inside else f'"{inside}"'
