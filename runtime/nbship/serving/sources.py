"""Where a server learns which versions are wanted, and gets them from."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nbship.errors import InputError, StoreError
from nbship.serving.settings import Table

if TYPE_CHECKING:
    from nbship.config import Config
    from nbship.rollout.plan import Assignment

_FETCH_S = 600
FOLDER = "serving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """A version's folder, and the fingerprint that it must have for anything of it to be opened."""

    folder: Path
    digest: str | None


class Source(Protocol):
    """What a supervisor asks, in threads. Both may take long, and raise NbshipError."""

    def assignment(self) -> tuple[int, Assignment]:
        """Give the revision of the live assignment, and the assignment."""
        ...

    def files(self, version: int) -> Files:
        """Give a version's files, fetched where they are not here."""
        ...


class OneFolder:
    """A folder of this machine, served as it is: who names it has signed it off."""

    def __init__(self, path: Path, model: str) -> None:
        if not (path / "MLmodel").is_file():
            raise InputError(
                "this folder is no MLflow model", where=str(path), help="it must hold a file MLmodel"
            )
        self._path = path
        self._table = Table(model=model, champion=1)

    def assignment(self) -> tuple[int, Assignment]:
        """Give version 1 as champion."""
        return 0, self._table

    def files(self, version: int) -> Files:
        """Give the folder."""
        del version
        return Files(folder=self._path, digest=None)


class Registered:
    """The registry: the assignment from nbship's database, and the versions' files from MLflow, kept in home.

    A version is fetched once, by a process of its own (MLflow takes seconds and memory), and kept with the
    fingerprint that it had to have: from then on it can be loaded while MLflow is away.
    """

    def __init__(self, config: Config, model: str) -> None:
        from nbship.registry.assignments import Assignments

        self._assignments = Assignments(config)
        self._cache = cache_of(config, model)
        self._model = model

    def assignment(self) -> tuple[int, Assignment]:
        """Give what the database says."""
        found = self._assignments.of(self._model)
        return found.revision, found

    def files(self, version: int) -> Files:
        """Give a version's files, fetched if they are not here."""
        note = self._cache / f"{version}.json"
        if not note.is_file():
            self._fetch(version)
        return Files(
            folder=self._cache / str(version),
            digest=str(json.loads(note.read_text(encoding="utf-8"))["files"]),
        )

    def _fetch(self, version: int) -> None:
        command = [sys.executable, "-m", "nbship.serving.fetching", self._model, str(version)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_FETCH_S)
        except subprocess.TimeoutExpired as error:
            raise StoreError(f"version {version} could not be fetched in {_FETCH_S} s") from error
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise StoreError(said[-1] if said else f"version {version} could not be fetched")


def cache_of(config: Config, model: str) -> Path:
    """Give the folder that keeps the versions of a model; its name is safe whatever the model's is."""
    slug = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in model)[:80]
    return config.home / FOLDER / f"{slug}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"
