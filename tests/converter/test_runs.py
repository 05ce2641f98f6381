"""Clean runs are remembered as long as nothing that they depended on has changed; their values are not."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from notebooks import notebook
from rehearsal import run_notebook

from nbship.canonical import SEED, tokens
from nbship_converter import runs
from nbship_converter.proof import prove
from nbship_converter.read import read
from nbship_converter.runs import recall, remember
from nbship_converter.testimony import Run
from nbship_converter.verify import PackageRun, fingerprint_of, match

NOW = datetime(2026, 1, 2, 14, 2, tzinfo=UTC)
TEXT = 'text = open("rows.txt").read()\n---\nsecret = text.strip() * 2\nrate = 1 / 3\nn = len(secret)'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(runs, "user_cache_dir", lambda _: str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notebook"
    folder.mkdir()
    (folder / "rows.txt").write_text("Ada Lovelace\n")
    return folder


def _parsed(text: str = TEXT) -> Any:
    return read(notebook(text), "n")[0]


def _remembered(folder: Path, text: str = TEXT) -> Run:
    run = run_notebook(_parsed(text), folder)
    remember(run, _parsed(text), folder, sys.executable, SEED, now=NOW)
    return run


def _recall(folder: Path, text: str = TEXT, seed: int = SEED) -> Any:
    return recall(_parsed(text), folder, sys.executable, seed)


def test_a_run_comes_back_with_its_facts_and_without_its_values(folder: Path, cache: Path) -> None:
    run = _remembered(folder)
    found = _recall(folder)
    assert found.when == NOW
    assert found.run.facts.cells == run.facts.cells
    assert (found.run.facts.types, found.run.facts.reads) == (run.facts.types, run.facts.reads)
    assert (found.run.values, found.run.fingerprints) == ({}, run.fingerprints)
    (entry,) = (cache / "runs").iterdir()
    assert "Lovelace" not in entry.read_text()
    assert "0.333333333333" not in entry.read_text()
    assert entry.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", ["content", "gone", "source", "seed", "folder"])
def test_whatever_changes_has_the_notebook_run_anew(folder: Path, change: str) -> None:
    _remembered(folder)
    if change == "content":
        (folder / "rows.txt").write_text("Grace Hopper\n")
    if change == "gone":
        (folder / "rows.txt").unlink()
    elsewhere = folder.rename(folder.parent / "moved") if change == "folder" else folder
    text = TEXT.replace("* 2", "* 3") if change == "source" else TEXT
    assert _recall(elsewhere, text, SEED + 1 if change == "seed" else SEED) is None


def test_an_export_beside_the_notebook_changes_nothing(folder: Path) -> None:
    text = "import os, wave\nfound = sorted(os.listdir())"
    _remembered(folder, text)
    (folder / "out" / ".nbship").mkdir(parents=True)
    (folder / "out" / ".nbship" / "base.json").write_text("{}")
    assert _recall(folder, text) is not None
    (folder / "more.txt").touch()
    assert _recall(folder, text) is None


def test_a_module_beside_the_notebook_is_part_of_the_run(folder: Path) -> None:
    (folder / "own.py").write_text("K = 1\n")
    text = "import own\nx = own.K + 1"
    _remembered(folder, text)
    assert _recall(folder, text) is not None
    (folder / "own.py").write_text("K = 2\n")
    assert _recall(folder, text) is None


@pytest.mark.parametrize(
    "text",
    [
        'open("out.txt", "w").write("x")',
        "import subprocess\nx = subprocess.run(['true']).returncode",
        "found = !echo a",
        "import sqlite3\nx = sqlite3.connect(':memory:').execute('select 1').fetchone()",
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 9), 1)\nexcept OSError:\n    x = 1",
        "import polars\nx = 1",
    ],
)
def test_what_its_files_do_not_tell_is_never_remembered(folder: Path, cache: Path, text: str) -> None:
    _remembered(folder, text)
    assert not cache.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"depends": {}}', '{"depends": {}, "told": 3}'])
def test_a_torn_entry_is_ignored(folder: Path, cache: Path, content: str) -> None:
    _remembered(folder)
    (entry,) = (cache / "runs").iterdir()
    entry.write_text(content)
    assert _recall(folder) is None


def test_the_oldest_runs_go_where_there_are_too_many(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _remembered(folder)
    (entry,) = (cache / "runs").iterdir()
    monkeypatch.setattr(runs, "MOST", 15 * entry.stat().st_size)
    for place in range(20):
        (cache / "runs" / f"{place}.json").write_text(entry.read_text())
    _remembered(folder)
    assert sum(path.stat().st_size for path in (cache / "runs").iterdir()) <= runs.MOST
    assert _recall(folder) is not None


def test_an_interpreter_that_does_not_answer_remembers_nothing(folder: Path) -> None:
    assert recall(_parsed(), folder, str(folder / "python"), SEED) is None


def test_fingerprints_say_equal_or_nothing() -> None:
    found = PackageRun(
        values={"a": list(tokens(1)), "b": list(tokens(2)), "c": list(tokens(x for x in ()))},
        identities={"a": 1, "b": 2, "c": 3},
    )
    expected = {name: fingerprint_of(stream) for name, stream in found.values.items()}
    expected["b"] = fingerprint_of(tokens(3))
    outcomes = match(["a", "b", "c", "d"], expected, found, []).names
    assert outcomes == {"a": "equal", "b": "unchecked", "c": "unchecked", "d": "unchecked"}


def test_where_a_fingerprint_differs_the_values_are_compared(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _remembered(folder)
    remembered = _recall(folder).run
    package = PackageRun(values={**run.values, "n": list(tokens(7))}, identities={})
    monkeypatch.setattr("nbship_converter.proof.run_package", lambda *_, **__: package)
    asked: list[int] = []

    def again(seed: int) -> Run:
        asked.append(seed)
        return run

    class Plan:
        package, python, data = "demo", "", dict[str, Path]()
        environment = dict[str, str]()  # noqa: RUF012  # as above
        evaluation = None

        class program:  # noqa: N801  # stands for a field
            results = dict.fromkeys(run.values, "value")

    verification, findings = prove(Plan, remembered, folder, again=again)  # type: ignore[arg-type]
    assert verification.names == {"text": "equal", "secret": "equal", "rate": "equal", "n": "different"}
    assert asked == [SEED, SEED + 1]
    assert [finding.code for finding in findings] == ["NB402"]
