from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from nbship.cli import main
from nbship.errors import InputError
from nbship.serving import keys
from nbship.serving.keys import Doorkeeper


def test_a_key_is_good_until_it_is_revoked_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    old = keys.add(path, "old")
    assert old not in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o077 == 0
    now = [0.0]
    monkeypatch.setattr(keys.time, "monotonic", lambda: now[0])
    doorkeeper = Doorkeeper(path)
    assert doorkeeper.knows(old)
    assert not doorkeeper.knows("nbs_guess")
    assert not doorkeeper.knows("")
    new = keys.add(path, "new")
    keys.revoke(path, "old")
    now[0] += 2
    assert (doorkeeper.knows(new), doorkeeper.knows(old)) == (True, False)


def test_a_file_that_becomes_none_lets_in_whom_the_last_one_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    key = keys.add(path, "a")
    now = [0.0]
    monkeypatch.setattr(keys.time, "monotonic", lambda: now[0])
    doorkeeper = Doorkeeper(path)
    path.write_text("{", encoding="utf-8")
    os.utime(path, (1, 1))
    now[0] += 2
    assert doorkeeper.knows(key)
    assert doorkeeper.problem is not None
    with pytest.raises(InputError):
        keys.read(path)


def test_the_command_makes_lists_and_revokes(tmp_path: Path) -> None:
    file = ["--keys", str(tmp_path / "keys.json")]
    runner = CliRunner()
    made = runner.invoke(main, ["keys", "add", "ada", *file]).output.strip()
    assert Doorkeeper(tmp_path / "keys.json").knows(made)
    assert runner.invoke(main, ["keys", "list", *file]).output == "ada\n"
    assert runner.invoke(main, ["keys", "add", "ada", *file]).exit_code == 2
    assert runner.invoke(main, ["keys", "revoke", "ada", *file]).exit_code == 0
    assert runner.invoke(main, ["keys", "revoke", "ada", *file]).exit_code == 2
    assert not Doorkeeper(tmp_path / "keys.json").knows(made)
