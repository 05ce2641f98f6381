"""Puts a function that tells in the place of one that does not, and takes it away again."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

_log = logging.getLogger("nbship.magics")

Notice = Callable[[str, tuple[Any, ...], Mapping[str, Any], Any, bool], None]


def _caller_globals() -> Any:
    """Give the globals of whoever called the function that calls this one."""
    frame = inspect.currentframe()
    caller = frame.f_back.f_back if frame is not None and frame.f_back is not None else None
    return caller.f_globals if caller is not None else None


class Wrapping:
    """Wraps functions of modules. The original always runs, its exceptions are its own, ours are logged.

    ``namespace`` is the user's: aliases in it (``from pandas import read_csv``, made before we came) are replaced
    too. ``notice`` is told the name, arguments, result, and whether the user's own code made the call.
    """

    def __init__(self, namespace: dict[str, Any], notice: Notice) -> None:
        self._namespace = namespace
        self._notice = notice
        self._depth = 0
        self._places: list[tuple[Any, str, Any, Any]] = []

    def wrap(self, module: ModuleType, functions: Iterable[str]) -> None:
        """Wrap the functions of a module where they are seen: there, where they are defined, and in aliases."""
        for name in functions:
            original = getattr(module, name, None)
            if callable(original) and not hasattr(original, "__nbship__"):
                telling = self._telling(name, original)
                home = sys.modules.get(getattr(original, "__module__", "") or "")
                for place in {id(module): module, id(home): home}.values():
                    if place is not None and getattr(place, name, None) is original:
                        setattr(place, name, telling)
                        self._places.append((place, name, original, telling))
                self._replace_aliases(original, telling)

    def remove(self) -> None:
        """Put the originals back wherever ours are still in place."""
        for place, name, original, telling in self._places:
            if getattr(place, name, None) is telling:
                setattr(place, name, original)
            self._replace_aliases(telling, original)
        self._places.clear()

    def _replace_aliases(self, old: Any, new: Any) -> None:
        for alias in [name for name, value in self._namespace.items() if value is old]:
            self._namespace[alias] = new

    def _telling(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def telling(*args: Any, **kwargs: Any) -> Any:
            outermost = self._depth == 0
            self._depth += 1
            try:
                result = original(*args, **kwargs)
            finally:
                self._depth -= 1
            if outermost:
                by_user = _caller_globals() is self._namespace
                self._tell(name, args, kwargs, result, by_user)
            return result

        telling.__nbship__ = True  # type: ignore[attr-defined]  # so that nobody wraps it twice
        return telling

    def _tell(self, name: str, args: Any, kwargs: Any, result: Any, by_user: bool) -> None:
        try:
            self._notice(name, args, kwargs, result, by_user)
        except Exception:  # noqa: BLE001  # a wrapper never costs the user a result
            _log.exception("a call of %s was not recorded", name)
