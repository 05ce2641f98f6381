"""`nbship data`, as a user meets it: pointers, stores, what goes wrong; DVC itself is met in tests/house."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nbship import config, dataversions, pointers
from nbship.cli import main
from nbship.digests import BYTES_PER_READ, copied, digest_bytes, digest_file, digest_folder
from nbship.errors import DataError, InputError, StoreError
from nbship.snapshots import Store, shown

CONTENT = b"a,b\n" + b"1,2\n" * 5000


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with a data file and a folder, in neither of which git has an interest yet."""
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NBSHIP_DATA_URL", raising=False)
    folder = tmp_path / "repository"
    (folder / "data" / "images" / "é").mkdir(parents=True)
    (folder / "data" / "rides.csv").write_bytes(CONTENT)
    (folder / "data" / "images" / "a b.bin").write_bytes(b"one")
    (folder / "data" / "images" / "é" / "2.bin").write_bytes(b"two")
    monkeypatch.chdir(folder)
    git("init", "-q")
    return folder


def git(*words: str) -> str:
    named = ("-c", "user.name=n", "-c", "user.email=n@example.org")
    return subprocess.run(["git", *named, *words], capture_output=True, text=True, check=True).stdout.strip()


def commit() -> str:
    git("add", "-A")
    git("commit", "-qm", "data")
    return git("rev-parse", "HEAD")


def data(*words: str) -> Result:
    return CliRunner().invoke(main, ["data", *words])


def items(*words: str) -> dict[str, Any]:
    document = json.loads(data(*words, "--json").stdout)
    return {item["path"]: item for item in document["items"]}


def outcomes(*words: str) -> dict[str, str]:
    return {path: item["outcome"] for path, item in items(*words).items()}


def object_of(content: bytes, store: Path) -> Path:
    md5 = hashlib.md5(content).hexdigest()
    return store / "files" / "md5" / md5[:2] / md5[2:]


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_was_kept_comes_back_byte_for_byte(repository: Path) -> None:
    before = {name: (repository / "data" / name).read_bytes() for name in files_in(repository / "data")}
    assert data("snapshot", "data/rides.csv", "data/images").exit_code == 0
    for name in before:
        (repository / "data" / name).unlink()
    assert outcomes("status") == {"data/images": "differs", "data/rides.csv": "missing"}
    assert data("status").exit_code == 1
    assert data("pull").exit_code == 0
    assert {name: (repository / "data" / name).read_bytes() for name in before} == before
    assert data("status").exit_code == 0
    assert not [name for name in files_in(repository) if name.endswith(".part")]


def test_a_pointer_tells_three_hashes_that_others_can_check(repository: Path) -> None:
    data("snapshot", "data/rides.csv")
    (pointer,) = pointers.parse((repository / "data" / "rides.csv.dvc").read_bytes(), "data/rides.csv.dvc")
    assert (pointer.path, pointer.size) == ("data/rides.csv", len(CONTENT))
    assert pointer.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert pointer.md5 == hashlib.md5(CONTENT).hexdigest()
    told = json.loads(CliRunner().invoke(main, ["fingerprint", "data/rides.csv", "--json"]).stdout)
    assert told[0]["file"] == f"b3:{pointer.blake3}"


def test_keeping_again_writes_nothing(repository: Path) -> None:
    data("snapshot", "data/rides.csv")
    times = {path: path.stat().st_mtime_ns for path in repository.rglob("*") if ".git" not in path.parts}
    assert outcomes("snapshot", "data/rides.csv") == {"data/rides.csv": "there"}
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_git_is_told_to_look_past_the_data_and_not_past_its_pointer(repository: Path) -> None:
    data("snapshot", "data/rides.csv", "data/images")
    git("add", "-A")
    assert git("diff", "--cached", "--name-only").split() == [
        "data/.gitignore",
        "data/images.dvc",
        "data/rides.csv.dvc",
    ]
    assert (repository / "data" / ".gitignore").read_text() == "/rides.csv\n/images\n"


