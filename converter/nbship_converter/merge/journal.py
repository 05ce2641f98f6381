"""Many files changed as one: after a kill at any moment the folder is as before, or can be brought to be as after.

What is to come is laid out below ``.nbship/preparing`` and then renamed to ``.nbship/incoming``: from that moment on
the change is decided, and whoever comes next carries it out to its end. What was edited in between is left alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from nbship_converter.merge.base import HOME, digest_of
from nbship_converter.merge.three_way import BESIDE

__all__ = ["carry_out", "change", "is_interrupted"]

_PLAN = "plan.json"


def change(folder: Path, writes: Mapping[str, bytes], deletes: Iterable[str]) -> None:
    """Write and delete files of a folder; a file that holds the same bytes already is not touched."""
    before = {name: _digest(folder / name) for name in {*writes, *deletes}}
    news = {name: content for name, content in writes.items() if before[name] != digest_of(content)}
    gone = sorted(name for name in deletes if before[name] is not None)
    if not news and not gone:
        return
    preparing = folder / HOME / "preparing"
    shutil.rmtree(preparing, ignore_errors=True)
    for name, content in news.items():
        path = preparing / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        with suppress(OSError):
            shutil.copymode(folder / name, path)
    plan = {
        "writes": {name: [before[name], digest_of(content)] for name, content in sorted(news.items())},
        "deletes": {name: before[name] for name in gone},
    }
    (preparing / _PLAN).write_text(json.dumps(plan), encoding="utf-8")
    preparing.rename(folder / HOME / "incoming")
    carry_out(folder)


def is_interrupted(folder: Path) -> bool:
    """Tell whether a change was decided and not carried out to its end."""
    return (folder / HOME / "incoming").is_dir()


def carry_out(folder: Path) -> list[str]:
    """Carry out what was decided; give the files that were edited meanwhile, beside which the new ones now lie."""
    incoming = folder / HOME / "incoming"
    edited = []
    if (incoming / _PLAN).is_file():
        plan = json.loads((incoming / _PLAN).read_text(encoding="utf-8"))
        for name, (before, _) in plan["writes"].items():
            staged = incoming / "files" / name
            if staged.is_file() and not _move(staged, folder / name, before):
                edited.append(name)
        for name, before in plan["deletes"].items():
            if _digest(folder / name) == before:
                _remove(folder / name, folder)
        (incoming / _PLAN).unlink()
    shutil.rmtree(incoming, ignore_errors=True)
    return edited


def _move(staged: Path, target: Path, before: str | None) -> bool:
    """Put a file in its place, or beside what is no longer as it was when this was decided."""
    target.parent.mkdir(parents=True, exist_ok=True)
    untouched = _digest(target) == before
    staged.replace(target if untouched else target.with_name(target.name + BESIDE))
    return untouched


def _remove(path: Path, folder: Path) -> None:
    path.unlink()
    for parent in path.parents:
        if parent == folder or any(parent.iterdir()):
            return
        parent.rmdir()


def _digest(path: Path) -> str | None:
    try:
        return digest_of(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
