from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from notebooks import notebook

from nbship.errors import InputError, RunError
from nbship_converter.effects import refuse_questions
from nbship_converter.magics import to_python
from nbship_converter.read import load, read


def _statements(text: str) -> list[str]:
    return [s.code.strip() for s in read(notebook(text), "test")[0].statements]


def _codes(text: str) -> list[str]:
    return [finding.code for finding in read(notebook(text), "test")[1]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("hello", "not a notebook (no JSON)"),
        ('{"a": 1}', "not a notebook (no nbformat)"),
        ('{"nbformat": 3, "worksheets": []}', "in format 3"),
        ('{"nbformat": 4, "metadata": {"language_info": {"name": "R"}}, "cells": []}', "language is R"),
    ],
)
def test_what_is_no_python_notebook_is_refused_with_a_remedy(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(content)
    with pytest.raises(InputError) as refused:
        load(path)
    assert says in str(refused.value)
    assert refused.value.help
    assert refused.value.exit_code == 2


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such notebook"):
        load(tmp_path / "none.ipynb")


def test_a_notebook_without_code_is_refused() -> None:
    with pytest.raises(InputError, match="no Python code"):
        read(notebook("#md # only words"), "test")


def test_front_end_magics_go_and_timed_lines_stay() -> None:
    assert _statements("%matplotlib inline\n%time y = g()\n!ls data\nx = 1") == ["y = g()", "x = 1"]
    assert _codes("%matplotlib inline\nx = 1\n!ls") == ["NB102", "NB106"]


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "x = 1\n\n",
        "def f():\n\n    return [\n  1]  # 2",
        "x = a % b",
        "\n\n  x = 1\n  y = 2",
        ">>> x = 1",
        "In [1]: x = 1",
        "x?\n,f a b\n/g 1\nfiles = !ls\n;h c",
        "if x:\n    %time y = 1\n    ... ",
        "",
    ],
)
def test_what_holds_no_magic_is_what_ipython_makes_of_it(source: str) -> None:
    transformer: Any = TransformerManager
    assert to_python(0, source)[0] == transformer().transform_cell(source)


def test_a_timed_cell_is_opened_and_a_repeated_one_left_out() -> None:
    assert _statements("%%time\nx = f()\n---\n%%timeit\ny = g()\n---\nz = 1") == ["x = f()", "z = 1"]


def test_an_install_line_is_left_out_and_told() -> None:
    assert _codes("!pip install shap\nx = 1") == ["NB104"]
    assert _statements("!pip install shap\nx = 1") == ["x = 1"]


def test_one_odd_cell_never_disables_the_rest() -> None:
    text = "x = 1\n---\nx = = 1\n---\n%%R\nplot(x)\n---\ny = x"
    assert _statements(text) == ["x = 1", "y = x"]
    assert _codes(text) == ["NB101", "NB105"]


def test_statements_on_one_line_get_their_own() -> None:
    assert _statements("a = 1; b = 2;") == ["a = 1", "b = 2"]


def test_the_comment_above_a_cells_first_statement_stays_with_it() -> None:
    (statement,) = read(notebook("# the hour goes round\nx = 1"), "test")[0].statements
    assert "# the hour goes round" in statement.code


def test_a_ship_magic_tags_its_cell() -> None:
    assert read(notebook("%%ship train\nmodel = fit()"), "test")[0].cells[0].step_tag == "train"


def test_headings_and_prose_belong_to_the_next_cell() -> None:
    text = "#md # Churn\n\nWho leaves, and *why*?\n---\n#md ## Load `it`\n\nFrom [here](there).\n---\nx = 1"
    parsed = read(notebook(text), "test")[0]
    assert (parsed.title, parsed.purpose) == ("Churn", "Who leaves, and why?")
    assert parsed.cells[0].heading == "Load it"
    assert "From here." in parsed.cells[0].prose


def test_a_percent_script_is_read_as_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(
        '# %% [markdown]\n# # Title\n# %% tags=["step:load"]\nx = 1\n# %%\n# %matplotlib inline\ny = x\n'
    )
    parsed = read(load(path), "script")[0]
    assert parsed.title == "Title"
    assert [cell.step_tag for cell in parsed.cells] == ["load", None]
    assert [s.code.strip() for s in parsed.statements] == ["x = 1", "y = x"]


def test_a_skipped_cell_is_neither_run_nor_read() -> None:
    parsed = read(notebook("x = 1\n---\ny = 2", tags={1: ["skip"]}), "test")[0]
    assert [cell.source for cell in parsed.cells] == ["x = 1", ""]
    assert len(parsed.statements) == 1


def test_a_notebook_that_asks_its_user_is_refused_with_a_remedy() -> None:
    parsed = read(notebook('x = 1\nn = int(input("how many"))'), "test")[0]
    with pytest.raises(RunError, match=r"cell 0, line 2: the notebook asks") as refused:
        refuse_questions(parsed)
    assert "environ" in refused.value.help


def test_outputs_of_any_size_do_not_matter() -> None:
    content = notebook("x = 1")
    content["cells"][0]["outputs"] = [{"output_type": "stream", "text": "x" * 1_000_000}]
    assert len(json.dumps(content)) > 1_000_000
    assert len(read(content, "test")[0].statements) == 1
