"""Which expressions say what a value is like: its shape and types, how it is spread, a model's settings and fit.

Only expressions are made here, with ``{}`` for the value; a test evaluates them. Of rows that may be about people
only counts, spreads and plain numbers are said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["expressions", "is_private"]

#: Columns that are said one by one.
MOST_COLUMNS = 8
#: Columns that are listed.
MOST_LISTED = 40
#: Values of a category that are counted one by one.
MOST_CATEGORIES = 6
#: Items of a container, attributes of an object that are looked into.
MOST_ITEMS = 8
LONGEST_TEXT = 120

_PERSONAL_NAME = re.compile(
    r"name|mail|phone|address|street|zip|postal|ssn|passport|iban|card|birth|dob|user|login|passw|token|secret|latitude|longitude|\bip\b",
    re.IGNORECASE,
)
_PERSONAL_VALUE = re.compile(r"\S+@\S+\.\w|\+?\d[\d ()/-]{8,}\d|[A-Za-z0-9+/_-]{32,}|://")


def is_private(name: object, values: Any = ()) -> bool:
    """Whether a column looks as if it were about a person, by its name or by what it holds."""
    return bool(_PERSONAL_NAME.search(str(name))) or any(
        _PERSONAL_VALUE.search(value) for value in values if isinstance(value, str)
    )


def expressions(value: Any, before: Any = None, depth: int = 0) -> Iterator[str]:
    """Yield what can be asserted of a value; ``before`` is what the step was given under the same name."""
    module = type(value).__module__.partition(".")[0]
    if value is None:
        yield "{} is None"
    elif isinstance(value, (bool, int, float, str, complex)) or (
        module == "numpy" and not hasattr(value, "__len__")
    ):
        if not isinstance(value, str) or (len(value) <= LONGEST_TEXT and not is_private("", [value])):
            yield "{}" if module == "builtins" else "{}.item()"
    elif hasattr(value, "columns") and hasattr(value, "dtypes") and module == "pandas":
        yield from _frame(value, before)
    elif hasattr(value, "dtype") and module == "pandas":
        yield from _series(value)
    elif type(value).__name__ == "ndarray":
        yield from _array(value)
    elif hasattr(value, "nnz"):
        yield from ("{}.shape", "{}.nnz", "float({}.sum())")
    elif isinstance(value, (list, tuple, dict, set, frozenset)):
        yield from _container(value, depth)
    elif not callable(value) or hasattr(value, "get_params") or hasattr(value, "predict"):
        yield from _instance(value, depth)


def _frame(value: Any, before: Any) -> Iterator[str]:
    yield "{}.shape"
    if len(value.columns) > MOST_LISTED or not all(isinstance(name, str) for name in value.columns):
        yield "spread({}.select_dtypes('number'))"
        return
    yield "dtypes({})"
    yield "missing({})"
    numeric = [name for name in value.columns if _is_numeric(value[name])]
    fresh = [name for name in numeric if _is_new(name, value, before)]
    if 0 < len(fresh) <= MOST_COLUMNS:
        yield f"spreads({{}}, {fresh!r})"
    elif fresh:
        yield "spread({}.select_dtypes('number'))"
    for name in [name for name in value.columns if name not in numeric and _is_new(name, value, before)]:
        if _is_category(name, value[name]):
            yield f"counts({{}}[{name!r}])"
    yield from _labels(value)
    if numeric and not is_private(numeric[0]):
        yield f"{{}}[{numeric[-1]!r}].head(3).tolist()"


def _is_new(name: str, value: Any, before: Any) -> bool:
    """Whether a column is another than the one that was given."""
    try:
        return before is None or name not in before.columns or not value[name].equals(before[name])
    except Exception:  # noqa: BLE001  # columns of the same name twice
        return False


def _labels(value: Any) -> Iterator[str]:
    if getattr(value.index, "dtype", None) is not None and value.index.dtype.kind in "iu":
        yield "{}.index[:3].tolist()"


def _is_numeric(column: Any) -> bool:
    return getattr(getattr(column, "dtype", None), "kind", "") in "iufb" and bool(column.notna().any())


def _is_category(name: object, column: Any) -> bool:
    values = column.dropna()
    try:
        few = 0 < values.nunique() <= MOST_CATEGORIES < len(values)
    except TypeError:
        return False
    return few and not is_private(name, [str(value) for value in values.unique()])


def _series(value: Any) -> Iterator[str]:
    yield "{}.shape"
    if hasattr(value, "name") and isinstance(value.name, (str, int, type(None))):
        yield "{}.name"
    yield "str({}.dtype)"
    if not hasattr(value, "index"):
        return
    if _is_numeric(value):
        yield "spread({})"
        if not is_private(value.name):
            yield "{}.head(3).to_dict()"
    elif _is_category(value.name, value):
        yield "counts({})"
        yield from _labels(value)
    if value.isna().any():
        yield "int({}.isna().sum())"


def _array(value: Any) -> Iterator[str]:
    yield "{}.shape"
    yield "str({}.dtype)"
    if value.dtype.kind in "iufb" and value.size:
        yield "spread({})"
        yield "{}.ravel()[:3].tolist()"
        if value.size > 3:  # noqa: PLR2004  # as many as are said
            yield "{}.ravel()[-2:].tolist()"
    elif value.dtype.kind in "OUS":
        few = set(map(str, value.ravel()))
        if 0 < len(few) <= MOST_CATEGORIES and not is_private("", few):
            yield "counts({}.ravel())"


def _container(value: Any, depth: int) -> Iterator[str]:
    if _is_plain(value):
        yield "sorted({})" if isinstance(value, (set, frozenset)) else "{}"
        return
    yield "len({})"
    if isinstance(value, (set, frozenset)) or depth > 1 or not len(value):
        return
    if isinstance(value, dict):
        names = [name for name in value if isinstance(name, (str, int)) and not is_private(name)]
        places = names[:MOST_ITEMS] if len(value) <= MOST_ITEMS else []
    else:
        places = [0, -1] if len(value) > 1 else [0]
    for place in places:
        yield from _inside(value[place], f"[{place!r}]", depth)


def _inside(value: Any, way: str, depth: int) -> Iterator[str]:
    escaped = way.replace("{", "{{").replace("}", "}}")
    for expression in expressions(value, None, depth + 1):
        yield expression.replace("{}", f"{{}}{escaped}", 1)


def _is_plain(value: Any) -> bool:
    """Whether a container is short and holds plain values only."""
    items = [*value, *value.values()] if isinstance(value, dict) else list(value)
    return len(items) <= MOST_ITEMS * 2 and all(
        isinstance(item, (bool, int, float, type(None)))
        or (isinstance(item, str) and len(item) <= LONGEST_TEXT and not is_private("", [item]))
        for item in items
    )


def _instance(value: Any, depth: int) -> Iterator[str]:
    yield "type({}).__name__"
    if hasattr(value, "get_params"):
        yield "settings({})"
        names = [name for name in dir(value) if name.endswith("_") and not name.startswith("_")]
    else:
        names = [name for name in getattr(value, "__dict__", {}) if not name.startswith("_")]
    said = 0
    for name in names if depth < 2 else []:  # noqa: PLR2004  # deeper than anybody looks
        try:
            inner = getattr(value, name)
        except Exception:  # noqa: BLE001, S112  # the user's object may raise on any touch
            continue
        if _is_told(inner) and said < MOST_ITEMS:
            said += 1
            yield from list(_inside(inner, f".{name}", depth + 1))[:4]


def _is_told(value: Any) -> bool:
    return (
        isinstance(value, (bool, int, float, str, list, tuple, dict))
        or type(value).__name__ in ("ndarray", "Series", "DataFrame")
        or hasattr(value, "get_params")
    )
