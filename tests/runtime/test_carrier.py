"""The background worker, with a clock that is told to go on and a drain that does what the test wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filelock import FileLock

from nbship import carrier, config, drain
from nbship.carrier import Surroundings
from nbship.config import Config
from nbship.errors import StoreError
from nbship.facts import CellRan
from nbship.journal import Journal

RAN = CellRan(execution_count=1, succeeded=True)
NOTHING = drain.Drained(written=(), problems=(), runs=())


@dataclass
class World:
    """Time, and what happens while it passes."""

    settings: Config
    away: bool = False
    now: float = 0.0
    rests: list[float] = field(default_factory=list)
    drains: list[list[str]] = field(default_factory=list)
    happens: list[Callable[[], object]] = field(default_factory=list)
    anew: int = 0

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds
        if self.happens:
            self.happens.pop(0)()

    def drain(self, settings: Config) -> drain.Drained:
        folders = drain.waiting(settings)
        self.drains.append([folder.name for folder in folders])
        if self.away:
            return drain.Drained(written=(), problems=(), runs=(), away=(StoreError("silence"),))
        for folder in folders:
            live = drain.journal.is_live(folder)
            size = (folder / "facts.jsonl").stat().st_size
            drain._leave_receipt(folder, {"size": size, "complete": not live, "runs": []})
        return NOTHING

    def begin_anew(self) -> None:
        self.anew += 1

    @property
    def around(self) -> Surroundings:
        return Surroundings(
            clock=lambda: self.now, sleep=self.sleep, drain=self.drain, begin_anew=self.begin_anew
        )


@pytest.fixture
def world(home: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    assert home
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr(carrier, "HANDOVER_S", 0.05)
    return World(config.load())


def test_a_worker_stays_while_a_kernel_lives_and_carries_its_last_word(world: World) -> None:
    record = Journal(world.settings.journals / "one")
    record.append(RAN)
    world.happens = [lambda: None, lambda: record.append(RAN), lambda: None, record.close]
    assert carrier.carry(world.settings, world.around)
    assert world.drains == [["one"]] * 3  # what was there, what came, and that the kernel has gone
    assert set(world.rests) == {3.0}


def test_of_two_workers_one_leaves(world: World) -> None:
    world.settings.home.mkdir()
    with FileLock(world.settings.home / "worker.lock"):
        assert not carrier.carry(world.settings, world.around)
    assert world.drains == []


def test_a_store_that_is_away_is_asked_less_and_less_and_given_up_when_nobody_is_there(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    record = Journal(world.settings.journals / "one")
    record.append(RAN)
    world.away = True
    world.happens = [*[lambda: None] * 8, record.close]
    carrier.carry(world.settings, world.around)
    assert world.rests[:5] == [6.0, 12.0, 24.0, 48.0, 60.0]
    assert len(world.rests) <= 12
    assert len(caplog.records) == 1


def test_a_store_that_comes_back_gets_what_has_waited(world: World) -> None:
    record = Journal(world.settings.journals / "one")
    record.append(RAN)
    record.close()
    world.away = True
    world.happens = [lambda: setattr(world, "away", False)]
    assert carrier.carry(world.settings, world.around)
    assert drain.waiting(world.settings) == []


def test_a_kernel_that_ends_while_the_worker_leaves_is_not_forgotten(world: World) -> None:
    late = Journal(world.settings.journals / "late")

    class Lock(FileLock):  # type: ignore[misc, unused-ignore]  # filelock chooses its class by system
        def release(self, force: bool = False) -> None:
            super().release(force)
            if not late.folder.exists():
                late.append(RAN)
                late.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(carrier, "FileLock", Lock)
        carrier.carry(world.settings, world.around)
    assert world.drains == [["late"]]


def test_memory_is_given_back_when_nothing_happens(world: World) -> None:
    record = Journal(world.settings.journals / "one")
    record.append(RAN)
    world.happens = [*[lambda: None] * 30, record.close]
    carrier.carry(world.settings, world.around)
    assert world.anew == 1
    assert len(world.drains) == 2


def test_a_home_that_is_deleted_ends_the_worker(world: World) -> None:
    record = Journal(world.settings.journals / "one")
    record.append(RAN)
    world.happens = [lambda: world.settings.home.rename(world.settings.home.with_name("gone"))]
    carrier.carry(world.settings, world.around)
    record.close()
    assert len(world.rests) == 1
