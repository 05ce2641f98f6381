from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

for _folder in ("", "gates", "monitoring"):  # fake_store, workshop and world, which tests share
    sys.path.insert(0, str(Path(__file__).parent / _folder))

if TYPE_CHECKING:
    from world import World

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def bikes() -> pd.DataFrame:
    return pd.read_csv(ROOT / "examples" / "data" / "bikeshare.csv")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("NBSHIP_HOME", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A model that is watched, day by day."""
    from world import World

    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[World]:
    """The same, cut after every 100 rows."""
    from world import World

    made = World(tmp_path, cut="100 rows")
    yield made
    made.close()
