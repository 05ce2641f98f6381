"""While the worker starts, nobody is kept waiting; when the server stops, nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import pytest

HEAVY = {"mlflow", "pandas", "numpy", "IPython", "jupyter_server", "tornado", "jupyterlab"}


@pytest.fixture
def jp_server_config(orders: Any) -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"nbship_lab": True, "jupyter_server_terminals": False},
            "allow_unauthenticated_access": False,
        },
        "NbshipLab": {"worker_command": orders.command, "deadline_s": 10.0, "patience_s": 0.05},
    }


async def test_a_first_question_is_told_that_the_worker_starts(jp_fetch: Any, orders: Any) -> None:
    orders.answer(sleep_s=0.6)
    codes = []
    for _ in range(50):
        response = await jp_fetch("nbship", "api", "state", params={"model": "bikeshare"})
        codes.append(response.code)
        if response.code == 200:
            break
        assert json.loads(response.body) == {"pending": True, "worker": "starting"}
        health = await jp_fetch("nbship", "api", "health")
        assert json.loads(health.body)["worker"] in {"starting", "ready"}  # it may be done since it was asked
        await asyncio.sleep(0.05)
    assert codes[0] == 202
    assert codes[-1] == 200
    assert len(orders.asked) == 1


async def test_the_worker_ends_with_the_server(jp_fetch: Any, jp_serverapp: Any) -> None:
    await jp_fetch("nbship", "api", "state", params={"model": "bikeshare"})
    (app,) = jp_serverapp.extension_manager.extension_apps["nbship_lab"]
    pid = app.running.worker.pid
    assert pid is not None
    await jp_serverapp.extension_manager.stop_all_extensions()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_importing_the_server_half_loads_nothing_heavy() -> None:
    code = "import sys, nbship_lab; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(loaded.split())


def test_the_extension_in_use_loads_nothing_heavy_of_ours() -> None:
    code = (
        "import sys, jupyter_server.extension.application; before = set(sys.modules)\n"
        "import nbship_lab; nbship_lab._jupyter_server_extension_points()\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"mlflow", "pandas", "numpy", "IPython", "pyarrow"} & set(loaded.split())
