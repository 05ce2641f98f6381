"""Files -> a repository on disk: staged beside its place, then moved; never half-written, nothing lost."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nbship.errors import WriteError

__all__ = ["check_destination", "fill", "place", "stage"]

RECORD = ".nbship/files.json"


def check_destination(destination: Path) -> None:
    """Raise WriteError if writing there would lose something that an export did not write itself."""
    if destination.is_file():
        raise WriteError(
            "the destination is a file", where=str(destination), help="Name a new folder with --to."
        )
    if not destination.exists() or not any(destination.iterdir()):
        _check_parent(destination)
        return
    record = destination / RECORD
    if not record.is_file():
        raise WriteError(
            "the folder exists and holds other files",
            where=str(destination),
            help="Name a new folder with --to, or empty this one.",
        )
    edited = sorted(_edited(destination, json.loads(record.read_text(encoding="utf-8"))))
    if edited:
        shown = ", ".join(edited[:5]) + (" ..." if len(edited) > 5 else "")  # noqa: PLR2004  # enough to find them
        raise WriteError(
            f"files of the earlier export were edited by hand: {shown}",
            where=str(destination),
            help="Export to a new folder and merge with git.",
        )


def _check_parent(destination: Path) -> None:
    parent = next(folder for folder in (destination, *destination.parents) if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise WriteError(
            "the folder cannot be written to",
            where=str(parent),
            help="Choose another --to, or change its permissions.",
        )


def _edited(destination: Path, record: Mapping[str, str]) -> Iterator[str]:
    for name, digest in record.items():
        path = destination / name
        if path.is_file() and _sha256(path.read_bytes()) != digest:
            yield name


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def stage(destination: Path) -> Generator[Path]:
    """Give a new folder on the destination's disk that is gone afterwards."""
    parent = next(folder for folder in destination.resolve().parents if folder.is_dir())
    folder = Path(tempfile.mkdtemp(prefix=".nbship-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files below the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def place(staged: Path, destination: Path) -> list[str]:
    """Move the staged repository to its place and give the paths of its files."""
    for cache in [*staged.rglob("__pycache__"), staged / ".mypy_cache"]:
        shutil.rmtree(cache, ignore_errors=True)
    names = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file())
    record = {name: _sha256((staged / name).read_bytes()) for name in names}
    fill(staged, {RECORD: (json.dumps(record, indent=1, sort_keys=True) + "\n").encode()})
    if not destination.exists() or not any(destination.iterdir()):
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.exists():
            destination.rmdir()
        staged.chmod(0o755)
        staged.rename(destination)
    else:
        _update(staged, destination)
    return [*names, RECORD]


def _update(staged: Path, destination: Path) -> None:
    """Replace an earlier export whose files nobody edited; other files stay."""
    earlier = json.loads((destination / RECORD).read_text(encoding="utf-8"))
    for path in sorted(staged.rglob("*")):
        if path.is_file():
            target = destination / path.relative_to(staged)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    now = json.loads((destination / RECORD).read_text(encoding="utf-8"))
    for name in earlier.keys() - now.keys():
        (destination / name).unlink(missing_ok=True)
