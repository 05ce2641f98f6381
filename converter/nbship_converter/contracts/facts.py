"""What the witness told of the files that pandas read -> facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbship_converter.ir import ColumnFacts, DatasetFacts

__all__ = ["dataset_of"]


def dataset_of(row: Mapping[str, Any]) -> DatasetFacts:
    """Give the facts of one file."""
    columns = row["columns"]
    told: dict[str, Any] = {
        **row,
        "columns": None if columns is None else tuple(_column(column) for column in columns),
    }
    return DatasetFacts(**told)


def _column(row: Mapping[str, Any]) -> ColumnFacts:
    values = row["values"]
    told: dict[str, Any] = {**row, "values": None if values is None else tuple(values)}
    return ColumnFacts(**told)
