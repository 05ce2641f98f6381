"""What changed since the last export, step by step: in the notebook, and by hand in the repository. Nothing is run."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nbship.errors import InputError
from nbship_converter.compile import compile_notebook
from nbship_converter.merge.base import Base, cell_ids, digest_of, exported_base, package_of
from nbship_converter.merge.moves import Key, Moves, definitions_in, find_moves
from nbship_converter.merge.placing import alone, folder_files
from nbship_converter.merge.python import means_the_same
from nbship_converter.read import load, read
from nbship_converter.secrets import lift_secrets, redacted

__all__ = ["Changes", "StepChange", "changes_since", "edited_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChange:
    """One function and what became of it on either side: `changed`, `renamed`, `moved`, `added`, `removed`, ...

    The names it has now are those after a rename or a move.
    """

    name: str
    cells: tuple[str, ...] = ()
    notebook: tuple[str, ...] = ()
    repository: tuple[str, ...] = ()
    name_in_notebook: str | None = None
    name_in_repository: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """All steps and helpers, and the files that differ from what was exported."""

    package: str
    steps: tuple[StepChange, ...]
    edited: tuple[str, ...]
    deleted: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Give what ``diff --json`` prints."""
        return {
            "package": self.package,
            "steps": [asdict(step) for step in self.steps],
            "files": {"edited": list(self.edited), "deleted": list(self.deleted)},
        }

    def as_text(self) -> str:
        """Give a table of what changed, and the files that were edited."""
        changed = [step for step in self.steps if step.notebook or step.repository]
        rows = [("step", "notebook", "repository")]
        for step in changed:
            there = _told(step.notebook, step.name_in_notebook)
            rows.append((step.name, there, _told(step.repository, step.name_in_repository)))
        widths = [max(len(row[place]) for row in rows) for place in range(2)]
        lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows]
        quiet = len(self.steps) - len(changed)
        lines = [
            *(lines if changed else []),
            f"{quiet} of {len(self.steps)} steps and functions unchanged on both sides",
        ]
        files = {"edited by hand": self.edited, "deleted by hand": self.deleted}
        return "\n".join([*lines, *(f"{what}: {', '.join(names)}" for what, names in files.items() if names)])


def _told(states: Collection[str], name: str | None) -> str:
    return ", ".join(states) + (f" to {name}" if name else "") if states else "-"


def changes_since(notebook: Path, folder: Path) -> Changes:
    """Compare a notebook and an exported repository with what the last export made.

    Raises InputError for what is no notebook, or no repository that nbship exported.
    """
    exported_base(folder)
    with alone(folder):
        base = exported_base(folder)
        files = folder_files(folder, base)
        package = package_of(folder, base)
    base = base.renamed(package)
    there = _Notebook(notebook, load(notebook))
    before = _Notebook(notebook, _copy(folder, base))
    by_hand = _by_hand(base.files(files), files)
    rows = [
        _row((path, name), tuple(cells), before, there, by_hand)
        for path, names in base.origins.items()
        for name, cells in names.items()
    ]
    return Changes(
        package=package,
        steps=(*rows, *_added(before, there)),
        edited=tuple(_edited(base, files)),
        deleted=tuple(sorted(base.digests.keys() - files.keys())),
    )


def edited_files(folder: Path) -> list[str]:
    """Give the files of an exported repository that are not as they were exported."""
    base = exported_base(folder)
    files = folder_files(folder, base)
    return sorted(
        {*_edited(base.renamed(package_of(folder, base)), files), *(base.digests.keys() - files.keys())}
    )


def _edited(base: Base, files: Mapping[str, bytes]) -> list[str]:
    return [name for name in base.digests if name in files and digest_of(files[name]) != base.digests[name]]


