"""What servers answered with is what the offline store says was known then; where it is not, replay says so."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from harbour import START, crossings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbship import config
from nbship.cli import main
from nbship.features.store import FeatureStore
from nbship.monitoring.log import Log, Writer
from nbship.monitoring.records import Prediction

MODEL = "delays"
#: A minute in which rows are kept, or an entity is asked for: the pier, its boat, and the minute of the row itself.
STEPS = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["north", "south"]), st.integers(1, 2), st.integers(0, 200)),
    min_size=1,
    max_size=12,
)


def serve(store: FeatureStore, log: Writer, pier: str, boat: int, minute: int) -> dict[str, Any] | None:
    """Answer a request with what the online store has, and log it as a server does."""
    now = START + timedelta(minutes=minute)
    (features,) = store.latest(store.view("crossing"), [(pier, boat)], now=now)
    given = dict(features or dict.fromkeys(("load", "full", "label")))
    log.append(
        Prediction(
            request=f"r{minute}",
            at=now,
            version=1,
            inputs={"pier": pier, "boat": boat, **given},
            outputs={"prediction": 1.0},
        )
    )
    return given


def replay(*, code: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["features", "replay", "crossing", "--model", MODEL, "--json"])
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_logged_rows_come_out_the_same_offline(repository: Path) -> None:
    store = FeatureStore.at(repository)
    log = Writer(Log(config.load().log_url, MODEL))
    view = store.view("crossing")
    store.compute(view, crossings([("north", 1, 0, 10)]), at=START + timedelta(minutes=5), who="ada")
    serve(store, log, "north", 1, 6)
    store.compute(view, crossings([("north", 1, 7, 30)]), at=START + timedelta(minutes=9), who="ada")
    serve(store, log, "north", 1, 8 + 2)
    serve(store, log, "south", 1, 11)
    serve(store, log, "north", 1, 7 + 121)
    log.flush()
    found = replay()
    assert found == {"rows": 4, "features": ["load", "full", "label"], "differences": [], "equal": True}


def test_a_server_with_features_of_its_own_is_found_out(repository: Path) -> None:
    store = FeatureStore.at(repository)
    log = Writer(Log(config.load().log_url, MODEL))
    store.compute(
        store.view("crossing"), crossings([("north", 1, 0, 10)]), at=START + timedelta(minutes=5), who="ada"
    )
    inputs = {"pier": "north", "boat": 1, "load": 10 / 41, "full": False, "label": "NORTH"}
    log.append(Prediction(request="r7", at=START + timedelta(minutes=7), version=1, inputs=inputs))
    log.flush()
    (difference,) = replay(code=1)["differences"]
    assert (difference["feature"], difference["rows"]) == ("load", 1)
    assert difference["examples"] == [["r7", 10 / 41, 0.25]]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_order_rows_and_requests_come_in(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, str, int, int]]
) -> None:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBSHIP_HOME", str(home))
        store = FeatureStore.at(repository)
        log = Writer(Log(config.load().log_url, MODEL))
        asked = [_carry_out(store, log, minute, *step) for minute, step in enumerate(steps)]
        log.flush()
        if any(asked) and not store.history(store.view("crossing")).empty:
            assert replay()["rows"] == sum(asked)


def _carry_out(
    store: FeatureStore, log: Writer, minute: int, asks: bool, pier: str, boat: int, cars: int
) -> bool:
    """Ask for an entity, or keep a row of it that is up to 99 minutes old."""
    now = 100 + 2 * minute
    if asks:
        serve(store, log, pier, boat, now)
    else:
        rows = crossings([(pier, boat, now - cars % 100, cars)])
        store.compute(store.view("crossing"), rows, at=START + timedelta(minutes=now), who="ada")
    return asks
