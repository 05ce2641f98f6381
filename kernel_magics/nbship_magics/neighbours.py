"""The user's own modules beside the notebook: found as they are imported, told like the cells' functions.

They are no distributions, so a package that needs them must take them along; their functions say what they are
given and give back as those of the cells do.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from nbship_magics.calls import Instrument

__all__ = ["Neighbours"]


class Neighbours(MetaPathFinder):
    """Finds modules below ``root``, the tree in which the notebook runs; ``sources`` are those that were imported.

    Keys of ``sources`` are paths as a package holds them: ``pkg/__init__.py``, ``pkg/module.py``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources: dict[str, str] = {}

    @property
    def roots(self) -> set[str]:
        """The top-level names of what was imported: classes in there are the user's own."""
        return {path.split("/")[0].removesuffix(".py") for path in self.sources}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give the spec of a module below the root, with a loader that instruments it; else leave it to others."""
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        origin = Path(spec.origin)
        if not origin.resolve().is_relative_to(self.root):
            return None
        spec.loader = _Loader(fullname, spec.origin)
        name = fullname.replace(".", "/")
        held = f"{name}/__init__.py" if spec.submodule_search_locations is not None else f"{name}.py"
        self.sources[held] = origin.read_text(encoding="utf-8")
        return spec


class _Loader(SourceFileLoader):
    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:  # type: ignore[override]  # importlib calls it so
        tree = Instrument(f"{self.name}:").visit(ast.parse(data, filename=str(path)))
        code: CodeType = compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)
        return code
