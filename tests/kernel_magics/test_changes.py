"""What a cell changes in place is seen wherever the change is made, and what is not compared is never called unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbship_magics.changes import BYTES_PER_S, Changes, Seen, reach

SETUP = """
import numpy as np, pandas as pd
seen, table, nested = [], pd.DataFrame({"a": range(3)}), {"k": [1]}
other = table
def add(value): seen.append(value)
def deep(): add(3)
class Counter:
    def __init__(self): self.n = 0
    def count(self):
        self.n += 1
        table["z"] = self.n
counter = Counter()
"""


@pytest.fixture
def ready(kernel: Any) -> Any:
    kernel.run(SETUP)
    return kernel


def _last(kernel: Any, code: str) -> tuple[set[str], set[str]]:
    kernel.run(code)
    fact = kernel.facts("cell")[-1]
    return set(fact.changed), set(fact.unchecked)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("seen.append(1)", {"seen"}),
        ("deep()", {"seen"}),
        ("other['b'] = 1", {"table", "other"}),
        ("counter.count()", {"table", "other", "counter"}),
        ("nested['j'] = 1", {"nested"}),
        ("len(seen), table.sum()", set()),
    ],
)
def test_a_change_is_seen_through_functions_methods_and_aliases(
    ready: Any, code: str, changed: set[str]
) -> None:
    found, unchecked = _last(ready, code)
    assert found | unchecked >= changed
    assert found <= changed
    assert not changed - found - unchecked


def test_what_only_a_nested_object_would_tell_is_unchecked(ready: Any) -> None:
    assert _last(ready, "nested['k'].append(2)") == (set(), {"nested"})


def _ticks(step: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step


def _after(namespace: dict[str, Any], step: float, duration_s: float) -> Seen:
    ticks = _ticks(step)
    changes = Changes(namespace, clock=lambda: next(ticks))
    changes.before(namespace)
    namespace["array"][0] = -1
    return changes.after([], duration_s)


def test_a_change_within_the_time_is_seen() -> None:
    assert _after({"array": np.ones(10)}, 0.0, 0.0) == Seen(changed=("array",), unchecked=())


def test_what_is_too_large_for_the_time_is_unchecked() -> None:
    array = np.ones(int(BYTES_PER_S // 8 // 500))
    assert _after({"array": array}, 0.0, 0.0) == Seen(changed=(), unchecked=("array",))


def test_when_the_time_is_up_the_rest_is_unchecked() -> None:
    assert _after({"array": np.ones(10)}, 1.0, 0.0) == Seen(changed=(), unchecked=("array",))


def test_a_long_cell_leaves_time_for_large_data_of_the_next() -> None:
    array = np.ones(int(BYTES_PER_S // 8 // 500))
    changes = Changes({"array": array}, clock=lambda: 0.0)
    changes.before(["array"])
    assert changes.after([], 60.0).unchecked == ("array",)
    changes.before(["array"])
    array[-1] = 5
    assert changes.after([], 60.0).changed == ("array",)


def test_an_object_that_raises_at_every_touch_is_unchecked() -> None:
    class Bad:
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    changes = Changes({"bad": Bad(), "frame": pd.DataFrame({"a": [1]})})
    changes.before(["bad", "frame"])
    assert "bad" in changes.after([], 60.0).unchecked


def test_names_are_reached_through_calls_but_not_beyond() -> None:
    namespace: dict[str, Any] = {"a": [1], "b": [2]}
    exec("def f(): return a\ndef g(): return f()", namespace)  # functions of the user's
    assert reach(["g"], namespace) >= {"g", "f", "a"}
    assert "b" not in reach(["g"], namespace)
