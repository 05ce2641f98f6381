from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nbship.rollout import criteria
from nbship.rollout.criteria import DriftSeen, Finding, Losses, Side, Window
from nbship.rollout.settings import Criteria

RNG = np.random.default_rng(11)
WANTED = Criteria()
ALPHA = criteria.alphas(WANTED, steps=4)


def side(rows: int, failed: int = 0, slower: float = 1.0) -> Side:
    return Side(rows=rows, failed=failed, latency=np.sort(RNG.lognormal(-4.6, 0.3, rows) * slower))


def window(challenger: Side, champion: Side | None = None, **more: Any) -> Window:
    return Window(champion=champion or side(5000, 5), challenger=challenger, **more)


@pytest.mark.parametrize(
    ("rows", "failed", "verdict"),
    [
        (5000, 5, "pass"),
        (5000, 150, "fail"),
        (5000, 60, "inconclusive"),
        (50, 0, "inconclusive"),
        (30, 30, "fail"),
    ],
)
def test_errors_are_judged_by_how_many_there_surely_are(rows: int, failed: int, verdict: str) -> None:
    assert criteria.errors(window(side(rows, failed)), WANTED, ALPHA).verdict == verdict


def test_errors_that_the_champion_has_too_are_no_reason_against_a_challenger() -> None:
    bad_day = side(50_000, 5000)
    assert criteria.errors(window(side(50_000, 5000), bad_day), WANTED, ALPHA).verdict != "fail"
    assert criteria.errors(window(side(5000, 500)), WANTED, ALPHA).verdict == "fail"


@pytest.mark.parametrize(
    ("rows", "slower", "verdict"),
    [(20_000, 1.0, "pass"), (20_000, 2.0, "fail"), (100, 1.0, "inconclusive"), (100, 9.0, "fail")],
)
def test_latency_is_judged_by_median_and_p99(rows: int, slower: float, verdict: str) -> None:
    champion = side(20_000)
    assert criteria.latency(window(side(rows, slower=slower), champion), WANTED, ALPHA).verdict == verdict


def test_a_tail_that_the_median_does_not_know_of_fails() -> None:
    slow = side(20_000)
    slow.latency[-600:] += 1.0
    found = criteria.latency(window(slow, side(20_000)), WANTED, ALPHA)
    assert found.verdict == "fail"
    assert found.reason.startswith("p99")


def test_a_difference_below_the_slack_is_nobodys_concern() -> None:
    quick = Side(rows=20_000, latency=np.full(20_000, 0.0005))
    slower = Side(rows=20_000, latency=np.full(20_000, 0.002))
    assert criteria.latency(window(slower, quick), WANTED, ALPHA).verdict == "pass"
    strict = replace(WANTED, latency_slack_s=0.0)
    assert criteria.latency(window(slower, quick), strict, ALPHA).verdict == "fail"


@pytest.mark.parametrize(
    ("compared", "differ", "verdict"),
    [(5000, 100, "pass"), (5000, 2000, "fail"), (5000, 1000, "inconclusive"), (20, 0, "inconclusive")],
)
def test_disagreement_is_judged_against_its_limit(compared: int, differ: int, verdict: str) -> None:
    found = criteria.disagreement(window(side(1), compared=compared, differing=differ), WANTED, ALPHA)
    assert found.verdict == verdict


def losses(champion: float, challenger: float, rows: int, *, paired: bool) -> Losses:
    drawn = RNG.exponential(size=rows)
    other = drawn if paired else RNG.exponential(size=rows)
    return Losses(
        name="mean absolute error",
        is_share=False,
        champion=champion * drawn,
        challenger=challenger * other,
        paired=paired,
    )


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(
    ("challenger", "rows", "verdict"),
    [(0.5, 20_000, "pass"), (2.0, 20_000, "fail"), (0.5, 99, "inconclusive"), (1.05, 2000, "inconclusive")],
)
def test_the_metric_is_judged_by_the_loss_relative_to_the_champions(
    challenger: float, rows: int, verdict: str, *, paired: bool
) -> None:
    found = criteria.metric(losses(1.0, challenger * 1.0, rows, paired=paired), WANTED, ALPHA)
    if (challenger, paired) == (1.05, True):
        assert found.verdict in {"inconclusive", "pass"}  # exactly at the limit, on the very same rows
    else:
        assert found.verdict == verdict


def test_a_hundred_right_answers_do_not_prove_that_there_will_be_no_wrong_one() -> None:
    right = Losses(
        name="wrong answers", is_share=True, champion=np.zeros(100), challenger=np.zeros(100), paired=True
    )
    assert criteria.metric(right, WANTED, ALPHA).verdict == "inconclusive"


def drift(challenger: Any, champion: Any, **more: Any) -> list[str]:
    seen = DriftSeen(challenger=challenger, champion=champion, reason="temp")
    return [found.verdict for found in criteria._drift(seen, replace(WANTED, **more))]


def test_drift_fails_a_challenger_only_where_it_is_worse_off_than_the_champion() -> None:
    assert drift("critical", "none") == ["fail"]
    assert drift("critical", None) == ["fail"]
    assert drift("critical", "critical") == ["pass"]
    assert drift("warning", "none") == ["pass"]
    assert drift("warning", "none", drift="warning") == ["fail"]
    assert drift("too_few", "none") == ["inconclusive"]
    assert drift("too_few", "none", require=()) == []


def judged(whole: Window, recent: Window, **more: Any) -> dict[str, Finding]:
    found = criteria.judge(whole, recent, WANTED, steps=4, look=50, drift=None, **more)
    return {finding.criterion: finding for finding in found}


def test_the_last_minutes_fail_what_lives_on_a_good_day() -> None:
    whole, recent = side(100_000, 60), side(200, 60)
    found = judged(window(whole, side(100_000, 5)), window(recent, side(200, 0)))
    assert criteria.errors(window(whole, side(100_000, 5)), WANTED, ALPHA).verdict == "pass"
    assert found["errors"].verdict == "fail"
    assert found["errors"].reason.endswith("in the last minutes")


def test_the_last_minutes_pass_nothing_and_few_of_them_change_nothing() -> None:
    found = judged(window(side(100), side(100)), window(side(20_000), side(20_000)))
    assert found["errors"].verdict == "inconclusive"
    good = side(20_000), side(20_000)
    assert judged(window(*good), window(side(0), side(0)))["errors"].verdict == "pass"


def test_looks_at_the_last_minutes_spend_no_more_than_their_part() -> None:
    part = criteria.alphas(WANTED, steps=4).fail
    spent = sum(criteria.alphas(WANTED, steps=4, look=look).fail for look in range(1, 100_000))
    assert 0.99 * part < spent <= part
    assert 2 * part * criteria._TESTS * 4 == pytest.approx(1 - WANTED.confidence)


def test_sound_candidates_are_rolled_back_far_less_often_than_promised() -> None:
    """150 rollouts of identical versions of which 2 % of the requests fail, 20 looks each, by the errors alone."""
    rng = np.random.default_rng(21)
    failures = 0
    for _ in range(150):
        failed = np.cumsum(rng.random((2, 20, 200)) < 0.02, axis=1).sum(axis=2)
        for look in range(20):
            rows = (look + 1) * 200
            mine, theirs = (Side(rows=rows, failed=int(failed[place, look])) for place in (0, 1))
            if criteria.errors(window(mine, theirs), WANTED, ALPHA).verdict == "fail":
                failures += 1
                break
    assert failures / 150 <= 1 - WANTED.confidence
