"""nbship carries a Jupyter notebook to production.

``import nbship`` loads nothing heavy: no IPython, libcst, Jupyter, mlflow or pandas.
"""

from __future__ import annotations

from typing import Any

__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension"]

__version__: str


def __getattr__(name: str) -> str:
    """Give the version when somebody asks: what is installed is told by importlib.metadata, which is slow to import."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("nbship")


def load_ipython_extension(shell: Any) -> None:
    """Turn recording on in a kernel: what ``%load_ext nbship`` calls."""
    _call("load", shell)


def unload_ipython_extension(shell: Any) -> None:
    """Turn recording off again and take the magics away: what ``%unload_ext nbship`` calls."""
    _call("unload", shell)


def _call(name: str, shell: Any) -> None:
    """Call what the kernel's part offers under ``name``; the core knows it by entry point only.

    Only nbship's own entry points are read: reading those of every distribution takes longer than all the rest.
    """
    from importlib.metadata import distribution

    found = distribution("nbship").entry_points.select(group="nbship.ipython", name=name)
    try:
        for entry in found:
            entry.load()(shell)
    except ModuleNotFoundError as error:
        remedy = f"nbship needs {error.name} to record this kernel.\n  help: pip install 'nbship[magics]'"
        raise ModuleNotFoundError(remedy, name=error.name) from None
