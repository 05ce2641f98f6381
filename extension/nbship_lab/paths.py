"""Where an export may read and write: below the folder that the server shows, whatever links or dots say. Pure but for links."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from nbship_lab.worker import Failure


class OutsideError(Exception):
    """A path that leads out of the server's folder, or is none."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(why)
        self.failure = Failure(
            what=f"{path!r} {why}",
            where="the server's folder",
            help="Name a folder below the one that the file browser shows, with / between names.",
        )


def below(root: Path, path: str) -> Path:
    """The real place of a path as the browser names it; raises OutsideError unless it is below ``root``.

    Links are followed, as far as there are any: one that leads out is outside, however harmless its name.
    """
    parts = PurePosixPath(path).parts
    if not parts or "\0" in path or "\\" in path or PurePosixPath(path).is_absolute():
        raise OutsideError(path, "is no path below it")
    if ".." in parts or any(part.startswith(".") for part in parts):
        raise OutsideError(path, "names what is hidden or above")
    if ":" in parts[0]:  # a drive of the contents API, or of Windows
        raise OutsideError(path, "lies on another drive")
    home = root.resolve()
    found = home.joinpath(*parts).resolve()
    if not found.is_relative_to(home) or found == home:
        raise OutsideError(path, "leads out of it")
    return found


def shown(root: Path, path: str) -> str:
    """A place as the browser names it; one that is not below ``root`` by its name alone."""
    found, home = Path(path), root.resolve()
    return found.relative_to(home).as_posix() if found.is_relative_to(home) else found.name
