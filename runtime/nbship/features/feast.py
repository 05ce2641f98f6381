"""Writes views and their history as a Feast repository, for teams whose features live there.

Feast wants pandas 2, so it has an environment of its own, and nothing here imports it: what is written is
``feature_store.yaml``, ``features.py`` and a Parquet file for each view. ``feast apply`` and ``feast materialize`` do the rest.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as _parquet

from nbship.errors import DataError, InputError, WriteError
from nbship.features.joins import KNOWN
from nbship.features.offline import arrow_table
from nbship.features.views import FeatureView

parquet: Any = _parquet

#: Feast's own name for the moment at which a row became known.
CREATED = "created"
_FILES = ("feature_store.yaml", "features.py")


def write_repository(
    folder: Path, project: str, views: Sequence[FeatureView], histories: Mapping[str, pd.DataFrame]
) -> list[Path]:
    """Write the repository and give its files. Raises WriteError where one is there that nbship did not write.

    Raises DataError for a view without history: Feast would apply it and find no file.
    """
    if empty := [view.name for view in views if histories[view.name].empty]:
        raise DataError(
            f"view {empty[0]!r} has no features yet", help=f"`nbship features compute {empty[0]}` first"
        )
    _refuse_foreign(folder)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    files = [folder / "feature_store.yaml", folder / "features.py"]
    files[0].write_text(_STORE.format(project=_identifier(project)), encoding="utf-8")
    files[1].write_text(_definitions(views, histories), encoding="utf-8")
    for view in views:
        files.append(folder / "data" / f"{view.name}.parquet")
        parquet.write_table(arrow_table(histories[view.name].rename(columns={KNOWN: CREATED})), files[-1])
    return files


def _refuse_foreign(folder: Path) -> None:
    for name in _FILES:
        path = folder / name
        if path.is_file() and not path.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
            raise WriteError(
                f"{name} is there already, and not written by nbship",
                where=folder.name,
                help="choose another folder",
            )


def _definitions(views: Sequence[FeatureView], histories: Mapping[str, pd.DataFrame]) -> str:
    """Give features.py: an entity for each key, and the views over them."""
    entities: dict[str, str] = {}
    for view in views:
        for key in view.keys:
            kind = _KEY_KINDS.get(_kind(histories[view.name][key]))
            if kind is None:
                raise InputError(f"key {key!r} of {view.name!r} is neither text nor a whole number")
            if entities.setdefault(key, kind) != kind:
                raise InputError(f"key {key!r} is text in one view and a number in another")
    blocks = [_entity(key, kind) for key, kind in entities.items()]
    blocks += [_view(view, histories[view.name]) for view in views]
    kinds = sorted(
        {_FEAST[_kind(frame[name])] for frame in histories.values() for name in _features(frame, views)}
    )
    return _HEAD.format(kinds=", ".join(kinds)) + "\n\n".join(blocks) + "\n"


def _features(frame: pd.DataFrame, views: Sequence[FeatureView]) -> list[str]:
    apart = {KNOWN, *(name for view in views for name in (*view.keys, view.time))}
    return [str(name) for name in frame.columns if name not in apart]


def _entity(key: str, kind: str) -> str:
    return (
        f"{_variable(key, 'entity')} = Entity(name={key!r}, join_keys=[{key!r}], value_type=ValueType.{kind})"
    )


def _view(view: FeatureView, frame: pd.DataFrame) -> str:
    entities = ", ".join(_variable(key, "entity") for key in view.keys)
    ttl = f"timedelta(seconds={int(view.freshness.total_seconds())})" if view.freshness else "timedelta(0)"
    fields = "".join(
        f"        Field(name={name!r}, dtype={_FEAST[_kind(frame[name])]}),\n"
        for name in _features(frame, [view])
    )
    return (
        f"{_variable(view.name, 'view')} = FeatureView(\n"
        f"    name={view.name!r},\n"
        f"    entities=[{entities}],\n"
        f"    ttl={ttl},\n"
        f"    schema=[\n{fields}    ],\n"
        f"    source=FileSource(\n"
        f"        path=str(_HERE / {f'data/{view.name}.parquet'!r}),\n"
        f"        timestamp_field={view.time!r},\n"
        f"        created_timestamp_column={CREATED!r},\n"
        f"    ),\n"
        f"    owner={view.owner!r},\n"
        f"    description={view.description!r},\n"
        f"    tags={{'function': {view.function!r}}},\n"
        f")"
    )


def _kind(column: pd.Series) -> str:
    """Give the kind of a column, as one of Feast's types. Raises DataError where Feast has none for it."""
    dtype: Any = column.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "bool"
    if pd.api.types.is_integer_dtype(dtype):
        return "int"
    if pd.api.types.is_float_dtype(dtype):
        return "float"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "time"
    if column.dropna().map(lambda value: isinstance(value, str)).all():
        return "text"
    raise DataError(f"column {column.name!r} holds {dtype}, for which Feast has no type")


_FEAST = {"bool": "Bool", "int": "Int64", "float": "Float64", "time": "UnixTimestamp", "text": "String"}
_KEY_KINDS = {"int": "INT64", "text": "STRING"}


def _identifier(text: str) -> str:
    found = re.sub(r"\W+", "_", text).strip("_").lower()
    return found if found and not found[0].isdigit() else f"p_{found}"


def _variable(name: str, kind: str) -> str:
    found = f"{_identifier(name)}_{kind}"
    return found + "_" if keyword.iskeyword(found) else found


_MARK = "# Written by nbship"
_STORE = (
    _MARK
    + """ (`nbship features feast`), and written again by it.
project: {project}
provider: local
registry: data/registry.db
offline_store:
  type: file
online_store:
  type: sqlite
  path: data/online_store.db
entity_key_serialization_version: 3
"""
)
_HEAD = (
    _MARK
    + ''' (`nbship features feast`), and written again by it.
"""Feature views, as Feast takes them: `feast apply`, then `feast materialize-incremental`."""

from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import {kinds}

_HERE = Path(__file__).resolve().parent

'''
)
