"""The same alerts for those who have Prometheus: what the monitor knows as metrics, and the rules that read them.

The rules carry what the monitoring mixins ask for: a label ``severity``, the annotations ``summary``, ``description``
and ``runbook_url``; and besides, who owns it, what to do first, and who comes next. One more rule watches the monitor
itself: when it stops, nothing else would say so. Names follow Prometheus: base units, ``_total`` for counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from nbship.alerts.lifecycle import TIERS, Alert
from nbship.alerts.rules import Rule

#: Features of one version that are told, the severest first: a label must not have a thousand values.
MOST_FEATURES = 50
#: A monitor that has not finished a pass for so many intervals has stopped.
MISSED = 3


def rules_file(model: str, rules: Mapping[str, Rule], *, interval: timedelta) -> str:
    """Give a Prometheus rules file: one alert for each rule and tier, and one for the monitor itself."""
    import yaml

    found = [_alert(model, rule, tier) for rule in rules.values() for tier in TIERS]
    found.append(_dead(model, rules["silence"], interval))
    text: str = yaml.safe_dump(
        {"groups": [{"name": f"nbship-{model}", "rules": found}]},
        sort_keys=False,
        allow_unicode=True,
        width=110,
    )
    return text


def _alert(model: str, rule: Rule, tier: str) -> dict[str, Any]:
    quoted = _quoted(model)
    return {
        "alert": f"Nbship{''.join(word.title() for word in rule.name.split('_'))}{tier.title()}",
        "expr": f'nbship_alert_open{{model="{quoted}",rule="{rule.name}",severity="{tier}"}} == 1',
        "labels": {"severity": tier, "owner": rule.owner},
        "annotations": {
            "summary": f"{{{{ $labels.model }}}} version {{{{ $labels.version }}}}: {rule.watches}",
            "description": f"{{{{ $labels.subject }}}}: {rule.watches}.",
            **_procedure(rule),
        },
    }


def _dead(model: str, rule: Rule, interval: timedelta) -> dict[str, Any]:
    last = f'nbship_monitor_last_pass_timestamp_seconds{{model="{_quoted(model)}"}}'
    seconds = int(interval.total_seconds() * MISSED)
    return {
        "alert": "NbshipMonitorStopped",
        "expr": f"time() - {last} > {seconds} or absent({last})",
        "labels": {"severity": "critical", "owner": rule.owner},
        "annotations": {
            "summary": f"the monitor of {model} has stopped",
            "description": f"No pass was finished for {seconds} seconds: nothing is watched.",
            **_procedure(rule),
        },
    }


def _procedure(rule: Rule) -> dict[str, str]:
    return {"action": rule.action, "escalation": rule.escalation, "runbook_url": rule.runbook}


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def exposition(
    model: str, judged: Iterable[tuple[int, Any]], alerts: Iterable[tuple[int, Alert]], *, at: datetime
) -> str:
    """Give the latest window of each version, and the open alerts, in Prometheus' text format."""
    lines = [
        *_family("nbship_monitor_last_pass_timestamp_seconds", "when the monitor finished its last pass"),
        _line("nbship_monitor_last_pass_timestamp_seconds", {"model": model}, at.timestamp()),
        *_family("nbship_alert_open", "1 for each alert that is open or acknowledged"),
    ]
    for version, alert in alerts:
        if alert.is_open:
            labels = {"rule": alert.rule, "subject": alert.subject, "severity": alert.tier}
            lines.append(_line("nbship_alert_open", {"model": model, "version": str(version), **labels}, 1))
    latest = list(judged)
    for name, about in _OF_A_WINDOW.items():
        lines += _family(name, about)
        for version, judgement in latest:
            place = {"model": model, "version": str(version)}
            lines += [_line(name, {**place, **labels}, value) for labels, value in _values(name, judgement)]
    return "\n".join(lines) + "\n"


_OF_A_WINDOW: Mapping[str, str] = {
    "nbship_window_rows": "predictions in the latest window",
    "nbship_window_failed_ratio": "share of them that have no answer",
    "nbship_feature_drift": "the deciding measure of a feature in the latest window",
}


def _values(name: str, judgement: Any) -> Sequence[tuple[dict[str, str], float]]:
    if name == "nbship_window_rows":
        return [({}, judgement.rows)]
    if name == "nbship_window_failed_ratio":
        return [({}, judgement.failed / judgement.rows)] if judgement.rows else []
    found: list[tuple[dict[str, str], float]] = []
    for feature in judgement.inputs.features[:MOST_FEATURES]:
        decisive = feature.decisive
        if decisive is not None and decisive.value is not None:
            found.append(({"feature": feature.feature, "metric": decisive.name}, decisive.value))
    return found


def _family(name: str, about: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} gauge"]


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_quoted(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value:.17g}"
