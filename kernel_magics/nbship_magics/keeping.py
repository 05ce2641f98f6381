"""``%ship data``: the bytes of what this session has read go into the data store, off the user's thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nbship.errors import InputError, NbshipError
from nbship.facts import DatasetHashed, DatasetKept, DatasetRead
from nbship_magics.session import Session

if TYPE_CHECKING:
    from nbship.dataversions import Place

_LAST_JOBS_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What will be kept, and where (as it may be shown); ``size`` in bytes."""

    names: tuple[str, ...]
    size: int
    store: str


class Keeping:
    """Keeps what a session has read, one file after the other; what comes of it is a fact for each read."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pending: dict[int, str] = {}
        self._asked_for: set[int] = set()

    def keep(self, names: Sequence[str], url: str | None = None) -> Asked:
        """Have files kept: all that were read, or those whose name, path or pattern is given.

        Raises InputError for a name that nothing was read under, and for an address that cannot be opened.
        """
        return self._keep(list(self._chosen(names)), url)

    def keep_new(self) -> None:
        """Have kept what was read since the last time; for a project whose settings say so."""
        new = [read for read in self._reads() if read.ordinal not in self._asked_for]
        if new:
            with contextlib.suppress(NbshipError):  # told when somebody asks with `%ship data`
                self._keep(new, None)

    def close(self) -> None:
        """Wait a little for what is under way, and record what did not come to its end."""
        if not self._pending:
            return
        self._session.background.wait(_LAST_JOBS_S)
        self._session.carrier.wait(_LAST_JOBS_S)
        problem = "the kernel ended before it was kept; `nbship data snapshot` keeps it"
        for ordinal, store in tuple(self._pending.items()):
            self._session.record(DatasetKept(of=ordinal, store=store, problem=problem))

    def _reads(self) -> list[DatasetRead]:
        return [
            fact
            for fact in tuple(self._session.facts)
            if isinstance(fact, DatasetRead) and fact.ordinal in self._session.files
        ]

    def _chosen(self, names: Sequence[str]) -> Iterator[DatasetRead]:
        reads = self._reads()
        for name in names:
            if not any(_is_meant(read, name) for read in reads):
                known = ", ".join(dict.fromkeys(read.name for read in reads)) or "none yet"
                raise InputError(f"no file was read under the name {name!r}", help=f"files read: {known}")
        if not reads:
            raise InputError(
                "no file has been read yet", help="read one first; what is in memory only has no file to keep"
            )
        yield from (read for read in reads if not names or any(_is_meant(read, name) for name in names))

    def _keep(self, reads: Sequence[DatasetRead], url: str | None) -> Asked:
        from nbship import repository
        from nbship.dataversions import place

        where = place(self._session.settings, repository.root_of(Path.cwd()) or Path.cwd(), url)
        files = self._session.files
        by_file: dict[Path, list[int]] = {}
        for read in reads:
            by_file.setdefault(files[read.ordinal], []).append(read.ordinal)
            self._pending[read.ordinal] = where.store.shown
            self._asked_for.add(read.ordinal)
        for path, ordinals in by_file.items():
            job = partial(self._keep_file, where, path, ordinals)
            # behind the hashing that was asked for earlier: what is kept is held against it
            self._session.background.add(partial(self._session.carrier.add, job))
        return Asked(
            names=tuple(dict.fromkeys(read.name for read in reads)),
            size=sum(path.stat().st_size for path in by_file if path.is_file()),
            store=where.store.shown,
        )

    def _keep_file(self, where: Place, path: Path, ordinals: Sequence[int]) -> None:
        from nbship.dataversions import snapshot

        for expected, same in self._by_content(ordinals).items():
            problem, md5, size, pointer = None, None, None, None
            try:
                item = snapshot(where, path, expected=expected)
                md5, size, pointer = item.md5, item.size, item.pointer
            except NbshipError as error:
                problem = error.what
            for ordinal in same:
                fact = DatasetKept(
                    of=ordinal, store=where.store.shown, md5=md5, size=size, pointer=pointer, problem=problem
                )
                self._session.record(fact)
                self._pending.pop(ordinal, None)
            if problem is not None:
                self._session.warn(f"{path.name} is not kept: {problem}")
        self._session.wake_worker()

    def _by_content(self, ordinals: Sequence[int]) -> dict[str | None, list[int]]:
        """Give the reads of a file by the BLAKE3 that it had then; it may have been written in between."""
        hashed = {
            fact.of: fact.file for fact in tuple(self._session.facts) if isinstance(fact, DatasetHashed)
        }
        found: dict[str | None, list[int]] = {}
        for ordinal in ordinals:
            file = hashed.get(ordinal)
            found.setdefault(file.removeprefix("b3:") if file else None, []).append(ordinal)
        return found


def _is_meant(read: DatasetRead, name: str) -> bool:
    return name in (read.name, Path(read.name).name) or fnmatch(read.name, name)
