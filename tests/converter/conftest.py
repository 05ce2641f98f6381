from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True, scope="session")
def _no_run_of_another_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let tests remember runs in a folder of their own."""
    folder = tmp_path_factory.mktemp("remembered")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nbship_converter.runs.user_cache_dir", lambda _: str(folder))
        yield
