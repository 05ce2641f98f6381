"""What a drain does when stores, journals and other drains do what they like. The store is one in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_store import FakeStore

from nbship import config, drain, store
from nbship.config import Config
from nbship.errors import StoreError
from nbship.facts import (
    CellRan,
    CellSource,
    DatasetHashed,
    DatasetRead,
    EstimatorFitted,
    Fact,
    MetricComputed,
    ParameterSet,
    SessionEnded,
    SessionStarted,
    StoreChosen,
    UserRun,
)
from nbship.journal import Journal

pytestmark = pytest.mark.filterwarnings("default")  # mlflow and what it loads warn of themselves

DIGEST = "b3:" + "a" * 64
WORK: tuple[Fact, ...] = (
    SessionStarted(python="3.11.7", user="ada", notebook_name="n.ipynb"),
    ParameterSet(name="n", value=1),
    CellRan(cell="c", source_hash="h", execution_count=1, succeeded=True),
    CellSource(source_hash="h", source="n = 1"),
    DatasetRead(name="x.csv", source="x.csv", reader="pandas.read_csv", rows=200, columns=("x",)),
    DatasetHashed(of=4, table=DIGEST),
    EstimatorFitted(name="model", type="T", parameters={"C": 0.5}),
    *(MetricComputed(name="loss", value=1 / (1 + step), function="f") for step in range(5)),
    MetricComputed(name="nan", value=float("nan"), function="g"),
    SessionEnded(),
)


def session(settings: Config, name: str, *facts: Fact) -> Path:
    record = Journal(settings.journals / name)
    for fact in facts or WORK:
        record.append(fact)
    record.close()
    return record.folder


def test_a_store_that_dies_at_any_call_has_everything_once_in_the_end(home: Path) -> None:
    settings = config.load()
    folder = session(settings, "one")
    whole = FakeStore()
    drain.drain(settings, open_registry=whole.open)
    assert len(whole.runs) == 1
    assert len(whole.history["run0"]) == 6
    for after in (False, True):
        for number in range(1, whole.calls + 1):
            (folder / "receipt.json").unlink()
            dying = FakeStore()
            dying.dies_at, dying.after = number, after
            broken = drain.drain(settings, open_registry=dying.open)
            assert broken.away or dying.after  # an experiment that was made after all is found
            again = drain.drain(settings, open_registry=dying.open)
            assert not again.away
            assert dying.content() == whole.content(), (number, after)
    assert home.is_dir()


@pytest.mark.usefixtures("home")
def test_a_receipt_that_is_lost_doubles_nothing() -> None:
    settings, kept = config.load(), FakeStore()
    folder = session(settings, "one")
    drain.drain(settings, open_registry=kept.open)
    before = repr(kept.content())
    (folder / "receipt.json").unlink()
    drain.drain(settings, open_registry=kept.open)
    assert repr(kept.content()) == before


@pytest.mark.usefixtures("home")
def test_a_session_that_the_store_refuses_keeps_none_of_the_others() -> None:
    settings, kept = config.load(), FakeStore()
    session(settings, "a-strange")
    session(settings, "b-plain")
    kept.refuses = {"a-strange"}
    done = drain.drain(settings, open_registry=kept.open)
    assert done.written == ("b-plain",)
    assert "a strange run" in done.problems[0]
    assert drain.waiting(settings) == []  # a worker does not ask again and again
    kept.refuses = set()
    assert drain.drain(settings, open_registry=kept.open).written == ("a-strange",)  # by hand it is asked


@pytest.mark.usefixtures("home")
def test_garbage_in_a_journal_is_told_and_costs_its_own_lines_only() -> None:
    settings, kept = config.load(), FakeStore()
    folder = session(settings, "one")
    lines = (folder / "facts.jsonl").read_bytes().splitlines(keepends=True)
    lines[8] = b"\x00\xff garbage\n"
    del lines[9]
    (folder / "facts.jsonl").write_bytes(b"".join(lines) + b"1234 torn")
    done = drain.drain(settings, open_registry=kept.open)
    assert done.problems == (
        "one: line 9 is damaged and was left out",
        "one: 2 facts are missing in its journal",
    )
    assert len(kept.history["run0"]) == 4


@pytest.mark.usefixtures("home")
def test_two_projects_on_one_machine_do_not_mix() -> None:
    settings, ours, theirs = config.load(), FakeStore(), FakeStore()
    other = StoreChosen(tracking_uri="http://theirs", experiment="e", origin="pyproject")
    session(settings, "ours")
    session(settings, "theirs", other, *WORK)

    def opened(asked: Config) -> FakeStore:
        return theirs if asked.tracking_uri == "http://theirs" else ours

    drain.drain(settings, open_registry=opened, by_hand=False)
    assert [run.data.tags["nbship.session"] for run in ours.runs.values()] == ["ours"]
    assert [run.data.tags["nbship.session"] for run in theirs.runs.values()] == ["theirs"]
    assert list(theirs.experiments) == ["e"]


@pytest.mark.usefixtures("home")
def test_a_store_that_is_away_does_not_hold_up_another() -> None:
    settings, ours = config.load(), FakeStore()
    asked: list[str] = []
    for name in ("a", "b"):
        other = StoreChosen(tracking_uri="http://away", experiment="e", origin="pyproject")
        session(settings, name, other, *WORK)
    session(settings, "c")

    def opened(settings: Config) -> FakeStore:
        asked.append(settings.tracking_uri)
        if settings.tracking_uri == "http://away":
            raise StoreError("silence")
        return ours

    done = drain.drain(settings, open_registry=opened)
    assert (done.written, [error.what for error in done.away]) == (("c",), ["silence"])
    assert asked.count("http://away") == 1
    assert [folder.name for folder in drain.waiting(settings)] == ["a", "b"]


@pytest.mark.usefixtures("home")
def test_an_address_without_its_password_is_known_by_the_rest() -> None:
    full = replace(config.load(), tracking_uri="https://ada:secret@host/x")
    told = StoreChosen(tracking_uri=store.shown(full.tracking_uri), experiment="e", origin="pyproject")
    assert "secret" not in told.tracking_uri
    assert drain.settings_of(full, [told], by_hand=False).tracking_uri == full.tracking_uri


def attached(settings: Config, kept: FakeStore, *, active: bool) -> list[Fact]:
    """What a kernel leaves in which autolog has opened a run of its own, and has written into it."""
    run = kept._create_run("9", 0, {"mlflow.user": "bob"}, "theirs")
    kept._log_batch(run.info.run_id, params=[Named("C", "0.5")], metrics=[Value("training_f", 0.25)])
    told = UserRun(run_id=run.info.run_id, tracking_uri=settings.tracking_uri, active=active)
    return [*WORK[:4], told, *WORK[4:]]


class Named:
    def __init__(self, key: str, value: str) -> None:
        self.key, self.value = key, value


class Value:
    def __init__(self, key: str, value: float) -> None:
        self.key, self.value, self.timestamp, self.step = key, value, 0, 0


@pytest.mark.usefixtures("home")
def test_into_the_users_own_run_goes_only_what_is_not_there() -> None:
    settings, kept = config.load(), FakeStore()
    session(settings, "one", *attached(settings, kept, active=False))
    for _ in range(2):
        drain.drain(settings, open_registry=kept.open)
        (run,) = kept.runs.values()
        assert run.data.params == {"C": "0.5", "n": "1"}
        values = [(item.key, item.value) for item in kept.history["run0"] if item.key != "nan"]
        assert values == [("training_f", 0.25), ("loss", 1.0), ("loss", 0.5), ("loss", 1 / 3), ("loss", 0.2)]
        assert run.data.tags["mlflow.user"] == "bob"
        assert run.info.status == "RUNNING"  # theirs to end
        (settings.journals / "one" / "receipt.json").unlink()


@pytest.mark.usefixtures("home")
def test_a_run_that_was_begun_before_the_users_own_is_set_aside() -> None:
    settings, kept = config.load(), FakeStore()
    facts = attached(settings, kept, active=False)
    record = Journal(settings.journals / "one")
    for fact in facts[:4]:
        record.append(fact)
    drain.drain(settings, open_registry=kept.open)
    assert kept.runs["run1"].data.tags["nbship.session"] == "one"
    for fact in facts[4:]:
        record.append(fact)
    record.close()
    drain.drain(settings, open_registry=kept.open)
    stages = {run.info.run_id: run.info.lifecycle_stage for run in kept.runs.values()}
    assert stages == {"run0": "active", "run1": "deleted"}
    assert kept.runs["run0"].data.params["n"] == "1"


@pytest.mark.usefixtures("home")
def test_values_wait_while_the_user_still_logs_into_the_run() -> None:
    settings, kept = config.load(), FakeStore()
    record = Journal(settings.journals / "one")
    for fact in attached(settings, kept, active=True)[:-1]:
        record.append(fact)
    drain.drain(settings, open_registry=kept.open)
    assert kept.runs["run0"].data.params == {"C": "0.5"}
    record.close()
    drain.drain(settings, open_registry=kept.open)
    assert kept.runs["run0"].data.params == {"C": "0.5", "n": "1"}


@pytest.mark.usefixtures("home")
def test_what_the_user_has_thrown_away_stays_there() -> None:
    settings, kept = config.load(), FakeStore()
    folder = session(settings, "one")
    drain.drain(settings, open_registry=kept.open)
    kept._delete_run("run0")
    (folder / "receipt.json").unlink()
    drain.drain(settings, open_registry=kept.open)
    assert list(kept.runs) == ["run0"]
    assert kept.runs["run0"].info.lifecycle_stage == "deleted"
