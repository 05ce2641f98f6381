"""The inference path: what becomes of a notebook's lines for one new record, and whether that is what the notebook says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from notebooks import notebook
from rehearsal import run_notebook

from nbship_converter.compile import compile_notebook
from nbship_converter.evaluation import evaluation_of
from nbship_converter.export import data_files
from nbship_converter.merge import fill
from nbship_converter.project import Project, sources
from nbship_converter.proof import link_data
from nbship_converter.read import read
from nbship_converter.serving.module import ServedModule, Shown
from nbship_converter.serving.slicing import inference_of
from nbship_converter.serving.trial import Tried, try_out

HEAD = """import pandas as pd
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier
from sklearn.preprocessing import StandardScaler, LabelEncoder
df = pd.read_csv("rows.csv")
---
"""
TAIL = """
y = df["y"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=1)
model = DecisionTreeClassifier(random_state=0).fit(X_train, y_train)
acc = model.score(X_test, y_test)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Sixty rows with a number that is missing in places, two categories, and a class."""
    with TemporaryDirectory() as scratch:
        lines = ["age,town,pay,y"]
        for row in range(60):
            age = "" if row % 9 == 0 else str(20 + row * 7 % 41)
            lines.append(f"{age},{'abc'[row % 3]},{100 + row * 37 % 91},{int(row * 7 % 41 > 19)}")
        (Path(scratch) / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield Path(scratch)


def _served(cells: str, folder: Path) -> tuple[str, Tried]:
    """Give the module and how its trial ended; a finding alone where the slice says that it cannot serve."""
    content = notebook(HEAD + cells + TAIL)
    parsed, _ = read(content, "demo", folder)
    facts = run_notebook(parsed, folder).facts
    program, _ = compile_notebook(parsed, facts)
    evaluation = evaluation_of(program, facts)
    assert evaluation is not None
    inference, findings = inference_of(program, facts, evaluation)
    if inference is None:
        return "", Tried(finding=findings[0])
    plan = Project(
        program=program,
        facts=facts,
        package="demo",
        python="",
        content=content,
        data=data_files(folder, facts),
        evaluation=evaluation,
    )
    module = ServedModule(program, facts, "demo", inference, evaluation)
    text = module.predictor(Shown())
    with TemporaryDirectory() as scratch, TemporaryDirectory() as data:
        fill(Path(scratch), sources(plan))
        (Path(scratch) / "src" / "demo" / "predict.py").write_text(text, encoding="utf-8")
        link_data(plan, Path(data))
        return text, try_out(module, Path(scratch) / "src", Path(data), python=sys.executable, variables={})


@pytest.mark.parametrize(
    ("cells", "learnt", "required"),
    [
        (
            "df['age'] = df['age'].fillna(df['age'].median())\nX = df[['age', 'pay']]",
            "age_median = df['age'].median()",
            ("age", "pay"),
        ),
        (
            "le = LabelEncoder()\nfor c in ['town']:\n    df[c] = le.fit_transform(df[c])\nX = df.drop(['y', 'age'], axis=1)",
            "le_by[c] = copy.deepcopy(le)",
            ("town", "pay"),
        ),
        (
            (
                "df['pay'] = (df['pay'] - df['pay'].mean()) / df['pay'].std()\n"
                "X = pd.get_dummies(df[['pay', 'town']], drop_first=True)"
            ),
            "pay_std = df['pay'].std()",
            ("town", "pay"),
        ),
        (
            "df = df.dropna().reset_index(drop=True)\nX = StandardScaler().fit_transform(df[['age', 'pay']])",
            "standard_scaler.fit_transform(df[['age', 'pay']])",
            ("age", "pay"),
        ),
    ],
    ids=["a median", "an encoder in a loop", "by hand and dummies", "an index that is made anew"],
)
def test_what_is_learnt_is_carried_and_records_get_what_the_notebook_says(
    cells: str, learnt: str, required: tuple[str, ...], folder: Path
) -> None:
    text, tried = _served(cells, folder)
    assert tried.finding is None
    assert tried.shown is not None
    assert tried.shown.required == required
    assert tried.shown.compared >= 15
    if "fit_transform" not in learnt:
        assert learnt in text


@pytest.mark.parametrize(
    ("cells", "code", "said"),
    [
        ("X = df[['pay']].rank()", "NB431", "looks at other rows"),
        (
            "df['age'] = df['age'].fillna(df.groupby('town')['age'].transform('mean'))\nX = df[['age']]",
            "NB431",
            "looks at the other rows of a group",
        ),
        (
            "df['z'] = df['y'] * 2 + df['pay']\nX = df[['z']]",
            "NB432",
            "`y`, which is what is to be predicted",
        ),
        (
            "def centred(frame):\n    return frame - frame.mean()\nX = centred(df[['pay']])",
            "NB433",
            "the first feature that differs is `pay`",
        ),
    ],
    ids=["a rank", "a group", "the target", "a function that learns"],
)
def test_what_cannot_serve_is_a_finding_and_no_predictor(
    cells: str, code: str, said: str, folder: Path
) -> None:
    _, tried = _served(cells, folder)
    assert tried.shown is None
    assert tried.finding is not None
    assert tried.finding.code == code
    assert said in tried.finding.message
