"""Where data is looked for, and where output goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_package.config import DATA_DIR_VARIABLE, REPOSITORY_DATA, Config


def test_data_lies_in_the_repository_unless_something_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_DIR_VARIABLE, raising=False)
    assert Config().data("some.csv") == REPOSITORY_DATA / "some.csv"


def test_the_environment_says_where_data_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
    assert Config().data("some.csv") == tmp_path / "some.csv"


def test_an_argument_beats_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path / "elsewhere"))
    assert Config(data_dir=tmp_path).data("some.csv") == tmp_path / "some.csv"


def test_the_folder_of_an_output_file_is_made(tmp_path: Path) -> None:
    path = Config(output_dir=tmp_path).output("deep/file.txt")
    path.write_text("written")
    assert Config(output_dir=tmp_path, data_dir=tmp_path / "none").data("deep/file.txt") == path
