from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nbship import config, journal
from nbship.facts import CellRan, CellSource, ParameterSet, StoreChosen, UserRun
from nbship_magics.session import Session

RAN = CellRan(source_hash="h", execution_count=1, succeeded=True)


@pytest.fixture
def session(home: Path) -> Session:
    assert home
    return Session(config.load(), wake=lambda _: None)


def facts(session: Session) -> list[Any]:
    session.close()
    return list(journal.read(session.settings.journals / session.name).facts)


def test_the_first_fact_says_where_the_runs_belong(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ada:secret@127.0.0.1:9")
    other = Session(config.load(), wake=lambda _: None)
    other.record(RAN)
    first = facts(other)[0]
    assert isinstance(first, StoreChosen)
    assert (first.tracking_uri, first.origin) == ("http://ada:***@127.0.0.1:9", "environment")
    session.close()


def test_a_source_is_kept_once_and_without_secrets(session: Session) -> None:
    for _ in range(2):
        session.source = "password = 'abc'"
        session.record(RAN)
    session.background.wait(10)
    (source,) = [fact for fact in facts(session) if isinstance(fact, CellSource)]
    assert (source.source, source.redacted, source.source_hash) == ("password = '<redacted>'", True, "h")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_records_nothing_and_ends_nothing(home: Path) -> None:
    code = (
        "import os\nfrom nbship import config, journal\nfrom nbship.facts import ParameterSet\n"
        "from nbship_magics.session import Session\n"
        "session = Session(config.load(), wake=lambda _: print('woken', flush=True))\n"
        "session.record(ParameterSet(name='x', value=1))\n"
        "session._lock.acquire()\n"  # as the background thread may hold it at that moment
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    session.record(ParameterSet(name='x', value=2)); session.close(); os._exit(0)\n"
        "session._lock.release()\n"
        "print(os.waitpid(pid, 0)[1], journal.is_live(session.settings.journals / session.name), flush=True)\n"
    )
    environment = {**os.environ, "NBSHIP_HOME": str(home)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "0 True\n"
    (folder,) = journal.sessions(home / "journals")
    assert [fact.value for fact in journal.read(folder).facts if isinstance(fact, ParameterSet)] == [1]


def test_a_disk_that_is_full_is_told_once_and_forgotten_when_it_is_not(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.record(RAN)

    def refuse(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with warnings.catch_warnings(record=True) as told, monkeypatch.context() as patch:
        warnings.simplefilter("always")
        patch.setattr(os, "write", refuse)
        for _ in range(3):
            session.record(ParameterSet(name="x", value=1))
    assert [str(item.message).count("No space left") for item in told] == [1]
    assert sum(isinstance(fact, ParameterSet) for fact in facts(session)) == 3


class Mlflow:
    """What of mlflow a kernel holds in memory; it counts who asks the server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack: list[Any] = []
        self.last: str | None = None
        fluent = SimpleNamespace(
            _active_run_stack=SimpleNamespace(get=lambda: self.stack),
            _last_active_run_id=SimpleNamespace(get=lambda: self.last),
        )
        monkeypatch.setitem(
            sys.modules, "mlflow", SimpleNamespace(get_tracking_uri=lambda: "sqlite:///own.db")
        )
        monkeypatch.setitem(sys.modules, "mlflow.tracking.fluent", fluent)

    def start(self, run_id: str) -> None:
        self.stack.append(SimpleNamespace(info=SimpleNamespace(run_id=run_id)))

    def end(self) -> None:
        self.last = self.stack.pop().info.run_id


def test_the_users_own_run_is_seen_once_and_again_when_it_ends(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home
    mlflow = Mlflow(monkeypatch)
    mlflow.last = "before"  # it ended before nbship was loaded
    session = Session(config.load(), wake=lambda _: None)
    session.record(RAN)
    mlflow.start("mine")
    session.record(RAN)
    session.record(RAN)
    mlflow.end()
    session.record(RAN)
    told = [fact for fact in facts(session) if isinstance(fact, UserRun)]
    assert [(fact.run_id, fact.active) for fact in told] == [("mine", True), ("mine", False)]
    assert told[0].tracking_uri == f"sqlite:///{Path.cwd() / 'own.db'}"


def test_an_mlflow_that_is_no_mlflow_costs_a_line_in_the_log(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "mlflow.tracking.fluent", SimpleNamespace())
    with pytest.warns(UserWarning, match="mlflow"):
        session.record(RAN)
    assert sum(isinstance(fact, CellRan) for fact in facts(session)) == 1
