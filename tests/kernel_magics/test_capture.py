from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from nbship.fingerprint import fingerprint_file
from nbship.journal import Blobs
from nbship.profile import Profile
from nbship.sourcehash import source_hash

TRAIN = """
import numpy as np, pandas as pd
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error
X = pd.read_csv("x.csv")
y = X.pop("y")
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = "\n".join(f"{n},{n % 7},{3 * n}" for n in range(100))
    path = tmp_path / "x.csv"
    path.write_text(f"a,b,y\n{rows}\n")
    return path


def named(facts: list[Any]) -> dict[str, Any]:
    return {fact.name: fact for fact in facts}


def test_the_cell_that_loads_us_is_one_of_the_notebooks_too(empty: Any) -> None:
    source = "load()\nSEED = 3"
    empty.shell.user_ns["load"] = empty.load
    empty.shell.parent_header = {
        "header": {"msg_type": "execute_request"},
        "content": {"code": source, "silent": False, "store_history": True},
        "metadata": {"cellId": "first"},
    }
    empty.run(source, cell="first")
    (ran,) = empty.facts("cell")
    assert (ran.cell, ran.source_hash, ran.succeeded) == ("first", source_hash(source), True)
    assert [(one.name, one.value) for one in empty.facts("parameter")] == [("SEED", 3)]


def test_a_cell_leaves_how_it_ran(kernel: Any) -> None:
    kernel.run("x = 1\ny = [x]", cell="abc")
    kernel.run("%%ship train\nz = 2")
    kernel.run("1 / 0")
    first, second, third = kernel.facts("cell")
    assert (first.cell, first.succeeded, first.bound, first.types) == (
        "abc",
        True,
        ("x", "y"),
        {"x": "int", "y": "list"},
    )
    assert (second.step, second.bound) == ("train", ("z",))
    assert (third.succeeded, third.error) == (False, "ZeroDivisionError")
    assert named(kernel.facts("parameter"))["x"].value == 1


def test_frames_changed_in_place_are_seen(kernel: Any) -> None:
    kernel.run("import pandas as pd, numpy as np\ndf = pd.DataFrame({'a': [1, 2]})\nxs = np.zeros(3)")
    kernel.run("df['b'] = df['a'] * 2")
    kernel.run("xs[0] = 1; df.head()")
    assert [fact.changed for fact in kernel.facts("cell")] == [(), ("df",), ("xs",)]


def test_a_read_leaves_the_hashes_of_file_and_table(kernel: Any, data: Path) -> None:
    kernel.run("import pandas as pd\nX = pd.read_csv('x.csv')")
    (read,) = kernel.facts("dataset")
    (hashed,) = kernel.facts("dataset-hash")
    expected = fingerprint_file(data)
    assert (read.name, read.reader, read.rows, read.columns) == (
        "x.csv",
        "pandas.read_csv",
        100,
        ("a", "b", "y"),
    )
    assert expected.content is not None
    assert (hashed.of, hashed.file, hashed.table) == (read.ordinal, expected.file, expected.content.table)


@pytest.mark.usefixtures("data")
def test_a_reader_that_was_imported_before_us_is_seen(empty: Any) -> None:
    empty.run("from pandas import read_csv")
    empty.load()
    empty.run("X = read_csv('x.csv')\nX['a'] = 0")
    assert named(empty.facts("dataset"))["x.csv"].rows == 100


@pytest.mark.usefixtures("data")
def test_the_hash_is_of_what_was_read_and_not_of_what_became_of_it(kernel: Any, data: Path) -> None:
    kernel.run("import pandas as pd\nX = pd.read_csv('x.csv')\nX.loc[:, 'a'] = -1\nX.iloc[0, 1] = 9")
    (hashed,) = kernel.facts("dataset-hash")
    content = fingerprint_file(data).content
    assert content is not None
    assert hashed.table == content.table


@pytest.mark.usefixtures("data")
def test_a_file_that_no_reader_explains_is_recorded(kernel: Any) -> None:
    kernel.run("with open('x.csv') as f: lines = f.readlines()")
    assert [(fact.name, fact.reader) for fact in kernel.facts("dataset")] == [("x.csv", "open")]


@pytest.mark.usefixtures("data")
def test_a_fit_leaves_class_parameters_and_the_frame(kernel: Any, home: Path) -> None:
    kernel.run(TRAIN)
    kernel.run("model = Ridge(alpha=0.5)")
    assert kernel.facts("fit") == []
    kernel.run("model.fit(X, y)\nmae = mean_absolute_error(y, model.predict(X))\nmodel.score(X, y)")
    (fit,) = kernel.facts("fit")
    assert (fit.name, fit.trained_on, fit.rows, fit.features) == ("model", "X", 100, ("a", "b"))
    assert fit.parameters["alpha"] == 0.5
    (profiled,) = kernel.facts("frame-profile")
    assert profiled.of == fit.ordinal
    import json

    profile = Profile.from_json(json.loads(Blobs(folder=home / "blobs").get(profiled.profile_blob)))
    assert [column.name for column in profile.columns] == ["a", "b"]
    metrics = named(kernel.facts("metric"))
    assert metrics["mae"].value == kernel.shell.user_ns["mae"]
    assert metrics["model.score.X"].function == "score"


@pytest.mark.usefixtures("data")
def test_a_fit_inside_a_helper_or_a_container_counts(kernel: Any) -> None:
    kernel.run(TRAIN + "\ndef train(a):\n    return Ridge(alpha=a).fit(X, y)")
    kernel.run("models = {'soft': train(9.0)}\nbest = train(1.0)")
    assert {fact.name for fact in kernel.facts("fit")} == {"models['soft']", "best"}
    kernel.run("1 + 1")
    assert len(kernel.facts("fit")) == 2


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("%ship ", "register", "X"),
        ("%ship re", "register", "X"),
        ("%ship register ", "X", "run"),
        ("%ship register X --", "--reference", "run"),
        ("%ship data ", "x.csv", "run"),
    ],
)
@pytest.mark.filterwarnings(
    "ignore::PendingDeprecationWarning"
)  # IPython's completer uses what it deprecates
def test_what_may_come_next_is_offered(kernel: Any, line: str, offered: str, not_offered: str) -> None:
    kernel.run("import pandas as pd\nX = pd.read_csv('x.csv')")
    _, found = kernel.shell.complete(
        "" if line.endswith(" ") else line.rsplit(maxsplit=1)[-1], line, len(line)
    )
    assert offered in found
    assert not_offered not in found


@pytest.mark.usefixtures("data")
def test_what_was_fitted_is_kept_as_it_was(kernel: Any, home: Path) -> None:
    kernel.run(TRAIN)
    kernel.run(
        "model = Ridge(alpha=2).fit(X, y)\nbig = Ridge().fit(X, y); big.ballast = np.random.rand(3_000_000)"
    )
    (kept,) = kernel.facts("model")
    (fit,) = (fact for fact in kernel.facts("fit") if fact.name == "model")
    model = cloudpickle.loads(Blobs(folder=home / "blobs").get(kept.blob))
    assert (kept.of, kept.predicts, model.alpha) == (fit.ordinal, True, 2)
    assert kept.signature == (("a", "long"), ("b", "long"))


@pytest.mark.usefixtures("data")
def test_register_keeps_the_bytes_and_answers_at_once(
    kernel: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel.run(TRAIN + "\nclass Mine(Ridge):\n    pass\nmodel = Mine().fit(X, y)")
    kernel.run("%ship register model --name ridge")
    assert "on its way to the registry (pending" in capsys.readouterr().out
    (fact,) = kernel.facts("register")
    (fit,) = kernel.facts("fit")
    assert (fact.model, fact.profile_of, fact.signature) == (
        "ridge",
        fit.ordinal,
        (("a", "long"), ("b", "long")),
    )
    content = Blobs(folder=home / "blobs").get(fact.blob)
    assert type(pickle.loads(content)).__name__ == "Mine"
    assert kernel.woken >= 2


@pytest.mark.usefixtures("data")
def test_register_takes_another_frame_as_reference(kernel: Any) -> None:
    kernel.run(TRAIN + "\nclass Free:\n    def predict(self, X): return X\nfree = Free()")
    kernel.run("%ship register free --name free --reference X")
    (fact,) = kernel.facts("register")
    profiled = [item for item in kernel.facts("frame-profile") if item.of == fact.profile_of]
    assert profiled[0].profile_blob is not None
    assert fact.profile_of < 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("%ship register nothing --name m", "there is no variable 'nothing'"),
        ("%ship register x", "required: --name"),
        ("%ship register x --name 'a/b'", "cannot name a model"),
        ("%ship register x --name m --reference x", "not a table"),
        ("%ship moon", "no such verb"),
        ("%%ship two words\nx = 1", "cannot name a step"),
    ],
)
def test_a_wrong_call_is_told_in_a_line(
    kernel: Any, line: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel.run("x = 1")
    kernel.run(line)
    shown = capsys.readouterr()
    assert told in shown.out + shown.err
    assert "Traceback" not in shown.out + shown.err


def test_objects_that_raise_at_every_touch_cost_nothing(kernel: Any) -> None:
    kernel.run(
        "class Bad:\n"
        "    def __eq__(self, other): raise RuntimeError\n"
        "    def __repr__(self): raise RuntimeError\n"
        "    def __array__(self, *a, **k): raise RuntimeError\n"
        "    def __getattr__(self, name): raise RuntimeError\n"
        "    def fit(self): pass\n"
        "    def get_params(self, deep=True): raise RuntimeError\n"
        "bad = Bad(); bad.__dict__['coef_'] = 1"
    )
    kernel.run("bads = [bad]; ok = 1")
    assert [fact.succeeded for fact in kernel.facts("cell")] == [True, True]
    assert named(kernel.facts("parameter"))["ok"].value == 1


@pytest.mark.filterwarnings("default")
def test_a_home_that_cannot_be_written_is_told_once_and_cells_run(
    empty: Any, home: Path, recwarn: pytest.WarningsRecorder
) -> None:
    home.write_text("a file in the way")
    empty.load()
    empty.run("x = 1")
    empty.run("y = 2")
    assert empty.shell.user_ns["y"] == 2
    assert sum("nbship" in str(item.message) for item in recwarn.list) == 1


def test_silent_executions_leave_nothing(kernel: Any) -> None:
    kernel.shell.run_cell("x = 1", store_history=False)
    kernel.shell.run_cell("x = 1", silent=True)
    assert kernel.facts("cell") == []


def test_off_takes_everything_away_and_on_brings_it_back(kernel: Any) -> None:
    kernel.run("%ship off")
    kernel.run("x = 1")
    kernel.run("%ship on")
    kernel.run("y = 1")
    assert list(named(kernel.facts("parameter"))) == ["y"]


def test_another_run_begins_when_told(kernel: Any) -> None:
    kernel.run("x = 1")
    kernel.run("%ship run second")
    kernel.run("x = 2")
    assert [(fact.value, fact.run) for fact in kernel.facts("parameter")] == [(1, 0), (2, 1)]


def test_a_kernel_with_capture_off_has_the_magics_and_records_nothing(
    empty: Any, monkeypatch: pytest.MonkeyPatch, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NBSHIP_CAPTURE", "off")
    empty.load()
    empty.run("%%ship train\nx = 1")
    result = empty.run("%ship register x --name m")
    assert result.success
    assert empty.shell.user_ns["x"] == 1
    assert "is not registered: recording is off" in capsys.readouterr().out
    assert not (home / "journals").exists()


@pytest.mark.usefixtures("data")
def test_wrapped_functions_are_pickled_and_put_back(kernel: Any) -> None:
    kernel.run(TRAIN)
    wrapped = kernel.shell.user_ns["pd"].read_csv
    assert pickle.loads(pickle.dumps(wrapped)) is wrapped
    assert cloudpickle.loads(cloudpickle.dumps(wrapped)) is wrapped
    kernel.extension.remove()
    assert not hasattr(kernel.shell.user_ns["pd"].read_csv, "__nbship__")
    kernel.extension = None


def test_a_question_mark_shows_every_verb(kernel: Any) -> None:
    shown = str(kernel.shell.object_inspect_mime("%ship"))
    assert all(f"%ship {verb}" in shown for verb in ("run", "register", "data", "status", "export"))


def test_the_overview_is_a_table(kernel: Any, capsys: pytest.CaptureFixture[str]) -> None:
    kernel.run("SEED = 7")
    kernel.run("%ship")
    shown = capsys.readouterr().out
    assert "run 1" in shown
    assert "SEED" in shown


def test_loading_imports_nothing_heavy(home: Path) -> None:
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell as S; s = S();"
        "import nbship; nbship.load_ipython_extension(s); print(*sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=home.parent
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {
        "mlflow",
        "sklearn",
        "libcst",
        "jupyter_server",
        "pandas",
        "numpy",
        "pyarrow",
        "scipy",
    }