def _copy(folder: Path, base: Base) -> dict[str, Any]:
    """Give the notebook as it was exported, from the copy in the repository."""
    name = next((path for path in base.digests if path.startswith("notebooks/")), None)
    try:
        found: dict[str, Any] = json.loads((folder / (name or "notebooks")).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "the copy of the notebook that was exported is not there, or no notebook any more",
            where=str(folder / "notebooks"),
            help="Bring it back as it was: `git checkout HEAD -- notebooks`.",
        ) from error
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A step of one version of the notebook, and the ids of its cells."""

    name: str
    module: str
    cells: frozenset[str]


class _Notebook:
    """A notebook as its text alone tells: its cells' sources by id, and the steps that hold them."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        ids = cell_ids(content)
        lifted = lift_secrets(read(content, path.stem, path.parent)[0])
        program, _ = compile_notebook(lifted.notebook, None)
        secrets = lifted.values.values()
        self.sources = {
            ids[place]: redacted(_source(cell), secrets) for place, cell in enumerate(content["cells"])
        }
        self.steps = [
            _Step(name=step.name, module=step.module, cells=frozenset(ids[cell] for cell in step.cells))
            for step in program.steps
        ]

    def step_with(self, cells: Collection[str]) -> _Step | None:
        """Give the step that holds most of some cells."""
        step = max(self.steps, key=lambda step: len(step.cells.intersection(cells)), default=None)
        return step if step is not None and step.cells.intersection(cells) else None


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _row(
    key: Key,
    cells: tuple[str, ...],
    before: _Notebook,
    there: _Notebook,
    by_hand: Mapping[Key, tuple[tuple[str, ...], str | None]],
) -> StepChange:
    states, now = _in_notebook(key[1], cells, before, there)
    edited, name = by_hand.get(key, ((), None))
    return StepChange(
        name=_short(key),
        cells=cells,
        notebook=states,
        repository=edited,
        name_in_notebook=now,
        name_in_repository=name,
    )


def _in_notebook(
    name: str, cells: tuple[str, ...], before: _Notebook, there: _Notebook
) -> tuple[tuple[str, ...], str | None]:
    """Give what became of a function in the notebook, and its name there if that is another one."""
    old, new = before.step_with(cells), there.step_with(cells)
    if cells and not any(cell in there.sources for cell in cells):
        again = any(step.name == name for step in there.steps)
        return (("changed",) if again else ("removed",)), None
    changed = any(there.sources.get(cell) != before.sources.get(cell) for cell in cells)
    if old is None or new is None:  # a helper: it stands in its cell, and is in no step
        return (("changed",) if changed else ()), None
    regrouped = name == old.name and old.cells != new.cells
    states = [
        word
        for word, true in (
            ("changed", changed or regrouped),
            ("renamed", name == old.name and old.name != new.name),
            ("moved", name == old.name and old.module != new.module),
        )
        if true
    ]
    return tuple(states), f"{new.module}.{new.name}" if {"renamed", "moved"} & set(states) else None


def _added(before: _Notebook, there: _Notebook) -> list[StepChange]:
    """Give the steps of which no cell was there."""
    return [
        StepChange(name=f"{step.module}.{step.name}", cells=tuple(sorted(step.cells)), notebook=("added",))
        for step in there.steps
        if not step.cells & before.sources.keys() and not any(step.name == old.name for old in before.steps)
    ]


def _by_hand(
    base: Mapping[str, bytes], files: Mapping[str, bytes]
) -> dict[Key, tuple[tuple[str, ...], str | None]]:
    """Give what became of each definition in the repository, and its name there if that is another one."""
    before, now = _modules(base), _modules(files)
    moves = find_moves(before, now)
    return {
        (path, name): _state(
            (path, name), text, moves, definitions_in(now.get(moves.of((path, name))[0], ""))
        )
        for path, module in before.items()
        for name, text in definitions_in(module).items()
    }


def _state(key: Key, text: str, moves: Moves, there: Mapping[str, str]) -> tuple[tuple[str, ...], str | None]:
    home, name = moves.of(key)
    if name not in there:
        return ("removed",), None
    found = there[name]
    text = re.sub(rf"(?<![\w.]){re.escape(key[1])}\b", name, text)
    edited = "reformatted" if means_the_same(text, found) else "edited"
    states = [
        word
        for word, true in (
            (edited, found != text),
            ("renamed", name != key[1]),
            ("moved", home != key[0]),
        )
        if true
    ]
    return tuple(states), _short((home, name)) if {"renamed", "moved"} & set(states) else None


def _short(key: Key) -> str:
    return f"{key[0].removesuffix('.py').split('/', 2)[-1].replace('/', '.')}.{key[1]}"


def _modules(files: Mapping[str, bytes]) -> dict[str, str]:
    texts = {
        path: content for path, content in files.items() if path.endswith(".py") and b"\0" not in content
    }
    return {path: content.decode(errors="replace") for path, content in texts.items()}
