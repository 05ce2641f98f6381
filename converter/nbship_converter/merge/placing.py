"""Files -> a repository on disk: staged beside its place, then moved; into an earlier export they are merged.

At every moment the folder is as before or as after, and nothing that was written by hand is lost.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nbship.errors import WriteError
from nbship_converter.findings import Finding
from nbship_converter.merge import git
from nbship_converter.merge.base import HOME, RECORD, Base, package_of, read_base, record_of
from nbship_converter.merge.journal import carry_out, change, is_interrupted
from nbship_converter.merge.lines import has_markers
from nbship_converter.merge.moves import Moves, Origins
from nbship_converter.merge.three_way import Merged, is_opaque, merge

__all__ = [
    "Placed",
    "alone",
    "check_destination",
    "earlier_package",
    "fill",
    "folder_files",
    "place",
    "stage",
]

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What came into the folder: the paths of the export's files, and what there is to tell."""

    files: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def check_destination(destination: Path) -> None:
    """Raise WriteError if writing there would lose something, or could not be done to its end."""
    if destination.is_file():
        raise WriteError(
            "the destination is a file", where=str(destination), help="Name a new folder with --to."
        )
    if not destination.exists() or not any(destination.iterdir()):
        _check_writable([next(folder for folder in (destination, *destination.parents) if folder.exists())])
        return
    base = read_base(destination)
    if base is None:
        raise WriteError(
            "the folder exists and holds other files",
            where=str(destination),
            help="Name a new folder with --to, or empty this one.",
        )
    _check_repository(destination)
    _check_writable(_folders(destination, base))
    if is_interrupted(destination):
        return
    unresolved = unresolved_files(folder_files(destination, base))
    if unresolved:
        raise WriteError(
            f"there are still conflict markers of the last export in {_listed(unresolved)}",
            where=str(destination),
            help="Decide at each, take the markers out, and export again.",
        )


def earlier_package(destination: Path, wanted: str | None) -> str | None:
    """Give the name of the package that an earlier export left there, as it is called now; None for a new folder.

    Raises WriteError if another one is wanted.
    """
    base = read_base(destination) if destination.is_dir() else None
    if base is None:
        return None
    now = package_of(destination, base)
    if wanted is not None and wanted != now:
        raise WriteError(
            f"the package there is called {now}, not {wanted}",
            where=str(destination),
            help="Leave --package out. To rename it, rename it there by hand: the next export follows.",
        )
    return now


@contextmanager
def stage(destination: Path) -> Generator[Path]:
    """Give a new folder on the destination's disk that is gone afterwards."""
    parent = next(folder for folder in destination.resolve().parents if folder.is_dir())
    if not os.access(
        parent, os.W_OK
    ):  # the folder itself can be written to, or this would not have come so far
        parent = Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix=".nbship-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files below the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def place(
    staged: Path,
    destination: Path,
    *,
    package: str,
    origins: Origins,
    versioned: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Placed:
    """Bring a staged repository to its place: as a new folder, or merged into an earlier export.

    A new folder becomes a git repository with one commit, if ``versioned`` and unless it lies in one.
    """
    for cache in [*staged.rglob("__pycache__"), *staged.rglob(".*_cache")]:
        shutil.rmtree(cache, ignore_errors=True)
    files = {
        path.relative_to(staged).as_posix(): path.read_bytes()
        for path in sorted(staged.rglob("*"))
        if path.is_file()
    }
    files |= record_of(files, package, origins)
    if destination.exists() and any(destination.iterdir()):
        with alone(destination, say):
            return _merged_into(destination, files, package, origins)
    fill(staged, {name: content for name, content in files.items() if name.startswith(f"{HOME}/")})
    return Placed(
        files=tuple(sorted(files)), findings=tuple(_new(staged, destination, package, versioned=versioned))
    )


@contextmanager
def alone(folder: Path, say: Callable[[str], None] = lambda _: None) -> Generator[None]:
    """Keep every other export out of a folder, without a file of its own; carry out what one was killed in."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another export writes there; waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if is_interrupted(folder):
            say("an export was interrupted here; it is carried out to its end first")
            carry_out(folder)
        yield
    finally:
        os.close(descriptor)


def folder_files(folder: Path, base: Base, also: Iterable[str] = ()) -> dict[str, bytes]:
    """Read what an export generated or would generate, as it is now, and all modules of package and tests."""
    own = (
        path.relative_to(folder).as_posix()
        for place in ("src", "tests")
        for path in (folder / place).rglob("*.py")
    )
    names = {*base.digests, *also, *(name for name in own if "/." not in name)}
    return {name: (folder / name).read_bytes() for name in sorted(names) if (folder / name).is_file()}


def _new(staged: Path, destination: Path, package: str, *, versioned: bool) -> list[Finding]:
    """Move the staged repository to where nothing is yet."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    findings = _begun(staged, destination, package) if versioned else []
    staged.chmod(0o755)
    try:
        if destination.exists():
            destination.rmdir()
        staged.rename(destination)
    except OSError as error:
        raise WriteError(
            "the folder was filled meanwhile",
            where=str(destination),
            help="Look what is there, and export again.",
        ) from error
    return findings


def _begun(staged: Path, destination: Path, package: str) -> list[Finding]:
    if not git.is_there():
        return [
            Finding(code="NB452", message="there is no git here: the folder is not under version control")
        ]
    around = git.repository_of(destination.parent)
    if around is not None:
        where = f"it lies in the git repository {around.root.name}, where nothing is committed for you"
        return [Finding(code="NB453", message=where)]
    if git.begin(staged, f"Export {package} with nbship"):
        return [
            Finding(
                code="NB451", message="a git repository (branch main), with one commit of what was exported"
            )
        ]
    return [
        Finding(
            code="NB452", message="git would not begin a repository: the folder is not under version control"
        )
    ]


