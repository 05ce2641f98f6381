"""What MLflow shows of an assignment, and what it means where it shows something else. Pure.

The aliases ``champion`` and ``challenger`` and each version's tag ``stage`` follow from the assignment. Where MLflow
shows neither what the assignment says nor what it was shown last, somebody has changed it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from nbship import names
from nbship.model import Stage
from nbship.registry import assignment as roles
from nbship.registry.assignment import Assignment, stage_of

Subject = Literal["champion", "challenger", "stage", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What MLflow shows: the two roles, the stage of every version there is, and the heads of the history.

    ``head`` is the model's, ``heads`` are those of versions; a stage may be any word that people write there.
    """

    champion: int | None = None
    challenger: int | None = None
    stages: Mapping[int, str] = field(default_factory=dict[int, str])
    head: str | None = None
    heads: Mapping[int, str] = field(default_factory=dict[int, str])

    @property
    def aliases(self) -> dict[str, int | None]:
        """The roles by the names that MLflow has for them."""
        return {names.ALIAS_LIVE: self.champion, names.ALIAS_CANDIDATE: self.challenger}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Something in MLflow that nbship has not written: a role at another version, another stage, a version gone."""

    subject: Subject
    version: int | None
    stage: str | None = None
    says: str = ""


def view_of(assignment: Assignment, versions: Iterable[int]) -> View:
    """Give what MLflow should show of an assignment."""
    return View(
        champion=assignment.champion,
        challenger=assignment.challenger,
        stages={version: stage_of(assignment, version) for version in versions},
    )


def deviations(now: Assignment, shown_last: Assignment, shows: View) -> list[Deviation]:
    """Give what stands in MLflow that is neither what stands now nor what it was shown last."""
    found = _gone(now, shows)
    for alias, version in shows.aliases.items():
        ours = [view_of(item, ()).aliases[alias] for item in (now, shown_last)]
        lost = version is None and any(one is not None and one not in shows.stages for one in ours)
        if version not in ours and not lost:
            says = f"alias {alias}: {_word(ours[0])} -> {_word(version)}"
            subject: Subject = "champion" if alias == names.ALIAS_LIVE else "challenger"
            found.append(Deviation(subject=subject, version=version, says=says))
    for version, stage in sorted(shows.stages.items()):
        known = [stage_of(item, version) for item in (now, shown_last)]
        if stage not in known:
            says = f"stage of version {version}: {known[0]} -> {stage}"
            found.append(Deviation(subject="stage", version=version, stage=stage, says=says))
    return found


def _gone(now: Assignment, shows: View) -> list[Deviation]:
    named = {now.champion, now.challenger, *now.archived} - {None, *shows.stages}
    return [
        Deviation(subject="gone", version=version, says=f"version {version} is deleted")
        for version in sorted(filter(None, named))
    ]


def taken_over(now: Assignment, found: Sequence[Deviation]) -> tuple[Assignment, list[Deviation]]:
    """Give the assignment with what was done in MLflow, and what of it was not taken over.

    What is deleted is gone. For the rest, while a rollout runs the assignment wins; and a champion is replaced,
    not taken away: one whose alias or stage was removed goes on to answer.
    """
    after = roles.without(now, [item.version for item in found if item.subject == "gone" and item.version])
    left: list[Deviation] = []
    for item in found:
        if item.subject == "gone":
            continue
        changed = None if now.mode != "off" else _followed(after, item)
        if changed is None:
            left.append(item)
        else:
            after = changed
    return after, left


def _followed(now: Assignment, item: Deviation) -> Assignment | None:
    """Give the assignment with one change of MLflow's; None where it makes no sense."""
    if item.subject == "challenger" and item.version is None:
        if now.challenger is None:
            return now
        return roles.staged(now, now.challenger, names.STAGE_EXPERIMENTAL)
    if item.version is None:
        return None
    wanted: dict[str, Stage] = {"champion": names.STAGE_PRODUCTION, "challenger": names.STAGE_STAGING}
    stage = wanted.get(item.subject) or _stage(item.stage)
    if stage is None or (item.version == now.champion and stage != names.STAGE_PRODUCTION):
        return None
    return roles.staged(now, item.version, stage)


def found_in(model: str, shows: View) -> Assignment:
    """Give the assignment that MLflow shows of a model that nbship has no history of yet."""
    champion = shows.champion or _only(shows, names.STAGE_PRODUCTION)
    challenger = shows.challenger or _only(shows, names.STAGE_STAGING)
    return Assignment(
        model=model,
        revision=0,
        champion=champion,
        challenger=challenger if challenger != champion else None,
        archived=tuple(
            version
            for version, stage in sorted(shows.stages.items())
            if stage == names.STAGE_ARCHIVED and version not in (champion, challenger)
        ),
    )


def _only(shows: View, stage: str) -> int | None:
    versions = [version for version, there in shows.stages.items() if there == stage]
    return max(versions, default=None)


def _stage(word: str | None) -> Stage | None:
    return next((stage for stage in get_args(Stage) if stage == word), None)


def _word(version: int | None) -> str:
    return "none" if version is None else f"version {version}"
