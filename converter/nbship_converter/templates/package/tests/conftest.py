"""One run of the pipeline serves all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from recording import Recording, record

from notebook_package.config import Config
from notebook_package.pipeline import Results


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings of the test run: what it writes goes to a temporary folder."""
    folder = Path(tmp_path_factory.mktemp("output"))
    return Config(output_dir=folder, figures_dir=folder / "figures")


@pytest.fixture(scope="session")
def recorded(config: Config) -> Recording:
    """What each step did with the notebook's own settings."""
    return record(config)


@pytest.fixture(scope="session")
def results(recorded: Recording) -> Results:
    """What the pipeline makes with the notebook's own settings."""
    return recorded.results
