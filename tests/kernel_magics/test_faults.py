"""Objects that raise or cost whatever is done to them: the user's cell runs as if nbship were not there."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

RAISING = """
class Odd:
    def _no(self, *a): raise RuntimeError('no')
    __eq__ = __ne__ = __repr__ = __str__ = __array__ = __len__ = __bool__ = __hash__ = __iter__ = _no
odd, odds, named = Odd(), [Odd()], {'k': Odd()}
"""
SHY = """
class Shy:
    def __getattribute__(self, name): raise RuntimeError(name)
shy, shies = Shy(), [Shy()]
"""
CLASSES = """
class Meta(type):
    def __getattr__(cls, name): raise RuntimeError(name)
class Strange(metaclass=Meta): pass
strange, kinds = Strange(), [Strange]
"""


@pytest.mark.parametrize("source", [RAISING, SHY, CLASSES], ids=["operators", "attributes", "metaclass"])
def test_an_object_that_raises_costs_neither_the_cell_nor_its_record(kernel: Any, source: str) -> None:
    names = [
        line.split(" = ")[0] for line in source.splitlines() if " = " in line and not line.startswith(" ")
    ]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert kernel.run(source + "ALPHA = 1").success
        assert kernel.run(f"held = [{names[0]}]\nBETA = 2").success
    assert [str(item.message) for item in told if "nbship" in str(item.message)] == []
    assert [fact.name for fact in kernel.facts("parameter")] == ["ALPHA", "BETA"]
    assert len(kernel.facts("cell")) == 2


def test_an_object_is_asked_for_nothing_however_slow_its_answers_are(kernel: Any) -> None:
    source = (
        "asked = []\nclass Slow:\n    def __getattr__(self, name): asked.append(name); raise AttributeError(name)\n"
        "    def __eq__(self, other): asked.append('=='); return True\n"
        "    def __repr__(self): asked.append('repr'); return ''\n"
        "    def __len__(self): asked.append('len'); return 0\n"
        "    def __array__(self, *a, **k): asked.append('array'); raise TypeError\n"
        "    __hash__ = object.__hash__\n"
        "slow, slows = Slow(), [Slow()]"
    )
    kernel.run(source)
    kernel.run("again = slow; slows.append(slow)")
    kernel.facts()
    assert kernel.shell.user_ns["asked"] == []
