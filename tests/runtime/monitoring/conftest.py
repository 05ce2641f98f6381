from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from world import World

from nbship.monitoring.windows import parse


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[World]:
    """The same, cut after every 100 rows."""
    made = World(tmp_path, cut="100 rows", spec=parse("100 rows"))
    yield made
    made.close()
