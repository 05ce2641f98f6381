"""Write the documents of `nbship.state.documents` as TypeScript: ``extension/src/view/state.ts``.

python scripts/panel_types.py            write it
python scripts/panel_types.py --check    exit 1 where it is not up to date
"""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from nbship import model
from nbship.state import documents

TARGET = Path(__file__).resolve().parent.parent / "extension" / "src" / "view" / "state.ts"
HEAD = """/**
 * The documents that the server half and the widget give. Generated from runtime/nbship/state/documents.py by
 * scripts/panel_types.py: change them there. tests/contract/*.json are examples, checked by pytest and by jest.
 *
 * Times are ISO 8601 in UTC, shares 0 to 1; null stands for what nobody knows, and for infinities and NaN.
 */

/** The version of the documents that this view can read. */
export const SCHEMA = {schema};
"""
_WORDS: Mapping[object, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    Any: "unknown",
}


def main(arguments: list[str]) -> int:
    """Write the file, or compare it."""
    text = "\n".join(module())
    if arguments == ["--check"]:
        if TARGET.read_text(encoding="utf-8") == text:
            return 0
        print(
            f"{TARGET.name} is not what the documents say\n  help: python scripts/panel_types.py",
            file=sys.stderr,
        )
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def module() -> Iterator[str]:
    """Give the lines of the file: named unions first, then the documents in their order."""
    yield HEAD.format(schema=documents.SCHEMA)
    for name, union in unions().items():
        yield f"export type {name} = {written(union, {})};\n"
    names = {union: name for name, union in unions().items()}
    for name, record in vars(documents).items():
        if (
            dataclasses.is_dataclass(record)
            and isinstance(record, type)
            and record.__module__ == documents.__name__
        ):
            yield from interface(name, record, names)


def unions() -> dict[str, Any]:
    """Give the closed sets of words that have a name."""
    own = {name: value for name, value in vars(documents).items() if get_origin(value) is Literal}
    return {"Severity": model.Severity, "Stage": model.Stage, **own}


def interface(name: str, record: type, names: Mapping[Any, str]) -> Iterator[str]:
    """Give a record as an interface."""
    yield comment(record.__doc__ or "")
    yield f"export interface {name} {{"
    hints = typing.get_type_hints(record)
    for field in dataclasses.fields(record):
        yield f"  {field.name}: {written(hints[field.name], names)};"
    yield "}\n"


def comment(docstring: str) -> str:
    """Give a docstring as TypeScript's."""
    lines = [line.strip() for line in docstring.strip().splitlines()]
    return (
        f"/** {lines[0]} */"
        if len(lines) == 1
        else "\n".join(["/**", *(f" * {line}".rstrip() for line in lines), " */"])
    )


def written(hint: Any, names: Mapping[Any, str]) -> str:
    """Give a type as TypeScript writes it. Raises TypeError for one that has no word there.

    >>> written(tuple[float, ...] | None, {})
    'number[] | null'
    """
    if hint in names or hint in _WORDS:
        return {**_WORDS, **names}[hint]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return hint.__name__
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(f"'{word}'" for word in inner)
    if origin in (types.UnionType, typing.Union):
        return " | ".join(written(item, names) for item in inner)
    if origin is tuple:
        item = written(inner[0], names)
        return f"({item})[]" if " " in item else f"{item}[]"
    if origin is Mapping:
        return f"Record<string, {written(inner[1], names)}>"
    raise TypeError(f"no TypeScript for {hint!r}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
