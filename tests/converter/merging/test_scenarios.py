"""What becomes of a hand edit when the notebook is exported again: one test a story."""

from __future__ import annotations

import ast

from versions import BASE, ORIGINS, TRAIN, changed, merged, texts, without

FIT = "src/churn/train.py"
PIPELINE = "src/churn/pipeline.py"
LOAD = "src/churn/data.py"
CONFIG = "src/churn/config.py"
SCORE = TRAIN[TRAIN.index("\n\ndef score") :]
BY_HAND = ("    weights = np.ones(len(y))\n", "    weights = np.ones(len(y)) * 2  # as agreed\n")
IN_NOTEBOOK = ("    r2 = model.score(x, y)\n", "    r2 = model.score(scaled(x), y)\n")
HEAD = "def fit(x: np.ndarray, y: np.ndarray, config: Config) -> Ridge:"
NARROW = "def fit(\n    x: np.ndarray,\n    y: np.ndarray,\n    config: Config,\n) -> Ridge:"


def test_an_edit_here_stays_when_nothing_changed_there() -> None:
    ours = changed(FIT, BY_HAND)
    done = merged(ours, BASE)
    assert texts(done) == ours
    assert not done.conflicts


def test_a_change_there_arrives_when_nothing_was_edited_here() -> None:
    theirs = changed(FIT, IN_NOTEBOOK)
    done = merged(BASE, theirs)
    assert texts(done) == theirs
    assert not done.conflicts


def test_edits_in_two_functions_of_a_module_meet() -> None:
    done = merged(changed(FIT, BY_HAND), changed(FIT, IN_NOTEBOOK))
    assert texts(done) == changed(FIT, BY_HAND, IN_NOTEBOOK)
    assert not done.conflicts


def test_neighbouring_lines_of_two_functions_do_not_touch() -> None:
    ours = changed(FIT, ("values / values.max()\n", "values / values.std()\n"))
    theirs = changed(FIT, (HEAD, HEAD.replace("config: Config", "config: Config, seed: int")))
    done = merged(ours, theirs)
    assert not done.conflicts
    assert "values.std()" in texts(done)[FIT]
    assert "seed: int" in texts(done)[FIT]


def test_edits_in_two_places_of_one_function_meet() -> None:
    ours = changed(FIT, ("    x = scaled(x)\n", "    x = scaled(x) + 1\n"))
    done = merged(ours, changed(FIT, ("    return model\n", "    model.fitted = True\n    return model\n")))
    assert not done.conflicts
    assert "scaled(x) + 1" in texts(done)[FIT]
    assert "model.fitted = True" in texts(done)[FIT]


def test_one_line_changed_on_both_sides_is_a_conflict_as_git_shows_it() -> None:
    done = merged(changed(FIT, BY_HAND), changed(FIT, ("np.ones(len(y))", "np.zeros(len(y))")))
    (conflict,) = done.conflicts
    assert (conflict.path, conflict.names, conflict.kind) == (FIT, ("fit",), "both")
    text = texts(done)[FIT]
    for line in ("<<<<<<< edited by hand\n", "||||||| last export\n", "=======\n", ">>>>>>> notebook\n"):
        assert text.count(line) == 1
    for line in ("* 2  # as agreed\n", "np.zeros(len(y))\n", "np.ones(len(y))\n"):
        assert text.count(line) == 1
    assert "def score" in text.split(">>>>>>>")[1], "the other functions are merged"


def test_the_same_change_on_both_sides_is_no_conflict() -> None:
    both = changed(FIT, BY_HAND)
    assert texts(merged(both, both)) == both


def test_a_renamed_step_carries_the_edit_along() -> None:
    theirs = changed(FIT, ("def fit(x", "def fit_ridge(x"))
    calls = ("import fit, score", "import fit_ridge, score"), ("= fit(x", "= fit_ridge(x")
    theirs = changed(PIPELINE, *calls, files=theirs)
    origins = {**ORIGINS, FIT: {"fit_ridge": ["c2", "c3"], "score": ["c4"], "scaled": ["c0"]}}
    done = merged(changed(FIT, BY_HAND), theirs, origins=origins)
    assert not done.conflicts
    assert texts(done) == changed(FIT, BY_HAND, files=theirs)


