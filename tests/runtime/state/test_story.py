"""What the panel asks, answered from MLflow on SQLite and nbship's own database: slow, as mlflow is to load."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbship import config, drain
from nbship.alerts.lifecycle import Observation, Policy, observe
from nbship.answering import Service
from nbship.drift import compare
from nbship.facts import (
    CellRan,
    EstimatorFitted,
    Fact,
    FrameProfiled,
    MetricComputed,
    ModelKept,
    ModelRegistered,
    SessionEnded,
    SessionStarted,
)
from nbship.journal import Blobs, Journal
from nbship.monitoring.ledger import Ledger, Stream
from nbship.profile import profile
from nbship.registry import Registry
from nbship.sourcehash import source_hash

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

FRAME = pd.DataFrame({"x": np.arange(300.0), "kind": ["a", "b", "c"] * 100})
LIVE = pd.DataFrame({"x": np.arange(300.0) + 400, "kind": ["a", "z", "z"] * 100})
AT = datetime(2026, 7, 1, tzinfo=UTC)


def session(settings: config.Config, name: str, *, auc: float, spare: bool = False) -> None:
    """Leave what a kernel leaves that has trained and registered; ``spare`` is a model that it did not register."""
    blobs = Blobs(folder=settings.blobs)
    blob = blobs.put(f"model {name}".encode())
    facts: list[Fact] = [
        SessionStarted(python="3.11.7", user="ada", notebook_id="n", notebook_name="churn.ipynb"),
        CellRan(cell="load", source_hash=source_hash("x = 1"), execution_count=1, succeeded=True),
        CellRan(cell="fit", source_hash=source_hash("fit(x)"), execution_count=2, succeeded=True),
        EstimatorFitted(name="model", type="Model"),
        MetricComputed(name="auc", value=auc, function="roc_auc_score"),
        ModelRegistered(
            model="churn", variable="model", type="Model", format="cloudpickle", blob=blob, profile_of=3, user="ada"
        ),
        FrameProfiled(of=3, profile_blob=blobs.put(json.dumps(profile(FRAME).to_json()).encode())),
        *(
            [
                EstimatorFitted(name="better", type="Model"),
                ModelKept(of=7, blob=blobs.put(b"better"), format="cloudpickle", predicts=True),
            ]
            if spare
            else []
        ),
        SessionEnded(),
    ]  # fmt: skip
    with closing(Journal(settings.journals / name)) as journal:
        for fact in facts:
            journal.append(fact)


class Panel:
    """Asks a worker, in this process."""

    def __init__(self) -> None:
        self._service = Service()

    def ask(self, ask: str, **question: Any) -> Any:
        """Give the result, or the error."""
        asked = {"id": 1, "ask": ask, "model": "churn", "who": "grace", **question}
        told = json.loads(self._service.reply(json.dumps(asked)).splitlines()[0])
        return told["result"] if told["ok"] else told["error"]


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    """A panel on a model with two versions, the first of which was watched in two windows."""
    folder = tmp_path_factory.mktemp("story")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBSHIP_HOME", str(folder / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        _registered_and_watched()
        yield Panel()


def _registered_and_watched() -> None:
    settings = config.load()
    session(settings, "1", auc=0.8)
    session(settings, "2", auc=0.9, spare=True)
    assert len(drain.drain(settings).written) == 2
    registry = Registry(settings)
    known, now = profile(FRAME), profile(LIVE, like=profile(FRAME))
    report = compare(known, now, extra_columns=False)
    live = registry.champion("churn")
    registry.record_drift(live, "July", report, at=AT, current=now)
    registry.record_drift(live, "August", report, at=AT.replace(month=8))


def test_what_the_policy_refuses_is_told_before_anything_is_done(
    panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[promote.production]\nwhy = true\n")
    monkeypatch.setenv("NBSHIP_POLICY", str(policy))
    before = panel.ask("state")["assignment"]
    shown = panel.ask("preview", action="promote", version=2)
    assert shown["allowed"] is False
    assert "policy.toml" in shown["reason"]
    assert panel.ask("preview", action="promote", version=2, why="better auc")["allowed"] is True
    refused = panel.ask("act", action="promote", version=2, expected=before["revision"], why="")
    assert refused["kind"] == "PolicyError"
    assert panel.ask("state")["assignment"] == before


def test_a_day_at_the_panel(panel: Panel) -> None:
    state = panel.ask("state")
    assert state["store"]["reachable"] is True
    assert (state["assignment"]["champion"], state["assignment"]["challenger"]) == (1, 2)
    assert [entry["action"] for entry in state["history"]] == ["registered", "registered"]
    newest = state["versions"][0]
    assert newest["key_metric"] == {
        "name": "auc",
        "value": 0.9,
        "better": "higher",
        "change": pytest.approx(0.1),
        "against": 1,
    }
    assert (newest["cells"], newest["drift"], state["versions"][1]["drift"]) == (2, None, "critical")
    assert {row["feature"] for row in state["drift"][0]["features"]} == {"x", "kind"}

    # a feature: the window whose rows were kept, and one whose were not
    july = panel.ask("feature", feature="x", window="July")
    assert sum(row["current"] for row in july["bins"]) == pytest.approx(1)
    assert july["bins"][-1]["current"] > 0.99
    assert july["note"] is None
    kinds = panel.ask("feature", feature="kind", window="July")
    shares = {row["label"]: round(row["current"], 2) for row in kinds["bins"]}
    assert (shares["a"], shares["everything else"], kinds["newcomers"]) == (0.33, 0.67, ["z"])
    august = panel.ask("feature", feature="x")
    assert (august["window"], august["bins"][0]["current"]) == ("August", None)
    assert "not kept" in august["note"]
    assert panel.ask("feature", feature="<b>")["kind"] == "InputError"

    # the open notebook against a version
    cells = [
        {"id": "load", "source": "x = 1  "},
        {"id": "new", "source": "y"},
        {"id": "fit", "source": "fit(x, 2)"},
    ]
    assert panel.ask("difference", version=1, cells=cells) == {
        "version": 1,
        "changed": ["fit"],
        "added": ["new"],
        "removed": [],
        "same": 1,
        "note": None,
    }

    # a rollout is shown before it begins
    begins = panel.ask("preview", action="challenge", version=2)
    assert begins["says"] == "Version 2 begins its rollout (shadow); version 1 answers"
    assert {"what": "rollout", "before": None, "after": "shadow"} in begins["changes"]

    # promoting: shown, done, and refused to who saw what was before
    shown = panel.ask("preview", action="promote", version=2)
    assert (shown["allowed"], shown["expected"]) == (True, 2)
    assert shown["says"] == "Version 2 answers instead of version 1"
    assert {"name": "auc", "was": "0.8", "will_be": "0.9", "verdict": "better"} in shown["evidence"]
    assert {"what": "champion", "before": "1", "after": "2"} in shown["changes"]
    done = panel.ask("act", action="promote", version=2, expected=2, why="better auc")
    assert (done["says"], done["assignment"]["champion"]) == ("Version 2 answers instead of version 1", 2)
    late = panel.ask("act", action="promote", version=1, expected=2)
    assert (late["stands"]["champion"], late["changed"]["who"]) == (2, "grace")
    assert "revision 3, not 2" in late["error"]["what"]
    again = panel.ask("preview", action="promote", version=2)
    assert (again["allowed"], again["reason"]) == (False, "version 2 is production already")
    state = panel.ask("state")
    assert {row["version"]: row["aliases"] for row in state["versions"]} == {1: [], 2: ["champion"]}
    assert state["versions"][0]["key_metric"]["against"] == 1  # the champion before

    # and back
    assert panel.ask("preview", action="rollback")["says"] == "Version 1 answers instead of version 2"
    assert panel.ask("act", action="rollback", expected=3, why="")["assignment"]["champion"] == 1
    assert panel.ask("act", action="promote", version=9, expected=4)["what"] == "'churn' has no version 9"

    # registering a fitted model that was not
    (candidate,) = panel.ask("preview", action="register", notebook="churn.ipynb")["candidates"]
    assert (candidate["variable"], candidate["run"] != "") == ("better", True)
    assert panel.ask("preview", action="register", notebook="other.ipynb")["allowed"] is False
    for expected in (4, 5):  # the second time the same version
        panel.ask("act", action="register", candidate=candidate["id"], expected=expected)
    assert [row["version"] for row in panel.ask("state")["versions"]] == [3, 2, 1]
    assert panel.ask("preview", action="dig")["kind"] == "InputError"


def test_alerts_are_taken_once(panel: Panel) -> None:
    settings = config.load()
    stream = Stream(model="churn", version=1, cut="1d")
    seen = Observation(rule="drift", subject="x", tier="critical", reason="PSI 3 is above 0.25")
    alert, event = observe(None, seen, policy=Policy(), window="July", at=AT)
    assert alert is not None
    assert event is not None
    with closing(Ledger(settings.state_url)) as ledger, ledger.entry(stream) as entry:
        entry.put_alert(alert)
    (shown,) = panel.ask("state")["alerts"]
    assert (shown["key"], shown["state"], shown["owner"]) == ("drift:x", "open", None)
    assert panel.ask("state")["problems"] == []
    about = {"stream": shown["stream"], "key": "drift:x", "expected": "open"}
    taken = panel.ask("alert", do="acknowledge", note="on it", **about)
    assert (taken["changed"], taken["alert"]["by"], taken["alert"]["note"]) == (True, "grace", "on it")
    late = panel.ask("alert", do="resolve", **about)
    assert (late["changed"], late["alert"]["state"]) == (False, "acknowledged")
    assert panel.ask("alert", do="resolve", **{**about, "expected": "acknowledged"})["changed"] is True
    assert [row["state"] for row in panel.ask("state")["alerts"]] == ["resolved"]
    assert panel.ask("alert", do="resolve", **{**about, "key": "drift:none"})["kind"] == "InputError"