def test_what_git_tracks_itself_gets_no_pointer(repository: Path) -> None:
    commit()
    item = items("snapshot", "data/rides.csv")["data/rides.csv"]
    assert (item["outcome"], item["pointer"]) == ("kept", None)
    assert not (repository / "data" / "rides.csv.dvc").exists()


def test_a_commit_brings_its_own_version_back(repository: Path, tmp_path: Path) -> None:
    data("snapshot", "data/rides.csv")
    first = commit()
    (repository / "data" / "rides.csv").write_bytes(b"new")
    data("snapshot", "data/rides.csv")
    commit()
    assert data("pull", "--commit", first, "--into", str(tmp_path / "then")).exit_code == 0
    assert (tmp_path / "then" / "data" / "rides.csv").read_bytes() == CONTENT
    assert (repository / "data" / "rides.csv").read_bytes() == b"new"
    # both are kept: going back loses nothing, and needs no force
    assert outcomes("pull", "--commit", first) == {"data/rides.csv": "fetched"}
    assert (repository / "data" / "rides.csv").read_bytes() == CONTENT


def test_a_commit_without_pointers_or_without_a_name_is_told(repository: Path) -> None:
    assert repository.is_dir()
    commit()
    none = data("pull", "--commit", "HEAD")
    assert (none.exit_code, none.stdout) == (0, "")
    assert "no pointers" in none.stderr
    wrong = data("pull", "--commit", "v9")
    assert wrong.exit_code == 2
    assert "there is no commit 'v9'" in wrong.stderr
    assert data("pull", "--commit", "--all").exit_code == 2


def test_a_changed_file_is_never_overwritten_unless_asked(repository: Path) -> None:
    data("snapshot", "data/rides.csv")
    (repository / "data" / "rides.csv").write_bytes(b"my own work")
    refused = data("pull")
    assert refused.exit_code == 1
    assert "kept as it is" in refused.stderr
    assert "--force" in refused.stderr
    assert (repository / "data" / "rides.csv").read_bytes() == b"my own work"
    assert data("pull", "--force").exit_code == 0
    assert (repository / "data" / "rides.csv").read_bytes() == CONTENT


def test_a_changed_file_in_a_folder_is_kept_and_so_is_one_that_was_added(repository: Path) -> None:
    data("snapshot", "data/images")
    (repository / "data" / "images" / "a b.bin").write_bytes(b"mine")
    assert outcomes("pull") == {"data/images": "differs"}
    assert (repository / "data" / "images" / "a b.bin").read_bytes() == b"mine"
    (repository / "data" / "images" / "mine.bin").write_bytes(b"mine")
    assert outcomes("pull", "--force") == {"data/images": "differs"}
    assert (repository / "data" / "images" / "a b.bin").read_bytes() == b"one"
    assert (repository / "data" / "images" / "mine.bin").read_bytes() == b"mine"


@pytest.mark.parametrize("damage", [CONTENT[:-1], CONTENT[:-1] + b"x", b""])
def test_a_damaged_object_is_never_put_in_place(repository: Path, tmp_path: Path, damage: bytes) -> None:
    data("snapshot", "data/rides.csv")
    (repository / "data" / "rides.csv").unlink()
    kept = object_of(CONTENT, tmp_path / "home" / "snapshots")
    kept.chmod(0o600)
    kept.write_bytes(damage)
    pulled = data("pull")
    assert pulled.exit_code == 1
    assert "damaged" in pulled.stdout
    assert files_in(repository / "data") == {
        ".gitignore",
        "images/a b.bin",
        "images/é/2.bin",
        "rides.csv.dvc",
    }


def test_a_damaged_object_does_not_hide_a_whole_one_elsewhere(repository: Path, tmp_path: Path) -> None:
    data("snapshot", "data/rides.csv")
    data("push", "--to", str(tmp_path / "team"))
    (repository / "data" / "rides.csv").unlink()
    kept = object_of(CONTENT, tmp_path / "team")
    kept.chmod(0o600)
    kept.write_bytes(b"x" * len(CONTENT))
    assert outcomes("pull", "--from", str(tmp_path / "team")) == {"data/rides.csv": "fetched"}
    assert (repository / "data" / "rides.csv").read_bytes() == CONTENT


