"""What becomes of a notebook's data: copied while it is small, pointed to where it is not."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from notebooks import write_notebook

from nbship import config, pointers
from nbship.cli import main
from nbship_converter.export import Exported, Options, export
from nbship_converter.pointing import MOST_DATA, delivery

LARGE = b"a\n" + b"12345678\n" * 1_300_000
NOTEBOOK = """import glob
import pandas as pd
---
large = pd.read_csv("../data/large.csv", nrows=10)
small = pd.read_csv("../data/small.csv")
---
total = int(small["a"].sum())
names = sorted(glob.glob("../parts/*"))
"""


@pytest.fixture
def sizes(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name, size in {"b/1": MOST_DATA - 10, "b/2": 20, "a": 5, "c": 4}.items():
        path = tmp_path / name.replace("/", "-")
        path.write_bytes(b"")
        with path.open("r+b") as file:
            file.truncate(size)
        found[name] = path
    return found


def test_the_smallest_files_are_copied_up_to_the_limit(sizes: dict[str, Path]) -> None:
    shared = delivery(sizes, (), copy=True)
    assert [unit.name for unit in shared.copied] == ["c", "a", "b/2"]
    assert [unit.path for unit in shared.pointed] == ["data/b/1"]
    assert shared.ignored() == "/data/b/1\n"


def test_a_folder_that_is_listed_stays_whole_with_its_pointer_beside_it(sizes: dict[str, Path]) -> None:
    shared = delivery(sizes, {"b"}, copy=True)
    assert [unit.path for unit in shared.copied] == ["data/c", "data/a"]
    assert [(unit.path, sorted(unit.files)) for unit in shared.pointed] == [("data/b", ["b/1", "b/2"])]
    (whole,) = delivery(sizes, {"", "b"}, copy=True).pointed
    assert (whole.path, len(whole.files)) == ("data", 4)


def test_without_copies_everything_is_pointed_to(sizes: dict[str, Path]) -> None:
    shared = delivery(sizes, (), copy=False)
    assert shared.copied == ()
    assert len(shared.pointed) == 4


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "home"))
    folder = tmp_path / "project"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "parts").mkdir()
    (folder / "data" / "large.csv").write_bytes(LARGE)
    (folder / "data" / "small.csv").write_bytes(b"a\n1\n2\n")
    for name in ("1.bin", "2.bin"):
        (folder / "parts" / name).write_bytes(name.encode() * 3_000_000)
    (folder / "pyproject.toml").write_text('[tool.nbship.data]\nstore = "s3://me:secret@team/data"\n')
    (folder / ".git").mkdir()
    return folder


@pytest.mark.slow
def test_an_exported_repository_fetches_its_data_wherever_it_is_cloned(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = write_notebook(project / "notebooks" / "study.ipynb", NOTEBOOK, {})
    done = export(notebook, tmp_path / "out", Options())
    assert done.verification.status == "equal"
    assert {"data/small.csv", "data/large.csv.dvc", "data/parts.dvc"} <= set(done.files)
    assert not {"data/large.csv", "data/parts/1.bin"} & set(done.files)
    assert [finding.code for finding in done.findings].count("NB412") == 2
    holds_nothing_of_this_machine(done, tmp_path)
    (pointer,) = pointers.parse((done.path / "data" / "large.csv.dvc").read_bytes(), "data/large.csv.dvc")
    assert (pointer.source, pointer.size) == ("../data/large.csv", len(LARGE))
    settings = tomllib.loads((done.path / "pyproject.toml").read_text())
    assert settings["tool"]["nbship"]["data"] == {"store": "s3://team/data"}

    store = str(tmp_path / "store")
    data(done.path, monkeypatch, "push", "--to", store)
    (done.path / "pyproject.toml").unlink()
    done.path.rename(tmp_path / "elsewhere")
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "another"))
    data(tmp_path / "elsewhere", monkeypatch, "pull", "--from", store)
    assert (tmp_path / "elsewhere" / "data" / "large.csv").read_bytes() == LARGE
    for name in ("1.bin", "2.bin"):
        fetched = tmp_path / "elsewhere" / "data" / "parts" / name
        assert fetched.read_bytes() == (project / "parts" / name).read_bytes()


def data(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(main, ["data", *words, "--json"])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["items"]) == 2


def holds_nothing_of_this_machine(done: Exported, tmp_path: Path) -> None:
    for name in done.files:
        content = (done.path / name).read_bytes()
        assert str(tmp_path).encode() not in content, name
        assert b"secret" not in content, name
    assert config.load(start=done.path).data_store == "s3://team/data"
