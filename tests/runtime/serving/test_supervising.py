from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from nbship.serving.restraint import Allowance, Breaker
from nbship.serving.schema import Field, Schema
from nbship.serving.settings import Settings, Table, Up
from nbship.serving.supervisor import effective

versions = some.sampled_from([None, 1, 2, 3])


@given(
    champion=versions,
    challenger=versions,
    mode=some.sampled_from(["off", "shadow", "canary"]),
    ready=some.sets(some.sampled_from([1, 2, 3])),
    more=some.sets(some.sampled_from([1, 2, 3])),
    failed=some.sets(some.sampled_from([1, 2, 3])),
    before=versions,
)
def test_who_answers_is_always_somebody_who_is_up_and_nobody_that_was_not_wanted(
    champion: int | None,
    challenger: int | None,
    mode: str,
    ready: set[int],
    more: set[int],
    failed: set[int],
    before: int | None,
) -> None:
    up = ready | more
    wanted = Table(model="m", champion=champion, challenger=challenger, mode=mode, share=0.5)  # type: ignore[arg-type]  # drawn
    last = Table(model="m", revision=1, champion=before)
    now = effective(wanted, 2, ready, up, dict.fromkeys(failed - up, "broken"), last)
    assert now.champion is None or now.champion in up
    assert now.champion in {champion, before, None}
    if champion in ready:
        assert now.champion == champion
    elif before in up:
        assert (now.champion, now.revision) == (before, 2 if (before, mode) == (champion, now.mode) else 1)
    if now.challenger is not None:
        assert now.challenger == challenger != now.champion
        assert now.challenger in ready | failed
    assert (now.mode == "off") == (now.challenger is None)
    assert now.share == (0.5 if now.mode == "canary" else 0.0)


def test_a_canary_that_was_the_shadow_waits_until_it_is_up_at_full_priority() -> None:
    shadow = Table(model="m", revision=1, champion=1, challenger=2, mode="shadow")
    canary = Table(model="m", champion=1, challenger=2, mode="canary", share=0.1)
    waits = effective(canary, 2, {1}, {1, 2}, {}, shadow)
    assert (waits.mode, waits.share, waits.revision) == ("shadow", 0.0, 1)
    goes = effective(canary, 2, {1, 2}, {1, 2}, {}, waits)
    assert (goes.mode, goes.share, goes.revision) == ("canary", 0.1, 2)


def test_a_challenger_that_is_switched_off_is_asked_no_more_though_it_stays_the_challenger() -> None:
    shadow = Table(model="m", revision=1, champion=1, challenger=2, mode="shadow")
    off = effective(Table(model="m", champion=1, challenger=2), 2, {1}, {1, 2}, {}, shadow)
    assert (off.champion, off.challenger, off.mode, off.revision) == (1, None, "off", 2)


def test_a_shadow_sees_all_of_a_quiet_server_and_a_part_of_a_busy_one() -> None:
    quiet, busy = Allowance(500), Allowance(500)
    assert all(quiet.take(place / 400) for place in range(4000))
    assert sum(busy.take(place / 5000) for place in range(50_000)) in range(5000, 5060)


def test_what_hangs_is_asked_again_now_and_then_until_it_answers() -> None:
    breaker = Breaker(most=3, rest_s=2)
    for now in (1.0, 2.0, 3.0):
        assert not breaker.is_open(now)
        breaker.note(failed=True, now=now)
    assert [breaker.is_open(now) for now in (3.1, 4.9, 5.0, 5.1, 6.9, 7.1)] == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]
    breaker.note(failed=False, now=7.2)
    assert not breaker.is_open(7.3)


def test_a_table_and_settings_are_the_same_on_the_other_side() -> None:
    schema = Schema(fields=(Field(name="a", kind="double", nullable=True),), numeric=True)
    table = Table(
        model="m",
        revision=3,
        champion=2,
        versions={2: Up(sockets=("w1",), schema=schema, classes=("no", "yes"))},
        failed={3: "why"},
        processes=(("worker", 7),),
    )
    assert Table.decoded(table.encoded()) == table
    assert Schema.from_json(schema.to_json()) == schema
    settings = Settings(model="m", port=1)
    assert Settings.from_json(settings.to_json()) == settings
