from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab_server import FLAGS, chromium, jupyter_lab

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CONTRACT = ROOT / "tests" / "contract"


class Lab:
    """A JupyterLab on a copy of the demo, with a worker that says what a test wants."""

    def __init__(self, base: str, folder: Path, orders: Path) -> None:
        self.base = base
        self.folder = folder
        self._orders = orders

    def answer(self, example: str = "state.json", **more: Any) -> None:
        result = json.loads((CONTRACT / example).read_text())
        self._orders.write_text(json.dumps({"result": result, **more}))

    def refuse(self, **error: str) -> None:
        self._orders.write_text(json.dumps({"error": error}))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copy(ROOT / "examples" / "bikeshare.ipynb", folder)
    notebook = json.loads((folder / "bikeshare.ipynb").read_text())
    del notebook["metadata"]["nbship"]
    (folder / "plain.ipynb").write_text(json.dumps(notebook))
    scratch = tmp_path_factory.mktemp("lab")
    orders = scratch / "orders.json"
    worker = [sys.executable, str(ROOT / "tests" / "extension" / "fake_worker.py"), str(orders)]
    with jupyter_lab(folder, scratch, worker=worker) as base:
        yield Lab(base, folder, orders)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = chromium()
    if path is None:
        pytest.fail("no Chromium found\n  help: apt-get install chromium, or set NBSHIP_CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS, headless=True)
        yield started
        started.close()
