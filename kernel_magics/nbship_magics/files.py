"""Which files a cell reads and writes: by the interpreter's audit events, and by comparing around other processes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

__all__ = ["Files"]

#: Files that are compared around a shell command.
MOST_FILES = 10_000
_SPAWNS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn"})
#: After these, what a cell does is not told by the files it reads.
_BEYOND = frozenset({"sqlite3.connect", "socket.connect", "socket.getaddrinfo"}) | _SPAWNS
_EVENTS = frozenset({"open", "os.listdir", "os.scandir", "os.mkdir"}) | _BEYOND


class Files:
    """Notes which files a cell opens; an audit hook cannot be removed, so it looks at a switch first."""

    def __init__(self) -> None:
        self.watching = False
        self.reads: list[str] = []
        self.writes: list[str] = []
        self.before: dict[str, tuple[int, int]] | None = None
        self.beyond: set[str] = set()

    def start(self) -> None:
        """Begin a cell."""
        self.reads, self.writes, self.before, self.watching = [], [], None, True
        self.beyond = set()

    def stop(self) -> None:
        """End a cell: what other processes wrote in it is known only now."""
        self.watching = False
        if self.before is not None:
            after = _files_below()
            self.writes += [path for path, mark in after.items() if self.before.get(path) != mark]

    def _spawns(self) -> None:
        """Another process writes where no hook sees it: the files before it are remembered."""
        if self.before is None:
            self.before = _files_below()

    def watch_shell(self, shell: Any) -> None:
        """Note what lines like ``!cp a b`` read and write: they do it in another process."""
        for name in ("system", "getoutput"):
            setattr(shell, name, self._noting(shell, getattr(shell, name)))

    def _noting(self, shell: Any, run: Callable[..., Any]) -> Callable[..., Any]:
        def noted(command: str, *args: Any, **options: Any) -> Any:
            expanded = shell.var_expand(command, depth=1)  # here, where the caller's own names are in reach
            self._spawns()
            self.beyond.add("shell")
            self.reads += _named_in(expanded, self.before or {})
            return run(expanded, *args, **options)

        return noted

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Take one audit event of the interpreter."""
        if not self.watching or event not in _EVENTS:
            return
        try:
            self._note(event, args)
        except Exception:  # noqa: BLE001  # a hook that raises would stop the user's cell
            return

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _BEYOND:
            self.beyond.add(event)
        if event in _SPAWNS:
            self._spawns()
        if event in _BEYOND and event != "sqlite3.connect":
            return
        named = os.curdir if args[0] is None else args[0]  # `os.listdir()` lists where it is
        if not isinstance(named, (str, bytes, os.PathLike)) or named in (":memory:", b":memory:"):
            return
        path = os.path.abspath(os.fsdecode(named))  # noqa: PTH100  # resolve() would open what it follows
        mode = str(args[1] or "") if event == "open" else ""
        flags = args[2] if event == "open" and isinstance(args[2], int) else 0
        writing = any(letter in mode for letter in "wax+") or (
            not mode and bool(flags & (os.O_WRONLY | os.O_RDWR))
        )
        if event == "sqlite3.connect":
            writing = not Path(path).exists()
        if event == "os.mkdir":  # also where the folder is there from an earlier run
            writing = True
        kept = self.writes if writing else self.reads
        if path not in kept:
            kept.append(path)


def _files_below() -> dict[str, tuple[int, int]]:
    """Give the files below the working folder with their sizes and times; the first ten thousand."""
    found: dict[str, tuple[int, int]] = {}
    for folder, _, names in os.walk(Path.cwd()):
        for path in (Path(folder) / name for name in names):
            with contextlib.suppress(OSError):
                status = path.stat()
                found[str(path)] = (status.st_size, status.st_mtime_ns)
        if len(found) > MOST_FILES:
            break
    return found


def _named_in(command: str, files: Iterable[str]) -> list[str]:
    """Give the files that the words of a command name, wildcards and folders included."""
    words = [str(Path.cwd() / os.path.normpath(word)) for word in re.split(r"[\s'\"<>|;&]+", command) if word]
    return [path for path in files if any(fnmatch(path, word) for word in words)]
