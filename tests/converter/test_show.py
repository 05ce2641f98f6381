"""Every pass can be looked at: ``nbship export --show`` prints what it found and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from notebooks import write_notebook

from nbship_converter.cli import export_command

TEXT = """import pandas as pd
from sklearn.linear_model import Ridge
ALPHA = 0.1
---
df = pd.DataFrame({"a": [1, 2], "b": [2, 4]})
---
df.head()
---
unused = df.a * 2
---
model = Ridge(alpha=ALPHA)
model.fit(df[["a"]], df.b)
---
def doubled(x): return x * 2"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_notebook(tmp_path / "n.ipynb", TEXT)


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(export_command, list(map(str, arguments)))


def _json(path: Path, what: str) -> Any:
    done = _run(path, "--show", what, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)[what]


def test_uses_are_told_statement_by_statement(path: Path) -> None:
    fitted = _json(path, "uses")[4]["statements"][1]
    assert fitted == {
        "line": 2,
        "code": 'model.fit(df[["a"]], df.b)',
        "mark": "code",
        "binds": [],
        "reads": ["df", "model"],
        "deferred": [],
        "mutates": ["model"],
        "deletes": [],
    }


def test_every_cell_is_kept_or_left_out_for_a_reason(path: Path) -> None:
    flow = _json(path, "flow")
    assert [(cell["kept"], cell["reason"]) for cell in flow["cells"]] == [
        (False, "holds imports, definitions and constants only, which move to where they are read"),
        (True, "cell 4 needs its `df`"),
        (False, "only shows something"),
        (False, "makes `unused`, which no kept cell needs"),
        (True, "makes the model `model`"),
        (False, "holds imports, definitions and constants only, which move to where they are read"),
    ]
    assert flow["names"] == [{"name": "df", "from": 1, "to": 4}]
    assert list(flow["results"]) == ["df", "model"]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("np.random.seed(0)", "sets global state"),
        ("print(roc_auc_score(y, p))", "judges a model"),
        ("error = mean_error(y)", "judges a model"),
    ],
)
def test_a_cell_kept_for_its_own_sake_says_so(tmp_path: Path, cell: str, reason: str) -> None:
    path = write_notebook(tmp_path / "n.ipynb", cell)
    assert _json(path, "flow")["cells"][0] == {"cell": 0, "kept": True, "reason": reason}


def test_a_tagged_cell_is_kept_for_its_tag(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb", "x = f()", {0: ["step:data.load"]})
    assert _json(path, "flow")["cells"][0]["reason"] == "is tagged `step:data.load`"


def test_steps_and_files_are_those_of_the_export(path: Path) -> None:
    steps = _json(path, "steps")
    assert [(step["module"], step["inputs"], step["outputs"]) for step in steps] == [
        ("data", [], ["df"]),
        ("train", ["df"], ["model"]),
    ]
    files = _json(path, "files")
    assert "alpha: float = 0.1" in files["src/n/config.py"]
    assert "Ridge(alpha=config.alpha)" in files["src/n/train.py"]
    assert "src/n/pipeline.py" in files


@pytest.mark.parametrize("what", ["uses", "flow", "steps", "files"])
def test_the_text_is_for_people_and_nothing_is_written(path: Path, what: str) -> None:
    done = _run(path, "--show", what)
    assert done.exit_code == 0
    assert "df" in done.stdout
    assert not done.stderr
    assert [entry.name for entry in path.parent.iterdir()] == ["n.ipynb"]


def test_showing_and_exporting_are_two_things(path: Path) -> None:
    assert _run(path).exit_code == 2
    both = _run(path, "--show", "flow", "--to", path.parent / "out")
    assert (both.exit_code, "one of them" in both.stderr) == (2, True)
