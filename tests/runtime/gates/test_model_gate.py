from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as judged_by_sklearn
from sklearn.ensemble import RandomForestClassifier
from workshop import repository

from nbship.gates import metrics, model
from nbship.gates.candidate import Candidate, candidate_of
from nbship.gates.champion import Champion
from nbship.gates.verdict import Verdict

GATES = "[tool.nbship.gates.minimum]\naccuracy = 0.8\n"


def _data(rows: int) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    random = np.random.default_rng(2)
    features = pd.DataFrame(
        {"a": random.normal(size=rows), "b": random.normal(size=rows), "kind": random.integers(0, 3, rows)}
    )
    return features, (features["a"] + features["b"] > 0).to_numpy().astype(int)


def _trained(*, shuffled: bool = False) -> RandomForestClassifier:
    features, labels = _data(600)
    wanted = np.random.default_rng(3).permutation(labels) if shuffled else labels
    return RandomForestClassifier(40, random_state=1).fit(features[:300], wanted[:300])


def _judged(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    candidate: Any,
    champion: Any | None,
    rows: int = 300,
    gates: str = GATES,
) -> Verdict:
    repo = repository(folder, gates=gates)
    if champion is not None:
        monkeypatch.setattr(model, "champion_of", lambda _: Champion(shown="rides version 1", model=champion))
    features, labels = (part[300 : 300 + rows] for part in _data(600))
    kept = {"features": features, "labels": labels, "predictions": candidate.predict(features)}
    found = candidate_of(kept, "classification")
    assert isinstance(found, Candidate)
    return model.judged(repo, found)


def test_a_model_that_learnt_shuffled_labels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _judged(tmp_path, monkeypatch, _trained(shuffled=True), _trained())
    causes = {row.what: row.cause for row in found.failures}
    assert found.status == "failed"
    assert causes["accuracy"] == "the model is worse than [tool.nbship.gates] allows"
    assert (
        causes["accuracy against the champion"]
        == "on these rows the candidate is worse than the model that serves, and not by chance"
    )


def test_a_worse_model_is_refused_without_any_threshold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _judged(tmp_path, monkeypatch, _trained(shuffled=True), _trained(), gates="")
    whole = [row for row in found.failures if row.where == "rides version 1"]
    assert [row.cause for row in whole] == [
        "the candidate is worse than the model that serves, and not by chance"
    ] * 2


def test_an_equal_model_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _judged(tmp_path, monkeypatch, _trained(), _trained())
    assert found.status == "passed"
    assert found.rows[-1].found == "none of 3 slices is worse"


def test_twenty_rows_are_inconclusive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _judged(tmp_path, monkeypatch, _trained(shuffled=True), _trained(), rows=20)
    (row,) = found.rows
    assert (found.status, row.expected) == ("inconclusive", "at least 50 rows")
    assert row.found.startswith("20 rows; accuracy ")


def test_a_model_that_is_worse_in_one_slice_only_is_refused_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = _trained()

    class Uneven:
        def predict(self, features: pd.DataFrame) -> Any:
            said = good.predict(features)
            return np.where(features["kind"] == 1, 1 - said, said)

    found = _judged(tmp_path, monkeypatch, Uneven(), good, gates="")
    assert [row.where[:14] for row in found.failures if "slice" in row.where] == ["slice kind = 1"]


def test_without_a_registry_thresholds_decide_and_the_champion_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    found = _judged(tmp_path, monkeypatch, _trained(), None)
    assert {row.what: row.status for row in found.rows} == {"accuracy": "passed", "champion": "inconclusive"}
    required = f'[tool.nbship.gates]\nrequire = ["champion"]\n{GATES}'
    assert _judged(tmp_path, monkeypatch, _trained(), None, gates=required).status == "failed"


def test_a_repository_without_an_evaluation_is_inconclusive(tmp_path: Path) -> None:
    assert model.check_model(repository(tmp_path)).status == "inconclusive"


def test_the_measures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(4)
    labels, said = random.choice(list("abc"), 300), random.choice(list("abcd"), 300)
    found = metrics.values("classification", labels, said)
    assert found["accuracy"] == pytest.approx(judged_by_sklearn.accuracy_score(labels, said))
    assert found["f1_macro"] == pytest.approx(judged_by_sklearn.f1_score(labels, said, average="macro"))
    recall = judged_by_sklearn.recall_score(labels, said, average=None, labels=list("abc"))
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recall))
    numbers, guesses = random.normal(size=200), random.normal(size=200)
    found = metrics.values("regression", numbers, guesses)
    assert found["r2"] == pytest.approx(judged_by_sklearn.r2_score(numbers, guesses))
    mean = judged_by_sklearn.mean_absolute_error(numbers, guesses)
    assert found["mean_absolute_error"] == pytest.approx(mean)
    root = judged_by_sklearn.root_mean_squared_error(numbers, guesses)
    assert found["root_mean_squared_error"] == pytest.approx(root)
