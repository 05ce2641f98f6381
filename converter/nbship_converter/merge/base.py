"""What an export leaves in ``.nbship`` for the next one: what it generated, and which cells each definition is from.

Text that can be merged is kept as text, under a name that no Python tool takes for a module; of everything else
there is a digest in ``base.json``. In git the copies cost nothing: they are the blobs of the files themselves.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbship.errors import InputError, WriteError
from nbship_converter.ir import Program
from nbship_converter.merge.follow import renamed_package
from nbship_converter.merge.moves import Origins
from nbship_converter.merge.three_way import is_opaque

__all__ = [
    "HOME",
    "RECORD",
    "Base",
    "cell_ids",
    "digest_of",
    "exported_base",
    "origins_of",
    "package_of",
    "read_base",
    "record_of",
]

HOME = ".nbship"
RECORD = f"{HOME}/base.json"
_COPIES = f"{HOME}/base"
_SUFFIX = ".txt"
#: What reviews need not show, and git need not keep.
_FIXED = {
    f"{HOME}/.gitattributes": b"base.json linguist-generated -diff\nbase/** linguist-generated -diff\n",
    f"{HOME}/.gitignore": b"before/\nincoming/\npreparing/\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The last export: SHA-256 by path, the texts that are known, and the cells of each definition."""

    package: str
    digests: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict)
    origins: Origins = field(default_factory=dict)

    def files(self, *sides: Mapping[str, bytes]) -> dict[str, bytes]:
        """Give what was generated; where only its digest is known, from a side that still has it.

        What nobody has any more is some bytes that are no text, and equal to nothing else.
        """
        found = {}
        for path, digest in self.digests.items():
            same = (side[path] for side in sides if path in side and digest_of(side[path]) == digest)
            found[path] = self.texts.get(path) or next(
                same, b"" if path in self.texts else b"\0" + digest.encode()
            )
        return found

    def renamed(self, package: str) -> Base:
        """Give the same export under another package name."""
        if package == self.package:
            return self
        texts = {path: content.decode() for path, content in self.texts.items()}
        texts = renamed_package(texts, self.package, package)
        paths = renamed_package(dict.fromkeys(self.digests, ""), self.package, package)
        return Base(
            package=package,
            digests=dict(zip(paths, self.digests.values(), strict=True)),
            texts={path: text.encode() for path, text in texts.items()},
            origins=dict(
                zip(
                    renamed_package(dict.fromkeys(self.origins, ""), self.package, package),
                    self.origins.values(),
                    strict=True,
                )
            ),
        )


def record_of(files: Mapping[str, bytes], package: str, origins: Origins) -> dict[str, bytes]:
    """Give the files to write below ``.nbship`` beside an export of these files."""
    generated = {path: content for path, content in files.items() if not path.startswith(f"{HOME}/")}
    texts = {
        path: content for path, content in generated.items() if not is_opaque(path) and _is_text(content)
    }
    record = {
        "schema": 1,
        "package": package,
        "files": {path: digest_of(content) for path, content in generated.items()},
        "origins": {
            path: {name: list(cells) for name, cells in names.items()} for path, names in origins.items()
        },
    }
    copies = {f"{_COPIES}/{path}{_SUFFIX}": content for path, content in texts.items()}
    return {**_FIXED, **copies, RECORD: (json.dumps(record, indent=1, sort_keys=True) + "\n").encode()}


def read_base(folder: Path) -> Base | None:
    """Read what the last export left; None where there was none. Raises WriteError where it cannot be read."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        copies = {name: folder / _COPIES / f"{name}{_SUFFIX}" for name in record["files"]}
        texts = {name: copy.read_bytes() for name, copy in copies.items() if copy.is_file()}
        return Base(
            package=record["package"], digests=record["files"], texts=texts, origins=record["origins"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WriteError(
            "the record of the last export cannot be read",
            where=str(path),
            help=f"Bring it back as it was: `git checkout HEAD -- {HOME}`.",
        ) from error


def exported_base(folder: Path) -> Base:
    """Read what the last export left. Raises InputError where there was none."""
    base = read_base(folder)
    if base is None:
        raise InputError(
            "this is not a repository that nbship exported",
            where=str(folder),
            help="Give the folder that `nbship export --to` wrote.",
        )
    return base


def package_of(folder: Path, base: Base) -> str:
    """Give the name that the package in a repository has now: it may have been renamed by hand."""
    if (folder / "src" / base.package).is_dir():
        return base.package
    try:
        settings = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        told = str(settings["tool"]["nbship"]["package"])
    except (OSError, ValueError, KeyError, TypeError):
        told = base.package
    if (folder / "src" / told).is_dir():
        return told
    packages = [path.parent.name for path in folder.glob("src/*/pipeline.py")]
    return packages[0] if len(packages) == 1 else base.package


def origins_of(program: Program, content: Mapping[str, Any], package: str) -> dict[str, dict[str, list[str]]]:
    """Give the cells that each function, class and setting comes from, by path and name.

    A cell without an id of its own is known by a digest of its source.
    """
    ids = cell_ids(content)
    found: dict[str, dict[str, list[str]]] = {}
    for step in program.steps:
        names = found.setdefault(f"src/{package}/{step.module}.py", {})
        names[step.name] = [ids[cell] for cell in step.cells if cell in ids]
    for name, module in program.helper_modules.items():
        cell = program.helpers[name].statement.cell
        found.setdefault(f"src/{package}/{module}.py", {})[name] = [ids[cell]] if cell in ids else []
    return found


def digest_of(content: bytes) -> str:
    """Give the SHA-256 of a file, in hex."""
    return hashlib.sha256(content).hexdigest()


def cell_ids(content: Mapping[str, Any]) -> dict[int, str]:
    """Map the places of a notebook's cells to what they are known by; without a stable id, a digest of the source."""
    cells = content.get("cells", [])
    given = [str(cell.get("id", "")) for cell in cells]
    stable = content.get("nbformat_minor", 0) >= 5 and len(set(given)) == len(given)  # noqa: PLR2004  # ids came with 4.5
    found = {}
    for index, cell in enumerate(cells):
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(source)
        by_place = given[index] in ("", f"cell-{index}", str(index))
        found[index] = given[index] if stable and not by_place else digest_of(text.encode())[:12]
    return found


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False
