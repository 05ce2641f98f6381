"""The whole way, with real kernels and real processes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest
from notebooks import write_notebook

from nbship.errors import InputError, RunError, WriteError
from nbship_converter.export import Exported, Options, export
from nbship_converter.exporter import NbshipExporter
from nbship_converter.reverify import reverify

pytestmark = pytest.mark.slow

HARD = """import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
np.random.seed(3)
SHARE = 0.5
---
df = pd.read_csv("rows.csv")
same = df
---
df.head()
---
same["b"] = df["a"] * SHARE + np.random.rand(len(df))
---
def scaled(values):
    return values * SHARE
---
model = LinearRegression()
model.fit(scaled(df[["a"]]), df["b"])
score = model.score(scaled(df[["a"]]), df["b"])
n = 3
n += len(df)
---
df.to_csv("out.csv")
again = pd.read_csv("out.csv")"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "rows.csv").write_text("a\n" + "\n".join(map(str, range(20))) + "\n")
    path = write_notebook(folder / "hard.ipynb", HARD, {5: ["step:train"]})
    return export(path, folder / "out", Options())


def test_every_name_is_equal_and_an_alias_stays_one(exported: Exported) -> None:
    assert exported.verification.status == "equal"
    assert set(exported.verification.names) >= {"df", "same", "model", "score", "n", "again"}
    assert set(exported.verification.names.values()) == {"equal"}


