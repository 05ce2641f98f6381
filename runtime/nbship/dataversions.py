"""Brings pointers and data together: what is here, what differs, what is missing, and which store is meant."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Literal

from nbship import dvc, pointers, repository
from nbship.config import Config
from nbship.digests import Algorithm, Digests, Folder, digest_file, digest_folder, digest_of
from nbship.errors import DataError, InputError, NbshipError, StoreError
from nbship.pointers import Pointer
from nbship.snapshots import Store

State = Literal["here", "differs", "missing", "unreadable"]
Outcome = Literal[State, "fetched", "damaged", "kept", "there"]

#: Outcomes after which nothing is left to do.
GOOD = frozenset({"here", "fetched", "kept", "there"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What there is to say about one dataset; ``stored`` is None where the store was not asked or is away."""

    path: str
    outcome: Outcome
    pointer: str | None = None
    size: int | None = None
    nfiles: int | None = None
    md5: str | None = None
    blake3: str | None = None
    sha256: str | None = None
    source: str | None = None
    stored: bool | None = None
    where: str | None = None
    problem: str | None = None
    help: str | None = None

    def to_json(self) -> dict[str, str | int | bool | None]:
        """Give the item as the commands print it with ``--json``."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def good(self) -> bool:
        """Whether nothing is left to do."""
        return self.outcome in GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where pointers and data lie (``root``), and where bytes are looked for, the store that is meant first."""

    root: Path
    store: Store
    others: tuple[Store, ...]
    origins: Path


def place(settings: Config, root: Path, url: str | None = None) -> Place:
    """Give the place for a root: the store that is named, else the setting's, else DVC's cache, else home's.

    Raises InputError for an address that cannot be opened here.
    """
    chosen = url or settings.data_store
    theirs = dvc.root_of(root)
    local = [dvc.cache_of(theirs)] if theirs else []
    store = Store(chosen or str((*local, settings.snapshots)[0]), home=settings.home)
    rest = [path for path in (*local, settings.snapshots) if path.is_dir()]
    others = [Store(str(path), home=settings.home) for path in rest]
    remote = dvc.remote_of(theirs) if theirs else None
    if remote is not None:
        others += _opened(remote, settings)
    return Place(root=root, store=store, others=tuple(others), origins=settings.origins)


def _opened(url: str, settings: Config) -> list[Store]:
    """Open DVC's remote where we can; where we cannot, the other places may do."""
    try:
        return [Store(url, home=settings.home)]
    except NbshipError:
        return []


def remember_origin(origins: Path, digests: Digests, path: Path) -> None:
    """Note, in home and nowhere else, which file of this machine has this content. Raises OSError."""
    origins.mkdir(parents=True, exist_ok=True)
    scratch = origins / f".{secrets.token_hex(8)}"
    scratch.write_text(str(path.absolute()), encoding="utf-8", errors="surrogateescape")
    scratch.replace(origins / digests.md5)


def snapshot(where: Place, path: Path, *, expected: str | None = None) -> Item:
    """Keep a file or folder as it is now, and write its pointer beside it.

    No pointer is written for what git tracks itself, or what lies outside the root. Raises InputError, StoreError,
    and DataError where ``expected``, a BLAKE3, is given and the content is another.
    """
    if not path.exists():
        raise InputError(f"there is no file or folder {shown(path)}")
    folder = digest_folder(path) if path.is_dir() else None
    digests = folder.digests if folder else digest_file(path)
    if expected not in (None, digests.blake3):
        raise DataError("it has changed since it was read", where=shown(path), help="read it again")
    new = keep(where.store, path, digests, folder)
    name, problem = None, None
    inside = _name_below(where.root, path)
    if inside and not repository.is_tracked(path):
        name = _point(where.root, path, inside, digests)
    else:
        problem = (
            "git tracks it itself: no pointer" if inside else "it lies outside the repository: no pointer"
        )
    return Item(
        path=shown(path),
        outcome="kept" if new else "there",
        pointer=name,
        size=digests.size,
        nfiles=digests.nfiles,
        md5=digests.md5,
        blake3=digests.blake3,
        sha256=digests.sha256,
        stored=True,
        where=where.store.shown,
        problem=problem,
    )


def keep(store: Store, path: Path, digests: Digests, folder: Folder | None) -> bool:
    """Put a file, or a folder's files and then its listing, into a store; False if all is there already."""
    if folder is None:
        return store.put_file(path, digests)
    new = [store.put_file(path / name, item) for name, item in folder.files]
    return store.put_bytes(folder.dvc_listing, digests.md5) or any(
        new
    )  # the listing last: it promises the rest


def _name_below(root: Path, path: Path) -> str | None:
    full = path.parent.resolve() / path.name
    return full.relative_to(root.resolve()).as_posix() if full.is_relative_to(root.resolve()) else None


def _point(root: Path, path: Path, inside: str, digests: Digests) -> str:
    try:
        pointers.write(root, inside, digests)
        repository.ignore(path)
    except OSError as error:
        raise InputError(
            f"the pointer of {shown(path)} cannot be written: {error.strerror or error}"
        ) from error
    return shown(path.with_name(path.name + pointers.SUFFIX))


