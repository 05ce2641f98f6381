"""What the package needs is locked as the kernel had it, and a lock changes only when a dependency does."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest
from index import hashed, text_of
from notebooks import notebook
from rehearsal import run_notebook

from nbship_converter.environment import DEVELOPMENT, LOCK, index, locked
from nbship_converter.environment.index import Answer
from nbship_converter.ir import Facts
from nbship_converter.read import read

PYPROJECT = """
[project]
requires-python = ">=3.11"
dependencies = ["frames==2.0", "plain==1.0"]
[dependency-groups]
dev = ["ruff>=0.1"]
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    parsed, _ = read(notebook("import pandas as pd\nx = len(pd.DataFrame())"), "n")
    return run_notebook(parsed, tmp_path_factory.mktemp("folder")).facts


def facts(told: Facts, **changes: object) -> Facts:
    known: dict[str, object] = {
        "closure": ("arrays==1.1", "frames==2.0", "nobody-asks==9", "plain==1.0"),
        "requirements": {"frames": ("arrays",), "arrays": ("frames",)},
        "elsewhere": {},
        "python": "3.11.4",
    }
    return replace(told, **{**known, **changes})  # type: ignore[arg-type]  # fields by name


def test_the_kernel_tells_what_is_required_and_what_comes_from_no_index(told: Facts) -> None:
    assert {"numpy", "python-dateutil"} <= set(told.requirements["pandas"])
    assert "pytest" not in told.requirements["pandas"]
    assert {name for name in told.requirements if name == name.lower().replace("_", "-")} == set(
        told.requirements
    )
    assert told.elsewhere.get("nbship", "a local folder") == "a local folder"


def test_the_closure_of_what_is_imported_is_locked_and_nothing_else(told: Facts) -> None:
    lock = locked(PYPROJECT, facts(told), index=hashed).files[LOCK]
    assert lock.splitlines()[1::2] == ["arrays==1.1 \\", "frames==2.0 \\", "plain==1.0 \\"]
    assert "://" not in lock


def test_tools_are_locked_in_the_version_that_checked_the_export(told: Facts) -> None:
    assert (
        text_of(f"ruff=={version('ruff')}") in locked(PYPROJECT, facts(told), index=hashed).files[DEVELOPMENT]
    )


def test_what_the_kernel_had_is_not_locked_twice(told: Facts) -> None:
    had = PYPROJECT.replace("plain==1.0", "ruff==0.1.5")
    known = facts(told, closure=("arrays==1.1", "frames==2.0", "ruff==0.1.5"))
    files = locked(had, known, index=hashed).files
    assert "ruff==0.1.5" in files[LOCK]
    assert "ruff" not in files[DEVELOPMENT]


def test_without_an_index_there_are_pins_and_the_command_that_adds_hashes(told: Facts) -> None:
    found = locked(PYPROJECT, facts(told), index=None)
    assert [finding.code for finding in found.findings] == ["NB413"]
    for name, text in found.files.items():
        assert f"uv pip compile {name}" in text
        assert "sha256" not in text
    assert found.files[LOCK].splitlines()[2:] == ["arrays==1.1", "frames==2.0", "plain==1.0"]


def test_an_earlier_lock_stays_byte_for_byte_and_no_index_is_asked(told: Facts) -> None:
    before = dict(locked(PYPROJECT, facts(told), index=hashed).files)
    before[LOCK] = before[LOCK].replace("plain==1.0 \\", "plain==1.0 \\\n    --hash=sha256:0a \\")
    assert locked(PYPROJECT, facts(told), before, index=None).files == before


def test_only_the_requirement_that_changed_changes(told: Facts) -> None:
    before = dict(locked(PYPROJECT, facts(told), index=hashed).files)
    before[LOCK] = before[LOCK].replace("plain==1.0 \\", "plain==1.0 \\\n    --hash=sha256:0a \\")
    asked: list[Sequence[str]] = []

    def counting(
        wanted: Sequence[str], python: str, *, constraints: Sequence[str] = (), alone: bool = False
    ) -> Answer:
        asked.append(wanted)
        return hashed(wanted, python, constraints=constraints, alone=alone)

    now = facts(told, closure=("arrays==1.2", "frames==2.0", "plain==1.0"))
    lock = locked(PYPROJECT, now, before, index=counting).files[LOCK]
    assert lock == before[LOCK].replace(text_of("arrays==1.1"), text_of("arrays==1.2"))
    assert asked[0] == ["arrays==1.2"]


