"""The README tells what the model is, how it was judged, and what is not known of it."""

from __future__ import annotations

from pathlib import Path

from notebooks import notebook
from rehearsal import run_notebook

from nbship_converter.compile import compile_notebook
from nbship_converter.evaluation import evaluation_of
from nbship_converter.expectations.observe import Observation
from nbship_converter.findings import Finding
from nbship_converter.pointing import digests_of
from nbship_converter.project import Project, documents
from nbship_converter.read import read
from nbship_converter.verify import NameOutcome, Verification

TEXT = """import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error
X_train = np.loadtxt("rows.csv").reshape(-1, 1)
X_test, y_train, y_test = X_train + 1, X_train[:, 0] * 2, X_train[:, 0] * 2 + 3
---
model = LinearRegression().fit(X_train, y_train)
---
said = model.predict(X_test)
mae = mean_absolute_error(y_test, said)
rows = len(said)"""


def card(folder: Path, outcome: NameOutcome = "equal", *findings: Finding) -> str:
    content = notebook(TEXT)
    (folder / "rows.csv").write_text("1\n2\n3\n")
    parsed, _ = read(content, "n")
    facts = run_notebook(parsed, folder).facts
    program, _ = compile_notebook(parsed, facts)
    plan = Project(
        program=program,
        facts=facts,
        package="n",
        python="",
        content=content,
        digests=digests_of({"data/rows.csv": b"1\n2\n3\n"}),
        evaluation=evaluation_of(program, facts),
    )
    verification = Verification(names=dict.fromkeys(program.results, outcome))
    first = documents(plan, verification, Observation(), findings)["README.md"]
    assert first == documents(plan, verification, Observation(), findings)["README.md"]
    return first.decode()


def test_the_model_its_judgement_its_data_and_its_environment_are_told(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "| model | `model`, a LinearRegression |" in text
    assert "| judged on | `X_test` against `y_test` |" in text
    assert "| `mae` | 1 | `mean_absolute_error(y_test, said)` |" in text
    assert "`rows`" not in text.partition("## Data")[0], "a count is no metric"
    assert (
        "| `data/rows.csv` | `14c5e74c4b96ccef41cd94db73a9ec3348038ac094feca4fd897cecffa07cdae` | here |"
        in text
    )
    assert "`scikit-learn==" in text
    assert str(tmp_path) not in text


def test_limits_name_what_varies_and_what_was_found(tmp_path: Path) -> None:
    finding = Finding(code="NB411", message="draws random numbers that nothing has seeded")
    text = card(tmp_path, "volatile", finding).partition("## Limits")[2]
    assert "different values of" in text
    assert "`mae`" in text
    assert "- Draws random numbers that nothing has seeded (NB411)." in text
    assert "one snapshot" in text


def test_the_digest_of_a_pointer_is_what_it_points_to() -> None:
    pointer = b"outs:\n- md5: 0\n  meta:\n    nbship:\n      sha256: " + b"9" * 64 + b"\n"
    found = digests_of({"data/a.csv": b"a\n1\n", "data/big.csv.dvc": pointer})
    assert found == {
        "data/a.csv": "309b0e45a73d3fc5325e2b6ed0a01ef8b9cde6b05a5633c1f893f970d52bfddc",
        "data/big.csv": "9" * 64,
    }
