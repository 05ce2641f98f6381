"""The demo: the acceptance story of the whole product, told once."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from nbship import demo


def test_a_folder_that_holds_somebody_s_files_is_left_alone(tmp_path: Path) -> None:
    tmp_path.joinpath("thesis.txt").write_text("years of work")
    with pytest.raises(demo.WriteError, match="holds other files"):
        demo.prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_a_demo_made_is_made_anew(tmp_path: Path) -> None:
    demo.prepare(tmp_path / "story")
    tmp_path.joinpath("story", "work", "left over").touch()
    place = demo.prepare(tmp_path / "story")
    assert place.notebook.exists()
    assert not place.notebook.with_name("left over").exists()


def test_what_is_missing_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "NEEDS", ("sys", "a_module_that_is_not_there"))
    ended = CliRunner().invoke(demo.demo_command, ["--to", str(tmp_path / "story")])
    assert isinstance(ended.exception, demo.InputError)
    assert "a_module_that_is_not_there" in str(ended.exception)
    assert not tmp_path.joinpath("story").exists()


def test_commands_run_in_a_home_of_their_own_and_reach_no_other_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody.example")
    environment = demo.Place(root=tmp_path).environment
    assert "MLFLOW_TRACKING_URI" not in environment
    assert environment["NBSHIP_HOME"] == str(tmp_path / "home")
