"""What may go wrong around the controller: deaths, rivals, clocks, deletions, damage."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbship import names
from nbship.errors import InputError, StoreError
from nbship.registry.assignment import Assignment
from nbship.rollout import changes, machine
from nbship.rollout.controller import Controller

if TYPE_CHECKING:
    from traffic import Traffic
else:
    from traffic import Traffic

from traffic import GOOD, Behaviour


def standing(traffic: Traffic) -> tuple[Any, ...]:
    now = traffic.assignments.of("m")
    return (now.champion, now.challenger, now.mode, now.share)


def test_a_controller_that_is_new_at_every_look_comes_to_the_same_end(traffic: Traffic) -> None:
    traffic.start(GOOD)
    for _ in range(30):
        traffic.controller = traffic.another()
        traffic.minute()
    assert standing(traffic) == (2, None, "off", 0.0)
    assert [record.action for record in traffic.history()] == [
        names.ACTION_ROLLOUT_STARTED,
        names.ACTION_ROLLOUT_STEPPED,
        names.ACTION_ROLLOUT_STEPPED,
        names.ACTION_ROLLOUT_FINISHED,
    ]
    assert traffic.assignments.verify("m") == []


def ready(traffic: Traffic) -> None:
    """Serve until the next look will pass the shadow."""
    traffic.start(GOOD)
    for _ in range(4):
        traffic.serve(60)


def test_of_two_controllers_that_decide_at_once_one_does_it(traffic: Traffic) -> None:
    ready(traffic)
    slow, quick = traffic.another(), traffic.another()
    done, change = slow._considered(traffic.assignments.of("m"))
    assert change is not None
    assert quick.run().assignment.mode == "canary"
    slow._write(done, change)
    assert "nothing was changed" in done.problems[0]
    assert done.decision is None
    assert standing(traffic) == (1, 2, "canary", 0.2)
    assert len(traffic.history()) == 2


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_however_many_look_at_the_same_moment_each_decision_is_made_once(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "postgresql":
        monkeypatch.setenv("NBSHIP_STATE_URL", request.getfixturevalue("postgresql_url"))
    traffic = Traffic(tmp_path)
    traffic.start(GOOD, {"steps": ["shadow", 0.5], "min_minutes": 2})
    rivals = [Traffic.again(tmp_path, traffic.now, GOOD) for _ in range(3)]
    with ThreadPoolExecutor(len(rivals)) as pool:
        for _ in range(6):
            traffic.serve(60)
            for rival in rivals:
                rival.now = traffic.now
            list(pool.map(lambda rival: rival.controller.run(), rivals))
    assert standing(traffic) == (2, None, "off", 0.0)
    assert [record.after.share for record in traffic.history()] == [0.0, 0.5, 0.0]
    assert traffic.assignments.verify("m") == []
    for world in (traffic, *rivals):
        world.close()


def test_a_decision_on_what_was_overtaken_is_not_made(traffic: Traffic) -> None:
    ready(traffic)
    slow = traffic.another()
    done, change = slow._considered(traffic.assignments.of("m"))
    assert change is not None
    traffic.change(champion=3, challenger=None, mode="off", share=0.0, rollout=None)
    slow._write(done, change)
    assert standing(traffic) == (3, None, "off", 0.0)


class Killed(BaseException):
    """What SIGKILL is to a process: nothing of ours catches it."""


def dying_at(controller: Controller, moment: str) -> None:
    def die(*_: Any) -> None:
        raise Killed

    setattr(controller, moment, die)


@pytest.mark.parametrize("moment", ["_write", "_project", "_tell"])
def test_whoever_dies_at_whichever_moment_the_next_makes_it_good(traffic: Traffic, moment: str) -> None:
    traffic.start(Behaviour(failing=0.5))
    traffic.serve(60)
    doomed = traffic.another()
    dying_at(doomed, moment)
    with pytest.raises(Killed):
        doomed.run()
    projected = traffic.versions.projected
    for _ in range(2):
        traffic.another().run()
    assert standing(traffic) == (1, None, "off", 0.0)
    assert [record.action for record in traffic.history()][1:] == [names.ACTION_ROLLED_BACK]
    assert traffic.open_alerts() == {"rollout:rolled back"}
    assert len(traffic.sink.path.read_text().splitlines()) == 1
    assert traffic.versions.projected > projected


def test_an_alert_that_somebody_resolved_is_not_raised_again(traffic: Traffic) -> None:
    from nbship.alerts import lifecycle

    traffic.start(Behaviour(failing=0.5))
    traffic.minute()
    ((stream, alert),) = traffic.ledger.alerts("m")
    with traffic.ledger.entry(stream) as entry:
        over, _ = lifecycle.resolve(alert, by="ada", at=traffic.now)
        assert over is not None
        entry.put_alert(over)
    traffic.minute()
    assert traffic.open_alerts() == set()


def test_a_version_that_was_rolled_back_begins_again_only_if_somebody_says_so(traffic: Traffic) -> None:
    traffic.start(Behaviour(failing=0.5))
    traffic.minute()
    with pytest.raises(InputError, match=r"was rolled back on 2026-11-02 09:01: .* failed") as refused:
        traffic.start(GOOD)
    assert "--again" in (refused.value.help or "")
    traffic.versions.behaviours[2] = GOOD
    traffic.start(GOOD, again=True)
    traffic.minute()
    assert traffic.assignments.of("m").mode == "shadow"
    assert traffic.open_alerts() == set()


def test_a_version_that_was_taken_back_by_hand_may_begin_again(traffic: Traffic) -> None:
    traffic.start(GOOD)
    rollout = changes.running(traffic.assignments.of("m"))
    assert rollout is not None
    change = changes.changed(traffic.assignments.of("m"), *machine.abort(rollout, "not today"))
    traffic.write(change)
    traffic.controller.run()
    assert traffic.open_alerts() == set()
    traffic.start(GOOD)
    assert traffic.assignments.of("m").mode == "shadow"


def test_a_challenger_that_is_deleted_ends_its_rollout_and_the_champion_answers(traffic: Traffic) -> None:
    ready(traffic)
    traffic.minute()
    del traffic.versions.behaviours[2]
    traffic.controller.run()
    now = traffic.assignments.of("m")
    assert (now.champion, now.challenger, now.mode, now.rollout) == (1, None, "off", None)
    assert 2 not in now.archived
    assert "not in the registry" in traffic.last().why


def test_a_registry_that_is_away_ends_nothing_and_hides_no_failure(traffic: Traffic) -> None:
    traffic.start(Behaviour(failing=0.5))
    traffic.versions.is_away = True
    done = traffic.minute()
    assert standing(traffic)[2] == "off"
    assert "the registry does not answer" in done.problems
    traffic.versions.is_away = False
    before = traffic.versions.projected
    traffic.minute()
    assert traffic.versions.projected == before + 1


class Away:
    """A log whose store does not answer."""

    def parts(self, _: int) -> Any:
        raise StoreError("the prediction log cannot be listed: connection refused")


def test_a_log_that_is_away_passes_nothing(traffic: Traffic) -> None:
    ready(traffic)
    traffic.controller._reader._log = Away()  # type: ignore[assignment]
    done = traffic.controller.run()
    assert standing(traffic) == (1, 2, "shadow", 0.0)
    assert done.problems == ["the prediction log cannot be listed: connection refused"]
    assert done.decision is not None
    assert done.decision.kind == "stay"
    assert traffic.another().run().assignment.mode == "canary"


def parts(folder: Path, version: int) -> list[Path]:
    return sorted(folder.glob(f"log/m/version={version}/day=*/*.parquet"))


@pytest.mark.parametrize("version", [1, 2])
def test_a_damaged_part_passes_nothing(traffic: Traffic, version: int) -> None:
    ready(traffic)
    part = parts(traffic.folder, version)[1]
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])
    done = traffic.controller.run()
    assert standing(traffic) == (1, 2, "shadow", 0.0)
    assert done.decision is not None
    assert "the log is not whole" in done.decision.why
    part.write_bytes(whole)
    assert traffic.controller.run().assignment.mode == "canary"


def test_a_part_that_is_gone_passes_nothing_and_one_of_before_the_step_is_nobodys_concern(
    traffic: Traffic,
) -> None:
    for _ in range(3):
        traffic.serve(60)
    parts(traffic.folder, 1)[1].unlink()
    ready(traffic)
    part = parts(traffic.folder, 2)[1]
    content = part.read_bytes()
    part.unlink()
    done = traffic.controller.run()
    assert standing(traffic) == (1, 2, "shadow", 0.0)
    assert done.decision is not None
    assert re.search(r"part \w+-000001 is not in the log", done.decision.why)
    part.write_bytes(content)
    assert traffic.controller.run().assignment.mode == "canary"


def test_a_damaged_part_hides_no_failure(traffic: Traffic) -> None:
    traffic.start(Behaviour(failing=0.5))
    traffic.serve(60)
    traffic.serve(60)
    parts(traffic.folder, 1)[0].write_bytes(b"")
    assert traffic.controller.run().assignment.mode == "off"


def test_a_clock_that_jumps_ahead_passes_no_step_before_its_time(traffic: Traffic) -> None:
    traffic.start(GOOD)
    traffic.serve(120)
    traffic.now += timedelta(days=2)
    done = traffic.controller.run()
    assert standing(traffic) == (1, 2, "shadow", 0.0)
    assert done.decision is not None
    assert done.decision.kind == "tell"
    traffic.serve(1)  # the servers' clocks have jumped as well: two days between two rows
    assert traffic.controller.run().assignment.mode == "shadow"


def test_a_clock_that_goes_back_begins_the_step_anew_and_sees_what_fails_then(traffic: Traffic) -> None:
    traffic.start(GOOD)
    traffic.minute()
    traffic.now -= timedelta(hours=5)
    assert traffic.controller.run().decision.kind == "begin anew"  # type: ignore[union-attr]
    traffic.versions.behaviours[2] = Behaviour(failing=0.5)
    assert traffic.minute().assignment.mode == "off"
    assert traffic.assignments.verify("m") == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"share": 0.9}, "changed beside the rollout"),
        ({"champion": 7}, "changed beside the rollout"),
        ({"rollout": None}, "no rollout stands behind"),
        ({"rollout": "{"}, "cannot be read"),
        ({"rollout": '{"model": "m"}'}, "cannot be read"),
    ],
)
def test_whoever_meddles_with_a_running_rollout_ends_it(
    traffic: Traffic, more: dict[str, Any], why: str
) -> None:
    ready(traffic)
    traffic.minute()
    traffic.change(**more)
    traffic.controller.run()
    now = traffic.assignments.of("m")
    assert (now.champion, now.mode, now.share, now.rollout) == (more.get("champion", 1), "off", 0.0, None)
    assert why in traffic.assignments.history("m")[-1].why


def test_looking_writes_nothing(traffic: Traffic) -> None:
    traffic.start(Behaviour(failing=0.5))
    traffic.serve(60)
    seen = traffic.controller.look()
    assert seen.decision is not None
    assert seen.decision.kind == "roll back"
    assert standing(traffic) == (1, 2, "shadow", 0.0)


def test_what_was_logged_before_the_step_does_not_count_for_it(traffic: Traffic) -> None:
    traffic.versions.behaviours[2] = Behaviour(failing=1.0)
    traffic.change(challenger=2, mode="shadow")
    traffic.serve(60)
    traffic.change(challenger=None, mode="off")
    traffic.versions.behaviours[2] = GOOD
    traffic.now += timedelta(seconds=1)
    traffic.start(GOOD)
    done = traffic.minute()
    assert done.decision is not None
    assert done.decision.evidence.requests == (1200, 1200)
    assert standing(traffic)[2] == "shadow"


def test_where_nothing_runs_nothing_is_done(traffic: Traffic) -> None:
    done = traffic.controller.run()
    assert (done.rollout, done.decision) == (None, None)
    assert isinstance(done.assignment, Assignment)
