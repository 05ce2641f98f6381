"""Reads a file of the data contract as the notebook read it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship.errors import DataError
from nbship.gates.reference import Dataset

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read"]


def read(dataset: Dataset, path: Path) -> pd.DataFrame:
    """Give the file as a frame. Raises DataError where it cannot be read any more, or gives no frame."""
    module, _, function = dataset.reader.rpartition(".")
    reader: Any = getattr(importlib.import_module(module), function)
    try:
        frame = reader(path, **(dataset.options or {}))
    except Exception as error:  # parsers raise their own kinds
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(first, where=dataset.path) from error
    if not hasattr(frame, "columns"):
        raise DataError(f"{dataset.reader} gives a {type(frame).__name__}, no frame", where=dataset.path)
    found: pd.DataFrame = frame
    return found
