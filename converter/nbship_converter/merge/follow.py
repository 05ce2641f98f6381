"""Modules in which definitions have other places or names: moved there, with every reference to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import MetadataWrapper, QualifiedName, QualifiedNameProvider, QualifiedNameSource

from nbship_converter.merge.chunks import Chunk, module_chunks, text_of
from nbship_converter.merge.imports import Import, bound_names, with_imports
from nbship_converter.merge.moves import Key, Moves, definitions_in

__all__ = ["dotted", "relocate", "renamed_package"]


def relocate(files: Mapping[str, str], moves: Moves, package: str) -> dict[str, str]:
    """Give the modules as they are when everything is where ``moves`` says; other modules stay as they are."""
    if not moves:
        return dict(files)
    found = {}
    for path, text in files.items():
        own = {old: now for old, now in moves.definitions.items() if old[0] == path}
        found[moves.modules.get(path, path)] = _followed(text, moves, own)
    for old, now in moves.definitions.items():
        if now[0] != moves.modules.get(old[0], old[0]) and moves.modules.get(old[0], old[0]) in found:
            _carry(found, moves.modules.get(old[0], old[0]), now, package)
    return found


def renamed_package(files: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    """Give an export's files as they would be under another package name."""
    if old == new:
        return dict(files)
    return {
        re.sub(rf"^src/{re.escape(old)}/", f"src/{new}/", path): _renamed(path, text, old, new)
        for path, text in files.items()
    }


def _renamed(path: str, text: str, old: str, new: str) -> str:
    text = re.sub(rf"\b{re.escape(old.upper())}(?=_[A-Z])", new.upper(), text)
    if path.endswith(".py"):
        text = re.sub(rf"\b(from|import)(\s+){re.escape(old)}\b", rf"\1\2{new}", text)
        return re.sub(rf"\b{re.escape(old)}(?=\.[a-z])", new, text)
    text = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w-])", new, text)
    dashed = old.replace("_", "-")
    return re.sub(rf"(?<![\w.-]){re.escape(dashed)}(?![\w-])", new.replace("_", "-"), text)


def dotted(path: str) -> str:
    """Give the name by which a module is imported.

    >>> dotted("src/churn/train.py"), dotted("src/churn/__init__.py"), dotted("tests/test_train.py")
    ('churn.train', 'churn', 'tests.test_train')
    """
    parts = PurePosixPath(path).with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" else parts
    return ".".join(part for part in parts if part != "__init__")


def _carry(files: dict[str, str], source: str, now: Key, package: str) -> None:
    """Move one definition to another module, with the imports it needs there and those that now need it."""
    target, name = now
    chunks = module_chunks(files[source])
    there = module_chunks(files.get(target, ""))
    moved = next((chunk for chunk in chunks or () if chunk.key == name), None)
    if chunks is None or there is None or moved is None:
        return
    rest = [chunk for chunk in chunks if chunk is not moved]
    needed = _needed(moved.text, files[source], source) if source != target else set()
    lead = "" if not there or moved.text.startswith("\n") else "\n\n"
    files[target] = with_imports(text_of([*there, Chunk(key=name, text=lead + moved.text)]), needed, package)
    files[source] = text_of(rest)
    if re.search(rf"(?<![\w.]){name}\b", "".join(chunk.text for chunk in rest if chunk.key != "<imports>")):
        files[source] = with_imports(files[source], [Import(module=dotted(target), name=name)], package)


def _needed(text: str, module: str, path: str) -> set[Import]:
    """Give the imports that a definition needs when it leaves its module."""
    words = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", text))
    imports = {found for name, found in bound_names(module).items() if name in words}
    own = {Import(module=dotted(path), name=name) for name in definitions_in(module) if name in words}
    own_name = next(iter(definitions_in(text)), "")
    return imports | {found for found in own if found.name != own_name}


