"""The MLflow run that the notebook itself has opened, by hand or by ``mlflow.autolog``.

Only where the user has imported mlflow, and only what it holds in memory: no call here may ask a server, which could
take minutes. Thus mlflow's own stack of runs is read, not ``mlflow.last_active_run()``.
"""

from __future__ import annotations

import sys
from typing import Any

from nbship import store
from nbship.facts import UserRun


class UserRuns:
    """Tells when the user's run is another one, or has ended."""

    def __init__(self) -> None:
        seen = _seen()
        self._last: UserRun | None = None
        self._ended_before = seen.run_id if seen is not None and not seen.active else None

    def news(self) -> UserRun | None:
        """Give the user's run, if that is not what was told before. A run that ended before we came is not ours."""
        seen = _seen()
        if seen is None or seen == self._last or seen.run_id == self._ended_before:
            return None
        self._last = seen
        return seen


def _seen() -> UserRun | None:
    fluent: Any = sys.modules.get("mlflow.tracking.fluent")
    mlflow: Any = sys.modules.get("mlflow")
    if fluent is None or mlflow is None:
        return None
    stack = fluent._active_run_stack.get()  # noqa: SLF001  # there is no public way that asks no server
    run_id = stack[-1].info.run_id if stack else fluent._last_active_run_id.get()  # noqa: SLF001  # as above
    if not isinstance(run_id, str):
        return None
    return UserRun(run_id=run_id, tracking_uri=_address(mlflow.get_tracking_uri()), active=bool(stack))


def _address(uri: str) -> str:
    """Give an address that holds from any folder, without a password."""
    path = store.sqlite_file(uri)
    if path is not None and not path.is_absolute():
        return f"{uri.partition(':')[0]}:///{path.absolute()}"
    return store.shown(uri)
