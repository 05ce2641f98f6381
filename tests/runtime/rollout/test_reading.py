from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nbship.monitoring.log import Log, Writer
from nbship.monitoring.records import Prediction
from nbship.rollout import reading
from nbship.rollout.reading import Reader

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def logged(folder: Path, minutes: range, *, rows: int = 10, **more: Any) -> Log:
    """A log with a part for each minute, of one row a second."""
    log = Log(str(folder / "log"), "m")
    writer = Writer(log)
    for minute in minutes:
        for second in range(rows):
            at = START + timedelta(minutes=minute, seconds=second)
            given: dict[str, Any] = {"version": 2, "role": "canary", **more}
            writer.append(Prediction(request=f"{minute}:{second}", at=at, inputs={}, latency_s=0.01, **given))
        writer.flush()
    return log


def requests(reader: Reader, **more: Any) -> list[str]:
    given: dict[str, Any] = {"since": START, "is_shadow": False, **more}
    found: list[str] = reader.rows(2, **given).table.column("request").to_pylist()
    return found


def test_rows_count_from_the_moment_on_and_in_order(tmp_path: Path) -> None:
    reader = Reader(logged(tmp_path, range(-2, 2), rows=2))
    assert requests(reader) == ["0:0", "0:1", "1:0", "1:1"]
    assert requests(reader, since=START + timedelta(seconds=1)) == ["0:1", "1:0", "1:1"]


def test_a_shadow_s_rows_are_no_canary_s(tmp_path: Path) -> None:
    logged(tmp_path, range(1), rows=1, role="shadow")
    reader = Reader(logged(tmp_path, range(1, 2), rows=1))
    assert requests(reader) == ["1:0"]
    assert requests(reader, is_shadow=True) == ["0:0"]
    assert requests(reader) == ["1:0"]


def test_what_is_written_later_is_found_by_the_next_look(tmp_path: Path) -> None:
    reader = Reader(logged(tmp_path, range(1), rows=1))
    assert requests(reader) == ["0:0"]
    logged(tmp_path, range(1, 2), rows=1)
    assert requests(reader) == ["0:0", "1:0"]


def test_of_too_many_rows_the_first_and_the_last_are_kept_and_all_time_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_FIRST", 20)
    monkeypatch.setattr(reading, "MOST_LAST", 30)
    found = Reader(logged(tmp_path, range(10))).rows(2, START, is_shadow=False)
    minutes = sorted(
        {int(request.partition(":")[0]) for request in found.table.column("request").to_pylist()}
    )
    assert minutes == [0, 1, 7, 8, 9]
    assert (found.count, len(found.seconds)) == (100, 100)


def test_a_part_of_long_before_is_not_read(tmp_path: Path) -> None:
    log = logged(tmp_path, range(-90, -89))
    (part,) = log.parts(2).parts
    next((tmp_path / "log").rglob("*.parquet")).write_bytes(b"garbage")
    found = Reader(log).rows(2, START, is_shadow=False)
    assert (found.count, found.problems) == (0, ())
    before = START - timedelta(minutes=91)
    assert Reader(log).rows(2, before, is_shadow=False).problems[0].startswith(part.name)


def test_a_version_that_was_never_asked_has_no_rows(tmp_path: Path) -> None:
    found = Reader(Log(str(tmp_path / "log"), "m")).rows(2, START, is_shadow=False)
    assert (found.table.num_rows, found.count, len(found.seconds)) == (0, 0, 0)
