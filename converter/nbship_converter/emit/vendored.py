"""The user's own modules beside the notebook: they move into the package, and imports follow them there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node

from nbship_converter.infer import Annotator
from nbship_converter.ir import Program

__all__ = ["follow", "roots_of", "vendored"]

#: Modules that every package has of its own: a neighbour of that name gets another one.
_TAKEN = frozenset(
    "config cli pipeline figures logs limits sources settings data features train evaluate predict".split()
)


def roots_of(program: Program) -> dict[str, str]:
    """Map the top-level names of the notebook's neighbours to their names in the package."""
    roots = dict.fromkeys(path.split("/")[0].removesuffix(".py") for path in program.neighbours)
    taken = {*_TAKEN, *(step.module for step in program.steps), *program.helper_modules.values()}
    return {name: f"notebook_{name}" if name in taken else name for name in roots}


def vendored(program: Program, package: str) -> dict[str, str]:
    """Give the neighbours' text by path in the package, annotated with what was seen; imports are as they were."""
    roots = roots_of(program)
    files = {}
    for path, text in program.neighbours.items():
        root, _, rest = path.partition("/")
        home = roots[root.removesuffix(".py")] + (".py" if root.endswith(".py") else "")
        files[f"{home}/{rest}" if rest else home] = _annotated(program, package, path, text)
    folders = {path.rsplit("/", 1)[0] for path in files if "/" in path}
    every = {"/".join(folder.split("/")[: i + 1]) for folder in folders for i in range(folder.count("/") + 1)}
    return {**{f"{folder}/__init__.py": "" for folder in sorted(every)}, **files}


def _annotated(program: Program, package: str, path: str, text: str) -> str:
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    annotator = Annotator(package=package, module=module, homes={})
    tree: cst.Module = annotator.annotate_all(cst.parse_module(text), program.signatures, prefix=f"{module}:")
    own = {line for line in annotator.imports if f"from {module} import" not in line}
    typing = {line for line in own if line.startswith(("from typing", "from collections.abc"))}
    lines = ["from __future__ import annotations", *sorted(typing)]
    if own - typing:  # for annotations alone, so that no module needs another one sooner than it did
        block = "\n".join(f"    {line}" for line in sorted(own - typing))
        lines += ["from typing import TYPE_CHECKING", f"if TYPE_CHECKING:\n{block}"]
    if path.endswith("__init__.py"):
        tree = tree.visit(_HandsOn())
    place = 1 if tree.get_docstring() is not None else 0
    added = [cst.parse_statement(line) for line in lines]
    body = [
        line for line in tree.body if "from __future__ import annotations" not in tree.code_for_node(line)
    ]
    return tree.with_changes(body=[*body[:place], *added, *body[place:]]).code


def follow(text: str, package: str, roots: Mapping[str, str]) -> str:
    r"""Give a module's text with the imports of neighbours pointing into the package.

    >>> follow("import utils\nfrom ml.nets import Net\n", "demo", {"utils": "utils", "ml": "ml"})
    'from demo import utils\nfrom demo.ml.nets import Net\n'
    """
    if not any(root in text for root in roots):
        return text
    return cst.parse_module(text).visit(_Follower(package, roots)).code


class _HandsOn(cst.CSTTransformer):
    """What a package's ``__init__`` imports it hands on: said as a type checker wants it, ``from .a import b as b``."""

    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom) -> cst.ImportFrom:
        if isinstance(updated_node.names, cst.ImportStar):
            return updated_node
        names = [
            alias if alias.asname or not isinstance(alias.name, cst.Name) else _named_again(alias)
            for alias in updated_node.names
        ]
        return updated_node.with_changes(names=names)


def _named_again(alias: cst.ImportAlias) -> cst.ImportAlias:
    space = cst.SimpleWhitespace(" ")
    name = cst.AsName(
        cst.ensure_type(alias.name, cst.Name), whitespace_before_as=space, whitespace_after_as=space
    )
    return alias.with_changes(asname=name)


class _Follower(cst.CSTTransformer):
    def __init__(self, package: str, roots: Mapping[str, str]) -> None:
        super().__init__()
        self.package = package
        self.roots = roots

    def _home(self, dotted: str) -> str | None:
        root, _, rest = dotted.partition(".")
        if root not in self.roots:
            return None
        return ".".join(part for part in (self.package, self.roots[root], rest) if part)

    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom) -> cst.ImportFrom:
        name = get_full_name_for_node(updated_node.module) if updated_node.module else None
        home = self._home(name) if name and not updated_node.relative else None
        return updated_node.with_changes(module=_dotted(home)) if home else updated_node

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        small = updated_node.body[0]
        if len(updated_node.body) != 1 or not isinstance(small, cst.Import):
            return updated_node
        lines = [line for alias in small.names for line in self._lines(alias)]
        first, *rest = lines
        added = [cst.parse_statement(line) for line in rest]
        opening = cst.ensure_type(cst.parse_statement(first), cst.SimpleStatementLine)
        opening = opening.with_changes(
            leading_lines=updated_node.leading_lines, trailing_whitespace=updated_node.trailing_whitespace
        )
        return cst.FlattenSentinel([opening, *added])

    def _lines(self, alias: cst.ImportAlias) -> list[str]:
        name = get_full_name_for_node(alias.name) or ""
        bound = get_full_name_for_node(alias.asname.name) if alias.asname else None
        home = self._home(name)
        if home is None:
            return [f"import {name} as {bound}" if bound else f"import {name}"]
        parent, _, last = home.rpartition(".")
        if bound:
            return [f"from {parent} import {last} as {bound}"]
        root = name.split(".")[0]
        whole = f"from {self.package} import {self.roots[root]}"
        whole += f" as {root}" if self.roots[root] != root else ""
        return [whole] if name == root else [f"import {home}", whole]


def _dotted(name: str) -> cst.Name | cst.Attribute:
    node = cst.parse_expression(name)
    assert isinstance(node, (cst.Name, cst.Attribute))
    return node