def test_a_collision_of_md5_is_seen_by_the_stronger_hashes(repository: Path) -> None:
    data("snapshot", "data/rides.csv")
    (repository / "data" / "rides.csv").unlink()
    pointer = repository / "data" / "rides.csv.dvc"
    pointer.write_text(pointer.read_text().replace(digest_bytes(CONTENT).sha256, "f" * 64))
    assert outcomes("pull") == {"data/rides.csv": "damaged"}
    assert not (repository / "data" / "rides.csv").exists()


def test_what_is_missing_is_named_and_the_rest_is_fetched(repository: Path, tmp_path: Path) -> None:
    data("snapshot", "data/rides.csv", "data/images")
    object_of(CONTENT, tmp_path / "home" / "snapshots").unlink()
    (repository / "data" / "rides.csv").unlink()
    (repository / "data" / "images" / "a b.bin").unlink()
    pulled = data("pull")
    assert pulled.exit_code == 1
    assert "data/rides.csv: not in NBSHIP_HOME/snapshots" in pulled.stderr
    assert (repository / "data" / "images" / "a b.bin").read_bytes() == b"one"


@pytest.mark.parametrize("url", ["memory://team/data", "file://{}/team", "{}/team"])
def test_what_is_pushed_can_be_pulled_in_another_clone(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    address = url.format(tmp_path)
    data("snapshot", "data/rides.csv", "data/images")
    commit()
    assert set(outcomes("push", "--to", address).values()) == {"kept"}
    assert set(outcomes("push", "--to", address).values()) == {"there"}
    git("clone", "-q", str(repository), str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "another"))
    assert set(outcomes("pull").values()) == {"missing"}
    assert set(outcomes("pull", "--from", address).values()) == {"fetched"}
    for name in ("data/rides.csv", "data/images/a b.bin", "data/images/é/2.bin"):
        assert (tmp_path / "clone" / name).read_bytes() == (repository / name).read_bytes()


def test_the_store_comes_from_the_settings_and_a_relative_one_from_their_file(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "pyproject.toml").write_text('[tool.nbship.data]\nstore = "../team"\n')
    monkeypatch.chdir(repository / "data")
    assert outcomes("snapshot", "rides.csv") == {"rides.csv": "kept"}
    assert object_of(CONTENT, tmp_path / "team").is_file()
    monkeypatch.setenv("NBSHIP_DATA_URL", str(tmp_path / "other"))
    assert outcomes("push") == {"rides.csv": "kept"}
    assert object_of(CONTENT, tmp_path / "other").is_file()


def test_a_wrong_setting_is_told_with_the_right_one(repository: Path) -> None:
    (repository / "pyproject.toml").write_text('[tool.nbship.data]\nstor = "x"\n')
    assert "did you mean 'store'?" in data("status").stderr


