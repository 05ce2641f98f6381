"""What git is asked, and told, about a repository that is exported into; never a commit in one of the user's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Repository", "begin", "is_there", "mark_unmerged", "repository_of", "uncommitted"]

_LONGEST_S = 120
#: What git calls itself by in a commit when nobody has told it who the user is.
_NOBODY = {"user.name": "nbship", "user.email": "nbship@localhost"}
_RUNNING = {
    "MERGE_HEAD": ("merge", "git merge"),
    "CHERRY_PICK_HEAD": ("cherry-pick", "git cherry-pick"),
    "REVERT_HEAD": ("revert", "git revert"),
    "rebase-merge": ("rebase", "git rebase"),
    "rebase-apply": ("rebase", "git rebase"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The repository that a folder lies in: ``running`` is a merge or the like (its name, its command), if there is one."""

    root: Path
    detached: bool
    running: tuple[str, str] | None
    unmerged: tuple[str, ...]


def is_there() -> bool:
    """Tell whether there is a git to ask."""
    return shutil.which("git") is not None


def repository_of(folder: Path) -> Repository | None:
    """Give the repository that an existing folder lies in, None outside of one or without git."""
    told = _git(folder, "rev-parse", "--show-toplevel", "--absolute-git-dir")
    if told is None:
        return None
    root, git_folder = (Path(line) for line in told.decode().splitlines()[:2])
    running = next((words for name, words in _RUNNING.items() if (git_folder / name).exists()), None)
    listed = _git(folder, "ls-files", "--unmerged", "-z", "--", ".") or b""
    unmerged = dict.fromkeys(line.partition("\t")[2] for line in listed.decode().split("\0") if line)
    return Repository(
        root=root,
        detached=_git(folder, "symbolic-ref", "--quiet", "HEAD") is None,
        running=running,
        unmerged=tuple(unmerged),
    )


def begin(folder: Path, message: str) -> bool:
    """Make a folder a repository with one commit of all that is in it; False where git says no."""
    if _git(folder, "init", "--quiet", "--initial-branch=main") is None:
        return False
    unknown = {
        name: value for name, value in _NOBODY.items() if not (_git(folder, "config", name) or b"").strip()
    }
    author = [word for name, value in unknown.items() for word in ("-c", f"{name}={value}")]
    done = _git(folder, "add", "--all", "--force", ".") is not None and (
        _git(folder, *author, "-c", "commit.gpgsign=false", "commit", "--quiet", "--no-verify", "-m", message)
        is not None
    )
    if not done:
        shutil.rmtree(folder / ".git", ignore_errors=True)
    return done


def uncommitted(folder: Path, paths: Iterable[str]) -> set[str]:
    """Give those of some existing files whose content no commit that is checked out has; all of them without git."""
    wanted = sorted(paths)
    if not wanted:  # git takes no paths for all of them
        return set()
    told = _git(folder, "ls-files", "-z", "--", *wanted)
    if told is None:
        return set(wanted)
    tracked = {name for name in told.decode().split("\0") if name}
    changed = _git(folder, "diff", "--name-only", "--relative", "-z", "HEAD", "--", *wanted)
    if changed is None:
        return set(wanted)
    return (set(wanted) - tracked) | {name for name in changed.decode().split("\0") if name}


def mark_unmerged(
    folder: Path, versions: Mapping[str, tuple[bytes | None, bytes | None, bytes | None]]
) -> list[str]:
    """Tell git's index the three versions of files in conflict, as a merge does; give the files it now calls unmerged.

    A file that git does not track, or whose staged content is neither the commit's nor the file's, is left alone.
    """
    marked = []
    for path, sides in versions.items():
        listed = (_git(folder, "ls-files", "--stage", "--full-name", "--", path) or b"").decode().strip()
        if not listed or _is_staged_apart(folder, path):
            continue
        head, name = listed.partition("\t")[::2]
        lines = [f"0 {'0' * 40}\t{name}"]
        for stage, content in enumerate(sides, start=1):
            if content is not None and not content.startswith(b"\0"):
                blob = (_git(folder, "hash-object", "-w", "--stdin", given=content) or b"").decode().strip()
                lines.append(f"{head.split()[0]} {blob} {stage}\t{name}")
        told = "".join(f"{line}\n" for line in lines).encode()
        if _git(folder, "update-index", "--index-info", given=told) is not None:
            marked.append(path)
    return marked


def _is_staged_apart(folder: Path, path: str) -> bool:
    staged = _git(folder, "diff", "--cached", "--quiet", "--", path) is None
    return staged and _git(folder, "diff", "--quiet", "--", path) is None


def _git(folder: Path, *words: str, given: bytes | None = None) -> bytes | None:
    """Tell git something, and give its answer; None where it says no, or is not there."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("GIT_CONFIG_", "GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CEILING_"))
    }
    try:
        done = subprocess.run(
            ["git", "-c", "core.quotePath=false", *words],  # noqa: S607  # the git of the user's PATH
            cwd=folder,
            env={**inherited, **kept},
            input=given,
            capture_output=True,
            check=False,
            timeout=_LONGEST_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
