"""What a version of a model reads: its fields, as its signature has them. Pure, and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from nbship.errors import DataError

#: The types of MLflow's signatures that a request can carry.
Kind = Literal["boolean", "integer", "long", "float", "double", "string", "datetime"]
KINDS: frozenset[str] = frozenset(get_args(Kind))
NUMBERS: frozenset[str] = frozenset({"boolean", "integer", "long", "float", "double"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input; ``nullable`` where the model has learnt to do without it."""

    name: str
    kind: Kind
    nullable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The inputs of a version, in the model's own order. ``numeric`` where it takes them as an array of floats."""

    fields: tuple[Field, ...]
    numeric: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields."""
        return tuple(field.name for field in self.fields)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Schema:
        """Give it back."""
        fields = tuple(Field(**field) for field in document["fields"])
        return cls(fields=fields, numeric=document["numeric"])


def from_signature(columns: list[Mapping[str, Any]]) -> Schema:
    """Give the schema of an MLflow signature's columns. Raises DataError for a type that no request can carry."""
    fields: list[Field] = []
    for place, column in enumerate(columns):
        kind, name = column.get("type"), column.get("name", f"x{place}")
        if kind not in KINDS:
            raise DataError(
                f"the input {name!r} has the type {kind!r}, which cannot be served",
                help=f"types that can: {', '.join(sorted(KINDS))}",
            )
        fields.append(Field(name=str(name), kind=cast("Kind", kind)))
    return Schema(fields=tuple(fields))


def unnamed(width: int, names: tuple[str, ...] = ()) -> Schema:
    """Give the schema of a model that was fitted on an array of numbers."""
    found = names or tuple(f"x{place}" for place in range(width))
    return Schema(fields=tuple(Field(name=name, kind="double") for name in found))
