"""What the prediction log has of a step, for both versions: read part by part, each once.

A part is never changed, so what was read of it is kept. Of a step with very many rows the first and the last are
kept, by their number alone; the time over which rows came is known of all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship.errors import DataError
from nbship.monitoring import records
from nbship.monitoring.log import Listing, Log, Part

pc: Any = _compute
Seconds = np.ndarray[Any, np.dtype[np.int64]]

#: The rows of each side that are kept of the beginning of a step, and of its end.
MOST_FIRST = 40_000
MOST_LAST = 200_000
_SHADOW, _ANSWERING = ("shadow",), ("live", "champion", "canary")
#: A part that begins so long before a step has no rows of it: parts are written every few seconds.
_LONGEST_PART = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of one version since some moment, in order of time; ``seconds`` in which there was one, of all."""

    table: pa.Table
    seconds: Seconds
    count: int
    problems: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Kept:
    """What is known of a part; ``table`` is let go where it is neither of the first nor of the last."""

    table: pa.Table | None
    seconds: Seconds
    count: int


class Reader:
    """Reads a log. Raises StoreError where it does not answer."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._since: datetime | None = None
        self._kept: dict[tuple[Part, bool], _Kept] = {}

    def rows(self, version: int, since: datetime, *, is_shadow: bool) -> Rows:
        """Give what a version answered since a moment, as a shadow or to somebody."""
        if self._since != since:
            self._since, self._kept = since, {}
        listing = self._log.parts(version)
        day = since.astimezone(UTC).date()
        parts = [
            part
            for part in listing.parts
            if part.day >= day and (part.day > day or begins(part) >= since - _LONGEST_PART)
        ]
        problems = _gaps(listing, since)
        found: list[_Kept] = []
        for part in parts:
            try:
                found.append(self._read(part, since, is_shadow=is_shadow))
            except DataError as error:
                problems.append(f"{part.name}: {error.what}")
        return self._joined(found, problems)

    def _read(self, part: Part, since: datetime, *, is_shadow: bool) -> _Kept:
        known = self._kept.get((part, is_shadow))
        if known is not None:
            return known
        table = self._log.read(part)
        times = table.column("time")
        mine = pc.is_in(table.column("role"), value_set=pa.array(_SHADOW if is_shadow else _ANSWERING))
        table = table.filter(pc.and_(pc.greater_equal(times, pa.scalar(since, times.type)), mine))
        kept = _Kept(table=table, seconds=_seconds(table), count=table.num_rows)
        self._kept[part, is_shadow] = kept
        return kept

    def _joined(self, kept: list[_Kept], problems: list[str]) -> Rows:
        _let_the_middle_go(kept)
        table, _ = records.joined([item.table for item in kept if item.table is not None and item.count])
        seconds = [item.seconds for item in kept]
        return Rows(
            table=table.sort_by("time"),
            seconds=np.unique(np.concatenate(seconds)) if seconds else np.empty(0, dtype=np.int64),
            count=sum(item.count for item in kept),
            problems=tuple(problems),
        )


def _seconds(table: pa.Table) -> Seconds:
    whole = pc.cast(pc.floor_temporal(table.column("time"), unit="second"), pa.int64())
    return np.unique(np.asarray(whole.to_numpy(), dtype=np.int64)) // 1_000_000


def _let_the_middle_go(kept: list[_Kept]) -> None:
    """Keep the first and the last rows where there are too many; which, does not depend on what they say."""
    total, before = sum(item.count for item in kept), 0
    for item in kept:
        after = total - before - item.count
        if before >= MOST_FIRST and after >= MOST_LAST:
            item.table = None
        before += item.count


def begins(part: Part) -> datetime:
    """Give the time of a part's first row, as its name says it."""
    text = part.name.rpartition("/")[2]
    clock = time(int(text[:2]), int(text[2:4]), int(text[4:6]), tzinfo=UTC)
    return datetime.combine(part.day, clock)


def _gaps(listing: Listing, since: datetime) -> list[str]:
    """Name the missing parts that may hold rows of the step: their writer has written a later one in it."""
    found: list[str] = []
    for gap in listing.gaps:
        match = re.fullmatch(r"(\w+)-(\d+)", gap)
        assert match is not None, "the log names gaps so"
        writer, number = match[1], int(match[2])
        later = [part for part in listing.parts if part.writer[0] == writer and part.writer[1] > number]
        if later and begins(min(later, key=lambda part: part.writer[1])) >= since:
            found.append(f"part {gap} is not in the log")
    return found
