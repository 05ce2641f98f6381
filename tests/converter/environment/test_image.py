"""The image of an exported package: small, without secrets, and not run by root. There is no Docker here to build it."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from notebooks import notebook
from rehearsal import run_notebook

from nbship_converter.compile import compile_notebook
from nbship_converter.project import TEMPLATE, Project, sources
from nbship_converter.read import read


def instructions() -> list[tuple[str, str]]:
    """Give every instruction of the Dockerfile with its arguments; lines that go on are joined."""
    text = re.sub(r"^\s*#.*\n", "", (TEMPLATE / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [
        (word.upper(), rest.strip())
        for line in lines
        if line.strip()
        for word, _, rest in [line.partition(" ")]
    ]


def of(word: str) -> list[str]:
    return [rest for found, rest in instructions() if found == word]


def test_only_known_instructions_are_used_and_it_begins_with_a_base() -> None:
    words = [word for word, _ in instructions()]
    assert words[0] == "FROM"
    assert set(words) <= {"FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "ENTRYPOINT", "CMD"}


def test_every_base_is_slim_and_of_the_python_that_the_lock_is_for() -> None:
    version = (TEMPLATE / ".python-version").read_text().strip()
    bases = [rest.split()[0] for rest in of("FROM")]
    assert len(bases) == 2
    assert set(bases) == {f"python:{version}-slim"}


def test_the_last_stage_runs_as_somebody_who_is_not_root() -> None:
    words = [word for word, _ in instructions()]
    last = len(words) - 1 - words[::-1].index("FROM")
    stage = instructions()[last:]
    users = [place for place, (word, _) in enumerate(stage) if word == "USER"]
    assert users
    assert stage[users[-1]][1] not in {"root", "0"}
    assert all(word in {"ENTRYPOINT", "CMD"} for word, _ in stage[users[-1] + 1 :])


def test_everything_that_is_installed_is_checked_against_the_lock() -> None:
    installs = [shlex.split(rest) for rest in of("RUN") if "install " in rest and "pip" in rest]
    assert installs
    for words in installs:
        assert {"--require-hashes", "--no-cache-dir"} <= set(words)
        assert words[-1] == "requirements.lock"


def test_nothing_looks_like_a_secret_or_an_index() -> None:
    text = (TEMPLATE / "Dockerfile").read_text()
    assert not re.search(r"password|secret|token|api_?key|index\W?url|https?://|\.env\b", text, re.IGNORECASE)


def test_what_is_copied_is_sent_to_the_builder_and_nothing_else() -> None:
    ignored = (TEMPLATE / ".dockerignore").read_text().split("\n")
    assert "*" in ignored
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = {word for rest in of("COPY") if "--from" not in rest for word in shlex.split(rest)[:-1]}
    assert copied == sent


def test_files_that_name_a_python_name_the_kernels(tmp_path: Path) -> None:
    content = notebook("x = len([1])")
    parsed, _ = read(content, "n")
    facts = replace(run_notebook(parsed, tmp_path).facts, python="3.13.1")
    program, _ = compile_notebook(parsed, facts)
    files = sources(Project(program=program, facts=facts, package="n", python="", content=content))
    assert files[".python-version"] == b"3.13\n"
    assert files["Dockerfile"].count(b"FROM python:3.13-slim") == 2
    assert b'requires-python = ">=3.13"' in files["pyproject.toml"]


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD"])
def test_the_command_is_started_without_a_shell(word: str) -> None:
    assert all(isinstance(part, str) for part in json.loads(of(word)[-1]))


def test_the_data_folder_of_the_package_is_where_the_image_has_it() -> None:
    config = Path("/app/src/notebook_package/config.py")
    assert (config.parents[2] / "data").as_posix() in (TEMPLATE / "Dockerfile").read_text()
