"""A feature view, and ``[tool.nbship.features]`` where views are named.

[tool.nbship.features]
offline = "s3://lake/features"          # any fsspec address or a folder; default: features in home
online = "redis://cache:6379/0"         # redis:// or a SQLAlchemy address; default: SQLite in home

[tool.nbship.features.views.weather]
function = "bikeshare.features:add_features"
source = "bikeshare.csv"                # in the data folder of the package; or any file given when it is computed
keys = ["station"]                      # what tells one entity from another
time = "at"                             # when a row's values became true
columns = ["rush", "comfort"]           # default: every column that the function adds
freshness = "2h"                        # older values are no values; default: they never age
owner = "team-bikes"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from nbship.config import check_keys
from nbship.errors import InputError

WHERE = "[tool.nbship.features.views.{name}]"
#: The keys of [tool.nbship.features].
FEATURES_KEYS: Mapping[str, type] = {"offline": str, "online": str, "views": dict}
#: The keys of [tool.nbship.features.views.NAME].
VIEW_KEYS: Mapping[str, type] = {
    "function": str,
    "source": str,
    "keys": list,
    "time": str,
    "columns": list,
    "freshness": str,
    "owner": str,
    "description": str,
}
_REQUIRED = ("function", "keys", "time", "owner")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_SPAN = re.compile(r"(\d+)\s*(s|min|h|d|w)")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureView:
    """Features of one kind of entity, by the function that computes them.

    ``keys`` name the entity, ``time`` is the column with the moment from which a row's values hold, ``columns`` are the
    features (none named: all that the function adds), ``freshness`` is the age from which a value counts as missing.
    """

    name: str
    function: str
    keys: tuple[str, ...]
    time: str
    owner: str
    columns: tuple[str, ...] = ()
    source: str | None = None
    freshness: timedelta | None = None
    description: str = ""

    @property
    def module(self) -> str:
        """The module that holds the function."""
        return self.function.partition(":")[0]

    @property
    def attribute(self) -> str:
        """The function's name in its module."""
        return self.function.partition(":")[2]


def views_of(table: Mapping[str, Any]) -> dict[str, FeatureView]:
    """Give the views of ``[tool.nbship.features]``, by name. Raises InputError that names table and key."""
    check_keys(table, FEATURES_KEYS, "[tool.nbship.features]")
    return {name: _view(name, found) for name, found in table.get("views", {}).items()}


def _view(name: str, table: Any) -> FeatureView:
    where = WHERE.format(name=name)
    if not _NAME.fullmatch(name):
        raise InputError("a view's name is of small letters, digits and _", where=where)
    if not isinstance(table, dict):
        raise InputError("a view is a table", where=where)
    check_keys(table, VIEW_KEYS, where)
    if missing := [key for key in _REQUIRED if not table.get(key)]:
        raise InputError(
            f"{missing[0]!r} is missing", where=where, help=f"a view needs {', '.join(_REQUIRED)}"
        )
    if not _FUNCTION.fullmatch(table["function"]):
        raise InputError(
            f"{table['function']!r} is no function", where=where, help='write "package.module:name"'
        )
    keys, columns = _texts(table, "keys", where), _texts(table, "columns", where)
    if double := set(keys) & {table["time"], *columns} or ({table["time"]} & set(columns)):
        raise InputError(
            f"{min(double)!r} is named twice", where=where, help="keys, time and columns are apart"
        )
    return FeatureView(
        name=name,
        function=table["function"],
        keys=keys,
        time=table["time"],
        owner=table["owner"],
        columns=columns,
        source=table.get("source"),
        freshness=_span(table.get("freshness"), where),
        description=table.get("description", ""),
    )


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    values = table.get(key, [])
    if not all(isinstance(value, str) and value for value in values) or len(set(values)) != len(values):
        raise InputError(f"{key!r} must be a list of different names", where=where)
    return tuple(values)


def _span(text: str | None, where: str) -> timedelta | None:
    if text is None:
        return None
    match = _SPAN.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise InputError(f"{text!r} is no length of time", where=where, help="such as 30min, 2h, 1d or 4w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
