"""Three texts -> one, line by line, as ``git merge-file --diff3`` does it."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LABELS", "Text", "has_markers", "merge_lines"]

#: What the conflict markers call the three sides: the folder as it is, the last export, the new one.
LABELS = ("edited by hand", "last export", "notebook")
_LONGEST_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A merged text, and whether something in it is for a person to decide."""

    text: str
    conflict: bool = False


def merge_lines(base: str, ours: str, theirs: str) -> Text:
    """Merge line by line; what both changed stands between conflict markers.

    Without git nothing is merged line by line: the whole texts stand between the markers.
    """
    if theirs in (ours, base):
        return Text(text=ours)
    if ours == base:
        return Text(text=theirs)
    with tempfile.TemporaryDirectory(prefix="nbship-merge-") as scratch:
        paths = [Path(scratch) / name for name in ("ours", "base", "theirs")]
        for path, text in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(_ended(text).encode())
        labels = [word for label in LABELS for word in ("-L", label)]
        words = ["git", "merge-file", "-p", "--diff3", *labels, *map(str, paths)]
        try:
            done = subprocess.run(words, capture_output=True, check=False, timeout=_LONGEST_S)
        except (OSError, subprocess.TimeoutExpired):
            return side_by_side(base, ours, theirs)
    if done.returncode >= 128:  # noqa: PLR2004  # below it is the number of conflicts
        return side_by_side(base, ours, theirs)
    return Text(text=done.stdout.decode(), conflict=done.returncode > 0)


def side_by_side(base: str, ours: str, theirs: str) -> Text:
    """Put whole texts between conflict markers."""
    parts = [f"<<<<<<< {LABELS[0]}\n", _ended(ours), f"||||||| {LABELS[1]}\n", _ended(base)]
    return Text(text="".join([*parts, "=======\n", _ended(theirs), f">>>>>>> {LABELS[2]}\n"]), conflict=True)


def has_markers(text: str) -> bool:
    """Tell whether conflict markers of git's stand in a text."""
    lines = text.splitlines()
    return any(line.startswith("<<<<<<< ") for line in lines) and any(
        line.startswith(">>>>>>> ") for line in lines
    )


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
