"""Clean runs, remembered: a notebook is not run again while nothing that its run depended on has changed.

A run is found by the cells' sources, the notebook's folder, the interpreter with all that is installed in it, and
the seed. It is used only while every file and folder that it read, and every file that a string in it names, is as
it was. A run that wrote something, started a process, reached for the network or a database, or used a library
that reads files behind Python's back is never remembered. No values are kept: only what the witness told of names
and types, fingerprints, and numbers rounded to what a test states.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import blake3
from platformdirs import user_cache_dir

import nbship
from nbship_converter.ir import Notebook
from nbship_converter.merge import RECORD
from nbship_converter.paths import imported_modules
from nbship_converter.secrets import KEY
from nbship_converter.syntax import string_literals
from nbship_converter.testimony import Run, facts_of

__all__ = ["Remembered", "recall", "remember"]

#: Bytes of all remembered runs; the oldest go first. One run may take a tenth of it.
MOST = 200 * 1024**2
#: Libraries that open files where no audit event tells.
_UNSEEN = frozenset(
    "polars duckdb h5py cv2 tables netCDF4 xarray pyarrow sqlalchemy pyspark dask ctypes cffi".split()
)
_DEVICES = ("/proc/", "/sys/", "/dev/")
_DESCRIBE = "import json, sys; print(json.dumps([sys.version, sys.path, sys.prefix, sys.base_prefix]))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A run without values, and when it was."""

    run: Run
    when: datetime


def recall(notebook: Notebook, folder: Path, python: str, seed: int) -> Remembered | None:
    """Give the remembered run of a notebook if nothing that it depended on has changed."""
    interpreter = _Interpreter.of(python)
    if interpreter is None:
        return None
    try:
        entry = json.loads(_place(_key(notebook, folder, interpreter, seed)).read_text(encoding="utf-8"))
        if any(_state(path) != state for path, state in entry["depends"].items()):
            return None
        run = Run(
            facts=facts_of(entry["told"]),
            values={},
            told=entry["told"],
            fingerprints=entry["fingerprints"],
        )
        return Remembered(run=run, when=datetime.fromisoformat(entry["when"]))
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ):  # not there, or not what we write today
        return None


def remember(run: Run, notebook: Notebook, folder: Path, python: str, seed: int, *, now: datetime) -> None:
    """Keep what a run told, unless it did something that its content does not tell."""
    interpreter = _Interpreter.of(python)
    if interpreter is None or not _is_told_by_content(run, notebook):
        return
    paths = {*_originals(run, folder, interpreter), *_named(notebook, folder)}
    entry = {
        "when": now.isoformat(),
        "depends": {path: _state(path) for path in sorted(paths)},
        "told": _kept(run.told),
        "fingerprints": {name: own for name, own in run.fingerprints.items() if name not in notebook.hidden},
    }
    text = json.dumps(entry)
    if len(text) <= MOST // 10 and not KEY.search(text):
        _write(_place(_key(notebook, folder, interpreter, seed)), text)


def _is_told_by_content(run: Run, notebook: Notebook) -> bool:
    if imported_modules(notebook) & _UNSEEN:
        return False
    return not any(
        cell["beyond"] or any(_lasts(path) for path in cell["written"]) for cell in run.told["cells"].values()
    )


def _lasts(path: str) -> bool:
    """Whether something written counts; temporary files outside the notebook's folder are gone by now."""
    return not _is_compiled(path) and not (Path(path).is_absolute() and not Path(path).exists())


def _is_compiled(path: str) -> bool:
    return "__pycache__" in path or path == os.devnull


def _originals(run: Run, folder: Path, interpreter: _Interpreter) -> Iterator[str]:
    """Give the absolute paths of what was read, the interpreter's own files left out."""
    for cell in run.told["cells"].values():
        for read in cell["read"]:
            path = os.path.normpath(folder.resolve() / read)
            if _is_compiled(path):
                try:
                    path = importlib.util.source_from_cache(path)
                except ValueError:
                    continue
            if not path.startswith(_DEVICES) and not interpreter.owns(path):
                yield path


