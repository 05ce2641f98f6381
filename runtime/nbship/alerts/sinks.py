"""Where what happened to an alert is carried: a log file, a webhook. Each event goes to each sink at least once.

Events wait in the ledger until a sink has taken them, under numbers that never change: a receiver that has seen a
number may drop the second copy, which comes where we were killed between the sending and the note of it.

A webhook gets JSON by POST with three headers: ``X-Nbship-Event`` (the number), ``X-Nbship-Timestamp`` (seconds since
1970) and, where ``NBSHIP_WEBHOOK_SECRET`` is set, ``X-Nbship-Signature: sha256=HEX``, the HMAC-SHA256 of
``TIMESTAMP.BODY`` under the secret. Who checks it also rejects old timestamps, so that a copy cannot be replayed.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from nbship.alerts.rules import Rule
from nbship.errors import InputError, StoreError

TIMEOUT_S = 10.0
#: Seconds between the tries of one event.
PAUSES_S = (1.0, 4.0)
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Sink(Protocol):
    """Somewhere to carry events. Raises StoreError where it does not take one."""

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        ...

    def send(self, number: int, message: Mapping[str, Any]) -> None:
        """Carry one event."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One line of JSON for each event, appended to a file."""

    path: Path
    name: str = "log"

    def send(self, number: int, message: Mapping[str, Any]) -> None:
        """Append a line, whole."""
        line = json.dumps({"event": number, **message}) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                file.write(line.encode())
        except OSError as error:
            raise StoreError(f"the log of alerts cannot be written: {error.strerror}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without its body: better to be told."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address that takes JSON; tried three times, as only an answer of 2xx means that it was taken."""

    url: str
    secret: str | None
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    name: str = "webhook"

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in {"http", "https"}:
            raise InputError(
                "a webhook begins with http:// or https://", where="[tool.nbship.alerts] webhook"
            )

    def send(self, number: int, message: Mapping[str, Any]) -> None:
        """POST an event. Raises StoreError where nobody takes it."""
        body = json.dumps({"event": number, **message}).encode()
        for pause in (*PAUSES_S, None):
            failure, again = self._post(number, body)
            if failure is None:
                return
            if pause is None or not again:
                raise StoreError(f"the webhook does not take the alert: {failure}", where=self._shown())
            self.sleep(pause)

    def _post(self, number: int, body: bytes) -> tuple[str | None, bool]:
        """Try once: why it failed, and whether another try may help."""
        request = urllib.request.Request(self.url, body, self._headers(number, body), method="POST")  # noqa: S310  # http(s) only
        try:
            opener = urllib.request.build_opener(_NoRedirect)
            opener.open(request, timeout=TIMEOUT_S).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return f"{answer.code} {answer.reason}", answer.code in _AGAIN
        except (OSError, http.client.HTTPException, ValueError) as error:
            return str(getattr(error, "reason", error)) or type(error).__name__, True
        return None, False

    def _headers(self, number: int, body: bytes) -> dict[str, str]:
        at = str(int(self.clock().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "X-Nbship-Event": str(number),
            "X-Nbship-Timestamp": at,
        }
        if self.secret:
            headers["X-Nbship-Signature"] = signature(self.secret, at, body)
        return headers

    def _shown(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}"  # the path of a webhook is often its key


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Give what stands in ``X-Nbship-Signature``: receivers compute it too, and compare in constant time.

    >>> signature("key", "0", b"{}")[:14]
    'sha256=7314351'
    """
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={mac.hexdigest()}"


def message(told: Any, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Say what happened, and who does what now."""
    event, alert = told.event, told.event.alert
    rule = rules.get(alert.rule)
    return {
        "kind": event.kind,
        "at": event.at.isoformat(),
        "model": told.model,
        "stream": told.stream,
        "rule": alert.rule,
        "subject": alert.subject,
        "tier": alert.tier,
        "state": alert.state,
        "reason": alert.reason,
        "window": alert.window,
        "occurrence": alert.occurrence,
        "by": alert.by,
        "note": alert.note,
        "owner": rule.owner if rule else None,
        "action": rule.action if rule else None,
        "escalation": rule.escalation if rule else None,
        "runbook": rule.runbook if rule else None,
    }


class _Ledger(Protocol):
    def events(self, *, pending: bool) -> list[Any]: ...
    def delivered(self, number: int, *, pending: list[str]) -> None: ...


def deliver(ledger: _Ledger, sinks: Iterable[Sink], rules: Mapping[str, Rule]) -> list[str]:
    """Carry what waits, in order, and give what could not be carried; that waits for the next time.

    A sink that fails is left alone for the rest, so that its timeouts hold nobody up. What was meant for a sink that
    is no longer configured is let go.
    """
    known = {sink.name: sink for sink in sinks}
    failed: dict[str, str] = {}
    for told in ledger.events(pending=True):
        left: list[str] = []
        for name in told.pending:
            if name in known and name not in failed:
                try:
                    known[name].send(told.number, message(told, rules))
                except StoreError as error:
                    failed[name] = error.what
            if name in failed:
                left.append(name)
        if tuple(left) != told.pending:
            ledger.delivered(told.number, pending=left)
    return list(failed.values())
