from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

for _folder in ("", "monitoring"):  # fake_store and world, which tests share
    sys.path.insert(0, str(Path(__file__).parent / _folder))

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
