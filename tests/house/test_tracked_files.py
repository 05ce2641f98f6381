"""What no file of the repository may hold: where somebody's packages come from, or somebody's machine."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OUR_LOCKS = {
    "requirements.lock",
    "requirements-dvc.lock",
    "requirements-feast.lock",
    "requirements-node.lock",
    "extension/yarn.lock",
}
BINARY = {".png", ".parquet", ".gz", ".zip", ".woff2"}

#: Written in pieces, so that this file does not hold them itself.
INDEX_HOSTS = re.compile(
    r"(files\.python|py" + r"pi\.|pypi\.org|registry\.(npmjs|yarnpkg)|npmjs\.(org|com)/|anaconda\.(org|com)/|"
    r"index-url|extra-index|(artifactory|nexus|devpi)[.:/])"
)
#: Folders that exist on one machine only: homes, temporary folders, drives.
MACHINE_PATHS = re.compile(
    r"(?<![\w.$}/-])(/home/[a-z]|/Users/[A-Za-z]|/root/|/tmp/[\w-]|/work/|/workspace/|[A-Z]:\\Users)"
)


@cache
def tracked() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(name for name in listed.stdout.split("\0") if name and ROOT.joinpath(name).is_file())


def lines_that_hold(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in tracked()
        if Path(name).suffix not in BINARY and name != Path(__file__).relative_to(ROOT).as_posix()
        for number, line in enumerate(ROOT.joinpath(name).read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_index() -> None:
    allowed = re.compile(r"--no-emit-index-url")
    assert [line for line in lines_that_hold(INDEX_HOSTS) if not allowed.search(line)] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    inside_an_image = "Dockerfile:"
    assert [line for line in lines_that_hold(MACHINE_PATHS) if inside_an_image not in line] == []


def test_there_are_no_lock_files_but_ours() -> None:
    locks = {name for name in tracked() if re.search(r"(\.lock|-lock\.json|-lock\.yaml|lock\.toml)$", name)}
    assert locks <= OUR_LOCKS | {name for name in locks if "/templates/" in name}


def test_what_is_built_is_not_tracked() -> None:
    built = re.compile(
        r"(^|/)(node_modules|lib/.*\.js|labextension/|static/widget\.js|__pycache__|dist)(/|$)"
    )
    assert [name for name in tracked() if built.search(name)] == []


@pytest.mark.parametrize("name", [".ci/run", "scripts/set_up.py", "scripts/lock.sh"])
def test_scripts_that_are_called_by_name_can_be(name: str) -> None:
    assert ROOT.joinpath(name).stat().st_mode & 0o111
