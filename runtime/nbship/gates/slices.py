"""Parts of the held-out rows that are judged apart: the rows with one value of a feature that has few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["slices_of"]

MOST_VALUES = 10
MOST_FEATURES = 10


def slices_of(features: Any, named: Sequence[str], least: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield (what the slice is, its rows as a mask) for slices of at least so many rows.

    ``named`` are the features to look at; where none are, those that have few distinct values. A table without
    column names has no slices.
    """
    columns = [str(name) for name in getattr(features, "columns", ())]
    wanted = [name for name in named if name in columns] or columns
    used = 0
    for number, name in enumerate(columns):
        if name not in wanted or used == MOST_FEATURES:
            continue
        values = features.iloc[:, number]
        if not named and not _is_categorical(values):
            continue
        used += 1
        counts = values.value_counts(dropna=True)
        for value in sorted(counts[counts >= least].index, key=str)[:MOST_VALUES]:
            yield f"{name} = {value}", np.asarray(values == value, dtype=bool)


def _is_categorical(values: Any) -> bool:
    kind = getattr(values.dtype, "kind", "O")
    return kind in "OUSbiu" and 1 < values.nunique() <= MOST_VALUES
