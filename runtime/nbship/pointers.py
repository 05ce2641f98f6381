"""Pointers: small files in git that say which bytes belong beside them, and how to know them.

A pointer is a `.dvc` file, as DVC 3 writes it, so that DVC reads ours and we read DVC's. What DVC does not know
stands under ``meta``, which DVC leaves alone:

    outs:
    - md5: 1bc29b36f623ba82aaf6724fd3b16718
      size: 15728640
      hash: md5
      path: rides.csv
      meta:
        nbship:
          version: 1
          md5: 1bc29b36f623ba82aaf6724fd3b16718   # what the two below belong to
          blake3: 2a…
          sha256: 9f…
          source: ../data/rides.csv               # the path that the notebook has

When DVC has renewed the pointer since, ``meta`` is about older bytes: then MD5 alone counts. No address of a store
and no path of a machine is ever written into one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from nbship import repository
from nbship.digests import FOLDER_SUFFIX, Digests
from nbship.errors import DataError

SUFFIX = ".dvc"
VERSION = 1
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_LONG = re.compile(r"[0-9a-f]{64}")
#: A pointer is small; what is not is none.
_LONGEST = 1 << 20
#: Folders that no pointer may write into: they steer other programs.
_NEVER_DATA = {".git", ".hg", ".svn", ".dvc"}
_SKIPPED = {"node_modules", "__pycache__", "site-packages"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Which bytes belong to ``path`` (relative to the root, with ``/``); hashes are hexadecimal.

    ``blake3`` and ``sha256`` are None where only DVC has written the pointer; ``name`` is the pointer's own path.
    """

    name: str
    path: str
    md5: str
    size: int | None = None
    nfiles: int | None = None
    blake3: str | None = None
    sha256: str | None = None
    source: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it stands for a folder."""
        return self.md5.endswith(FOLDER_SUFFIX)


def text_of(path: str, digests: Digests, *, source: str | None = None) -> str:
    """Give the text of a pointer that lies beside ``path``, of which it holds the last part only.

    ``source`` is where the bytes were read, as it may be shown; an absolute path is left out.
    """
    ours = {"version": VERSION, "md5": digests.md5, "blake3": digests.blake3, "sha256": digests.sha256}
    if source and not source.startswith(("/", "~")):
        ours["source"] = source
    count = {} if digests.nfiles is None else {"nfiles": digests.nfiles}
    out = {
        "md5": digests.md5,
        "size": digests.size,
        **count,
        "hash": "md5",
        "path": PurePosixPath(path).name,
        "meta": {"nbship": ours},
    }
    return _yaml({"outs": [out]})


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml is untyped
    """Quotes what DVC's YAML 1.2 would read as a number, such as an MD5 of digits and one ``e``."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[0-9]+[eE][0-9]+$"), list("0123456789")
)


def _yaml(document: Mapping[str, Any]) -> str:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return text


def write(root: Path, path: str, digests: Digests, *, source: str | None = None) -> Path | None:
    """Write the pointer beside ``path``, whole or not at all; None where it stands there already.

    What others wrote into it (DVC's ``desc``, ``remote``, ``labels``) stays. Raises OSError.
    """
    target = root / f"{path}{SUFFIX}"
    before = target.read_text(encoding="utf-8") if target.is_file() else None
    text = _merged(before, text_of(path, digests, source=source))
    if text == before:
        return None
    scratch = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    return target


def _merged(before: str | None, text: str) -> str:
    """Give the new text with what else the pointer held; one that holds several outputs cannot be merged."""
    try:
        old = yaml.safe_load(before) if before else None
    except yaml.YAMLError:
        old = None
    if not isinstance(old, dict) or not isinstance(old.get("outs"), list):
        return text
    new = yaml.safe_load(text)["outs"][0]
    if (
        len(old["outs"]) != 1
        or not isinstance(old["outs"][0], dict)
        or old["outs"][0].get("path") != new["path"]
    ):
        raise DataError(
            f"{new['path']}{SUFFIX} is a pointer to something else",
            help="move it away, or version the data with dvc alone",
        )
    (out,) = old["outs"]
    meta = out.get("meta") if isinstance(out.get("meta"), dict) else {}
    kept = {
        key: value
        for key, value in out.items()
        if key not in {"md5", "size", "nfiles", "hash", "path", "meta"}
    }
    merged = {**{k: v for k, v in new.items() if k != "meta"}, **kept, "meta": {**meta, **new["meta"]}}
    document = {**old, "outs": [merged]}
    document.pop("md5", None)  # the checksum of a stage that is no more
    return _yaml(document)


