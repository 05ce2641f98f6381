"""A team's installation: MLflow and nbship's state on PostgreSQL, artifacts, data and predictions on an S3 store.

Both are real ones that these tests start and end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cloudpickle
import numpy as np
import object_store
import pandas as pd
import pytest

from nbship import config, drain, snapshots
from nbship.digests import digest_bytes
from nbship.drift import compare
from nbship.facts import (
    CellRan,
    EstimatorFitted,
    Fact,
    FrameProfiled,
    MetricComputed,
    ModelRegistered,
    SessionEnded,
    SessionStarted,
)
from nbship.features.joins import newest
from nbship.features.offline import OfflineStore
from nbship.features.online import Row, online_store
from nbship.features.views import FeatureView
from nbship.journal import Blobs, Journal
from nbship.monitoring.log import Log, Writer
from nbship.monitoring.records import Prediction
from nbship.profile import profile
from nbship.registry import Registry

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # mlflow, SQLAlchemy, botocore and werkzeug warn of themselves
]


class Doubling:
    """A model of the user's."""

    def predict(self, frame: pd.DataFrame) -> pd.Series[float]:
        return frame["x"] * 2


@pytest.fixture(scope="module")
def lake() -> Iterator[Mapping[str, str]]:
    with object_store.s3() as found:
        yield found


@pytest.fixture
def team(
    postgresql_url: str, lake: Mapping[str, str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> config.Config:
    """One member's configuration; nothing but recordings is on their machine."""
    for name, value in lake.items():
        monkeypatch.setenv(name, value)
    bucket = f"s3://lake/{home.parent.name}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgresql_url)
    monkeypatch.setenv("NBSHIP_STATE_URL", postgresql_url)
    monkeypatch.setenv("NBSHIP_ARTIFACT_URL", f"{bucket}/artifacts")
    monkeypatch.setenv("NBSHIP_LOG_URL", f"{bucket}/predictions")
    return config.load()


def record(settings: config.Config, session: str, frame: pd.DataFrame) -> None:
    """Leave what a kernel leaves that has trained and registered."""
    blobs = Blobs(folder=settings.blobs)
    facts: list[Fact] = [
        SessionStarted(python="3.11.7", user="ada", notebook_id="n", notebook_name="n.ipynb"),
        CellRan(cell="c", source_hash="h", execution_count=1, succeeded=True),
        EstimatorFitted(name="model", type="Doubling", parameters={"k": 1}),
        MetricComputed(name="mae", value=1.5, function="mean_absolute_error"),
        ModelRegistered(
            model="doubling",
            variable="model",
            type="Doubling",
            format="cloudpickle",
            blob=blobs.put(cloudpickle.dumps(Doubling())),
            signature=(("x", "double"),),
            profile_of=1,
            user="ada",
        ),
        FrameProfiled(of=1, profile_blob=blobs.put(json.dumps(profile(frame).to_json()).encode())),
        SessionEnded(),
    ]
    journal = Journal(settings.journals / session)
    for fact in facts:
        journal.append(fact)
    journal.close()


def test_what_one_registers_another_sees_whole(
    team: config.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"x": np.arange(2_000.0)})
    record(team, "one", frame)
    assert drain.drain(team).away == ()
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "another"))  # a colleague, with an empty home
    registry = Registry(config.load())
    version = registry.champion("doubling")
    assert (version.version, version.created_by) == (1, "ada")
    assert registry.metrics(version) == {"mae": 1.5}
    reference = registry.reference(version)
    drifted = compare(reference, profile(frame + 1_000, like=reference))
    registry.record_drift(version, "2026-11-28", drifted, at=NOON)
    ((window, path),) = registry.windows(registry.champion("doubling"))
    assert window.severity == "critical"
    assert registry.report(version, path) == drifted
    assert not list((tmp_path / "home" / "artifacts").rglob("*"))


def test_the_prediction_log_lies_on_the_object_store(team: config.Config) -> None:
    writer = Writer(Log(team.log_url, "doubling"))
    for number in range(50):
        writer.append(
            Prediction(
                request=str(number),
                at=NOON,
                version=1,
                inputs={"x": 1.0 * number},
                outputs={"prediction": 2.0},
            )
        )
    writer.close()
    reading = Log(team.log_url, "doubling").window(1, NOON, NOON + timedelta(hours=1))
    assert sorted(map(int, reading.table.column("request").to_pylist())) == list(range(50))
    assert not reading.damaged
    assert not reading.gaps


def test_data_versions_lie_on_the_object_store(team: config.Config) -> None:
    assert team.log_url.startswith("s3://")
    store = snapshots.Store("s3://lake/data")
    found = digest_bytes(b"hour,riders\n")
    assert store.put_bytes(b"hour,riders\n", found.md5)
    assert not snapshots.Store("s3://lake/data").put_bytes(b"hour,riders\n", found.md5)
    assert snapshots.Store("s3://lake/data").read(found.md5) == b"hour,riders\n"


def test_features_lie_on_both(team: config.Config) -> None:
    view = FeatureView(name="load", function="p.f:g", keys=("pier",), time="at", owner="us")
    offline = OfflineStore("s3://lake/features")
    for minute, value in enumerate((0.5, 0.7)):
        at = NOON + timedelta(minutes=minute)
        frame = pd.DataFrame({"pier": ["north"], "at": [pd.Timestamp(at).as_unit("us")], "load": [value]})
        offline.append(view, "d1", frame, at=at)
    assert newest(OfflineStore("s3://lake/features").history(view, "d1"), view)["load"].tolist() == [0.7]
    online = online_store(team.state_url)
    online.put("load:d1", [Row(key=("north",), at=NOON, features={"load": 0.7})])
    online.put("load:d1", [Row(key=("north",), at=NOON - timedelta(hours=1), features={"load": 0.1})])
    (row,) = online.get("load:d1", [("north",)])
    online.close()
    assert row is not None
    assert row.features == {"load": 0.7}
