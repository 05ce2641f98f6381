"""Nothing between the panel and the registry is made up: a kernel, the worker, the store, and the `nbship` command.

One story, told in order: each test goes on where the one before it has left the notebook and its page.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from lab_server import TOKEN, jupyter_lab
from panel_desk import LOADING_MS, notebook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: A worker, a run of the notebook, or an export: on a slow machine all of them take their time.
LONG_MS = 120_000
CELLS = {
    "g1": "%load_ext nbship",
    "g2": "import pandas as pd\nfrom sklearn.linear_model import Ridge",
    "g3": "grades = pd.read_csv('grades.csv')",
    "g4": "model = Ridge().fit(grades[['hours', 'sleep']], grades['mark'])\nscore = model.score(grades[['hours', 'sleep']], grades['mark'])",
    "g5": "%ship register model --name grades",
    "g6": "%ship status grades",
}
STEPS = {"g3": ["step:load"], "g4": ["step:train"]}


class Place:
    """A folder with a notebook, a home of its own, and a JupyterLab that can be stopped and started."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder, self._scratch = folder, scratch
        self._lab = contextlib.ExitStack()
        self._starts = 0
        self.base = ""

    def start(self) -> None:
        """Start it, where it was before if it was."""
        self._starts += 1
        scratch = self._scratch / f"lab{self._starts}"
        scratch.mkdir()
        port = int(self.base.rpartition(":")[2]) if self.base else None
        self.base = self._lab.enter_context(jupyter_lab(self.folder, scratch, port=port))

    def stop(self) -> None:
        """Stop it, with all its kernels and jobs."""
        self._lab.close()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep MLflow's database to ourselves."""
        with contextlib.closing(
            sqlite3.connect(self._scratch / "home" / "mlflow.db", timeout=30)
        ) as database:
            database.execute("BEGIN EXCLUSIVE")
            yield
            database.rollback()

    def nbship(self, *arguments: str) -> None:
        """What somebody else does, in a terminal."""
        command = [sys.executable, "-c", "from nbship.cli import main; main()", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, scratch = tmp_path_factory.mktemp("grades"), tmp_path_factory.mktemp("real")
    rows = "\n".join(f"{n % 9},{5 + n % 4},{10 * (n % 9) + n % 4 + n % 3}" for n in range(300))
    (folder / "grades.csv").write_text(f"hours,sleep,mark\n{rows}\n")
    written = notebook(CELLS, nbship={"id": "grades", "model": "grades", "profile": "default"}, tags=STEPS)
    (folder / "grades.ipynb").write_text(json.dumps(written))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBSHIP_HOME", str(scratch / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        place = Place(folder, scratch)
        place.start()
        yield place
        place.stop()


@pytest.fixture(scope="module")
def page(place: Place, browser: Any) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1760, "height": 1000})
    page: Page = context.new_page()
    url = f"{place.base}/lab/tree/grades.ipynb?token={TOKEN}&reset"
    page.goto(url, wait_until="domcontentloaded", timeout=LOADING_MS)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LOADING_MS)
    page.locator('.jp-SideBar.jp-mod-right li[data-id="nbship-panel"]').click()
    yield page
    context.close()


@pytest.fixture
def panel(page: Page) -> Locator:
    return page.locator("#nbship-panel")


def version(panel: Locator, number: int) -> Locator:
    registry = panel.get_by_role("region", name="Registry", exact=True)
    return registry.get_by_role("listitem").filter(has=panel.page.get_by_text(f"v{number}", exact=True)).first


def run(page: Page) -> None:
    page.evaluate("() => void jupyterapp.commands.execute('notebook:run-all-cells')")


def test_a_version_that_a_cell_registers_appears_by_itself(page: Page, panel: Locator) -> None:
    registry = panel.get_by_role("region", name="Registry", exact=True)
    expect(registry).to_contain_text("Nothing is registered under this name yet", timeout=LONG_MS)
    run(page)
    expect(version(panel, 1)).to_contain_text("@champion", timeout=LONG_MS)
    expect(version(panel, 1)).to_contain_text("score")


def test_what_somebody_else_decides_elsewhere_appears_by_itself(
    page: Page, panel: Locator, place: Place
) -> None:
    run(page)
    expect(version(panel, 2)).to_be_visible(timeout=LONG_MS)
    place.nbship("promote", "grades", "2", "--to", "production", "--why", "by hand", "--by", "bo", "--yes")
    expect(version(panel, 2)).to_contain_text("@champion", timeout=LONG_MS)


def test_the_same_view_stands_in_a_cell(page: Page) -> None:
    page.evaluate("() => void jupyterapp.commands.execute('notebook:run-cell')")
    widget = page.locator(".jp-OutputArea .jp-nbship")
    expect(widget.get_by_role("heading", name="grades", exact=True)).to_be_visible(timeout=LONG_MS)
    expect(widget).to_contain_text("@champion", timeout=LONG_MS)


def test_an_export_by_the_real_command_ends_with_the_proof(panel: Locator, place: Place) -> None:
    export = panel.get_by_role("region", name="Export", exact=True)
    export.get_by_role("button", name="Export", exact=True).last.click()
    expect(export.get_by_role("button", name=re.compile("^Cancel"))).to_be_visible()
    expect(export).to_contain_text("Equal: the package gives the notebook", timeout=LONG_MS)
    assert (place.folder / "grades" / "pyproject.toml").is_file()
    assert (place.folder / "grades" / "src" / "grades").is_dir()


def test_an_export_is_cancelled_and_leaves_nothing(panel: Locator, place: Place) -> None:
    export = panel.get_by_role("region", name="Export", exact=True)
    export.get_by_label("Into the folder").fill("other")
    export.get_by_label("Run the notebook anew").check()
    export.get_by_role("button", name="Export", exact=True).last.click()
    export.get_by_role("button", name=re.compile("^Cancel")).click()
    expect(export).to_contain_text("cancelled", timeout=LONG_MS)
    assert not (place.folder / "other").exists()


def test_a_kernel_that_is_killed_takes_nothing_with_it(page: Page, panel: Locator) -> None:
    page.evaluate(
        """() => void jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute(
            {code: 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)'})"""
    )
    expect(page.locator(".jp-Dialog")).to_contain_text("Kernel Restarting", timeout=LONG_MS)
    page.locator(".jp-Dialog").get_by_role("button").last.click()
    expect(panel).to_contain_text("@champion")
    run(page)
    expect(version(panel, 3)).to_be_visible(timeout=LONG_MS)


def test_a_store_that_somebody_locks_leaves_what_was_known_and_is_read_again(
    panel: Locator, place: Place
) -> None:
    with place.locked():
        panel.get_by_role("button", name="Refresh").click()
        expect(panel).to_contain_text("Registry away. Last known state:", timeout=LONG_MS)
        expect(panel).to_contain_text("@champion")
    panel.get_by_role("button", name="Refresh").click()
    expect(panel).to_contain_text("Registry read", timeout=LONG_MS)


def test_a_server_that_is_started_again_is_found_again(panel: Locator, place: Place) -> None:
    place.stop()
    panel.get_by_role("button", name="Refresh").click()
    expect(panel).to_contain_text("Is the Jupyter server still running? The panel keeps trying.")
    expect(panel).to_contain_text("@champion")
    place.start()
    expect(panel).to_contain_text("Registry read", timeout=LONG_MS)
