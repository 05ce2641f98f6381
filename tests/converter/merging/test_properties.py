"""Whatever the edits are: what is merged with nothing is the other, and no line written by hand is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nbship_converter.merge import merge

Functions = dict[str, list[int]]

_NAMES = st.sampled_from([f"f{number}" for number in range(5)])
_BODIES = st.lists(st.integers(0, 30), min_size=1, max_size=4)
_FUNCTIONS = st.dictionaries(_NAMES, _BODIES, max_size=4)
_REPOSITORIES = st.dictionaries(st.sampled_from(["a", "b"]), _FUNCTIONS, max_size=2)


def _module(functions: Functions, side: str) -> str:
    """Give a module; each line says whose it is, so that it can be told where it comes from."""
    parts = [
        f"def {name}():\n" + "".join(f"    {_line(number, side)}\n" for number in body)
        for name, body in functions.items()
    ]
    return '"""A module."""\n\n\n' + "\n\n".join(parts)


def _line(number: int, side: str) -> str:
    return f"x = {number}" if number % 3 else f"{side}_{number} = {number}"


def _files(repository: dict[str, Functions], side: str) -> dict[str, bytes]:
    return {f"src/p/{name}.py": _module(functions, side).encode() for name, functions in repository.items()}


@given(_REPOSITORIES, _REPOSITORIES)
@settings(max_examples=30, deadline=None)
def test_what_is_merged_with_nothing_is_the_other(
    one: dict[str, Functions], other: dict[str, Functions]
) -> None:
    base, side = _files(one, "base"), _files(other, "side")
    assert merge(base, base, side, package="p").files == side
    assert merge(base, side, base, package="p").files == side
    assert merge(base, side, side, package="p").files == side
    assert not merge(base, base, side, package="p").conflicts


@given(_REPOSITORIES, _REPOSITORIES, _REPOSITORIES)
@settings(max_examples=30, deadline=None)
def test_no_line_that_was_written_by_hand_is_lost(
    one: dict[str, Functions], by_hand: dict[str, Functions], new: dict[str, Functions]
) -> None:
    ours = _files(by_hand, "hand")
    done = merge(_files(one, "base"), ours, _files(new, "notebook"), package="p")
    merged = {line.strip() for text in done.files.values() for line in text.decode().splitlines()}
    written = {
        line.strip() for text in ours.values() for line in text.decode().splitlines() if "hand_" in line
    }
    assert written <= merged
