from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbship.errors import DataError, StoreError
from nbship.monitoring import log as logs
from nbship.monitoring import records
from nbship.monitoring.log import Log, Writer
from nbship.monitoring.records import Prediction

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def asked(number: int, at: datetime = NOON, *, version: int = 1, **more: Any) -> Prediction:
    given: dict[str, Any] = {"inputs": {"temp": number / 10}, "outputs": {"prediction": number}, **more}
    return Prediction(request=f"r{number}", at=at, version=version, latency_s=0.01, **given)


def whole_day(log: Log, version: int = 1) -> logs.Reading:
    return log.window(version, NOON - timedelta(days=2), NOON + timedelta(days=2))


def requests(reading: logs.Reading) -> list[str]:
    return sorted(reading.table.column("request").to_pylist())


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_what_was_flushed_is_read_once(where: str, tmp_path: Path) -> None:
    url = str(tmp_path) if where == "folder" else f"memory://{tmp_path.name}"
    log = Log(url, "a/b c")
    writers = [Writer(log) for _ in range(3)]
    for number in range(30):
        writers[number % 3].append(asked(number, NOON + timedelta(hours=number)))
        if number % 10 == 9:
            assert sum(writer.flush() for writer in writers) == 10
    found = log.window(1, NOON, NOON + timedelta(hours=24))
    assert requests(found) == sorted(f"r{number}" for number in range(24))
    assert log.versions() == [1]
    assert (found.damaged, found.torn, found.gaps, found.mixed) == ((), (), (), ())
    assert log.window(2, NOON, NOON).table.num_rows == 0


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(-30, 30), st.integers(1, 2)), max_size=40),
    st.integers(-30, 30),
    st.integers(0, 40),
)
@settings(max_examples=25, deadline=None)
def test_windows_part_the_rows(rows: list[tuple[int, int, int]], cut: int, flush_every: int) -> None:
    log = Log(f"memory://{os.urandom(8).hex()}", "m")
    writers = [Writer(log) for _ in range(3)]
    for number, (writer, hour, version) in enumerate(rows):
        writers[writer].append(asked(number, NOON + timedelta(hours=hour), version=version))
        if flush_every and number % flush_every == 0:
            writers[writer].flush()
    for writer in writers:
        writer.close()
    middle = NOON + timedelta(hours=cut)
    found = [
        request
        for version in (1, 2)
        for start, end in ((NOON - timedelta(days=9), middle), (middle, NOON + timedelta(days=9)))
        for request in requests(log.window(version, start, end))
    ]
    assert sorted(found) == sorted(f"r{number}" for number in range(len(rows)))


def test_a_damaged_part_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    log = Log(str(tmp_path), "m")
    writer = Writer(log)
    for number in range(3):
        writer.append(asked(number))
        writer.flush()
    first, second, third = sorted(tmp_path.rglob("*.parquet"))
    content = bytearray(first.read_bytes())
    content[40] ^= 0xFF  # one byte of a page: the file opens, its checksum does not hold
    first.write_bytes(content)
    second.write_bytes(second.read_bytes()[:100])
    third.with_name(".unfinished-x.parquet").write_bytes(b"PAR1")
    found = whole_day(log)
    assert requests(found) == ["r2"]
    assert [item.part.name.rpartition("-")[2] for item in found.damaged] == [
        "000000.parquet",
        "000001.parquet",
    ]
    assert all("damaged" in item.reason for item in found.damaged)
    assert len(found.torn) == 1
    third.unlink()
    first.unlink()
    assert whole_day(log).gaps == ()


def test_a_part_that_is_gone_leaves_a_gap(tmp_path: Path) -> None:
    log = Log(str(tmp_path), "m")
    writer = Writer(log)
    for number in range(4):
        writer.append(asked(number))
        writer.flush()
    sorted(tmp_path.rglob("*.parquet"))[2].unlink()
    assert whole_day(log).gaps == (f"{writer.name}-000002",)


def test_an_empty_file_and_a_foreign_one_are_no_crash(tmp_path: Path) -> None:
    log = Log(str(tmp_path), "m")
    Writer(log)
    folder = tmp_path / "m" / "version=1" / "day=2026-11-28"
    folder.mkdir(parents=True)
    folder.joinpath("120000-0123abcd-000000.parquet").write_bytes(b"")
    folder.joinpath("notes.txt").write_text("mine")
    pq.write_table(pa.table({"x": [1]}), folder / "120000-0123abcd-000001.parquet")
    found = whole_day(log)
    assert len(found.damaged) == 2
    assert found.table.num_rows == 0


