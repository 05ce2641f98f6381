"""What git says of a folder: its root, which files it tracks or ignores, and what a commit holds.

git is asked by its own command and only for words about files; where there is none, there is no repository.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from nbship.errors import InputError

_LONGEST_ANSWER_S = 60


def root_of(folder: Path) -> Path | None:
    """Give the root of the git repository that a folder lies in, None outside of one."""
    answer = _git(folder, "rev-parse", "--show-toplevel")
    return None if answer is None else Path(answer.decode().rstrip("\n"))


def is_tracked(path: Path) -> bool:
    """Tell whether git holds the file itself, or any file below a folder."""
    return bool(_git(path.parent, "ls-files", "-z", "--", path.name))


def is_ignored(path: Path) -> bool:
    """Tell whether git looks past a path."""
    return _git(path.parent, "check-ignore", "-q", "--", path.name) is not None


def ignore(path: Path) -> Path | None:
    """Have git look past a path: a line in the `.gitignore` beside it, as DVC writes it; None if that is so."""
    if root_of(path.parent) is None or is_ignored(path):
        return None
    file = path.parent / ".gitignore"
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    gap = "" if not before or before.endswith("\n") else "\n"
    file.write_text(f"{before}{gap}{ignoring(path.name)}\n", encoding="utf-8")
    return file


def ignoring(name: str) -> str:
    r"""Give the line of a `.gitignore` that means this one name and no pattern.

    >>> print(ignoring("a[1].csv"))
    /a\[1].csv
    """
    return "/" + "".join(f"\\{sign}" if sign in "\\*?[ " else sign for sign in name)


def commit(root: Path, revision: str) -> str:
    """Give the full name of a commit. Raises InputError where there is none of that name."""
    asked = f"{revision}^{{commit}}"
    answer = None if revision.startswith("-") else _git(root, "rev-parse", "--verify", "--quiet", asked)
    if answer is None:
        raise InputError(
            f"there is no commit {revision!r} here", help="`git log` shows the commits there are"
        )
    return answer.decode().strip()


def head_of(folder: Path) -> str | None:
    """Give the full name of the commit that is checked out, None outside of a repository or before the first one."""
    answer = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    return None if answer is None else answer.decode().strip()


def is_dirty(folder: Path) -> bool | None:
    """Tell whether tracked files differ from the commit; None where git does not say."""
    answer = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return None if answer is None else bool(answer.strip())


def files_of(root: Path, revision: str) -> list[str]:
    """Give the names of the files of a commit, relative to the root."""
    answer = _git(root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", revision) or b""
    return [name.decode("utf-8", "surrogateescape") for name in answer.split(b"\0") if name]


def content_of(root: Path, revision: str, name: str) -> bytes:
    """Give the bytes that a file has in a commit; none where it is not there."""
    return _git(root, "cat-file", "blob", f"{revision}:{name}") or b""


def _git(folder: Path, *words: str) -> bytes | None:
    """Ask git, and give what it says; None where it says no, or is not there."""
    try:
        asked = subprocess.run(
            ["git", "-c", "core.quotePath=false", *words],  # noqa: S607  # the git of the user's PATH
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=_LONGEST_ANSWER_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout if asked.returncode == 0 else None
