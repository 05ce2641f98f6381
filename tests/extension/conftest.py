from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

# pytest takes no `pytest_plugins` below the root, and the root's tests need no Jupyter server.
from pytest_jupyter.jupyter_server import *  # noqa: F403

HERE = Path(__file__).parent
CONTRACT = HERE.parent / "contract"


class Orders:
    """What the fake worker shall do from its next question on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state: dict[str, Any] = json.loads((CONTRACT / "state.json").read_text())
        self.command = [sys.executable, str(HERE / "fake_worker.py"), str(path)]
        self.answer()

    def answer(self, **more: Any) -> None:
        self.path.write_text(json.dumps({"result": self.state, **more}))

    def _lines(self, suffix: str) -> list[str]:
        path = self.path.with_suffix(suffix)
        return path.read_text().splitlines() if path.exists() else []

    @property
    def starts(self) -> int:
        return len(self._lines(".starts"))

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines(".asked")]


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    return Orders(tmp_path / "orders.json")
