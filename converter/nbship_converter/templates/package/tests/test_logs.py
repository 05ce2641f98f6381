"""Steps tell the log about themselves, and give what they gave."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import pytest

from notebook_package.logs import logged


@dataclass
class Table:
    """Has rows and columns, as a frame has."""

    shape: tuple[int, ...]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the log is told."""
    caplog.set_level(logging.INFO, logger="notebook_package")
    return caplog


def load() -> Table:
    return Table((1200, 3))


def split(rows: int) -> tuple[Table, Table, str]:
    return Table((rows,)), Table((2,)), "no table"


async def fetch() -> Table:
    return Table((7, 1))


def fail() -> None:
    raise ValueError("no")


def without_seconds(log: pytest.LogCaptureFixture) -> list[str]:
    return [message.split(" in ")[0].split(" after ")[0] for message in log.messages]


def test_a_step_tells_when_it_starts_and_how_many_rows_it_made(log: pytest.LogCaptureFixture) -> None:
    assert logged(load)() == load()
    assert without_seconds(log) == ["load starts", "load made 1,200 rows"]
    assert log.messages[-1].endswith(" s")


def test_every_table_of_several_results_is_counted(log: pytest.LogCaptureFixture) -> None:
    assert logged(split)(rows=5) == split(5)
    assert without_seconds(log) == ["split starts", "split made 5, 2 rows"]


def test_a_step_that_awaits_is_timed_until_it_is_done(log: pytest.LogCaptureFixture) -> None:
    assert asyncio.run(_fetched()) == Table((7, 1))
    assert without_seconds(log) == ["fetch starts", "fetch made 7 rows"]


async def _fetched() -> Table:
    return await logged(fetch)()


def test_a_step_that_fails_says_so_and_raises_its_own_error(log: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="no"):
        logged(fail)()
    assert without_seconds(log) == ["fail starts", "fail failed"]
