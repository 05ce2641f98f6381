"""Carries data between a place and its stores: pull and push.

Nothing of the user's is ever lost: a file that is neither what its pointer says nor kept in a store is left as it
is, and said. What is fetched is held against every hash that its pointer tells before it is put in its place, in
one move.
"""

from __future__ import annotations

import contextlib
import glob
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from nbship import pointers, snapshots
from nbship.dataversions import Item, Place, compare, fits, item_of, keep
from nbship.digests import Digests, Folder, copied, digest_file, digest_of, reading
from nbship.errors import DataError, InputError, NbshipError, StoreError
from nbship.pointers import Pointer
from nbship.snapshots import Store

_PUSH_AGAIN = "delete the damaged object, then `nbship data push` from where the file is whole"
_REPLACE = "`nbship data snapshot` keeps it as a new version; `nbship data pull --force` replaces it"


@dataclass(frozen=True)
class _Original:
    """The file that an exported pointer was made from, where it still lies on this machine."""

    path: Path
    shown: str = "the file it was made from"

    def fetch(self, md5: str, target: Path) -> Digests | None:  # noqa: ARG002  # as a store does
        with reading(self.path) as source, snapshots.writing(target) as file:
            return copied(source, file)


def push(where: Place, pointer: Pointer) -> Item:
    """Bring the bytes of a pointer into the store, from wherever they are on this machine."""
    try:
        if where.store.has(pointer.md5, None if pointer.is_folder else pointer.size):
            return item_of(where, pointer, "there", stored=True)
        found, problem, folder = compare(where.root, pointer)
        if found == "here":
            _put_what_is_here(where, pointer, folder)
            return item_of(where, pointer, "kept", stored=True)
        if _put_from_elsewhere(where, pointer):
            return item_of(where, pointer, "kept", stored=True)
    except NbshipError as error:
        return item_of(where, pointer, "unreadable", problem=_said(error), help=error.help)
    advice = "`nbship data pull` brings it here first" if found == "missing" else None
    return item_of(where, pointer, found, problem=problem, help=advice, stored=False)


def _put_what_is_here(where: Place, pointer: Pointer, folder: Folder | None) -> None:
    path = where.root / pointer.path
    if folder is not None:
        keep(where.store, path, folder.digests, folder)
        return
    with reading(path) as source:
        where.store.put(source, pointer.md5, blake3=pointer.blake3)


def _put_from_elsewhere(where: Place, pointer: Pointer) -> bool:
    """Copy from another store, or from the files that the pointer was made from."""
    if not pointer.is_folder:
        return _put_object(where, pointer.md5)
    listing, _ = _first_listing(where, pointer)
    objects = [md5 for _, md5 in listing or ()]
    return listing is not None and all(_put_object(where, md5) for md5 in (*objects, pointer.md5))


def _put_object(where: Place, md5: str) -> bool:
    if where.store.has(md5):
        return True
    for other in where.others:
        with contextlib.suppress(StoreError, DataError):  # away, or damaged there: the next may do
            if _copy_object(other, where.store, md5):
                return True
    original = _original(where, md5)
    if original is None or digest_of(original.path, "md5") != md5:
        return False
    with reading(original.path) as source:
        where.store.put(source, md5)
    return True


def _copy_object(other: Store, store: Store, md5: str) -> bool:
    source = other.open(md5)
    if source is None:
        return False
    with source:
        store.put(source, md5)
    return True


def pull(where: Place, pointer: Pointer, *, force: bool = False) -> Item:
    """Bring the bytes of a pointer to their place; a file that was changed stays, unless ``force`` says otherwise."""
    try:
        found, problem, _ = compare(where.root, pointer)
        if found == "here":
            return item_of(where, pointer, "here")
        if pointer.is_folder:
            return _pull_folder(where, pointer, force=force)
        target = where.root / pointer.path
        if found == "differs" and not force and not _is_kept(where, target):
            return _changed(where, pointer, problem)
        return _pull_file(where, pointer)
    except NbshipError as error:
        return item_of(where, pointer, "unreadable", problem=_said(error), help=error.help)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched:
    """Bytes that are what their pointer says, beside their place; ``seen`` is what was there when they were asked for."""

    scratch: Path
    target: Path
    seen: tuple[int, int] | None
    digests: Digests
    shown: str

    def put_in_place(self) -> None:
        if _state(self.target) != self.seen:
            raise DataError(f"{self.target.name} was written while it was fetched; it is kept as it is")
        try:
            self.scratch.replace(self.target)
        except OSError as error:
            raise InputError(f"{self.target.name} cannot be written: {error.strerror or error}") from error


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _pull_file(where: Place, pointer: Pointer) -> Item:
    with ExitStack() as stack:
        fetched = _fetch(where, pointer, stack)
        if isinstance(fetched, Item):
            return fetched
        fetched.put_in_place()
        return item_of(where, pointer, "fetched", source=fetched.shown, size=fetched.digests.size)


