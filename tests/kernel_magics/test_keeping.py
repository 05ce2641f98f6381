"""`%ship data`: what a session has read is kept, and its run says where."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nbship.facts import DatasetKept
from nbship.record import run_records

CONTENT = b"a,b,y\n" + b"".join(b"%d,%d,%d\n" % (n, n % 7, 3 * n) for n in range(100))
READ = "import pandas as pd\nframe = pd.read_csv('data/x.csv')"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "x.csv"
    path.write_bytes(CONTENT)
    return path


def kept(kernel: Any) -> list[DatasetKept]:
    session = kernel.capture.session
    assert session.background.wait(30)
    assert session.carrier.wait(30)
    found: list[DatasetKept] = kernel.facts("dataset-snapshot")
    return found


def object_of(content: bytes, store: Path) -> Path:
    md5 = hashlib.md5(content).hexdigest()
    return store / "files" / "md5" / md5[:2] / md5[2:]


def test_what_was_read_is_kept_and_pointed_to(
    kernel: Any, data: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel.run(READ)
    kernel.run("%ship data")
    (fact,) = kept(kernel)
    assert (fact.problem, fact.store, fact.size) == (None, "NBSHIP_HOME/snapshots", len(CONTENT))
    assert fact.pointer == "data/x.csv.dvc"
    assert object_of(CONTENT, home / "snapshots").read_bytes() == CONTENT
    assert (data.parent / "x.csv.dvc").is_file()
    assert f"keeping data/x.csv ({len(CONTENT):,} bytes) in NBSHIP_HOME/snapshots" in capsys.readouterr().out


@pytest.mark.usefixtures("data")
def test_the_run_says_where_its_data_is_kept_even_when_it_is_over(kernel: Any) -> None:
    kernel.run(READ)
    kernel.run("%ship run second")
    kernel.run("%ship data --to store")
    (fact,) = kept(kernel)
    first = run_records("session", kernel.facts(), live=True)[0]
    assert [(item.name, item.store, item.md5) for item in first.datasets] == [
        ("data/x.csv", "store", hashlib.md5(CONTENT).hexdigest())
    ]
    assert fact.run == 1


@pytest.mark.usefixtures("data")
def test_the_overview_shows_what_is_kept(kernel: Any, capsys: pytest.CaptureFixture[str]) -> None:
    kernel.run(READ)
    kernel.run("%ship data x.csv")
    kept(kernel)
    kernel.run("%ship")
    assert "kept in NBSHIP_HOME/snapshots" in capsys.readouterr().out


def test_a_file_that_was_written_since_it_was_read_is_not_passed_off_as_it(
    kernel: Any, data: Path, recwarn: pytest.WarningsRecorder
) -> None:
    kernel.run(READ)
    kernel.facts()
    data.write_bytes(b"a,b,y\n1,2,3\n")
    kernel.run("%ship data")
    (fact,) = kept(kernel)
    assert (fact.problem, fact.md5) == ("it has changed since it was read", None)
    assert not (data.parent / "x.csv.dvc").exists()
    assert any("x.csv is not kept" in str(warning.message) for warning in recwarn)
    assert run_records("session", kernel.facts(), live=True)[0].datasets[0].md5 is None


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("%ship data y.csv", "files read: data/x.csv"),
        ("%ship data --to gopher://x", "nothing here knows addresses"),
        ("%ship data --too x", "--too"),
    ],
)
def test_a_wrong_call_is_told_and_keeps_nothing(
    kernel: Any, line: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel.run(READ)
    kernel.run(line)
    assert word in capsys.readouterr().err
    assert kept(kernel) == []


def test_before_anything_was_read_there_is_nothing_to_keep(
    kernel: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel.run("%ship data")
    assert "no file has been read yet" in capsys.readouterr().err


def test_a_store_that_fails_is_told_once_and_nothing_is_lost(
    kernel: Any, data: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    (tmp_path / "file").write_text("")
    kernel.run(READ)
    kernel.run("%ship data --to file/store")
    (fact,) = kept(kernel)
    assert "Not a directory" in str(fact.problem)
    assert any("x.csv is not kept" in str(warning.message) for warning in recwarn)
    assert data.read_bytes() == CONTENT
    assert not (data.parent / "x.csv.dvc").exists()


def test_a_setting_keeps_everything_unasked(
    empty: Any, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.nbship.data]\nsnapshot = true\nstore = "team"\n')
    empty.load()
    empty.run(READ)
    (fact,) = kept(empty)
    assert (fact.problem, fact.store) == (None, "team")
    assert object_of(data.read_bytes(), tmp_path / "team").is_file()
    empty.run("1")
    assert len(kept(empty)) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("data")
def test_what_a_kernel_did_not_finish_is_recorded_as_such(kernel: Any) -> None:
    kernel.run(READ)
    session = kernel.capture.session
    kernel.capture.keeping.keep([])
    assert session.background.wait(30)
    assert session.carrier.wait(30)
    kernel.capture.keeping._pending[5] = "store"
    kernel.capture.keeping.close()
    assert [fact.problem is None for fact in kept(kernel)] == [True, False]


@pytest.mark.usefixtures("data")
def test_no_path_of_the_machine_is_recorded(kernel: Any, tmp_path: Path) -> None:
    kernel.run("import pandas as pd\nframe = pd.read_csv(r'" + str(tmp_path / "data" / "x.csv") + "')")
    kernel.run(f"%ship data --to {tmp_path / 'store'}")
    (fact,) = kept(kernel)
    told = json.dumps([str(fact) for fact in kernel.facts() if fact.kind.startswith("dataset")])
    assert str(tmp_path) not in told
    assert fact.md5 is not None
