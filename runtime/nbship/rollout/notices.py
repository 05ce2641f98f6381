"""The alerts of rollouts: one that cannot be decided, and one that was rolled back. The rule is ``rollout``.

They are made from where the rollout stands, at every pass: what a death kept from being told is told by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from nbship import names
from nbship.alerts import lifecycle, sinks
from nbship.alerts.lifecycle import Observation, Policy
from nbship.alerts.rules import Rule
from nbship.alerts.sinks import Sink
from nbship.monitoring.ledger import Ledger, Stream
from nbship.registry.assignment import Assignment
from nbship.registry.audit import AuditRecord
from nbship.rollout.changes import WHO
from nbship.rollout.machine import Rollout

RULE = "rollout"
UNDECIDED = "undecided"
ROLLED_BACK = "rolled back"
CUT = "rollout"


class Notices:
    """Tells people, through the alerts of the monitor. Raises StoreError where the database does not answer."""

    def __init__(
        self,
        ledger: Ledger,
        targets: Sequence[Sink],
        rules: Mapping[str, Rule],
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._targets = targets
        self._rules = rules
        self._clock = clock

    def settle(self, now: Assignment, rollout: Rollout | None, last: AuditRecord | None) -> list[str]:
        """Raise and clear what the rollout's standing asks for, and carry it; give what could not be carried."""
        wanted = _wanted(rollout, last)
        for stream, alert in self._ledger.alerts(now.model):
            if stream.cut == CUT and alert.is_open and (stream.version, alert.subject) not in wanted:
                self._observe(stream, alert.subject, None, now)
        for (version, subject), reason in wanted.items():
            self._observe(Stream(model=now.model, version=version, cut=CUT), subject, reason, now)
        return sinks.deliver(self._ledger, self._targets, self._rules)

    def _observe(self, stream: Stream, subject: str, reason: str | None, now: Assignment) -> None:
        seen = Observation(
            rule=RULE,
            subject=subject,
            tier="warning" if reason is not None else None,
            reason=reason or "the rollout goes on",
        )
        window = f"revision {now.revision}"
        with self._ledger.entry(stream) as entry:
            before = entry.alerts().get(seen.key)
            if reason is not None and before is not None and before.window == window:
                return  # told already, and perhaps resolved by somebody since
            policy = Policy(raise_after=1, clear_after=1)
            alert, event = lifecycle.observe(before, seen, policy=policy, window=window, at=self._clock())
            if alert is not None and alert != before:
                entry.put_alert(alert)
            if event is not None:
                entry.add_event(event, sinks=[target.name for target in self._targets])


def _wanted(rollout: Rollout | None, last: AuditRecord | None) -> dict[tuple[int, str], str]:
    if rollout is not None:
        reason = f"{rollout.title} of version {rollout.challenger} is undecided for too long"
        return {(rollout.challenger, UNDECIDED): reason} if rollout.told else {}
    if last is None or (last.action, last.who) != (names.ACTION_ROLLED_BACK, WHO):
        return {}  # what somebody has ended, somebody knows of
    version = last.evidence.get("version")
    if not isinstance(version, int):
        return {}
    return {(version, ROLLED_BACK): last.why or "rolled back"}
