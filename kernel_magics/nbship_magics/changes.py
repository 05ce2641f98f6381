"""Which names a cell changed in place, as far as that can be seen in a share of the cell's own time.

Only what the cell can touch is looked at: names in its text, in the functions and methods of the user's that it can
call, and other names of the same objects. What is not compared is told as unchecked, never as unchanged.
"""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nbship_magics import stamps
from nbship_magics.identity import identity

__all__ = ["Changes", "Seen", "reach"]

#: The share of a cell's time that comparing may take, and the seconds that it may take in any case.
SHARE, LEAST_S = 0.05, 0.001
#: Bytes that can be stamped in a second on a slow machine: what a budget of time is worth.
BYTES_PER_S = 4e9
_MOST_ITEMS = 10_000
_DEEPEST = 8
_ATOMS = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    range,
    types.FunctionType,
    type,
    types.ModuleType,
)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A mark of content; one that is not ``whole`` tells a change but not that there was none."""

    of: int
    whole: bool
    content: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of the names that a cell can touch."""

    changed: tuple[str, ...]
    unchecked: tuple[str, ...]


class Changes:
    """Marks what cells touch, before and after; a mark is kept for the next cell that touches the same object."""

    def __init__(self, namespace: Mapping[str, Any], clock: Callable[[], float] = time.perf_counter) -> None:
        self._namespace = namespace
        self._clock = clock
        self.touched: set[str] = set()  # the names that the cell which is running can touch
        self._marks: dict[str, _Mark] = {}

    def before(self, names: Iterable[str]) -> None:
        """Mark what is quickly marked; of the rest the marks of the last cell that touched it are good.

        So those that have none come first.
        """
        self.touched = {name for name in reach(names, self._namespace) if self._is_watched(name)}
        self._mark(sorted(self.touched, key=lambda name: (self._known(name) is not None, name)), LEAST_S)

    def after(self, bound: Iterable[str], duration_s: float) -> Seen:
        """Compare, and mark what was bound for the next cell."""
        new = set(bound)
        touched = {name for name in self.touched - new if name in self._namespace}
        before = {name: mark for name in touched if (mark := self._known(name)) is not None}
        after = self._mark([*sorted(touched), *sorted(new)], max(SHARE * duration_s, LEAST_S))
        both = [
            (name, before[name], after[name]) for name in sorted(touched) if name in before and name in after
        ]
        changed = {name for name, one, other in both if one.content != other.content}
        certain = changed | {name for name, one, other in both if one.whole and other.whole}
        return Seen(changed=tuple(sorted(changed)), unchecked=tuple(sorted(touched - certain)))

    def _mark(self, names: Iterable[str], seconds: float) -> dict[str, _Mark]:
        """Mark values until the time is up; what is too large for the time that is left is not begun."""
        until = self._clock() + seconds
        found: dict[str, _Mark] = {}
        made: dict[int, _Mark | None] = {}
        for name in names:
            value = self._namespace.get(name)
            if identity(value) not in made:
                left = until - self._clock()
                made[identity(value)] = _mark(value, int(left * BYTES_PER_S)) if left > 0 else None
            mark = made[identity(value)]
            if mark is not None:
                found[name] = self._marks[name] = mark
            elif (known := self._marks.get(name)) is not None and known.of != identity(value):
                del self._marks[name]
        return found

    def _known(self, name: str) -> _Mark | None:
        mark = self._marks.get(name)
        return mark if mark is not None and mark.of == identity(self._namespace.get(name)) else None

    def _is_watched(self, name: str) -> bool:
        return not _is_atom(self._namespace[name]) and not name.startswith("_")


def reach(names: Iterable[str], namespace: Mapping[str, Any]) -> set[str]:
    """Give the names that code can touch: its own, those of the functions it can call, and aliases of all of them."""
    found: set[str] = set()
    pending = [(name, 0) for name in names if name in namespace]
    while pending:
        name, depth = pending.pop()
        if name not in found:
            found.add(name)
            if depth < _DEEPEST:
                inner = (n for code in _codes(namespace[name]) for n in code.co_names)
                pending += [(n, depth + 1) for n in inner if n in namespace and n not in found]
    touched = {identity(namespace[name]) for name in found if not _is_atom(namespace[name])}
    return found | {
        name for name, value in namespace.items() if name[:1] != "_" and identity(value) in touched
    }


def _codes(value: Any) -> Iterator[types.CodeType]:
    """Give the code of a function of the user's, of the methods of a class, and of what is nested in them."""
    kind = value if issubclass(type(value), type) else type(value)
    if type(value) is types.FunctionType:
        yield from _nested(value.__code__)
    elif getattr(kind, "__module__", None) == "__main__":
        for member in vars(kind).values():
            if isinstance(member, types.FunctionType):
                yield from _nested(member.__code__)


def _is_atom(value: Any) -> bool:
    """Whether a value cannot change; asked of its class alone, as an object may raise on any touch."""
    return issubclass(type(value), _ATOMS)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def _mark(value: Any, budget_bytes: int) -> _Mark | None:
    """Give a mark of a value; None where its content cannot be had within the budget."""
    try:
        if stamps.is_watched(value):
            stamp = stamps.stamps(["value"], {"value": value}, budget_bytes=budget_bytes).get("value")
            return _Mark(identity(value), True, stamp) if stamp is not None else None
        items = _items(value)
        if items is None or len(items) > _MOST_ITEMS:
            return None
        whole = all(type(item) in _ATOMS for item in items)
        content = tuple(items) if whole else tuple(map(identity, items))
        return _Mark(
            identity(value), whole, (type(value), _labels(value), repr(content) if whole else content)
        )
    except Exception:  # noqa: BLE001  # the user's objects may raise on any touch: unchecked is an answer
        return None


def _items(value: Any) -> list[Any] | None:
    """Give what a plain container, or an instance of a class of the user's, holds directly."""
    kind = type(value)
    if kind in (list, tuple, set, frozenset):
        return list(value)
    if kind is dict:
        return list(value.values())
    if kind is bytearray:
        return [bytes(value)]
    if kind.__module__ == "__main__" and hasattr(value, "__dict__"):
        return list(vars(value).values())
    return None


def _labels(value: Any) -> tuple[Any, ...]:
    if type(value) is dict:
        return tuple(map(identity, value))
    return tuple(vars(value)) if type(value).__module__ == "__main__" and hasattr(value, "__dict__") else ()
