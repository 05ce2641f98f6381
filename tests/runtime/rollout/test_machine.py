from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import histories
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbship.rollout import changes, machine, settings
from nbship.rollout.criteria import Evidence, Finding, Verdict
from nbship.rollout.machine import Rollout

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = settings.read({"steps": ["shadow", 0.1, 0.5], "min_minutes": 10, "max_minutes": 60})


def rollout(**more: Any) -> Rollout:
    return replace(machine.start(model="m", champion=1, challenger=2, plan=PLAN, now=NOW), **more)


def seen(*verdicts: Verdict, observed_s: float = 600) -> Evidence:
    found = tuple(Finding(criterion="errors", verdict=verdict, reason=verdict) for verdict in verdicts)
    return Evidence(findings=found, observed_s=observed_s)


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_a_step_is_passed_when_all_passes_and_it_was_observed_for_long_enough() -> None:
    after, decision = machine.step(rollout(), seen("pass", "pass"), later(10))
    assert (decision.kind, after.title, after.began) == ("advance", "canary 10 %", later(10))


def test_evidence_that_passes_waits_for_the_least_time() -> None:
    after, decision = machine.step(rollout(), seen("pass", observed_s=599), later(10_000))
    assert (decision.kind, after.step) == ("tell", 0)
    assert "of at least 10 minutes observed" in decision.why


def test_a_clock_that_jumps_ahead_passes_nothing() -> None:
    after, decision = machine.step(rollout(), seen("pass", observed_s=60), later(2))
    assert (decision.kind, after.step) == ("stay", 0)
    after, decision = machine.step(rollout(), seen("pass", observed_s=60), later(60 * 24 * 365))
    assert after.step == 0


def test_a_clock_that_goes_back_makes_the_step_begin_anew() -> None:
    after, decision = machine.step(rollout(), seen(), later(-90))
    assert (decision.kind, after.began, after.step) == ("begin anew", later(-90), 0)
    assert machine.step(rollout(), seen(), NOW - timedelta(seconds=3))[1].kind == "stay"


def test_a_failure_rolls_back_at_once_whatever_else_passes_and_whatever_the_clock_says() -> None:
    for minutes in (0, -500, 500):
        after, decision = machine.step(rollout(), seen("pass", "fail", observed_s=0), later(minutes))
        assert (decision.kind, after.status) == ("roll back", "rolled back")
        assert machine.routing(after) == machine.Routing(champion=1, challenger=None, mode="off", share=0.0)


def test_no_evidence_is_no_evidence_for() -> None:
    assert seen().verdict == "inconclusive"
    after, decision = machine.step(rollout(), seen(observed_s=10_000), later(30))
    assert (decision.kind, decision.why, after.step) == ("stay", "there is no evidence yet", 0)


def test_what_stays_undecided_is_told_once_and_never_passes() -> None:
    now = rollout()
    kinds: list[str] = []
    for minutes in range(0, 400, 20):
        now, decision = machine.step(now, seen("pass", "inconclusive"), later(minutes))
        kinds.append(decision.kind)
    assert (kinds.count("tell"), kinds.count("stay"), now.step) == (1, 19, 0)


def test_the_last_step_makes_the_challenger_the_champion_and_then_nothing_more_happens() -> None:
    after, decision = machine.step(rollout(step=2), seen("pass"), later(10))
    assert decision.kind == "finish"
    assert machine.routing(after) == machine.Routing(champion=2, challenger=None, mode="off", share=0.0)
    assert machine.step(after, seen("fail"), later(20)) == (
        after,
        machine.Decision(kind="stay", why="it is finished", evidence=seen("fail")),
    )


def test_a_document_gives_the_rollout_back_with_the_plan_it_began_with() -> None:
    now = rollout(step=1, told=True, began=later(3))
    assert Rollout.from_json(now.to_json()) == now


verdicts = st.lists(st.sampled_from(["pass", "fail", "inconclusive"]), max_size=3)
looks = st.lists(st.tuples(verdicts, st.floats(0, 4000), st.integers(-200, 200)), max_size=25)


@given(looks)
def test_however_it_goes_shares_grow_and_only_evidence_that_passes_moves_it_on(looks: Any) -> None:
    now, at, shares = rollout(), NOW, [0.0]
    for found, observed_s, minutes in looks:
        before, at = now, at + timedelta(minutes=minutes)
        now, decision = machine.step(now, seen(*found, observed_s=observed_s), at)
        if (now.step, now.status) != (before.step, before.status) and decision.kind != "roll back":
            assert found
            assert set(found) == {"pass"}
            assert observed_s >= 600
            assert now.step - before.step == (decision.kind == "advance")
        if "fail" in found:
            assert now.status != "running"
        if now.status == "running":
            shares.append(machine.routing(now).share)
            assert now.began >= before.began or decision.kind == "begin anew"
    assert shares == sorted(shares)
    assert all(0 <= share < 1 for share in shares)


def test_two_thousand_histories_break_no_rule() -> None:
    found = histories.explore(2_000, seed=random.randrange(10**9))
    assert found["finished"] > 100
    assert found["rolled back"] > 100


def passes_anything(now: Rollout, evidence: Evidence, at: datetime) -> Any:
    return machine._passed(now, evidence, at) if now.status == "running" else STEP(now, evidence, at)


def passes_too_early(now: Rollout, evidence: Evidence, at: datetime) -> Any:
    after, decision = STEP(now, replace(evidence, observed_s=9999.0), at)
    return after, replace(decision, evidence=evidence)


def goes_on_with_a_failure(now: Rollout, evidence: Evidence, at: datetime) -> Any:
    after, decision = STEP(now, evidence, at)
    return (after, decision) if decision.kind != "roll back" else (now, replace(decision, kind="tell"))


def skips_steps(now: Rollout, evidence: Evidence, at: datetime) -> Any:
    after, decision = STEP(now, evidence, at)
    finished = decision.kind == "advance"
    return (
        (replace(after, status="finished"), replace(decision, kind="finish"))
        if finished
        else (after, decision)
    )


STEP = machine.step


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (passes_anything, "passed"),
        (passes_too_early, "passed too early"),
        (goes_on_with_a_failure, "not rolled back"),
        (skips_steps, "finished before its last step"),
    ],
)
def test_a_broken_machine_is_caught(monkeypatch: pytest.MonkeyPatch, broken: Any, rule: str) -> None:
    monkeypatch.setattr(machine, "step", broken)
    with pytest.raises(AssertionError, match=rule):
        histories.explore(500, seed=1)


def test_a_version_that_failed_is_refused_by_a_forgetful_start_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "failure", lambda *_: None)
    with pytest.raises(AssertionError, match="failed and answers"):
        histories.explore(500, seed=1)
