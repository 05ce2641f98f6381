"""Exports and other long work: started, followed by events, cancelled, and kept below the server's folder."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from nbship.state import coding, documents

FAKE = Path(__file__).parent / "fake_cli.py"
RESULT = {
    "package": "churn",
    "steps": [],
    "findings": [],
    "verification": {"status": "equal", "names": {"auc": "equal"}},
    "files": ["pyproject.toml"],
}


class Command:
    """What the fake ``nbship`` shall do, and what it did."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.words = [sys.executable, str(FAKE), str(path)]
        self.does()

    def does(self, **order: Any) -> None:
        self.path.write_text(json.dumps(order))

    @property
    def called(self) -> list[dict[str, Any]]:
        path = self.path.with_suffix(".called")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "command.json")


@pytest.fixture
def jp_server_config(orders: Any, command: Command) -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"nbship_lab": True, "jupyter_server_terminals": False},
            "allow_unauthenticated_access": False,
            "reraise_server_extension_failures": True,
        },
        "NbshipLab": {
            "worker_command": orders.command,
            "nbship_command": command.words,
            "tracking_profiles": {"team": "https://mlflow.example"},
        },
    }


@pytest.fixture
def notebook(jp_root_dir: Path) -> Path:
    path = jp_root_dir / "work" / "churn.ipynb"
    path.parent.mkdir()
    path.write_text("{}")
    return path


@pytest.fixture
def server(jp_fetch: Any) -> Any:
    """Ask a route; gives code and document."""

    async def asked(route: str, body: Any = None, method: str | None = None) -> tuple[int, dict[str, Any]]:
        given: dict[str, Any] = {"method": method or ("GET" if body is None else "POST")}
        if body is not None:
            given["body"] = json.dumps(body)
        try:
            response = await jp_fetch("nbship", "api", *route.split("/"), **given)
        except HTTPClientError as refusal:
            return refusal.code, json.loads(refusal.response.body if refusal.response else b"{}")
        return response.code, json.loads(response.body)

    return asked


