"""The whole way: a notebook is exported, both sides change, and it is exported again. Nothing is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nbship_converter.cli import diff_command
from nbship_converter.export import Exported, Options, export

pytestmark = pytest.mark.slow

CELLS = {
    "load": (
        "step:data.load",
        "rows = [len(word) for word in 'a bb ccc'.split()]\nlengths = [row * 2 for row in rows]",
    ),
    "fit": ("step:train.fit", "total = sum(rows)\nmean = total / len(rows)"),
    "judge": ("step:evaluate.judge", "error = max(abs(row - mean) for row in rows)"),
}


def _written(path: Path, cells: dict[str, tuple[str, str]]) -> Path:
    parts = [
        {
            "cell_type": "code",
            "id": name,
            "metadata": {"tags": [tag]},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for name, (tag, source) in cells.items()
    ]
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": parts}))
    return path


def _exported(notebook: Path, out: Path) -> Exported:
    return export(notebook, out, Options(run=False, verify=False))


def test_edits_in_the_notebook_and_by_hand_meet_in_the_repository(tmp_path: Path) -> None:
    out = tmp_path / "out"
    notebook = _written(tmp_path / "churn.ipynb", CELLS)
    _exported(notebook, out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    _exported(notebook, out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == times

    train = out / "src/churn/train.py"
    assert "total = sum(rows)" in train.read_text()
    train.write_text(train.read_text().replace("total = sum(rows)", "total = float(sum(rows))  # by hand"))
    changed = {
        "load": ("step:data.load", CELLS["load"][1].replace("ccc", "ccc dddd")),
        "fit": ("step:train.average", CELLS["fit"][1]),
        "more": ("step:evaluate.spread", "spread = max(rows) - min(rows)"),
    }
    _written(notebook, changed)
    told = json.loads(CliRunner().invoke(diff_command, [str(notebook), str(out), "--json"]).output)
    rows = {row["name"]: (row["notebook"], row["repository"]) for row in told["steps"]}
    assert rows == {
        "data.load": (["changed"], []),
        "train.fit": (["renamed"], ["edited"]),
        "evaluate.judge": (["removed"], []),
        "evaluate.spread": (["added"], []),
    }
    assert told["files"] == {"edited": ["src/churn/train.py"], "deleted": []}

    done = _exported(notebook, out)
    assert not done.failed
    text = train.read_text()
    assert "def average(" in text
    assert "total = float(sum(rows))  # by hand" in text
    assert "def fit(" not in text
    assert "def judge(" not in (out / "src/churn/evaluate.py").read_text()
    assert {"NB454", "NB456", "NB457"} <= {finding.code for finding in done.findings}
