"""The scratch mirror of a notebook's folder: what lies above comes along where the notebook mentions it."""

from __future__ import annotations

from pathlib import Path

import pytest
from notebooks import notebook

from nbship_converter.mirror import mirror_of
from nbship_converter.paths import upward_paths
from nbship_converter.read import read


@pytest.mark.parametrize(
    "code",
    [
        'open("../data/x.csv")',
        'import os\nopen(os.path.join("..", "data", "x.csv"))',
        'from pathlib import Path\n(Path("..") / "data" / "x.csv").open()',
        'from pathlib import Path\nhere = Path.cwd().parent\nopen(here / "data" / "x.csv")',
        'up = "../"\nopen(f"{up}data/x.csv")',
    ],
)
def test_a_file_above_comes_along_however_its_path_is_written(tmp_path: Path, code: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text("a", encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    parsed, _ = read(notebook(code), "demo")
    with mirror_of(tmp_path / "notebooks", upward_paths(parsed)) as mirror:
        assert (mirror.folder / ".." / "data" / "x.csv").read_text(encoding="utf-8") == "a"


def test_a_folder_above_into_which_is_written_is_there_and_what_lies_in_it_is_left_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "notebooks").mkdir()
    with mirror_of(tmp_path / "notebooks", ["../model/scaler.pkl"]) as mirror:
        (mirror.folder / ".." / "model" / "scaler.pkl").write_text("a", encoding="utf-8")
    assert not list((tmp_path / "model").iterdir())


def test_a_crowded_folder_costs_no_more_than_what_is_near_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbship_converter.mirror.MOST_FILES", 10)
    for place in ("near", "near/deep", "many", "named/below"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for number in range(5):
        (tmp_path / f"{number}.csv").write_text("x")
    for number in range(30):
        (tmp_path / "many" / f"{number}.csv").write_text("x")
        (tmp_path / "named" / "below" / f"{number}.csv").write_text("x")
    (tmp_path / "near" / "x.csv").write_text("x")
    with mirror_of(tmp_path, named=["named/below", "no such\nthing", "/etc/hosts"]) as mirror:
        assert mirror.crowded
        assert len(list(mirror.folder.glob("*.csv"))) == 5
        assert (mirror.folder / "near" / "x.csv").exists()
        assert not (mirror.folder / "many").exists()
        assert len(list((mirror.folder / "named" / "below").iterdir())) == 30