def test_a_repository_of_dvc_keeps_into_its_cache_and_fetches_from_its_remote(
    repository: Path, tmp_path: Path
) -> None:
    (repository / ".dvc").mkdir()
    (repository / ".dvc" / "config").write_text(
        "[core]\n    remote = team\n['remote \"team\"']\n    url = ../../remote\n"
    )
    data("snapshot", "data/rides.csv")
    cached = object_of(CONTENT, repository / ".dvc" / "cache")
    assert cached.read_bytes() == CONTENT
    remote = object_of(CONTENT, tmp_path / "remote")
    remote.parent.mkdir(parents=True)
    cached.rename(remote)
    (repository / "data" / "rides.csv").unlink()
    assert outcomes("pull") == {"data/rides.csv": "fetched"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "is no pointer"),
        ("outs: [", "is no pointer"),
        ("\x00\x01", "is no pointer"),
        ("outs: []", "is no pointer"),
        ("outs:\n- md5: abc\n  hash: md5\n  path: x", "MD5"),
        ("outs:\n- path: x\n  etag: abc", "dvc pull"),
        (f"outs:\n- md5: {'a' * 32}\n  path: x", "DVC 2"),
        (f"outs:\n- md5: {'a' * 32}\n  hash: md5\n  path: ../../x", "leads out"),
        (f"outs:\n- md5: {'a' * 32}\n  hash: md5\n  path: /etc/x", "leads out"),
        (f"wdir: ../..\nouts:\n- md5: {'a' * 32}\n  hash: md5\n  path: x", "leads out"),
        (f"outs:\n- md5: {'a' * 32}\n  hash: md5\n  path: ../.git/hooks/x", "leads out"),
        (
            f"outs:\n- md5: {'a' * 32}\n  hash: md5\n  path: x\n  meta: {{nbship: {{version: 2}}}}",
            "newer nbship",
        ),
        (
            f"outs:\n- md5: {'a' * 32}\n  hash: md5\n  path: x\n  meta: {{nbship: {{version: 1, md5: {'a' * 32}, blake3: 0}}}}",
            "no hash",
        ),
    ],
)
def test_a_pointer_that_cannot_be_read_is_one_message_and_the_others_go_on(
    repository: Path, text: str, word: str
) -> None:
    data("snapshot", "data/rides.csv")
    (repository / "data" / "bad.dvc").write_text(text)
    (repository / "data" / "rides.csv").unlink()
    pulled = data("pull")
    assert pulled.exit_code == 1
    assert pulled.exception is None or isinstance(pulled.exception, SystemExit)
    assert word in pulled.stderr
    assert "data/bad.dvc" in pulled.stderr
    assert (repository / "data" / "rides.csv").read_bytes() == CONTENT


def test_a_pointer_that_dvc_has_renewed_since_is_believed_by_its_md5(repository: Path) -> None:
    data("snapshot", "data/rides.csv")
    (repository / "data" / "rides.csv").write_bytes(b"newer")
    pointer = repository / "data" / "rides.csv.dvc"
    text = pointer.read_text()
    assert text.count(digest_bytes(CONTENT).md5) == 2
    pointer.write_text(
        text.replace(digest_bytes(CONTENT).md5, digest_bytes(b"newer").md5, 1).replace("20004", "5")
    )
    assert outcomes("status") == {"data/rides.csv": "here"}
    assert items("status")["data/rides.csv"]["blake3"] is None


def test_what_dvc_was_told_about_an_output_stays_in_the_pointer(repository: Path) -> None:
    pointer = repository / "data" / "rides.csv.dvc"
    pointer.write_text(
        f"desc: mine\nouts:\n- md5: {'a' * 32}\n  size: 1\n  hash: md5\n  path: rides.csv\n  remote: team\n  meta: {{by: me}}\n"
    )
    data("snapshot", "data/rides.csv")
    assert "desc: mine" in pointer.read_text()
    assert "remote: team" in pointer.read_text()
    assert "by: me" in pointer.read_text()
    assert outcomes("status") == {"data/rides.csv": "here"}


def test_a_folder_whose_listing_climbs_out_is_refused(repository: Path, tmp_path: Path) -> None:
    listing = json.dumps([{"md5": digest_bytes(b"one").md5, "relpath": "../../../evil"}]).encode()
    store = Store(str(tmp_path / "home" / "snapshots"))
    store.put_bytes(listing, f"{digest_bytes(listing).md5}.dir")
    store.put_bytes(b"one", digest_bytes(b"one").md5)
    text = f"outs:\n- md5: {digest_bytes(listing).md5}.dir\n  hash: md5\n  path: evil\n"
    (repository / "evil.dvc").write_text(text)
    assert data("pull").exit_code == 1
    assert not (tmp_path.parent / "evil").exists()
    assert not (tmp_path / "evil").exists()


