"""What may be raised, and the procedure that each of it must have: ``[tool.nbship.alerts]``.

An alert that nobody owns is noise. So every rule has an owner, an immediate action, an escalation and a runbook, from
its own table or from the one above it; where one is missing, `nbship doctor` fails and `nbship monitor` does not begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbship import config
from nbship.alerts.lifecycle import Policy
from nbship.errors import InputError

#: Every rule that a monitor follows, and what it watches.
WATCHED: Mapping[str, str] = {
    "drift": "an input of the model is no longer what it learnt from",
    "prediction_drift": "the answers are no longer what they were",
    "performance": "the answers are less right than they were, as far as the truth is known",
    "trend": "a measure is on its way to its critical threshold",
    "errors": "predictions fail or are rejected",
    "silence": "no predictions are logged",
    "log": "the prediction log lost something: damaged parts, gaps, rows let go",
    "rollout": "a candidate was rolled back, or nothing decides about it",
}
PROCEDURE = ("owner", "action", "escalation", "runbook")
_RULE_KEYS = {
    name: kind for name, kind in config.ALERT_KEYS.items() if name not in {"rules", "webhook", "mlflow"}
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule with its procedure: who has it, what they do first, who comes next, and where the rest is written."""

    name: str
    watches: str
    owner: str
    action: str
    escalation: str
    runbook: str
    policy: Policy


def read(table: Mapping[str, Any] | None) -> dict[str, Rule]:
    """Give every rule. Raises InputError that names all that is missing, at once."""
    missing = lacking(table)
    if missing:
        raise InputError(
            f"alerts without a procedure: {'; '.join(missing)}",
            where="[tool.nbship.alerts]",
            help=f"say {', '.join(PROCEDURE)} there, for all rules, or under [tool.nbship.alerts.rules.NAME]",
        )
    return {name: _rule(name, table or {}) for name in WATCHED}


def lacking(table: Mapping[str, Any] | None) -> list[str]:
    """Say for each rule what its procedure lacks. Raises InputError where a key is unknown or of the wrong type."""
    given = table or {}
    rules: Mapping[str, Any] = given.get("rules", {})
    config.check_keys(rules, dict.fromkeys(WATCHED, dict), "[tool.nbship.alerts.rules]")
    for name, row in rules.items():
        config.check_keys(row, _RULE_KEYS, f"[tool.nbship.alerts.rules.{name}]")
    found = {name: _missing({**given, **rules.get(name, {})}) for name in WATCHED}
    return [f"{name} has no {', '.join(words)}" for name, words in found.items() if words]


def _missing(row: Mapping[str, Any]) -> list[str]:
    return [word for word in PROCEDURE if not str(row.get(word, "")).strip()]


def _rule(name: str, table: Mapping[str, Any]) -> Rule:
    row = {**table, **table.get("rules", {}).get(name, {})}
    given = Policy()
    policy = Policy(
        raise_after=max(1, row.get("raise_after", given.raise_after)),
        clear_after=max(1, row.get("clear_after", given.clear_after)),
    )
    words = {word: str(row[word]) for word in PROCEDURE}
    return Rule(name=name, watches=WATCHED[name], policy=policy, **words)