def test_a_step_renamed_and_rewritten_is_known_by_its_cells() -> None:
    body = TRAIN[TRAIN.index("def fit") : TRAIN.index("def score")]
    more = "    weights = np.ones(len(y))\n    penalty = 2 * config.alpha\n    rounds = 7\n"
    other = body.replace("def fit", "def learn").replace("    weights = np.ones(len(y))\n", more)
    theirs = changed(FIT, (body, other.replace("Ridge(alpha=config.alpha)", "Ridge(penalty)")))
    calls = ("import fit, score", "import learn, score"), ("= fit(x", "= learn(x")
    theirs = changed(PIPELINE, *calls, files=theirs)
    origins = {**ORIGINS, FIT: {"learn": ["c2", "c9"], "score": ["c4"], "scaled": ["c0"]}}
    done = merged(
        changed(FIT, ("Fit the model.", "Fit the model by least squares.")), theirs, origins=origins
    )
    assert not done.conflicts
    text = texts(done)[FIT]
    assert "def learn" in text
    assert "by least squares" in text
    assert "rounds = 7" in text
    assert "def fit(" not in text


def test_a_step_moved_to_another_module_takes_the_edit_and_its_imports_along() -> None:
    theirs = changed(FIT, (SCORE, ""))
    head = '"""Judging the model."""\n\nfrom __future__ import annotations\n\n'
    imports = "import numpy as np\nfrom sklearn.linear_model import Ridge\n"
    theirs["src/churn/evaluate.py"] = head + imports + SCORE
    two = "from churn.evaluate import score\nfrom churn.train import fit\n"
    theirs = changed(PIPELINE, ("from churn.train import fit, score\n", two), files=theirs)
    log = ("    return float(r2)\n", '    logging.info("r2 %s", r2)\n    return float(r2)\n')
    ours = changed(FIT, ("import numpy as np\n", "import logging\n\nimport numpy as np\n"), log)
    origins = {
        **ORIGINS,
        FIT: {"fit": ["c2", "c3"], "scaled": ["c0"]},
        "src/churn/evaluate.py": {"score": ["c4"]},
    }
    done = merged(ours, theirs, origins=origins)
    assert not done.conflicts
    there = texts(done)["src/churn/evaluate.py"]
    assert "logging.info" in there
    assert "import logging\n" in there
    assert "def score" not in texts(done)[FIT]
    assert texts(done)[PIPELINE] == theirs[PIPELINE]


def test_a_module_renamed_in_the_notebook_brings_along_what_was_added_by_hand() -> None:
    check = "def _check(x: np.ndarray) -> None:\n    assert x.ndim == 1\n\n\ndef score("
    ours = changed(FIT, BY_HAND, ("def score(", check))
    theirs = without(FIT)
    theirs["src/churn/model.py"] = TRAIN
    theirs = changed(PIPELINE, ("churn.train", "churn.model"), files=theirs)
    done = merged(ours, theirs, origins={**ORIGINS, "src/churn/model.py": ORIGINS[FIT]})
    assert not done.conflicts
    assert FIT not in done.files
    assert texts(done)["src/churn/model.py"] == ours[FIT]
    assert texts(done)[PIPELINE] == theirs[PIPELINE]


def test_a_function_moved_by_hand_to_a_module_of_the_users_own_gets_the_notebooks_change() -> None:
    ours = changed(FIT, (SCORE, ""))
    imports = "import numpy as np\nfrom sklearn.linear_model import Ridge\n"
    ours["src/churn/judging.py"] = f'"""Mine."""\n\n{imports}\nLIMIT = 0.5\n{SCORE}'
    two = "from churn.judging import score\nfrom churn.train import fit\n"
    ours = changed(PIPELINE, ("from churn.train import fit, score\n", two), files=ours)
    done = merged(ours, changed(FIT, ("model.score(x, y)\n", "model.score(x, y) ** 2\n")))
    assert not done.conflicts
    assert "** 2" in texts(done)["src/churn/judging.py"]
    assert "LIMIT = 0.5" in texts(done)["src/churn/judging.py"]
    assert "def score" not in texts(done)[FIT]
    assert texts(done)[PIPELINE] == ours[PIPELINE]


