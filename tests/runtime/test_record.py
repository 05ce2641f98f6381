from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from nbship.facts import (
    CellRan,
    CellSource,
    DatasetHashed,
    DatasetRead,
    EstimatorFitted,
    Fact,
    FigureShown,
    FrameProfiled,
    MatrixComputed,
    MetricComputed,
    ModelKept,
    ModelRegistered,
    ParameterSet,
    RunStarted,
    SessionStarted,
    UserRun,
)
from nbship.record import run_records


def session(*facts: Fact) -> list[Fact]:
    return [
        replace(fact, ordinal=number, at=f"2026-01-01T12:00:{number:02}+00:00")
        for number, fact in enumerate(facts)
    ]


def registered(**more: Any) -> ModelRegistered:
    return ModelRegistered(model="m", variable="v", type="t", format="cloudpickle", blob="b3:0", **more)


def test_a_knob_that_changes_keeps_its_history() -> None:
    facts = session(*(ParameterSet(name="n", value=value) for value in (1, 1, 2, 1)))
    (record,) = run_records("s", facts, live=True)
    assert record.params == {"n": "1", "n/2": "2", "n/3": "1"}


def test_a_metric_keeps_each_of_its_values() -> None:
    facts = session(*(MetricComputed(name="mae", value=value, function="f") for value in (2.0, 1.0)))
    (record,) = run_records("s", facts, live=True)
    assert [(item.value, item.step) for item in record.metrics] == [(2.0, 0), (1.0, 1)]


def test_each_cells_metric_has_a_name_of_its_own_and_a_cell_run_again_adds_to_its_history() -> None:
    values = [("a", 0.7), ("b", 0.8), ("a", 0.9), ("c", 0.7)]  # the last is the first, computed again
    facts = session(
        *(MetricComputed(name="acc", value=value, function="f", cell=cell) for cell, value in values)
    )
    (record,) = run_records("s", facts, live=True)
    assert [(item.key, item.step, item.value) for item in record.metrics] == [
        ("acc", 0, 0.7),
        ("acc/2", 0, 0.8),
        ("acc", 1, 0.9),
    ]


def test_a_metric_by_hand_stands_apart_and_says_how_it_was_computed() -> None:
    facts = session(
        MetricComputed(name="acc", value=0.5, function="accuracy_score"),
        MetricComputed(name="acc", value=0.5, function="by hand", inferred="(p == y).mean()"),
    )
    (record,) = run_records("s", facts, live=True)
    assert [item.key for item in record.metrics] == ["acc", "inferred/acc"]
    assert json.loads(record.tags["nbship.inferred"]) == [
        {"metric": "inferred/acc", "computed": "(p == y).mean()"}
    ]


def test_a_confusion_matrix_is_a_table_the_last_of_its_name_in_a_cell() -> None:
    rows = [((1.0, 0.0), (0.0, 1.0)), ((2.0, 0.0), (1.0, 1.0))]
    facts = session(
        *(MatrixComputed(name="m", function="confusion_matrix", rows=one, cell="a") for one in rows)
    )
    (record,) = run_records("s", facts, live=True)
    (table,) = record.tables
    assert (table.path, table.text.splitlines()[1:]) == ("m.csv", ["0,2,0", "1,1,1"])


def test_the_same_facts_give_the_same_record_and_more_facts_only_add() -> None:
    facts = session(
        SessionStarted(python="3.11.7", user="ada", notebook_name="x.ipynb"),
        CellRan(execution_count=1, succeeded=True, step="train"),
        EstimatorFitted(name='models["a"]', type="T", parameters={"k": 1}),
        MetricComputed(name="mae", value=1.0, function="f"),
    )
    (early,) = run_records("s", facts[:3], live=True)
    (late,) = run_records("s", facts, live=True)
    assert late == run_records("s", facts, live=True)[0]
    assert early.params.items() <= late.params.items()
    assert early.name == "x.ipynb"
    assert early.ended_ms is None
    assert late.tags["nbship.steps"] == "train"
    assert list(late.params) == ["models_a_.k"]


def test_a_table_waits_for_its_hash_while_the_kernel_lives() -> None:
    read = DatasetRead(name="x.csv", source="x.csv", reader="pandas.read_csv", rows=3)
    hashed = DatasetHashed(of=0, file="b3:f", table="b3:t")
    (waiting,) = run_records("s", session(read), live=True)
    (dead,) = run_records("s", session(read), live=False)
    (done,) = run_records("s", session(read, hashed), live=True)
    assert waiting.datasets == ()
    assert dead.datasets[0].digest is None
    assert done.datasets[0].digest == "b3:t"