def status(where: Place, pointer: Pointer) -> Item:
    """Tell whether the data of a pointer is here, differs, or is missing, and whether the store has it."""
    try:
        found, problem, _ = compare(where.root, pointer)
    except NbshipError as error:
        return item_of(where, pointer, "unreadable", problem=error.what, help=error.help)
    try:
        stored = where.store.has(pointer.md5, None if pointer.is_folder else pointer.size)
    except StoreError as error:
        return item_of(where, pointer, found, problem=problem or str(error.what))
    advice = None
    if found == "differs":
        advice = "`nbship data snapshot` makes it a new version, `nbship data pull --force` brings the old one back"
    return item_of(where, pointer, found, problem=problem, help=advice, stored=stored)


def compare(root: Path, pointer: Pointer) -> tuple[State, str | None, Folder | None]:
    """Tell how what is at a pointer's path compares. Raises DataError where the path leads out by a link."""
    path = root / pointer.path
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise DataError(
            f"{pointer.path} leads out of the repository by a link", help="replace the link by a folder"
        )
    if not path.exists():
        return "missing", None, None
    if path.is_dir() != pointer.is_folder:
        return "differs", "it is a folder" if path.is_dir() else "it is a file", None
    if pointer.is_folder:
        folder = digest_folder(path)
        return (
            ("here", None, folder)
            if fits(folder.digests, pointer)
            else ("differs", _count(folder, pointer), None)
        )
    size = path.stat().st_size
    if pointer.size is not None and size != pointer.size:
        return "differs", f"{size:,} bytes instead of {pointer.size:,}", None
    algorithm: Algorithm = "blake3" if pointer.blake3 else "md5"
    same = digest_of(path, algorithm) == (pointer.blake3 or pointer.md5)
    return ("here", None, None) if same else ("differs", "its content is another", None)


def _count(folder: Folder, pointer: Pointer) -> str:
    if pointer.nfiles is not None and folder.digests.nfiles != pointer.nfiles:
        return f"{folder.digests.nfiles:,} files instead of {pointer.nfiles:,}"
    return "its content is another"


def fits(found: Digests, pointer: Pointer) -> bool:
    """Tell whether a content is what a pointer says, by every hash that it tells."""
    return (
        found.md5 == pointer.md5
        and found.blake3 == (pointer.blake3 or found.blake3)
        and found.sha256 == (pointer.sha256 or found.sha256)
    )


def item_of(
    where: Place,
    pointer: Pointer,
    outcome: Outcome,
    *,
    problem: str | None = None,
    help: str | None = None,  # noqa: A002  # the word users see
    stored: bool | None = None,
    source: str | None = None,
    size: int | None = None,
) -> Item:
    """Give what there is to say about a pointer; `source` is where its bytes came from just now."""
    return Item(
        path=_shown_below(where.root, pointer.path),
        outcome=outcome,
        pointer=_shown_below(where.root, pointer.name),
        size=pointer.size if pointer.size is not None else size,
        nfiles=pointer.nfiles,
        md5=pointer.md5,
        blake3=pointer.blake3,
        sha256=pointer.sha256,
        source=pointer.source,
        stored=stored,
        where=source or (where.store.shown if stored else None),
        problem=problem,
        help=help,
    )


def _shown_below(root: Path, name: str) -> str:
    """Give a name of the root as seen from here; where the root lies elsewhere, as it is below the root."""
    found = os.path.relpath(root / name, Path.cwd())
    return name if found.startswith("..") else Path(found).as_posix()


def shown(path: Path) -> str:
    """Give a path from here, or its last part where it lies elsewhere: never the machine's own."""
    here = os.path.relpath(path.absolute(), Path.cwd())
    return path.name if here.startswith("..") else PurePosixPath(here).as_posix()


def gather(
    names: Iterable[str], content: Callable[[str], bytes], root: Path, wanted: Sequence[Path]
) -> list[Pointer | Item]:
    """Give what the pointers of these names point to, as far as ``wanted`` names it: data, pointer, or a folder above.

    A pointer that cannot be read is an item that says so. Raises InputError for a path that names nothing.
    """
    every: list[Pointer | Item] = []
    for name in names:
        try:
            every += pointers.parse(content(name), name)
        except NbshipError as error:
            problem = Item(path=name, outcome="unreadable", pointer=name, problem=error.what, help=error.help)
            every.append(problem)
    kept: dict[Pointer | Item, None] = {}
    for path in wanted:
        mine = [item for item in every if _is_meant(item, os.path.relpath(path.absolute(), root.absolute()))]
        if not mine:
            raise InputError(
                f"no pointer names {shown(path)}", help="`nbship data status` lists what there is"
            )
        kept.update(dict.fromkeys(mine))
    return list(kept) if wanted else every


def _is_meant(item: Pointer | Item, path: str) -> bool:
    named = {item.path, item.name if isinstance(item, Pointer) else item.pointer}
    return path == "." or path in named or item.path.startswith(f"{path}/")
