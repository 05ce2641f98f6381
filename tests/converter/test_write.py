from __future__ import annotations

from pathlib import Path

import pytest

from nbship.errors import WriteError
from nbship_converter.write import check_destination, fill, place, stage


def _export(destination: Path, files: dict[str, bytes]) -> list[str]:
    with stage(destination) as staged:
        fill(staged / "repository", files)
        return place(staged / "repository", destination)


def test_a_folder_with_other_files_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(WriteError, match="holds other files"):
        check_destination(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_and_a_new_one_are_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new/deep"):
        check_destination(tmp_path / name)
        _export(tmp_path / name, {"a.txt": b"a"})
        assert (tmp_path / name / "a.txt").read_bytes() == b"a"


def test_nothing_stays_behind_when_an_export_fails_half_way(tmp_path: Path) -> None:
    def fail() -> None:
        with stage(tmp_path / "out") as staged:
            fill(staged / "repository", {"a.txt": b"a"})
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_second_export_replaces_what_nobody_edited(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _export(out, {"a.txt": b"a", "gone.txt": b"gone"})
    (out / "own.txt").write_text("own")
    check_destination(out)
    _export(out, {"a.txt": b"b"})
    assert (out / "a.txt").read_bytes() == b"b"
    assert (out / "own.txt").read_text() == "own"
    assert not (out / "gone.txt").exists()


def test_a_file_edited_by_hand_is_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _export(out, {"a.txt": b"a"})
    (out / "a.txt").write_text("edited")
    with pytest.raises(WriteError, match=r"edited by hand: a\.txt"):
        check_destination(out)
