from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab_server import FLAGS, chromium, jupyter_lab
from panel_answers import Answers
from panel_desk import CHURN, PATIENCE_MS, Desk, notebook, open_desk

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CONTRACT = ROOT / "tests" / "contract"


class Lab:
    """A JupyterLab on a few notebooks, with a worker that says what a test wants."""

    def __init__(self, base: str, folder: Path, orders: Path) -> None:
        self.base = base
        self.folder = folder
        self._orders = orders

    def answer(self, example: str = "state.json", **more: Any) -> None:
        result = json.loads((CONTRACT / example).read_text())
        results = {
            ask: json.loads((CONTRACT / f"{name}.json").read_text())
            for ask, name in {"cells": "proposals", "difference": "difference"}.items()
        }
        self._orders.write_text(json.dumps({"result": result, "results": results, **more}))

    def refuse(self, **error: str) -> None:
        self._orders.write_text(json.dumps({"error": error}))

    def open(self, browser: Any, name: str, answers: Answers | None = None, **context: Any) -> Desk:
        """A page of its own on a notebook, with the panel open."""
        return open_desk(browser, self.base, name, answers or Answers(), **context)


@pytest.fixture(scope="session")
def desk_of_all(lab: Lab, browser: Any) -> Iterator[Desk]:
    desk = lab.open(browser, "churn.ipynb")
    yield desk
    desk.page.context.close()


@pytest.fixture
def desk(desk_of_all: Desk) -> Iterator[Desk]:
    """The page that tests share, as it was in the beginning; what they leave open is closed."""
    desk_of_all.reset()
    desk_of_all.show()
    yield desk_of_all
    desk_of_all.page.keyboard.press("Escape")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    path = chromium()
    if path is None:
        pytest.fail("no Chromium found\n  help: apt-get install chromium, or set NBSHIP_CHROMIUM")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS, headless=True)
        yield started
        started.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copy(ROOT / "examples" / "bikeshare.ipynb", folder)
    bikes = json.loads((folder / "bikeshare.ipynb").read_text())
    del bikes["metadata"]["nbship"]
    (folder / "plain.ipynb").write_text(json.dumps(bikes))
    churn = notebook(CHURN, nbship={"id": "churn", "model": "churn", "profile": "default"})
    for name in ("churn.ipynb", "steps.ipynb", "strange.ipynb"):
        (folder / name).write_text(json.dumps(churn))
    shown = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<b>from elsewhere</b>"}}
    churn["cells"][2]["outputs"] = [shown]
    for name in ("untrusted.ipynb", "received.ipynb"):
        (folder / name).write_text(json.dumps(churn))
    many = notebook(
        {f"n{number}": f"x{number} = {number}" for number in range(1000)},
        nbship={"id": "many", "model": "churn", "profile": "default"},
        tags={f"n{number}": [f"step:part_{number % 7}"] for number in range(0, 1000, 2)},
    )
    (folder / "many.ipynb").write_text(json.dumps(many))
    scratch = tmp_path_factory.mktemp("lab")
    orders = scratch / "orders.json"
    worker = [sys.executable, str(ROOT / "tests" / "extension" / "fake_worker.py"), str(orders)]
    with jupyter_lab(folder, scratch, worker=worker) as base:
        yield Lab(base, folder, orders)
