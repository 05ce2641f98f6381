from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from index import hashed


@pytest.fixture(autouse=True, scope="session")
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let tests remember runs in a folder of their own, and ask no package index."""
    folder = tmp_path_factory.mktemp("remembered")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nbship_converter.runs.user_cache_dir", lambda _: str(folder))
        patch.setattr("nbship_converter.export.ask", hashed)
        yield