def test_a_function_renamed_by_hand_gets_the_notebooks_change_under_the_new_name() -> None:
    ours = changed(FIT, ("def score(", "def r_squared("))
    calls = ("import fit, score", "import fit, r_squared"), ("= score(model", "= r_squared(model")
    ours = changed(PIPELINE, *calls, files=ours)
    theirs = changed(FIT, IN_NOTEBOOK)
    report = "from churn.train import score\n\n\ndef report() -> None:\n    print(score)\n"
    theirs["src/churn/report.py"] = report
    done = merged(ours, theirs)
    assert not done.conflicts
    assert "r2 = model.score(scaled(x), y)" in texts(done)[FIT]
    assert "def r_squared(" in texts(done)[FIT]
    assert "def score(" not in texts(done)[FIT]
    assert texts(done)["src/churn/report.py"] == report.replace("score", "r_squared")
    assert texts(done)[PIPELINE] == ours[PIPELINE]


def test_a_module_renamed_by_hand_gets_the_notebooks_change() -> None:
    ours = without(FIT)
    ours["src/churn/training.py"] = TRAIN
    ours = changed(PIPELINE, ("churn.train", "churn.training"), files=ours)
    done = merged(ours, changed(FIT, IN_NOTEBOOK))
    assert not done.conflicts
    assert FIT not in done.files
    assert "scaled(x), y)" in texts(done)["src/churn/training.py"]


def test_reformatting_by_hand_never_conflicts_and_stays_where_nothing_changed() -> None:
    line = "def score(model: Ridge, x: np.ndarray, y: np.ndarray) -> float:"
    split = "def score(\n    model: Ridge, x: np.ndarray, y: np.ndarray\n) -> float:"
    done = merged(changed(FIT, (HEAD, NARROW), (line, split)), changed(FIT, IN_NOTEBOOK))
    assert not done.conflicts
    assert NARROW in texts(done)[FIT], "the formatting of what did not change is the user's"
    assert "model.score(scaled(x), y)" in texts(done)[FIT]


def test_a_function_reformatted_and_edited_takes_a_change_elsewhere_in_it() -> None:
    ours = changed(FIT, (HEAD, NARROW), ("    return model\n", "    model.mine = 1\n    return model\n"))
    theirs = changed(FIT, (HEAD, HEAD.replace("config: Config", "config: Config, seed: int")))
    done = merged(ours, theirs)
    assert not done.conflicts
    assert "model.mine = 1" in texts(done)[FIT]
    assert "seed: int" in texts(done)[FIT]


def test_a_file_with_a_syntax_error_is_merged_as_text() -> None:
    ours = changed(FIT, ("    weights = np.ones(len(y))\n", "    weights = np.ones(len(y)\n"))
    done = merged(ours, changed(FIT, IN_NOTEBOOK))
    assert not done.conflicts
    assert "weights = np.ones(len(y)\n" in texts(done)[FIT]
    assert "model.score(scaled(x), y)" in texts(done)[FIT]


def test_a_vanished_step_that_nobody_edited_goes() -> None:
    done = merged(changed(FIT, BY_HAND), changed(FIT, (SCORE, "")))
    assert not done.conflicts
    assert "def score" not in texts(done)[FIT]
    assert "# as agreed" in texts(done)[FIT]


def test_a_vanished_step_that_was_edited_is_a_conflict_and_not_lost() -> None:
    ours = changed(FIT, ("    return float(r2)\n", "    return round(float(r2), 3)\n"))
    done = merged(ours, changed(FIT, (SCORE, "")))
    (conflict,) = done.conflicts
    assert conflict.names == ("score",)
    assert "return round(float(r2), 3)\n" in texts(done)[FIT]


def test_a_vanished_module_leaves_what_was_added_to_it_by_hand() -> None:
    own = "def clipped(values: np.ndarray) -> np.ndarray:\n    return np.clip(values, 0, 1)\n\n\ndef load("
    done = merged(changed(LOAD, ("def load(", own)), without(LOAD))
    assert not done.conflicts
    left = texts(done)[LOAD]
    assert "def clipped" in left
    assert "import numpy as np" in left
    assert "def load" not in left
    ast.parse(left)


