"""The command line."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest

from notebook_package.cli import _LEVEL, _parser, main
from notebook_package.pipeline import Results


def test_run_prints_every_result(
    results: Results, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # after the run that the other tests look at: a run may set options of the process
    assert main(["run", "--output-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for field in dataclasses.fields(results):
        assert f"{field.name} = " in printed


@pytest.mark.parametrize(
    ("options", "level"), [([], logging.INFO), (["-q"], logging.WARNING), (["--verbose"], logging.DEBUG)]
)
def test_how_much_is_logged_is_asked_for(options: list[str], level: int) -> None:
    assert vars(_parser().parse_args(["run", *options]))[_LEVEL] == level


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--no-such-option"])
    assert stopped.value.code == 2
    assert "--no-such-option" in capsys.readouterr().err