def test_rows_wait_while_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(str(tmp_path), "m")
    writer = Writer(log, most_waiting=5)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(logs.os, "fsync", full)
        for number in range(4):
            writer.append(asked(number))
        assert writer.flush() == 0
        assert writer.failure is not None
        assert "No space left" in writer.failure.what
        for number in range(4, 7):
            writer.append(asked(number))
        assert writer.flush() == 0
        with pytest.raises(StoreError, match="No space left"):
            writer.close()
    assert not list(tmp_path.rglob("*unfinished*"))
    assert writer.flush() == 5
    assert writer.failure is None
    found = whole_day(log)
    assert requests(found) == ["r2", "r3", "r4", "r5", "r6"]
    (part,) = log.parts(1).parts
    assert log.extent(part).dropped == 2 == writer.dropped


def test_values_of_any_kind_become_rows(tmp_path: Path) -> None:
    log = Log(str(tmp_path), "m")
    writer = Writer(log)

    class Odd:
        def __str__(self) -> str:
            return "odd"

    odd = [1.5, None, float("nan"), float("inf"), np.float32(2), "text", b"bytes", Odd(), [1, 2], NOON, True]
    for number, value in enumerate(odd):
        writer.append(asked(number, inputs={"x": value, "only": 1} if number else {"x": value}))
    writer.append(asked(99, inputs={}, outcome="rejected", outputs={}))
    writer.flush()
    found = whole_day(log)
    assert found.table.num_rows == len(odd) + 1
    (part,) = log.parts(1).parts
    assert log.extent(part).mixed == ("input.x",)


def test_parts_of_other_types_are_joined(tmp_path: Path) -> None:
    log = Log(str(tmp_path), "m")
    writer = Writer(log)
    for number, value in enumerate([1, 2.5, None, "three"]):
        writer.append(asked(number, inputs={"x": value, "y": number if number % 2 else None}))
        writer.flush()
    found = whole_day(log)
    assert found.mixed == ("input.x",)
    assert found.table.column("input.x").to_pylist() == ["1", "2.5", None, "three"]
    assert pa.types.is_integer(found.table.column("input.y").type)


def test_a_part_tells_its_extent(tmp_path: Path) -> None:
    log = Log(str(tmp_path), "m")
    writer = Writer(log)
    for minutes in (30, 0, 59):
        writer.append(asked(minutes, NOON + timedelta(minutes=minutes)))
    writer.flush()
    (part,) = log.parts(1).parts
    found = log.extent(part)
    assert (found.rows, found.first, found.last) == (3, NOON, NOON + timedelta(minutes=59))
    assert part.day == NOON.date()
    assert part.writer == (writer.name, 0)
    next(tmp_path.rglob("*.parquet")).unlink()
    with pytest.raises(DataError, match="gone"):
        log.read(part)


def test_the_thread_of_a_writer_flushes(tmp_path: Path) -> None:
    writer = Writer(Log(str(tmp_path), "m"))
    writer.start(every_s=0.01)
    writer.append(asked(1))
    deadline = time.monotonic() + 10
    while not list(tmp_path.rglob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.01)
    writer.close()
    assert requests(whole_day(Log(str(tmp_path), "m"))) == ["r1"]


def _write_for_ever(url: str, name: str, told: Any) -> None:
    writer = Writer(Log(url, "m"))
    number = 0
    while True:
        for _ in range(20):
            writer.append(_named(name, number))
            number += 1
        writer.flush()
        told.send(number)


def _named(name: str, number: int) -> Prediction:
    return Prediction(request=f"{name}-{number:06d}", at=NOON, version=1, inputs={"x": number})


def test_writers_killed_at_any_moment_leave_what_they_had_flushed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes: list[tuple[Any, Any]] = []
    for name in "abc":
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_write_for_ever, args=(str(tmp_path), name, theirs))
        process.start()
        theirs.close()
        processes.append((process, mine))
    acknowledged: dict[str, int] = {}
    for name, (process, mine) in zip("abc", processes, strict=True):
        for _ in range(3):
            acknowledged[name] = mine.recv()
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        while mine.poll():
            try:
                acknowledged[name] = mine.recv()
            except EOFError:
                break
    found = requests(whole_day(Log(str(tmp_path), "m")))
    assert len(found) == len(set(found))
    for name, number in acknowledged.items():
        mine = [request for request in found if request.startswith(name)]
        assert number <= len(mine) <= number + 20
        assert mine == [f"{name}-{place:06d}" for place in range(len(mine))]


def test_repeated_request_ids_are_counted() -> None:
    table, _ = records.as_table([asked(1), asked(1), asked(2)])
    assert records.repeated(table) == 1
    assert table.column("output.prediction").to_pylist() == [1, 1, 2]
