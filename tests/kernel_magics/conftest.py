from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config as ShellConfig

from nbship import config, journal
from nbship.config import Config
from nbship.facts import Fact
from nbship_magics.capture import Capture
from nbship_magics.extension import Extension
from nbship_magics.session import Session


class Kernel:
    """A shell with nbship in it, that counts how often the worker is woken instead of starting one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.woken = 0
        monkeypatch.setattr("nbship_magics.extension.open_session", self._session)
        monkeypatch.setattr("nbship_magics.changes.LEAST_S", 10.0)  # a busy machine is no reason to see less
        self.shell = InteractiveShell(config=ShellConfig({"HistoryManager": {"enabled": False}}))
        self.extension: Extension | None = None

    def _session(self) -> Session:
        return Session(config.load(), wake=self._wake)

    def _wake(self, _: Config) -> None:
        self.woken += 1

    def load(self) -> None:
        self.extension = Extension(self.shell)
        self.extension.install()

    @property
    def capture(self) -> Capture:
        assert self.extension is not None
        assert self.extension.capture is not None
        return self.extension.capture

    def run(self, source: str, *, cell: str | None = None) -> Any:
        return self.shell.run_cell(source, store_history=True, cell_id=cell)

    def facts(self, kind: str | None = None) -> list[Any]:
        """What is on disk, once the background has done its work."""
        assert self.capture.session.background.wait(30)
        folders = journal.sessions(config.load().journals)
        found: list[Fact] = [fact for folder in folders for fact in journal.read(folder).facts]
        return [fact for fact in found if kind is None or fact.kind == kind]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.delenv("NBSHIP_CAPTURE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def empty(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A kernel in which nbship is not loaded yet."""
    assert home
    kernel = Kernel(monkeypatch)
    yield kernel
    if kernel.extension is not None:
        kernel.extension.remove()
    kernel.shell.restore_sys_module_state()


@pytest.fixture
def kernel(empty: Kernel) -> Kernel:
    empty.load()
    return empty