def _named(notebook: Notebook, folder: Path) -> Iterator[str]:
    """Give the paths that strings in the notebook may name: some libraries read where nobody sees it."""
    for statement in notebook.statements:
        for text in string_literals(statement.code):
            if len(text) < 400 and text.isprintable() and any(letter.isalnum() for letter in text):  # noqa: PLR2004  # longer than any path
                yield os.path.normpath(folder.resolve() / text)


def _state(path: str) -> str:
    """Give what must stay the same of a path: a file's content, what a folder lists, or that it is not there."""
    found = Path(path)
    try:
        if found.is_file():
            return blake3.blake3().update_mmap(found).hexdigest()
        if found.is_dir():
            return f"lists {_digest(sorted(_listed(found)))}"
    except OSError:
        return "closed"
    return "absent"


def _listed(folder: Path) -> Iterator[str]:
    """Give a folder's entries but for hidden ones and what earlier exports made."""
    for entry in folder.iterdir():
        if not entry.name.startswith((".", "__pycache__")) and not (entry / RECORD).exists():
            yield entry.name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interpreter:
    """A Python and what is installed in it."""

    identity: str
    prefixes: tuple[str, ...]

    @classmethod
    def of(cls, python: str) -> _Interpreter | None:
        """Ask an interpreter; None where it does not answer."""
        try:
            done = subprocess.run(
                [python, "-c", _DESCRIBE], capture_output=True, text=True, check=True, timeout=60
            )
            version, path, *prefixes = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.SubprocessError):
            return None
        installed = [name for folder in path for name in _distributions(Path(folder or "."))]
        packages = [folder for folder in path if folder.endswith(("site-packages", "dist-packages"))]
        return cls(
            identity=_digest([python, version, path, installed]),
            prefixes=tuple(f"{prefix}{os.sep}" for prefix in (*prefixes, *packages)),
        )

    def owns(self, path: str) -> bool:
        """Whether a path lies in the interpreter's own folders."""
        return f"{path}{os.sep}".startswith(self.prefixes)


def _distributions(folder: Path) -> Iterable[str]:
    if not folder.is_dir():
        return ()
    return sorted(e.name for e in os.scandir(folder) if e.name.endswith((".dist-info", ".egg-info", ".pth")))


def _key(notebook: Notebook, folder: Path, interpreter: _Interpreter, seed: int) -> str:
    looks = any("environ" in cell.source or "getenv" in cell.source for cell in notebook.cells)
    return _digest(
        [
            [nbship.__version__, _own_files()],
            [interpreter.identity, str(folder.resolve()), seed],
            [[cell.index, cell.source] for cell in notebook.cells],
            sorted(os.environ.items()) if looks else [],
        ]
    )


def _own_files() -> list[list[object]]:
    """Give the state of our own code: a witness that was changed sees differently."""
    specs = [
        importlib.util.find_spec(name) for name in ("nbship", "nbship_magics")
    ]  # started by name, found by it
    ours = [Path(spec.origin).parent for spec in specs if spec is not None and spec.origin]
    files = [path for folder in ours for path in sorted(folder.glob("*.py"))]
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _kept(told: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of numbers what the package's tests state of them, and of files what facts are made from."""
    cells = {
        index: {key: told for key, told in cell.items() if key not in ("read", "written")}
        for index, cell in told["cells"].items()
    }
    summaries = {
        name: {
            key: float(f"{value:.10g}") if isinstance(value, float) else value for key, value in own.items()
        }
        for name, own in told["end"]["summaries"].items()
    }
    return {"cells": cells, "end": {**told["end"], "summaries": summaries}}


def _place(key: str) -> Path:
    return Path(user_cache_dir("nbship")) / "runs" / f"{key}.json"


def _write(path: Path, text: str) -> None:
    """Write an entry as a whole, for this user's eyes; then let the oldest go."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
        entries = sorted(path.parent.glob("*.json"), key=lambda entry: entry.stat().st_mtime, reverse=True)
        total = 0
        for entry in entries:
            total += entry.stat().st_size
            if total > MOST:
                entry.unlink(missing_ok=True)
    except OSError:  # a full or read-only disk: the next export runs the notebook
        return
