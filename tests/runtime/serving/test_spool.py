from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nbship.errors import StoreError
from nbship.monitoring.log import Log
from nbship.serving import spool as spools
from nbship.serving.draining import drain
from nbship.serving.spool import Line, Spool

DAY = 86400.0
MORNING = 20_000 * DAY + 3600


def line(request: str, *, version: int = 1, at: float = MORNING, **more: Any) -> Line:
    return Line(
        at=at,
        request=request,
        version=version,
        role="champion",
        outcome="ok",
        inputs={"a": 1.5, "s": "x"},
        outputs={"prediction": 2},
        **more,
    )


def requests(log: Log) -> list[str]:
    return sorted(
        request
        for version in log.versions()
        for part in log.parts(version).parts
        for request in log.read(part).column("request").to_pylist()
    )


#: A process that goes as a killed one does: nothing is closed in good order.
_KILLED = """
import os, pathlib, sys
from nbship.serving.spool import Line, Spool
spool = Spool(pathlib.Path(sys.argv[1]))
spool.append([Line(at=1.0, request="killed", version=1, role="champion", outcome="ok", inputs={})])
os._exit(0)
"""


def test_lines_become_parts_of_each_version_and_day_and_leave_no_gap(tmp_path: Path) -> None:
    spool, log = Spool(tmp_path / "spool"), Log(str(tmp_path / "log"), "m")
    spool.append([line("a"), line("b", version=2), line("c", at=MORNING + DAY)])
    spool.rotate()
    spool.append([line("d")])
    spool.rotate()
    spool.append([line("e", version=2), line("f")])
    spool.close()
    done = drain(tmp_path / "spool", log)
    assert (done.rows, done.parts, done.torn) == (6, 6, [])
    assert requests(log) == ["a", "b", "c", "d", "e", "f"]
    assert [log.parts(version).gaps for version in (1, 2)] == [(), ()]
    assert not list((tmp_path / "spool").glob("*.lines"))


def test_a_segment_that_is_drained_twice_makes_the_same_parts_again(tmp_path: Path) -> None:
    spool, log = Spool(tmp_path / "spool"), Log(str(tmp_path / "log"), "m")
    spool.append([line(f"r{number}") for number in range(10)])
    spool.close()
    (segment,) = (tmp_path / "spool").glob("*.lines")
    content = segment.read_bytes()
    drain(tmp_path / "spool", log)
    segment.write_bytes(content)  # as if the drain had been killed between the part and its segment's end
    drain(tmp_path / "spool", log)
    assert requests(log) == sorted(f"r{number}" for number in range(10))


def test_a_segment_is_left_alone_while_its_writer_lives_and_taken_when_it_does_not(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), "m")
    subprocess.run([sys.executable, "-c", _KILLED, tmp_path / "spool"], check=True)
    alive = Spool(tmp_path / "spool")
    alive.append([line("alive")])
    drain(tmp_path / "spool", log)
    assert requests(log) == ["killed"]
    alive.close()
    drain(tmp_path / "spool", log)
    assert requests(log) == ["alive", "killed"]


def test_a_line_that_a_kill_has_cut_is_told_and_the_others_are_kept(tmp_path: Path) -> None:
    spool, log = Spool(tmp_path / "spool"), Log(str(tmp_path / "log"), "m")
    spool.append([line("whole"), line("cut")])
    spool.close()
    (segment,) = (tmp_path / "spool").glob("*.lines")
    segment.write_bytes(segment.read_bytes()[:-20])
    done = drain(tmp_path / "spool", log)
    assert requests(log) == ["whole"]
    assert len(done.torn) == 1


def test_a_log_that_is_away_leaves_the_segments_for_later(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append([line("a")])
    spool.close()
    (tmp_path / "log").write_text("a file where the log's folder should be")
    with pytest.raises(StoreError):
        drain(tmp_path / "spool", Log(str(tmp_path / "log"), "m"))
    (tmp_path / "log").unlink()
    log = Log(str(tmp_path / "log"), "m")
    drain(tmp_path / "spool", log)
    assert requests(log) == ["a"]


def test_a_full_disk_keeps_lines_in_memory_within_bounds_and_then_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, log = Spool(tmp_path / "spool", most_waiting=3), Log(str(tmp_path / "log"), "m")
    spool.append([line("before")])
    real = os.write

    def full(fd: int, content: bytes) -> int:
        """Take a few bytes, as a disk does that becomes full, then nothing."""
        if len(content) > 30:
            return real(fd, content[:30])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(spools.os, "write", full)
        for number in range(5):
            spool.append([line(f"w{number}")])
            spool.retry()
    assert spool.failure == "No space left on device"
    assert (spool.waiting, spool.dropped) == (3, 2)
    spool.retry()
    assert (spool.waiting, spool.failure) == (0, None)
    spool.close()
    assert drain(tmp_path / "spool", log).torn == []
    assert requests(log) == ["before", "w2", "w3", "w4"]


def test_a_spool_that_is_full_counts_what_it_does_not_take(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", most_bytes=100)
    spool.append([line("a")])
    spool.measure()
    spool.append([line("b"), line("c")])
    assert spool.dropped == 2
    assert spool.failure is not None
    drain(tmp_path / "spool", Log(str(tmp_path / "log"), "m"))
    spool.rotate()
    drain(tmp_path / "spool", Log(str(tmp_path / "log"), "m"))
    spool.measure()
    spool.append([line("d")])
    assert (spool.dropped, spool.failure) == (2, None)
    spool.close()
