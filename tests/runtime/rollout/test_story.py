"""A candidate goes live by itself, or goes away by itself: the real controller, log and database, simulated traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from traffic import Traffic
else:
    from traffic import Traffic

from traffic import GOOD, Behaviour

from nbship import names


def test_a_good_candidate_goes_from_shadow_to_the_whole_traffic_by_itself(traffic: Traffic) -> None:
    traffic.start(GOOD)
    traffic.minutes(60)
    now = traffic.assignments.of("m")
    assert (now.champion, now.challenger, now.mode, now.share) == (2, None, "off", 0.0)
    routed = [(record.after.mode, record.after.share) for record in traffic.history()]
    assert routed == [("shadow", 0.0), ("canary", 0.2), ("canary", 0.5), ("off", 0.0)]
    assert all(record.evidence["verdict"] == "pass" for record in traffic.history()[1:])


@pytest.mark.parametrize(
    ("candidate", "criterion"),
    [
        (Behaviour(failing=0.3), "errors"),
        (Behaviour(slower=4), "latency"),
        (Behaviour(off=2.0), "disagreement"),
        (Behaviour(learnt_elsewhere=3.0), "drift"),
    ],
    ids=["failing", "slow", "differing", "drifting"],
)
def test_a_bad_candidate_is_rolled_back_at_the_first_look(
    traffic: Traffic, candidate: Behaviour, criterion: str
) -> None:
    traffic.start(candidate)
    passes = traffic.minutes(10)
    assert len(passes) == 1
    now, record = traffic.assignments.of("m"), traffic.last()
    assert (now.champion, now.challenger, now.mode, now.rollout) == (1, None, "off", None)
    assert record.action == names.ACTION_ROLLED_BACK
    failed = [row["criterion"] for row in record.evidence["findings"] if row["verdict"] == "fail"]
    assert failed == [criterion]
    assert traffic.open_alerts() == {"rollout:rolled back"}


def test_a_candidate_that_breaks_as_a_canary_is_rolled_back_within_a_look(traffic: Traffic) -> None:
    traffic.start(GOOD)
    while traffic.assignments.of("m").mode != "canary":
        traffic.minute()
    traffic.minute()
    traffic.versions.behaviours[2] = Behaviour(failing=0.5)
    assert traffic.minute().assignment.mode == "off"
    assert traffic.last().action == names.ACTION_ROLLED_BACK


def test_too_little_traffic_stays_inconclusive_and_is_told_once(traffic: Traffic) -> None:
    traffic.rate = 0.05
    traffic.start(GOOD)
    passes = traffic.minutes(70)
    assert traffic.assignments.of("m").mode == "shadow"
    assert [done.decision.kind for done in passes if done.decision and done.decision.changes] == ["tell"]
    assert traffic.open_alerts() == {"rollout:undecided"}
    assert sum("undecided" in line for line in traffic.sink.path.read_text().splitlines()) == 1


def test_labels_roll_back_a_candidate_that_is_less_right(traffic: Traffic) -> None:
    traffic.start(Behaviour(noise=0.3))
    traffic.serve(60)
    traffic.label()
    done = traffic.controller.run()
    assert done.assignment.mode == "off"
    failed = [row["criterion"] for row in traffic.last().evidence["findings"] if row["verdict"] == "fail"]
    assert failed == ["metric"]


def test_a_metric_that_is_required_waits_for_labels(traffic: Traffic) -> None:
    traffic.start(GOOD, require=["metric"])
    traffic.minutes(5)
    assert traffic.assignments.of("m").mode == "shadow"
    traffic.label()
    assert traffic.minute().assignment.mode == "canary"
