"""Who answers, how that came, and what is wrong with it: the part of a state that nbship's own database holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from nbship.drift import RANK
from nbship.errors import NbshipError
from nbship.state.documents import Alert, Assignment, HistoryEntry, Problem, RolloutState

if TYPE_CHECKING:
    from nbship.alerts.lifecycle import Alert as Found
    from nbship.alerts.rules import Rule
    from nbship.monitoring.ledger import Stream
    from nbship.registry.assignments import Assignment as Row
    from nbship.registry.audit import AuditRecord
    from nbship.state.sources import Sources

MOST_HISTORY = 50
MOST_RESOLVED = 20
MOST_ALERTS = 200
_T = TypeVar("_T")


def guarded(part: Callable[[], _T], otherwise: _T, problems: list[Problem]) -> _T:
    """Give a part, or ``otherwise`` where its store does not answer, and note why."""
    try:
        return part()
    except NbshipError as error:
        problem = problem_of(error)
        if problem not in problems:
            problems.append(problem)
        return otherwise


def problem_of(error: NbshipError) -> Problem:
    """Give an error as it is shown."""
    return Problem(what=error.what, where=error.where, help=error.help)


def assignment(sources: Sources, model: str) -> Assignment | None:
    """Give who answers now; None where nobody has decided anything through nbship."""
    assignments = sources.assignments
    row = assignments.of(model) if assignments is not None else None
    return None if row is None or row.revision == 0 else assignment_of(row)


def assignment_of(row: Row) -> Assignment:
    """Give an assignment as it is shown."""
    return Assignment(
        revision=row.revision,
        champion=row.champion,
        challenger=row.challenger,
        mode=row.mode,
        share=row.share,
        rollout=rollout_of(row.rollout, row.mode, row.share),
    )


def rollout_of(document: str | None, mode: str, share: float) -> RolloutState | None:
    """Give how far a rollout is; what its document does not say is left out.

    >>> rollout_of('{"began": "2026-11-01T00:00:00+00:00", "told": true}', "canary", 0.05)
    RolloutState(step='canary 5 %', since='2026-11-01T00:00:00+00:00', verdict='undecided', reason=None)
    """
    if document is None:
        return None
    try:
        told = json.loads(document)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return RolloutState(step=mode, since=None, verdict=None, reason="its document cannot be read")
    step = f"canary {share * 100:g} %" if mode == "canary" else mode
    began = told.get("began")
    return RolloutState(
        step=step,
        since=began if isinstance(began, str) else None,
        verdict="undecided" if told.get("told") else "running",
        reason=None,
    )


def history(sources: Sources, model: str) -> tuple[HistoryEntry, ...]:
    """Give the changes of a model, newest first."""
    assignments = sources.assignments
    records = assignments.history(model) if assignments is not None else []
    return tuple(entry_of(record) for record in reversed(records[-MOST_HISTORY:]))


def entry_of(record: AuditRecord) -> HistoryEntry:
    """Give a change as it is shown."""
    return HistoryEntry(
        number=record.number,
        at=record.at.isoformat(),
        who=record.who,
        action=record.action,
        why=record.why,
        champion=record.after.champion,
        challenger=record.after.challenger,
        mode=record.after.mode,
        share=record.after.share,
    )


def alerts(sources: Sources, model: str, problems: list[Problem]) -> tuple[Alert, ...]:
    """Give the alerts of a model: the worst that is open first, then what was resolved last."""
    ledger = sources.ledger
    found = ledger.alerts(model) if ledger is not None else []
    rules = _rules(sources, problems) if found else {}
    raised = [alert_of(stream, alert, rules) for stream, alert in found if alert.state != "pending"]
    return ordered(raised)


def ordered(raised: Sequence[Alert]) -> tuple[Alert, ...]:
    """Put alerts in the order in which one reads them, and leave out what is long over."""
    live = sorted(
        (alert for alert in raised if alert.state != "resolved"),
        key=lambda alert: (alert.state != "open", -RANK[alert.tier], alert.key),
    )
    over = sorted((alert for alert in raised if alert.state == "resolved"), key=lambda alert: alert.since)
    return (*live[:MOST_ALERTS], *reversed(over[-MOST_RESOLVED:]))


def _rules(sources: Sources, problems: list[Problem]) -> Mapping[str, Rule]:
    from nbship.alerts import rules

    none: Mapping[str, Rule] = {}
    if sources.settings.alerts is None:  # said elsewhere, where the monitor runs: nothing is wrong here
        return none
    return guarded(lambda: rules.read(sources.settings.alerts), none, problems)


def alert_of(stream: Stream, alert: Found, rules: Mapping[str, Rule]) -> Alert:
    """Give an alert with its procedure, as it is shown."""
    rule = rules.get(alert.rule)
    shown = Alert(
        stream=stream.key,
        key=alert.key,
        version=stream.version,
        rule=alert.rule,
        subject=alert.subject,
        tier=alert.tier,
        state="open" if alert.state == "pending" else alert.state,
        since=alert.since.isoformat(),
        window=alert.window,
        reason=alert.reason,
        occurrence=alert.occurrence,
        by=alert.by,
        note=alert.note,
        owner=None,
        action=None,
        escalation=None,
        runbook=None,
    )
    if rule is None:
        return shown
    return replace(
        shown, owner=rule.owner, action=rule.action, escalation=rule.escalation, runbook=rule.runbook
    )