def _followed(text: str, moves: Moves, own: Mapping[Key, Key]) -> str:
    """Rewrite what a module imports, and calls by a name that has changed."""
    names = {
        f"{dotted(old[0])}.{old[1]}": f"{dotted(now[0])}.{now[1]}" for old, now in moves.definitions.items()
    }
    modules = {dotted(old): dotted(now) for old, now in moves.modules.items()}
    words = {name.rsplit(".", 1)[-1] for name in [*names, *modules]}
    if not any(re.search(rf"\b{word}\b", text) for word in words):
        return text
    local = {old[1]: now[1] for old, now in own.items() if old[1] != now[1]}
    try:
        return MetadataWrapper(cst.parse_module(text)).visit(_Follower(names, modules, local)).code
    except (cst.ParserSyntaxError, RecursionError):
        return text


class _Follower(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (QualifiedNameProvider,)

    def __init__(
        self, names: Mapping[str, str], modules: Mapping[str, str], local: Mapping[str, str]
    ) -> None:
        super().__init__()
        self.names = names
        self.modules = modules
        self.local = local

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        new = self._new_name(original_node, original_node.value)
        return updated_node.with_changes(value=new) if new else updated_node

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        full = get_full_name_for_node(original_node) or ""
        for old, now in self.modules.items():
            if full == old:
                return cst.parse_expression(now)
        new = self._new_name(original_node, original_node.attr.value)
        return updated_node.with_changes(attr=cst.Name(new)) if new else updated_node

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        node = original_node.body[0]
        if (
            len(original_node.body) != 1
            or not isinstance(node, cst.ImportFrom)
            or isinstance(node.names, cst.ImportStar)
        ):
            return updated_node
        module = ("." * len(node.relative)) + (
            get_full_name_for_node(node.module) or "" if node.module else ""
        )
        places: dict[str, list[cst.ImportAlias]] = {}
        for alias in node.names:
            place, name = self._place(module, get_full_name_for_node(alias.name) or "")
            places.setdefault(place, []).append(
                alias.with_changes(name=cst.Name(name), comma=cst.MaybeSentinel.DEFAULT)
            )
        if list(places) == [module] and all(
            a.name.deep_equals(b.name) for a, b in zip(places[module], node.names, strict=True)
        ):
            return updated_node.with_changes(body=[node])
        lines = [
            cst.ImportFrom(module=_name(place), names=names, lpar=None, rpar=None)
            for place, names in places.items()
        ]
        first = updated_node.with_changes(body=[lines[0]])
        return cst.FlattenSentinel([first, *(cst.SimpleStatementLine([line]) for line in lines[1:])])

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.SimpleString:
        value = original_node.value
        for old, now in {**self.modules, **self.names}.items():
            value = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", now, value)
        return updated_node.with_changes(value=value) if value != original_node.value else updated_node

    def _place(self, module: str, name: str) -> tuple[str, str]:
        now = self.names.get(f"{module}.{name}")
        if now is not None:
            place, _, new = now.rpartition(".")
            return place, new
        whole = self.modules.get(f"{module}.{name}", "")
        if whole.startswith(f"{module}."):
            return module, whole.rpartition(".")[2]
        return self.modules.get(module, module), name

    def _new_name(self, node: cst.CSTNode, value: str) -> str | None:
        """Give the new name of what a name or an attribute means, None if it has none."""
        found: Any = self.get_metadata(QualifiedNameProvider, node, set())
        for meant in found:
            assert isinstance(meant, QualifiedName)
            if meant.source is QualifiedNameSource.LOCAL and meant.name in self.local:
                return self.local[meant.name] if value == meant.name else None
            new = self.names.get(meant.name) if meant.source is QualifiedNameSource.IMPORT else None
            if new is not None and value == meant.name.rpartition(".")[2]:
                return new.rpartition(".")[2]
        return None


def _name(module: str) -> Any:
    return cst.parse_expression(module)
