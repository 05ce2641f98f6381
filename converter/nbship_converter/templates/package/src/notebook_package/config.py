"""What can be set from outside; the notebook's own constants are the defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: Names the folder with the data where no ``data_dir`` is given.
DATA_DIR_VARIABLE = "NOTEBOOK_PACKAGE_DATA_DIR"
#: ``data/`` of the repository that this file belongs to.
REPOSITORY_DATA = Path(__file__).resolve().parents[2] / "data"


@dataclass(frozen=True)
class Config:
    """Every setting of the pipeline, each also an option of the command line."""

    data_dir: Path | None = None
    output_dir: Path | None = None
    figures_dir: Path | None = None

    def data(self, name: str) -> Path:
        """Give the path of a data file: in ``data_dir``, else ``$NOTEBOOK_PACKAGE_DATA_DIR``, else ``data/``."""
        folder = self.data_dir or Path(os.environ.get(DATA_DIR_VARIABLE) or REPOSITORY_DATA)
        written = self.output_folder() / name
        path = Path(folder) / name
        return written if written.exists() and not path.exists() else path

    def output(self, name: str) -> Path:
        """Give the path of a file that the pipeline writes; its folder is made."""
        path = self.output_folder() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def output_folder(self) -> Path:
        """Give the folder for what the pipeline writes: ``output_dir``, else ``output/`` where it is run."""
        return Path(self.output_dir or "output")
