"""A history that was touched shows where."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from nbship.registry.assignment import Assignment
from nbship.registry.audit import AuditRecord, Head, head_of, read, seal, verify

START = datetime(2026, 7, 1, 12, tzinfo=UTC)


def history(length: int, *, who: str = "ada") -> list[AuditRecord]:
    """A model that gets one version after the other."""
    made: list[AuditRecord] = []
    now = Assignment(model="bikes", revision=0)
    for number in range(1, length + 1):
        after = replace(now, revision=number, champion=number)
        made.append(
            seal(
                before=now,
                after=after,
                at=START + timedelta(hours=number),
                who=who,
                action="promoted",
                why="better",
                evidence={"mae": 1 / number},
                previous=made[-1].hash if made else "",
            )
        )
        now = after
    return made


def renumbered(record: AuditRecord, number: int) -> AuditRecord:
    return replace(record, number=number)


def test_a_history_as_it_was_written_has_no_break() -> None:
    records = history(5)
    assert verify(records) == []
    assert verify(records, head_of(records), head_of(records[:3]), None) == []
    assert verify([]) == []


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 8), data=st.data())
def test_a_changed_record_is_named(length: int, data: st.DataObject) -> None:
    records = history(length)
    place = data.draw(st.integers(0, length - 1))
    document = records[place].document
    cut = data.draw(st.integers(0, len(document) - 1))
    changed = (
        document[:cut]
        + data.draw(st.characters().filter(lambda one: one != document[cut]))
        + document[cut + 1 :]
    )
    records[place] = read(changed, model="bikes", number=place + 1, digest=records[place].hash)
    (found,) = verify(records)
    assert (found.number, found.kind) == (place + 1, "changed")


@settings(max_examples=60, deadline=None)
@given(length=st.integers(2, 8), data=st.data())
def test_a_record_that_was_written_anew_with_a_new_seal_is_named(length: int, data: st.DataObject) -> None:
    records = history(length)
    place = data.draw(st.integers(0, length - 1))
    forged = history(length, who="eve")[place]
    old = records[place]
    records[place] = seal(
        before=forged.before,
        after=forged.after,
        at=forged.at,
        who="eve",
        action=forged.action,
        why=forged.why,
        evidence=forged.evidence,
        previous=old.previous,
    )
    found = verify(records, head_of(history(length)))
    assert (found[0].number, found[0].kind) == ((place + 1, "changed") if place else (1, found[0].kind))
    assert found


@settings(max_examples=60, deadline=None)
@given(length=st.integers(2, 8), data=st.data())
def test_removed_records_are_counted(length: int, data: st.DataObject) -> None:
    records = history(length)
    place = data.draw(st.integers(0, length - 2))
    del records[place]
    found = verify(records)
    assert [(item.number, item.kind) for item in found] == [(place + 1, "missing")]
    assert found[0].says == f"record {place + 1} is missing"


def test_a_removed_record_that_the_others_close_up_on_is_seen() -> None:
    records = history(4)
    closed_up = [records[0], renumbered(records[2], 2), renumbered(records[3], 3)]
    assert [(item.number, item.kind) for item in verify(closed_up)] == [(2, "moved"), (3, "moved")]


def test_records_that_changed_places_are_named() -> None:
    records = history(4)
    swapped = [records[0], renumbered(records[2], 2), renumbered(records[1], 3), records[3]]
    assert [item.says for item in verify(swapped)] == [
        "record 2 was moved: it was written as record 3",
        "record 3 was moved: it was written as record 2",
    ]


def test_a_record_of_another_model_is_none_of_this_one() -> None:
    (first,) = history(1)
    (found,) = verify([replace(first, model="trains")])
    assert found.says == "record 1 was moved: it was written as record 1 of 'bikes'"


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 8), data=st.data())
def test_a_tail_that_was_cut_shows_against_the_head_elsewhere(length: int, data: st.DataObject) -> None:
    records = history(length)
    kept = data.draw(st.integers(0, length - 1))
    (found,) = verify(records[:kept], head_of(records))
    assert (found.number, found.kind) == (kept + 1, "cut")


def test_a_history_that_was_replaced_as_a_whole_shows_against_the_head_elsewhere() -> None:
    (found,) = verify(history(3, who="eve"), head_of(history(3)))
    assert found.kind == "another history"


def test_a_head_is_read_as_it_was_written() -> None:
    head = head_of(history(2))
    assert head is not None
    assert Head.parse(str(head)) == head
    assert Head.parse("nonsense") is None


def test_evidence_that_json_has_no_word_for_is_kept_as_text() -> None:
    now = Assignment(model="bikes", revision=1)
    record = seal(
        before=now,
        after=now,
        at=START,
        who="ada",
        action="promoted",
        why="",
        evidence={"mae": float("nan"), "when": START, "of": (1, 2)},
        previous="",
    )
    assert record.evidence == {"mae": "nan", "when": "2026-07-01T12:00:00+00:00", "of": [1, 2]}
    assert verify([record]) == []
