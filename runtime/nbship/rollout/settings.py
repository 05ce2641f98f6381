"""``[tool.nbship.rollout]``: the steps of a rollout and what each must show, written before it begins.

A rollout keeps the plan it began with in its document: what is edited meanwhile holds for the next one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, cast

from nbship import config
from nbship.errors import InputError

Drift = Literal["info", "warning", "critical", "never"]
StepMode = Literal["shadow", "canary"]

WHERE = "[tool.nbship.rollout]"
SHADOW = "shadow"
#: What may be required although it cannot always be judged: drift needs a reference, the metric needs labels.
OPTIONAL = ("drift", "metric")
_STEP_KEYS: Mapping[str, type] = {
    "share": float,
    "shadow": bool,
    "min_minutes": float,
    "max_minutes": float,
}
_STEPS: tuple[Any, ...] = (SHADOW, 0.05, 0.25, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What a candidate must show at each step, held against the champion over the same window.

    ``confidence``: how surely no sound candidate is ever rolled back, over all looks, criteria and steps; and how
    surely one that passes a criterion is within its limit. ``latency_slack_s``: a difference below it is nobody's
    concern, whatever the ratio. ``tolerance``: answers that are numbers disagree where they are further apart than
    this share of the standard deviation of the champion's. ``metric_tolerance``: how much larger, as a share of the
    champion's, the loss may be (the share of wrong answers, or the mean absolute error).
    """

    confidence: float = 0.95
    min_requests: int = 200
    max_error_increase: float = 0.01
    max_latency_ratio: float = 1.5
    latency_slack_s: float = 0.005
    max_disagreement: float = 0.2
    tolerance: float = 0.25
    drift: Drift = "critical"
    metric_tolerance: float = 0.05
    min_labels: int = 100
    require: tuple[str, ...] = ("drift",)

    def __post_init__(self) -> None:
        _within("confidence", self.confidence, above=0.5, below=1.0)
        _within("max_error_increase", self.max_error_increase, above=0.0, below=1.0)
        _within("max_latency_ratio", self.max_latency_ratio, above=1.0)
        _within("max_disagreement", self.max_disagreement, above=0.0, below=1.0 + 1e-9)
        for name in ("latency_slack_s", "tolerance", "metric_tolerance", "min_requests", "min_labels"):
            _within(name, getattr(self, name), least=0.0)
        if self.drift not in {"info", "warning", "critical", "never"}:
            raise InputError(f"drift {self.drift!r} is none of info, warning, critical, never", where=WHERE)
        if unknown := set(self.require) - set(OPTIONAL):
            known = ", ".join(OPTIONAL)
            raise InputError(
                f"{min(unknown)!r} cannot be required",
                where=WHERE,
                help=f"what can be is {known}; the others always are",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: who sees the challenger, for how long at least, and when somebody is told that it does not end."""

    mode: StepMode
    share: float = 0.0
    min_s: float = 600.0
    max_s: float = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps in order, and the criteria; evidence is judged every ``interval_s``."""

    interval_s: float = 60.0
    steps: tuple[Step, ...] = ()
    criteria: Criteria = field(default_factory=Criteria)

    def __post_init__(self) -> None:
        _within("interval_s", self.interval_s, least=1.0)
        if not self.steps:
            raise InputError("a rollout has at least one step", where=f"{WHERE} steps")
        shares = [step.share for step in self.steps if step.mode == "canary"]
        if any(step.mode == SHADOW for step in self.steps[1:]):
            raise InputError("only the first step can be the shadow", where=f"{WHERE} steps")
        if any(not 0 < share < 1 for share in shares):
            help_ = "the whole traffic follows the last step by itself"
            raise InputError("a share lies between 0 and 1", where=f"{WHERE} steps", help=help_)
        if any(later <= earlier for earlier, later in itertools.pairwise(shares)):
            raise InputError("the shares must grow from step to step", where=f"{WHERE} steps")
        for step in self.steps:
            _within("min_minutes", step.min_s, least=0.0)
            _within("max_minutes", step.max_s, above=step.min_s)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        plain = {entry.name: getattr(self.criteria, entry.name) for entry in fields(Criteria)}
        return {
            "interval_s": self.interval_s,
            "steps": [
                {entry.name: getattr(step, entry.name) for entry in fields(Step)} for step in self.steps
            ],
            "criteria": {**plain, "require": list(self.criteria.require)},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Plan:
        """Give it back."""
        criteria = dict(document["criteria"])
        criteria["require"] = tuple(criteria["require"])
        return cls(
            interval_s=document["interval_s"],
            steps=tuple(Step(**step) for step in document["steps"]),
            criteria=Criteria(**criteria),
        )


def read(table: Mapping[str, Any] | None) -> Plan:
    """Give the plan that a table describes. Raises InputError that names the key.

    >>> [(step.mode, step.share) for step in read({"steps": ["shadow", 0.1]}).steps]
    [('shadow', 0.0), ('canary', 0.1)]
    """
    given = dict(table or {})
    config.check_keys(given, config.ROLLOUT_KEYS, WHERE)
    least, most = given.pop("min_minutes", 10), given.pop("max_minutes", 1440)
    steps = tuple(_step(item, least, most) for item in given.pop("steps", _STEPS))
    interval_s = float(given.pop("interval_s", 60))
    if "require" in given:
        given["require"] = tuple(given["require"])
    return Plan(interval_s=interval_s, steps=steps, criteria=Criteria(**given))


def _step(item: object, least: float, most: float) -> Step:
    where = f"{WHERE} steps"
    if item == SHADOW:
        return Step(mode="shadow", min_s=least * 60, max_s=most * 60)
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        return Step(mode="canary", share=float(item), min_s=least * 60, max_s=most * 60)
    if isinstance(item, Mapping):
        table = cast("Mapping[str, Any]", item)
        config.check_keys(table, _STEP_KEYS, where)
        if ("share" in table) == bool(table.get("shadow")):
            raise InputError("a step has either a share or shadow = true", where=where)
        least, most = table.get("min_minutes", least), table.get("max_minutes", most)
        return _step(table.get("share", SHADOW), least, most)
    help_ = '"shadow", a share such as 0.05, or a table { share = 0.05, min_minutes = 60 }'
    raise InputError(f"{item!r} is no step", where=where, help=help_)


def _within(
    name: str, value: object, *, least: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise InputError(f"{name} must be a number", where=WHERE)
    if not (least <= value and above < value < below):
        limits = [
            f"{word} {limit:g}"
            for word, limit in (("at least", least), ("above", above), ("below", below))
            if math.isfinite(limit)
        ]
        raise InputError(f"{name} is {value:g}", where=WHERE, help=f"it must be {' and '.join(limits)}")