def test_what_no_index_has_is_named_and_left_out(told: Facts) -> None:
    git = facts(told, elsewhere={"plain": "git+https://example.org/plain@abc"})
    found = locked(PYPROJECT, git, index=hashed)
    assert "# plain==1.0 is not from an index: git+https://example.org/plain@abc" in found.files[LOCK]
    assert [(one.code, "plain==1.0" in one.message) for one in found.findings] == [("NB414", True)]


def test_tools_that_do_not_go_with_the_kernel_are_told(told: Facts) -> None:
    def stubborn(
        wanted: Sequence[str], python: str, *, constraints: Sequence[str] = (), alone: bool = False
    ) -> Answer:
        return hashed(wanted, python, alone=True) if alone else Answer(solved=not constraints)

    found = locked(PYPROJECT, facts(told), index=stubborn)
    assert [finding.code for finding in found.findings] == ["NB415"]
    assert "sha256" in found.files[LOCK]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(index, "user_cache_dir", lambda _: str(tmp_path / "kept"))
    for name in ("UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_FIND_LINKS", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_NO_CACHE", "1")
    return tmp_path


@pytest.fixture
def silent_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An index that takes every connection, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.getsockname()[1]}/simple")
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("home", "silent_index")
def test_an_index_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "REPLY_S", 1)
    started = time.monotonic()
    assert not index.ask(["plain==1.0"], "3.11", alone=True).reached
    assert time.monotonic() - started < 20, "the time-out of one reply holds"


@pytest.fixture
def own_index(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An index on this machine that has `plain` 1.0, and nothing else; the wheel is given."""
    wheel = home / "simple" / "plain" / "plain-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    write_wheel(wheel)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (wheel.parent / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')
    handler = partial(QuietHandler, directory=str(home))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_port}/simple")
        yield wheel
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has in the base class
        pass


def write_wheel(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as wheel:
        info = "plain-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: plain\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.slow
def test_uv_gives_hashes_names_what_is_absent_and_is_asked_once(
    own_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = hashlib.sha256(own_index.read_bytes()).hexdigest()
    answer = index.ask(["plain==1.0", "No_Such==2", "plain-too>3"], "3.11", alone=True)
    assert answer.reached
    assert answer.absent == {"no-such", "plain-too"}
    assert answer.requirements == {"plain": f"plain==1.0 \\\n    --hash=sha256:{expected}\n"}
    monkeypatch.setattr(index, "find_uv_bin", lambda: pytest.fail("asked again"))
    assert index.ask(["plain==1.0", "No_Such==2", "plain-too>3"], "3.11", alone=True) == answer


@pytest.mark.slow
@pytest.mark.usefixtures("own_index")
def test_an_index_that_has_nothing_is_none_and_versions_that_clash_have_no_solution() -> None:
    assert not index.ask(["no-such==2"], "3.11", alone=True).reached
    assert not index.ask(["plain==1.0"], "3.11", constraints=["plain==2.0"]).solved


@pytest.mark.slow
@pytest.mark.usefixtures("own_index")
def test_the_command_in_a_lock_without_hashes_adds_them(told: Facts, home: Path) -> None:
    only = PYPROJECT.replace('"frames==2.0", ', "")
    lock = locked(only, facts(told), index=None).files[LOCK]
    (home / LOCK).write_text(lock)
    command = lock.split("With one: ")[1].splitlines()[0].split()
    done = subprocess.run(
        [index.find_uv_bin(), *command[1:], "--python", sys.executable],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "plain==1.0 \\\n    --hash=sha256:" in (home / LOCK).read_text()
