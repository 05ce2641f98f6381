"""``[tool.nbship.retrain]``: when a model is trained again, on what, and what becomes of the new version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, cast

from nbship.errors import InputError

Severity = Literal["info", "warning", "critical", "never"]
Then = Literal["rollout", "promote", "nothing"]

WHERE = "[tool.nbship.retrain]"
_LENGTH = re.compile(r"(?P<count>\d+)\s*(?P<unit>min|h|d|w)")
_UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When and how; ``every`` is None where time alone is no reason, ``set`` are fields of the package's Config.

    ``wait`` is how long after an attempt, whatever came of it, the next one may begin; ``then`` is what becomes of a
    version that passed its gates. ``data`` and ``python`` are None where the package's own are meant.
    """

    every: timedelta | None = None
    drift: Severity = "critical"
    windows: int = 1
    wait: timedelta = timedelta(days=1)
    then: Then = "rollout"
    data: str | None = None
    set: Mapping[str, Any] = field(default_factory=dict[str, Any])
    model: str | None = None
    reference: str | None = None
    python: str | None = None
    timeout_s: int = 3600


def read(table: Mapping[str, Any], *, rollout: bool, project: Path | None) -> Plan:
    """Read the table. ``rollout`` is whether rollouts are configured: without, a version that passed is promoted.

    Raises InputError where a word or a length of time is none.
    """
    drift, then = table.get("drift", "critical"), table.get("then", "rollout" if rollout else "promote")
    if drift not in {"info", "warning", "critical", "never"}:
        raise InputError(f"drift {drift!r} is none of info, warning, critical, never", where=WHERE)
    if then not in {"rollout", "promote", "nothing"}:
        raise InputError(f"then {then!r} is none of rollout, promote, nothing", where=WHERE)
    folder = project.parent if project else Path()
    return Plan(
        every=_length("every", table["every"]) if "every" in table else None,
        drift=cast("Severity", drift),
        windows=max(1, table.get("windows", 1)),
        wait=_length("wait", table.get("wait", "1d")),
        then=cast("Then", then),
        data=str(folder / table["data"]) if "data" in table else None,
        set=table.get("set", {}),
        model=table.get("model"),
        reference=table.get("reference"),
        python=str(folder / table["python"]) if "python" in table else None,
        timeout_s=table.get("timeout_s", 3600),
    )


def _length(key: str, text: str) -> timedelta:
    """Read a length of time.

    >>> _length("every", "12h")
    datetime.timedelta(seconds=43200)
    """
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise InputError(
            f"{key} {text!r} is no length of time", where=WHERE, help="such as 30min, 12h, 7d, 4w"
        )
    return timedelta(**{_UNITS[found["unit"]]: int(found["count"])})