def _fetch(where: Place, pointer: Pointer, stack: ExitStack) -> _Fetched | Item:
    """Fetch a file from the first place that has it whole; what is not put in place is taken away with ``stack``."""
    target = where.root / pointer.path
    seen = _state(target)
    damaged: list[str] = []
    silent: list[str] = []
    for source in _sources(where, pointer):
        scratch = target.with_name(_scratch(target.name, secrets.token_hex(4)))
        stack.callback(scratch.unlink, missing_ok=True)
        try:
            _make_folder(target.parent)
            snapshots.clear_wrecks(target.parent, _scratch(glob.escape(target.name), "*"))
            found = source.fetch(pointer.md5, scratch)
        except StoreError as error:
            silent.append(error.what)
            continue
        if found is not None and fits(found, pointer):
            return _Fetched(scratch=scratch, target=target, seen=seen, digests=found, shown=source.shown)
        if found is not None:
            scratch.unlink()
            damaged += [] if isinstance(source, _Original) else [source.shown]
    return _not_found(where, pointer, damaged, silent)


def _scratch(name: str, mark: str) -> str:
    return f".{name[:100]}.{mark}.part"


def _not_found(
    where: Place, pointer: Pointer, damaged: Sequence[str] = (), silent: Sequence[str] = ()
) -> Item:
    if damaged:
        problem = f"what is kept in {damaged[0]} is not what the pointer says; nothing was put in its place"
        return item_of(where, pointer, "damaged", problem=problem, help=_PUSH_AGAIN)
    return item_of(
        where,
        pointer,
        "missing",
        problem=silent[0] if silent else f"not in {where.store.shown}",
        help="--from names another store; whoever has the data brings it there with `nbship data push`",
    )


def _pull_folder(where: Place, pointer: Pointer, *, force: bool) -> Item:
    """Fetch what is missing of a folder; nothing is put in place before the whole is what its pointer says."""
    listing, source = _first_listing(where, pointer)
    if listing is None or source is None:
        return _not_found(where, pointer)
    snapshots.clear_wrecks(where.root / pointer.path, "**/" + _scratch("*", "*"))
    parts = [Pointer(name=pointer.name, path=f"{pointer.path}/{name}", md5=md5) for name, md5 in listing]
    states = {part: compare(where.root, part)[0] for part in parts}
    for part, state in states.items():
        if state == "differs" and not force and not _is_kept(where, where.root / part.path):
            return _changed(where, pointer, f"{Path(part.path).name} was changed")
    with ExitStack() as stack:
        fetched: dict[Pointer, _Fetched] = {}
        for part in (part for part, state in states.items() if state != "here"):
            one = _fetch(where, part, stack)
            if isinstance(one, Item):
                return item_of(
                    where,
                    pointer,
                    one.outcome,
                    problem=f"{Path(part.path).name}: {one.problem}",
                    help=one.help,
                )
            fetched[part] = one
        digests = [
            fetched[part].digests if part in fetched else digest_file(where.root / part.path)
            for part in parts
        ]
        whole = Folder(tuple(zip((name for name, _ in listing), digests, strict=True))).digests
        if not fits(whole, pointer):
            return _not_found(where, pointer, [source.shown])
        for one in fetched.values():
            one.put_in_place()
    _make_folder(where.root / pointer.path)  # of a folder without files, too
    return _with_what_is_more(
        item_of(where, pointer, "fetched", source=source.shown, size=whole.size), where, pointer
    )


def _with_what_is_more(item: Item, where: Place, pointer: Pointer) -> Item:
    """Say it where the folder holds other files besides; they are the user's, and stay."""
    state, problem, _ = compare(where.root, pointer)
    return (
        item
        if state == "here"
        else replace(item, outcome="differs", problem=f"{problem}; files of yours stay")
    )


def _first_listing(where: Place, pointer: Pointer) -> tuple[list[tuple[str, str]] | None, Store | None]:
    """Give the listing of a folder from the first store that has it whole. Raises what the last one said, if none."""
    failure: NbshipError | None = None
    for store in (where.store, *where.others):
        try:
            listing = _listing(store, pointer)
        except (StoreError, DataError) as error:
            failure = error
            continue
        if listing is not None:
            return listing, store
    if failure is not None:
        raise failure
    return None, None


def _listing(store: Store, pointer: Pointer) -> list[tuple[str, str]] | None:
    """Give (name, MD5) of a folder's files. Raises DataError where a name leads out of the folder."""
    content = store.read(pointer.md5)
    if content is None:
        return None
    try:
        rows = [(str(row["relpath"]), str(row["md5"])) for row in json.loads(content)]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"the listing of {pointer.path} cannot be read", where=store.shown) from error
    for name, md5 in rows:
        pointers.check_part(name, md5, pointer.name)
    return rows


def _changed(where: Place, pointer: Pointer, problem: str | None) -> Item:
    return item_of(
        where,
        pointer,
        "differs",
        problem=f"{problem or 'it was changed'}; it is kept as it is",
        help=_REPLACE,
    )


def _is_kept(where: Place, path: Path) -> bool:
    """Tell whether a file's present content is in a store, so that nothing is lost when it is replaced."""
    if path.is_dir():
        return False
    found = digest_file(path)
    for store in (where.store, *where.others):
        try:
            if store.has(found.md5, found.size):
                return True
        except StoreError:
            continue
    return False


def _sources(where: Place, pointer: Pointer) -> Iterator[Store | _Original]:
    yield from (where.store, *where.others)
    original = _original(where, pointer.md5)
    if original is not None:
        yield original


def _original(where: Place, md5: str) -> _Original | None:
    try:
        path = Path((where.origins / md5).read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:
        return None
    return _Original(path) if path.is_file() else None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder.name} cannot be made: {error.strerror or error}") from error


def _said(error: NbshipError) -> str:
    return f"{error.where}: {error.what}" if error.where else error.what
