"""What the panel asks of an open notebook: its steps, and what is to be known of its cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nbship.errors import InputError
from nbship.state import coding, documents
from nbship_converter.questions import cells

EXAMPLE = Path(__file__).parents[2] / "examples" / "bikeshare.ipynb"


def notebook(
    *sources: str, counts: tuple[int | None, ...] = (), tags: dict[int, str] | None = None
) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"c{place}",
            "source": source,
            "metadata": {"tags": [tags[place]]} if tags and place in tags else {},
            "execution_count": counts[place] if counts else None,
            "outputs": [],
        }
        for place, source in enumerate(sources)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": rows}


def ask(content: Any, name: str = "churn.ipynb") -> documents.Proposals:
    found = cells({"notebook": content, "name": name})
    return coding.decoded(documents.Proposals, json.dumps(found))


LOAD, FIT = (
    'import pandas as pd\ndf = pd.read_csv("x.csv")',
    "from sklearn.svm import SVC\nmodel = SVC().fit(df, df.y)",
)


def test_the_example_comes_out_as_its_tags_say() -> None:
    found = ask(json.loads(EXAMPLE.read_text()))
    tagged = {step.name: step for step in found.steps if step.tagged}
    assert {"load", "add_features", "train"} <= set(tagged)
    assert tagged["add_features"].cells == ("rush", "circle")
    assert tagged["train"].inputs == ("X_train", "y_train")


def test_accepting_every_proposal_changes_no_step() -> None:
    content = json.loads(EXAMPLE.read_text())
    for cell in content["cells"]:
        cell["metadata"].pop("tags", None)
    before = ask(content)
    assert not any(step.tagged for step in before.steps)
    for step in before.steps:
        for index in step.indexes:
            content["cells"][index].setdefault("metadata", {})["tags"] = [step.tag]
    after = ask(content)
    assert all(step.tagged for step in after.steps)
    assert [(s.module, s.name, s.cells) for s in after.steps] == [
        (s.module, s.name, s.cells) for s in before.steps
    ]


def test_a_proposal_says_why_and_how_surely() -> None:
    load, fit = ask(notebook(LOAD, FIT)).steps
    assert (load.module, load.cells, load.outputs) == ("data", ("c0",), ("df",))
    assert "read_csv" in load.reason
    assert 0 < load.confidence <= 1
    assert (fit.module, fit.inputs) == ("train", ("df",))


def test_an_untagged_cell_that_a_tagged_one_needs_is_told() -> None:
    found = ask(notebook(LOAD, FIT, tags={1: "step:train"})).problems
    (problem,) = [item for item in found if item.code == "untagged-needed"]
    assert (problem.cell, problem.index, problem.severity) == ("c0", 0, "warning")
    assert "`df`" in problem.message
    codes = {item.code for item in ask(notebook(LOAD, FIT, tags={0: "step:load", 1: "step:train"})).problems}
    assert "untagged-needed" not in codes


def test_cells_that_ran_out_of_order_or_not_at_all_are_told() -> None:
    found = ask(notebook("a = 1", "b = a", "c = b", "d = c", counts=(2, 1, 3, None))).problems
    assert [(item.code, item.cell) for item in found if item.code in {"out-of-order", "not-run"}] == [
        ("out-of-order", "c1"),
        ("not-run", "c3"),
    ]
    fresh = ask(notebook("a = 1", "b = a", counts=(None, None))).problems
    assert not [item for item in fresh if item.code == "not-run"]


def test_a_cell_that_is_no_python_is_a_problem_of_that_cell_only() -> None:
    found = ask(notebook(LOAD, "for x in (", FIT))
    assert [problem.cell for problem in found.problems if problem.code == "NB101"] == ["c1"]
    assert [step.cells for step in found.steps] == [("c0",), ("c2",)]


@pytest.mark.parametrize("sources", [(), ("",), ("  \n",)])
def test_an_empty_notebook_has_no_steps_and_no_problems(sources: tuple[str, ...]) -> None:
    assert ask(notebook(*sources)) == documents.Proposals(steps=(), problems=())


@pytest.mark.parametrize(
    "content",
    [None, "text", [], {}, {"nbformat": 3}, {"nbformat": 4, "cells": "x"}, {"nbformat": 4, "cells": [1]}],
)
def test_what_is_no_notebook_is_refused(content: Any) -> None:
    with pytest.raises(InputError) as error:
        ask(content)
    assert error.value.help


def test_an_open_notebook_reads_nothing_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`%run` and modules beside the notebook name files; whoever posts a notebook must not learn what is in them."""
    (tmp_path / "secret.py").write_text("password = 'hunter22'\n")
    monkeypatch.chdir(tmp_path)
    found = ask(notebook("%run secret.py", "import secret\nprint(secret.password)", LOAD))
    assert "hunter22" not in json.dumps(coding.plain(found))
