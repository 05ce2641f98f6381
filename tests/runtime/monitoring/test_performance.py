from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from sklearn import metrics
from world import World

from nbship.errors import DataError
from nbship.monitoring import grading, performance
from nbship.monitoring.grading import Grader
from nbship.monitoring.labels import Labels, Source, join, labels_of
from nbship.monitoring.records import as_table


def labels(rows: Sequence[tuple[Any, Any]]) -> Labels:
    table = pa.table({"request": [key for key, _ in rows], "label": [value for _, value in rows]})
    return labels_of(table, key="request", label="label")


def write(path: Path, rows: Sequence[tuple[Any, Any]], head: tuple[str, str] = ("request", "label")) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


@pytest.mark.parametrize(("hits", "rows"), [(0, 5), (5, 5), (37, 40), (1, 1)])
def test_a_share_has_the_exact_interval(hits: int, rows: int) -> None:
    theirs = stats.binomtest(hits, rows).proportion_ci(0.95, method="exact")
    found = performance.share("accuracy", hits, rows)
    assert (found.low, found.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))


def test_figures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(500)
    truth, answers = (rng.random(500) < p).astype(int), (p > 0.4).astype(int)
    found = {
        item.name: item.value for item in performance.classification(truth.tolist(), answers.tolist(), p, "1")
    }
    assert found == {
        "accuracy": pytest.approx(metrics.accuracy_score(truth, answers)),
        "precision": pytest.approx(metrics.precision_score(truth, answers)),
        "recall": pytest.approx(metrics.recall_score(truth, answers)),
        "brier": pytest.approx(metrics.brier_score_loss(truth, p)),
        "roc_auc": pytest.approx(metrics.roc_auc_score(truth, p)),
    }
    y, said = rng.normal(size=300), rng.normal(size=300)
    numbers = {item.name: item.value for item in performance.regression(y, said)}
    assert numbers["mae"] == pytest.approx(metrics.mean_absolute_error(y, said))
    assert numbers["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, said))


def test_intervals_hold_what_is_true() -> None:
    rng = np.random.default_rng(4)
    held = {"mae": 0, "roc_auc": 0}
    auc = float(stats.norm.cdf(1 / np.sqrt(2)))
    for _ in range(200):
        (mae, *_) = performance.regression(np.zeros(200), rng.normal(size=200))
        held["mae"] += mae.low <= np.sqrt(2 / np.pi) <= mae.high
        truth = rng.random(200) < 0.5
        score = rng.normal(size=200) + truth
        found = performance._auc(score, truth)
        held["roc_auc"] += found.low <= auc <= found.high
    assert all(180 <= times <= 199 for times in held.values()), held


def test_the_same_rows_give_the_same_figures() -> None:
    error = np.random.default_rng(1).normal(size=500)
    assert performance.regression(np.zeros(500), error) == performance.regression(np.zeros(500), error)
    large = performance.regression(np.zeros(50_000), np.resize(error, 50_000))
    assert large[0].low < large[0].value < large[0].high


def test_an_estimate_is_right_where_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.5, 1, 4000)
    right = rng.random(4000) < p
    none = np.array([])
    found = performance.estimate(p, labelled=none, right=none)
    assert found.accuracy is not None
    assert found.accuracy.low <= right.mean() <= found.accuracy.high
    assert "no label has checked" in found.note
    checked = performance.estimate(p, labelled=p[:500], right=right[:500])
    assert checked.accuracy is not None
    refuted = performance.estimate(p, labelled=p[:500], right=rng.random(500) < p[:500] - 0.2)
    assert refuted.accuracy is None
    assert "probabilities are off" in refuted.note
    assert performance.estimate(none, labelled=none, right=none).accuracy is None
    assert performance.estimate(p + 1, labelled=none, right=none).accuracy is None


def test_a_true_calibration_is_rarely_refuted() -> None:
    rng = np.random.default_rng(8)
    refuted = 0
    for _ in range(500):
        p = rng.uniform(0.5, 1, 300)
        found = performance.calibration(p, rng.random(300) < p)
        refuted += found is not None and found < performance.CALIBRATION_P
    assert refuted <= 15


def test_adwin_finds_where_the_error_went_up_and_only_up() -> None:
    rng = np.random.default_rng(0)
    shares = np.repeat([0.1, 0.3, 0.05], 3000)
    found = performance.changes([float(value) for value in rng.random(9000) < shares])
    assert len(found) == 1
    assert 3000 < found[0] < 3500
    assert performance.changes([0.0, 1.0] * 2000) == []
    assert performance.changes([]) == []


def test_labels_that_come_twice_count_once_and_those_that_disagree_not_at_all(world: World) -> None:
    asked = world.rows(0, 6)
    table = world.log.read(world.log.parts(1).parts[0])
    found = labels(
        [
            (asked[0], 1.0),
            (asked[1], 1.0),
            (asked[1], 1.0),
            (asked[2], 1.0),
            (asked[2], 2.0),
            (asked[3], None),
            (asked[4], float("nan")),
            (None, 1.0),
            ("unknown", 1.0),
        ]
    )
    assert found.repeated == 1
    joined = join(table, found)
    assert joined.rows.column("request").to_pylist() == asked[:2]
    assert (joined.missing, joined.conflicting, joined.repeated) == (3, 1, 0)
    twice = join(pa.concat_tables([table, table]), found)
    assert (len(twice.truth), twice.repeated) == (2, 6)


