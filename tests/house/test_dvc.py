"""Our pointers and stores against DVC itself, installed where nothing else is; ``make dvc`` runs these apart.

One environment and one repository serve all tests here: DVC takes seconds to start.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
CONTENT = b"hour,riders\n" + b"12,340\n" * 100_000

pytestmark = pytest.mark.dvc


@dataclass(frozen=True)
class Team:
    """A folder with a repository, somebody's home, and both tools."""

    folder: Path
    dvc: Path

    def run(self, *command: str, at: str = "repository", code: int = 0) -> str:
        variables = {
            "PATH": f"{self.dvc.parent}{os.pathsep}{TOOLS}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "NBSHIP_HOME": str(self.folder / "home" / at),
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.folder / "home" / f"{at}-site"),
            "LANG": "C.UTF-8",
        }
        done = subprocess.run(
            command, cwd=self.folder / at, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def clone(self, name: str) -> Path:
        self.run("git", "clone", "-q", str(self.folder / "repository"), str(self.folder / name))
        return self.folder / name


@pytest.fixture(scope="module")
def dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DVC as its lock has it."""
    folder = tmp_path_factory.mktemp("dvc") / "venv"
    uv, python = str(TOOLS / "uv"), str(folder / "bin" / "python")
    for command in (
        (uv, "venv", "--quiet", "--python", sys.executable, str(folder)),
        (uv, "pip", "install", "--quiet", "--python", python, "-r", str(ROOT / "requirements-dvc.lock")),
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder / "bin" / "dvc"


@pytest.fixture(scope="module")
def team(dvc: Path, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A repository of DVC, in which `nbship` has kept a file and a folder and pushed them to the team's remote."""
    folder = tmp_path_factory.mktemp("team")
    (folder / "repository" / "data" / "images" / "é").mkdir(parents=True)
    (folder / "home").mkdir()
    team = Team(folder, dvc)
    (folder / "repository" / "data" / "rides.csv").write_bytes(CONTENT)
    for name in ("a b.bin", "é/Z.bin", "é/a.bin", ".hidden"):
        (folder / "repository" / "data" / "images" / name).write_bytes(name.encode())
    team.run("git", "init", "-q")
    team.run("dvc", "init", "-q")
    team.run("dvc", "remote", "add", "-q", "-d", "team", "../remote")
    team.run("nbship", "data", "snapshot", "data/rides.csv", "data/images")
    team.run("nbship", "data", "push", "--to", "../remote")
    team.run("git", "add", "-A")
    team.run("git", "-c", "user.name=n", "-c", "user.email=n@example.org", "commit", "-qm", "data")
    return team


def read(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in (folder / "data").rglob("*")
        if path.is_file() and path.suffix != ".dvc" and path.name != ".gitignore"
    }


def test_dvc_finds_nothing_to_complain_of(team: Team) -> None:
    assert "up to date" in team.run("dvc", "status")
    assert "in sync" in team.run("dvc", "status", "--cloud")


def test_dvc_checks_out_what_nbship_has_kept(team: Team) -> None:
    before = read(team.folder / "repository")
    for name in before:
        (team.folder / "repository" / name).unlink()
    team.run("dvc", "checkout", "--quiet")
    assert read(team.folder / "repository") == before


def test_dvc_pulls_what_nbship_has_pushed(team: Team) -> None:
    clone = team.clone("with-dvc")
    team.run(
        "dvc", "remote", "modify", "-q", "--local", "team", "url", str(team.folder / "remote"), at="with-dvc"
    )
    team.run("dvc", "pull", "--quiet", at="with-dvc")
    assert read(clone) == read(team.folder / "repository")


def test_nbship_pulls_what_dvc_has_added_and_pushed(team: Team) -> None:
    clone = team.clone("adding")
    team.run(
        "dvc", "remote", "modify", "-q", "--local", "team", "url", str(team.folder / "remote"), at="adding"
    )
    team.run("nbship", "data", "pull", at="adding")
    (clone / "data" / "rides.csv").unlink()
    (clone / "data" / "rides.csv").write_bytes(b"newer")  # renews a pointer of ours
    (clone / "data" / "more").mkdir()
    (clone / "data" / "more" / "é.csv").write_bytes(b"more")
    team.run("dvc", "add", "-q", "data/rides.csv", "data/more", at="adding")
    team.run("dvc", "push", "-q", at="adding")
    before = read(clone)
    pointer = (clone / "data" / "rides.csv.dvc").read_text()
    assert "nbship" in pointer, "DVC drops what it does not know: our pointers need another place"
    for name in ("data/rides.csv", "data/more/é.csv"):
        (clone / name).unlink()
    cache = clone / ".dvc" / "cache" / "files"
    cache.rename(clone / "away")
    team.run("nbship", "data", "pull", at="adding")
    assert read(clone) == before
    team.run("nbship", "data", "status", at="adding")


def test_both_write_the_same_pointer_to_the_same_folder(team: Team) -> None:
    folder = team.clone("both")
    (folder / "theirs").mkdir()
    for path in (team.folder / "repository" / "data" / "images").rglob("*"):
        if path.is_file():
            target = folder / "theirs" / path.relative_to(team.folder / "repository" / "data" / "images")
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    team.run("dvc", "add", "-q", "theirs", at="both")
    theirs = (folder / "theirs.dvc").read_text().replace("theirs", "images")
    ours = (folder / "data" / "images.dvc").read_text()
    assert ours.startswith(theirs.rstrip())
