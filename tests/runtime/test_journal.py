from __future__ import annotations

import errno
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbship import journal
from nbship.facts import CellRan, Fact, MetricComputed, ParameterSet
from nbship.journal import Blobs, Journal

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def written(folder: Path, facts: int) -> list[Fact]:
    record = Journal(folder, clock=lambda: NOON)
    kept = [record.append(ParameterSet(name=f"p{number}", value=number)) for number in range(facts)]
    record.close()
    return kept


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    record = Journal(tmp_path / "s", clock=lambda: NOON)
    cell = record.append(
        CellRan(cell="a", execution_count=1, succeeded=True, bound=("x",), types={"x": "int"})
    )
    record.run = 1
    metric = record.append(MetricComputed(name="mae", value=float("nan"), function="f"))
    record.close()
    found = journal.read(tmp_path / "s")
    assert found.facts[0] == cell
    assert found.facts[1].run == 1
    assert metric.ordinal == 1
    assert (found.damaged_lines, found.torn) == ((), False)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_journal_cut_anywhere_gives_every_whole_fact(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "s"
    path = folder / "facts.jsonl"
    path.unlink(missing_ok=True)
    kept = written(folder, 5)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    found = journal.read(folder)
    assert list(found.facts) == kept[:whole]
    assert found.torn == (not content[:cut].endswith(b"\n") and cut > 0)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_in_the_middle_costs_its_own_line_only(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "s"
    path = folder / "facts.jsonl"
    path.unlink(missing_ok=True)
    kept = written(folder, 5)
    lines = path.read_bytes().splitlines(keepends=True)
    number = data.draw(st.integers(0, 4))
    place = data.draw(st.integers(0, len(lines[number]) - 2))
    spoilt = bytearray(lines[number])
    spoilt[place] ^= 1 + data.draw(st.integers(0, 6))
    lines[number] = bytes(spoilt)
    path.write_bytes(b"".join(lines))
    found = journal.read(folder)
    assert [fact for fact in found.facts if fact in kept] == list(found.facts)
    assert len(found.facts) == 4 or b"\n" in bytes(spoilt)[:-1]
    assert found.damaged_lines


def test_writing_never_raises_and_tells_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    record = Journal(tmp_path / "file" / "s")
    record.append(ParameterSet(name="x", value=1))
    record.append(ParameterSet(name="x", value=2))
    record.close()
    assert record.failure is not None
    assert len(caplog.records) == 1


def test_only_one_process_writes_and_its_life_can_be_seen(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    first, second = Journal(folder), Journal(folder)
    first.append(ParameterSet(name="x", value=1))
    second.append(ParameterSet(name="x", value=2))
    assert second.failure is not None
    assert journal.is_live(folder)
    first.close()
    assert not journal.is_live(folder)
    assert len(journal.read(folder).facts) == 1


def test_a_forked_child_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Journal(tmp_path / "s")
    record.append(ParameterSet(name="x", value=1))
    monkeypatch.setattr(os, "getpid", lambda: -1)
    record.append(ParameterSet(name="x", value=2))
    monkeypatch.undo()
    record.close()
    assert len(journal.read(tmp_path / "s").facts) == 1


def test_blobs_are_kept_once_under_the_name_of_their_content(tmp_path: Path) -> None:
    blobs = Blobs(folder=tmp_path)
    name = blobs.put(b"bytes")
    assert blobs.put(b"bytes") == name
    assert blobs.get(name) == b"bytes"
    assert list(blobs) == [name]


class Disk:
    """A disk that takes so many bytes and no more, as a full one does: a part of a line first, then nothing."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.write = os.write

    def __call__(self, file: int, content: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = self.write(file, bytes(content[: self.room]))
        self.room -= taken
        return taken


def test_what_a_full_disk_refuses_is_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(150)
    monkeypatch.setattr(os, "write", disk)
    record = Journal(tmp_path / "s", clock=lambda: NOON)
    kept = [record.append(ParameterSet(name="x", value=number)) for number in range(3)]
    assert record.failure is not None
    found = journal.read(tmp_path / "s")
    assert (len(found.facts), found.torn) == (1, True)
    disk.room = 1 << 20
    kept.append(record.append(ParameterSet(name="x", value=3)))
    assert record.failure is None
    record.close()
    found = journal.read(tmp_path / "s")
    assert list(found.facts) == kept
    assert (found.damaged_lines, found.missing, found.torn) == ((), (), False)
    assert len(caplog.records) == 1


def test_a_limit_of_the_file_size_is_a_full_disk(tmp_path: Path) -> None:
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom nbship.facts import ParameterSet\n"
        "from nbship.journal import Journal\n"
        "record = Journal(Path(sys.argv[1]))\nrecord.append(ParameterSet(name='x', value=0))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))\n"
        "for n in range(1, 9): record.append(ParameterSet(name='x', value=n))\n"
        "print(type(record.failure).__name__)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "record.close()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "s")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "OSError"
    assert done.stderr.count("cannot be written") == 1
    assert [fact.ordinal for fact in journal.read(tmp_path / "s").facts] == list(range(9))


def test_a_clock_that_goes_back_stands_still(tmp_path: Path) -> None:
    times = iter([NOON, NOON - timedelta(hours=1), NOON + timedelta(seconds=1)])
    record = Journal(tmp_path / "s", clock=lambda: next(times))
    stamps = [record.append(ParameterSet(name="x", value=number)).at for number in range(3)]
    record.close()
    assert stamps == [NOON.isoformat(), NOON.isoformat(), (NOON + timedelta(seconds=1)).isoformat()]


def test_a_line_that_stands_there_twice_was_written_once(tmp_path: Path) -> None:
    kept = written(tmp_path / "s", 3)
    path = tmp_path / "s" / "facts.jsonl"
    first = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(path.read_bytes() + first)
    assert list(journal.read(tmp_path / "s").facts) == kept


def test_lines_that_were_cut_out_are_counted(tmp_path: Path) -> None:
    written(tmp_path / "s", 5)
    path = tmp_path / "s" / "facts.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[3], lines[4]]))
    assert journal.read(tmp_path / "s").missing == (1, 2)


class Mute:
    """A value that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def test_a_value_that_json_does_not_know_costs_nothing_but_itself(tmp_path: Path) -> None:
    record = Journal(tmp_path / "s")
    record.append(ParameterSet(name="x", value=Mute()))  # type: ignore[arg-type]  # what a foreign class may hand over
    record.append(ParameterSet(name="y", value=1))
    record.close()
    found = [fact for fact in journal.read(tmp_path / "s").facts if isinstance(fact, ParameterSet)]
    assert [fact.value for fact in found] == ["<Mute>", 1]


def test_bytes_that_a_full_disk_cut_off_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        Blobs(folder=tmp_path).put(b"bytes")
    assert list(Blobs(folder=tmp_path)) == []


def test_bytes_that_have_changed_are_not_given_back(tmp_path: Path) -> None:
    blobs = Blobs(folder=tmp_path)
    name = blobs.put(b"bytes")
    blobs.path(name).write_bytes(b"bites")
    with pytest.raises(OSError, match="have changed"):
        blobs.get(name)


KILLED = """
import sys
from pathlib import Path
from nbship.facts import ParameterSet
from nbship.journal import Journal
record = Journal(Path(sys.argv[1]))
for number in range(10**9):
    fact = record.append(ParameterSet(name="x", value="y" * (number % 50)))
    sys.stdout.write(f"{fact.ordinal}\\n")
    sys.stdout.flush()
"""


def test_a_writer_killed_at_any_moment_has_lost_nothing_it_acknowledged(tmp_path: Path) -> None:
    for turn in range(3):
        folder = tmp_path / str(turn)
        with subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(50 * (turn + 1)):
                process.stdout.readline()
            process.kill()
            rest = process.stdout.read().splitlines(keepends=True)
        acknowledged = 50 * (turn + 1) + sum(line.endswith(b"\n") for line in rest)
        found = journal.read(folder)
        assert [fact.ordinal for fact in found.facts] == list(range(len(found.facts)))
        assert len(found.facts) >= acknowledged
        assert not journal.is_live(folder)
