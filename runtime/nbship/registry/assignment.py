"""Which versions of a model answer, and for whom: the record, and each way in which it may change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from nbship import names
from nbship.errors import InputError
from nbship.model import Stage

Mode = Literal["off", "shadow", "canary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Which versions of a model answer, and for whom.

    ``revision`` grows by one with each change, and is 0 while nothing is there. ``off``: only the champion sees
    requests; ``shadow``: the challenger sees them all, its answers unused; ``canary``: it answers for ``share`` of
    the keys. ``rollout`` is the document (JSON) of the rollout that runs.
    """

    model: str
    revision: int
    champion: int | None = None
    challenger: int | None = None
    mode: Mode = "off"
    share: float = 0.0
    rollout: str | None = None
    archived: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.model:
            raise InputError("a model has a name")
        if self.challenger is not None and self.challenger == self.champion:
            raise InputError(f"version {self.champion} of {self.model!r} cannot challenge itself")
        if self.mode != "off" and (self.champion is None or self.challenger is None):
            raise InputError(f"{self.mode} of {self.model!r} needs a champion and a challenger")
        if not 0 <= self.share <= 1:
            raise InputError(f"a share is between 0 and 1, not {self.share}")

    def to_json(self) -> dict[str, Any]:
        """Give all of it as JSON knows it."""
        return {
            **{item.name: getattr(self, item.name) for item in fields(self)},
            "archived": [*self.archived],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Assignment:
        """Read what ``to_json`` gave."""
        given: dict[str, Any] = {**document, "archived": tuple(document.get("archived", ()))}
        return cls(**given)


def stage_of(assignment: Assignment, version: int) -> Stage:
    """Give a version's stage.

    >>> stage_of(Assignment(model="m", revision=1, champion=3), 3)
    'production'
    """
    if version == assignment.champion:
        return names.STAGE_PRODUCTION
    if version == assignment.challenger:
        return names.STAGE_STAGING
    return names.STAGE_ARCHIVED if version in assignment.archived else names.STAGE_EXPERIMENTAL


def placed(assignment: Assignment, version: int) -> Assignment:
    """Make the first version champion, a later one challenger; while a rollout runs it has to wait."""
    if assignment.champion is None:
        return staged(assignment, version, names.STAGE_PRODUCTION)
    if assignment.mode != "off" or version == assignment.champion:
        return assignment
    return staged(assignment, version, names.STAGE_STAGING)


def staged(assignment: Assignment, version: int, stage: Stage) -> Assignment:
    """Give a version its stage.

    A champion that gives way is archived, a challenger that gives way is experimental again, and a rollout ends with
    either of its versions.
    """
    champion, challenger = assignment.champion, assignment.challenger
    archived = set(assignment.archived) - {version}
    if stage == names.STAGE_ARCHIVED:
        archived.add(version)
    if stage == names.STAGE_PRODUCTION and champion not in (None, version):
        archived.add(champion)
    champion = version if stage == names.STAGE_PRODUCTION else _without(champion, version)
    challenger = version if stage == names.STAGE_STAGING else _without(challenger, version)
    goes_on = (champion, challenger) == (assignment.champion, assignment.challenger)
    return replace(
        assignment if goes_on else without_rollout(assignment),
        champion=champion,
        challenger=challenger,
        archived=tuple(sorted(archived)),
    )


def without_rollout(assignment: Assignment) -> Assignment:
    """End a rollout: only the champion sees requests."""
    return replace(assignment, mode="off", share=0.0, rollout=None)


def without(assignment: Assignment, gone: Iterable[int]) -> Assignment:
    """Forget versions that are there no more."""
    gone = set(gone)
    champion = None if assignment.champion in gone else assignment.champion
    challenger = None if assignment.challenger in gone else assignment.challenger
    goes_on = (champion, challenger) == (assignment.champion, assignment.challenger)
    return replace(
        assignment if goes_on else without_rollout(assignment),
        champion=champion,
        challenger=challenger,
        archived=tuple(version for version in assignment.archived if version not in gone),
    )


def _without(role: int | None, version: int) -> int | None:
    return None if role == version else role
