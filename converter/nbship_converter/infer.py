"""Seen types -> annotations as a person would write them, with the imports they need."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

from nbship_converter.ir import Signature

__all__ = ["Annotator"]

#: Aliases that everybody writes.
_ALIASES = {"pandas": "pd", "numpy": "np", "scipy": "sp", "polars": "pl", "tensorflow": "tf"}
_FROM = ("numpy.typing", "typing", "collections.abc", "collections", "types")


@dataclass(slots=True, kw_only=True)
class Annotator:
    """Shortens full names for one module and collects the imports; ``homes`` are the user's own classes."""

    package: str
    module: str
    homes: Mapping[str, str]
    taken: frozenset[str] = frozenset()
    imports: set[str] = field(default_factory=set)

    def short(self, full: str) -> str:
        """Give the annotation in this module's words.

        >>> a = Annotator(package="p", module="data", homes={})
        >>> a.short("dict[str, pandas.DataFrame]"), a.imports
        ('dict[str, pd.DataFrame]', {'import pandas as pd'})
        """
        if not full:
            return self.short("typing.Any")
        try:
            tree = ast.parse(full, mode="eval").body
        except SyntaxError:
            return self.short("typing.Any")
        return ast.unparse(_Shorten(self).visit(tree))

    def name(self, dotted: str) -> str:
        """Give one dotted name's short form and note its import."""
        module, _, last = dotted.rpartition(".")
        if not module:
            return dotted
        if module == "__main__":
            return self._own(last)
        root, _, rest = module.partition(".")
        if module in _FROM or root not in _ALIASES or module == "numpy.typing":
            return self._imported(module, last)
        alias = _ALIASES[root]
        if rest:
            return self._imported(module, last)
        self.imports.add(f"import {root} as {alias}")
        return f"{alias}.{last}"

    def _imported(self, module: str, name: str) -> str:
        if name in self.taken:
            self.imports.add(f"from {module} import {name} as {name}Type")
            return f"{name}Type"
        self.imports.add(f"from {module} import {name}")
        return name

    def _own(self, name: str) -> str:
        home = self.homes.get(name)
        if home is None:
            return self.name("typing.Any")
        if home != self.module:
            self.imports.add(f"from {self.package}.{home} import {name}")
        return name

    # functions of the user's

    def annotate_all(self, node: Any, signatures: Mapping[str, Signature], prefix: str = "") -> Any:
        """Give a module, or a statement, with every function and method in it annotated.

        ``prefix`` stands before the names in ``signatures``; functions inside functions were seen by nobody.
        """
        return node.visit(_AnnotateAll(self, signatures, prefix))

    def annotate(
        self, function: cst.FunctionDef, signature: Signature | None, *, method: bool = False
    ) -> cst.FunctionDef:
        """Give the function with every parameter and the result annotated; what is there stays."""
        seen = signature.parameters if signature else {}
        parameters = function.params
        changed = parameters.with_changes(
            params=[
                self._parameter(p, seen, first=method and place == 0)
                for place, p in enumerate(parameters.params)
            ],
            kwonly_params=[self._parameter(p, seen) for p in parameters.kwonly_params],
            posonly_params=[
                self._parameter(p, seen, first=method and place == 0)
                for place, p in enumerate(parameters.posonly_params)
            ],
            star_arg=self._star(parameters.star_arg),
            star_kwarg=self._star(parameters.star_kwarg),
        )
        returns = function.returns or _annotation(self.short(_returned(function, signature)), arrow=True)
        return function.with_changes(params=changed, returns=returns)

    def _parameter(self, parameter: cst.Param, seen: Mapping[str, str], *, first: bool = False) -> cst.Param:
        if parameter.annotation is not None or (first and parameter.name.value in ("self", "cls", "mcs")):
            return parameter
        full = seen.get(parameter.name.value, "typing.Any")
        default_none = isinstance(parameter.default, cst.Name) and parameter.default.value == "None"
        if default_none and "None" not in full and full != "typing.Any":
            full = f"{full} | None"
        return parameter.with_changes(annotation=_annotation(self.short(full)), equal=_spaced(parameter))

    def _star(self, star: object) -> object:
        if isinstance(star, cst.Param) and star.annotation is None:
            return star.with_changes(annotation=_annotation(self.short("typing.Any")))
        return star


def _spaced(parameter: cst.Param) -> cst.AssignEqual | cst.MaybeSentinel:
    return cst.AssignEqual() if parameter.default is not None else cst.MaybeSentinel.DEFAULT


def _annotation(text: str, *, arrow: bool = False) -> cst.Annotation:
    before = cst.SimpleWhitespace(" ") if arrow else cst.SimpleWhitespace("")
    return cst.Annotation(annotation=cst.parse_expression(text), whitespace_before_indicator=before)


def _returned(function: cst.FunctionDef, signature: Signature | None) -> str:
    """Give the result's type: what was seen, unless the text says it is a generator or nothing at all."""
    looker = _Body()
    function.body.visit(looker)
    if looker.yields:
        return "collections.abc.Iterator[typing.Any]"
    if function.name.value == "__init__" or not looker.returns_value:
        return "None"
    return signature.returns if signature else "typing.Any"


class _Body(cst.CSTVisitor):
    """Whether a function body yields or returns a value; inner functions do not count."""

    def __init__(self) -> None:
        super().__init__()
        self.yields = False
        self.returns_value = False

    def visit_Yield(self, node: cst.Yield) -> None:
        self.yields = True

    def visit_Return(self, node: cst.Return) -> None:
        self.returns_value |= node.value is not None

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False


class _AnnotateAll(cst.CSTTransformer):
    def __init__(self, annotator: Annotator, signatures: Mapping[str, Signature], prefix: str) -> None:
        super().__init__()
        self.annotator = annotator
        self.signatures = signatures
        self.prefix = prefix
        self.inside: list[cst.ClassDef | cst.FunctionDef] = []

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.inside.append(node)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        self.inside.pop()
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.inside.append(node)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        self.inside.pop()
        around = self.inside[-1] if self.inside else None
        method = isinstance(around, cst.ClassDef) and not _is_static(original_node)
        names = [node.name.value for node in (*self.inside, original_node)]
        seen = self.signatures.get(self.prefix + ".".join(names))
        return self.annotator.annotate(updated_node, seen, method=method)


def _is_static(function: cst.FunctionDef) -> bool:
    return any(
        isinstance(one.decorator, cst.Name) and one.decorator.value == "staticmethod"
        for one in function.decorators
    )


class _Shorten(ast.NodeTransformer):
    def __init__(self, annotator: Annotator) -> None:
        self.annotator = annotator

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return ast.parse(self.annotator.name(ast.unparse(node)), mode="eval").body
