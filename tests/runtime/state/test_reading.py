from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import pandas as pd
import pytest

from nbship import config, state, text
from nbship.drift import DriftReport, compare
from nbship.errors import StoreError
from nbship.model import Dataset, ModelVersion, RunDetails, Window
from nbship.profile import profile
from nbship.registry import Registry
from nbship.state import coding

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WINDOWS = ("April", "July")


class FakeRegistry:
    """One version, two windows: in July `temp` has moved."""

    def versions(self, model: str) -> list[ModelVersion]:
        if model != "bikeshare":
            return []
        return [
            ModelVersion(
                model=model,
                version=1,
                status="ready",
                stage="production",
                aliases=("champion",),
                created="2026-01-01T00:00:00+00:00",
                created_by="ada",
                run_id="r",
                source="models:/m-1",
                tags={"nbship.notebook.id": "n", "nbship.notebook.name": "n.ipynb"},
            )
        ]

    def run_details(self, run_ids: Sequence[str]) -> dict[str, RunDetails]:
        metrics = {"mae": 15.4, "odd": float("nan")}
        data = (Dataset(name="x.csv", digest="b3:00"),)
        return {name: RunDetails(run_id=name, ended=True, metrics=metrics, datasets=data) for name in run_ids}

    def windows(self, _: ModelVersion) -> list[tuple[Window, str]]:
        rows = {"at": NOW.isoformat(), "rows": 700, "reference_rows": 1500}
        severities: Sequence[Any] = ("none", "critical")
        return [
            (Window(window=name, severity=severity, **cast("dict[str, Any]", rows)), name)
            for name, severity in zip(WINDOWS, severities, strict=True)
        ]

    def report(self, _: ModelVersion, path: str) -> DriftReport:
        rng = np.random.default_rng(0)
        known = profile(pd.DataFrame({"hr": rng.integers(0, 24, 1500), "temp": rng.normal(size=1500)}))
        shift = 2.0 if path == "July" else 0.0
        live = pd.DataFrame({"hr": rng.integers(0, 24, 700), "temp": rng.normal(shift, size=700)})
        return compare(known, profile(live, like=known))


def silent() -> NoReturn:
    raise StoreError("nobody listens")


def read(settings: config.Config, *, model: str = "bikeshare") -> state.State:
    opened = cast("Registry", FakeRegistry())
    return state.read(
        model, "default", sources=state.Sources(settings, open_registry=lambda: opened), now=NOW
    )


@pytest.mark.usefixtures("home")
def test_the_document_is_plain_json_and_comes_back() -> None:
    known = read(config.load())
    text = json.dumps(known.to_json(), allow_nan=False)
    assert coding.decoded(state.State, text).versions[0].key_metric == known.versions[0].key_metric
    assert known.to_json()["versions"][0]["metrics"] == {"mae": 15.4, "odd": None}


@pytest.mark.usefixtures("home")
def test_features_are_ranked_and_carry_their_history() -> None:
    (drift,) = read(config.load()).drift
    assert drift.severity == "critical"
    assert [row.feature for row in drift.features] == ["temp", "hr"]
    assert [point.window for point in drift.features[0].history] == ["April", "July"]
    assert [point.severity for point in drift.features[0].history] == ["none", "critical"]


@pytest.mark.usefixtures("home")
def test_a_store_that_is_down_shows_what_was_last_known() -> None:
    settings = config.load()
    known = read(settings)
    away = state.Sources(settings, open_registry=silent)
    later = state.read("bikeshare", "default", sources=away, now=datetime(2026, 2, 2, tzinfo=UTC))
    assert (later.versions, later.drift) == (known.versions, known.drift)
    assert later.store == replace(known.store, reachable=False, message="nobody listens")
    assert later.revision != known.revision
    unknown = state.read("other", "default", sources=away, now=NOW)
    assert unknown.versions == ()


@pytest.mark.usefixtures("home")
def test_the_revision_changes_with_what_is_shown_only() -> None:
    settings = config.load()
    assert read(settings).revision == read(settings).revision
    assert read(settings, model="none").revision != read(settings).revision


@pytest.mark.usefixtures("home")
def test_the_terminal_shows_a_row_per_version_and_feature() -> None:
    lines = text.state_lines(read(config.load()), width=110)
    assert "production  champion" in lines
    assert "temp" in lines
    assert "April" in lines


@pytest.mark.usefixtures("home")
def test_a_model_that_was_deleted_is_one_without_versions() -> None:
    known = read(config.load(), model="deleted")
    assert (known.store.reachable, known.versions, known.drift) == (True, (), ())


def test_a_state_database_that_is_broken_is_told_and_the_rest_is_shown(home: Path) -> None:
    home.mkdir()
    (home / "state.db").write_bytes(b"this is no database, whatever its name says" * 100)
    known = read(config.load())
    assert (len(known.versions), len(known.drift)) == (1, 1)
    assert (known.assignment, known.alerts, known.history) == (None, (), ())
    (problem,) = known.problems
    assert "state database" in problem.what
    assert problem.help is not None


def test_looking_at_a_model_makes_no_database(home: Path) -> None:
    read(config.load())
    assert not (home / "state.db").exists()


def test_a_memory_that_is_damaged_or_of_another_version_is_no_memory(home: Path) -> None:
    settings = config.load()
    known = read(settings)
    (kept,) = (home / "states").iterdir()
    for content in (b"", b"[]", b"{", json.dumps({**known.to_json(), "versions": 3}).encode()):
        kept.write_bytes(content)
        away = state.Sources(settings, open_registry=silent)
        found = state.read("bikeshare", "default", sources=away, now=NOW)
        assert (found.versions, found.store.reachable) == ((), False)


@pytest.mark.usefixtures("home")
def test_models_whose_names_differ_in_odd_letters_are_remembered_apart() -> None:
    settings = config.load()
    for name in ("a b", "a.b", "a_b", "دخل", "收入"):
        read(settings, model=name)
    assert len(list((settings.home / "states").iterdir())) == 5