async def ended(server: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for the job to end, and give it."""
    told = job
    for _ in range(600):
        _, told = await server(f"jobs/{job['id']}")
        if told["state"] != "running":
            return dict(told)
        await asyncio.sleep(0.02)
    raise AssertionError(f"it does not end: {told}")


def real(path: Path) -> Path:
    """Give a path without links."""
    return path.resolve()


async def child_of(command: Command) -> int:
    """Wait until the command has started a process of its own, and give its id."""
    path = command.path.with_suffix(".child")
    for _ in range(600):
        if path.exists() and (pid := path.read_text()):
            return int(pid)
        await asyncio.sleep(0.02)
    raise AssertionError("the command does not begin")


def export(**more: Any) -> dict[str, Any]:
    return {"kind": "export", "path": "work/churn.ipynb", "to": "churn", **more}


@pytest.mark.usefixtures("notebook")
async def test_an_export_runs_the_command_and_gives_what_it_proved(
    server: Any, command: Command, jp_root_dir: Path
) -> None:
    target = real(jp_root_dir) / "churn"
    steps = [{"step": "read"}, {"step": "run", "detail": "3 of 4 cells"}, {"step": "compile"}]
    command.does(say=["running", *map(json.dumps, steps)], print=json.dumps({**RESULT, "path": str(target)}))
    code, job = await server("jobs", export(yes=True))
    assert (code, job["state"], job["kind"]) == (202, "running", "export")
    done = await ended(server, job)
    coding.decoded(documents.Job, json.dumps(done))  # nothing but what the contract says
    assert (done["state"], done["error"], done["path"]) == ("done", None, "work/churn.ipynb")
    assert done["says"] == "churn is equal to the notebook"
    assert done["result"] == {**RESULT, "path": "churn"}
    assert [step["state"] for step in done["steps"][:4]] == ["done", "done", "done", "skipped"]
    assert done["steps"][1]["detail"] == "3 of 4 cells"
    (call,) = command.called
    words = ["export", str(real(jp_root_dir) / "work" / "churn.ipynb"), "--to", str(target)]
    assert call["arguments"] == [*words, "--json", "--progress", "--yes"]
    _, log = await server(f"jobs/{job['id']}/log")
    assert log == {"text": "running\n", "next": 8, "ended": True}
    _, every = await server("jobs")
    assert [item["id"] for item in every["jobs"]] == [job["id"]]


@pytest.mark.usefixtures("notebook")
async def test_the_notebooks_own_kernel_says_which_libraries_it_uses(
    server: Any, command: Command, jp_data_dir: Path
) -> None:
    for name, first in (("own", sys.executable), ("bare", "python"), ("gone", "/nowhere/python")):
        folder = jp_data_dir / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": [first, "-m", "ipykernel"], "display_name": name, "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec))
    command.does(print=json.dumps({**RESULT, "path": "x"}))
    for kernel in ("own", "bare", "gone", "none", "../own", 3):
        _, job = await server("jobs", export(kernel=kernel))
        await ended(server, job)
    used = [call["arguments"][6:] for call in command.called]
    assert used == [["--python", sys.executable], [], [], [], [], []]


@pytest.mark.usefixtures("notebook")
async def test_an_export_that_is_not_equal_is_done_and_says_so(server: Any, command: Command) -> None:
    result = {**RESULT, "path": "x", "verification": {"status": "different", "names": {"auc": "different"}}}
    command.does(print=json.dumps(result), code=1)
    _, job = await server("jobs", export())
    done = await ended(server, job)
    assert (done["state"], done["result"]["verification"]["status"]) == ("done", "different")


@pytest.mark.usefixtures("notebook")
async def test_a_cell_that_fails_is_named(server: Any, command: Command) -> None:
    said = "Error: churn.ipynb, cell 7, line 2: KeyError: 'income'\n  help: Mend the cell."
    command.does(say=['{"step": "run"}', said], code=1)
    _, job = await server("jobs", export())
    done = await ended(server, job)
    assert done["state"] == "failed"
    assert done["error"] == {
        "what": "KeyError: 'income'",
        "where": "churn.ipynb, cell 7, line 2",
        "help": "Mend the cell.",
        "cell": 7,
    }
    assert [step["state"] for step in done["steps"][:3]] == ["done", "failed", "skipped"]


@pytest.mark.usefixtures("notebook")
async def test_cancelling_ends_the_command_and_what_it_started(server: Any, command: Command) -> None:
    command.does(wait=True)
    _, job = await server("jobs", export())
    child = await child_of(command)
    code, again = await server("jobs", export())
    assert (code, again["job"]["id"]) == (409, job["id"])
    code, told = await server(f"jobs/{job['id']}", method="DELETE")
    assert (code, told["state"]) == (200, "cancelled")
    assert await _ends(child)


@pytest.mark.usefixtures("notebook")
async def test_jobs_end_with_the_server(server: Any, command: Command, jp_serverapp: Any) -> None:
    command.does(wait=True)
    await server("jobs", export())
    child = await child_of(command)
    await jp_serverapp.extension_manager.stop_all_extensions()
    assert await _ends(child)


async def _ends(pid: int) -> bool:
    """Whether a process that was told to end does so soon."""
    for _ in range(100):
        if not _runs(pid):
            return True
        await asyncio.sleep(0.05)
    return False


def _runs(pid: int) -> bool:
    """Whether a process runs; one that waits to be buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc/self/stat").exists()
    return state not in {"Z", "X"}


@pytest.mark.usefixtures("notebook")
async def test_browsers_are_told_how_far_a_job_is(server: Any, command: Command, jp_serverapp: Any) -> None:
    heard: list[dict[str, Any]] = []

    async def listen(logger: object, schema_id: str, data: dict[str, Any]) -> None:
        del logger, schema_id
        heard.append(data)

    (app,) = jp_serverapp.extension_manager.extension_apps["nbship_lab"]
    jp_serverapp.event_logger.add_listener(schema_id=app.event_schema, listener=listen)
    command.does(say=['{"step": "read"}'], print=json.dumps({**RESULT, "path": "x"}))
    _, job = await server("jobs", export())
    await ended(server, job)
    await asyncio.sleep(0)
    assert {data["job"] for data in heard} == {job["id"]}
    assert heard[-1] == {"kind": "job", "job": job["id"], "state": "done"}


async def test_a_job_of_before_the_server_was_restarted_is_told_so(server: Any) -> None:
    code, told = await server("jobs/0123456789abcdef")
    assert code == 404
    assert "started again" in told["error"]["what"]
    assert told["error"]["help"]


@pytest.mark.parametrize("name", ["path", "to"])
async def test_an_export_stays_below_the_servers_folder(
    server: Any, notebook: Path, jp_root_dir: Path, tmp_path: Path, command: Command, name: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "churn.ipynb").write_text("{}")
    (jp_root_dir / "link").symlink_to(outside)
    (jp_root_dir / "link.ipynb").symlink_to(outside / "churn.ipynb")
    (notebook.parent / "deep").symlink_to("../..")
    for path in (
        "../outside/churn.ipynb", "/etc/passwd", str(outside / "churn.ipynb"), "link/churn.ipynb", "link.ipynb",
        "work/deep/outside/churn.ipynb", "work/../../outside/churn.ipynb", "a/../../x", ".hidden/x.ipynb", "", ".",
        "..", "drive:x.ipynb", "a\\..\\..\\b", "a\0b",
    ):  # fmt: skip
        code, told = await server("jobs", export(**{name: path}))
        assert code == 400, path
        assert told["error"]["help"]
    assert command.called == []


async def test_a_link_that_stays_inside_may_be_followed(
    server: Any, notebook: Path, jp_root_dir: Path, command: Command
) -> None:
    (jp_root_dir / "inside").symlink_to(notebook.parent)
    command.does(print=json.dumps({**RESULT, "path": "x"}))
    code, _ = await server("jobs", export(path="inside/churn.ipynb"))
    assert code == 202


@pytest.mark.usefixtures("notebook")
async def test_what_is_no_notebook_is_told(server: Any, jp_root_dir: Path, command: Command) -> None:
    (jp_root_dir / "data.csv").write_text("a,b")
    for path in ("data.csv", "work", "gone.ipynb"):
        code, told = await server("jobs", export(path=path))
        assert code == 404, path
        assert told["error"]["what"]
    code, told = await server("jobs", {"kind": "dig"})
    assert (code, told["error"]["help"]) == (400, '"kind" is "export" or "retrain".')
    assert command.called == []


async def test_a_retraining_uses_the_profiles_store(server: Any, command: Command) -> None:
    command.does(print=json.dumps({"result": "promoted", "says": "version 3 is live"}))
    code, job = await server("jobs", {"kind": "retrain", "model": "churn", "profile": "team"})
    assert (code, job["model"]) == (202, "churn")
    done = await ended(server, job)
    assert (done["state"], done["says"]) == ("done", "version 3 is live")
    (call,) = command.called
    assert (call["arguments"], call["uri"]) == (
        ["retrain", "churn", "--now", "--json"],
        "https://mlflow.example",
    )


async def test_a_retraining_that_the_gates_refuse_has_failed(server: Any, command: Command) -> None:
    command.does(print=json.dumps({"result": "refused", "says": "worse than the champion"}), code=1)
    _, job = await server("jobs", {"kind": "retrain", "model": "churn"})
    done = await ended(server, job)
    assert (done["state"], done["error"]["what"]) == ("failed", "worse than the champion")
    assert done["steps"] == [{"name": "retrain", "state": "failed", "detail": None}]
