"""The numbers that ``sklearn.metrics`` gives to the user's own code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from nbship_magics.wrapping import Call, Wrapping

_METRIC = re.compile(r"_(score|error|loss|coef|deviance|variance|accuracy|kappa)$|^(auc|dcg|d2_\w+)$")
_MOST_PER_CELL = 1000


class Metrics:
    """Keeps the results of a cell's metric calls, so that the names they are bound to can be found."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._functions = Wrapping(namespace, self._noticed)
        self._results: list[tuple[str, Any]] = []

    def watch_sklearn(self, module: ModuleType) -> None:
        """Wrap the metric functions of ``sklearn.metrics``."""
        offered: Iterable[str] = getattr(module, "__all__", ())
        self._functions.wrap(module, [name for name in offered if _METRIC.search(name)])

    def remove(self) -> None:
        """Put the functions back."""
        self._functions.remove()

    def begin_cell(self) -> None:
        """Forget the last cell's results."""
        self._results.clear()

    def found(self, bound: Iterable[str]) -> list[tuple[str, float, str]]:
        """Give ``(name, value, function)`` of each call: the variable that holds the very object, or the function."""
        names = {id(self._namespace[name]): name for name in bound if name in self._namespace}
        return [(names.get(id(value), function), float(value), function) for function, value in self._results]

    def _noticed(self, call: Call) -> None:
        if call.by_user and is_number(call.result) and len(self._results) < _MOST_PER_CELL:
            self._results.append((call.function, call.result))


def is_number(value: Any) -> bool:
    """Tell whether a value is one number: Python's or numpy's, and no truth value."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return True
    kind = type(value)
    return kind.__module__ == "numpy" and kind.__name__.startswith(("float", "int", "uint"))
