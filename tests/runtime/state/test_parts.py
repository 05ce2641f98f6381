"""The pure parts of a state: differences, trends, metrics, bins, admission, and what an action is said to change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from nbship import policy, store
from nbship.config import Config
from nbship.drift import DriftReport, FeatureDrift, Test
from nbship.errors import InputError, StoreError
from nbship.model import ModelVersion, Severity, Window
from nbship.profile import ColumnProfile, profile
from nbship.registry.assignment import Assignment, staged
from nbship.sourcehash import source_hash
from nbship.state import acting, admission, cellhashes, drifting, feature, metrics, standing
from nbship.state.documents import Alert, DriftPoint

WHERE = Config(home=Path("home"), tracking_uri="sqlite:///home/mlflow.db", origin="home")
PROJECTS = replace(
    WHERE, tracking_uri="http://evil.example", origin="pyproject", monitor={"log": "s3://evil/log", "window": "1d"}
)  # fmt: skip


def version(**tags: str) -> ModelVersion:
    return ModelVersion(
        model="churn", version=4, status="ready", stage="production", aliases=("champion",), created="",
        created_by=None, run_id="r", source=None, tags=tags,
    )  # fmt: skip


def test_a_profile_of_the_servers_configuration_is_opened() -> None:
    given = admission.parse('{"profiles": {"team": "https://mlflow.example"}, "trust_project": false}')
    settings, problems = admission.admitted(WHERE, "team", given)
    assert (settings.tracking_uri, problems) == ("https://mlflow.example", ())


def test_a_profile_that_nobody_configured_is_refused_by_name() -> None:
    with pytest.raises(InputError) as error:
        admission.admitted(WHERE, "evil", admission.parse('{"profiles": {"team": "x"}}'))
    assert error.value.where == "metadata.nbship"
    assert "default, team" in str(error.value.help)


def test_addresses_of_a_project_are_not_opened_unless_it_is_trusted() -> None:
    settings, problems = admission.admitted(PROJECTS, "default", admission.parse('{"profiles": {}}'))
    assert settings.tracking_uri == "sqlite:///home/mlflow.db"
    assert settings.monitor == {"window": "1d"}
    assert "trust_project" in str(problems[0].help)
    trusting = admission.parse('{"trust_project": true}')
    assert admission.admitted(PROJECTS, "default", trusting) == (PROJECTS, ())


@pytest.mark.parametrize(
    "named", ["https://evil.example/policy.toml", "s3://evil/policy.toml", "/etc/policy.toml"]
)
def test_a_policy_from_elsewhere_is_not_read_and_refuses_instead(tmp_path: Path, named: str) -> None:
    project = replace(
        WHERE, project=tmp_path / "pyproject.toml", policy=named, artifacts_named="s3://evil/artifacts"
    )
    settings, _ = admission.admitted(project, "default", admission.parse('{"profiles": {}}'))
    assert settings.artifacts_named is None
    with pytest.raises(StoreError, match="trust_project"):
        policy.enforced(settings)
    beside = replace(project, policy=str(tmp_path / "policy.toml"))
    assert (
        admission.admitted(beside, "default", admission.parse('{"profiles": {}}'))[0].policy == beside.policy
    )


def test_the_servers_environment_is_its_own_choice() -> None:
    own = replace(WHERE, tracking_uri="https://mlflow.example", origin="environment")
    assert admission.admitted(own, "default", admission.parse('{"profiles": {}}'))[0] == own


def test_a_cell_that_moved_is_the_same_and_blanks_are_nothing() -> None:
    hashes = f'{{"a": "{source_hash("x")}", "b": "{source_hash("y")}"}}'
    known = version(**{"nbship.cell_hashes": hashes})
    found = cellhashes.difference(known, [("new", "x\n"), ("b", "y  "), ("empty", " \n")])
    assert (found.changed, found.added, found.removed, found.same) == ((), (), (), 2)
    found = cellhashes.difference(known, [("c", "w"), ("b", "z")])
    assert (found.changed, found.added, found.removed, found.same) == (("b",), ("c",), ("a",), 0)


def test_cells_below_those_that_made_the_version_are_no_difference() -> None:
    known = version(
        **{"nbship.cell_hashes": json.dumps({"a": source_hash("x"), "b": source_hash("register")})}
    )
    found = cellhashes.difference(known, [("a", "x"), ("b", "register"), ("plot", "plot"), ("more", "y")])
    assert (found.changed, found.added, found.removed, found.same) == ((), (), (), 2)


def test_cells_that_were_recorded_without_an_id_are_known_by_their_content() -> None:
    hashes = {f"#{place}": source_hash(source) for place, source in enumerate(("x", "fit(2)", "z"), start=1)}
    known = version(**{"nbship.cell_hashes": json.dumps(hashes)})
    found = cellhashes.difference(known, [("a", "x"), ("d", "new"), ("b", "fit(5)"), ("c", "z")])
    assert (found.changed, found.added, found.removed, found.same) == (("d",), ("b",), (), 2)
    found = cellhashes.difference(known, [("a", "x"), ("b", "fit(2)"), ("c", "other")])
    assert (found.changed, found.added, found.removed, found.same) == (("c",), (), (), 2)
    found = cellhashes.difference(known, [("a", "x")])
    assert (found.changed, found.added, found.removed, found.same) == ((), (), ("#2", "#3"), 1)


@pytest.mark.parametrize("tags", [{}, {"nbship.cell_hashes": "no json"}, {"nbship.cell_hashes": "[1]"}])
def test_a_version_without_hashes_says_so_instead_of_all_changed(tags: dict[str, str]) -> None:
    found = cellhashes.difference(version(**tags), [("a", "x")])
    assert (found.changed, found.added) == ((), ())
    assert found.note is not None


@pytest.mark.parametrize(
    ("values", "going"),
    [
        ([0.1, 0.2, 0.3], None),
        ([0.1, 0.15, 0.2, 0.4], "rising"),
        ([0.4, 0.3, 0.2, 0.1], "falling"),
        ([0.1, 0.3, 0.1, 0.3, 0.1], "steady"),
        ([0.001, 0.002, 0.003, 0.004], "steady"),
        ([None, 0.1, None, 0.2, 0.3, 0.4], "rising"),
    ],
)
def test_a_trend_needs_values_an_order_and_a_size(values: list[float | None], going: str | None) -> None:
    assert drifting.trend(values, (0.1, 0.2, 0.25)) == going


def test_a_breach_begins_after_the_last_quiet_window() -> None:
    severities: tuple[Severity, ...] = ("warning", "none", "critical", "too_few", "warning", "critical")
    points = [DriftPoint(window=str(n), value=None, severity=word) for n, word in enumerate(severities)]
    assert drifting.first_breach(points) == "4"
    assert drifting.first_breach(points[:2]) is None


def test_two_thousand_features_are_ranked_counted_and_cut() -> None:
    test = Test(name="psi", value=0.4, thresholds=(0.1, 0.2, 0.25), severity="critical")
    quiet = replace(test, value=0.01, severity="none")
    features = [
        FeatureDrift(feature=f"f{n}", kind="numeric", severity=t.severity, reason="", tests=(t,))
        for n in range(2000)
        for t in [test if n % 100 == 7 else quiet]
    ]
    report = DriftReport(severity="critical", reference_rows=9, current_rows=9, features=tuple(features))
    windows = [Window(window=w, at=w, rows=9, reference_rows=9, severity="critical") for w in ("1", "2")]
    shown = drifting.drawn(1, windows, [report, report])
    assert (shown.counts.critical, shown.counts.none, len(shown.features)) == (20, 1980, 100)
    assert {row.severity for row in shown.features[:20]} == {"critical"}
    assert (len(shown.features[0].history), len(shown.features[99].history)) == (2, 0)
    assert len(drifting.drawn(1, windows, [report, report], whole=True).features) == 2000


@pytest.mark.parametrize(
    ("name", "up"),
    [
        ("mae", "lower"),
        ("val_rmse", "lower"),
        ("ROC AUC", "higher"),
        ("train/f1", "higher"),
        ("riders", None),
    ],
)
def test_a_metrics_name_tells_which_way_is_up(name: str, up: str | None) -> None:
    assert metrics.better(name) == up


def test_the_key_metric_is_one_that_the_champion_has() -> None:
    found = {1: {"n_rows": 9.0, "val_auc": 0.8}, 2: {"accuracy": 0.9, "val_auc": 0.7}}
    assert metrics.key_name(found, 1) == "val_auc"
    key = metrics.key_metric_of("val_auc", found, 2, 1)
    assert key is not None
    assert key.change == pytest.approx(-0.1)
    assert metrics.key_metric_of("n_rows", found, 2, 1) is None
    assert metrics.key_name({}, None) is None


def column(frame: pd.DataFrame, name: str) -> ColumnProfile:
    found = profile(frame).column(name)
    assert found is not None
    return found


def test_bins_are_shares_that_add_up_to_one() -> None:
    frame = pd.DataFrame({"n": range(1000), "c": [f"k{i % 40}" for i in range(1000)]})
    for name in frame:
        known = column(frame, str(name))
        rows = feature.bins(known, known)
        assert sum(row.reference for row in rows) == pytest.approx(1)
        assert [row.current for row in rows] == [row.reference for row in rows]
        assert all(row.current is None for row in feature.bins(known, None))
    numbers = feature.bins(column(frame, "n"), None)
    assert (numbers[0].low, numbers[-1].high) == (None, None)
    assert [row.low for row in numbers[1:]] == [row.high for row in numbers[:-1]]


def test_what_is_withheld_has_no_bins() -> None:
    frame = pd.DataFrame({"email": [f"{i}@x.example" for i in range(300)]})
    assert feature.bins(column(frame, "email"), None) == ()


def test_an_action_that_ends_a_rollout_says_so() -> None:
    now = Assignment(model="m", revision=4, champion=2, challenger=3, mode="canary", share=0.1)
    after = staged(now, 3, "production")
    assert acting.says(now, after) == "Version 3 answers instead of version 2"
    changes = {item.what: (item.before, item.after) for item in acting.changes(now, after)}
    assert changes == {
        "champion": ("2", "3"),
        "challenger": ("3", None),
        "rollout": ("canary 10 %", None),
        "stage of version 2": ("production", "archived"),
        "stage of version 3": ("staging", "production"),
    }
    gone = staged(now, 2, "archived")
    assert acting.says(now, gone) == "Nobody answers any more: version 2 is taken away"


def alert(key: str, state: str, tier: str = "info", since: str = "2026-01-01") -> Alert:
    return Alert(
        stream="s", key=key, version=1, rule="drift", subject="x", tier=tier, state=state, since=since,  # type: ignore[arg-type]  # words
        window="w", reason="", occurrence=1, by=None, note=None, owner=None, action=None, escalation=None,
        runbook=None,
    )  # fmt: skip


def test_open_alerts_come_first_the_worst_first_and_few_that_are_over() -> None:
    over = [alert(f"over {n:02}", "resolved", since=f"2026-01-{n + 1:02}") for n in range(30)]
    rows = [
        *over,
        alert("c", "acknowledged", "critical"),
        alert("a", "open", "info"),
        alert("b", "open", "critical"),
    ]
    found = standing.ordered(rows)
    assert [row.key for row in found[:4]] == ["b", "a", "c", "over 29"]
    assert len(found) == 3 + standing.MOST_RESOLVED


def test_secrets_of_addresses_and_of_the_environment_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cr3t-t0k3n")
    told = "GET https://user@h/x?api_key=1&sig=abc with Bearer s3cr3t-t0k3n and postgresql://a:b@c/d"
    shown = store.masked(told)
    for secret in ("s3cr3t", "user@", "sig=abc", "a:b@"):
        assert secret not in shown
