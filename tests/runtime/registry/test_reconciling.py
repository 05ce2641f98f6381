"""MLflow shows who answers, whoever died on the way; what people do in it is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_models import FakeModels

from nbship import config
from nbship.errors import ConflictError, InputError, PolicyError, StoreError
from nbship.monitoring.service import Registered
from nbship.registry import Registry, lifecycle
from nbship.registry.assignments import Assignment
from nbship.registry.reconciling import reconcile

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Shop:
    """A registry with a model of three versions; the first was registered, then the second, then the third."""

    def __init__(self) -> None:
        self.mlflow = FakeModels()
        self.registry = Registry(config.load(), client=self.mlflow)  # type: ignore[arg-type]
        self.mlflow.add("bikes")
        for version in (1, 2, 3):
            self.mlflow.add("bikes", version)
            lifecycle.place(self.registry, "bikes", version, who="ada", at=AT)

    @property
    def now(self) -> Assignment:
        return self.registry.assignments.of("bikes")

    def actions(self) -> list[str]:
        return [record.action for record in self.registry.assignments.history("bikes")]

    def last(self) -> tuple[str, dict[str, list[str]]]:
        record = self.registry.assignments.history("bikes")[-1]
        return record.action, dict(record.evidence)

    def roll_out(self) -> None:
        """Let version 3 answer for a tenth of the keys."""
        to = replace(self.now, mode="canary", share=0.1, rollout="{}")
        self.registry.assignments.change(
            to, expected=self.now.revision, action="rollout started", who="ada", at=AT, why=""
        )
        reconcile(self.registry, "bikes")

    def reconcile(self) -> Assignment:
        return reconcile(self.registry, "bikes", clock=lambda: AT)

    def breaks(self) -> list[str]:
        heads = self.registry.heads("bikes")
        return [item.says for item in self.registry.assignments.verify("bikes", *heads)]


@pytest.fixture
def shop(home: Path) -> Iterator[Shop]:
    del home
    made = Shop()
    yield made
    made.registry.close()


def test_all_of_it_works_on_postgresql(
    home: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    monkeypatch.setenv("NBSHIP_STATE_URL", postgresql_url)
    shop = Shop()
    lifecycle.promote(shop.registry, "bikes", 3, to="production", who="bo", at=AT)
    shop.mlflow.aliases["bikes"]["champion"] = "2"
    assert shop.reconcile().champion == 2
    lifecycle.roll_back(shop.registry, "bikes", who="bo", at=AT)
    assert shop.mlflow.shown("bikes") == (
        {"champion": "3"},
        {1: "archived", 2: "archived", 3: "production"},
    )
    assert shop.breaks() == []
    shop.registry.close()


def test_the_roles_stand_in_mlflow(shop: Shop) -> None:
    aliases, stages = shop.mlflow.shown("bikes")
    assert aliases == {"champion": "1", "challenger": "3"}
    assert stages == {1: "production", 2: "experimental", 3: "staging"}
    assert shop.actions() == ["registered"] * 3
    assert shop.breaks() == []


def test_promoting_moves_the_roles_and_leaves_who_and_why(shop: Shop) -> None:
    lifecycle.promote(shop.registry, "bikes", 3, to="production", who="bo", at=AT, why="lower error")
    assert shop.mlflow.shown("bikes") == (
        {"champion": "3"},
        {1: "archived", 2: "experimental", 3: "production"},
    )
    record = shop.registry.assignments.history("bikes")[-1]
    assert (record.action, record.who, record.why) == ("promoted", "bo", "lower error")
    lifecycle.roll_back(shop.registry, "bikes", who="bo", at=AT, why="it is slow")
    assert shop.mlflow.shown("bikes")[0] == {"champion": "1"}
    assert shop.breaks() == []


def test_a_version_that_is_not_there_is_not_promoted(shop: Shop) -> None:
    with pytest.raises(InputError, match="no version 9"):
        lifecycle.promote(shop.registry, "bikes", 9, to="production", who="bo", at=AT)
    with pytest.raises(ConflictError):
        lifecycle.promote(shop.registry, "bikes", 2, to="production", who="bo", at=AT, expected=1)
    assert shop.actions() == ["registered"] * 3


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(1, 8))
def test_whoever_dies_while_mlflow_is_told_leaves_it_to_the_next(shop: Shop, write: int, after: bool) -> None:
    shop.mlflow.dies_at, shop.mlflow.after = shop.mlflow.writes + write, after
    lifecycle.promote(shop.registry, "bikes", 3, to="production", who="bo", at=AT)
    died = shop.mlflow.writes >= shop.mlflow.dies_at
    assert died == (write <= 6)  # two aliases, two stages, two heads
    shop.mlflow.dies_at = None
    shop.reconcile()
    assert shop.mlflow.shown("bikes") == (
        {"champion": "3"},
        {1: "archived", 2: "experimental", 3: "production"},
    )
    assert shop.actions() == ["registered", "registered", "registered", "promoted"]
    assert shop.breaks() == []
    writes = shop.mlflow.writes
    shop.reconcile()
    assert shop.mlflow.writes == writes


def test_an_alias_that_was_moved_in_mlflow_is_followed_and_recorded(shop: Shop) -> None:
    shop.mlflow.aliases["bikes"]["champion"] = "2"
    now = shop.reconcile()
    assert (now.champion, now.challenger) == (2, 3)
    action, evidence = shop.last()
    assert action == "changed elsewhere"
    assert evidence["taken over"] == ["alias champion: version 1 -> version 2"]
    assert shop.mlflow.shown("bikes")[1] == {1: "archived", 2: "production", 3: "staging"}
    assert shop.reconcile() == now


def test_a_stage_that_was_edited_in_mlflow_is_followed_and_recorded(shop: Shop) -> None:
    shop.mlflow.versions["bikes"][2]["stage"] = "production"
    shop.mlflow.versions["bikes"][3]["stage"] = "archived"
    now = shop.reconcile()
    assert (now.champion, now.challenger, now.archived) == (2, None, (1, 3))
    assert shop.mlflow.shown("bikes")[0] == {"champion": "2"}


@pytest.mark.parametrize("what", ["alias", "stage", "word"])
def test_what_would_leave_nobody_to_answer_is_changed_back_and_recorded(shop: Shop, what: str) -> None:
    before = shop.mlflow.shown("bikes")[0].copy(), shop.mlflow.shown("bikes")[1].copy()
    if what == "alias":
        del shop.mlflow.aliases["bikes"]["champion"]
    else:
        shop.mlflow.versions["bikes"][1]["stage"] = {"stage": "archived", "word": "great"}[what]
    assert shop.reconcile().champion == 1
    action, evidence = shop.last()
    assert (action, evidence["taken over"], len(evidence["changed back"])) == ("changed elsewhere", [], 1)
    assert shop.mlflow.shown("bikes") == before


def test_while_a_rollout_runs_the_rollout_wins_and_it_is_told(shop: Shop) -> None:
    shop.roll_out()
    shop.mlflow.aliases["bikes"]["champion"] = "3"
    now = shop.reconcile()
    assert (now.champion, now.challenger, now.mode) == (1, 3, "canary")
    assert shop.last()[1]["changed back"] == ["alias champion: version 1 -> version 3"]
    assert shop.mlflow.shown("bikes")[0] == {"champion": "1", "challenger": "3"}


def test_a_challenger_that_was_deleted_ends_its_rollout_with_the_champion(shop: Shop) -> None:
    shop.roll_out()
    shop.mlflow.remove("bikes", 3)
    now = shop.reconcile()
    assert (now.champion, now.challenger, now.mode, now.rollout) == (1, None, "off", None)
    assert shop.last()[1]["taken over"] == ["version 3 is deleted"]


def test_a_pass_of_the_monitor_notices_what_was_changed_in_mlflow(shop: Shop) -> None:
    shop.mlflow.aliases["bikes"]["champion"] = "2"
    Registered(shop.registry, "bikes", tell=False).tell([])
    assert shop.now.champion == 2


def test_what_was_in_mlflow_before_is_found(shop: Shop) -> None:
    shop.mlflow.add("old", 4, 5, 6)
    shop.mlflow.aliases["old"] = {"champion": "5"}
    shop.mlflow.versions["old"][6]["stage"] = "staging"
    shop.mlflow.versions["old"][4]["stage"] = "archived"
    now = reconcile(shop.registry, "old")
    assert (now.champion, now.challenger, now.archived) == (5, 6, (4,))
    shop.mlflow.add("old", 7)
    lifecycle.place(shop.registry, "old", 7, who="ada", at=AT)
    assert shop.registry.assignments.of("old").challenger == 7


def test_a_change_in_mlflow_after_one_of_ours_that_it_has_not_seen_gives_way(shop: Shop) -> None:
    shop.mlflow.dies_at = shop.mlflow.writes + 1
    lifecycle.promote(shop.registry, "bikes", 3, to="production", who="bo", at=AT)
    shop.mlflow.aliases["bikes"]["champion"] = "2"
    assert shop.reconcile().champion == 3
    assert shop.last()[1]["changed back"] == ["alias champion: version 3 -> version 2"]
    assert shop.mlflow.shown("bikes")[0] == {"champion": "3"}


def test_only_one_reconciles_and_one_that_died_keeps_nobody_out_for_long(shop: Shop) -> None:
    leases = shop.registry.leases
    assert leases.take("project:bikes", "a process that died", timedelta(seconds=100))
    lifecycle.promote(shop.registry, "bikes", 3, to="production", who="bo", at=AT)
    assert shop.mlflow.shown("bikes")[0] == {"champion": "1", "challenger": "3"}
    later = datetime.now(UTC) + timedelta(seconds=101)
    leases._clock = lambda: later
    shop.reconcile()
    assert shop.mlflow.shown("bikes")[0] == {"champion": "3"}


def test_another_mlflow_is_no_deletion_of_all_there_is(shop: Shop) -> None:
    before = shop.now
    for versions in ((), (1,)):
        other = FakeModels()
        if versions:
            other.add("bikes", *versions)
        registry = Registry(config.load(), client=other)  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="does not know 'bikes'"):
            reconcile(registry, "bikes")
        registry.close()
        assert other.writes == 0
    assert shop.now == before


def test_two_databases_can_follow_one_mlflow_and_both_say_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NBSHIP_STATE_URL", f"sqlite:///{tmp_path / 'another.db'}")
    theirs = Registry(config.load(), client=shop.mlflow)  # type: ignore[arg-type]
    assert reconcile(theirs, "bikes").champion == 1
    lifecycle.promote(theirs, "bikes", 2, to="production", who="bo", at=AT)
    assert shop.reconcile().champion == 2
    assert any("another history" in says for says in shop.breaks())
    theirs.close()


def test_a_tail_that_was_cut_shows_although_the_row_was_cut_as_well(shop: Shop) -> None:
    import sqlalchemy as sa

    with shop.registry.assignments._database.begin() as connection:
        connection.execute(sa.text("DELETE FROM nbship_audit WHERE number = 3"))
        connection.execute(
            sa.text("UPDATE nbship_assignments SET revision = 2, projected = 2, challenger = 2")
        )
    assert shop.breaks() == ["the registry knows 3 records, here are 2: the end was cut off"]
    shop.reconcile()  # follows MLflow, which still has version 3 as challenger, and leaves the head as it was
    assert shop.now.challenger == 3
    (says,) = shop.breaks()
    assert says == "record 3 is not the one that the registry has seen"


def test_the_policy_holds_for_people_and_for_registering_and_never_for_going_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = tmp_path / "policy.toml"
    rules.write_text('[promote.production]\nchecks = ["model"]\n')
    lifecycle.promote(shop.registry, "bikes", 2, to="production", who="bo", at=AT)
    monkeypatch.setenv("NBSHIP_POLICY", str(rules))
    with pytest.raises(PolicyError, match=r"policy.toml:2: `nbship check model` was not run for it"):
        lifecycle.promote(shop.registry, "bikes", 3, to="production", who="bo", at=AT)
    shop.mlflow.versions["bikes"][3]["nbship.check.model"] = "passed"
    lifecycle.promote(shop.registry, "bikes", 3, to="production", who="bo", at=AT)
    assert lifecycle.roll_back(shop.registry, "bikes", who="bo", at=AT).champion == 2
    shop.mlflow.add("new", 1)
    placed = lifecycle.place(shop.registry, "new", 1, who="bo", at=AT)
    assert (placed.champion, placed.revision) == (None, 1)
    assert "policy.toml:2" in shop.registry.assignments.history("new")[0].why
