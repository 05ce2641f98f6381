from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

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
