from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nbship.errors import DataError
from nbship.monitoring.labels import Labels
from nbship.monitoring.records import Prediction, as_table
from nbship.profile import Profile, profile
from nbship.rollout import evidence
from nbship.rollout.criteria import DriftSeen

START = datetime(2026, 1, 1, tzinfo=UTC)


def rows(answers: list[Any], *, outcome: dict[int, Any] | None = None, **more: Any) -> pa.Table:
    """Rows of requests r0, r1, ... with these answers, of which some have another outcome."""
    found: list[Prediction] = []
    for place, answer in enumerate(answers):
        how = (outcome or {}).get(place, "ok")
        outputs = {"prediction": answer} if how == "ok" else {}
        given = {"inputs": {"temp": float(place)}, "latency_s": 0.01, **more}
        at = START + timedelta(seconds=place)
        found.append(Prediction(request=f"r{place}", at=at, version=1, outputs=outputs, outcome=how, **given))
    return as_table(found)[0]


def differs(champion: list[Any], challenger: list[Any], **more: Any) -> list[bool]:
    given = {"tolerance": 0.25, "task": None, **more}
    return list(evidence.differing(rows(champion), rows(challenger), **given))


@pytest.mark.parametrize(
    ("champion", "challenger", "expected"),
    [
        (["yes", "no"], ["yes", "yes"], [False, True]),
        ([1, 0], [1, 1], [False, True]),
        ([True, False], [1, 1], [False, True]),
        (["1", "0"], [1, 1], [False, True]),
        ([0.0, 2.5, 10.0], [0.1, 2.5, 20.0], [False, False, True]),
        ([1.5, float("nan")], [float("nan"), float("nan")], [True, False]),
        ([1.5, 2.5], [float("inf"), 2.5], [True, False]),
    ],
)
def test_answers_differ_where_a_person_would_say_so(
    champion: list[Any], challenger: list[Any], expected: list[bool]
) -> None:
    assert differs(champion, challenger) == expected


def test_whole_numbers_are_measures_where_the_task_says_so() -> None:
    assert differs([0, 100, 50], [1, 100, 80]) == [True, False, True]
    assert differs([0, 100, 50], [1, 100, 80], task="regression") == [False, False, True]


def test_an_answer_that_one_of_them_does_not_give_differs() -> None:
    mine = rows([1, 2])
    other = mine.rename_columns([name.replace("prediction", "other") for name in mine.column_names])
    assert list(evidence.differing(mine, other, tolerance=0.25, task=None)) == [True, True]


def test_a_shadow_is_judged_on_what_both_were_asked() -> None:
    champion = rows([1, 1, 1, 1], outcome={1: "error", 2: "rejected"})
    challenger = rows([1, 1, 1, 2], outcome={0: "rejected"}).slice(0, 4).take([3, 0, 1])
    seen = evidence.window(champion, challenger, is_shadow=True, tolerance=0.25)
    assert (seen.champion.rows, seen.champion.failed) == (3, 1)
    assert (seen.challenger.rows, seen.challenger.failed) == (3, 1)
    assert (seen.compared, seen.differing) == (1, 1)


def test_a_canary_does_not_bear_what_its_clients_send() -> None:
    garbage = rows([1] * 10, outcome=dict.fromkeys(range(8), "rejected") | {8: "error"})
    seen = evidence.window(rows([1] * 10), garbage, is_shadow=False, tolerance=0.25)
    assert (seen.challenger.rows, seen.challenger.failed) == (2, 1)
    assert seen.compared is None


def test_rows_without_request_are_no_pair_and_a_repeated_request_is_one() -> None:
    champion, challenger = rows([1, 1, 1]), rows([1, 1, 1])
    nameless = pa.array([None, "r1", "r1"], pa.string())
    champion = champion.set_column(1, "request", nameless)
    challenger = challenger.set_column(1, "request", nameless)
    assert evidence.paired(champion, challenger)[0].num_rows == 1


def test_losses_are_paired_by_request_in_a_shadow_and_apart_in_a_canary() -> None:
    labels = Labels(values={f"r{place}": 1.0 for place in range(3)}, conflicting=frozenset({"r2"}))
    champion, challenger = rows([1.5, 1.0, 9.0, 9.0]), rows([3.0, float("nan"), 9.0, 9.0])
    shadow = evidence.window(champion, challenger, is_shadow=True, tolerance=0.25, labels=labels).losses
    canary = evidence.window(champion, challenger, is_shadow=False, tolerance=0.25, labels=labels).losses
    assert shadow is not None
    assert canary is not None
    assert (list(shadow.champion), list(shadow.challenger), shadow.paired) == ([0.5], [2.0], True)
    assert (list(canary.champion), list(canary.challenger), canary.paired) == ([0.5, 0.0], [2.0], False)


def test_words_are_right_or_wrong() -> None:
    labels = Labels(values={"r0": "yes", "r1": "no"})
    found = evidence.window(
        rows(["yes", "yes"]), rows(["no", "no"]), is_shadow=True, tolerance=0.25, labels=labels
    ).losses
    assert found is not None
    assert (list(found.champion), list(found.challenger), found.is_share) == ([0, 1], [1, 0], True)


def test_time_that_nobody_was_asked_in_counts_little() -> None:
    steady = np.arange(0, 600, 5)
    assert evidence.observed_s(steady, gap_s=60) == 595
    jumped = np.concatenate([steady, steady + 86_400])
    assert evidence.observed_s(jumped, gap_s=60) == 595 + 60 + 595
    assert evidence.observed_s(np.empty(0, dtype=np.int64), gap_s=60) == 0


def reference(version: int) -> Profile:
    if version == 9:
        raise DataError("version 9 brings no profile")
    middle = {1: 250.0, 2: 250.0, 3: 9000.0}[version]
    return profile(pd.DataFrame({"temp": np.random.default_rng(0).uniform(middle - 250, middle + 250, 2000)}))


def drift(champion: int, challenger: int, count: int = 500, **more: Any) -> DriftSeen | str:
    given: dict[str, Any] = {"is_shadow": True, "references": reference, **more}
    asked = rows([1] * count)
    return evidence.drift(asked, asked, versions=(champion, challenger), **given)


def test_drift_is_that_of_each_version_from_what_it_learnt() -> None:
    for versions, expected in (((1, 2), ("none", None)), ((1, 3), ("critical", "none"))):
        seen = drift(*versions)
        assert isinstance(seen, DriftSeen)
        assert (seen.challenger, seen.champion) == expected
    both = drift(3, 3)
    assert isinstance(both, DriftSeen)
    assert (both.challenger, both.champion) == ("critical", "critical")


def test_a_champion_without_reference_excuses_nothing() -> None:
    seen = drift(9, 3)
    assert isinstance(seen, DriftSeen)
    assert (seen.challenger, seen.champion) == ("critical", None)


def test_what_keeps_drift_from_being_told_is_said() -> None:
    assert drift(1, 2, count=499) == "499 rows are too few to tell drift by (at least 500)"
    unknown = drift(1, 9)
    assert isinstance(unknown, str)
    assert unknown.startswith("the drift of version 9 is not known: version 9 brings no profile")
    assert "require without 'drift'" in unknown


def test_a_shadow_whose_inputs_were_not_logged_drifts_as_the_champions_inputs_do() -> None:
    bare = rows([1] * 500, inputs={})
    seen = evidence.drift(rows([1] * 500), bare, versions=(1, 3), is_shadow=True, references=reference)
    assert isinstance(seen, DriftSeen)
    assert seen.challenger == "critical"