def _merged_into(destination: Path, files: Mapping[str, bytes], package: str, origins: Origins) -> Placed:
    base = read_base(destination)
    assert base is not None
    check_destination(destination)
    base = base.renamed(package)
    theirs = {name: content for name, content in files.items() if not name.startswith(f"{HOME}/")}
    ours = folder_files(destination, base, theirs)
    before = base.files(ours, theirs)
    merged = merge(before, ours, theirs, package=package, origins=base.origins, new_origins=origins)
    changed = {name: content for name, content in merged.files.items() if ours.get(name) != content}
    deleted = ours.keys() - merged.files.keys()
    touched = {*changed, *deleted} & ours.keys()
    _check_links(destination, touched)
    kept = git.uncommitted(destination, (name for name in touched if before.get(name) != ours[name]))
    own = {name: content for name, content in files.items() if name.startswith(f"{HOME}/")}
    saved = {f"{HOME}/before/{name}": ours[name] for name in kept}
    change(destination, {**changed, **own, **saved}, {*deleted, *_stale(destination, own)})
    marked = git.mark_unmerged(destination, {one.path: one.versions for one in merged.conflicts})
    findings = [
        *_conflicts(merged, marked),
        *_kept_edits(merged, ours, theirs),
        *_followed(merged.in_notebook),
    ]
    return Placed(files=tuple(sorted(files)), findings=(*findings, *_saved(destination, kept)))


def _stale(destination: Path, own: Mapping[str, bytes]) -> set[str]:
    copies = (
        path.relative_to(destination).as_posix()
        for path in (destination / HOME / "base").rglob("*")
        if path.is_file()
    )
    return {name for name in copies if name not in own}


def _conflicts(merged: Merged, marked: Iterable[str]) -> list[Finding]:
    unmerged = set(marked)
    return [
        Finding(code="NB450", message=f"{one}{'; unmerged in git' if one.path in unmerged else ''}")
        for one in merged.conflicts
    ]


def _kept_edits(merged: Merged, ours: Mapping[str, bytes], theirs: Mapping[str, bytes]) -> list[Finding]:
    """Say where the folder is other than what the notebook alone makes."""
    conflicts = {one.path for one in merged.conflicts}
    differs = {name for name, content in theirs.items() if merged.files.get(name) != content}
    arrived = {
        name for name, content in merged.files.items() if name not in theirs and ours.get(name) != content
    }
    names = sorted((differs | arrived) - conflicts)
    if not names:
        return []
    message = (
        f"edited by hand and kept so: {_listed(names)}; what was compared is what the notebook alone makes"
    )
    return [Finding(code="NB454", message=message)]


def _followed(moves: Moves) -> list[Finding]:
    lines = [f"{old} is now {now}" for old, now in moves.modules.items()]
    for (path, name), (home, now) in moves.definitions.items():
        lines.append(
            f"`{name}` of {path} is now `{now}`"
            + ("" if moves.modules.get(path, path) == home else f" of {home}")
        )
    return [Finding(code="NB456", message=f"{line}, as in the notebook") for line in lines]


def _saved(destination: Path, kept: Iterable[str]) -> list[Finding]:
    """Say where uncommitted edits are as they were, and that a commit would be on no branch."""
    findings = []
    names = sorted(kept)
    if names:
        message = f"edits that no commit holds were merged; as they were they are in {HOME}/before: {_listed(names)}"
        findings.append(Finding(code="NB457", message=message))
    around = git.repository_of(destination)
    if around is not None and around.detached:
        findings.append(Finding(code="NB455", message="HEAD is detached in the git repository"))
    return findings


def _check_repository(destination: Path) -> None:
    """Raise WriteError where git is in the middle of something."""
    around = git.repository_of(destination)
    if around is None:
        return
    if around.running is not None:
        what, command = around.running
        raise WriteError(
            f"a {what} is running in the git repository",
            where=str(destination),
            help=f"Finish it (`{command} --continue`) or stop it (`{command} --abort`), and export again.",
        )
    if around.unmerged:
        raise WriteError(
            f"git calls files unmerged: {_listed(around.unmerged)}",
            where=str(destination),
            help="Decide at the conflict markers, `git add` the files, and export again.",
        )


def _check_writable(folders: Iterable[Path]) -> None:
    for folder in folders:
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise WriteError(
                "the folder cannot be written to",
                where=str(folder),
                help="Choose another --to, or change its permissions.",
            )


def _check_links(destination: Path, names: Iterable[str]) -> None:
    linked = sorted(name for name in names if (destination / name).is_symlink())
    if linked:
        raise WriteError(
            f"{_listed(linked)} would change, and is a link to elsewhere",
            where=str(destination),
            help="Put a file in its place, and export again.",
        )


def _folders(destination: Path, base: Base) -> list[Path]:
    """Give the folders that an export may write to, as far as they are there."""
    found = {destination / name for name in base.digests} | {destination / RECORD}
    found |= {path for path in (destination / HOME / "base").rglob("*") if path.is_file()}
    return sorted({path.parent for path in found if path.parent.exists()})


def unresolved_files(files: Mapping[str, bytes]) -> list[str]:
    """Give the paths of the files in which conflict markers stand."""
    texts = {name: content for name, content in files.items() if not is_opaque(name) and b"\0" not in content}
    return sorted(name for name, content in texts.items() if has_markers(content.decode(errors="replace")))


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
