from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

# where modules stand that tests share: fake_models, fake_store, harbour, postgresql, room, workshop, world
for _folder in ("", "features", "gates", "monitoring", "registry", "serving"):
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


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL server that this test session has to itself."""
    import postgresql

    if postgresql.program("initdb") is None or find_spec("psycopg") is None:
        pytest.skip("needs PostgreSQL (Debian: postgresql) and psycopg")
    with postgresql.server() as address:
        yield address


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """The same server, with none of our tables in it."""
    import psycopg

    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgresql_server


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
