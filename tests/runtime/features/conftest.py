from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harbour import CONFIG, FEATURES, PROJECT, crossings

from nbship.features.store import FeatureStore


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository with a package of its own; its modules are forgotten afterwards."""
    root = tmp_path / "ferries-repository"
    package = root / "src" / "ferries"
    package.mkdir(parents=True)
    (root / "data").mkdir()
    (root / "pyproject.toml").write_text(PROJECT)
    (package / "__init__.py").write_text("")
    (package / "features.py").write_text(FEATURES)
    (package / "config.py").write_text(CONFIG)
    crossings([("north", 1, 0, 10), ("north", 2, 5, 38), ("south", 1, 30, 20), ("north", 1, 60, 40)]).to_csv(
        root / "data" / "crossings.csv", index=False
    )
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(root)
    monkeypatch.syspath_prepend(str(root / "src"))
    yield root
    for name in [name for name in sys.modules if name.partition(".")[0] == "ferries"]:
        del sys.modules[name]


@pytest.fixture
def store(repository: Path) -> FeatureStore:
    return FeatureStore.at(repository)
