from __future__ import annotations

import json
import shutil
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab_server import FLAGS, TOKEN, chromium, jupyter_lab
from panel_answers import Answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CONTRACT = ROOT / "tests" / "contract"
AXE = ROOT / "extension" / "node_modules" / "axe-core" / "axe.min.js"

PATIENCE_MS = 30_000
LOADING_MS = 90_000

#: The cells that tests/contract/proposals.json speaks of.
CHURN = {
    "c1": "customers = pd.read_parquet('data/customers.parquet')",
    "c2": "customers.head()",
    "c3": "features = customers.assign(tenure=customers.months / 12)",
    "c4": "features['active'] = features.logins > 0",
    "c5": "y = features.pop('left')",
    "c6": "model = RandomForestClassifier().fit(features, y)",
    "c7": "model.score(features, y)",
}


def notebook(
    cells: dict[str, str], *, nbship: dict[str, str] | None = None, tags: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    """A notebook with these code cells under a heading, as it is before anything ran."""
    code: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": name,
            "metadata": {"tags": tags[name]} if tags and name in tags else {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        for name, source in cells.items()
    ]
    heading = {"cell_type": "markdown", "id": "c0", "metadata": {}, "source": "# Who leaves?"}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "cells": [heading, *code],
        "metadata": {"kernelspec": kernel, **({"nbship": nbship} if nbship else {})},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


class Lab:
    """A JupyterLab on a few notebooks, with a worker that says what a test wants."""

    def __init__(self, base: str, folder: Path, orders: Path) -> None:
        self.base = base
        self.folder = folder
        self._orders = orders

    def answer(self, example: str = "state.json", **more: Any) -> None:
        result = json.loads((CONTRACT / example).read_text())
        self._orders.write_text(json.dumps({"result": result, **more}))

    def refuse(self, **error: str) -> None:
        self._orders.write_text(json.dumps({"error": error}))


class Desk:
    """A page with the churn notebook open and the panel beside it, answered by documents of the contract."""

    def __init__(self, page: Page, answers: Answers) -> None:
        self.page = page
        self.answers = answers
        self.panel: Locator = page.locator("#nbship-panel")

    def section(self, name: str) -> Locator:
        """One of the panel's sections."""
        return self.panel.get_by_role("region", name=name, exact=True)

    def command(self, name: str, **arguments: Any) -> None:
        """Run a command of JupyterLab, as its palette does."""
        self.page.evaluate(
            "([name, arguments]) => void jupyterapp.commands.execute(name, arguments)", [name, arguments]
        )

    def show(self, **changes: Any) -> None:
        """Let the panel ask everything anew, with other answers."""
        for name, value in changes.items():
            setattr(self.answers, name, value)
        kept = self.answers.instead.pop("GET state", None)
        self.answers.instead["GET state"] = (0, None)  # once away: then both halves greet each other again
        with self.page.expect_event("requestfailed"):
            self.command("nbship:refresh")
        del self.answers.instead["GET state"]
        if kept is not None:
            self.answers.instead["GET state"] = kept
        with self.page.expect_response("**/nbship/api/**"):
            self.command("nbship:refresh")

    def reset(self) -> None:
        """Answer as in the beginning."""
        first = Answers()
        for each in fields(Answers):
            setattr(self.answers, each.name, getattr(first, each.name))

    def violations(self, where: str = "#nbship-panel") -> list[str]:
        """What axe finds, each as its rule and the element."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.add_script_tag(path=AXE)
        found = self.page.evaluate("where => axe.run(where, {resultTypes: ['violations']})", where)
        return [
            f"{rule['id']}: {node['html'][:200]} {node['any'][:1]}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]


def open_page(browser: Any, lab: Lab, name: str, answers: Answers, **context: Any) -> Desk:
    """A page of its own on a notebook, with the panel open."""
    made = browser.new_context(viewport={"width": 1360, "height": 1000}, **context)
    made.set_default_timeout(PATIENCE_MS)
    page: Page = made.new_page()
    answers.serve(page)
    # "domcontentloaded", because JupyterLab keeps sockets open and so never falls idle; "reset" and a
    # workspace of its own, because pages would share their layout.
    url = f"{lab.base}/lab/workspaces/w{next(_numbers)}/tree/{name}?token={TOKEN}&reset"
    page.goto(url, wait_until="domcontentloaded", timeout=LOADING_MS)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LOADING_MS)
    page.locator('.jp-SideBar.jp-mod-right li[data-id="nbship-panel"]').click()
    page.wait_for_selector("#nbship-panel .jp-nbship")
    return Desk(page, answers)


_numbers = iter(range(1, 10_000))


@pytest.fixture(scope="session")
def desk_of_all(lab: Lab, browser: Any) -> Iterator[Desk]:
    desk = open_page(browser, lab, "churn.ipynb", Answers())
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
    (folder / "untrusted.ipynb").write_text(json.dumps(churn))
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
