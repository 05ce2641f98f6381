"""Who answers: two people at once, and no change without its record."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nbship import config
from nbship.errors import ConflictError, InputError
from nbship.registry import assignment as roles
from nbship.registry.assignments import Assignment, Assignments, shown
from nbship.registry.lifecycle import previous_champion, rolled_back

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def assignments(
    home: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Assignments]:
    del home
    if request.param == "postgresql":
        monkeypatch.setenv("NBSHIP_STATE_URL", request.getfixturevalue("postgresql_url"))
    made = Assignments(config.load())
    yield made
    made.close()


def decide(
    assignments: Assignments, to: Assignment, *, action: str = "promoted", who: str = "ada"
) -> Assignment:
    """Change what stands, whatever it is."""
    expected = assignments.of(to.model).revision
    return assignments.change(to, expected=expected, action=action, who=who, at=AT, why="it is better")


def test_a_model_that_nobody_knows_is_at_revision_nought(assignments: Assignments) -> None:
    assert assignments.of("bikes") == Assignment(model="bikes", revision=0)
    assert assignments.all() == []
    assert assignments.history("bikes") == []


def test_a_change_leaves_the_row_and_its_record(assignments: Assignments) -> None:
    decide(assignments, Assignment(model="bikes", revision=0, champion=1))
    now = decide(assignments, replace(assignments.of("bikes"), challenger=2, mode="canary", share=0.25))
    assert assignments.of("bikes") == now
    assert (now.revision, shown(now)) == (2, "champion 1, challenger 2, canary for 25 %")
    first, second = assignments.history("bikes")
    assert (first.number, first.who, first.before.revision, first.after.champion) == (1, "ada", 0, 1)
    assert second.before == first.after
    assert second.after == now
    assert assignments.verify("bikes") == []
    assert assignments.all() == [now]


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_who_comes_second_is_told_what_stands_now(assignments: Assignments, expected: int) -> None:
    seen = decide(assignments, Assignment(model="bikes", revision=0, champion=1))
    decide(assignments, roles.staged(seen, 2, "production"), who="bo")
    with pytest.raises(ConflictError, match="revision 2") as told:
        assignments.change(
            roles.staged(seen, 3, "production"), expected=expected, action="promoted", who="cy", at=AT, why=""
        )
    assert told.value.help is not None
    assert "now champion 2; promoted by bo at 2026-07-01 12:00: it is better" in told.value.help
    assert assignments.of("bikes").champion == 2
    assert len(assignments.history("bikes")) == 2


def test_a_row_that_was_edited_without_a_record_shows(assignments: Assignments) -> None:
    decide(assignments, Assignment(model="bikes", revision=0, champion=1))
    with assignments._database.begin() as connection:
        connection.execute(assignments._tables.changed_row({"model": "bikes", "champion": 7}, expected=1))
    (found,) = assignments.verify("bikes")
    assert (found.number, found.kind) == (1, "row")


def test_a_history_whose_end_was_cut_shows_by_its_row(assignments: Assignments) -> None:
    import sqlalchemy as sa

    for version in (1, 2, 3):
        decide(assignments, roles.staged(assignments.of("bikes"), version, "production"))
    with assignments._database.begin() as connection:
        connection.execute(sa.text("DELETE FROM nbship_audit WHERE number > 1"))
    (found,) = assignments.verify("bikes")
    assert (found.number, found.kind) == (2, "cut")


@pytest.mark.slow
def test_of_processes_that_change_at_once_one_wins_each_revision(assignments: Assignments) -> None:
    racer = Path(__file__).with_name("racer.py")
    racers = [
        subprocess.Popen([sys.executable, racer, str(number), "10"], stdout=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    for process in racers:
        assert process.communicate(timeout=100)[0] == "10 won\n"
    records = assignments.history("bikes")
    assert [record.number for record in records] == list(range(1, 31))
    assert assignments.verify("bikes") == []
    assert assignments.of("bikes").champion == 30


def test_stages_follow_from_the_roles() -> None:
    now = Assignment(model="bikes", revision=0)
    now = roles.placed(now, 1)
    now = roles.placed(now, 2)
    now = roles.placed(now, 3)
    assert [roles.stage_of(now, version) for version in (1, 2, 3)] == [
        "production",
        "experimental",
        "staging",
    ]
    now = roles.staged(now, 3, "production")
    assert [roles.stage_of(now, version) for version in (1, 2, 3)] == [
        "archived",
        "experimental",
        "production",
    ]
    now = roles.staged(now, 3, "archived")
    assert (now.champion, now.archived) == (None, (1, 3))
    assert roles.without(now, [1]).archived == (3,)


def test_a_new_version_waits_while_a_rollout_runs() -> None:
    now = Assignment(
        model="bikes", revision=5, champion=1, challenger=2, mode="canary", share=0.1, rollout="{}"
    )
    assert roles.placed(now, 3) == now
    ended = roles.staged(now, 3, "staging")
    assert (ended.challenger, ended.mode, ended.share, ended.rollout) == (3, "off", 0.0, None)
    assert roles.staged(now, 7, "archived").mode == "canary"


def test_what_cannot_be_is_refused() -> None:
    for wrong in ({"challenger": 1}, {"mode": "shadow"}, {"share": 1.5}):
        with pytest.raises(InputError):
            Assignment(**{"model": "bikes", "revision": 1, "champion": 1, **wrong})
    with pytest.raises(InputError):
        Assignment(model="", revision=0)


def test_rolling_back_goes_to_the_champion_before_and_not_back_to_what_failed(
    assignments: Assignments,
) -> None:
    for version in (1, 2, 3):
        decide(assignments, roles.staged(assignments.of("bikes"), version, "production"))
    there = [1, 2, 3, 4]
    for expected in (2, 1):
        now = assignments.of("bikes")
        after = rolled_back(now, assignments.history("bikes"), there)
        assert after.champion == expected
        decide(assignments, after, action="rolled back")
    with pytest.raises(InputError, match="no earlier champion"):
        rolled_back(assignments.of("bikes"), assignments.history("bikes"), there)
    decide(assignments, roles.staged(assignments.of("bikes"), 4, "production"))
    history = assignments.history("bikes")
    assert previous_champion(assignments.of("bikes"), history, there) == 1
    assert previous_champion(assignments.of("bikes"), history, [4]) is None


def test_rolling_back_while_a_rollout_runs_ends_it() -> None:
    now = Assignment(
        model="bikes", revision=5, champion=1, challenger=2, mode="canary", share=0.1, rollout="{}"
    )
    after = rolled_back(now, [], [1, 2])
    assert (after.champion, after.challenger, after.mode, after.rollout) == (1, None, "off", None)
    assert after.archived == (2,)
