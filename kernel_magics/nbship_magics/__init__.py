"""What lives in the kernel: ``%load_ext nbship`` records, ``%ship`` shows and registers.

Nothing here imports mlflow, and nothing raises into the user's cell.
"""

from __future__ import annotations

from typing import Any

__all__ = ["load", "unload"]

_installed: dict[int, Any] = {}


def load(shell: Any) -> None:
    """Put the magics into a kernel and begin to record; loading twice changes nothing."""
    if id(shell) not in _installed:
        from nbship_magics.extension import Extension

        extension = Extension(shell)
        extension.install()
        _installed[id(shell)] = extension


def unload(shell: Any) -> None:
    """Take all of it out again."""
    extension = _installed.pop(id(shell), None)
    if extension is not None:
        extension.remove()
