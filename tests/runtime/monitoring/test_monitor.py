from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from world import DAY, START, World

from nbship.alerts.lifecycle import Policy
from nbship.errors import StoreError
from nbship.monitoring.ledger import AlreadyDoneError, Ledger
from nbship.monitoring.monitor import Pass
from nbship.monitoring.windows import Take


def windows(done: Pass) -> list[str]:
    return [judgement.window for _, judgement in done.judged]


def test_a_window_is_judged_once_when_its_grace_is_over(world: World) -> None:
    world.rows(0)
    assert windows(world.run(1)) == []
    assert windows(world.run(1.02)) == ["2026-11-01"]
    assert windows(world.run(1.5)) == []
    assert world.taken() == 300
    (judged,) = world.ledger.windows(world.stream)
    assert (judged.judgement.rows, judged.judgement.severity, judged.late) == (300, "none", 0)
    assert judged.judgement.latency["p50"] == pytest.approx(0.01)
    assert world.open_alerts() == {}


def test_drift_raises_one_alert_and_quiet_windows_clear_it(world: World) -> None:
    for day, shift in enumerate([0, 1.0, 1.0, 0, 1.0, 0, 0, 0]):
        world.rows(day, shift=shift)
        world.run(day + 1.1)
        if day == 1:
            assert world.open_alerts() == {"drift:temp": "critical"}
    assert world.open_alerts() == {}
    told = [event for event in world.events() if "drift:temp" in event and "prediction" not in event]
    assert told == ["raised drift:temp", "resolved drift:temp"]  # one quiet window between changed nothing


def test_answers_are_watched_once_there_are_enough_to_hold_them_against(world: World) -> None:
    world.rows(0, 400)
    world.rows(1, 600)
    world.rows(2, 400, shift=1.5)
    done = world.run(3.1)
    first, second, third = (judgement for _, judgement in done.judged)
    assert any("no reference yet" in note for note in first.notes)
    assert second.predictions is None
    assert third.predictions is not None
    assert third.predictions.severity == "critical"
    assert world.open_alerts()["prediction_drift:prediction"] == "critical"


def test_late_rows_are_counted_with_their_window_and_told(world: World) -> None:
    world.rows(0)
    world.run(1.1)
    world.rows(0.5, 40)  # half of them belong to the next day
    done = world.run(2.1)
    assert done.late == 20
    assert windows(done) == ["2026-11-02"]
    first, second = world.ledger.windows(world.stream)
    assert (first.judgement.rows, first.late) == (300, 20)
    assert (second.judgement.rows, second.late) == (20, 0)
    assert world.taken() == 340
    assert world.run(2.2).late == 0


def test_a_window_without_rows_is_told_and_never_called_quiet(world: World) -> None:
    world.rows(0)
    world.rows(2, shift=1.0)
    world.run(3.1)
    assert [item.judgement.severity for item in world.ledger.windows(world.stream)] == [
        "none",
        "too_few",
        "critical",
    ]
    assert "raised silence:predictions" in world.events()
    world.run(5.1)  # it still serves, and nothing comes
    assert world.open_alerts()["silence:predictions"] == "warning"
    assert world.open_alerts()["drift:temp"] == "critical"  # nothing says it is over
    world.serving = set()
    before = len(world.ledger.windows(world.stream))
    world.run(9.1)
    assert len(world.ledger.windows(world.stream)) == before


def test_one_row_is_too_few_to_judge(world: World) -> None:
    world.rows(0, 1)
    ((_, judgement),) = world.run(1.1).judged
    assert judgement.severity == "too_few"
    assert world.open_alerts() == {}


def test_failures_raise_an_alert_of_their_own(world: World) -> None:
    world.rows(0, 300)
    world.rows(0, 100, outcome="error", outputs={})
    world.rows(0, 50, outcome="rejected", inputs={"temp": "junk"}, outputs={})
    ((_, judgement),) = world.run(1.1).judged
    assert judgement.outcomes == {"ok": 300, "error": 100, "rejected": 50}
    assert judgement.severity == "none"  # what was rejected is no input of the model
    assert world.open_alerts() == {"errors:predictions": "critical"}


@pytest.mark.parametrize(
    ("inputs", "severity"),
    [
        ({"temp": None, "city": None}, "critical"),
        ({"temp": float("inf"), "city": "a"}, "critical"),
        ({"temp": 1.0, "city": "a"}, "critical"),
        ({"temp": "warm", "city": "a"}, "critical"),
        ({"temp": 0.0}, "critical"),
        ({}, "too_few"),
        ({"temp": [1, 2], "city": b"a"}, "critical"),
        ({"temp": datetime(2026, 1, 1, tzinfo=UTC), "city": 3}, "critical"),
    ],
    ids=["all missing", "infinite", "constant", "text", "a column gone", "no inputs", "lists", "other types"],
)
def test_bad_input_is_told(world: World, inputs: dict[str, object], severity: str) -> None:
    world.rows(0, inputs=inputs)
    ((_, judgement),) = world.run(1.1).judged
    assert judgement.severity == severity
    assert judgement.rows == 300


