"""Small programs made at random, cut into cells and tagged: the package must do what the notebook does."""

from __future__ import annotations

import ast
import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from notebooks import notebook
from rehearsal import rehearse

from nbship_converter.compile import compile_notebook
from nbship_converter.emit import emit
from nbship_converter.read import read

NUMBERS, LISTS = st.sampled_from(["a", "b"]), st.sampled_from(["xs", "ys"])
STATEMENTS = st.one_of(
    st.builds("{} = {} + 1".format, NUMBERS, NUMBERS),
    st.builds("{} += {}".format, NUMBERS, NUMBERS),
    st.builds("{}.append({})".format, LISTS, NUMBERS),
    st.builds("{} = {}".format, LISTS, LISTS),
    st.builds("{} = list({})".format, LISTS, LISTS),
    st.builds("{} = [i + {} for i in {}]".format, LISTS, NUMBERS, LISTS),
    st.builds("for i in {}[:2]:\n    {} += i".format, LISTS, NUMBERS),
    st.builds("if {} > 3:\n    {} = 2\nelse:\n    {}.append(7)".format, NUMBERS, NUMBERS, LISTS),
    st.builds("if {} > 6:\n    {} = {}".format, NUMBERS, NUMBERS, NUMBERS),
    st.builds("{} = f({})".format, NUMBERS, NUMBERS),
    st.builds("{} = g({})".format, NUMBERS, NUMBERS),
    st.builds("{} = h({})".format, NUMBERS, NUMBERS),
    st.builds("{}[:] = [f(i) for i in {}]".format, LISTS, LISTS),
    st.builds("t = {}\ndel t".format, NUMBERS),
)
OPENING = """a, b = int("1"), int("2")
xs = ys = [a]
def f(x):
    return x + b
def g(x):
    global a
    a = a % 10 + 1
    return f(x) % 100
h = lambda x: (x * a) % 50"""
TAGS = st.sampled_from(["step:data", "step:features", "step:train", "step:evaluate", "step:more"])


@st.composite
def notebooks(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Give a program's text, and the same as a notebook whose cells are all tagged."""
    parts = draw(st.lists(st.lists(STATEMENTS, min_size=1, max_size=3), min_size=1, max_size=4))
    cells = [OPENING, *("\n".join(part) for part in parts)]
    tags = {place: [draw(TAGS)] for place in range(len(cells))}
    return "\n".join(cells), notebook("\n---\n".join(cells), tags)


def _ends(code: str) -> bool:
    """Whether the program itself runs to its end."""
    with contextlib.suppress(Exception):
        exec(code, {})
        return True
    return False


@given(notebooks())
@settings(deadline=None, max_examples=25)
def test_what_is_emitted_parses_and_is_the_same_every_time(program: tuple[str, dict[str, Any]]) -> None:
    once, again = (_emitted(program[1]) for _ in range(2))
    assert once == again
    for text in once.values():
        ast.parse(text)


def _emitted(content: dict[str, Any]) -> dict[str, str]:
    parsed, _ = read(content, "demo")
    return emit(compile_notebook(parsed, None)[0], "demo")


@pytest.mark.slow
@given(notebooks())
@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
def test_running_the_package_equals_running_the_notebook(program: tuple[str, dict[str, Any]]) -> None:
    code, content = program
    assume(_ends(code))
    with TemporaryDirectory() as folder:
        names = rehearse(content, Path(folder)).verification.names
    assert set(names) >= {"a", "b", "xs", "ys"}
    assert set(names.values()) == {"equal"}, names