def test_a_link_does_not_lead_out_of_the_repository(repository: Path, tmp_path: Path) -> None:
    data("snapshot", "data/rides.csv")
    (tmp_path / "elsewhere").mkdir()
    (repository / "data").rename(tmp_path / "kept")
    (repository / "data").symlink_to(tmp_path / "elsewhere")
    (repository / "pointer.dvc").write_text(
        f"outs:\n- md5: {digest_bytes(CONTENT).md5}\n  hash: md5\n  path: data/rides.csv\n"
    )
    pulled = data("pull")
    assert pulled.exit_code == 1
    assert "by a link" in pulled.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "word", "code"),
    [
        ("gopher://x/y", "nothing here knows addresses that begin with gopher:", 2),
        ("gs://bucket/x", "pip install gcsfs", 2),
        ("webdav://user:secret@host/x", "pip install webdav4", 2),
    ],
)
def test_an_address_that_cannot_be_opened_says_what_to_install(
    repository: Path, url: str, word: str, code: int
) -> None:
    data("snapshot", "data/rides.csv")
    said = data("push", "--to", url)
    assert (said.exit_code, said.stdout) == (code, "")
    assert word in said.stderr
    assert "secret" not in said.stderr
    assert repository.is_dir()


def test_a_store_that_cannot_be_written_to_is_told(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("not a folder")
    data("snapshot", "data/rides.csv")
    said = data("push", "--to", str(tmp_path / "a-file" / "store"))
    assert said.exit_code == 1
    assert "Not a directory" in said.stderr
    assert str(tmp_path) not in said.stderr + said.stdout
    failed = data("snapshot", "data/images", "--to", str(tmp_path / "a-file" / "store"))
    assert failed.exit_code == 1
    assert not (repository / "data" / "images.dvc").exists()


def test_a_full_disk_leaves_nothing_that_looks_whole(repository: Path, tmp_path: Path) -> None:
    data("snapshot", "data/rides.csv")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        pushed = data("push", "--to", str(tmp_path / "full"))
        pulled = data("pull", "--into", str(tmp_path / "there"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (pushed.exit_code, pulled.exit_code) == (1, 1)
    assert "File too large" in pushed.stderr
    assert "File too large" in pulled.stderr
    assert files_in(tmp_path / "full") == files_in(tmp_path / "there") == set()
    assert (repository / "data" / "rides.csv").read_bytes() == CONTENT


def test_a_crash_half_way_leaves_no_object(tmp_path: Path) -> None:
    class Crashing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise KeyboardInterrupt
            return super().read(min(size or 1, 100))

    store = Store(str(tmp_path / "store"))
    with pytest.raises(KeyboardInterrupt):
        store.put(Crashing(CONTENT), digest_bytes(CONTENT).md5)
    assert files_in(tmp_path / "store") == set()


def test_what_a_killed_process_left_is_cleared_away_in_time(repository: Path, tmp_path: Path) -> None:
    data("snapshot", "data/images")
    data("push", "--to", str(tmp_path / "team"))
    wrecks = [
        repository / "data" / "images" / "é" / ".2.bin.0123abcd.part",
        tmp_path / "team" / "tmp" / "wreck",
    ]
    fresh = repository / "data" / "images" / ".a b.bin.01234567.part"
    for path in (*wrecks, fresh):
        path.write_bytes(b"half")
    for path in wrecks:
        os.utime(path, (1e9, 1e9))
    assert outcomes("pull") == {"data/images": "differs"}
    data("snapshot", "data/rides.csv", "--to", str(tmp_path / "team"))
    assert [path.exists() for path in (*wrecks, fresh)] == [False, False, True]


def test_a_file_that_changes_while_it_is_kept_is_not_kept(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    with pytest.raises(DataError, match="changed while"):
        store.put(io.BytesIO(b"new"), digest_bytes(b"old").md5)
    assert files_in(tmp_path / "store") == set()


def test_processes_that_keep_the_same_bytes_at_once_do_not_meet(repository: Path, tmp_path: Path) -> None:
    (repository / "data" / "rides.csv").write_bytes(CONTENT * 500)
    code = "from nbship.cli import main; main(['data', 'snapshot', 'data/rides.csv', '--to', '../team'])"
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert object_of(CONTENT * 500, tmp_path / "team").stat().st_size == len(CONTENT) * 500
    assert files_in(tmp_path / "team" / "tmp") == set()
    assert outcomes("status", "--store", "../team") == {"data/rides.csv": "here"}


def test_a_stream_is_read_in_blocks_and_once() -> None:
    asked: list[int] = []

    class Long(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            asked.append(size or -1)
            return super().read(size)

    content = b"x" * (3 * BYTES_PER_READ)
    assert copied(Long(content)) == digest_bytes(content)
    assert asked == [BYTES_PER_READ] * 4


def test_a_folder_is_what_sha256sum_says_of_its_files(repository: Path) -> None:
    folder = repository / "data" / "images"
    listed = "".join(
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("a b.bin", "é/2.bin")
    )
    assert digest_folder(folder).digests.sha256 == hashlib.sha256(listed.encode()).hexdigest()


def test_no_path_of_the_machine_and_no_password_is_shown(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = str(tmp_path / "team")
    said = [data("snapshot", "data/rides.csv", "--to", store), data("push", "--to", store, "--json")]
    (repository / "data" / "rides.csv").unlink()
    said += [
        data("pull", "--from", f"file://{store}"),
        data("status", "--store", store, "--json"),
        data("status"),
    ]
    for result in said:
        assert str(tmp_path) not in result.stdout + result.stderr
    assert str(tmp_path) not in (repository / "data" / "rides.csv.dvc").read_text()
    assert shown("sftp://me:secret@host/data") == "sftp://host/data"
    assert shown("simplecache::s3://key:secret@bucket/x") == "simplecache::s3://bucket/x"
    monkeypatch.chdir(tmp_path)
    assert shown("team") == "team"


def test_an_md5_that_looks_like_a_number_is_written_as_text() -> None:
    from dataclasses import replace

    digests = replace(digest_bytes(b""), md5="1" * 8 + "e" + "1" * 23)
    text = pointers.text_of("x", digests)
    assert f"'{digests.md5}'" in text
    assert pointers.parse(text.encode(), "x.dvc")[0].md5 == digests.md5


def test_an_exported_pointer_finds_the_file_it_was_made_from(repository: Path, tmp_path: Path) -> None:
    original = tmp_path / "original.csv"
    original.write_bytes(CONTENT)
    digests = digest_file(original)
    dataversions.remember_origin(config.load().origins, digests, original)
    (repository / "data" / "rides.csv").unlink()
    pointers.write(repository, "data/rides.csv", digests, source="../original.csv")
    assert outcomes("push", "--to", str(tmp_path / "team")) == {"data/rides.csv": "kept"}
    assert outcomes("pull") == {"data/rides.csv": "fetched"}
    (repository / "data" / "rides.csv").unlink()
    original.write_bytes(b"changed")
    assert outcomes("pull") == {"data/rides.csv": "missing"}


def test_a_path_that_no_pointer_names_is_told(repository: Path) -> None:
    data("snapshot", "data/rides.csv")
    assert data("pull", "data/other.csv").exit_code == 2
    assert outcomes("pull", "data/rides.csv.dvc") == {"data/rides.csv": "here"}
    assert outcomes("pull", "data") == {"data/rides.csv": "here"}
    missing = data("snapshot", "data/other.csv")
    assert missing.exit_code == 2
    assert "there is no file or folder data/other.csv" in missing.stderr
    assert repository.is_dir()


def test_a_file_that_may_not_be_read_is_told(repository: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (repository / "data" / "rides.csv").chmod(0)
    said = data("snapshot", "data/rides.csv")
    assert said.exit_code == 2
    assert "Permission denied" in said.stderr


def test_outside_of_git_the_folder_is_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_bytes(CONTENT)
    assert outcomes("snapshot", "x.csv") == {"x.csv": "kept"}
    assert files_in(tmp_path) >= {"x.csv", "x.csv.dvc"}
    assert not (tmp_path / ".gitignore").exists()


def test_a_store_that_goes_away_is_told_and_what_is_here_still_counts(
    repository: Path, tmp_path: Path
) -> None:
    data("snapshot", "data/rides.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        Store(str(tmp_path / "file" / "x")).has("a" * 32)
    with pytest.raises(InputError, match="nothing here knows"):
        Store("nowhere://x")
    item = items("status", "--store", str(tmp_path / "file" / "x"))["data/rides.csv"]
    assert (item["outcome"], item["stored"]) == ("here", None)
    assert "Not a directory" in item["problem"]
    assert repository.is_dir()
