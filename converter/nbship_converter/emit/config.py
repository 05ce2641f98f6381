"""``config.py``: the notebook's constants as fields, in front of Config's own."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst

from nbship_converter.infer import Annotator
from nbship_converter.ir import Constant

__all__ = ["config_module"]


def config_module(text: str, constants: Mapping[str, Constant], package: str) -> str:
    """Put the notebook's constants in front of Config's own fields."""
    annotator = Annotator(package=package, module="config", homes={})
    fields = _fields(constants, annotator)
    if not fields:
        return text
    module = cst.parse_module(text)
    changed = module.visit(_WithFields(fields))
    imports = [cst.parse_statement(line) for line in sorted(annotator.imports)]
    body = list(changed.body)
    place = next(i for i, node in enumerate(body) if "from __future__" in changed.code_for_node(node)) + 1
    return changed.with_changes(body=[*body[:place], *imports, *body[place:]]).code


class _WithFields(cst.CSTTransformer):
    def __init__(self, fields: list[cst.BaseStatement]) -> None:
        super().__init__()
        self.fields = fields

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        if updated_node.name.value != "Config":
            return updated_node
        docstring, first, *rest = updated_node.body.body
        blank = [cst.EmptyLine(indent=False)]
        opening = self.fields[0]
        assert isinstance(opening, cst.SimpleStatementLine)
        assert isinstance(first, cst.SimpleStatementLine)
        opening = opening.with_changes(leading_lines=[*blank, *opening.leading_lines])
        body = [docstring, opening, *self.fields[1:], first, *rest]
        return updated_node.with_changes(body=updated_node.body.with_changes(body=body))


def _fields(constants: Mapping[str, Constant], annotator: Annotator) -> list[cst.BaseStatement]:
    """Give the fields of Config, one for each constant, with the user's own literal."""
    fields: list[cst.BaseStatement] = []
    for constant in constants.values():
        value: cst.BaseExpression = constant.value
        if isinstance(value, (cst.List, cst.Dict, cst.Set)):
            annotator.imports.add("from dataclasses import field")
            value = cst.Call(
                cst.Name("field"),
                [cst.Arg(keyword=cst.Name("default_factory"), value=cst.Lambda(cst.Parameters(), value))],
            )
        line = cst.SimpleStatementLine([
            cst.AnnAssign(cst.Name(constant.field), cst.Annotation(cst.parse_expression(annotator.short(constant.annotation))), value)
        ])  # fmt: skip
        if constant.comment:
            line = line.with_changes(
                leading_lines=[cst.EmptyLine(comment=cst.Comment(f"# {constant.comment}"))]
            )
        fields.append(line)
    return fields
