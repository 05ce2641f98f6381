"""``nbship monitor`` and ``nbship alerts`` from outside, without a registry: the reference comes from a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result
from world import DAY, START

from nbship import config
from nbship.cli import main
from nbship.monitoring.commands import open_alerts
from nbship.monitoring.log import Log, Writer
from nbship.monitoring.records import Prediction

PROJECT = """
[tool.nbship]
model = "m"

[tool.nbship.monitor]
log = "log"

[tool.nbship.alerts]
owner = "the ml team"
action = "look at the page of the model"
escalation = "whoever is on call"
runbook = "https://wiki/drift"
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def project(home: Path, tmp_path: Path) -> Path:
    """A repository with a log of three days, the last of which has drifted."""
    del home
    tmp_path.joinpath("pyproject.toml").write_text(PROJECT)
    rng = np.random.default_rng(3)
    pd.DataFrame({"temp": rng.normal(size=1000)}).to_csv(tmp_path / "reference.csv", index=False)
    writer = Writer(Log(str(tmp_path / "log"), "m"))
    for day, shift in enumerate([0.0, 0.0, 1.0]):
        for number, temp in enumerate(rng.normal(size=200) + shift):
            at = START + (day + number / 200) * DAY
            asked = f"r{day}-{number}"
            writer.append(Prediction(request=asked, at=at, version=1, inputs={"temp": float(temp)}))
    writer.close()
    return tmp_path


def monitor(project: Path, *more: object) -> Result:
    return run("monitor", "--once", "--reference", project / "reference.csv", *more)


def test_one_pass_tells_windows_and_alerts_with_what_to_do(project: Path) -> None:
    found = monitor(project)
    assert found.exit_code == 0, found.output
    assert "2026-11-03  200 rows  critical  temp: PSI" in found.stdout
    assert (
        "the ml team: look at the page of the model; then whoever is on call. https://wiki/drift"
        in found.stdout
    )
    again = monitor(project)
    assert "no window is due" in again.stderr
    assert "critical  drift:temp" in again.stdout


def test_json_and_metrics_say_the_same(project: Path) -> None:
    found = json.loads(monitor(project, "--json", "--metrics", project / "m" / "nbship.prom").stdout)
    assert [window["severity"] for window in found["windows"]] == ["none", "none", "critical"]
    assert [alert["key"] for alert in found["alerts"]] == ["drift:temp"]
    assert (
        'nbship_alert_open{model="m",version="1",rule="drift",subject="temp",severity="critical"} 1'
        in (project / "m" / "nbship.prom").read_text()
    )


def test_an_alert_is_taken_and_ended(project: Path) -> None:
    monitor(project)
    (shown,) = json.loads(run("alerts", "--json").stdout)
    assert (shown["key"], shown["state"], shown["owner"]) == ("drift:temp", "open", "the ml team")
    assert (
        "acknowledged: drift:temp"
        in run("alerts", "ack", "drift:temp", "--by", "ada", "--note", "mine").output
    )
    assert "acknowledged by ada" in run("alerts").output
    assert run("alerts", "resolve", "drift:temp", "--by", "ada").exit_code == 0
    assert run("alerts").output == "no alert is open\n"
    assert "resolved since" in run("alerts", "--all").output
    missing = run("alerts", "ack", "drift:temp")
    assert missing.exit_code == 2
    assert "open alerts: none" in missing.output
    lines = (project / "home" / "logs" / "alerts.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["raised", "acknowledged", "resolved"]


def test_without_procedures_nothing_is_watched_and_doctor_fails(project: Path) -> None:
    text = PROJECT.replace('action = "look at the page of the model"', "")
    project.joinpath("pyproject.toml").write_text(text)
    found = monitor(project)
    assert found.exit_code == 2
    assert "drift has no action" in found.output
    assert "[tool.nbship.alerts]" in found.output
    examined = run("doctor")
    assert examined.exit_code == 1
    assert "drift has no action" in examined.output
    project.joinpath("pyproject.toml").write_text(PROJECT)
    assert run("doctor").exit_code == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('log = "log"', 'lgo = "log"'),
        ('owner = "the ml team"', "owner = 3"),
        ('log = "log"', 'window = "1y"'),
    ],
)
def test_a_wrong_key_or_value_is_a_wrong_call(project: Path, before: str, after: str) -> None:
    project.joinpath("pyproject.toml").write_text(PROJECT.replace(before, after))
    found = monitor(project)
    assert found.exit_code == 2, found.output


def test_the_rules_file_is_printed(project: Path) -> None:
    del project
    found = yaml.safe_load(run("alerts", "rules").stdout)
    assert found["groups"][0]["name"] == "nbship-m"


def test_what_could_not_be_watched_is_an_exit_code(project: Path) -> None:
    next(project.joinpath("log").rglob("*.parquet")).write_bytes(b"PAR1")
    found = monitor(project)
    assert found.exit_code == 1
    assert "damaged" in found.stderr


def test_a_monitor_goes_on_until_it_is_told_to_stop(project: Path) -> None:
    words = ["monitor", "--interval", "0.1", "--reference", "reference.csv"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from nbship.cli import main; main()", *words],
        cwd=project,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    deadline = time.monotonic() + 60
    seen = ""
    while "drift:temp" not in seen and time.monotonic() < deadline:
        seen += process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    assert "2026-11-03" in seen


def test_status_is_told_what_is_open(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monitor(project)
    ((row, lines),) = open_alerts(config.load(), "m")
    assert (row["key"], row["owner"]) == ("drift:temp", "the ml team")
    assert click.unstyle(lines).startswith("critical  drift:temp  m version 1")
    assert open_alerts(config.load(), "another") == []
