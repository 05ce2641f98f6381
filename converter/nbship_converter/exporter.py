"""``jupyter nbconvert --to nbship``, and so JupyterLab's *Save and Export As*: the repository as one .zip.

The notebook is never run here: what only a run can tell is missing, and nothing is proved.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import Exporter

from nbship_converter.export import Options, export

__all__ = ["NbshipExporter"]

#: Every entry of the archive has this time, so that the same notebook gives the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


class NbshipExporter(Exporter):
    """Gives a notebook as a zipped package, compiled from its text alone."""

    export_from_notebook = "nbship package (.zip)"
    output_mimetype = "application/zip"

    def _file_extension_default(self) -> str:
        return ".zip"

    def from_notebook_node(self, nb: Any, resources: Any = None, **kwargs: Any) -> Any:
        """Give (the archive as bytes, resources); raise InputError for what is no Python notebook."""
        notebook, resources = super().from_notebook_node(nb, resources, **kwargs)
        name = resources.get("metadata", {}).get("name") or "notebook"
        with tempfile.TemporaryDirectory(prefix="nbship-") as scratch:
            path = Path(scratch) / f"{name}.ipynb"
            path.write_text(json.dumps(nbformat.from_dict(notebook)), encoding="utf-8")
            done = export(
                path,
                Path(scratch) / "repository",
                Options(run=False, verify=False, offline=True, versioned=False),
            )
            return _zipped(done.path, done.package), resources


def _zipped(folder: Path, package: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(f"{package}/{path.relative_to(folder).as_posix()}", _TIME)
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
