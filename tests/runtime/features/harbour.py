"""A repository whose package computes features of ferry crossings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

START = datetime(2026, 7, 1, tzinfo=UTC)
PROJECT = """
[tool.nbship]
package = "ferries"

[tool.nbship.features.views.crossing]
function = "ferries.features:add"
source = "crossings.csv"
keys = ["pier", "boat"]
time = "at"
freshness = "2h"
owner = "harbour"
description = "How a crossing looks"
"""
FEATURES = '''
def load(cars, space):
    """Share of the deck that is taken."""
    return cars / space


def add(crossings, config):
    crossings["load"] = load(crossings["cars"], config.space)
    crossings["full"] = crossings["load"] > 0.9
    crossings["label"] = crossings["pier"].str.upper()
    return crossings
'''
CONFIG = (
    "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Config:\n    space: int = 40\n"
)


def crossings(rows: list[tuple[str, int, int, int]]) -> pd.DataFrame:
    """Crossings of (pier, boat, minutes after START, cars)."""
    piers, boats, minutes, cars = zip(*rows, strict=True)
    at = [START + timedelta(minutes=value) for value in minutes]
    return pd.DataFrame({"pier": piers, "boat": boats, "at": at, "cars": cars})
