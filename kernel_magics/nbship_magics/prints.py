"""What a ``print`` shows, each with the label before it, in whatever way the text is put together."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator, Sequence

from nbship_magics.words import labelled

__all__ = ["shown"]

_PERCENT_FIELD = re.compile(r"%[-+ #0]*[\d*]*(?:\.\d+)?[diouxXeEfFgGcrs]")


def shown(arguments: Sequence[ast.expr]) -> Iterator[tuple[str, ast.expr]]:
    """Give what a ``print`` shows, each with the label before it."""
    text = ""
    for argument in arguments:
        match argument:
            case ast.Constant(value=str() as text):
                pass
            case ast.JoinedStr(values=values):
                yield from _formatted(values)
                text = ""
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as template), attr="format")):
                yield from _filled(template, argument)
                text = ""
            case ast.BinOp(left=ast.Constant(value=str() as template), op=ast.Mod(), right=right):
                given = right.elts if isinstance(right, ast.Tuple) else [right]
                labels = _percent_labels(template)
                yield from zip(labels, given, strict=False)
                text = ""
            case ast.BinOp(op=ast.Add()) if (parts := _concatenated(argument)) is not None:
                yield from shown(parts)
                text = ""
            case _:
                yield labelled(text), argument
                text = ""


def _formatted(values: Sequence[ast.expr]) -> Iterator[tuple[str, ast.expr]]:
    text = ""
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            text = value.value
        elif isinstance(value, ast.FormattedValue):
            yield labelled(text), value.value
            text = ""


def _filled(template: str, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    given: dict[str, ast.expr] = {str(place): value for place, value in enumerate(call.args)}
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    number = 0
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError:
        return
    for text, field, _, _ in parsed:
        if field is None:
            continue
        key, number = (field, number) if field else (str(number), number + 1)
        if (value := given.get(key)) is not None:
            yield labelled(text), value


def _percent_labels(template: str) -> list[str]:
    return [labelled(text) for text in _PERCENT_FIELD.split(template)[:-1]]


def _concatenated(node: ast.expr) -> list[ast.expr] | None:
    """Give the parts of ``"a: " + str(x) + ...``; None where no text is added."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _concatenated(node.left) or [node.left], _concatenated(node.right) or [node.right]
        parts = [*left, *right]
        return (
            parts
            if any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)
            else None
        )
    return None
