"""Acts on a module as soon as it is imported, whoever imports it, so that a library is wrapped before its first use."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

_log = logging.getLogger("nbship.magics")

Act = Callable[[ModuleType], None]


class ImportWatch(importlib.abc.MetaPathFinder):
    """Stands before the other finders, finds nothing itself, and acts after what they found has run."""

    def __init__(self, acts: Mapping[str, Act]) -> None:
        self._acts = acts

    def install(self) -> None:
        """Act now on what is imported already, later on the rest."""
        sys.meta_path.insert(0, self)
        for name in self._acts:
            if name in sys.modules:
                self._act(sys.modules[name])

    def remove(self) -> None:
        """Watch no longer."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Give what the next finder gives, with a loader that tells us when it is done."""
        if fullname not in self._acts:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Telling(spec.loader, self._act)
                return spec
        return None

    def _act(self, module: ModuleType) -> None:
        try:
            self._acts[module.__name__](module)
        except Exception:  # noqa: BLE001  # a library we do not understand stays as it is
            _log.exception("%s is not watched", module.__name__)


class _Telling(importlib.abc.Loader):
    """Loads as the real loader does, puts that back, and tells."""

    def __init__(self, loader: Any, tell: Act) -> None:
        self._loader = loader
        self._tell = tell

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Leave it to the real loader."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Run the module as the real loader does, then tell."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._tell(module)
