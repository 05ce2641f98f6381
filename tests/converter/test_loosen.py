"""What gives way where a type checker complains."""

from __future__ import annotations

from nbship_converter.loosen import Loosening, loosen

PLOT = """from __future__ import annotations

import matplotlib.pyplot as plt


def draw() -> None:
    plt.axis([0, 1, 2, 3])
"""


def test_a_list_that_is_handed_over_where_a_tuple_is_asked_for_becomes_one() -> None:
    message = 'Argument 1 to "axis" has incompatible type "list[int]"; expected "tuple[float, float, float, float] | bool | str | None"'
    changed = loosen(PLOT, [Loosening(line=7, column=13, code="arg-type", message=message)])
    assert "    plt.axis((0, 1, 2, 3))\n" in changed


def test_a_name_that_holds_one_type_after_another_is_declared_as_any() -> None:
    code = "def f(x: int) -> int:\n    y = x\n    y = str(x)\n    return x\n"
    message = 'Incompatible types in assignment (expression has type "str", variable has type "int")'
    changed = loosen(code, [Loosening(line=3, column=8, code="assignment", message=message)])
    assert "    y: Any\n" in changed
    assert "from typing import Any" in changed
