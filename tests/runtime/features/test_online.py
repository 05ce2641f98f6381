"""The same tests for each online store; Redis is one that runs in this process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fakeredis
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbship.errors import InputError, StoreError
from nbship.features.online import OnlineStore, Row, online_store

START = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "redis"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OnlineStore]:
    if request.param == "redis":
        monkeypatch.setattr(redis, "Redis", fakeredis.FakeRedis)
        url = f"redis://{tmp_path.name}:6379/0"
    else:
        url = f"sqlite:///{tmp_path / 'deep' / 'online.db'}"
    found = online_store(url)
    yield found
    found.close()


def row(key: str, minutes: int, value: float | str | None) -> Row:
    return Row(key=(key, 1), at=START + timedelta(minutes=minutes), features={"load": value})


def test_values_come_back_as_they_were(store: OnlineStore) -> None:
    store.put("v", [row("ä", 1, 0.1 + 0.2), row("b", 1, None), row("c", 1, "text")])
    found = store.get("v", [("c", 1), ("none", 1), ("ä", 1), ("b", 1)])
    assert [item and item.features["load"] for item in found] == ["text", None, 0.1 + 0.2, None]
    assert found[1] is None
    assert found[2] is not None
    assert found[2].at == START + timedelta(minutes=1)


def test_spaces_are_apart(store: OnlineStore) -> None:
    store.put("v:1", [row("a", 1, 1.0)])
    assert store.get("v:2", [("a", 1)]) == [None]
    assert store.get("v:1", []) == []


def test_thousands_of_rows_are_kept(store: OnlineStore) -> None:
    store.put("v", [row(str(number), 1, float(number)) for number in range(1_300)])
    found = store.get("v", [(str(number), 1) for number in range(1_300)])
    assert [item.features["load"] for item in found if item] == [float(number) for number in range(1_300)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 4)), max_size=4), max_size=5))
def test_in_whatever_order_rows_come_the_newest_stays(
    store: OnlineStore, batches: list[list[tuple[str, int]]]
) -> None:
    space = f"v{id(batches)}{len(str(batches))}-{hash(str(batches))}"
    for batch in batches:
        store.put(space, [row(key, at, float(at)) for key, at in batch])
    for key in "ab":
        times = [at for batch in batches for where, at in batch if where == key]
        (found,) = store.get(space, [(key, 1)])
        assert (found.features["load"] if found else None) == (float(max(times)) if times else None)


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(InputError, match="no address of an online store"):
        online_store("cache")


def test_a_store_that_is_away_is_told() -> None:
    with pytest.raises(StoreError, match="the online feature store does not answer"):
        online_store("redis://127.0.0.1:9/0")
