"""Three versions of a module -> one, definition by definition: what was edited here and there meets only where both did."""

from __future__ import annotations

import ast
import operator
from dataclasses import dataclass

from nbship_converter.merge.chunks import (
    HEAD,
    IMPORTS,
    Chunk,
    essence,
    members_of,
    module_chunks,
    parts_of,
    text_of,
)
from nbship_converter.merge.imports import imports_in, merge_imports, with_block
from nbship_converter.merge.keyed import merge_keyed
from nbship_converter.merge.lines import Text, merge_lines, side_by_side
from nbship_converter.merge.tidy import formatted

__all__ = ["Module", "means_the_same", "merge_module"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A merged module, and the names of the definitions that are for a person to decide."""

    text: str
    conflicts: tuple[str, ...] = ()


def merge_module(base: str, ours: str, theirs: str, package: str) -> Module | None:
    """Merge modules ("" for one that is not there); None if one of them is not valid Python.

    A module of which nothing but its docstring is left is "".
    """
    sides = [module_chunks(text) for text in (base, ours, theirs)]
    before, by_hand, new = sides
    if before is None or by_hand is None or new is None:
        return None
    merged = merge_keyed(before, by_hand, new, same=means_the_same, settle=_settle)
    body = text_of(chunk for chunk in merged.chunks if chunk.key != IMPORTS)
    blocks = [next((c.text for c in side if c.key == IMPORTS), "") for side in (before, by_hand, new)]
    chunks = with_block(merged.chunks, merge_imports(*blocks, body=body, package=package))
    if not theirs and all(chunk.key in ("<docstring>", IMPORTS) for chunk in chunks):
        return Module(text="")
    return Module(text=_headed(chunks, by_hand), conflicts=merged.conflicts)


def means_the_same(one: str, other: str) -> bool:
    """Tell whether two texts differ in nothing but formatting, or the order of imports."""
    if one == other:
        return True
    if not one or not other:
        return False
    first, second = essence(one), essence(other)
    if first is None or second is None:
        return False
    return first == second or (first[1:] == second[1:] and _only_imports(one, other))


def _only_imports(one: str, other: str) -> bool:
    trees = (ast.parse(one), ast.parse(other))
    if not all(isinstance(node, (ast.Import, ast.ImportFrom)) for tree in trees for node in tree.body):
        return False
    return set(imports_in(one)) == set(imports_in(other))


def _settle(key: str, base: str, ours: str, theirs: str) -> Text:
    """Merge one definition that both sides changed."""
    if key == IMPORTS:  # they are merged when it is known what is left that uses them
        return Text(text=ours)
    if not ours or not theirs:
        return side_by_side(base, ours, theirs)
    members = [members_of(text) for text in (base, ours, theirs)]
    before, by_hand, new = members
    if before is not None and by_hand is not None and new is not None:
        merged = merge_keyed(before, by_hand, new, same=_same_member, settle=_settle_member)
        return Text(text=text_of(merged.chunks), conflict=bool(merged.conflicts))
    return _by_lines(base, ours, theirs)


def _by_lines(base: str, ours: str, theirs: str) -> Text:
    """Merge by lines; where that fails, once more with all three in one style."""
    merged = _still_python(_by_parts(base, ours, theirs), base, ours, theirs)
    if not merged.conflict:
        return merged
    lead = ours[: len(ours) - len(ours.lstrip("\n"))]
    again = _still_python(_by_parts(formatted(base), formatted(ours), formatted(theirs)), base, ours, theirs)
    return merged if again.conflict else Text(text=lead + again.text.lstrip("\n"))


def _by_parts(base: str, ours: str, theirs: str) -> Text:
    """Merge by lines; a function's head, docstring and body apart, as one is no context of the other."""
    before, by_hand, new = (parts_of(text) for text in (base, ours, theirs))
    if before is None or by_hand is None or new is None:
        return merge_lines(base, ours, theirs)
    merged = merge_keyed(before, by_hand, new, same=operator.eq, settle=_settle_member)
    return Text(text=text_of(merged.chunks), conflict=bool(merged.conflicts))


def _still_python(merged: Text, base: str, ours: str, theirs: str) -> Text:
    """Lines that fit together may make no sense together: then it is a conflict."""
    if merged.conflict or essence(merged.text) is not None:
        return merged
    return side_by_side(base, ours, theirs)


def _same_member(one: str, other: str) -> bool:
    return one == other or (bool(one and other) and means_the_same(_alone(one), _alone(other)))


def _alone(text: str) -> str:
    """Give a member of a class as the body of one, so that it can be read without it."""
    return f"class _:\n{text}"


def _settle_member(key: str, base: str, ours: str, theirs: str) -> Text:
    if key != HEAD and (not ours or not theirs):  # one deleted what the other changed
        return side_by_side(base, ours, theirs)
    return merge_lines(base, ours, theirs)


def _headed(chunks: list[Chunk], ours: list[Chunk]) -> str:
    """Put a module together; it does not begin with blank lines unless it did so by hand."""
    text = text_of(chunks)
    return text if not ours or ours[0].text.startswith("\n") else text.lstrip("\n")
