"""What a value is, written as a type annotation with full dotted names.

``describe`` looks at a live value; the converter shortens the names and adds the imports. Names are public
ones: ``sklearn.linear_model.LogisticRegression``, never ``sklearn.linear_model._logistic...``.
"""

from __future__ import annotations

import ast
import collections
import re
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["describe", "merge", "public_path"]

ANY = "typing.Any"
CALLABLE = "collections.abc.Callable[..., typing.Any]"

#: Types listed in a union before it says less than ``Any`` would.
MOST_IN_UNION = 3
#: Items of a container that are looked at.
MOST_ITEMS = 5_000
#: A tuple up to this length is described item by item.
LONGEST_TUPLE = 8

_PLAIN: dict[type, str] = {
    kind: kind.__name__ for kind in (bool, int, float, str, bytes, complex, bytearray, range, slice)
}
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def describe(value: object, depth: int = 0) -> str:  # noqa: PLR0911  # one line for each kind of value
    """Give the annotation that fits ``value``, with every name written in full.

    >>> describe([1, 2.5, "a"])
    'list[float | str]'
    >>> describe({"a": [1]})
    'dict[str, list[int]]'
    """
    kind = type(value)
    if value is None:
        return "None"
    if kind in _PLAIN:
        return _PLAIN[kind]
    if depth > 3:  # noqa: PLR2004  # deeper than anybody reads an annotation
        return ANY
    if isinstance(value, type):
        return f"type[{public_path(value)}]"
    if isinstance(value, _FUNCTIONS):
        return CALLABLE
    if isinstance(value, types.ModuleType):
        return "types.ModuleType"
    return _of_numpy(value) or _of_container(value, depth) or _of_instance(value)


def merge(seen: Iterable[str]) -> str:
    """Give one annotation for several seen ones: a union, ``Any`` where it would grow too long.

    >>> merge(["int", "float"]), merge(["str", "None"]), merge(["list[typing.Any]", "list[int]"])
    ('float', 'str | None', 'list[int]')
    >>> merge(["tuple[int, str]", "tuple[float, str]"]), merge(["tuple[int]", "tuple[int, int]"])
    ('tuple[float, str]', 'tuple[int, ...]')
    """
    parts = sorted(set(seen))
    if ANY in parts:
        return ANY
    parts = _with_one_tuple(parts)
    if "float" in parts and "int" in parts:
        parts.remove("int")
    for loose in [part for part in parts if part.endswith(f"[{ANY}]")]:
        if sum(part.startswith(loose[: -len(ANY) - 1]) for part in parts) > 1:
            parts.remove(loose)
    arrays = [part for part in parts if part.startswith("numpy.typing.NDArray")]
    if len(arrays) > 1:
        parts = [part for part in parts if part not in arrays] + [f"numpy.typing.NDArray[{ANY}]"]
    if len(parts) > MOST_IN_UNION and all(part.startswith("sklearn.") for part in parts):
        return "sklearn.base.BaseEstimator"
    if "None" in parts:
        parts = [*(part for part in parts if part != "None"), "None"]
    return " | ".join(parts) if 0 < len(parts) <= MOST_IN_UNION else ANY


def _with_one_tuple(parts: list[str]) -> list[str]:
    """Merge tuples item by item where they are equally long, else into one of any length."""
    tuples = [part for part in parts if part.startswith("tuple[") and " | " not in part]
    if len(tuples) < 2:  # noqa: PLR2004  # one tuple is itself
        return parts
    items = [_tuple_items(part) for part in tuples]
    if len({len(one) for one in items}) == 1 and "..." not in items[0]:
        merged = f"tuple[{', '.join(merge(column) for column in zip(*items, strict=True))}]"
    else:
        merged = f"tuple[{merge(item for one in items for item in one if item not in ('...', '()'))}, ...]"
    return sorted({*(part for part in parts if part not in tuples), merged})


def _tuple_items(annotation: str) -> list[str]:
    inner = ast.parse(annotation, mode="eval").body
    assert isinstance(inner, ast.Subscript)
    items = inner.slice.elts if isinstance(inner.slice, ast.Tuple) and inner.slice.elts else [inner.slice]
    return [ast.unparse(item) for item in items]


def public_path(kind: type) -> str:
    """Give the shortest dotted path without private parts under which a class can be imported."""
    module, name = kind.__module__, kind.__qualname__
    if module == "builtins":
        return name
    if "<locals>" in name:
        return ANY
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        prefix = parts[:length]
        if any(part.startswith("_") and part != "__main__" for part in prefix):
            break
        loaded = sys.modules.get(".".join(prefix))
        if (
            loaded is not None
            and vars(loaded).get(name.split(".", maxsplit=1)[0]) is not None
            and _reaches(loaded, name, kind)
        ):
            return f"{'.'.join(prefix)}.{name}"
    return f"{module}.{name}"


def _reaches(module: types.ModuleType, name: str, kind: type) -> bool:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is kind


def _of_numpy(value: Any) -> str | None:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.generic):
        return "float" if isinstance(value, float) else f"numpy.{type(value).__name__}"
    if type(value) is numpy.ndarray:
        plain = value.dtype.kind in "iufcbmMSUO" and not value.dtype.names
        return f"numpy.typing.NDArray[{f'numpy.{value.dtype.type.__name__}' if plain else ANY}]"
    return None


def _of_container(value: Any, depth: int) -> str | None:
    kind = type(value)
    if kind in (list, set, frozenset, collections.deque):
        name = kind.__name__ if kind is not collections.deque else "collections.deque"
        return f"{name}[{_items(value, depth)}]"
    if kind is tuple:
        if len(value) <= LONGEST_TUPLE:
            return f"tuple[{', '.join(describe(item, depth + 1) for item in value) or '()'}]"
        return f"tuple[{_items(value, depth)}, ...]"
    if kind in (dict, collections.OrderedDict, collections.defaultdict):
        name = kind.__name__ if kind is dict else f"collections.{kind.__name__}"
        return f"{name}[{_items(value, depth)}, {_items(value.values(), depth)}]"
    if kind is collections.Counter:
        return f"collections.Counter[{_items(value, depth)}]"
    return None


def _items(items: Iterable[object], depth: int) -> str:
    seen = {describe(item, depth + 1) for _, item in zip(range(MOST_ITEMS), items, strict=False)}
    return merge(seen) if seen else ANY


def _of_instance(value: Any) -> str:
    if isinstance(value, Path):
        return "pathlib.Path"
    if type(value).__name__ == "SList":  # what IPython gives for `lines = !command`
        return "list[str]"
    if isinstance(value, Iterator) and type(value).__module__ == "builtins":
        return "collections.abc.Iterator[typing.Any]"
    kind = type(value)
    if callable(value) and kind.__module__ in ("numpy", "functools"):
        return CALLABLE
    if kind.__module__ == "builtins" and not hasattr(sys.modules["builtins"], kind.__name__):
        return ANY
    paths = [public_path(base) for base in kind.__mro__[:-1]]
    return next((path for path in paths if not re.search(r"(^|\.)_(?!_main__)", path)), paths[0])
