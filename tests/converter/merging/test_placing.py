"""Into a folder: as before or as after, never in between, and nothing of the user's lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbship.errors import WriteError
from nbship_converter.merge import check_destination, earlier_package, fill, place, stage
from nbship_converter.merge.journal import is_interrupted
from nbship_converter.merge.placing import Placed, alone

_FORK = multiprocessing.get_context("fork")
FIRST = {
    "a.txt": b"one\ntwo\nthree\n",
    "src/p/pipeline.py": b"x = 1\n",
    "pyproject.toml": b'[tool.nbship]\npackage = "p"\n',
}
SECOND = {**FIRST, "a.txt": b"one\ntwo\nTHREE\n", "more/b.txt": b"b\n"}


def export(
    destination: Path, files: dict[str, bytes], *, versioned: bool = False, package: str = "p"
) -> Placed:
    check_destination(destination)
    with stage(destination) as staged:
        fill(staged / "repository", files)
        return place(staged / "repository", destination, package=package, origins={}, versioned=versioned)


def content(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def codes(placed: Placed) -> list[str]:
    return [finding.code for finding in placed.findings]


def git(folder: Path, *words: str) -> str:
    name = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    return subprocess.run(
        ["git", *name, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def test_a_folder_with_other_files_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(WriteError, match="holds other files"):
        check_destination(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_and_a_new_one_are_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new/deep"):
        export(tmp_path / name, FIRST)
        assert (tmp_path / name / "a.txt").read_bytes() == FIRST["a.txt"]


def test_nothing_stays_behind_when_an_export_fails_half_way(tmp_path: Path) -> None:
    def fail() -> None:
        with stage(tmp_path / "out") as staged:
            fill(staged / "repository", FIRST)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_edit_and_a_change_meet_and_other_files_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, {**FIRST, "gone.txt": b"gone"})
    (out / "own.txt").write_text("own")
    (out / "a.txt").write_bytes(b"ONE\ntwo\nthree\n")
    placed = export(out, SECOND)
    assert (out / "a.txt").read_bytes() == b"ONE\ntwo\nTHREE\n"
    assert (out / "own.txt").read_text() == "own"
    assert not (out / "gone.txt").exists()
    assert (out / ".nbship/before/a.txt").read_bytes() == b"ONE\ntwo\nthree\n"
    assert codes(placed) == ["NB454", "NB457"]


def test_exporting_the_same_again_changes_no_byte_and_no_time(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, FIRST)
    (out / "a.txt").write_bytes(b"edited\n")
    times = {path: path.stat().st_mtime_ns for path in [out, *out.rglob("*")]}
    export(out, FIRST)
    assert {path: path.stat().st_mtime_ns for path in [out, *out.rglob("*")]} == times


def test_open_conflicts_are_told_and_no_export_goes_over_them(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, FIRST)
    (out / "a.txt").write_bytes(b"one\ntwo\nmine\n")
    placed = export(out, SECOND)
    assert "NB450" in codes(placed)
    before = content(out)
    with pytest.raises(WriteError, match=r"conflict markers of the last export in a\.txt"):
        export(out, FIRST)
    assert content(out) == before


def test_a_new_folder_becomes_a_repository_with_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where git knows nobody
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    placed = export(tmp_path / "out", FIRST, versioned=True)
    assert codes(placed) == ["NB451"]
    assert git(tmp_path / "out", "log", "--format=%an %s").strip() == "nbship Export p with nbship"
    assert git(tmp_path / "out", "branch", "--show-current").strip() == "main"
    assert git(tmp_path / "out", "status", "--porcelain") == ""
    assert not (tmp_path / ".gitconfig").exists()
    assert "user" not in (tmp_path / "out/.git/config").read_text()


def test_without_git_the_folder_is_written_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert codes(export(tmp_path / "out", FIRST, versioned=True)) == ["NB452"]
    (tmp_path / "out/a.txt").write_bytes(b"ONE\ntwo\nthree\n")
    assert "NB450" in codes(export(tmp_path / "out", SECOND)), "what only git can merge is left to decide"
    assert b"ONE\n" in (tmp_path / "out/a.txt").read_bytes()


def test_in_a_repository_of_the_users_nothing_is_committed(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert codes(export(tmp_path / "out", FIRST, versioned=True)) == ["NB453"]
    assert not (tmp_path / "out/.git").exists()
    assert git(tmp_path, "status", "--porcelain").strip() == "?? out/"


def test_a_conflict_is_unmerged_in_git_and_a_dirty_tree_keeps_what_it_had(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, FIRST, versioned=True)
    (out / "a.txt").write_bytes(b"one\ntwo\nmine\n")
    (out / "own.txt").write_text("not committed")
    placed = export(out, SECOND)
    assert {"NB450", "NB457"} <= set(codes(placed))
    status = git(out, "status", "--porcelain").splitlines()
    assert "UU a.txt" in status
    assert "?? own.txt" in status
    assert git(out, "show", ":2:a.txt") == "one\ntwo\nmine\n"
    assert git(out, "show", ":3:a.txt") == "one\ntwo\nTHREE\n"
    (out / "a.txt").write_bytes(b"decided\n")
    with pytest.raises(WriteError, match="unmerged"):
        export(out, SECOND)
    git(out, "add", "a.txt")
    export(out, SECOND)
    assert (out / "a.txt").read_bytes() == b"decided\n"


def test_a_committed_edit_needs_no_copy_and_a_detached_head_is_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, FIRST, versioned=True)
    (out / "a.txt").write_bytes(b"ONE\ntwo\nthree\n")
    git(out, "commit", "-qam", "Mine")
    git(out, "checkout", "-q", "--detach")
    assert codes(export(out, SECOND)) == ["NB454", "NB455"]
    assert not (out / ".nbship/before").exists()


def test_a_merge_that_is_running_is_not_disturbed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, FIRST, versioned=True)
    (out / ".git/MERGE_HEAD").write_text(git(out, "rev-parse", "HEAD"))
    before = content(out)
    with pytest.raises(WriteError, match="a merge is running"):
        export(out, SECOND)
    assert content(out) == before


def test_a_package_renamed_by_hand_keeps_its_new_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, {**FIRST, "src/p/train.py": b"from p.pipeline import x\n\n\ndef f() -> int:\n    return x\n"})
    (out / "src/p").rename(out / "src/churn")
    for path in (out / "src/churn/train.py", out / "pyproject.toml"):
        path.write_text(path.read_text().replace("from p.", "from churn.").replace('"p"', '"churn"'))
    assert earlier_package(out, None) == "churn"
    with pytest.raises(WriteError, match="called churn, not other"):
        earlier_package(out, "other")
    new = {name.replace("/p/", "/churn/"): text for name, text in FIRST.items()}
    new |= {"pyproject.toml": b'[tool.nbship]\npackage = "churn"\n'}
    new["src/churn/train.py"] = b"from churn.pipeline import x\n\n\ndef f() -> int:\n    return x + 1\n"
    placed = export(out, new, package="churn")
    assert codes(placed) == []
    assert (out / "src/churn/train.py").read_bytes() == new["src/churn/train.py"]
    assert not (out / "src/p").exists()


def test_a_link_in_place_of_a_file_is_not_written_through(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, FIRST)
    (tmp_path / "elsewhere.txt").write_bytes(FIRST["a.txt"])
    (out / "a.txt").unlink()
    (out / "a.txt").symlink_to(tmp_path / "elsewhere.txt")
    with pytest.raises(WriteError, match="link"):
        export(out, SECOND)
    assert (tmp_path / "elsewhere.txt").read_bytes() == FIRST["a.txt"]


def test_a_record_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, FIRST)
    (out / ".nbship/base.json").write_text("<<<<<<< mine")
    with pytest.raises(WriteError, match="git checkout"):
        check_destination(out)


def _in_a_fork(work: Callable[[], object]) -> int | None:
    process = _FORK.Process(target=work)
    process.start()
    process.join(60)
    return process.exitcode


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        export(out, FIRST)
        Path(scratch).chmod(0o755)
        (out / "src/p").chmod(0o555)

        def refused() -> None:
            if os.geteuid() == 0:
                os.setuid(65534)  # root may write everywhere
            with pytest.raises(WriteError, match="cannot be written to"):
                check_destination(out)

        assert _in_a_fork(refused) == 0
        (out / "src/p").chmod(0o755)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_killed_at_any_moment_the_folder_is_as_before_or_comes_to_be_as_after(tmp_path: Path) -> None:
    edited = b"ONE\ntwo\nthree\n"
    export(tmp_path / "whole", FIRST)
    (tmp_path / "whole/a.txt").write_bytes(edited)
    before = content(tmp_path / "whole")
    export(tmp_path / "whole", SECOND)
    after = content(tmp_path / "whole")
    seen, ended = set(), -1
    for moment in range(1, 60):
        out = tmp_path / f"out{moment}"
        export(out, FIRST)
        (out / "a.txt").write_bytes(edited)
        ended = _in_a_fork(lambda out=out, moment=moment: (_die_at(moment, out), export(out, SECOND)))  # type: ignore[misc]  # a lambda's defaults
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        decided = is_interrupted(out)
        with alone(out):
            pass
        found = {name: text for name, text in content(out).items() if "/preparing/" not in name}
        assert found == (after if decided or found == after else before)
        seen.add(found == after)
        export(out, SECOND)
        assert content(out) == after
    assert ended == 0
    assert seen == {True, False}


def _die_at(moment: int, folder: Path) -> None:
    """Have this process killed before it changes something below the folder for the nth time."""
    left = moment

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        opened = event == "open" and isinstance(arguments[1], str) and "w" in arguments[1]
        if (opened or event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir")) and str(
            folder
        ) + "/" in str(arguments[0]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_exports_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = [f"{number}.txt" for number in range(12)]
    export(out, {**FIRST, **dict.fromkeys(names, b"0")})
    processes = [
        _FORK.Process(target=export, args=(out, {**FIRST, **dict.fromkeys(names, str(number).encode())}))
        for number in range(1, 5)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert len({(out / name).read_bytes() for name in names}) == 1
    assert "NB450" not in codes(export(out, {**FIRST, **dict.fromkeys(names, b"9")}))
    assert {(out / name).read_bytes() for name in names} == {b"9"}
