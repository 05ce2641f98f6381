"""How an alert goes on: a pure state machine, one step for each window that was judged and for each thing people do.

There is one alert for a rule and a subject (``drift`` of ``temp``), however many windows say the same. It is *pending*
until ``raise_after`` windows in a row are over a threshold, then *open* until somebody acknowledges or resolves it or
until ``clear_after`` windows in a row are quiet (hysteresis: one quiet window between two loud ones changes
nothing). It goes up a tier at once, and down only after as many windows as it takes to clear. A window that cannot
tell, because it has too few rows, counts neither way. An alert that comes again later is another occurrence.

=============  =========================================================
pending        over a threshold, not yet for long enough; nobody is told
open           raised, nobody has taken it
acknowledged   somebody works on it; only a higher tier is told again
resolved       over: the windows are quiet, or somebody said so
=============  =========================================================
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Tier = Literal["info", "warning", "critical"]
State = Literal["pending", "open", "acknowledged", "resolved"]
Kind = Literal["raised", "escalated", "lowered", "acknowledged", "resolved"]

_LONGEST_KEY = 200
TIERS: tuple[Tier, Tier, Tier] = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How many windows in a row raise an alert, and how many clear it."""

    raise_after: int = 1
    clear_after: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one window says of one subject: over a threshold of some tier, quiet (None), or nothing (not ``known``)."""

    rule: str
    subject: str
    tier: Tier | None
    reason: str
    known: bool = True

    @property
    def key(self) -> str:
        """The key of the alert that it speaks of."""
        return key_of(self.rule, self.subject)


def key_of(rule: str, subject: str) -> str:
    """Give a key that fits a database's column, however long a feature's name is.

    >>> key_of("drift", "temp")
    'drift:temp'
    """
    key = f"{rule}:{subject}"
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[: _LONGEST_KEY - 17]}~{hashlib.sha256(key.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """The state of one rule for one subject. ``run`` counts the windows in a row that ask for a change of it."""

    rule: str
    subject: str
    state: State
    tier: Tier
    reason: str
    since: datetime
    window: str
    occurrence: int = 1
    run: int = 0
    next_tier: Tier | None = None
    by: str | None = None
    note: str | None = None

    @property
    def key(self) -> str:
        """What tells it from the other alerts of its stream."""
        return key_of(self.rule, self.subject)

    @property
    def is_open(self) -> bool:
        """Whether it has been raised and is not over."""
        return self.state in {"open", "acknowledged"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that people are told of."""

    kind: Kind
    alert: Alert
    at: datetime


Step = tuple[Alert | None, Event | None]


def observe(
    alert: Alert | None, seen: Observation, *, policy: Policy, window: str, at: datetime
) -> tuple[Alert | None, Event | None]:
    """Give the alert after a window, and what people are told of it.

    >>> at = datetime(2026, 1, 1)
    >>> loud = Observation(rule="drift", subject="temp", tier="warning", reason="PSI 0.3")
    >>> alert, event = observe(None, loud, policy=Policy(), window="May", at=at)
    >>> alert.state, event.kind
    ('open', 'raised')
    """
    if not seen.known:
        return alert, None
    if alert is None or alert.state == "resolved":
        return _begun(alert, seen, policy, window, at)
    if alert.state == "pending":
        return _pending(alert, seen, policy, window, at)
    return _raised(alert, seen, policy, window, at)


def _begun(before: Alert | None, seen: Observation, policy: Policy, window: str, at: datetime) -> Step:
    if seen.tier is None:
        return before, None
    occurrence = before.occurrence + 1 if before else 1
    fresh = Alert(
        rule=seen.rule,
        subject=seen.subject,
        state="pending",
        tier=seen.tier,
        reason=seen.reason,
        since=at,
        window=window,
        occurrence=occurrence,
    )
    return _pending(fresh, seen, policy, window, at)


def _pending(alert: Alert, seen: Observation, policy: Policy, window: str, at: datetime) -> Step:
    if seen.tier is None:
        return replace(alert, state="resolved", since=at, run=0, window=window), None
    waiting = replace(alert, run=alert.run + 1, tier=seen.tier, reason=seen.reason, window=window)
    if waiting.run < policy.raise_after:
        return waiting, None
    raised = replace(waiting, state="open", since=at, run=0)
    return raised, Event(kind="raised", alert=raised, at=at)


def _raised(alert: Alert, seen: Observation, policy: Policy, window: str, at: datetime) -> Step:
    rank, now = TIERS.index(alert.tier), -1 if seen.tier is None else TIERS.index(seen.tier)
    if seen.tier is not None and now > rank:
        up = replace(
            alert, tier=seen.tier, reason=seen.reason, window=window, state="open", run=0, next_tier=None
        )
        return up, Event(kind="escalated", alert=up, at=at)
    if now == rank:
        return replace(alert, reason=seen.reason, window=window, run=0, next_tier=None), None
    return _lower(alert, seen, policy, window, at)


def _lower(alert: Alert, seen: Observation, policy: Policy, window: str, at: datetime) -> Step:
    """Go down once enough windows in a row are lower, to the highest tier that one of them had."""
    highest = max((alert.next_tier if alert.run else None, seen.tier), key=_rank)
    down = replace(alert, run=alert.run + 1, next_tier=highest)
    if down.run < policy.clear_after:
        return down, None
    if highest is None:
        over = replace(down, state="resolved", run=0, next_tier=None, since=at, window=window, by=None)
        return over, Event(kind="resolved", alert=over, at=at)
    lower = replace(down, tier=highest, run=0, next_tier=None, reason=seen.reason, window=window)
    return lower, Event(kind="lowered", alert=lower, at=at)


def _rank(tier: Tier | None) -> int:
    return -1 if tier is None else TIERS.index(tier)


def acknowledge(alert: Alert, *, by: str, at: datetime, note: str | None = None) -> Step:
    """Give an open alert to somebody; one that is not open stays as it is."""
    if alert.state != "open":
        return alert, None
    taken = replace(alert, state="acknowledged", by=by, note=note)
    return taken, Event(kind="acknowledged", alert=taken, at=at)


def resolve(alert: Alert, *, by: str, at: datetime, note: str | None = None) -> Step:
    """End an alert by hand; the next window that is over a threshold raises it anew."""
    if not alert.is_open:
        return alert, None
    over = replace(alert, state="resolved", by=by, note=note, since=at, run=0, next_tier=None)
    return over, Event(kind="resolved", alert=over, at=at)
