"""What several machines share: the ledger in PostgreSQL does what it does in a file."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import DAY, START, World

from nbship.errors import StoreError
from nbship.monitoring.ledger import AlreadyDoneError, Ledger
from nbship.monitoring.windows import Take


@pytest.fixture
def shared(tmp_path: Path, postgresql_url: str) -> Iterator[World]:
    """A model that is watched day by day, what is known of it being in PostgreSQL."""
    made = World(tmp_path, url=postgresql_url)
    yield made
    made.close()


def test_windows_alerts_and_late_rows_stand_there(shared: World) -> None:
    for day, shift in enumerate([0, 1.0, 0, 0]):
        shared.rows(day, shift=shift)
        shared.run(day + 1.1)
    shared.rows(0.5, 40)
    assert shared.run(5.1).late == 40
    assert shared.taken() == 1240
    assert [item.judgement.severity for item in shared.ledger.windows(shared.stream)][:2] == [
        "none",
        "critical",
    ]
    told = [event for event in shared.events() if event.endswith(" drift:temp")]
    assert told == ["raised drift:temp", "resolved drift:temp"]
    assert [item.pending for item in shared.ledger.events(pending=True)] == [("log",)] * len(shared.events())


def test_it_goes_on_where_another_process_was(shared: World) -> None:
    shared.rows(0)
    shared.run(1.1)
    other = Ledger(shared.url)
    assert other.window_names(shared.stream) == ["2026-11-01"]
    assert other.streams("m") == [shared.stream]
    other.close()
    assert not shared.run(1.2).judged


def test_monitors_of_several_machines_count_every_row_once(shared: World) -> None:
    for day in range(6):
        shared.rows(day, 60, shift=day / 2)
    shared.now = START + 6.1 * DAY
    failures: list[Exception] = []

    def run() -> None:
        ledger = Ledger(shared.url)
        try:
            shared.monitor(ledger).run()
        except Exception as error:  # noqa: BLE001  # shown below
            failures.append(error)
        finally:
            ledger.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert shared.taken() == 360
    assert len(shared.ledger.windows(shared.stream)) == 6
    raised = [event for event in shared.events() if event.startswith("raised")]
    assert len(raised) == len(set(raised)) > 0


def test_an_entry_that_fails_leaves_nothing(shared: World) -> None:
    shared.rows(0)
    ((_, judgement),) = shared.run(1.1).judged
    other, take = dataclasses.replace(judgement, window="2026-12-01"), Take(part="x", rows=1, total=1)
    with pytest.raises(AlreadyDoneError), shared.ledger.entry(shared.stream) as entry:
        entry.add_window(other, [take, take], at=shared.now)
    assert shared.ledger.window_names(shared.stream) == ["2026-11-01"]


def test_odd_names_and_values_are_kept(shared: World) -> None:
    odd = "tëmp\0 'quoted' " + "x" * 300
    for day in range(2):
        for value in ("\0", "\ud800", "ok"):
            shared.rows(day, 60, inputs={"temp": float("inf"), "city": value, odd: "a"})
    shared.run(2.1)
    (first, _) = shared.ledger.windows(shared.stream)
    assert first.judgement.rows == 180
    assert shared.open_alerts()["drift:temp"] == "critical"


def test_an_alert_is_taken_and_ended_by_people(shared: World) -> None:
    shared.rows(0, shift=2.0)
    shared.run(1.1)
    ((_, alert),) = [pair for pair in shared.ledger.alerts("m") if pair[1].key == "drift:temp"]
    with shared.ledger.entry(shared.stream) as entry:
        entry.put_alert(dataclasses.replace(alert, state="acknowledged"))
    ((_, taken),) = [pair for pair in shared.ledger.alerts("m") if pair[1].key == "drift:temp"]
    assert (taken.state, taken.since) == ("acknowledged", alert.since)


def test_a_server_that_does_not_answer_is_one_error(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match="does not answer"):
        Ledger(f"postgresql://nobody@/postgres?host={tmp_path}")