def test_repeated_request_ids_are_told(world: World) -> None:
    world.rows(0)
    world.asked = 0
    world.rows(0)
    ((_, judgement),) = world.run(1.1).judged
    assert judgement.repeated == 300
    assert "300 rows repeat a request id" in judgement.notes


def test_a_damaged_part_raises_one_alert_and_the_rest_is_judged(world: World) -> None:
    world.rows(0)
    world.rows(0, 200)
    first, second = sorted(world.folder.rglob("*.parquet"), key=lambda path: path.stat().st_mtime)
    whole = second.read_bytes()
    second.write_bytes(whole[:500])
    done = world.run(1.1)
    assert [judgement.rows for _, judgement in done.judged] == [300]
    assert len(done.problems) == 1
    assert world.run(1.2).problems == []
    (key,) = world.open_alerts()
    assert key.startswith("log:damaged:day=2026-11-01/")
    second.write_bytes(whole)  # somebody puts it back
    assert world.run(1.3).late == 200
    assert world.taken() == 500
    first.unlink()


def test_a_page_that_went_bad_is_found_when_it_is_read(world: World) -> None:
    world.rows(0)
    world.rows(0, 200)
    path = min(world.folder.rglob("*.parquet"), key=lambda path: path.stat().st_mtime)
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    done = world.run(1.1)
    assert [judgement.rows for _, judgement in done.judged] == [200]
    assert "damaged" in done.problems[0]
    assert world.run(1.2).late == 0


def test_parts_and_rows_that_are_gone_are_told(world: World) -> None:
    for _ in range(3):
        world.rows(0, 60)
    sorted(world.folder.rglob("*.parquet"), key=lambda path: path.stat().st_mtime)[1].unlink()
    done = world.run(1.1)
    assert done.problems == [f"version 1: part {world.writer.name}-000001 is not in the log"]


def test_a_version_without_a_reference_does_not_stop_the_others(world: World) -> None:
    world.rows(0, version=2)
    world.rows(0)
    world.unknown.add(1)
    done = world.run(1.1)
    assert [stream.version for stream, _ in done.judged] == [2]
    assert done.problems == ["version 1: there is no reference profile"]


def test_count_windows_take_rows_as_they_arrive(counted: World) -> None:
    counted.rows(1, 250)
    done = counted.run(1.1)
    assert windows(done) == ["rows-0000000", "rows-0000001"]
    assert done.waiting == 50
    counted.rows(0, 30)  # older, and not late
    assert windows(counted.run(2)) == []
    counted.rows(2, 45)
    done = counted.run(3)
    assert windows(done) == ["rows-0000002"]
    assert (done.late, done.waiting) == (0, 25)
    assert counted.taken() == 300


def test_two_monitors_at_once_count_every_row_once(world: World) -> None:
    for day in range(6):
        world.rows(day, 60, shift=day / 2)
    world.now = START + 6.1 * DAY
    failures: list[Exception] = []

    def run() -> None:
        ledger = Ledger(world.url)
        try:
            world.monitor(ledger).run()
        except Exception as error:  # noqa: BLE001  # shown below
            failures.append(error)
        finally:
            ledger.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert world.taken() == 360
    assert len(world.ledger.windows(world.stream)) == 6
    raised = [event for event in world.events() if event.startswith("raised")]
    assert len(raised) == len(set(raised)) > 0


def test_an_entry_that_fails_leaves_nothing(world: World) -> None:
    world.rows(0)
    ((_, judgement),) = world.run(1.1).judged
    other = dataclasses.replace(judgement, window="2026-12-01")
    take = Take(part="x", rows=1, total=1)

    def fail() -> None:
        with world.ledger.entry(world.stream) as entry:
            entry.add_window(other, [take], at=world.now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with pytest.raises(AlreadyDoneError), world.ledger.entry(world.stream) as entry:
        entry.add_window(other, [take, take], at=world.now)
    assert world.ledger.window_names(world.stream) == ["2026-11-01"]


def test_a_database_that_does_not_answer_is_one_error(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_text("no database")
    with pytest.raises(StoreError, match="state database"):
        Ledger(f"sqlite:///{tmp_path / 'file'}")


def test_a_policy_waits_for_more_windows(tmp_path: Path) -> None:
    world = World(tmp_path, drift=Policy(raise_after=3))
    for day in range(3):
        world.rows(day, shift=1.0)
        world.run(day + 1.1)
        assert ("drift:temp" in world.open_alerts()) == (day == 2)
    world.close()


def test_hours_without_rows_are_passed_in_one_go(tmp_path: Path) -> None:
    world = World(tmp_path, cut="1h")
    world.rows(0, 60)
    world.rows(3, 60)
    world.now = START + 4 * DAY + timedelta(hours=1)
    done = world.run()
    assert sum(judgement.rows for _, judgement in done.judged) == 120
    world.close()
