"""What a gate says: passed, failed or inconclusive, and a row for everything that it looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Status = Literal["passed", "failed", "inconclusive"]
Gate = Literal["data", "smoke", "model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that was looked at.

    ``what`` is the check, ``where`` the file and column, the step or the slice; ``cause`` says in plain words what
    may have happened, and is empty where there is nothing to explain.
    """

    what: str
    where: str
    status: Status
    expected: str = ""
    found: str = ""
    cause: str = ""

    def to_json(self) -> dict[str, str]:
        """Give the row as ``--json`` prints it."""
        return {
            "what": self.what,
            "where": self.where,
            "status": self.status,
            "expected": self.expected,
            "found": self.found,
            "cause": self.cause,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate says of a repository; ``metrics`` are numbers worth keeping with the run."""

    gate: Gate
    rows: tuple[Row, ...]
    metrics: Mapping[str, float]

    @property
    def status(self) -> Status:
        """Failed where any row failed; passed where one passed and none is open.

        >>> row = Row(what="rows", where="a.csv", status="passed")
        >>> verdict([row]).status, verdict([row, replace(row, status="inconclusive")]).status, verdict([]).status
        ('passed', 'inconclusive', 'inconclusive')
        """
        found = {row.status for row in self.rows}
        if "failed" in found:
            return "failed"
        return "passed" if found == {"passed"} else "inconclusive"

    @property
    def failures(self) -> tuple[Row, ...]:
        """The rows that failed."""
        return tuple(row for row in self.rows if row.status == "failed")

    def required(self) -> Verdict:
        """Give the verdict of a gate that must be decided: what is inconclusive has failed."""
        rows = [replace(row, status="failed") if row.status == "inconclusive" else row for row in self.rows]
        return replace(self, rows=tuple(rows))

    def to_json(self) -> dict[str, Any]:
        """Give the object that ``nbship check --json`` prints."""
        return {
            "gate": self.gate,
            "status": self.status,
            "rows": [row.to_json() for row in self.rows],
            "metrics": dict(self.metrics),
        }


def verdict(
    rows: Iterable[Row], *, gate: Gate = "data", metrics: Mapping[str, float] | None = None
) -> Verdict:
    """Give the verdict that these rows amount to."""
    return Verdict(gate=gate, rows=tuple(rows), metrics=metrics or {})
