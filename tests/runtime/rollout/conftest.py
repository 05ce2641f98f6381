from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # traffic, which tests share

if TYPE_CHECKING:
    from traffic import Traffic


@pytest.fixture
def traffic(tmp_path: Path) -> Iterator[Traffic]:
    """A model that is asked, its candidate, and a clock that goes when it is told to."""
    from traffic import Traffic

    made = Traffic(tmp_path)
    yield made
    made.close()
