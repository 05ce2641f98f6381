"""Runs a view's function: the one way in which its features come about, for training and for serving."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from nbship.errors import DataError, InputError
from nbship.features.joins import moments
from nbship.features.views import WHERE, FeatureView


def function_of(view: FeatureView) -> Callable[[pd.DataFrame], Any]:
    """Give the view's function, taking a frame alone. Raises InputError where there is none, or it wants more.

    A parameter ``config`` gets the package's own defaults, as the exported steps take them.
    """
    where = WHERE.format(name=view.name)
    try:
        found = getattr(importlib.import_module(view.module), view.attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"{view.function} cannot be imported: {error}",
            where=where,
            help="install the package, or mend the name",
        ) from error
    wanted = [
        name
        for name, parameter in list(inspect.signature(found).parameters.items())[1:]
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if unknown := [name for name in wanted if name != "config"]:
        raise InputError(
            f"{view.function} takes {unknown[0]!r} beside the frame",
            where=where,
            help="a feature function takes the frame, and the package's `config` if it likes",
        )
    given = _config(view) if wanted else {}
    return lambda frame: found(frame, **given)


def _config(view: FeatureView) -> Mapping[str, Any]:
    package = view.module.partition(".")[0]
    return {"config": importlib.import_module(f"{package}.config").Config()}


def compute(view: FeatureView, frame: pd.DataFrame, function: Callable[[pd.DataFrame], Any]) -> pd.DataFrame:
    """Give keys, time (UTC, microseconds) and features of each row of ``frame``.

    The frame stays as it is. Raises DataError where it lacks a key or the time, where the function raises or gives no
    frame, where rows come back that were not asked for, or where a feature is missing from what it gives.
    """
    where = f"feature view {view.name}"
    if missing := [name for name in (*view.keys, view.time) if name not in frame.columns]:
        raise DataError(f"the table has no column {missing[0]!r}", where=where)
    before = list(frame.columns)
    made = _called(view, frame.copy(), function, where)
    made = _with_entities(made, frame, (*view.keys, view.time), where)
    columns = list(view.columns) or [str(name) for name in made.columns if name not in before]
    if missing := [name for name in columns if name not in made.columns]:
        raise DataError(f"{view.function} gives no column {missing[0]!r}", where=where)
    if not columns:
        raise DataError(f"{view.function} adds no column", where=where, help="name them: columns = [...]")
    features = made[[*view.keys, view.time, *columns]].copy()
    features[view.time] = moments(features[view.time], where)
    return features.reset_index(drop=True)


def _called(
    view: FeatureView, frame: pd.DataFrame, function: Callable[[pd.DataFrame], Any], where: str
) -> pd.DataFrame:
    try:
        made = function(frame)
    except Exception as error:  # the user's function: whatever it raises is told as it says it
        said = str(error).strip().partition("\n")[0]
        raise DataError(f"{view.function} raised {type(error).__name__}: {said}", where=where) from error
    if isinstance(made, pd.Series):
        made = made.to_frame()
    if not isinstance(made, pd.DataFrame):
        raise DataError(f"{view.function} gives a {type(made).__name__}, no frame", where=where)
    return made


def _with_entities(
    made: pd.DataFrame, frame: pd.DataFrame, entities: tuple[str, ...], where: str
) -> pd.DataFrame:
    """Put back the keys and the time that a function has left out, where its rows are those of the frame."""
    lacking = [name for name in entities if name not in made.columns]
    if not lacking:
        return made
    if not made.index.isin(frame.index).all() or not frame.index.is_unique:
        raise DataError(
            f"the features have no column {lacking[0]!r}, and rows that are not those of the table",
            where=where,
            help="let the function give keys and time with its features",
        )
    return made.assign(**{name: frame.loc[made.index, name] for name in lacking})
