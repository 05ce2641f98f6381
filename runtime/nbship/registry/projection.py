"""What MLflow shows of an assignment: the aliases, each version's tag ``stage``, and the head of the history.

Pure: what should stand there, and how what stands there differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nbship import names
from nbship.model import Stage
from nbship.registry.assignment import Assignment, stage_of


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What MLflow shows: the two roles, the stage of every version there is, the head of the history if one is shown."""

    champion: int | None
    challenger: int | None
    stages: Mapping[int, Stage]
    head: str | None = None

    @property
    def aliases(self) -> dict[str, int | None]:
        """The roles by the names that MLflow has for them."""
        return {names.ALIAS_LIVE: self.champion, names.ALIAS_CANDIDATE: self.challenger}


def view_of(assignment: Assignment, versions: Iterable[int], head: str | None = None) -> View:
    """Give what MLflow should show of an assignment."""
    return View(
        champion=assignment.champion,
        challenger=assignment.challenger,
        stages={version: stage_of(assignment, version) for version in versions},
        head=head,
    )
