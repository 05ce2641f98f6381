from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from nbship.errors import InputError
from nbship.features import views_of
from nbship.features.definition import definition_hash

WEATHER = {
    "function": "bikes.features:add",
    "keys": ["station"],
    "time": "at",
    "owner": "team-bikes",
    "freshness": "2h",
}
SOURCES = {
    "bikes.features": '''
from bikes.words import MILD, scale
from bikes import words
import numpy as np

HOURS = 24

def comfort(temp):
    """How it feels."""
    return scale(temp - MILD)

def add(frame):
    frame["comfort"] = comfort(frame["temp"])  # mild is best
    frame["turn"] = np.sin(frame["hr"] / HOURS) + words.OFFSET
    return frame

def other(frame):
    return frame
''',
    "bikes.words": "MILD = 0.5\nOFFSET = 1\nUNUSED = 3\ndef scale(x):\n    return x * 2\n",
}


def view(**changes: Any) -> Any:
    return views_of({"views": {"weather": {**WEATHER, **changes}}})["weather"]


def test_a_view_says_what_it_is_made_of() -> None:
    found = view()
    assert (found.module, found.attribute) == ("bikes.features", "add")
    assert found.keys == ("station",)
    assert found.freshness == timedelta(hours=2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"owner": ""}, "'owner' is missing"),
        ({"function": "bikes.features.add"}, "is no function"),
        ({"freshness": "two hours"}, "is no length of time"),
        ({"freshness": "0h"}, "is no length of time"),
        ({"time": "station"}, "'station' is named twice"),
        ({"keys": ["station", "station"]}, "list of different names"),
        ({"colums": ["a"]}, "unknown key 'colums'"),
    ],
)
def test_a_view_that_cannot_be_one_is_told_with_its_table(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=r"\[tool.nbship.features.views.weather\]") as told:
        view(**changes)
    assert said in told.value.what


def hashed(**changes: tuple[str, str]) -> str:
    texts = dict(SOURCES)
    for module, (before, after) in changes.items():
        name = f"bikes.{module}"
        assert before in texts[name]
        texts[name] = texts[name].replace(before, after)
    return definition_hash(texts, "bikes.features", "add")


@pytest.mark.parametrize(
    "change",
    [
        {"features": ("# mild is best", "")},
        {"features": ('"""How it feels."""', '"""How warm it feels."""')},
        {"features": ("def comfort(temp):", "def comfort(temp: float) -> float:")},
        {"features": ("    return frame\n\ndef other(frame):\n    return frame", "    return frame\n")},
        {"words": ("UNUSED = 3", "UNUSED = 4")},
        {"words": ("x * 2", "(x * 2)")},
    ],
)
def test_what_computes_nothing_leaves_the_definition_as_it_was(change: dict[str, tuple[str, str]]) -> None:
    assert hashed(**change) == hashed()


@pytest.mark.parametrize(
    "change",
    [
        {"features": ("HOURS = 24", "HOURS = 12")},
        {"features": ("temp - MILD", "temp + MILD")},
        {"features": ("import numpy as np", "import math as np")},
        {"words": ("MILD = 0.5", "MILD = 0.6")},
        {"words": ("OFFSET = 1", "OFFSET = 2")},
        {"words": ("x * 2", "x * 3")},
    ],
)
def test_what_the_function_reaches_is_part_of_its_definition(change: dict[str, tuple[str, str]]) -> None:
    assert hashed(**change) != hashed()


def test_a_function_that_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match="no function 'missing'"):
        definition_hash(SOURCES, "bikes.features", "missing")
