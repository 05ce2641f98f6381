"""What a run has not got yet: of our own values, and beside those that the user or ``mlflow.autolog`` has logged.

Pure, and the same answer each time: writing what is missing twice writes nothing the second time.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nbship.model import MetricValue, RunRecord

_Exact = tuple[str, int, int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Parameters, tags and every value of the metrics: what a run holds, or what is to be written into it."""

    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[MetricValue] = ()


def missing(record: RunRecord, params: Mapping[str, str], metrics: Sequence[MetricValue]) -> Values:
    """Give what our own run lacks; ``metrics`` are the values that it has of our keys."""
    known = {_exact(item) for item in metrics}
    return Values(
        params={name: value for name, value in record.params.items() if name not in params},
        tags=record.tags,
        metrics=[item for item in record.metrics if _exact(item) not in known],
    )


def beside(record: RunRecord, held: Values, *, settled: bool) -> Values:
    """Give what the user's run ``held`` lacks of ``record``; no values before it is ``settled``.

    A parameter is there if its own name or the estimator's holds the same text (``model.C`` and ``C``). A metric is
    there if a value that is not ours has the same bits; each of theirs stands for one of ours, by name first.
    """
    tags = {
        name: value
        for name, value in record.tags.items()
        if name.startswith("nbship.") or name not in held.tags
    }
    if not settled:
        return Values(tags=tags)
    return Values(params=_params(record, held), tags=tags, metrics=_metrics(record, held))


def _params(record: RunRecord, held: Values) -> dict[str, str]:
    lower = {(name.lower(), value) for name, value in held.params.items()}
    return {
        name: value
        for name, value in record.params.items()
        if name not in held.params
        and (name.lower(), value) not in lower
        and (name.rpartition(".")[2].lower(), value) not in lower
    }


def _metrics(record: RunRecord, held: Values) -> list[MetricValue]:
    ours = {_exact(item) for item in record.metrics}
    theirs = [item for item in held.metrics if _exact(item) not in ours]
    known = {_exact(item) for item in held.metrics}
    left = [item for item in record.metrics if _exact(item) not in known]
    for by_name in (True, False):
        left = [item for item in left if not _taken(item, theirs, by_name=by_name)]
    return left


def _taken(item: MetricValue, theirs: list[MetricValue], *, by_name: bool) -> bool:
    """Tell whether one of their values stands for ours, and use it up if so."""
    for place, other in enumerate(theirs):
        if _bits(other) == _bits(item) and (_akin(item, other.key) if by_name else not _is_round(item)):
            del theirs[place]
            return True
    return False


def _akin(item: MetricValue, key: str) -> bool:
    words = [word.lower() for word in (item.key, item.function) if word]
    return any(word in key.lower() or key.lower() in word for word in words)


def _is_round(item: MetricValue) -> bool:
    """Tell a value that two different metrics may well share: 0, 1, a count."""
    return math.isinf(item.value) or item.value % 1 == 0


def _exact(item: MetricValue) -> _Exact:
    return (item.key, item.step, item.at_ms, _bits(item))


def _bits(item: MetricValue) -> bytes:
    """Give a value's bits: NaN equals itself, which MLflow stores like any other."""
    return b"nan" if math.isnan(item.value) else struct.pack("<d", item.value)
