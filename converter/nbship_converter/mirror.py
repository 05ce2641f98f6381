"""A scratch mirror of a notebook's folder, so that a run never writes into the user's tree.

Small files are copied and large ones linked, from the git root down, so that ``../data`` is found as well.
"""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["Mirror", "mirror_of"]

#: Files up to this size are copied; a larger one is linked.
MOST_COPIED = 32 * 1024**2
#: Folders above the root that ``../`` may reach.
ABOVE = 4
#: Bytes copied in all; what comes after is linked.
MOST_COPIED_IN_ALL = 1024**3
#: Files brought unasked. A notebook may lie in a folder that holds half a disk.
MOST_FILES = 20_000
_SKIPPED = {
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    "env",
    "node_modules",
    "__pycache__",
    ".ipynb_checkpoints",
    ".tox",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    "mlruns",
}


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """Give the files of a folder, and the folders in it that hold more than tools put there."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:  # closed to us, or gone
        return [], []
    folders = [path for path in entries if path.is_dir() and not path.is_symlink()]
    files = [path for path in entries if not path.is_dir()]
    return files, [
        path for path in folders if path.name not in _SKIPPED and not (path / "pyvenv.cfg").exists()
    ]


class Mirror:
    """Where the run happens: ``folder`` stands for the notebook's own folder."""

    def __init__(self, scratch: Path, root: Path, home: Path) -> None:
        self.scratch = scratch
        self.root = root
        self.home = home
        self.top = scratch.joinpath(*["up"] * ABOVE)
        self.folder = self.top / home.relative_to(root)
        self.left = MOST_COPIED_IN_ALL
        self.crowded = False

    def fill(self) -> None:
        """Bring the tree over, the notebook's own folder first and then what is near the top.

        Where there is too much of it, ``crowded`` is set, and folders farther down stay behind.
        """
        brought = 0
        pending = deque(dict.fromkeys([self.home, self.root]))
        seen: set[Path] = set()
        while pending:
            here = pending.popleft()
            if here in seen:
                continue
            seen.add(here)
            files, folders = _inside(here)
            pending.extend(folders)
            if here != self.home and brought + len(files) > MOST_FILES:
                self.crowded = True
                if brought >= MOST_FILES:
                    return
                continue
            brought += len(files)
            there = self.top / here.relative_to(self.root)
            there.mkdir(parents=True, exist_ok=True)
            for path in files:
                self._bring(path, there / path.name)

    def bring(self, relative: str) -> None:
        """Bring one file or folder that lies outside the mirrored root, where it exists."""
        if not os.path.normpath(relative).strip("./"):
            return  # a bare `..` names everything: only what lies in the git root comes along
        source = (self.home / relative).resolve()
        target = Path(os.path.normpath(self.folder / relative))
        if target.exists() or not target.is_relative_to(self.scratch):
            return  # it is there, or out of reach
        if source.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)  # a file may be written there
        if not source.exists():
            return
        if source.is_file():
            self._bring(source, target)
        else:
            shutil.copytree(
                source,
                target,
                copy_function=self._bring_path,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns(*_SKIPPED),
            )

    def _bring_path(self, source: str, target: str) -> None:
        self._bring(Path(source), Path(target))

    def _bring(self, source: Path, target: Path) -> None:
        try:
            size = source.stat().st_size
            if size <= MOST_COPIED and size <= self.left:
                shutil.copyfile(source, target)
                self.left -= size
            else:
                target.symlink_to(source.resolve())
        except OSError:  # a broken link or an unreadable file: the notebook will say so if it needs it
            return

    def relative(self, path: str) -> str | None:
        """Give a path seen in the run relative to the notebook's folder, None outside the mirror."""
        resolved = os.path.normpath(path)
        if not (resolved + os.sep).startswith(str(self.scratch) + os.sep):
            return None
        return Path(os.path.relpath(resolved, self.folder)).as_posix()


@contextmanager
def mirror_of(
    folder: Path,
    outside: Collection[str] = (),
    modules: Collection[str] = (),
    named: Collection[str] = (),
) -> Generator[Mirror]:
    """Give a mirror of the folder that is deleted afterwards.

    ``outside`` names paths above the folder, relative to it, that the notebook mentions. Where there are
    any, the whole tree from the git root down is mirrored; where there is no git root, just those paths.
    ``modules`` are names that it imports: those that lie in a folder above come along. ``named`` are texts of
    which some may be paths in the folder: those come along however many files lie around them.
    """
    folder = folder.resolve()
    with TemporaryDirectory(prefix="nbship-", ignore_cleanup_errors=True) as scratch:
        mirror = Mirror(Path(scratch).resolve() / "tree", _root(folder) if outside else folder, folder)
        mirror.fill()
        mirror.folder.mkdir(parents=True, exist_ok=True)
        inside = [text for text in named if mirror.crowded and _is_inside(text)]
        for relative in (*outside, *_above(folder, modules), *inside):
            mirror.bring(relative)
        yield mirror


def _is_inside(text: str) -> bool:
    """Whether a text could be a path that goes down from the notebook's folder."""
    return text.isprintable() and not Path(text).is_absolute() and ".." not in Path(text).parts


def _above(folder: Path, modules: Collection[str]) -> list[str]:
    """Give the modules that lie in the folders above, as relative paths; site-packages are no such place."""
    found = []
    for height in range(1, ABOVE + 1):
        up = "/".join([".."] * height)
        for name in modules:
            as_package = (folder / up / name / "__init__.py").is_file()
            if as_package or (folder / up / f"{name}.py").is_file():
                found.append(f"{up}/{name}" if as_package else f"{up}/{name}.py")
    return found


def _root(folder: Path) -> Path:
    """The git root, unless that is the whole home or the file system."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists() and candidate not in (Path.home(), Path(candidate.anchor)):
            return candidate
    return folder