def test_a_file_deleted_by_hand_stays_deleted() -> None:
    assert LOAD not in merged(without(LOAD), changed(FIT, IN_NOTEBOOK)).files


def test_a_file_deleted_by_hand_whose_step_changed_is_there_again_and_told() -> None:
    theirs = changed(LOAD, ("rows.csv", "more.csv"))
    done = merged(without(LOAD), theirs)
    (conflict,) = done.conflicts
    assert (conflict.path, conflict.kind) == (LOAD, "gone here")
    assert texts(done)[LOAD] == theirs[LOAD]


def test_a_function_deleted_by_hand_stays_deleted_until_the_notebook_changes_it() -> None:
    ours = changed(FIT, (SCORE, ""))
    assert "def score" not in texts(merged(ours, changed(FIT, BY_HAND)))[FIT]
    assert merged(ours, changed(FIT, IN_NOTEBOOK)).conflicts[0].names == ("score",)


def test_imports_are_merged_as_sets() -> None:
    use = ("    return float(r2)\n", "    print(json.dumps(r2))\n    return float(r2)\n")
    ours = changed(FIT, ("import numpy as np\n", "import json\n\nimport numpy as np\n"), use)
    more = ("    x = scaled(x)\n", "    x = scaled(x)\n    Lasso()\n")
    theirs = changed(FIT, ("import Ridge\n", "import Lasso, Ridge\n"), more)
    done = merged(ours, theirs)
    assert not done.conflicts
    assert "import json\n" in texts(done)[FIT]
    assert "from sklearn.linear_model import Lasso, Ridge\n" in texts(done)[FIT]


def test_an_import_that_the_notebook_drops_stays_where_a_hand_edit_needs_it() -> None:
    use = ("    return table", "    pd.DataFrame(table)\n    return table")
    base = changed(LOAD, ("import numpy as np\n", "import numpy as np\nimport pandas as pd\n"), use)
    doc = '    """Load the rows."""\n'
    ours = changed(LOAD, (doc, f"{doc}    print(pd.__version__)\n"), files=base)
    done = merged(ours, BASE, base=base)
    assert not done.conflicts
    assert "import pandas as pd\n" in texts(done)[LOAD]
    assert "pd.DataFrame" not in texts(done)[LOAD]


def test_settings_added_here_and_there_stand_side_by_side() -> None:
    last = "    folds: int = 5\n"
    ours = changed(CONFIG, (last, f"{last}    threads: int = 4  # per worker\n"))
    theirs = changed(CONFIG, (last, f"{last}    rounds: int = 9\n"))
    done = merged(ours, theirs)
    assert not done.conflicts
    assert "threads: int = 4  # per worker\n" in texts(done)[CONFIG]
    assert "rounds: int = 9\n" in texts(done)[CONFIG]


def test_two_settings_changed_meet_and_one_changed_on_both_sides_is_a_conflict() -> None:
    ours = changed(CONFIG, ("alpha: float = 0.5", "alpha: float = 0.7"))
    folds = ("folds: int = 5", "folds: int = 10")
    assert texts(merged(ours, changed(CONFIG, folds))) == changed(CONFIG, folds, files=ours)
    both = merged(ours, changed(CONFIG, ("alpha: float = 0.5", "alpha: float = 0.9")))
    assert [(one.path, one.names) for one in both.conflicts] == [(CONFIG, ("Config",))]


def test_pyproject_is_merged_key_by_key() -> None:
    path = "pyproject.toml"
    ours = changed(
        path,
        ('version = "0.1.0"', 'version = "0.2.0"  # released'),
        ("line-length = 110\n", "line-length = 88\n"),
        ('    "numpy==2.1.0",\n', '    "numpy==2.1.0",\n    "structlog>=24",\n'),
    )
    mypy = ("[tool.ruff]\n", "[tool.mypy]\nstrict = true\n\n[tool.ruff]\n")
    done = merged(ours, changed(path, ('"scikit-learn==1.5.0"', '"scikit-learn==1.5.2"'), mypy))
    assert not done.conflicts
    text = texts(done)[path]
    for line in (
        'version = "0.2.0"  # released\n',
        "line-length = 88\n",
        '"structlog>=24"',
        "strict = true\n",
    ):
        assert line in text
    assert '"scikit-learn==1.5.2"' in text
    assert "1.5.0" not in text


