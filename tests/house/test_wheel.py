"""The wheel, built from a clean copy of the sources and installed where nothing else is.

One build and three environments serve all tests here; ``make wheel`` runs them apart from the others.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = str(Path(sys.executable).with_name("uv"))
PACKAGES = ("nbship", "nbship_converter", "nbship_lab", "nbship_magics")
HEAVY = {"IPython", "jupyter_server", "libcst", "mlflow", "pandas"}

pytestmark = pytest.mark.wheel


@dataclass(frozen=True)
class Environment:
    """An environment of its own: no Node on PATH, no Jupyter folders but those inside."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder.parent / f"{self.folder.name}-home"

    def run(self, *command: str, more: str = "") -> subprocess.CompletedProcess[str]:
        place = self.home
        place.mkdir(exist_ok=True)
        tools = self.folder / "bin"
        assert shutil.which("node", path=str(tools)) is None
        variables = {
            "PATH": f"{tools}{os.pathsep}{more}" if more else str(tools),
            "HOME": str(place),
            "LANG": "C.UTF-8",
            "JUPYTER_CONFIG_DIR": str(place / "config"),
            "JUPYTER_DATA_DIR": str(place / "data"),
            "JUPYTER_RUNTIME_DIR": str(place / "runtime"),
        }
        return subprocess.run(
            [str(tools / command[0]), *command[1:]],
            cwd=place,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )


