"""`nbship runs`, `compare` and `reproduce`, over a store in memory; what is run again is run in a real kernel."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result
from fake_store import FakeStore

from nbship import config, drain, reproduce
from nbship.cli import main
from nbship.errors import StoreError
from nbship.facts import (
    CellRan,
    CellSource,
    DatasetHashed,
    DatasetRead,
    EnvironmentSeen,
    Fact,
    MetricComputed,
    ParameterSet,
    SessionEnded,
    SessionStarted,
)
from nbship.fingerprint import fingerprint_file
from nbship.journal import Journal
from nbship.past import Past
from nbship.record import run_records

pytestmark = pytest.mark.filterwarnings("default")  # mlflow and what it loads warn of themselves

STARTED = SessionStarted(python="3.11.7", user="ada", notebook_name="n.ipynb", commit="c" * 40, dirty=True)


@pytest.fixture
def kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    assert home
    found = FakeStore()
    monkeypatch.setattr("nbship.store.connect", found.open)
    return found


def record(kept: FakeStore, name: str, *facts: Fact) -> None:
    settings = config.load()
    journal = Journal(settings.journals / name)
    for fact in (STARTED, *facts, SessionEnded()):
        journal.append(fact)
    journal.close()
    drain.drain(settings, open_registry=kept.open)


def cell(source: str, number: int) -> list[Fact]:
    told = f"hash of {source}"
    return [
        CellRan(cell=f"c{number}", source_hash=told, execution_count=number, succeeded=True),
        CellSource(source_hash=told, source=source),
    ]


def trained(alpha: float, digest: str, pandas: str = "3.0") -> list[Fact]:
    return [
        EnvironmentSeen(requirements=(f"pandas=={pandas}",)),
        ParameterSet(name="ALPHA", value=alpha),
        DatasetRead(name="x.csv", source="x.csv", reader="pandas.read_csv"),
        DatasetHashed(of=3, file="b3:f", table=digest),
        *cell(f"ALPHA = {alpha}", 1),
        *cell("fit()", 2),
        MetricComputed(name="mae", value=alpha * 2, function="mean_absolute_error"),
    ]


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_runs_are_listed_newest_first(kept: FakeStore) -> None:
    record(kept, "one", *trained(0.5, "b3:t"))
    record(kept, "two", *trained(0.7, "b3:t"))
    found = json.loads(run("runs", "--json").output)
    assert [item["params"] for item in found] == [{"ALPHA": "0.7"}, {"ALPHA": "0.5"}]
    assert found[0]["metrics"] == {"mae": 1.4}
    text = run("runs").output.splitlines()
    assert text[1].split() == [
        "run1",
        "n.ipynb",
        *text[1].split()[2:4],
        "n.ipynb",
        "2",
        "cccccccc+",
        "mae",
        "1.4",
    ]
    assert json.loads(run("runs", "--notebook", "other.ipynb", "--json").output) == []


def test_compare_names_what_differs_and_nothing_else(kept: FakeStore) -> None:
    record(kept, "one", *trained(0.5, "b3:t"))
    record(kept, "two", *trained(0.7, "b3:u", pandas="3.1"))
    found = json.loads(run("compare", "run0", "run1", "--json").output)
    assert found["params"] == [{"name": "ALPHA", "first": "0.5", "second": "0.7"}]
    assert found["metrics"] == [{"name": "mae", "first": 1.0, "second": 1.4}]
    assert [(item["name"], item["change"]) for item in found["data"]] == [("x.csv", "reader")]
    assert found["cells"] == [
        {"cell": "c1", "change": "edited", "diff": ["@@ -1 +1 @@", "-ALPHA = 0.5", "+ALPHA = 0.7"]}
    ]
    assert found["environment"] == [{"name": "pandas", "first": "3.0", "second": "3.1"}]
    assert "the same file, read to another table" in run("compare", "last~1", "last").output
    assert "nothing that was recorded differs" in run("compare", "last", "last").output


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("moon", "there is no run 'moon'"),
        ("run", "may be any of 2 runs"),
        ("n.ipynb", "may be any of 2 runs"),
    ],
)
def test_a_run_that_is_not_there_or_not_the_only_one_is_one_message(
    kept: FakeStore, which: str, message: str
) -> None:
    record(kept, "one", *trained(0.5, "b3:t"))
    record(kept, "two", *trained(0.7, "b3:t"))
    for words in (("compare", which, "last"), ("reproduce", which)):
        found = run(*words)
        assert (found.exit_code, found.stderr.count("Error:")) == (2, 1)
        assert message in found.stderr
        assert "help: " in found.stderr


@pytest.mark.usefixtures("home")
def test_a_store_that_is_away_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: Any) -> None:
        raise StoreError("silence", help="wait")

    monkeypatch.setattr("nbship.store.connect", away)
    for words in (("runs",), ("compare", "a", "b"), ("reproduce", "last")):
        found = run(*words)
        assert (found.exit_code, found.stderr) == (1, "Error: silence\n  help: wait\n")


def worked(folder: Path, factor: str) -> list[Fact]:
    """What a kernel records of a small honest notebook."""
    source = "import pandas as pd\nframe = pd.read_csv('x.csv')"
    score = f"from sklearn.metrics import max_error\nworst = max_error(frame.x, frame.x * {factor})"
    found = fingerprint_file(folder / "x.csv")
    assert found.content is not None
    return [
        DatasetRead(name="x.csv", source="x.csv", reader="pandas.read_csv"),
        DatasetHashed(of=1, file=found.file, table=found.content.table),
        *cell(source, 1),
        ParameterSet(name="FACTOR", value=2),
        *cell("FACTOR = 2", 2),
        *cell(score, 3),
        MetricComputed(name="worst", value=3.0, function="max_error"),
    ]


@pytest.mark.slow
def test_a_run_is_reproduced_and_the_folder_is_left_as_it_is(kept: FakeStore, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x\n1\n2\n3\n")
    record(kept, "good", *worked(tmp_path, "FACTOR"))
    before = sorted(path.name for path in tmp_path.iterdir())
    good = run("reproduce", "last", "--json")
    kernels = [one for one in psutil.Process().children() if "ipykernel_launcher" in one.cmdline()]
    assert not kernels, "a kernel outlives its run"
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["result"]["verdict"] == "equal"
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_metric_that_comes_out_otherwise_is_the_verdict(kept: FakeStore) -> None:
    record(kept, "one", *trained(0.5, "b3:t"))
    past = Past(config.load())
    then = past.whole(past.find("last"))
    for value, verdict in ((1.0, "equal"), (1.0 + 1e-14, "close"), (1.1, "different")):
        facts = [STARTED, *trained(0.5, "b3:t")[:-1], MetricComputed(name="mae", value=value, function="f")]
        stamped = [
            replace(fact, ordinal=number, at="2026-01-01T12:00:00+00:00") for number, fact in enumerate(facts)
        ]
        (now,) = run_records("again", stamped, live=False)
        found = reproduce.verdict(then, now)
        assert (found.verdict, found.params, found.data) == (verdict, (), ())


def test_a_run_whose_data_has_changed_is_not_run_again(kept: FakeStore, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x\n1\n2\n3\n")
    record(kept, "one", *worked(tmp_path, "FACTOR"))
    (tmp_path / "x.csv").write_text("x\n1\n2\n4\n")
    found = run("reproduce", "last")
    assert found.exit_code == 1
    assert "x.csv: other content than then" in found.stderr
    assert "not committed" in found.stderr
    assert run("reproduce", "last", "--needs").exit_code == 0


def test_a_run_without_sources_says_so(kept: FakeStore) -> None:
    record(kept, "one", CellRan(cell="c", source_hash="h", execution_count=1, succeeded=True))
    found = run("reproduce", "last")
    assert found.exit_code == 2
    assert "was not recorded" in found.stderr
