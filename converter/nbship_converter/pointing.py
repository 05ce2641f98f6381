"""Which data comes along into the repository, and the pointers to what is too large for it.

A folder that the notebook lists comes as a whole or not at all, and its pointer lies beside it: what is listed must
be what the notebook saw, and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nbship import pointers
from nbship.config import Config
from nbship.dataversions import place, remember_origin
from nbship.digests import Digests, Folder, digest_file
from nbship.repository import ignoring
from nbship.snapshots import Store, is_local, shown

__all__ = ["MOST_DATA", "Delivery", "Unit", "delivery", "digests_of", "shared_store"]

#: Bytes of data that are copied into the repository, smallest first; to the rest there are pointers.
MOST_DATA = 10 * 1024**2
_DATA = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A file, or a folder that is listed: its name below ``data/`` ("" is ``data/`` itself), and its files by theirs."""

    name: str
    files: Mapping[str, Path]
    is_folder: bool

    @property
    def path(self) -> str:
        """Where it lies in the repository."""
        return f"{_DATA}/{self.name}".rstrip("/")

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(path.stat().st_size for path in self.files.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What is copied into the repository, and what is pointed to."""

    copied: tuple[Unit, ...] = ()
    pointed: tuple[Unit, ...] = ()

    def files(self, notebook_folder: Path, settings: Config) -> dict[str, bytes]:
        """Give the files of the repository that are data or pointers.

        Where the larger ones lie is noted in home, so that they can be pushed and pulled on this machine; where
        the settings ask for snapshots, they are kept. Raises InputError for a file that cannot be read.
        """
        found = {
            f"{_DATA}/{name}": path.read_bytes() for unit in self.copied for name, path in unit.files.items()
        }
        for unit in self.pointed:
            source = Path(os.path.relpath(_origin(unit), notebook_folder.resolve())).as_posix()
            text = pointers.text_of(unit.path, _digests(unit, settings), source=source)
            found[f"{unit.path}{pointers.SUFFIX}"] = text.encode()
        return found

    def ignored(self) -> str:
        """Give the lines of the repository's `.gitignore` that keep what is fetched out of git."""
        return "".join(f"{_anchored(unit.path)}\n" for unit in self.pointed)


def delivery(data: Mapping[str, Path], listed: Iterable[str], *, copy: bool) -> Delivery:
    """Share out data files by their names below ``data/``; nothing is copied unless ``copy`` says so."""
    left = MOST_DATA if copy else -1
    copied: list[Unit] = []
    pointed: list[Unit] = []
    for unit in sorted(_units(data, set(listed)), key=lambda unit: (unit.size, unit.name)):
        left -= unit.size
        (copied if left >= 0 else pointed).append(unit)
    return Delivery(copied=tuple(copied), pointed=tuple(sorted(pointed, key=lambda unit: unit.name)))


def digests_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Give the SHA-256 of data by its path: of what is copied, and of what a pointer stands for."""
    found = {}
    for path, content in files.items():
        told = re.search(rb"sha256: (\w{64})", content) if path.endswith(pointers.SUFFIX) else None
        name = path.removesuffix(pointers.SUFFIX) if told else path
        found[name] = told[1].decode() if told else hashlib.sha256(content).hexdigest()
    return found


def shared_store(settings: Config) -> str | None:
    """Give the address, without its secrets, at which others reach the store; None for a folder of this machine."""
    url = settings.data_store
    return shown(url) if url is not None and not is_local(url) else None


def _units(data: Mapping[str, Path], listed: set[str]) -> list[Unit]:
    groups: dict[str, dict[str, Path]] = {}
    for name in sorted(data):
        above = ["", *map(str, reversed(PurePosixPath(name).parents[:-1]))]
        outermost = next((folder for folder in above if folder in listed), name)
        groups.setdefault(outermost, {})[name] = data[name]
    return [Unit(name=name, files=files, is_folder=name in listed) for name, files in groups.items()]


def _digests(unit: Unit, settings: Config) -> Digests:
    """Give the digests of a unit, and note in home what makes it possible to push it later."""
    known = {name: digest_file(path) for name, path in unit.files.items()}
    for name, digests in known.items():
        with contextlib.suppress(OSError):  # then `nbship data push` will say that it is missing
            remember_origin(settings.origins, digests, unit.files[name])
        if settings.snapshot:
            place(settings, unit.files[name].parent).store.put_file(unit.files[name], digests)
    if not unit.is_folder:
        return known[unit.name]
    start = len(unit.name) + 1 if unit.name else 0
    folder = Folder(tuple(sorted((name[start:], digests) for name, digests in known.items())))
    store = place(settings, settings.home).store if settings.snapshot else Store(str(settings.snapshots))
    store.put_bytes(folder.dvc_listing, folder.digests.md5)
    return folder.digests


def _origin(unit: Unit) -> Path:
    """Give where a unit was read: the file, or the folder that the names of its files are relative to."""
    name, path = next(iter(unit.files.items()))
    depth = len(PurePosixPath(name[len(unit.name) :].lstrip("/")).parts) if unit.is_folder else 0
    return path.parents[depth - 1] if depth else path


def _anchored(path: str) -> str:
    return "/" + "/".join(ignoring(part)[1:] for part in PurePosixPath(path).parts)
