"""The tour on Binder, as far as it goes without Binder: what its files run, in which order, and what they open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
sys.path.insert(0, str(ROOT / "scripts"))


@pytest.fixture
def stubs(tmp_path: Path) -> dict[str, str]:
    """An environment in which every command is only noted."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python", "nbship", "jupyter"):
        path = folder / name
        path.write_text('#!/bin/sh\necho "$(basename "$0") $*" >> "$HOME/called"\n')
        path.chmod(0o755)
    return {"HOME": str(tmp_path), "PATH": f"{folder}:{os.defpath}"}


def test_the_image_is_built_with_the_story_and_the_scene(stubs: dict[str, str]) -> None:
    subprocess.run(["bash", str(BINDER / "postBuild")], cwd=ROOT, env=stubs, check=True)
    home = Path(stubs["HOME"])
    called = (home / "called").read_text().splitlines()
    assert called[0].startswith("python -m pip install --no-cache-dir .[all]")
    assert called[1:] == [
        f"nbship demo --to {home}/nbship-demo",
        f"python scripts/lab_scene.py {home}/nbship-demo",
        f"jupyter trust {home}/nbship-demo/work/bikeshare.ipynb",
        "jupyter lab workspaces import binder/workspace.json",
    ]
    assert (ROOT / "scripts" / "lab_scene.py").is_file()


def test_the_server_finds_what_the_story_recorded(stubs: dict[str, str]) -> None:
    words = ["bash", str(BINDER / "start"), "sh", "-c", "echo $NBSHIP_HOME"]
    said = subprocess.run(words, env=stubs, capture_output=True, text=True, check=True).stdout.strip()
    assert said == f"{stubs['HOME']}/nbship-demo/home"


def test_the_tour_opens_the_notebook_with_the_panel_as_make_lab_does() -> None:
    import lab

    binder = json.loads((BINDER / "workspace.json").read_text())
    notebook = f"nbship-demo/work/{lab.NOTEBOOK}"
    here = json.loads(json.dumps(lab.WORKSPACE).replace(lab.NOTEBOOK, notebook))
    assert binder == here


def test_the_environment_is_one_that_the_package_takes() -> None:
    text = (BINDER / "environment.yml").read_text()
    python = next(line for line in text.splitlines() if "python=" in line).rpartition("=")[2]
    assert tuple(map(int, python.split("."))) >= (3, 11)
    assert (ROOT / "examples" / "bikeshare.ipynb").is_file()
