"""What a gate needs to know of the repository that it runs in: ``[tool.nbship]``, read once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nbship import config
from nbship.errors import InputError
from nbship.gates.reference import FILE, Dataset

__all__ = ["Repository", "repository_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """An exported repository; ``gates`` and ``evaluation`` are the tables of that name, checked.

    ``data_dir`` is the folder with the data where it is not the repository's own.
    """

    root: Path
    package: str
    settings: config.Config
    gates: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, str] = field(default_factory=dict)
    notebook: Path | None = None
    data_dir: Path | None = None

    @property
    def source(self) -> Path:
        """The folder that holds the package."""
        return self.root / "src"

    @property
    def data(self) -> Path:
        """The folder with the data: ``PKG_DATA_DIR``, else ``data/``."""
        return self.data_dir or Path(os.environ.get(f"{self.package.upper()}_DATA_DIR") or self.root / "data")

    def gate(self, name: str, default: Any) -> Any:
        """Give a key of ``[tool.nbship.gates]``."""
        return self.gates.get(name, default)

    def datasets(self) -> tuple[list[Dataset], list[str]]:
        """Give the files with a contract, and the names of the others. Raises InputError where none were exported."""
        path = self.root / FILE
        if not path.is_file():
            raise InputError(
                "there is no data contract",
                where=FILE,
                help="export the notebook again, without --no-run: what it reads is seen in a run",
            )
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return [Dataset.from_json(row) for row in document["datasets"]], list(document["others"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                "the data contract cannot be read", where=FILE, help=f"`git checkout HEAD -- {FILE}`"
            ) from error

    def files(self) -> tuple[list[Dataset], list[str]]:
        """Give the same, and nothing where none were exported."""
        return self.datasets() if (self.root / FILE).is_file() else ([], [])

    def importable(self) -> None:
        """Let this process import the package, as the repository has it."""
        if str(self.source) not in sys.path:
            sys.path.insert(0, str(self.source))


def repository_at(start: Path) -> Repository:
    """Give the exported repository that a folder lies in. Raises InputError where it lies in none."""
    settings = config.load(start=start)
    table = config.table(start)
    package = table.get("package")
    if settings.project is None or package is None:
        raise InputError(
            "this is not a repository that nbship exported",
            where=start.name,
            help="call it in the folder that `nbship export --to` wrote",
        )
    return Repository(
        root=settings.project.parent,
        package=cast("str", package),
        settings=settings,
        gates=_gates(settings, table.get("gates", {})),
        evaluation=table.get("evaluation", {}),
        notebook=Path(table["notebook"]) if "notebook" in table else None,
    )


def _gates(settings: config.Config, own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the limits of the gates, as the organisation's policy has them. Raises PolicyError."""
    from nbship import policy

    rules = policy.of(settings)
    return own if rules is None else rules.applied("gates", own, project=str(settings.project))
