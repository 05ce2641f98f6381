"""When a model is trained again, and when not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from nbship.errors import InputError
from nbship.model import Severity, Window
from nbship.registry.assignment import Assignment
from nbship.registry.audit import AuditRecord, seal
from nbship.retraining import settings
from nbship.retraining.due import Seen, decide, unfinished
from nbship.retraining.schedules import SCHEDULES
from nbship.retraining.settings import Plan

NOW = datetime(2026, 8, 1, 3, tzinfo=UTC)
DAY = timedelta(days=1)
NOBODY = Assignment(model="bikes", revision=0)
LIVE = Assignment(model="bikes", revision=3, champion=1)


def window(name: str, severity: Severity) -> Window:
    return Window(
        window=name, at="2026-08-01T00:00:00+00:00", rows=700, reference_rows=2000, severity=severity
    )


def record(
    action: str, *, days_ago: float = 0, before: Assignment = LIVE, after: Assignment = LIVE, **evidence: Any
) -> AuditRecord:
    return seal(
        before=before,
        after=after,
        at=NOW - days_ago * DAY,
        who="retrain",
        action=action,
        why="",
        evidence=evidence,
        previous="",
    )


def seen(*windows: Window, history: tuple[AuditRecord, ...] = (), **given: Any) -> Seen:
    fine: dict[str, Any] = {"assignment": LIVE, "champion_made": NOW - 100 * DAY, "now": NOW}
    return Seen(windows=windows, history=history, **{**fine, **given})


QUIET, JULY = window("June", "none"), window("July", "critical")


def test_drift_of_the_champion_is_a_reason_and_says_where() -> None:
    due = decide(Plan(), seen(QUIET, JULY))
    assert (due.trigger, due.why) == ("drift", "drift of version 1 is critical in July")
    assert due.evidence == {"window": "July", "severity": "critical", "rows": 700}


@pytest.mark.parametrize(
    ("plan", "windows"),
    [
        (Plan(), ()),
        (Plan(), (JULY, window("August", "none"))),
        (Plan(), (window("July", "warning"),)),
        (Plan(), (window("July", "too_few"),)),
        (Plan(drift="never"), (JULY,)),
        (Plan(windows=2), (QUIET, JULY)),
    ],
)
def test_too_little_drift_is_none(plan: Plan, windows: tuple[Window, ...]) -> None:
    assert not decide(plan, seen(*windows))


def test_two_windows_in_a_row_where_two_are_asked_for() -> None:
    due = decide(Plan(windows=2, drift="warning"), seen(QUIET, window("July", "warning"), JULY))
    assert due.why.endswith("2 windows in a row")


def test_a_window_is_a_reason_once_and_the_next_one_again() -> None:
    tried = record("retrained", days_ago=2, of=1, window="July")
    assert decide(Plan(), seen(JULY, history=(tried,))).why == "drift in July has been acted upon"
    assert decide(Plan(), seen(JULY, window("August", "critical"), history=(tried,)))
    newer = replace(LIVE, champion=2)
    assert decide(Plan(), seen(JULY, history=(tried,), assignment=newer)).trigger == "drift"


def test_after_an_attempt_it_is_waited_whatever_came_of_it() -> None:
    tried = record("retrained", days_ago=0.5, of=1, window="June", result="refused")
    assert "1 day, 0:00:00 has not passed" in decide(Plan(), seen(JULY, history=(tried,))).why
    assert decide(Plan(wait=timedelta(hours=6)), seen(JULY, history=(tried,)))


def test_time_alone_is_a_reason_where_it_is_configured() -> None:
    plan = Plan(every=timedelta(days=30))
    assert decide(plan, seen()).trigger == "interval"
    tried = record("retrained", days_ago=10, result="refused")
    waiting = decide(plan, seen(history=(tried,)))
    assert (waiting.trigger, waiting.why) == (None, "no drift; the next by time is at 2026-08-21 03:00")
    assert decide(plan, seen(assignment=NOBODY, champion_made=None)).why.endswith("(never yet)")


def test_nothing_begins_while_a_rollout_runs_and_whoever_asks_need_not_wait() -> None:
    running = replace(LIVE, challenger=2, mode="shadow")
    assert not decide(Plan(), seen(JULY, assignment=running), asked=True)
    tried = record("retrained", days_ago=0.1)
    assert decide(Plan(drift="never"), seen(history=(tried,)), asked=True).trigger == "asked"


def test_a_version_that_passed_and_that_nobody_has_touched_is_gone_on_with() -> None:
    waiting = replace(LIVE, challenger=2)
    passed = record("retrained", version=2, then="promote", result="passed")
    assert unfinished(seen(history=(passed,), assignment=waiting)) == passed
    promoted = record("promoted", version=2)
    assert unfinished(seen(history=(passed, promoted), assignment=waiting)) is None
    assert unfinished(seen(history=(passed,), assignment=replace(LIVE, champion=2))) is None
    assert unfinished(seen(history=(record("retrained", result="refused"),), assignment=waiting)) is None
    left = record("retrained", version=2, then="nothing", result="passed")
    assert unfinished(seen(history=(left,), assignment=waiting)) is None
    assert unfinished(seen()) is None


def test_the_table_is_read_with_its_units(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    plan = settings.read({"every": "2w", "wait": "90min", "data": "fresh"}, rollout=True, project=project)
    assert (plan.every, plan.wait) == (timedelta(days=14), timedelta(minutes=90))
    assert (plan.then, plan.data) == ("rollout", str(tmp_path / "fresh"))
    assert settings.read({}, rollout=False, project=None).then == "promote"
    for table in ({"every": "sometimes"}, {"drift": "loud"}, {"then": "pray"}):
        with pytest.raises(InputError):
            settings.read(table, rollout=False, project=None)


def test_each_schedule_calls_the_command_in_the_repository() -> None:
    folder = Path("/srv/the bikes")
    assert SCHEDULES["cron"]("bikes", folder).startswith(
        "17 * * * * cd '/srv/the bikes' && nbship retrain bikes "
    )
    workflow = yaml.safe_load(SCHEDULES["github"]("bikes", folder))
    assert workflow["jobs"]["retrain"]["steps"][-1]["run"].startswith("nbship retrain bikes ")
    assert workflow["concurrency"]["cancel-in-progress"] is False
    unit = SCHEDULES["systemd"]("bikes", folder)
    assert "WorkingDirectory=/srv/the bikes" in unit
    assert "# nbship-retrain-bikes.timer" in unit