def sources() -> list[str]:
    """Every file that is tracked, or will be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and ROOT.joinpath(name).is_file()]


def succeed(*command: str, cwd: Path) -> None:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}{ended.stderr}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release is: sources to sdist, sdist to wheel, in an isolated build."""
    copy = tmp_path_factory.mktemp("sources")
    for name in sources():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    succeed(UV, "build", "--quiet", "--out-dir", str(copy / "dist"), cwd=copy)
    (sdist,) = copy.joinpath("dist").glob("*.tar.gz")
    assert sdist.stat().st_size < 5_000_000, "the sdist holds what it should not, such as yarn's cache"
    (built,) = copy.joinpath("dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def install(wheel: Path, extra: str, folder: Path, *others: str) -> Environment:
    succeed(UV, "venv", "--quiet", "--python", sys.executable, str(folder), cwd=folder.parent)
    wanted = f"nbship{extra} @ {wheel.as_uri()}"
    # The lock only holds versions here: what is installed is what the wheel asks for.
    where = ("--python", str(folder / "bin" / "python"), "--constraint", str(ROOT / "requirements.lock"))
    succeed(UV, "pip", "install", "--quiet", *where, wanted, *others, cwd=folder.parent)
    return Environment(folder)


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(wheel, "", tmp_path_factory.mktemp("bare") / "venv")


@pytest.fixture(scope="module")
def lab(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(wheel, "[lab]", tmp_path_factory.mktemp("lab") / "venv")


@pytest.fixture(scope="module")
def everything(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What the README tells to install, and what the demo's notebook imports."""
    return install(wheel, "[all]", tmp_path_factory.mktemp("all") / "venv", "matplotlib", "scikit-learn")


def test_the_wheel_holds_the_built_front_end(names: set[str]) -> None:
    shared = [name.partition(".data/data/")[2] for name in names if ".data/data/" in name]
    assert "share/jupyter/labextensions/nbship/package.json" in shared
    assert "share/jupyter/labextensions/nbship/install.json" in shared
    assert any(name.startswith("share/jupyter/labextensions/nbship/static/remoteEntry") for name in shared)
    assert any(name.startswith("share/jupyter/labextensions/nbship/schemas/") for name in shared)
    assert "etc/jupyter/jupyter_server_config.d/nbship_lab.json" in shared
    assert "nbship_magics/static/widget.js" in names


def test_the_wheel_holds_the_front_end_once(names: set[str]) -> None:
    assert not [name for name in names if name.startswith("nbship_lab/labextension")]
    assert not [name for name in names if "node_modules" in name or name.endswith((".ts", ".tsx"))]


def test_the_wheel_holds_four_typed_packages_and_no_tests(names: set[str]) -> None:
    for package in PACKAGES:
        assert {f"{package}/__init__.py", f"{package}/py.typed"} <= names
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.startswith("nbship-")} == set(PACKAGES)


def test_the_wheel_holds_every_file_of_the_template(names: set[str]) -> None:
    template = "converter/nbship_converter/templates/"
    expected = {name.removeprefix("converter/") for name in sources() if name.startswith(template)}
    assert expected, "there is no template"
    assert expected <= names


def test_the_wheel_holds_the_demo(names: set[str]) -> None:
    assert {
        f"nbship/examples/{name}" for name in ("bikeshare.ipynb", "data/bikeshare.csv", "data/README.md")
    } <= names


def test_importing_the_bare_package_loads_nothing_heavy(bare: Environment) -> None:
    ended = bare.run("python", "-c", "import nbship, sys; print(*sys.modules)")
    assert ended.returncode == 0, ended.stderr
    assert HEAVY.isdisjoint(ended.stdout.split())


def test_help_works_without_any_extra(bare: Environment) -> None:
    ended = bare.run("nbship", "--help")
    assert ended.returncode == 0, ended.stderr
    assert "export" in ended.stdout
    assert "pip install 'nbship[convert]'" in ended.stdout


def test_a_command_whose_extra_is_missing_says_which(bare: Environment) -> None:
    ended = bare.run("nbship", "export", "x.ipynb", "--to", "x")
    assert ended.returncode == 1
    assert "pip install 'nbship[convert]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_demo_says_what_it_needs_and_writes_nothing(bare: Environment) -> None:
    ended = bare.run("nbship", "demo", "--to", "story")
    assert ended.returncode == 2
    assert "pip install 'nbship[all]'" in ended.stderr
    assert not (bare.home / "story").exists()


def test_jupyterlab_finds_the_extension_without_node(lab: Environment) -> None:
    ended = lab.run("jupyter", "labextension", "list")
    said = ended.stdout + ended.stderr
    (line,) = [line for line in said.splitlines() if line.split()[:1] == ["nbship"]]
    assert "enabled" in line
    assert "OK" in line


def test_the_jupyter_server_finds_its_half_without_node(lab: Environment) -> None:
    ended = lab.run("jupyter", "server", "extension", "list")
    said = ended.stdout + ended.stderr
    enabled = [line for line in said.splitlines() if "nbship_lab" in line]
    assert any("enabled" in line for line in enabled), said
    assert any("OK" in line for line in enabled), said


def test_the_server_extension_starts_without_any_other_extra(lab: Environment) -> None:
    ended = lab.run("python", "-c", "import nbship_lab, sys; print(*sys.modules)")
    assert ended.returncode == 0, ended.stderr
    assert {"mlflow", "pandas", "libcst"}.isdisjoint(ended.stdout.split())


def test_the_whole_story_is_told_to_its_good_end(everything: Environment) -> None:
    git = str(Path(shutil.which("git") or "").parent)
    ended = everything.run("nbship", "demo", "--to", "story", more=git)
    said = ended.stdout
    assert ended.returncode == 0, said[-3000:] + ended.stderr[-3000:]
    assert re.search(r"run +[0-9a-f]{32}", said)
    assert re.search(r"dataset +\S*bikeshare\.csv +b3:[0-9a-f]+", said)
    assert re.search(r"registered +bikeshare, version 1", said)
    assert re.search(r"^  together +equal$", said, flags=re.MULTILINE)
    assert re.search(r"^  equal +model$", said, flags=re.MULTILINE)
    assert not re.search(r"^  (different|missing|unchecked) ", said, flags=re.MULTILINE)
    assert "Success: no issues found" in said
    assert re.search(r"pytest -q +\d+ passed", said)
    (hr,) = re.findall(r"^  hr +(.*)$", said, flags=re.MULTILINE)
    (temp,) = re.findall(r"^  temp +(.*)$", said, flags=re.MULTILINE)
    assert "critical" not in hr
    assert temp.split()[1::2] == ["critical", "critical", "critical"]
    repository = everything.home / "story" / "bikeshare"
    assert repository.joinpath("src", "bikeshare", "pipeline.py").exists()
