"""nbship carries a Jupyter notebook to production.

``import nbship`` loads nothing heavy: no IPython, libcst, Jupyter, mlflow or pandas.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.metadata import version as _version
from typing import Any

__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension"]

__version__ = _version("nbship")


def load_ipython_extension(shell: Any) -> None:
    """Turn recording on in a kernel: what ``%load_ext nbship`` calls."""
    _call("load", shell)


def unload_ipython_extension(shell: Any) -> None:
    """Turn recording off again and take the magics away: what ``%unload_ext nbship`` calls."""
    _call("unload", shell)


def _call(name: str, shell: Any) -> None:
    """Call what the kernel's part offers under ``name``; the core knows it by entry point only."""
    found = [entry for entry in entry_points(group="nbship.ipython") if entry.name == name]
    try:
        for entry in found:
            entry.load()(shell)
    except ModuleNotFoundError as error:
        remedy = f"nbship needs {error.name} to record this kernel.\n  help: pip install 'nbship[magics]'"
        raise ModuleNotFoundError(remedy, name=error.name) from None
