"""Taking and ending an alert from the panel, held against the state that was seen.

Nothing is sent from here: the monitor's next pass, or the next `nbship alerts ack`, tells the sinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from nbship.alerts import lifecycle, rules
from nbship.errors import InputError, NbshipError
from nbship.state import standing
from nbship.state.documents import Alert

if TYPE_CHECKING:
    from nbship.alerts.rules import Rule
    from nbship.config import Config
    from nbship.state.sources import Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The alert as it stands now; ``changed`` says whether it is we who changed it."""

    alert: Alert
    changed: bool


def answer(
    sources: Sources,
    *,
    stream: str,
    key: str,
    do: Literal["acknowledge", "resolve"],
    expected: str,
    who: str,
    note: str | None,
    at: datetime,
) -> Answered:
    """Acknowledge or resolve an alert, in one transaction, if it is still in the state that was seen.

    Raises InputError where there is no such alert.
    """
    from nbship.monitoring.service import configured_sinks

    ledger = sources.ledger
    found = {item.key: item for item in ledger.streams()} if ledger is not None else {}
    if ledger is None or stream not in found:
        raise InputError(f"no alert {key!r} of {stream!r} is known", help="the panel shows those there are")
    targets = configured_sinks(sources.settings, clock=lambda: at)
    with ledger.entry(found[stream]) as entry:
        alert = entry.alerts().get(key)
        if alert is None:
            raise InputError(
                f"no alert {key!r} of {stream!r} is known", help="the panel shows those there are"
            )
        step = lifecycle.acknowledge if do == "acknowledge" else lifecycle.resolve
        after, event = step(alert, by=who, at=at, note=note) if alert.state == expected else (alert, None)
        if after is not None and event is not None:
            entry.put_alert(after)
            entry.add_event(event, sinks=[sink.name for sink in targets])
    known = _rules(sources.settings)
    return Answered(alert=standing.alert_of(found[stream], after or alert, known), changed=event is not None)


def _rules(settings: Config) -> dict[str, Rule]:
    """Give the procedures, or none where they are not whole: an alert is answered all the same."""
    try:
        return rules.read(settings.alerts)
    except NbshipError:
        return {}
