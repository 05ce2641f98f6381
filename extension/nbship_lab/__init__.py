"""The Jupyter server's half of the sidebar: it asks a worker process and never blocks the server.

Every Jupyter server with nbship in its environment imports this module at start, so it loads nothing
but the standard library; even ``jupyter_server`` comes only when the extension is taken into use.
"""

from __future__ import annotations

from typing import Any

__all__ = ["_jupyter_labextension_paths", "_jupyter_server_extension_points"]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Where JupyterLab finds the built front end."""
    return [{"src": "labextension", "dest": "nbship"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Where the Jupyter server finds the application that answers the front end."""
    from nbship_lab.app import NbshipLab

    return [{"module": "nbship_lab.app", "app": NbshipLab}]
