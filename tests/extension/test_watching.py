"""A change is told to browsers without being asked for, while somebody looks, and carries nothing of what changed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from nbship_lab.app import NbshipLab


@pytest.fixture
def jp_server_config(orders: Any) -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"nbship_lab": True, "jupyter_server_terminals": False},
            "allow_unauthenticated_access": False,
        },
        "NbshipLab": {"worker_command": orders.command, "patience_s": 5.0, "refresh_s": 0.05},
    }


@pytest.fixture
def app(jp_serverapp: Any) -> Any:
    (found,) = jp_serverapp.extension_manager.extension_apps["nbship_lab"]
    return found


@pytest.fixture
def heard(jp_serverapp: Any, app: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []

    async def listen(logger: object, schema_id: str, data: dict[str, Any]) -> None:
        del logger, schema_id
        events.append(data)

    jp_serverapp.event_logger.add_listener(schema_id=app.event_schema, listener=listen)
    return events


async def until(there: Any) -> None:
    for _ in range(400):
        if there():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not come")


async def test_a_change_is_told_while_somebody_looks(
    jp_fetch: Any, orders: Any, heard: list[dict[str, Any]]
) -> None:
    await jp_fetch("nbship", "api", "state", params={"model": "bikeshare"})
    await until(lambda: len(orders.asked) >= 3)
    assert heard == []  # nothing has changed
    orders.state["revision"] = "another"
    orders.answer()
    await until(lambda: heard)
    assert heard == [{"kind": "state", "model": "bikeshare", "profile": "default", "revision": "another"}]


async def test_a_worker_that_dies_is_told_like_a_change(
    jp_fetch: Any, orders: Any, heard: list[dict[str, Any]]
) -> None:
    await jp_fetch("nbship", "api", "state", params={"model": "bikeshare"})
    orders.path.write_text(json.dumps({"exit": 3, "says": "out of memory"}))
    await until(lambda: heard)
    assert heard[0]["revision"].startswith("5f0c6a1e-away-")
    assert "memory" not in json.dumps(heard)


async def test_nobody_is_looked_for_once_the_panel_is_closed(
    jp_fetch: Any, orders: Any, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbship_lab.watching.INTEREST_S", 0.0)
    await jp_fetch("nbship", "api", "state", params={"model": "bikeshare"})
    await until(app.running.watch._task.done)
    assert len(orders.asked) == 1
    await jp_fetch("nbship", "api", "state", params={"model": "bikeshare"})  # and again once it is open
    assert len(orders.asked) == 2


async def test_worker_and_jobs_run_in_the_interpreter_that_is_configured(jp_serverapp: Any) -> None:
    app = NbshipLab(worker_python="/elsewhere/python")
    app.serverapp = jp_serverapp
    app.initialize_handlers()
    assert app.running.worker._command == ["/elsewhere/python", "-m", "nbship.worker", "answer"]
    assert app.cli[0] == "/elsewhere/python"
