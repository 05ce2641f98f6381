"""Where a session comes from: notebook, user, commit, and the distributions it really uses."""

from __future__ import annotations

import getpass
import json
import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nbship.facts import SessionStarted


def session_started(namespace: dict[str, Any]) -> SessionStarted:
    """Give the first fact of a session. Asks git, so not on the user's thread."""
    path = notebook_path(namespace)
    metadata = _metadata(path)
    commit, dirty = _commit(path.parent if path else Path.cwd())
    return SessionStarted(
        python=platform.python_version(),
        user=user(),
        notebook_id=metadata.get("id"),
        notebook_name=path.name if path else None,
        model=metadata.get("model"),
        commit=commit,
        dirty=dirty,
    )


def user() -> str:
    """Give who is at work: what a hub says, or the login."""
    try:
        return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError):  # a container without a user table
        return "unknown"


def notebook_path(namespace: dict[str, Any]) -> Path | None:
    """Give the notebook's file where the front end tells it: Jupyter by environment, VS Code by a variable."""
    told = os.environ.get("JPY_SESSION_NAME") or namespace.get("__vsc_ipynb_file__")
    return Path(told) if isinstance(told, str) and told else None


def running_cell(shell: Any) -> SimpleNamespace | None:
    """Give the cell that runs now as ``pre_run_cell`` is told of it; None where none does, or no kernel tells."""
    parent: dict[str, Any] = getattr(shell, "parent_header", None) or {}
    content = parent.get("content", {})
    if parent.get("header", {}).get("msg_type") != "execute_request" or "code" not in content:
        return None
    return SimpleNamespace(
        raw_cell=content["code"],
        silent=bool(content.get("silent", False)),
        store_history=bool(content.get("store_history", True)),
        cell_id=parent.get("metadata", {}).get("cellId"),
    )


def _metadata(path: Path | None) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path else {}
        found = document.get("metadata", {}).get("nbship", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


def _commit(folder: Path) -> tuple[str | None, bool | None]:
    from nbship import repository

    commit = repository.head_of(folder)
    return commit, repository.is_dirty(folder) if commit else None


def imported_roots() -> frozenset[str]:
    """Give the top-level names of what is imported."""
    return frozenset(name.partition(".")[0] for name in tuple(sys.modules))


def requirements(roots: frozenset[str]) -> tuple[str, ...]:
    """Give ``name==version`` of the distributions behind some top-level names, the standard library apart."""
    known = _distributions()
    found = {name for root in roots - sys.stdlib_module_names for name in known.get(root, ())}
    pinned = {name: _version(name) for name in found}
    return tuple(f"{name}=={number}" for name, number in sorted(pinned.items()) if number)


@cache
def _distributions() -> dict[str, tuple[str, ...]]:
    return {root: tuple(names) for root, names in packages_distributions().items()}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
