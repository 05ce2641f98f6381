"""What people type, and what they are told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_models import FakeModels

from nbship import config, store
from nbship.cli import main
from nbship.monitoring.log import Log, Writer
from nbship.monitoring.records import Prediction
from nbship.registry import Registry, lifecycle

SETTINGS = '[tool.nbship]\nmodel = "bikes"\n[tool.nbship.rollout]\nsteps = [0.5]\ndrift = "never"\n'


@pytest.fixture
def mlflow(home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeModels:
    """An MLflow in which a model has two versions, of which the first is live."""
    made = FakeModels()
    monkeypatch.setattr(store, "connect", lambda _: made)
    made.add("bikes", 1, 2)
    (home.parent / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    registry = Registry(config.load())
    for version in (1, 2):
        lifecycle.place(registry, "bikes", version, who="ada", at=datetime.now(UTC))
    registry.close()
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["rollout", *arguments])


def answered(count: int, *, failing: bool) -> None:
    """Log what a server answers in the next seconds: half of it by the challenger."""
    writer = Writer(Log(config.load().log_url, "bikes"))
    for place in range(count):
        for version, role in (
            (1, Prediction(request="", at=_now(), version=1, inputs={}).role),
            (2, "canary"),
        ):
            fails = failing and version == 2
            writer.append(
                Prediction(
                    request=f"{version}-{place}",
                    at=_now() + timedelta(seconds=1),
                    version=version,
                    inputs={},
                    outputs={} if fails else {"prediction": 1},
                    latency_s=0.001,
                    role=role,  # type: ignore[arg-type]
                    outcome="error" if fails else "ok",
                )
            )
    writer.flush()


def _now() -> datetime:
    return datetime.now(UTC)


def test_a_rollout_is_begun_and_shown(mlflow: FakeModels) -> None:
    begun = run("--start", "2", "--by", "bo", "--why", "lower error")
    assert begun.exit_code == 0
    assert begun.stdout.startswith("bikes: champion 1, challenger 2, canary for 50 % (revision 3)\n")
    shown = run()
    assert "rollout started by bo: lower error" in shown.stdout
    assert "step 1 of 1: canary 50 % since" in shown.stdout
    assert "at least 200 are needed" in shown.stdout
    assert mlflow.shown("bikes")[0] == {"champion": "1", "challenger": "2"}


def test_a_failing_candidate_makes_once_give_1_and_the_history_tells_why(mlflow: FakeModels) -> None:
    run("--start", "2")
    answered(100, failing=True)
    looked = run()
    assert looked.exit_code == 0
    assert "roll back: 100 of 100 requests failed" in looked.stdout
    done = run("--once")
    assert done.exit_code == 1
    assert done.stdout.startswith("bikes: champion 1 (revision 4)\n")
    assert "rolled back (canary 50 %) by rollout: 100 of 100 requests failed" in done.stdout
    assert mlflow.shown("bikes")[1] == {1: "production", 2: "archived"}
    refused = run("--start", "2")
    assert refused.exit_code == 2
    assert "--again" in refused.stderr
    assert run("--start", "2", "--again", "--why", "fixed").exit_code == 0


def test_a_look_waits_where_there_is_little_and_gives_0(mlflow: FakeModels) -> None:
    del mlflow
    run("--start", "2")
    answered(100, failing=False)
    done = run("--once", "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 0
    assert document["decision"]["kind"] == "stay"
    assert document["rollout"]["step"] == 0
    assert document["decision"]["evidence"]["requests"] == {"champion": 100, "challenger": 100}
    assert [record["action"] for record in document["history"]] == ["rollout started"]


def test_it_is_ended_by_hand(mlflow: FakeModels) -> None:
    del mlflow
    run("--start", "2")
    done = run("--abort", "--why", "not today", "--by", "bo")
    assert done.exit_code == 0
    assert "rolled back (canary 50 %) by bo: not today" in done.stdout
    assert "no rollout is running" in done.stdout
    assert run("--abort").exit_code == 2


def test_watching_ends_with_the_rollout(mlflow: FakeModels) -> None:
    del mlflow
    run("--start", "2")
    answered(100, failing=True)
    watched = run("--watch")
    assert watched.exit_code == 1
    assert "over: roll back: 100 of 100 requests failed" in watched.stdout
    assert run("--watch", "--json").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--once", "--watch"], "--once and --watch exclude each other"),
        (["--start", "2", "--abort"], "--start and --abort exclude each other"),
        (["--again"], "--again goes with --start"),
        (["--stay"], "--stay goes with --watch"),
        (["--start", "7"], "has no version 7"),
        (["--start", "1"], "version 1 of 'bikes' is live already"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(mlflow: FakeModels, arguments: list[str], says: str) -> None:
    del mlflow
    refused: Any = run(*arguments)
    assert refused.exit_code == 2
    assert says in refused.stderr


def test_a_second_rollout_waits_for_the_first(mlflow: FakeModels) -> None:
    mlflow.add("bikes", 3)
    run("--start", "2")
    refused = run("--start", "3")
    assert refused.exit_code == 1
    assert "a rollout of version 2 of 'bikes' is running" in refused.stderr


@pytest.mark.usefixtures("mlflow")
def test_the_organisation_s_policy_holds_for_a_rollout(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = home.parent / "policy.toml"
    monkeypatch.setenv("NBSHIP_POLICY", str(rules))
    rules.write_text("[rollout]\nset = { drift = 'critical' }\n")
    refused = run("bikes", "--start", "2")
    assert "drift is 'never', not 'critical'" in refused.stderr
    rules.write_text("[promote.production]\nchecks = ['model']\n")
    assert "policy.toml:2: `nbship check model` was not run for it" in run("bikes", "--start", "2").stderr


def test_manifests_are_written_or_printed(mlflow: FakeModels, tmp_path: Path) -> None:
    del mlflow
    written = run(
        "bikes", str(tmp_path / "k8s"), "--to", "kubernetes", "--version", "2", "--image", "bikes:2"
    )
    assert written.exit_code == 0
    assert [Path(line).name for line in written.stdout.splitlines()][:3] == [
        "analysis.yaml",
        "rollout.yaml",
        "services.yaml",
    ]
    assert "not judged there: disagreement, metric, shadow" in written.stderr
    printed = run("--to", "kubernetes", "--version", "2", "--image", "bikes:2")
    assert "# argo/rollout.yaml\n" in printed.stdout
    assert config.load().rollout
    assert run("--to", "kubernetes", "--image", "bikes:2", "--version", "9").exit_code == 2
    assert "--image" in run("--to", "kubernetes").stderr
    assert "goes with --to kubernetes" in run("bikes", "k8s").stderr
