from __future__ import annotations

import dataclasses
import errno
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from world import DAY, START, World

from nbship.alerts import prometheus, rules, sinks
from nbship.errors import InputError, StoreError
from nbship.monitoring.service import alerts_tag

AT = datetime(2026, 11, 28, tzinfo=UTC)
PROCEDURE = {"owner": "ml", "action": "look", "escalation": "on call", "runbook": "https://wiki/drift"}


class Receiver(BaseHTTPRequestHandler):
    """Answers with ``answers`` in turn, then 200, and keeps what came."""

    answers: ClassVar[list[int]] = []
    came: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.came.append((dict(self.headers), body))
        self.send_response(Receiver.answers.pop(0) if Receiver.answers else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Receiver.answers, Receiver.came = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/key"
    server.shutdown()
    thread.join()
    server.server_close()


def webhook(url: str, slept: list[float] | None = None, secret: str | None = "s") -> sinks.Webhook:
    return sinks.Webhook(
        url=url, secret=secret, clock=lambda: AT, sleep=(slept if slept is not None else []).append
    )


def test_every_rule_has_its_procedure_or_all_that_is_missing_is_named() -> None:
    with pytest.raises(InputError) as caught:
        rules.read(None)
    assert all(
        f"{name} has no owner, action, escalation, runbook" in caught.value.what for name in rules.WATCHED
    )
    table = {name: word for name, word in PROCEDURE.items() if name != "action"}
    assert rules.lacking({**table, "rules": {"drift": {"action": "retrain"}}}) == [
        f"{name} has no action" for name in rules.WATCHED if name != "drift"
    ]
    assert rules.lacking({**PROCEDURE, "owner": "  "})[0] == "drift has no owner"
    found = rules.read(
        {**PROCEDURE, "clear_after": 3, "rules": {"drift": {"action": "retrain", "clear_after": 5}}}
    )
    assert found["drift"].action == "retrain"
    assert found["drift"].policy.clear_after == 5
    assert (found["silence"].action, found["silence"].policy.clear_after) == ("look", 3)


@pytest.mark.parametrize(
    "table", [{"rules": {"drfit": {}}}, {"rules": {"drift": {"onwer": "x"}}}, {"rules": {"drift": "x"}}]
)
def test_unknown_rules_and_keys_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"unknown key|must be"):
        rules.lacking(table)


def test_a_webhook_is_signed_and_numbered(url: str) -> None:
    webhook(url).send(7, {"tier": "critical"})
    ((headers, body),) = Receiver.came
    assert json.loads(body) == {"event": 7, "tier": "critical"}
    assert headers["X-Nbship-Event"] == "7"
    signed = sinks.signature("s", headers["X-Nbship-Timestamp"], body)
    assert headers["X-Nbship-Signature"] == signed
    assert signed != sinks.signature("other", headers["X-Nbship-Timestamp"], body)
    webhook(url, secret=None).send(8, {})
    assert "X-Nbship-Signature" not in Receiver.came[1][0]


def test_a_webhook_is_tried_again_where_that_may_help(url: str) -> None:
    Receiver.answers = [500, 429]
    slept: list[float] = []
    webhook(url, slept).send(1, {})
    assert (len(Receiver.came), slept) == (3, [1.0, 4.0])
    Receiver.answers = [503] * 3
    with pytest.raises(StoreError, match="503") as caught:
        webhook(url).send(1, {})
    assert "/key" not in str(caught.value)


@pytest.mark.parametrize("answer", [400, 404, 302])
def test_a_webhook_that_refuses_or_redirects_is_not_pressed(url: str, answer: int) -> None:
    Receiver.answers = [answer]
    with pytest.raises(StoreError, match=str(answer)):
        webhook(url).send(1, {})
    assert len(Receiver.came) == 1


def test_nobody_at_the_webhooks_address_is_an_error_of_ours() -> None:
    slept: list[float] = []
    with pytest.raises(StoreError, match="refused"):
        webhook("http://127.0.0.1:9", slept).send(1, {})
    assert len(slept) == 2
    with pytest.raises(InputError, match="http"):
        webhook("file:///etc/passwd")


def drifting(world: World, *names: str) -> None:
    world.watch = type(world.watch)(model="m", spec=world.watch.spec, cut=world.watch.cut, sinks=names)
    world.rows(0, shift=1.0)
    world.run(1.1)


def test_what_a_sink_did_not_take_waits_for_the_next_time(world: World, tmp_path: Path, url: str) -> None:
    drifting(world, "log", "webhook", "gone")
    file = sinks.LogFile(path=tmp_path / "logs" / "alerts.jsonl")
    known = rules.read(PROCEDURE)
    Receiver.answers = [400]
    assert len(sinks.deliver(world.ledger, [file, webhook(url)], known)) == 1
    (waiting,) = world.ledger.events(pending=True)
    assert waiting.pending == ("webhook",)
    assert sinks.deliver(world.ledger, [file, webhook(url)], known) == []
    assert world.ledger.events(pending=True) == []
    (line,) = file.path.read_text().splitlines()
    document = json.loads(line)
    assert document == json.loads(Receiver.came[-1][1])
    assert (document["rule"], document["subject"], document["tier"]) == ("drift", "temp", "critical")
    assert {name: document[name] for name in PROCEDURE} == PROCEDURE


def test_a_full_disk_keeps_the_event(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drifting(world, "log")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        (problem,) = sinks.deliver(world.ledger, [sinks.LogFile(path=tmp_path / "x" / "a")], {})
    assert "No space left" in problem
    assert len(world.ledger.events(pending=True)) == 1


def test_the_rules_file_is_one_that_prometheus_reads() -> None:
    found = yaml.safe_load(prometheus.rules_file('a"b', rules.read(PROCEDURE), interval=timedelta(minutes=5)))
    ((group),) = found["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(names) == len(set(names)) == 3 * len(rules.WATCHED) + 1
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert {"summary", "description", "runbook_url", "action", "escalation"} <= set(rule["annotations"])
        assert 'model="a\\"b"' in rule["expr"]
    assert "absent(" in group["rules"][-1]["expr"]


def test_metrics_are_prometheus_text(world: World) -> None:
    drifting(world)
    (window,) = world.ledger.windows(world.stream)
    pairs = [(stream.version, alert) for stream, alert in world.ledger.alerts()]
    text = prometheus.exposition('a"\nb', [(1, window.judgement)], pairs, at=START + DAY)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert (
        families["nbship_monitor_last_pass_timestamp_seconds"].samples[0].value == (START + DAY).timestamp()
    )
    (alert,) = families["nbship_alert_open"].samples
    assert alert.labels == {
        "model": 'a"\nb',
        "version": "1",
        "rule": "drift",
        "subject": "temp",
        "severity": "critical",
    }
    drift = {sample.labels["feature"]: sample.value for sample in families["nbship_feature_drift"].samples}
    assert drift["temp"] > 0.25 > drift["city"]
    assert families["nbship_window_rows"].samples[0].value == 300


def test_the_tag_of_open_alerts_has_the_worst_first_and_fits(world: World) -> None:
    drifting(world)
    (pair,) = world.ledger.alerts()
    many = [dataclasses.replace(pair[1], subject=f"f{number}") for number in range(500)]
    assert len(alerts_tag(many)) <= 4000
    assert json.loads(alerts_tag([pair[1]])) == [
        {"rule": "drift", "subject": "temp", "tier": "critical", "state": "open"}
    ]