def test_one_key_of_pyproject_changed_on_both_sides_has_markers_around_it_alone() -> None:
    path = "pyproject.toml"
    ours = changed(path, ("numpy==2.1.0", "numpy>=2"), ("line-length = 110", "line-length = 88"))
    theirs = changed(
        path, ("numpy==2.1.0", "numpy==2.2.0"), ("[tool.nbship]\n", "[tool.nbship]\nschema = 2\n")
    )
    done = merged(ours, theirs)
    assert [one.path for one in done.conflicts] == [path]
    text = texts(done)[path]
    assert text.count("<<<<<<<") == 1
    assert "schema = 2" in text
    assert "line-length = 88" in text


def test_a_lock_is_merged_by_requirement() -> None:
    path = "requirements.lock"
    own = "structlog==24.1.0 \\\n    --hash=sha256:dd\n"
    ours = changed(path, ("    --hash=sha256:cc\n", f"    --hash=sha256:cc\n{own}"))
    theirs = changed(path, ("scipy==1.14.0", "scipy==1.15.0"), ("sha256:cc", "sha256:ee"))
    done = merged(ours, theirs)
    assert not done.conflicts
    assert texts(done)[path] == theirs[path] + own


def test_a_readme_is_merged_as_text() -> None:
    ours = changed("README.md", ("notebook says.\n", "notebook says, and what we know.\n"))
    proof = ("Status: equal.\n", "Status: different.\n")
    assert texts(merged(ours, changed("README.md", proof))) == changed("README.md", proof, files=ours)


def test_data_changed_on_both_sides_is_never_mixed() -> None:
    path = "data/rows.csv"
    ours, theirs = changed(path, ("1 2\n", "1 9\n")), changed(path, ("3 4\n", "3 8\n"))
    done = merged(ours, theirs)
    assert texts(done)[path] == ours[path]
    assert texts(done)[f"{path}.export"] == theirs[path]
    assert [one.kind for one in done.conflicts] == ["beside"]


def test_a_test_file_that_both_have_written_holds_the_tests_of_both() -> None:
    path = "tests/test_train.py"
    ours = {**BASE, path: "from churn.train import fit\n\n\ndef test_mine() -> None:\n    assert fit\n"}
    theirs = {
        **BASE,
        path: "from churn.train import score\n\n\ndef test_score() -> None:\n    assert score\n",
    }
    done = merged(ours, theirs)
    assert not done.conflicts
    assert "from churn.train import fit, score\n" in texts(done)[path]
    assert "def test_mine" in texts(done)[path]
    assert "def test_score" in texts(done)[path]


def test_files_of_the_users_own_stay_byte_for_byte() -> None:
    own = {
        "src/churn/own.py": "from churn.train import fit\nx   =  1\n",
        "tests/test_own.py": "from churn.train import fit\n",
    }
    theirs = changed(FIT, ("def fit(x", "def fit_ridge(x"))
    calls = ("import fit, score", "import fit_ridge, score"), ("= fit(x", "= fit_ridge(x")
    theirs = changed(PIPELINE, *calls, files=theirs)
    done = merged(
        {**BASE, **own}, theirs, origins={**ORIGINS, FIT: {"fit_ridge": ["c2", "c3"], "score": ["c4"]}}
    )
    assert {path: texts(done)[path] for path in own} == own


def test_two_steps_that_swap_their_names_keep_their_edits() -> None:
    swapped = TRAIN.replace("def fit(", "def other(").replace("def score(", "def fit(")
    theirs = {**BASE, FIT: swapped.replace("def other(", "def score(")}
    calls = ("= fit(x, y, config)", "= score(x, y, config)"), ("= score(model, x, y)", "= fit(model, x, y)")
    theirs = changed(PIPELINE, *calls, files=theirs)
    origins = {**ORIGINS, FIT: {"score": ["c2", "c3"], "fit": ["c4"], "scaled": ["c0"]}}
    done = merged(changed(FIT, BY_HAND), theirs, origins=origins)
    assert not done.conflicts
    text = texts(done)[FIT]
    assert "# as agreed" in text[text.index("def score(x") :].split("def fit(")[0]
