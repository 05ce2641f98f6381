"""Puts a function that tells in the place of one that does not, and takes it away again."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any

_log = logging.getLogger("nbship.magics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is over; ``by_user`` where the user's own code made it, not a library.

    ``caller`` are the local names of a function of the user's that made it; nothing at the top of a cell.
    """

    module: str
    function: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any
    by_user: bool
    caller: Mapping[str, Any] = field(default_factory=dict)


Notice = Callable[[Call], None]


def _caller() -> FrameType | None:
    """Give the frame of whoever called the function that calls this one."""
    frame = inspect.currentframe()
    return frame.f_back.f_back if frame is not None and frame.f_back is not None else None


class Wrapping:
    """Wraps functions of modules. The original always runs, its exceptions are its own, ours are logged.

    ``namespace`` is the user's: aliases in it (``from pandas import read_csv``, made before we came) are replaced
    too. ``notice`` is told of each call, once it is over; of calls inside a call, in one thread, only of the outermost.
    """

    def __init__(self, namespace: dict[str, Any], notice: Notice) -> None:
        self._namespace = namespace
        self._notice = notice
        self._inside = threading.local()
        self._places: list[tuple[Any, str, Any, Any]] = []

    def wrap(self, module: ModuleType, functions: Iterable[str]) -> None:
        """Wrap the functions of a module where they are seen: there, where they are defined, and in aliases."""
        for name in functions:
            original = getattr(module, name, None)
            if callable(original) and not hasattr(original, "__nbship__"):
                telling = self._telling(module.__name__, name, original)
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

    def _telling(self, module: str, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def telling(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True  # IPython leaves this frame out of the user's traceback
            if getattr(self._inside, "call", False):
                return original(*args, **kwargs)
            self._inside.call = True
            try:
                result = original(*args, **kwargs)
            finally:
                self._inside.call = False
            frame = _caller()
            by_user = frame is not None and frame.f_globals is self._namespace
            inner = by_user and frame is not None and frame.f_locals is not self._namespace
            self._tell(
                Call(
                    module=module,
                    function=name,
                    args=args,
                    kwargs=kwargs,
                    result=result,
                    by_user=by_user,
                    caller=frame.f_locals if inner and frame is not None else {},
                )
            )
            return result

        telling.__nbship__ = True  # type: ignore[attr-defined]  # so that nobody wraps it twice
        return telling

    def _tell(self, call: Call) -> None:
        try:
            self._notice(call)
        except Exception:  # noqa: BLE001  # a wrapper never costs the user a result
            _log.exception("a call of %s was not recorded", call.function)
