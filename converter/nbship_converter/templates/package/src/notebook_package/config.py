"""What can be set from outside; the notebook's own constants are the defaults."""

from __future__ import annotations

import glob
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from notebook_package.sources import fetch

#: Names the folder with the data where no ``data_dir`` is given.
DATA_DIR_VARIABLE = "NOTEBOOK_PACKAGE_DATA_DIR"
#: Names where data files come from that lie in no folder: a JSON object, as ``sources``.
SOURCES_VARIABLE = "NOTEBOOK_PACKAGE_SOURCES"
#: ``data/`` of the repository that this file belongs to.
REPOSITORY_DATA = Path(__file__).resolve().parents[2] / "data"


@dataclass(frozen=True)
class Config:
    """Every setting of the pipeline, each also an option of the command line."""

    data_dir: Path | None = None
    output_dir: Path | None = None
    figures_dir: Path | None = None
    # name of a data file -> where it comes from instead of data_dir; see sources.py
    sources: dict[str, str] = field(default_factory=dict)

    def data(self, name: str | Path) -> Path:
        """Give the path of a file that is read: in ``data_dir``, else ``$NOTEBOOK_PACKAGE_DATA_DIR``, else ``data/``.

        What the pipeline has written itself is found among its outputs.
        """
        folder = self.data_dir or Path(os.environ.get(DATA_DIR_VARIABLE) or REPOSITORY_DATA)
        inside = _inside(name)
        written = self.output_folder() / inside
        path = Path(folder) / Path(*inside.parts[inside.parts[:1] == ("data",) :])
        source = self.source_of(path.relative_to(folder).as_posix()) if path.is_relative_to(folder) else None
        if source is not None:
            fetched = self.output_folder() / "fetched" / path.relative_to(folder)
            return fetch(source, fetched, path.with_name(f"{path.name}.dvc"))
        return written if written.exists() and not path.exists() else path

    def source_of(self, name: str) -> str | None:
        """Give where a data file comes from: ``sources``, else ``$NOTEBOOK_PACKAGE_SOURCES``, a JSON object."""
        named: dict[str, str] = json.loads(os.environ.get(SOURCES_VARIABLE) or "{}")
        return self.sources.get(name, named.get(name))

    def matching(self, pattern: str | Path) -> list[str]:
        """Give the names of the data files that match, each as the pattern has it: ``../data/*.csv`` gives ``../data/a.csv``."""
        text = str(pattern)
        wild = min((text.find(sign) for sign in "*?[" if sign in text), default=len(text))
        base = text[: text.rfind("/", 0, wild) + 1]
        folder = self.data(base or ".")
        found = glob.glob(text[len(base) :], root_dir=folder, recursive=True)
        return [base + name for name in found]

    def output(self, name: str | Path) -> Path:
        """Give the path of a file that the pipeline writes; its folder is made."""
        path = self.output_folder() / _inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def output_folder(self) -> Path:
        """Give the folder for what the pipeline writes: ``output_dir``, else ``output/`` where it is run."""
        return Path(self.output_dir or "output")

    def working_folder(self) -> Path:
        """Give the folder for what the pipeline writes, made if it is not there: shell commands run in it."""
        folder = self.output_folder()
        folder.mkdir(parents=True, exist_ok=True)
        return folder.resolve()


def _inside(name: str | Path) -> Path:
    """Give a path as the notebook has it without the ``../`` in front; an absolute one stays."""
    path = Path(name)
    return path if path.is_absolute() else Path(*(part for part in path.parts if part != ".."))
