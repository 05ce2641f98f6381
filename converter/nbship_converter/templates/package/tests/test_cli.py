"""The command line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from notebook_package.cli import main
from notebook_package.pipeline import Results


def test_run_prints_every_result(
    results: Results, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # after the run that the other tests look at: a run may set options of the process
    assert main(["run", "--output-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for field in dataclasses.fields(results):
        assert f"{field.name} = " in printed


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--no-such-option"])
    assert stopped.value.code == 2
    assert "--no-such-option" in capsys.readouterr().err
