"""A model is trained again, judged, registered and goes live: against MLflow itself, in processes of their own."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from workshop import repository, rides

from nbship.cli import main
from nbship.drift import compare
from nbship.errors import RunError
from nbship.gates.settings import Repository, repository_at
from nbship.leases import utc_now
from nbship.profile import profile
from nbship.registry import Registry
from nbship.registry.lineage import lineage_of
from nbship.retraining.retrain import Attempt, retrain
from nbship.retraining.settings import Plan

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

PIPELINE = """
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rides.config import Config


class Line:
    feature_names_in_ = ["km"]

    def fit(self, frame: Any, truth: Any) -> "Line":
        self.slope, self.level = np.polyfit(frame["km"], truth, 1)
        return self

    def predict(self, frame: Any) -> Any:
        return frame["km"].to_numpy() * self.slope + self.level


@dataclass(frozen=True)
class Results:
    train: Any
    features: Any
    labels: Any
    predictions: Any
    model: Any


def run(config: Config = Config()) -> Results:
    table = pd.read_csv(config.data_dir / "rides.csv")
    if config.broken:
        raise ValueError("no rides today")
    half = len(table) // 2
    train, features = table[["km"]][::2], table[["km"]][1::2]
    model = Line().fit(train, table["fee"][::2])
    return Results(train, features, table["fee"][1::2], model.predict(features), model)
