from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from nbship.alerts import lifecycle
from nbship.alerts.lifecycle import TIERS, Alert, Event, Observation, Policy, Tier, observe

AT = datetime(2026, 11, 28, tzinfo=UTC)
#: What a window says: a tier, quiet (None), or that it cannot tell ("?").
WORDS: dict[str, Tier | None] = {"i": "info", "w": "warning", "c": "critical", ".": None}
histories = st.text(alphabet="iwc.?", max_size=30)


def go(
    history: str, policy: Policy | None = None, alert: Alert | None = None
) -> tuple[Alert | None, list[Event]]:
    told: list[Event] = []
    for place, word in enumerate(history):
        seen = Observation(rule="drift", subject="temp", tier=WORDS.get(word), reason=word, known=word != "?")
        alert, event = observe(alert, seen, policy=policy or Policy(), window=f"w{place}", at=AT)
        told += [event] if event else []
    return alert, told


def kinds(history: str, policy: Policy | None = None) -> list[str]:
    return [f"{event.kind} {event.alert.tier}" for event in go(history, policy)[1]]


def test_an_alert_is_raised_once_however_long_it_lasts() -> None:
    assert kinds("wwwwww") == ["raised warning"]


def test_one_quiet_window_between_loud_ones_changes_nothing() -> None:
    assert kinds("w.w.w.w") == ["raised warning"]
    assert kinds("w..") == ["raised warning", "resolved warning"]


def test_it_goes_up_at_once_and_down_slowly() -> None:
    assert kinds("iwc") == ["raised info", "escalated warning", "escalated critical"]
    assert kinds("ci") == ["raised critical"]
    assert kinds("cii") == ["raised critical", "lowered info"]
    assert kinds("ciw") == ["raised critical", "lowered warning"]
    assert kinds("c.w") == ["raised critical", "lowered warning"]
    assert kinds("ci.i..") == ["raised critical", "lowered info", "resolved info"]


def test_a_window_that_cannot_tell_counts_neither_way() -> None:
    assert kinds("w?.?.") == ["raised warning", "resolved warning"]
    assert kinds("w.?????w.") == ["raised warning"]
    assert kinds("w?w", Policy(raise_after=2)) == ["raised warning"]
    assert kinds("?????") == []


def test_raising_takes_as_many_windows_as_the_policy_says() -> None:
    assert kinds("ww.www", Policy(raise_after=3)) == ["raised warning"]
    alert, _ = go("ww", Policy(raise_after=3))
    assert alert is not None
    assert alert.state == "pending"
    assert not alert.is_open


def test_what_comes_again_is_another_occurrence() -> None:
    alert, told = go("w..w")
    assert alert is not None
    assert alert.occurrence == 2
    assert [event.kind for event in told] == ["raised", "resolved", "raised"]


def test_people_take_and_end_alerts() -> None:
    alert, _ = go("w")
    assert alert is not None
    taken, event = lifecycle.acknowledge(alert, by="ada", at=AT, note="looking")
    assert (taken, event and event.kind) == (
        replace(alert, state="acknowledged", by="ada", note="looking"),
        "acknowledged",
    )
    assert taken is not None
    assert lifecycle.acknowledge(taken, by="bob", at=AT) == (taken, None)
    still, told = go("ww", alert=taken)
    assert (still and still.state, told) == ("acknowledged", [])
    up, told = go("c", alert=taken)
    assert (up and up.state, [item.kind for item in told]) == ("open", ["escalated"])
    over, event = lifecycle.resolve(taken, by="ada", at=AT)
    assert event is not None
    assert over is not None
    assert not over.is_open
    assert lifecycle.resolve(over, by="ada", at=AT) == (over, None)
    again, told = go("w", alert=over)
    assert (again and again.occurrence, [item.kind for item in told]) == (2, ["raised"])


@given(histories, st.integers(1, 3), st.integers(1, 3))
def test_events_alternate_and_tell_the_state(history: str, raise_after: int, clear_after: int) -> None:
    """Told in turn: raised, any number of changes of tier, resolved; and what was told last is what holds."""
    alert, told = go(history, Policy(raise_after=raise_after, clear_after=clear_after))
    tier: Tier | None = None
    for event in told:
        new = event.alert.tier
        if event.kind == "raised":
            assert tier is None
        elif event.kind == "resolved":
            assert tier is not None
        else:
            assert tier is not None
            assert (TIERS.index(new) > TIERS.index(tier)) == (event.kind == "escalated")
        tier = None if event.kind == "resolved" else new
    assert (alert is not None and alert.is_open) == (tier is not None)
    assert tier is None or (alert is not None and alert.tier == tier)


@given(histories)
def test_windows_that_cannot_tell_may_as_well_not_be_there(history: str) -> None:
    assert kinds(history) == kinds(history.replace("?", ""))


def test_a_long_name_makes_a_key_that_fits() -> None:
    one, other = (lifecycle.key_of("drift", "x" * 300 + end) for end in "ab")
    assert len(one) == 200
    assert one != other
