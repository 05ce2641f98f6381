"""Three blocks of imports -> one, as sets: an import goes only where nothing that is left uses it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from nbship_converter.merge.chunks import IMPORTS, Chunk, module_chunks
from nbship_converter.merge.tidy import sorted_imports

__all__ = ["Import", "bound_names", "imports_in", "merge_imports", "with_imports"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Import:
    """One imported name: ``from module import name as alias``; without a module ``import name as alias``."""

    module: str
    name: str
    alias: str = ""

    @property
    def bound(self) -> str:
        """The name that the import binds."""
        return self.alias or (self.name if self.module else self.name.split(".")[0])

    @property
    def line(self) -> str:
        """The import as a statement."""
        tail = f" as {self.alias}" if self.alias else ""
        return f"from {self.module} import {self.name}{tail}" if self.module else f"import {self.name}{tail}"


def imports_in(text: str) -> list[Import]:
    """Give the imports at the top level of valid Python, in order."""
    return [found for node in ast.parse(text).body for found in _imports_of(node)]


def bound_names(text: str) -> dict[str, Import]:
    """Map the names that a module's imports bind to the imports."""
    return {found.bound: found for found in imports_in(text)}


def merge_imports(base: str, ours: str, theirs: str, *, body: str, package: str) -> str:
    """Merge blocks of import statements; ``body`` is the merged rest of the module.

    What one side dropped stays where the body still says its name and nothing else binds it.
    """
    before, by_hand, new = (set(imports_in(text)) for text in (base, ours, theirs))
    wanted = (by_hand & new) | (by_hand - before) | (new - before)
    bound = {found.bound for found in wanted}
    dropped = (before & (by_hand ^ new)) - wanted
    wanted |= {found for found in dropped if found.bound not in bound and _mentions(body, found.bound)}
    if wanted == new and by_hand == before:
        return theirs
    if wanted == by_hand:
        return ours
    return theirs if wanted == new else _rendered(ours or theirs, wanted, package)


def with_imports(text: str, added: Iterable[Import], package: str) -> str:
    """Add imports to a module that lacks them."""
    chunks = module_chunks(text)
    if chunks is None:
        return text
    block = next((chunk.text for chunk in chunks if chunk.key == IMPORTS), "")
    have = set(imports_in(block))
    if have >= set(added):
        return text
    return "".join(chunk.text for chunk in with_block(chunks, _rendered(block, have | set(added), package)))


def with_block(chunks: Iterable[Chunk], block: str) -> list[Chunk]:
    """Give a module's pieces with another block of imports, below the docstring where there was none."""
    found = [chunk for chunk in chunks if chunk.key != IMPORTS or block]
    place = next((place for place, chunk in enumerate(found) if chunk.key == IMPORTS), None)
    if place is not None:
        found[place] = Chunk(key=IMPORTS, text=block)
    elif block:
        place = 1 if found and found[0].key == "<docstring>" else 0
        lead = "\n" if place and not block.startswith("\n") else ""
        found.insert(place, Chunk(key=IMPORTS, text=lead + block))
    return found


def _rendered(block: str, wanted: set[Import], package: str) -> str:
    """Write a block anew with as much of it as it was as there can be."""
    lines = block.splitlines(keepends=True)
    lead = block[: len(block) - len(block.lstrip("\n"))]
    parts: list[str] = []
    have: set[Import] = set()
    start = 0
    for node in ast.parse(block).body:
        own = _imports_of(node)
        kept = [found for found in own if found in wanted]
        text, start = "".join(lines[start : node.end_lineno]), node.end_lineno or start
        parts += [text] if kept == own else [f"{found.line}\n" for found in kept]
        have |= set(kept)
    parts += [f"{found.line}\n" for found in sorted(wanted - have)]
    text = "".join(part if part.endswith("\n") else f"{part}\n" for part in parts).lstrip("\n")
    return lead + sorted_imports(text, package)


def _imports_of(node: ast.stmt) -> list[Import]:
    if isinstance(node, ast.Import):
        return [Import(module="", name=alias.name, alias=alias.asname or "") for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        return [Import(module=module, name=alias.name, alias=alias.asname or "") for alias in node.names]
    return []


def _mentions(body: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}\b", body) is not None