"""
SETTINGS = """
model = "rides"
[tool.nbship.evaluation]
model = "model"
features = "features"
labels = "labels"
predictions = "predictions"
task = "regression"
[tool.nbship.gates.maximum]
mean_absolute_error = 5.0
"""


@pytest.fixture
def source(home: Path) -> Repository:
    """A repository whose fee follows the kilometres."""
    folder = home.parent / "rides"
    repository(folder, gates=SETTINGS, pipeline=PIPELINE)
    config = folder / "src" / "rides" / "config.py"
    config.write_text(config.read_text() + "    broken: bool = False\n")
    arrive(folder / "data", slope=0.5)
    return repository_at(folder)


def arrive(folder: Path, *, slope: float, far: float = 0.0) -> pd.DataFrame:
    """Let a table arrive whose fees are a line of the kilometres."""
    folder.mkdir(exist_ok=True)
    frame = rides()
    frame["km"] += far
    frame["fee"] = (frame["km"] * slope + np.random.default_rng(5).normal(8, 0.5, len(frame))).clip(1, 40)
    frame.to_csv(folder / "rides.csv", index=False)
    return frame


def again(registry: Registry, source: Repository, plan: Plan, **given: Any) -> Attempt:
    return retrain(registry, "rides", source, plan, clock=given.pop("clock", utc_now), **given)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["retrain", *arguments])


def test_drift_leads_to_one_retraining_and_the_new_version_knows_where_it_comes_from(
    source: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(source.settings)
    first = again(registry, source, Plan(then="promote"), asked=True)
    assert (first.result, first.version, first.assignment.champion) == ("promoted", 1, 1)
    assert again(registry, source, Plan(then="promote")).result == "not due"

    # July comes: other distances, other fees
    fresh = source.root / "fresh"
    july = arrive(fresh, slope=0.9, far=20.0)
    live = registry.champion("rides")
    known = registry.reference(live)
    report = compare(known, profile(july[["km"]], like=known))
    registry.record_drift(live, "July", report, at=datetime.now(UTC))
    plan = Plan(then="promote", data=str(fresh), wait=timedelta(0))
    dry = plan_by_command(source, monkeypatch)
    assert (dry["due"], dry["trigger"]) == (True, "drift")
    assert "drift of version 1 is critical in July" in dry["why"]
    assert registry.assignments.of("rides").champion == 1

    done = again(registry, source, plan)
    assert (done.result, done.version, done.due.trigger) == ("promoted", 2, "drift")
    assert [verdict.status for verdict in done.verdicts] == ["passed", "passed"]
    assert again(registry, source, plan).result == "not due"

    # what it is, and that drift is over
    champion = registry.champion("rides")
    lineage = lineage_of(registry, champion)
    assert lineage.lacking() in (["notebook"], ["commit", "notebook"])
    assert lineage.checks == {"data": "passed", "model": "passed"}
    assert lineage.decision is not None
    assert (lineage.decision.who, lineage.goes_back_to) == ("retrain", 1)
    assert lineage.signature == (("km", "double"),)
    new = registry.reference(champion)
    assert compare(new, profile(july[["km"]], like=new)).severity in {"none", "info"}
    record = registry.assignments.history("rides")[-2]
    assert (record.action, record.evidence["window"], record.evidence["of"]) == ("retrained", "July", 1)
    assert registry.assignments.verify("rides", *registry.heads("rides")) == []
    import mlflow

    shutil.rmtree(source.root)  # the model travels with its own classes
    model = mlflow.pyfunc.load_model("models:/rides@champion")
    learnt = np.polyfit(july["km"][::2], july["fee"][::2], 1)
    assert model.predict(pd.DataFrame({"km": [10.0]}))[0] == pytest.approx(np.polyval(learnt, 10.0))
    registry.close()


def plan_by_command(source: Repository, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(source.root)
    pyproject = source.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + '[tool.nbship.retrain]\ndata = "fresh"\nwait = "1min"\n')
    first_steps = run("--dry-run").stdout
    assert "check data from" in first_steps or "nothing to do" in first_steps
    pyproject.write_text(pyproject.read_text().replace('wait = "1min"', 'wait = "0min"'))
    return json.loads(run("--dry-run", "--json").stdout)


def test_what_the_gates_refuse_or_what_fails_leaves_the_champion_and_a_record(source: Repository) -> None:
    registry = Registry(source.settings)
    assert again(registry, source, Plan(then="promote"), asked=True).assignment.champion == 1
    fresh = source.root / "fresh"
    noise = arrive(fresh, slope=0.5)
    noise["fee"] = np.random.default_rng(6).uniform(1, 40, len(noise))
    noise.to_csv(fresh / "rides.csv", index=False)
    refused = again(registry, source, Plan(data=str(fresh)), asked=True)
    assert refused.result == "refused"
    assert "`check model` failed" in refused.says
    assert refused.version is None
    (fresh / "rides.csv").write_text("hour,km\n1,2\n")
    assert "`check data` failed" in again(registry, source, Plan(data=str(fresh)), asked=True).says
    package = source.root / "src" / "rides" / "pipeline.py"
    package.write_text(
        PIPELINE.replace('table[["km"]]', 'table[["km", "hour"]]').replace('["km"]\n', '["km", "hour"]\n')
    )
    assert (
        "it takes other columns than the champion (hour)" in again(registry, source, Plan(), asked=True).says
    )
    package.write_text(PIPELINE)
    with pytest.raises(RunError, match="ValueError: no rides today"):
        again(registry, source, Plan(set={"broken": True}), asked=True)
    history = registry.assignments.history("rides")
    assert [item.evidence.get("result") for item in history if item.action == "retrained"] == [
        "passed",
        "refused",
        "refused",
        "refused",
        "failed",
    ]
    assert registry.assignments.of("rides").champion == 1
    assert registry.version_numbers("rides") == [1]

    # one at a time; and a version that passed before its process died is gone on with
    assert registry.leases.take("retrain:rides", "somebody", timedelta(minutes=1))
    assert again(registry, source, Plan(), asked=True).result == "busy"
    registry.leases.give_back("retrain:rides", "somebody")
    died = again(registry, source, Plan(then="nothing"), asked=True)
    assert (died.result, died.version, died.assignment.challenger) == ("registered", 2, 2)
    now = registry.assignments.of("rides")
    registry.assignments.change(
        now,
        expected=now.revision,
        action="retrained",
        who="retrain",
        at=utc_now(),
        why="July",
        evidence={"version": 2, "then": "promote", "result": "passed"},
    )
    carried = again(registry, source, Plan(then="promote"))
    assert (carried.result, carried.version, carried.assignment.champion) == ("promoted", 2, 2)

    # where rollouts are configured, the new version is tried first, and nothing begins meanwhile
    tried = again(registry, source, Plan(then="rollout"), asked=True)
    assert (tried.result, tried.assignment.champion, tried.assignment.challenger) == ("rollout started", 2, 3)
    assert tried.assignment.mode == "shadow"
    assert "a rollout of version 3 is under way" in again(registry, source, Plan(), asked=True).says
    registry.close()
