"""Three versions of a repository -> one: the last export, the folder as it was edited, the new export.

What was edited by hand stays, what changed in the notebook arrives, and what both changed is told as git tells it.
Nothing here reads or writes the folder: files are ``{path: bytes}``, and a path that is not there is a file that is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from nbship_converter.merge.chunks import requirement_chunks, text_of
from nbship_converter.merge.follow import relocate
from nbship_converter.merge.keyed import merge_keyed
from nbship_converter.merge.lines import Text, merge_lines, side_by_side
from nbship_converter.merge.moves import Key, Moves, Origins, definitions_in, find_moves
from nbship_converter.merge.python import means_the_same, merge_module
from nbship_converter.merge.toml import merge_toml

__all__ = ["BESIDE", "Conflict", "Merged", "is_opaque", "merge"]

#: Ends the name under which a new version lies beside one that cannot be merged.
BESIDE = ".export"
Kind = Literal["both", "gone here", "gone there", "beside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A file that is for a person to decide, and which definitions in it; the three versions are as they were merged."""

    path: str
    kind: Kind
    names: tuple[str, ...] = ()
    versions: tuple[bytes | None, bytes | None, bytes | None] = (None, None, None)

    def __str__(self) -> str:
        what = f" ({', '.join(self.names)})" if self.names else ""
        return f"{self.path}{what}: {_KINDS[self.kind]}"


