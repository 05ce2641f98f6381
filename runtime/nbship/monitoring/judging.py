"""(rows of a window, reference) -> Judgement: the drift of its inputs and answers, errors, latency, oddities. Pure.

Rows that were rejected are no inputs of the model; they count as errors, and not in its drift. Answers are compared
with the profile that the version brings of them, or with those of the first window that has enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from nbship.alerts.lifecycle import TIERS, Observation, Tier
from nbship.drift import RANK, DriftReport, FeatureDrift, compare
from nbship.model import Severity
from nbship.monitoring import records
from nbship.profile import Profile, profile

pc: Any = _compute

#: So many answers make a reference of their own, where the version brings none.
BASELINE_ROWS = 500
#: The error rate that is an info, a warning, critical; the exact lower bound of 99 % must be above it.
ERROR_RATES = (0.01, 0.05, 0.2)
_SURE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What there is to say of one window. ``latency`` holds quantiles in seconds; ``errors`` is a share of all rows."""

    window: str
    rows: int
    start: str | None = None
    end: str | None = None
    severity: Severity
    inputs: DriftReport
    predictions: DriftReport | None = None
    outcomes: Mapping[str, int] = field(default_factory=dict[str, int])
    roles: Mapping[str, int] = field(default_factory=dict[str, int])
    latency: Mapping[str, float] = field(default_factory=dict[str, float])
    repeated: int = 0
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> int:
        """How many rows have no answer."""
        return self.rows - self.outcomes.get("ok", 0)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        document = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in {"inputs", "predictions"}
        }
        document["notes"] = list(self.notes)
        document["inputs"] = self.inputs.to_json()
        document["predictions"] = self.predictions.to_json() if self.predictions else None
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Judgement:
        """Give it back."""
        given = dict(document)
        given["notes"] = tuple(document["notes"])
        given["inputs"] = DriftReport.from_json(document["inputs"])
        if document["predictions"]:
            given["predictions"] = DriftReport.from_json(document["predictions"])
        return cls(**given)


def judge(
    rows: pa.Table,
    *,
    window: str,
    reference: Profile,
    baseline: Profile | None,
    span: tuple[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> Judgement:
    """Judge the rows of a window. Nothing of what they hold raises: what cannot be judged is told."""
    accepted = rows.filter(pc.not_equal(rows.column("outcome"), "rejected"))
    inputs, unread = _inputs(accepted, reference)
    answers = predictions_of(rows)
    told = [*notes, *unread]
    compared = (
        compare(baseline, profile(answers, like=baseline), extra_columns=False)
        if baseline and answers
        else None
    )
    if baseline is None and answers is not None:
        told.append(
            f"answers have no reference yet: the first window with {BASELINE_ROWS} of them becomes it"
        )
    repeated = records.repeated(rows)
    if repeated:
        told.append(f"{repeated} rows repeat a request id")
    return Judgement(
        window=window,
        rows=rows.num_rows,
        start=span[0] if span else None,
        end=span[1] if span else None,
        severity=worst(inputs.severity, compared.severity if compared else "none"),
        inputs=inputs,
        predictions=compared,
        outcomes=_counts(rows, "outcome"),
        roles=_counts(rows, "role"),
        latency=_latency(rows),
        repeated=repeated,
        notes=tuple(told),
    )


def worst(*severities: Severity) -> Severity:
    """Give the severest.

    >>> worst("none", "warning", "too_few")
    'warning'
    """
    return max(severities, key=lambda severity: RANK[severity])


def _inputs(accepted: pa.Table, reference: Profile) -> tuple[DriftReport, list[str]]:
    """Compare inputs; where there is nothing to compare, say so: no column of an empty table is missing."""
    table = records.part_of(accepted, records.INPUT)
    if accepted.num_rows == 0:
        return _nothing(reference), ["there is no row to judge"]
    if not table.column_names:
        return _nothing(reference), ["the log holds no inputs"]
    table, odd = _readable(table)
    return compare(reference, profile(table, like=reference), extra_columns=False), odd


def _nothing(reference: Profile) -> DriftReport:
    return DriftReport(severity="too_few", reference_rows=reference.rows, current_rows=0, features=())


def _readable(table: pa.Table) -> tuple[pa.Table, list[str]]:
    """Turn columns that cannot be counted (lists, structs, bytes) into text."""
    odd: list[str] = []
    for place, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            text = pa.array(
                [None if value is None else str(value) for value in column.to_pylist()], pa.string()
            )
            table = table.set_column(place, name, text)
            odd.append(f"{name} holds {column.type} and is compared as text")
    return table, odd


def predictions_of(rows: pa.Table) -> pa.Table | None:
    """Give the answers alone, of the rows that have one; None where the log holds none."""
    answered = rows.filter(pc.equal(rows.column("outcome"), "ok"))
    table = records.part_of(answered, records.OUTPUT)
    return _readable(table)[0] if table.column_names and table.num_rows else None


def baseline_of(rows: pa.Table) -> Profile | None:
    """Give the profile of the answers, if they are enough to hold others against."""
    answers = predictions_of(rows)
    return profile(answers) if answers is not None and answers.num_rows >= BASELINE_ROWS else None


def _counts(rows: pa.Table, name: str) -> dict[str, int]:
    pairs = pc.value_counts(rows.column(name))
    found = zip(pairs.field("values").to_pylist(), pairs.field("counts").to_pylist(), strict=True)
    return dict(sorted((str(value), int(count)) for value, count in found))


def _latency(rows: pa.Table) -> dict[str, float]:
    seconds = np.asarray(rows.column("latency_s").drop_null().to_numpy(), dtype=np.float64)
    seconds = seconds[np.isfinite(seconds)]
    if not len(seconds):
        return {}
    found = np.quantile(seconds, [0.5, 0.95, 0.99])
    return {name: float(value) for name, value in zip(("p50", "p95", "p99"), found, strict=True)}


def observations(judgement: Judgement) -> list[Observation]:
    """Say what a window means to each rule; a feature that could not be judged is not known, rather than quiet."""
    found = [_drift("drift", feature) for feature in judgement.inputs.features]
    if judgement.predictions is not None:
        found += [_drift("prediction_drift", feature) for feature in judgement.predictions.features]
    silent = judgement.rows == 0
    reason = f"no prediction in {judgement.window}" if silent else f"{judgement.rows:,} predictions"
    found.append(
        Observation(rule="silence", subject="predictions", tier="warning" if silent else None, reason=reason)
    )
    if not silent:
        found.append(_errors(judgement))
    return found


def tier_of(severity: Severity) -> Tier | None:
    """Give the tier of an alert of that severity; None where nothing is to be raised."""
    return None if severity == "none" or severity == "too_few" else severity  # noqa: PLR1714  # what pyright narrows by


def _drift(rule: str, feature: FeatureDrift) -> Observation:
    tier = tier_of(feature.severity)
    known = feature.severity != "too_few"
    return Observation(rule=rule, subject=feature.feature, tier=tier, reason=feature.reason, known=known)


def _errors(judgement: Judgement) -> Observation:
    from scipy import special

    failed, rows = judgement.failed, judgement.rows
    surely = float(special.betaincinv(failed, rows - failed + 1, 1 - _SURE)) if failed else 0.0
    tier: Tier | None = None
    for level, rate in zip(TIERS, ERROR_RATES, strict=True):
        tier = level if surely > rate else tier
    reason = f"{failed:,} of {rows:,} predictions failed ({failed / rows:.1%}, surely above {surely:.2%})"
    return Observation(rule="errors", subject="predictions", tier=tier, reason=reason)
