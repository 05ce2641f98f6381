"""What a repository of DVC says about itself: where its cache is, and its default remote. DVC is not needed for it."""

from __future__ import annotations

import configparser
from pathlib import Path

from nbship.snapshots import is_url

_FOLDER = ".dvc"


def root_of(folder: Path) -> Path | None:
    """Give the nearest folder upwards that ``dvc init`` was called in."""
    return next((here for here in (folder, *folder.parents) if (here / _FOLDER / "config").is_file()), None)


def cache_of(root: Path) -> Path:
    """Give the folder of DVC's cache, in the layout of our stores."""
    given = _settings(root).get("cache", {}).get("dir")
    return _resolved(root, given) if given else root / _FOLDER / "cache"


def remote_of(root: Path) -> str | None:
    """Give the address of the default remote, None where there is none."""
    settings = _settings(root)
    name = settings.get("core", {}).get("remote")
    url = settings.get(f'remote "{name}"', {}).get("url") if name else None
    if url is None or is_url(url):
        return url
    return str(_resolved(root, url))


def _resolved(root: Path, path: str) -> Path:
    """Give a path of the settings; DVC counts relative ones from its own folder."""
    return root.joinpath(_FOLDER, Path(path).expanduser()).resolve()


def _settings(root: Path) -> dict[str, dict[str, str]]:
    """Give DVC's settings; what stands in `config.local` counts more."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    for name in ("config", "config.local"):
        try:
            parser.read(root / _FOLDER / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # DVC will say so itself
    return {section.strip("'"): dict(parser[section]) for section in parser.sections()}
