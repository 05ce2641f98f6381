"""nbship carries a Jupyter notebook to production.

``import nbship`` loads nothing heavy: no IPython, libcst, Jupyter, mlflow or pandas.
"""

from __future__ import annotations

from importlib.metadata import version as _version

__all__ = ["__version__"]

__version__ = _version("nbship")