_KINDS: dict[Kind, str] = {
    "both": "changed by hand and in the notebook; conflict markers show where",
    "gone here": "deleted by hand, but the notebook changed it: it is there again",
    "gone there": "edited by hand, but nothing in the notebook makes it any more: it is left",
    "beside": f"changed by hand and in the notebook; yours is left, the new one lies beside it ({BESIDE})",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What the merge gives: all files, what is left to decide, and what was followed to another place or name."""

    files: Mapping[str, bytes]
    conflicts: tuple[Conflict, ...] = ()
    by_hand: Moves = field(default_factory=Moves)
    in_notebook: Moves = field(default_factory=Moves)


def merge(
    base: Mapping[str, bytes],
    ours: Mapping[str, bytes],
    theirs: Mapping[str, bytes],
    *,
    package: str = "",
    origins: Origins | None = None,
    new_origins: Origins | None = None,
) -> Merged:
    """Merge a repository three ways; ``origins`` tell which cells each definition of an export comes from.

    ``ours`` may hold modules of the user's own: they are looked into for what was moved there, and otherwise stay.
    """
    by_hand = _moves(base, ours, theirs, None, None)
    in_notebook = _moves(base, theirs, ours, origins, new_origins)
    before, mine, new = _aligned(base, ours, theirs, by_hand, in_notebook, package)
    files: dict[str, bytes] = {}
    conflicts: list[Conflict] = []
    for path in sorted({*before, *mine, *new}):
        if path in ours and path not in before and path not in new:
            files[path] = ours[path]  # the user's own: it stays even where it names what has moved
            continue
        versions = (before.get(path), mine.get(path), new.get(path))
        content, found = merge_file(path, *versions, package=package)
        conflicts += found
        if content is not None:
            files[path] = content
        files |= {f"{one.path}{BESIDE}": versions[2] for one in found if one.kind == "beside" and versions[2]}
    return Merged(files=files, conflicts=tuple(conflicts), by_hand=by_hand, in_notebook=in_notebook)


def merge_file(
    path: str, base: bytes | None, ours: bytes | None, theirs: bytes | None, *, package: str = ""
) -> tuple[bytes | None, list[Conflict]]:
    """Merge one file; None for one that is not there."""
    if theirs in (ours, base):
        return ours, []
    if ours == base:
        return theirs, []
    versions = (base, ours, theirs)
    texts = [_text(path, version) for version in versions]
    if any(text is None for text in texts):
        return _whole(path, versions)
    before, mine, new = (text or "" for text in texts)
    if ours is None and path.endswith(".py") and means_the_same(before, new):
        return None, []
    if ours is None or (theirs is None and not path.endswith(".py")):
        return _whole(path, versions)
    merged, names = _merged_text(path, before, mine, new, package)
    conflict = Conflict(path=path, kind="both", names=names, versions=versions)
    gone = theirs is None and not merged.text
    return None if gone else merged.text.encode(), [conflict] if merged.conflict else []


def is_opaque(path: str) -> bool:
    """Tell whether a file is merged as a whole only: data, and the copy of the notebook."""
    return path.startswith(("data/", "tests/data/", "notebooks/")) or path.endswith(".ipynb")


def _whole(
    path: str, versions: tuple[bytes | None, bytes | None, bytes | None]
) -> tuple[bytes | None, list[Conflict]]:
    """Decide about a file that is not merged by its text, as git does: what there is stays."""
    _, ours, theirs = versions
    kind: Kind = "gone here" if ours is None else "gone there" if theirs is None else "beside"
    return theirs if ours is None else ours, [Conflict(path=path, kind=kind, versions=versions)]


def _merged_text(path: str, base: str, ours: str, theirs: str, package: str) -> tuple[Text, tuple[str, ...]]:
    """Merge texts by what they are made of, or line by line where that is not known."""
    if path.endswith(".py"):
        module = merge_module(base, ours, theirs, package)
        if module is not None:
            return Text(text=module.text, conflict=bool(module.conflicts)), module.conflicts
    if path.endswith(".toml"):
        found = merge_toml(base, ours, theirs)
        if found is not None:
            return found, ()
    if path.endswith(".lock") or path.rpartition("/")[2].startswith("requirements"):
        keyed = merge_keyed(
            *(requirement_chunks(text) for text in (base, ours, theirs)),
            same=lambda one, other: one == other,
            settle=lambda _, *texts: side_by_side(*texts),
        )
        return Text(text=text_of(keyed.chunks), conflict=bool(keyed.conflicts)), keyed.conflicts
    return merge_lines(base, ours, theirs), ()


def _text(path: str, content: bytes | None) -> str | None:
    """Give a file's text, "" for none; None for what is not merged as text."""
    if content is None:
        return ""
    if is_opaque(path) or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _modules(files: Mapping[str, bytes]) -> dict[str, str]:
    """Give the modules of the package and its tests, as text."""
    places = ("src/", "tests/")
    texts = {
        path: _text(path, files[path]) for path in files if path.endswith(".py") and path.startswith(places)
    }
    return {path: text for path, text in texts.items() if text is not None}


def _moves(
    base: Mapping[str, bytes],
    side: Mapping[str, bytes],
    other: Mapping[str, bytes],
    origins: Origins | None,
    new: Origins | None,
) -> Moves:
    """Find what one side moved, leaving out what would land on something else of that side or the other."""
    before, after = _modules(base), _modules(side)
    found = find_moves(before, after, origins, new)
    taken = {(path, name) for path, text in _modules(other).items() for name in definitions_in(text)}
    leaving = set(found.definitions)
    definitions = {
        old: now
        for old, now in found.definitions.items()
        if now not in taken or now in leaving or now[1] == old[1]
    }
    return Moves(
        modules={old: now for old, now in found.modules.items() if now not in other}, definitions=definitions
    )


def _aligned(
    base: Mapping[str, bytes],
    ours: Mapping[str, bytes],
    theirs: Mapping[str, bytes],
    by_hand: Moves,
    in_notebook: Moves,
    package: str,
) -> tuple[Mapping[str, bytes], Mapping[str, bytes], Mapping[str, bytes]]:
    """Bring all three to the same places and names: the user's where moved by hand, else the notebook's."""
    if not by_hand and not in_notebook:
        return base, ours, theirs
    both = _then(by_hand, in_notebook)
    return (
        _relocated(base, both, package),
        _relocated(ours, _seen_from(by_hand, both), package),
        _relocated(theirs, _seen_from(in_notebook, both), package),
    )


def _then(by_hand: Moves, in_notebook: Moves) -> Moves:
    """Give where each definition of the base ends up: module and name are chosen apart."""
    keys: Iterable[Key] = {*by_hand.definitions, *in_notebook.definitions}
    found = {}
    for path, name in keys:
        mine, new = by_hand.of((path, name)), in_notebook.of((path, name))
        found[path, name] = (mine[0] if mine[0] != path else new[0], mine[1] if mine[1] != name else new[1])
    modules = {**in_notebook.modules, **by_hand.modules}
    return Moves(
        modules=modules,
        definitions={key: now for key, now in found.items() if now != Moves(modules=modules).of(key)},
    )


def _seen_from(side: Moves, both: Moves) -> Moves:
    """Give the moves that bring a side, which has made its own already, to where everything ends up."""
    modules = {side.modules.get(old, old): now for old, now in both.modules.items()}
    modules = {old: now for old, now in modules.items() if old != now}
    keys = {*side.definitions, *both.definitions}
    definitions = {side.of(key): both.of(key) for key in keys}
    left = Moves(modules=modules)
    return Moves(
        modules=modules, definitions={old: now for old, now in definitions.items() if left.of(old) != now}
    )


def _relocated(files: Mapping[str, bytes], moves: Moves, package: str) -> Mapping[str, bytes]:
    if not moves:
        return files
    modules = _modules(files)
    moved = relocate(modules, moves, package)
    rest = {path: content for path, content in files.items() if path not in modules}
    return {**rest, **{path: text.encode() for path, text in moved.items()}}
