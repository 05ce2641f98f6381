"""A small repository as an export leaves it, that the tests of the gates break in one way after the other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from nbship.gates.reference import Dataset, reference_profile
from nbship.gates.settings import Repository, repository_at

CONTRACTS = '''
import pandera.pandas as pa


class Rides(pa.DataFrameModel):
    """``data/rides.csv``."""

    hour: int = pa.Field(ge=0, le=23)
    km: float = pa.Field(ge=0.0, le=200.0)
    fee: float = pa.Field(ge=0.0, le=40.0)
    sky: str = pa.Field(isin=["clear", "cloudy", "rain"])

    class Config:
        """Every one of these columns, and no other."""

        strict = True
'''
CONFIG = """
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    data_dir: Path | None = None
    output_dir: Path | None = None
"""
PIPELINE = """
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rides.config import Config


@dataclass(frozen=True)
class Results:
    rides: Any
    mean: float


def load(config: Config) -> Any:
    return pd.read_csv(config.data_dir / "rides.csv")


def measure(rides: Any) -> float:
    return float(rides["km"].mean())


def run(config: Config = Config()) -> Results:
    rides = load(config)
    mean = measure(rides)
    return Results(rides=rides, mean=mean)
"""


def rides(rows: int = 2000) -> pd.DataFrame:
    """Give the data that the notebook had."""
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "hour": random.integers(0, 24, rows),
            "km": random.gamma(3.0, 4.0, rows).round(2),
            "fee": random.normal(12.0, 2.0, rows).clip(1.0).round(2),
            "sky": random.choice(["clear", "cloudy", "rain"], rows, p=[0.6, 0.3, 0.1]),
        }
    )


def repository(folder: Path, *, gates: str = "", pipeline: str = PIPELINE) -> Repository:
    """Lay the repository out, and give it."""
    package = folder / "src" / "rides"
    for place in (package, folder / "data", folder / ".nbship"):
        place.mkdir(parents=True, exist_ok=True)
    settings = f'[tool.nbship]\npackage = "rides"\n{gates}'
    texts = {"contracts.py": CONTRACTS, "config.py": CONFIG, "pipeline.py": pipeline, "__init__.py": ""}
    (folder / "pyproject.toml").write_text(settings)
    for name, text in texts.items():
        (package / name).write_text(text)
    frame = rides()
    frame.to_csv(folder / "data" / "rides.csv", index=False)
    dataset = Dataset(
        path="rides.csv",
        reader="pandas.read_csv",
        options={},
        model="Rides",
        rows=len(frame),
        duplicates=0,
        profile=reference_profile(frame),
    )
    document = {"schema": 1, "datasets": [dataset.to_json()], "others": []}
    (folder / ".nbship" / "data.json").write_text(json.dumps(document))
    return repository_at(folder)