def test_the_repository_passes_its_own_checks_unedited(exported: Exported) -> None:
    for command in (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy", "--strict", "src"],
        ["pytest", "-q"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=exported.path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_notebooks_own_folder_is_untouched(exported: Exported) -> None:
    assert sorted(path.name for path in exported.path.parent.iterdir()) == ["hard.ipynb", "out", "rows.csv"]


def test_the_exported_notebook_has_no_outputs(exported: Exported) -> None:
    content = json.loads((exported.path / "notebooks" / "hard.ipynb").read_text())
    assert all(cell.get("outputs", []) == [] for cell in content["cells"])


def test_verify_needs_nothing_but_the_repository_and_sees_a_changed_line(exported: Exported) -> None:
    assert reverify(exported.path).status == "equal"
    module = next(
        path
        for path in (exported.path / "src" / "hard").glob("*.py")
        if "* config.share +" in path.read_text()
    )
    text = module.read_text()
    try:
        module.write_text(text.replace("* config.share +", "* config.share * 2 +"))
        assert reverify(exported.path).names["df"] == "different"
    finally:
        module.write_text(text)


def test_exporting_twice_gives_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    again = export(exported.path.parent / "hard.ipynb", tmp_path / "out", Options())
    for name in again.files:
        assert (exported.path / name).read_bytes() == (again.path / name).read_bytes(), name


def test_what_has_not_changed_is_not_run_again_and_gives_the_same_bytes(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb", "x = max(1, 2)\n---\nrate = x / 3\nnames = ['a', 'b']")
    said: list[str] = []
    first = export(path, tmp_path / "first", Options(say=said.append))
    again = export(path, tmp_path / "again", Options(say=said.append))
    assert [line.split()[0] for line in said] == ["running", "running", "asking", "the", "running", "asking"]
    assert again.verification == first.verification
    for name in first.files:
        assert (again.path / name).read_bytes() == (first.path / name).read_bytes(), name
    assert (
        export(path, tmp_path / "fresh", Options(fresh=True, say=said.append)).verification.status == "equal"
    )
    assert said[6].startswith("running n.ipynb")


def test_what_the_notebook_itself_does_not_repeat_is_volatile(tmp_path: Path) -> None:
    text = "import random\nimport time\nnoise = random.SystemRandom().random()\n---\nkept = [1, 2]\ntotal = sum(kept)"
    done = export(write_notebook(tmp_path / "n.ipynb", text), tmp_path / "out", Options())
    assert dict(done.verification.names) == {"noise": "volatile", "total": "equal"}
    assert done.verification.status == "equal"


def test_a_notebook_that_raises_names_cell_and_line_and_writes_nothing(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb", "x = 1\n---\ny = 2\nz = y / 0")
    with pytest.raises(RunError, match="cell 1, line 2: the notebook raised ZeroDivisionError"):
        export(path, tmp_path / "out", Options())
    assert [entry.name for entry in tmp_path.iterdir()] == ["n.ipynb"]


def test_a_cell_without_end_is_stopped(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb", "while True: pass")
    with pytest.raises(RunError, match="cell 0 ran longer than 2 s"):
        export(path, tmp_path / "out", Options(timeout_s=2))
    left = [process for process in psutil.Process().children() if "ipykernel_launcher" in process.cmdline()]
    assert not left, "a kernel outlives its run"


def test_an_interpreter_without_a_kernel_is_told(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb", "x = 1")
    with pytest.raises((RunError, InputError), match="no kernel starts"):
        export(path, tmp_path / "out", Options(python=str(tmp_path / "nowhere" / "python")))


def test_a_notebook_that_posts_somewhere_is_named_before_it_runs(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "n.ipynb", 'import requests\nrequests.post("http://127.0.0.1:9", json={})'
    )
    with pytest.raises(RunError, match=r"requests.post") as refused:
        export(path, tmp_path / "out", Options())
    assert "--yes" in str(refused.value)


def test_a_destination_with_other_files_is_refused_before_anything_runs(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb", "while True: pass")
    with pytest.raises(WriteError):
        export(path, tmp_path, Options())


def test_without_a_run_the_package_is_compiled_and_not_called_proved(tmp_path: Path) -> None:
    done = export(
        write_notebook(tmp_path / "n.ipynb", "x = max(1, 2)"),
        tmp_path / "out",
        Options(run=False, verify=False),
    )
    assert done.verification.status == "not_run"
    assert not done.failed
    assert "NB404" in [finding.code for finding in done.findings]


def test_nbconvert_gives_the_package_as_an_archive(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb", "raise RuntimeError  # never run\n---\nx = max(1, 2)")
    archive, _ = NbshipExporter().from_filename(str(path))
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        assert "n/src/n/pipeline.py" in found.namelist()
    assert NbshipExporter().from_filename(str(path))[0] == archive


def test_a_secret_in_the_code_moves_to_the_environment_and_nowhere_else(tmp_path: Path) -> None:
    key = "AKIA" + "A1B2C3D4E5F6G7H8"
    text = f"x = max(1, 2)\n---\n#md The key is {key}.\n---\ny = max(x, 2)\nTOKEN = {key!r}\nprint(TOKEN)"
    path = write_notebook(tmp_path / "n.ipynb", text)
    done = export(path, tmp_path / "out", Options(run=False, verify=False))
    assert "NB108" in [finding.code for finding in done.findings]
    assert (tmp_path / "out" / ".env.example").read_text() == "TOKEN=\n"
    for file in (tmp_path / "out").rglob("*"):
        assert not file.is_file() or key.encode() not in file.read_bytes()
    history = ["git", "-C", str(tmp_path / "out"), "log", "--patch", "--all"]
    committed = subprocess.run(history, capture_output=True, text=True, check=True).stdout
    assert "TOKEN=" in committed
    assert key not in committed


def test_a_key_where_no_expression_can_stand_is_refused_and_not_repeated(tmp_path: Path) -> None:
    key = "AKIA" + "A1B2C3D4E5F6G7H8"
    path = write_notebook(tmp_path / "n.ipynb", f"x = 1\n---\ny = 2\nz = b{key!r}")
    with pytest.raises(InputError, match=r"cell 1, line 2: an access key") as refused:
        export(path, tmp_path / "out", Options(run=False, verify=False))
    assert key not in str(refused.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["n.ipynb"]
