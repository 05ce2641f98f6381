"""Whether what a server answered with is what the offline store says was known then: the test for skew.

Each logged row carries the entity's keys, the moment, and the features that it was answered with. The same features are
joined from the offline store as they were *known* at that moment, and compared value by value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nbship.errors import DataError
from nbship.features.joins import KNOWN, joined
from nbship.features.views import FeatureView

_MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A feature whose logged values are not those of the offline store: in how many rows, and some of them."""

    feature: str
    rows: int
    examples: tuple[tuple[str, Any, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How many logged rows were compared, on which features, and what differed."""

    rows: int
    features: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether every value came out the same."""
        return not self.differences


def replayed(
    logged: pd.DataFrame, history: pd.DataFrame, view: FeatureView, *, time: str, request: str
) -> Replay:
    """Compare what was logged with the offline store. Raises DataError where the log has none of the features."""
    offline = [name for name in history.columns if name in (view.columns or history.columns)]
    features = [name for name in offline if name in logged.columns and name not in {*view.keys, view.time}]
    if not features:
        raise DataError(
            "the log has none of the view's features",
            where=f"feature view {view.name}",
            help="only models that take them as inputs can be replayed",
        )
    bare = logged.drop(columns=features)
    again = joined(bare, history[[*view.keys, view.time, KNOWN, *features]], view, time=time, as_="known")
    found = [_difference(name, logged, again, request) for name in features]
    return Replay(
        rows=len(logged), features=tuple(features), differences=tuple(item for item in found if item.rows)
    )


def _difference(name: str, logged: pd.DataFrame, again: pd.DataFrame, request: str) -> Difference:
    before, after = logged[name], again[name]
    same = (before.isna() & after.isna()) | _equal(before, after)
    places = np.flatnonzero(~same.to_numpy())
    return Difference(
        feature=name,
        rows=len(places),
        examples=tuple(
            (str(logged[request].iloc[place]), before.iloc[place], after.iloc[place])
            for place in places[:_MOST_EXAMPLES]
        ),
    )


def _equal(before: pd.Series, after: pd.Series) -> pd.Series:
    """Numbers equal numbers of another width; everything else equals by value."""
    if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after):
        return before.astype(float).eq(after.astype(float))
    return before.astype(object).eq(after.astype(object)) | before.astype(str).eq(after.astype(str))
