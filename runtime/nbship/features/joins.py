"""Point-in-time correct joins: each row gets what was true, or what was known, at its own moment, never later.

``event`` time is when a value became true, ``known`` time is when it was kept. Training data take what was *true* at
the row's moment. What a server answered with is what was *known* then: a value that arrived late was not there yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from nbship.errors import DataError
from nbship.features.views import FeatureView

KNOWN = "_known"
As = Literal["true", "known"]
_ORDER = "_order"
_AT = "_at"


def joined(
    rows: pd.DataFrame, history: pd.DataFrame, view: FeatureView, *, time: str, as_: As = "true"
) -> pd.DataFrame:
    """Give ``rows`` with the features of a view beside them, in their own order and under their own index.

    ``history`` has the view's keys, its time, its features and `KNOWN`. Where nothing is true (or known) yet, or what
    is has grown older than the view's freshness, the features are missing. Raises DataError for rows without the keys
    or the time, or whose columns would be overwritten.
    """
    features = [name for name in history.columns if name not in {*view.keys, view.time, KNOWN}]
    _check(rows, view, time, features)
    left = _left(rows, view.keys, time)
    right = _taking_over(history, view) if as_ == "known" else _last_words(history, view)
    left, right = _alike(left, right, view)
    found = pd.merge_asof(
        left, right, left_on=_AT, right_on=KNOWN if as_ == "known" else view.time, by=list(view.keys)
    )
    if view.freshness is not None:
        old = found[_AT] - found[view.time] > view.freshness
        found = found[[_ORDER]].join(found.loc[~old, features])
    found = found.set_index(_ORDER).sort_index()
    return rows.assign(**{name: found[name].set_axis(rows.index) for name in features})


def newest(history: pd.DataFrame, view: FeatureView) -> pd.DataFrame:
    """Give the newest row of each entity: by time, and of rows for the same moment the one known last."""
    ordered = history.sort_values([view.time, KNOWN], kind="stable")
    return ordered.drop_duplicates(list(view.keys), keep="last").reset_index(drop=True)


def moments(values: pd.Series, where: str) -> pd.Series:
    """Give times in UTC with microseconds. Raises DataError where they are no times, or some are missing."""
    try:
        times = pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]")
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"column {values.name!r} has no times: {error}", where=where) from error
    if times.isna().any():
        raise DataError(
            f"column {values.name!r} lacks the time of {int(times.isna().sum())} rows", where=where
        )
    return times


def _left(rows: pd.DataFrame, keys: Sequence[str], time: str) -> pd.DataFrame:
    left = rows[list(keys)].reset_index(drop=True)
    left[_AT] = moments(rows[time], "the rows to join").reset_index(drop=True)
    left[_ORDER] = range(len(left))
    return left.sort_values(_AT, kind="stable")


def _last_words(history: pd.DataFrame, view: FeatureView) -> pd.DataFrame:
    """Of several rows for one moment of an entity, the one known last is true."""
    ordered = history.sort_values([view.time, KNOWN], kind="stable")
    return ordered.drop_duplicates([*view.keys, view.time], keep="last")


def _taking_over(history: pd.DataFrame, view: FeatureView) -> pd.DataFrame:
    """Give the rows that were the newest of their entity when they became known: what an online store showed."""
    ordered = history.sort_values([KNOWN, view.time], kind="stable")
    newest_yet = ordered.groupby(list(view.keys), sort=False, dropna=False)[view.time].cummax()
    return ordered[ordered[view.time] >= newest_yet]


def _alike(left: pd.DataFrame, right: pd.DataFrame, view: FeatureView) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give both sides with keys of one type. Raises DataError where a key is text here and a number there."""
    for key in view.keys:
        if len(right) and pd.api.types.is_numeric_dtype(left[key]) != pd.api.types.is_numeric_dtype(
            right[key]
        ):
            kinds = f"{left[key].dtype} in the rows and {right[key].dtype} in the features"
            raise DataError(
                f"key {key!r} is {kinds}", where=f"feature view {view.name}", help="convert one of them"
            )
        common = (
            left[key].dtype if not len(right) else pd.concat([left[key].head(0), right[key].head(0)]).dtype
        )
        left, right = left.astype({key: common}), right.astype({key: common})
    return left, right


def _check(rows: pd.DataFrame, view: FeatureView, time: str, features: Sequence[str]) -> None:
    where = f"feature view {view.name}"
    if missing := [name for name in (*view.keys, time) if name not in rows.columns]:
        raise DataError(
            f"the rows have no column {missing[0]!r}", where=where, help="name keys and time as the view does"
        )
    if taken := [name for name in features if name in rows.columns]:
        raise DataError(
            f"the rows have a column {taken[0]!r} already", where=where, help="drop it, or rename it"
        )
