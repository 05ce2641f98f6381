from __future__ import annotations

import pytest

from nbship_magics import cells
from nbship_magics.cells import Fit
from nbship_magics.extension import without_step


def test_constants_at_the_top_level_are_knobs() -> None:
    text = cells.read(
        "", "N = 3\nrate: float = -0.1\na, b = 'x', True\n_hidden = 1\nxs = [1]\nfor i in xs:\n    k = 1\n"
    )
    assert dict(text.constants) == {"N": 3, "rate": -0.1, "a": "x", "b": True}


@pytest.mark.parametrize(
    "code",
    [
        "api_key = 'abc'",
        "PASSWORD = 'x'",
        "url = 'postgresql://me:secret@host/db'",
        "given = 'sk-abcdefghij0123456789'",
        "owner = 'ada@example.org'",
    ],
)
def test_secrets_are_not_kept(code: str) -> None:
    ((_, value),) = cells.read("", code).constants
    assert value == "<redacted>"


@pytest.mark.parametrize(
    ("code", "fit"),
    [
        ("m.fit(X, y)", Fit(estimator="m", frame="X")),
        ("m.fit(X=X, y=y)", Fit(estimator="m", frame="X")),
        ("m = Model().fit(X, y)", Fit(estimator="m", frame="X")),
        ("models['a'].fit(X)", Fit(estimator="models['a']", frame="X")),
        ("m.fit(df[FEATURES], y)", Fit(estimator="m", frame="df", columns="FEATURES")),
        ("m.fit(df[['a', 'b']], y)", Fit(estimator="m", frame="df", columns=("a", "b"))),
        ("m.fit(make(df), y)", Fit(estimator="m", frame=None)),
    ],
)
def test_a_fit_names_the_estimator_and_its_frame(code: str, fit: Fit) -> None:
    assert cells.read("", code).fits == (fit,)


def test_code_that_does_not_parse_says_nothing() -> None:
    assert cells.read("def (", "def (").constants == ()


def test_the_hash_of_a_cell_does_not_see_trailing_blanks() -> None:
    assert cells.source_hash("x = 1  \n") == cells.source_hash("x = 1")
    assert cells.source_hash("x = 1") != cells.source_hash("x = 2")


def test_a_step_line_is_blanked_and_nothing_else() -> None:
    assert cells.step_of("%%ship train\nx = 1") == "train"
    assert cells.step_of("%%ship\nx = 1") is None
    assert without_step(["%%ship features.add\n", "x = 1\n"]) == ["\n", "x = 1\n"]
    assert without_step(["%%time\n", "x = 1\n"]) == ["%%time\n", "x = 1\n"]
