from __future__ import annotations

import threading
from typing import Any

import pytest

from nbship_magics import background
from nbship_magics.background import Background


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quiet(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Background:
    monkeypatch.setattr(background, "_LOOK_S", 0.001)
    return Background(clock=clock)


def added(to: Background, *, soon: bool = False) -> threading.Event:
    done = threading.Event()
    to.add(done.set, soon=soon)
    return done


def test_a_job_waits_while_a_cell_runs_and_for_a_pause_after_it(quiet: Background, clock: Clock) -> None:
    quiet.begin_cell()
    job = added(quiet)
    assert not job.wait(0.1)
    quiet.end_cell()
    assert not job.wait(0.1)
    clock.now += 1
    assert job.wait(10)


def test_a_job_does_not_wait_for_ever(quiet: Background, clock: Clock) -> None:
    quiet.begin_cell()
    job = added(quiet)
    assert not job.wait(0.1)
    clock.now += 6
    assert job.wait(10)


def test_jobs_that_waited_too_long_leave_most_of_the_time_to_the_cell(
    quiet: Background, clock: Clock
) -> None:
    quiet.begin_cell()

    def work() -> None:
        clock.now += 2

    quiet.add(work)
    job = added(quiet)
    clock.now += 6
    assert not job.wait(0.1)
    assert clock.now == 108
    clock.now += 17
    assert not job.wait(0.1)
    clock.now += 2
    assert job.wait(10)


def test_only_so_many_jobs_wait(quiet: Background) -> None:
    quiet.begin_cell()
    jobs = [added(quiet) for _ in range(403)]
    assert jobs[1].wait(10)
    assert not jobs[-1].wait(0.1)


def test_what_must_not_be_lost_waits_for_nothing(quiet: Background) -> None:
    quiet.begin_cell()
    patient = added(quiet)
    assert added(quiet, soon=True).wait(10)
    assert not patient.wait(0.1)


def test_who_waits_for_the_jobs_has_them_done_at_once_and_in_order(quiet: Background) -> None:
    quiet.begin_cell()
    done: list[int] = []
    for number in range(3):
        quiet.add(lambda number=number: done.append(number))  # type: ignore[misc]  # bound now
    assert quiet.wait(10)
    assert done == [0, 1, 2]


def test_a_frame_that_is_fitted_on_again_is_profiled_once(
    kernel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[object] = []
    from nbship import profile

    original = profile.profile
    monkeypatch.setattr(profile, "profile", lambda frame: counted.append(1) or original(frame))
    kernel.run("import pandas as pd\nfrom sklearn.linear_model import LinearRegression")
    kernel.run("X = pd.DataFrame({'a': [1.0, 2.0, 3.0]})\ny = [1, 2, 3]")
    for _ in range(3):
        kernel.run("model = LinearRegression().fit(X, y)")
    first = kernel.facts("frame-profile")
    assert (len(first), len({fact.table for fact in first}), len(counted)) == (3, 1, 1)
    kernel.run("X.loc[0, 'a'] = 9.0\nmodel = LinearRegression().fit(X, y)")
    last = kernel.facts("frame-profile")[-1]
    assert (last.table != first[0].table, len(counted)) == (True, 2)