def find(root: Path, below: Path) -> Iterator[str]:
    """Give the names, relative to the root, of the pointers below a folder; hidden folders are not looked into."""
    for here, folders, names in os.walk(below):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED
            and not (Path(here) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            path = Path(here) / name
            if name.endswith(SUFFIX) and name != SUFFIX and path.is_file():
                yield path.relative_to(root).as_posix()


def names_at(root: Path, commit: str) -> list[str]:
    """Give the names of the pointers of a commit, relative to the root."""
    found = [PurePosixPath(name) for name in repository.files_of(root, commit)]
    return [str(path) for path in found if path.suffix == SUFFIX and SUFFIX not in path.parts]


def content(root: Path, name: str) -> bytes:
    """Give the bytes of a pointer. Raises DataError where it cannot be read."""
    try:
        with (root / name).open("rb") as file:
            return file.read(_LONGEST + 1)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=name) from error


def parse(content: bytes, name: str) -> list[Pointer]:
    """Give what a `.dvc` file points to. Raises DataError for what is none, or leads out of the root."""
    if len(content) > _LONGEST:
        raise _garbage(name, f"{len(content):,} bytes are too many")
    try:
        document = yaml.safe_load(content.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = str(getattr(error, "problem", None) or type(error).__name__)
        raise _garbage(name, reason) from error
    if not isinstance(document, dict) or not isinstance(document.get("outs"), list) or not document["outs"]:
        raise _garbage(name, "it names no outputs")
    folder = _inside(PurePosixPath(name).parent, document.get("wdir", "."), name)
    return [_pointer(out, folder, name) for out in document["outs"]]


def _pointer(out: Any, folder: PurePosixPath, name: str) -> Pointer:
    if not isinstance(out, dict) or not isinstance(out.get("path"), str):
        raise _garbage(name, "an output has no path")
    md5 = out.get("md5")
    if md5 is None:
        raise DataError("holds no MD5", where=name, help="`dvc pull` fetches what DVC keeps in other ways")
    if not isinstance(md5, str) or not _MD5.fullmatch(md5):
        raise _garbage(name, "its MD5 is none")
    if out.get("hash") != "md5":
        raise DataError(
            "was written by DVC 2, whose hashes are not those of the bytes",
            where=name,
            help="`dvc cache migrate --dvc-files` renews it",
        )
    ours = _ours(out, md5, name)
    return Pointer(
        name=name,
        path=str(_inside(folder, out["path"], name)),
        md5=md5,
        size=_count(out.get("size")),
        nfiles=_count(out.get("nfiles")),
        blake3=ours.get("blake3"),
        sha256=ours.get("sha256"),
        source=ours["source"] if isinstance(ours.get("source"), str) else None,
    )


def _ours(out: Mapping[str, Any], md5: str, name: str) -> Mapping[str, Any]:
    meta = out.get("meta")
    ours = meta.get("nbship") if isinstance(meta, dict) else None
    if not isinstance(ours, dict):
        return {}
    version = ours.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise DataError(
            f"was written by a newer nbship (version {version} of its pointers; this one reads {VERSION})",
            where=name,
            help="pip install --upgrade nbship",
        )
    if ours.get("md5") != md5:
        return {}
    if not all(isinstance(ours.get(key), str) and _LONG.fullmatch(ours[key]) for key in ("blake3", "sha256")):
        raise _garbage(name, "it names a hash that is no hash")
    return ours


def _inside(folder: PurePosixPath, path: Any, name: str) -> PurePosixPath:
    """Give a path relative to the root; nothing that a pointer says may lead out of it."""
    text = os.path.normpath(folder / path) if isinstance(path, str) else ""
    inside = is_inside(text) and not _NEVER_DATA & {part.lower() for part in PurePosixPath(text).parts}
    if not inside:
        raise DataError(
            "leads out of the repository's data",
            where=name,
            help="a pointer may only name files of the repository",
        )
    return PurePosixPath(text)


def check_part(part: str, md5: str, name: str) -> None:
    """Raise DataError unless a line of a folder's listing names a file below it, and a hash."""
    if not _MD5.fullmatch(md5) or md5.endswith(FOLDER_SUFFIX):
        raise _garbage(name, "the listing of its folder has a hash that is none")
    if str(_inside(PurePosixPath(), part, name)) in (".", ""):
        raise _garbage(name, "the listing of its folder names no file")


def is_inside(path: str) -> bool:
    """Tell whether a normal relative path stays below where it begins.

    >>> is_inside("raw/x.csv"), is_inside("../x.csv"), is_inside("/x.csv")
    (True, False, False)
    """
    return bool(path) and path != ".." and not path.startswith(("/", "../")) and "\0" not in path


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _garbage(name: str, reason: str) -> DataError:
    return DataError(
        f"is no pointer: {reason}",
        where=name,
        help="take it from git again, or make it anew: `nbship data snapshot FILE`",
    )
