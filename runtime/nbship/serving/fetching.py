"""Brings a version's files from MLflow into home, if they are those that were registered.

python -m nbship.serving.fetching MODEL VERSION
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

from nbship import config, names, packing, store
from nbship.errors import DataError, NbshipError
from nbship.serving.sources import cache_of


def fetch(settings: config.Config, model: str, version: int) -> Path:
    """Give the folder of a version, fetched and compared. Nothing of it is opened. Raises NbshipError."""
    from nbship.registry import Registry

    client = Registry(settings).client
    cache = cache_of(settings, model)
    scratch = cache / f".{version}.{os.getpid()}"
    with store.speaking_to(settings.tracking_uri):
        from mlflow.artifacts import download_artifacts

        expected = client.get_model_version(model, str(version)).tags.get(names.TAG_FILES)
        if not expected:
            raise DataError(
                f"version {version} of {model!r} is not signed off: nobody has recorded what its files must be",
                help=f"look at it, then `nbship sign {model} {version}`",
            )
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            uri = f"models:/{model}/{version}"
            got = Path(download_artifacts(uri, dst_path=str(scratch), tracking_uri=settings.tracking_uri))
            return _keep(got, cache, version, expected)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def sign(settings: config.Config, model: str, version: int) -> str:
    """Record what a version's files are as what they must be, and give it. Raises NbshipError."""
    from nbship.registry import Registry

    client = Registry(settings).client
    with store.speaking_to(settings.tracking_uri), tempfile.TemporaryDirectory() as folder:
        from mlflow.artifacts import download_artifacts

        got = download_artifacts(
            f"models:/{model}/{version}", dst_path=folder, tracking_uri=settings.tracking_uri
        )
        found = packing.digest(Path(got))
        client.set_model_version_tag(model, str(version), names.TAG_FILES, found)
    return found


def _keep(got: Path, cache: Path, version: int, expected: str) -> Path:
    found = packing.digest(got)
    if found != expected:
        raise DataError(
            f"the files of version {version} in the store are not those that were registered",
            help="nothing of it was opened. Look who has changed them",
        )
    folder = cache / str(version)
    shutil.rmtree(folder, ignore_errors=True)
    got.rename(folder)
    note = cache / f"{version}.json"
    scratch = note.with_suffix(f".{os.getpid()}")
    scratch.write_text(json.dumps({"files": expected}) + "\n", encoding="utf-8")
    scratch.replace(note)
    return folder


def main() -> None:
    """Fetch; the last line of standard error says why it could not be."""
    logging.disable(logging.WARNING)
    try:
        fetch(config.load(), sys.argv[1], int(sys.argv[2]))
    except NbshipError as error:
        print(str(error).replace("\n", "; "), file=sys.stderr)  # noqa: T201  # what a process says
        sys.exit(1)


if __name__ == "__main__":
    main()