def test_a_model_waits_for_its_reference_profile_while_the_kernel_lives() -> None:
    facts = session(EstimatorFitted(name="v", type="t"), registered(profile_of=0))
    assert run_records("s", facts, live=True)[0].registrations == ()
    assert run_records("s", facts, live=False)[0].registrations[0].profile_blob is None
    more = session(*facts, FrameProfiled(of=0, profile_blob="b3:p"))
    assert run_records("s", more, live=True)[0].registrations[0].profile_blob == "b3:p"


def test_the_last_fit_of_a_name_is_a_model_of_the_run_once_it_is_over() -> None:
    fits = [EstimatorFitted(name="m", type="T"), EstimatorFitted(name="m", type="T")]
    kept = [ModelKept(of=n, blob=f"b3:{n}", format="cloudpickle") for n in (0, 1)]
    facts = session(*fits, *kept)
    assert run_records("s", facts, live=True)[0].models == ()
    (model,) = run_records("s", facts, live=False)[0].models
    assert (model.model, model.blob, model.ordinal) == ("m", "b3:1", 1)
    again = session(*fits, *kept, replace(registered(), blob="b3:1"))
    assert run_records("s", again, live=False)[0].models == (), "it is registered anyhow"


def test_a_picture_is_named_by_its_cell_and_the_last_one_stays() -> None:
    ran = [CellRan(cell=cell, execution_count=n, succeeded=True) for n, cell in enumerate("aba", start=1)]
    shown = [
        FigureShown(cell="b", source_hash=source, blob=f"b3:{blob}", format="png", place=1)
        for source, blob in (("old", 1), ("old", 2), ("new", 3))
    ]
    (record,) = run_records("s", session(*ran, *shown), live=True)
    assert [(figure.path, figure.blob) for figure in record.figures] == [
        ("cell-002-1.png", "b3:3"),
    ]


def test_a_run_ends_where_the_next_begins() -> None:
    one = session(ParameterSet(name="a", value=1), RunStarted(name="second"), ParameterSet(name="a", value=2))
    facts = [one[0], replace(one[1], run=1), replace(one[2], run=1)]
    first, second = run_records("s", facts, live=True)
    assert (first.ended_ms is None, second.ended_ms is None) == (False, True)
    assert second.name == "second"
    assert [first.params, second.params] == [{"a": "1"}, {"a": "2"}]


def test_an_empty_journal_is_no_run() -> None:
    assert run_records("s", [], live=False) == []


def test_each_run_of_the_users_own_gets_its_part_and_what_it_stands_on() -> None:
    facts = session(
        ParameterSet(name="n", value=1),
        UserRun(run_id="a", tracking_uri="u"),
        EstimatorFitted(name="m", type="T", parameters={"C": 1}),
        UserRun(run_id="b", tracking_uri="u", active=True),
        EstimatorFitted(name="m", type="T", parameters={"C": 2}),
        MetricComputed(name="mae", value=1.0, function="f"),
    )
    first, second = run_records("s", facts, live=True)
    assert [first.params, second.params] == [{"n": "1", "m.C": "1"}, {"n": "1", "m.C": "2"}]
    assert [len(first.metrics), len(second.metrics)] == [0, 1]
    told = [(item.attached.run_id, item.attached.settled) for item in (first, second) if item.attached]
    assert told == [("a", True), ("b", False)]
    assert run_records("s", facts, live=False)[1].attached != second.attached  # the kernel is gone


def test_a_session_that_has_said_nothing_is_no_run() -> None:
    facts = session(SessionStarted(python="3.11.7", user="ada"), RunStarted(name="x"))
    assert run_records("s", facts, live=False) == []


def test_a_clock_that_goes_back_gives_no_run_that_ends_before_it_begins() -> None:
    facts = session(ParameterSet(name="a", value=1), ParameterSet(name="a", value=2))
    (record,) = run_records("s", facts[::-1], live=False)
    assert record.ended_ms is not None
    assert record.started_ms < record.ended_ms


def test_every_execution_is_kept_with_its_source() -> None:
    facts = session(
        CellSource(source_hash="h", source="a = 1"),
        CellRan(cell="c", source_hash="h", execution_count=1, succeeded=True),
        CellRan(cell="c", source_hash="i", execution_count=2, succeeded=False),
        CellRan(cell="c", source_hash="h", execution_count=3, succeeded=True),
    )
    (record,) = run_records("s", facts, live=True)
    assert [(item.source, item.succeeded) for item in record.history] == [
        ("a = 1", True),
        (None, False),
        ("a = 1", True),
    ]
