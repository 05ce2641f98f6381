from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from harbour import START, crossings

from nbship.cli import main
from nbship.errors import DataError, InputError
from nbship.features.compute import compute, function_of
from nbship.features.store import FeatureStore

NOON = START + timedelta(hours=12)


def keep(store: FeatureStore, rows: list[tuple[str, int, int, int]], minutes: int) -> None:
    at = START + timedelta(minutes=minutes)
    store.compute(store.view("crossing"), crossings(rows), at=at, who="ada")


def test_what_is_kept_is_served_and_trained_on(store: FeatureStore) -> None:
    keep(store, [("north", 1, 0, 10), ("north", 2, 5, 38)], 6)
    keep(store, [("north", 1, 60, 40)], 61)
    view = store.view("crossing")
    now = START + timedelta(minutes=70)
    served = store.latest(view, [("north", 1), ("north", 2), ("south", 1)], now=now)
    assert served == [
        {"load": 1.0, "full": True, "label": "NORTH"},
        {"load": 0.95, "full": True, "label": "NORTH"},
        None,
    ]
    asked = pd.DataFrame(
        {
            "pier": "north",
            "boat": [1, 1],
            "when": [START + timedelta(minutes=59), START + timedelta(minutes=60)],
        }
    )
    assert store.training([view], asked, time="when")["load"].tolist() == [0.25, 1.0]


def test_an_old_value_is_not_served(store: FeatureStore) -> None:
    keep(store, [("north", 1, 0, 10)], 1)
    view = store.view("crossing")
    assert store.latest(view, [("north", 1)], now=START + timedelta(hours=2)) != [None]
    assert store.latest(view, [("north", 1)], now=START + timedelta(hours=2, seconds=1)) == [None]


def test_a_late_row_does_not_replace_a_newer_one(store: FeatureStore) -> None:
    keep(store, [("north", 1, 60, 40)], 61)
    keep(store, [("north", 1, 0, 10)], 62)
    found = store.latest(store.view("crossing"), [("north", 1)], now=START + timedelta(minutes=62))
    assert found[0] is not None
    assert found[0]["load"] == 1.0


def test_one_row_alone_has_the_features_that_it_has_among_others(store: FeatureStore) -> None:
    view, rows = (
        store.view("crossing"),
        crossings([("north", 1, 0, 10), ("south", 2, 1, 39), ("north", 2, 2, 0)]),
    )
    function = function_of(view)
    together = compute(view, rows, function)
    alone = pd.concat([compute(view, rows.iloc[[place]], function) for place in range(3)], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone)
    assert list(rows.columns) == ["pier", "boat", "at", "cars"]


def test_another_definition_begins_anew(store: FeatureStore, repository: Path) -> None:
    keep(store, [("north", 1, 0, 10)], 1)
    before = store.definition(store.view("crossing"))
    source = repository / "src" / "ferries" / "features.py"
    source.write_text(source.read_text().replace("cars / space", "cars / space / 2"))
    view = store.view("crossing")
    assert store.definition(view) != before
    assert store.history(view).empty
    assert store.latest(view, [("north", 1)], now=START + timedelta(minutes=2)) == [None]


def test_the_catalogue_knows_owner_lineage_and_age(store: FeatureStore) -> None:
    keep(store, [("north", 1, 0, 10)], 1)
    keep(store, [("north", 1, 60, 10)], 61)
    (entry,) = store.catalogue().entries()
    assert (entry.latest.owner, entry.latest.registered_by) == ("harbour", "ada")
    assert entry.latest.columns["load"] == "float64"
    assert [item.rows for item in entry.computed] == [1, 1]
    assert entry.age(NOON) == timedelta(hours=11)
    assert entry.is_fresh(NOON) is False
    assert entry.is_fresh(START + timedelta(hours=2)) is True


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def add(frame):\n    raise ValueError('no such pier')\n", "raised ValueError: no such pier"),
        ("def add(frame):\n    return 3\n", "gives a int, no frame"),
        ("def add(frame):\n    return frame\n", "adds no column"),
        (
            "def add(frame):\n    return frame[['cars']].reset_index(drop=True).rename(index=lambda i: i + 50)\n",
            "no column 'pier'",
        ),
        ("def add(frame, scale):\n    return frame\n", "takes 'scale' beside the frame"),
        ("def other(frame):\n    return frame\n", "cannot be imported"),
    ],
)
def test_a_function_that_gives_no_features_is_told(repository: Path, code: str, said: str) -> None:
    (repository / "src" / "ferries" / "features.py").write_text(code)
    store = FeatureStore.at(repository)
    with pytest.raises((DataError, InputError)) as told:
        keep(store, [("north", 1, 0, 10)], 1)
    assert said in told.value.what


def test_rows_from_the_future_are_refused(store: FeatureStore) -> None:
    with pytest.raises(DataError, match="1 rows lie in the future by column 'at'"):
        keep(store, [("north", 1, 0, 10), ("north", 1, 90, 10)], 1)
    assert store.history(store.view("crossing")).empty


def test_a_damaged_part_is_told_and_no_hole(store: FeatureStore, tmp_path: Path) -> None:
    keep(store, [("north", 1, 0, 10)], 1)
    (part,) = (tmp_path / "home" / "features").rglob("*.parquet")
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(DataError, match="a part of the feature history is damaged"):
        store.history(store.view("crossing"))


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["features", *words])
    assert done.exit_code == code, done.output
    return done.stdout


def test_the_commands_compute_read_and_join(repository: Path) -> None:
    assert "4 rows of 3 entities kept" in run("compute", "crossing")
    assert (
        json.loads(run("get", "crossing", "pier=south", "boat=1", code=1)) is None
    )  # of July, and stale by now
    assert "owner harbour" in run("list")
    listed = json.loads(run("list", "--json"))[0]
    assert listed["computed"][0]["source"] == "crossings.csv"
    assert len(listed["computed"][0]["digest"]) > 20
    rows = repository / "asked.csv"
    rows.write_text("pier,boat,when\nnorth,1,2026-07-01T00:30:00Z\nwest,1,2026-07-01T00:30:00Z\n")
    run("join", "crossing", "--to", str(rows), "--time", "when", "--out", "joined.csv")
    joined = pd.read_csv(repository / "joined.csv")
    assert joined["load"].tolist()[0] == 0.25
    assert joined["load"].isna().tolist() == [False, True]


@pytest.mark.usefixtures("repository")
def test_keys_that_are_not_the_views_are_told() -> None:
    done = CliRunner().invoke(main, ["features", "get", "crossing", "pier=south"])
    assert done.exit_code == 2
    assert "write pier=… boat=…" in done.stderr
