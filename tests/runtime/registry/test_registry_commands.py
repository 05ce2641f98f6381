"""What people type, and what they are told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_models import FakeModels

from nbship import config, store
from nbship.cli import main
from nbship.registry import Registry, lifecycle

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def mlflow(home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeModels:
    """An MLflow in which a model has two versions."""
    del home
    made = FakeModels()
    monkeypatch.setattr(store, "connect", lambda _: made)
    made.add("bikes", 1, 2)
    registry = Registry(config.load())
    for version in (1, 2):
        lifecycle.place(registry, "bikes", version, who="ada", at=AT)
    registry.close()
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def document(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_a_version_is_promoted_and_the_history_tells_it(mlflow: FakeModels) -> None:
    promoted = run(
        "promote", "bikes", "2", "--to", "production", "--why", "lower error", "--by", "bo", "--yes"
    )
    assert promoted.exit_code == 0
    assert "champion 1, challenger 2 -> champion 2" in promoted.stderr
    assert promoted.stdout == "bikes: champion 2 (revision 3)\n"
    assert mlflow.shown("bikes")[0] == {"champion": "2"}
    told = run("history", "bikes")
    assert "promoted by bo at" in told.stdout
    assert "lower error" in told.stdout
    assert told.stdout.endswith("now: champion 2 (revision 3)\n")


def test_rolling_back_needs_no_number(mlflow: FakeModels) -> None:
    run("promote", "bikes", "2", "--to", "production", "--yes")
    assert run("rollback", "bikes", "--why", "slow", "--yes").stdout == "bikes: champion 1 (revision 4)\n"
    assert mlflow.shown("bikes")[1] == {1: "production", 2: "archived"}
    assert run("rollback", "bikes", "--yes").exit_code == 2


def test_nothing_is_done_where_nobody_can_be_asked(mlflow: FakeModels) -> None:
    refused = run("promote", "bikes", "2", "--to", "production")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert mlflow.shown("bikes")[0] == {"champion": "1", "challenger": "2"}


@pytest.mark.usefixtures("mlflow")
def test_the_history_is_checked_against_what_mlflow_has_seen() -> None:
    assert document("history", "bikes", "--verify")["breaks"] == []
    registry = Registry(config.load())
    import sqlalchemy as sa

    with registry.assignments._database.begin() as connection:
        connection.execute(sa.text("UPDATE nbship_audit SET document = replace(document, 'ada', 'eve')"))
    registry.close()
    checked = run("history", "bikes", "--verify")
    assert checked.exit_code == 1
    assert "record 1 was changed after it was written" in checked.stdout


def test_what_was_done_in_mlflow_s_own_pages_appears_in_the_history(mlflow: FakeModels) -> None:
    mlflow.aliases["bikes"]["champion"] = "2"
    told = run("history", "bikes").stdout
    assert "changed elsewhere by somebody, in MLflow" in told
    assert "alias champion: version 1 -> version 2" in told


@pytest.mark.usefixtures("mlflow")
def test_what_is_not_there_is_said_with_what_is() -> None:
    for arguments in (
        ("promote", "trains", "1", "--to", "staging", "--yes"),
        ("rollback", "trains", "--yes"),
    ):
        refused = run(*arguments)
        assert (refused.exit_code, "registered models: bikes" in refused.stderr) == (2, True)
    assert "models with a history: bikes" in run("history", "trains").stderr
    assert run("promote", "bikes", "7", "--to", "staging", "--yes").exit_code == 2


def test_one_command_answers_what_people_ask_of_the_model_in_production(mlflow: FakeModels) -> None:
    mlflow.versions["bikes"][2]["nbship.notebook.name"] = "bikes.ipynb"
    mlflow.versions["bikes"][2]["nbship.check.model"] = "passed"
    run("promote", "bikes", "2", "--to", "production", "--why", "lower error", "--by", "bo", "--yes")
    told = run("lineage", "bikes").stdout
    assert "promoted by bo: lower error (record 3)" in told
    assert "back      to version 1: nbship rollback bikes" in told
    assert "checks    model passed" in told
    found = document("lineage", "bikes", "1")
    assert (found["stage"], found["goes_back_to"], found["decision"]["number"]) == ("archived", None, 3)
    assert "datasets" in found["lacking"]


def test_the_fleet_is_all_models_however_many_pages_they_fill(mlflow: FakeModels) -> None:
    mlflow.add("trains", 1)
    mlflow.tags["trains"]["owner"] = "the railway team"
    mlflow.versions["bikes"][1]["nbship.drift"] = "warning"
    bikes, trains = document("fleet")
    assert (bikes["champion"], bikes["challenger"], bikes["drift"], bikes["by"]) == (1, 2, "warning", "ada")
    assert (trains["owner"], trains["champion"], trains["versions"]) == ("the railway team", None, 1)
    assert "the railway team" in run("fleet").stdout
