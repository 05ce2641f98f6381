"""Only one holds a lease, and a dead holder not for long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nbship import config
from nbship.leases import Leases

MINUTE = timedelta(minutes=1)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def leases(home: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Leases]:
    del home
    if request.param == "postgresql":
        monkeypatch.setenv("NBSHIP_STATE_URL", request.getfixturevalue("postgresql_url"))
    made = Leases(config.load(), clock=Clock())
    yield made
    made.close()


def test_one_holds_it_until_it_is_given_back_or_runs_out(leases: Leases) -> None:
    assert leases.take("retrain:bikes", "ada", MINUTE)
    assert not leases.take("retrain:bikes", "bo", MINUTE)
    assert leases.take("retrain:trains", "bo", MINUTE)
    leases.give_back("retrain:bikes", "bo")
    held = leases.holder("retrain:bikes")
    assert held is not None
    assert held.holder == "ada"
    leases.give_back("retrain:bikes", "ada")
    assert leases.holder("retrain:bikes") is None
    assert leases.take("retrain:bikes", "bo", MINUTE)
    leases._clock.now += MINUTE  # type: ignore[attr-defined]
    assert leases.holder("retrain:bikes") is None
    assert leases.take("retrain:bikes", "cy", MINUTE)


def test_a_holder_may_renew(leases: Leases) -> None:
    for _ in range(3):
        assert leases.take("retrain:bikes", "ada", MINUTE)
        leases._clock.now += MINUTE / 2  # type: ignore[attr-defined]
    assert not leases.take("retrain:bikes", "bo", MINUTE)


def _fail_while_holding(leases: Leases) -> None:
    with leases.held("x", MINUTE, renewed=True) as mine:
        assert mine
        with leases.held("x", MINUTE) as theirs:
            assert not theirs
        raise ZeroDivisionError


def test_a_block_holds_it_and_gives_it_back_however_it_ends(leases: Leases) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_while_holding(leases)
    with leases.held("x", MINUTE) as mine:
        assert mine