def test_numbers_and_words_name_the_same_class() -> None:
    (found, *_) = performance.classification([1, True, "yes", 2.0], [1.0, "True", "yes", "2"])
    assert found.value == 1.0


def test_no_truth_at_all_is_no_crash() -> None:
    assert performance.classification([], []) == []
    assert performance.regression(np.array([np.nan]), np.array([1.0])) == []
    empty, _ = as_table([])
    assert grading.grade(empty, labels([])) is None


def regressing(world: World, days: Sequence[float], folder: Path) -> Grader:
    """A model whose error on each day is as told; the truth is in one file a day."""
    for day, error in enumerate(days):
        asked = world.rows(day, 200)
        rows = world.log.window(1, *_day(day)).table
        said = dict(
            zip(rows.column("request").to_pylist(), rows.column("output.prediction").to_pylist(), strict=True)
        )
        write(folder / f"{day}.csv", [(key, said[key] + error * world.rng.normal()) for key in asked])
    return Grader(world.monitor(), Source(str(folder), key="request", label="label"))


def _day(day: float) -> tuple[Any, Any]:
    from world import DAY, START

    return START + day * DAY, START + (day + 1) * DAY


def test_answers_that_get_worse_raise_an_alert_with_their_figures(world: World, tmp_path: Path) -> None:
    grader = regressing(world, [1.0, 1.0, 2.0], tmp_path / "labels")
    world.run(3.1)
    assert grader.run() == []
    scores = world.ledger.scores(world.stream)
    assert [row["figures"][0]["value"] for _, row in sorted(scores.items())] == pytest.approx(
        [0.8, 0.8, 1.6], rel=0.15
    )
    assert world.open_alerts()["performance:mae"] == "critical"
    assert world.open_alerts()["performance:error stream"] == "warning"
    told = world.events()
    grader.run()
    Grader(world.monitor(), Source(str(tmp_path / "labels"), key="request", label="label")).run()
    assert world.events() == told


def test_labels_may_come_in_any_order_and_late(world: World, tmp_path: Path) -> None:
    asked = world.rows(0, 300)
    world.run(1.1)
    folder = tmp_path / "labels"
    source = Source(str(folder), key="request", label="label")
    grader = Grader(world.monitor(), source)
    assert grader.run() == []
    write(folder / "first.csv", [(key, 0.0) for key in asked[:50]])
    grader.run()
    (score,) = world.ledger.scores(world.stream).values()
    assert (score["labelled"], score["missing"], score["spoke"]) == (50, 250, False)
    pq.write_table(pa.table({"request": asked[50:], "label": np.zeros(250)}), folder / "second.parquet")
    grader.run()
    (score,) = world.ledger.scores(world.stream).values()
    assert (score["labelled"], score["missing"], score["spoke"]) == (300, 0, True)


def test_bad_files_of_labels_are_told_and_the_others_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    write(folder / "good.csv", [("a", 1), ("b", 0)])
    write(folder / "other.csv", [("a", 1)], head=("id", "y"))
    folder.joinpath("torn.parquet").write_bytes(b"PAR1")
    folder.joinpath("empty.csv").write_bytes(b"")
    folder.joinpath("readme.md").write_text("no table")
    write(folder / "words.csv", [("c", "yes")])
    found = Source(str(folder), key="request", label="label").read()
    assert found is not None
    assert found.values == {"a": "1", "b": "0", "c": "yes"}
    assert len(found.problems) == 4
    nothing = Source(str(tmp_path / "none"), key="request", label="label").read()
    assert nothing is not None
    assert nothing.values == {}


def test_a_classifier_is_estimated_before_any_label(world: World) -> None:
    for place in range(20):
        p = 0.55 + place / 50
        outputs = {"prediction": "yes", "probability.yes": p, "probability.no": 1 - p}
        world.rows(0, 10, outputs=outputs)
    world.run(1.1)
    Grader(world.monitor(), None).run()
    (score,) = world.ledger.scores(world.stream).values()
    assert score["estimate"]["accuracy"]["value"] == pytest.approx(
        np.mean([0.55 + n / 50 for n in range(20)])
    )
    assert score["missing"] == 200


def test_one_column_of_probabilities_tells_both_classes(world: World) -> None:
    asked = world.rows(0, 30, outputs={"prediction": 0, "probability.1": 0.2})
    table = world.log.read(world.log.parts(1).parts[0])
    found = grading.grade(table, labels([(key, int(place % 5 == 0)) for place, key in enumerate(asked)]))
    assert found is not None
    assert found.estimate is not None
    assert found.estimate.accuracy is not None
    assert found.estimate.accuracy.value == pytest.approx(0.8)
    assert found.main is not None
    assert found.main.value == pytest.approx(0.8)


def test_another_word_for_the_task_is_refused() -> None:
    assert grading.as_task("regression") == "regression"
    with pytest.raises(DataError, match="ranking"):
        grading.as_task("ranking")
