"""What we write for Feast, applied by Feast itself, in the environment that its lock describes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from harbour import crossings

from nbship.cli import main
from nbship.errors import DataError, WriteError
from nbship.features.feast import write_repository
from nbship.features.store import FeatureStore

ROOT = Path(__file__).parents[3]
TOOLS = Path(sys.executable).parent
ASK = """
import json, sys
import pandas as pd
from datetime import datetime, UTC
from feast import FeatureStore

store = FeatureStore(".")
names = ["crossing:load", "crossing:full", "crossing:label"]
rows = pd.read_csv(sys.stdin, parse_dates=["event_timestamp"])
past = store.get_historical_features(entity_df=rows, features=names).to_df()
store.materialize_incremental(end_date=datetime.now(UTC))
now = store.get_online_features(features=names, entity_rows=rows[["pier", "boat"]].to_dict("records")).to_dict()
print(json.dumps({"past": json.loads(past.to_json(orient="records")), "now": now}))
"""


@pytest.fixture(scope="module")
def feast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with Feast's commands."""
    folder = tmp_path_factory.mktemp("feast") / "venv"
    uv, python = str(TOOLS / "uv"), str(folder / "bin" / "python")
    for command in (
        (uv, "venv", "--quiet", "--python", sys.executable, str(folder)),
        (uv, "pip", "install", "--quiet", "--python", python, "-r", str(ROOT / "requirements-feast.lock")),
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder / "bin"


def by_feast(feast: Path, folder: Path, *words: str, given: str = "") -> str:
    variables = {
        "PATH": f"{feast}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "FEAST_USAGE": "False",
    }
    done = subprocess.run(
        [str(feast / words[0]), *words[1:]],
        cwd=folder,
        env=variables,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.feast
def test_feast_gives_the_features_that_nbship_gives(repository: Path, feast: Path) -> None:
    store = FeatureStore.at(repository)
    view = store.view("crossing")
    now = datetime.now(UTC)
    rows = crossings([("north", 1, 0, 10), ("north", 1, 60, 30), ("south", 2, 5, 38)])
    rows["at"] += now - rows["at"].max() - timedelta(minutes=5)
    store.compute(view, rows, at=now, who="ada")
    assert CliRunner().invoke(main, ["features", "feast", "lake"]).exit_code == 0
    asked = pd.DataFrame(
        {
            "pier": ["north", "north", "south", "west"],
            "boat": [1, 1, 2, 1],
            "event_timestamp": [rows["at"][0], rows["at"][1], rows["at"][2], now],
        }
    )
    by_feast(feast, repository / "lake", "feast", "apply")
    said = by_feast(feast, repository / "lake", "python", "-c", ASK, given=asked.to_csv(index=False))
    theirs: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    ours = store.training([view], asked, time="event_timestamp")
    expected = {(row.pier, row.event_timestamp.value): row for row in ours.itertuples()}
    assert len(theirs["past"]) == 4
    for row in theirs["past"]:
        mine: Any = expected[row["pier"], row["event_timestamp"] * 1_000_000 + _below_ms(row, asked)]
        assert [row["load"], row["full"], row["label"]] == [
            _plain(mine.load),
            _plain(mine.full),
            _plain(mine.label),
        ]
    served = store.latest(view, [("north", 1), ("north", 1), ("south", 2), ("west", 1)], now=now)
    assert theirs["now"]["load"] == [values and values["load"] for values in served]
    assert theirs["now"]["label"] == [values and values["label"] for values in served]


def _below_ms(row: dict[str, Any], asked: pd.DataFrame) -> int:
    """Feast's answer came as milliseconds: find what it was asked."""
    moments = [value.value for value in asked["event_timestamp"]]
    return next(value for value in moments if value // 1_000_000 == row["event_timestamp"]) % 1_000_000


def _plain(value: Any) -> Any:
    return None if pd.isna(value) else value


def test_a_view_without_features_is_not_written(store: FeatureStore, tmp_path: Path) -> None:
    view = store.view("crossing")
    with pytest.raises(DataError, match="view 'crossing' has no features yet"):
        write_repository(tmp_path / "lake", "ferries", [view], {"crossing": store.history(view)})
    assert not (tmp_path / "lake").exists()


def test_a_repository_of_somebody_else_is_left_alone(store: FeatureStore, tmp_path: Path) -> None:
    view = store.view("crossing")
    store.compute(view, crossings([("north", 1, 0, 10)]), at=datetime.now(UTC), who="ada")
    theirs = tmp_path / "features.py"
    theirs.write_text("import feast\n")
    with pytest.raises(WriteError, match=r"features.py is there already"):
        write_repository(tmp_path, "ferries", [view], {"crossing": store.history(view)})
    assert theirs.read_text() == "import feast\n"
