"""Take the README's picture anew, and on request the panel in its states, in both themes and at its extreme widths.

python scripts/screenshot.py                       docs/sidebar.png, from the demo in .lab
python scripts/screenshot.py --views DIR           each state, light and dark, 280 and 600 px wide, and in a cell
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from lab_server import FLAGS, ROOT, TOKEN, chromium, jupyter_lab
from panel_answers import Answers, contract
from panel_desk import CHURN, Desk, notebook, open_desk

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DEMO = ROOT / ".lab"
NOTEBOOK = "bikeshare.ipynb"
PICTURE = ROOT / "docs" / "sidebar.png"
WINDOW = (1360, 840)
PANEL_WIDTH = 340
TALL = 2600
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTHS = (280, 600)
LONGEST_MS = 120_000
SETTLED_MS = 2500  # fonts, the kernel's state in the toolbar, the pause before the cells are read

#: The demo is the user's own notebook, which they have trusted.
TRUST = """() => {
    for (const cell of jupyterapp.shell.currentWidget.content.model.cells) {
        cell.trusted = true;
    }
}"""

#: The view in a cell's output, from a kernel.
IN_A_CELL = f"""
import json
from nbship_magics.panel import view
state = json.loads(open({str(ROOT / "tests/contract/state-drifting.json")!r}).read())
view(state)
""".strip()


def main(arguments: list[str] | None = None) -> None:
    """Take what the command line asks for."""
    options = _options(arguments)
    path = chromium()
    if path is None:
        sys.exit("no Chromium found\n  help: apt-get install chromium, or set NBSHIP_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, headless=True)
        if options.views is None:
            _demo_window(browser, options.to)
        else:
            options.views.mkdir(parents=True, exist_ok=True)
            for theme in THEMES:
                _views(browser, options.views, theme)
        browser.close()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, default=PICTURE, help="where the picture of the window goes")
    parser.add_argument("--views", type=Path, help="a folder for pictures of the panel's states, instead")
    return parser.parse_args(arguments)


def _demo_window(browser: Browser, to: Path) -> None:
    """The whole window on the demo, answered by the demo's own registry."""
    folder, home = _demo()
    os.environ["NBSHIP_HOME"] = str(home.resolve())
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        work = scratch / "notebooks"
        work.mkdir()
        for file in (
            NOTEBOOK,
            "pyproject.toml",
        ):  # opened as copies, so that nothing of the user's is touched
            shutil.copy(folder / file, work)
        with jupyter_lab(work, scratch) as base:
            page = browser.new_page(viewport={"width": WINDOW[0], "height": WINDOW[1]}, device_scale_factor=1)
            page.set_default_timeout(LONGEST_MS)
            page.goto(f"{base}/lab/tree/{NOTEBOOK}?token={TOKEN}&reset", wait_until="domcontentloaded")
            page.wait_for_selector(".jp-Notebook .jp-CodeCell")
            page.locator('.jp-SideBar.jp-mod-right li[data-id="nbship-panel"]').click()
            page.locator('.jp-SideBar.jp-mod-left li[data-id="filebrowser"]').click()  # room for code
            page.wait_for_selector("#nbship-panel .jp-nbship-version")
            page.evaluate(TRUST)
            page.locator(".jp-Notebook .jp-CodeCell").first.click()
            page.add_style_tag(content=".Toastify { display: none }")  # notices come and go
            page.wait_for_timeout(SETTLED_MS)
            _widen(page, PANEL_WIDTH)
            page.mouse.move(500, 500)
            page.screenshot(path=to)
            print(to)


def _demo() -> tuple[Path, Path]:
    """The demo's folder and home, as `make lab` makes and opens them."""
    if not (DEMO / "work" / NOTEBOOK).exists() or not (DEMO / "told").exists():
        subprocess.run([sys.executable, "-m", "nbship", "demo", "--to", str(DEMO)], cwd=ROOT, check=True)
        (DEMO / "told").touch()
    return DEMO / "work", DEMO / "home"


def _healthy() -> Mapping[str, Any]:
    """A model that gives no trouble: the state of the contract without what drifts."""
    state = contract("state-drifting")
    for version in state["versions"]:
        version["drift"] = "none" if version["drift"] else None
    for drift in state["drift"]:
        drift["severity"] = "none"
        drift["windows"] = [{**window, "severity": "none"} for window in drift["windows"]]
        calm = {"severity": "none", "reason": "within limits", "value": 0.04, "first_breach": None}
        drift["features"] = [{**feature, **calm} for feature in drift["features"]]
        drift["counts"] = {
            "none": len(drift["features"]),
            "info": 0,
            "warning": 0,
            "critical": 0,
            "too_few": 0,
        }
    resolved = [alert for alert in state["alerts"] if alert["state"] == "resolved"]
    return {"state": {**state, "alerts": resolved}}


def _job(name: str) -> Mapping[str, Any]:
    return {"jobs": [{**contract(name), "path": "churn.ipynb", "model": None}]}


def _offline() -> Mapping[str, Any]:
    return {"state": {**contract("state-away"), "model": "churn"}}


#: What each picture is answered, and what is opened in it.
SCENES: Mapping[str, tuple[Callable[[], Mapping[str, Any]], str | None]] = {
    "healthy": (_healthy, None),
    "drifting": (dict, ".jp-nbship-feature-head"),
    "promoting": (dict, "text=Promote v3…"),
    "exporting": (lambda: _job("job-running"), None),
    "exported": (lambda: _job("job-done"), None),
    "failed": (lambda: _job("job-failed"), None),
    "offline": (_offline, None),
}


def _views(browser: Browser, folder: Path, theme: str) -> None:
    """The panel's states in one theme, at every width, and the view in a cell."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        work = scratch / "notebooks"
        work.mkdir()
        named = {"id": "churn", "model": "churn", "profile": "default"}
        tags = {"c1": ["step:load"], "c3": ["step:features.add_features"], "c5": ["skip"]}
        (work / "churn.ipynb").write_text(json.dumps(notebook(CHURN, nbship=named, tags=tags)))
        (work / "new.ipynb").write_text(json.dumps(notebook(CHURN)))
        (work / "cell.ipynb").write_text(json.dumps(notebook({"shown": IN_A_CELL})))
        with jupyter_lab(work, scratch, theme=THEMES[theme]) as base:
            desk = open_desk(browser, base, "churn.ipynb", Answers())
            desk.page.set_viewport_size({"width": WINDOW[0], "height": TALL})
            desk.command("application:toggle-left-area")
            desk.page.wait_for_timeout(SETTLED_MS)
            for scene, (changes, opened) in SCENES.items():
                desk.reset()
                desk.show(**changes())
                desk.page.wait_for_timeout(SETTLED_MS)
                _shoot(desk, folder, theme, scene, opened)
            desk.reset()
            desk.command("docmanager:open", path="new.ipynb")
            desk.page.wait_for_timeout(SETTLED_MS)
            _shoot(desk, folder, theme, "empty", None)
            _shoot_cell(desk, folder / f"{theme}-cell.png")


def _shoot(desk: Desk, folder: Path, theme: str, scene: str, opened: str | None) -> None:
    button = desk.panel.locator(opened).first if opened is not None else None
    if button is not None:
        button.click()
        desk.page.wait_for_timeout(500)
    for width in WIDTHS:
        _widen(desk.page, width)
        desk.page.mouse.move(300, 900)
        desk.page.wait_for_timeout(300)
        view = desk.panel.locator(".jp-nbship")
        path = folder / f"{theme}-{scene}-{width}.png"
        view.screenshot(path=path)
        print(path)
    if button is not None:
        button.press("Escape")
        desk.panel.get_by_role("button", name="Cancel").first.click() if "text" in (opened or "") else None


def _shoot_cell(desk: Desk, path: Path) -> None:
    desk.command("docmanager:open", path="cell.ipynb")
    desk.page.wait_for_selector('.lm-DockPanel-tabBar .lm-mod-current:has-text("cell.ipynb")')
    desk.page.wait_for_function("() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel")
    desk.command("notebook:run-all-cells")
    desk.page.wait_for_selector(".jp-OutputArea .jp-nbship", timeout=LONGEST_MS)
    desk.page.wait_for_timeout(1000)
    desk.page.locator(".jp-Notebook:visible").screenshot(path=path)
    print(path)


def _widen(page: Page, width: int) -> None:
    """Drag the panel's edge until it is as wide as wanted."""
    box = page.locator("#nbship-panel").bounding_box()
    assert box is not None
    y = box["y"] + 200
    page.mouse.move(box["x"] - 1, y)
    page.mouse.down()
    page.mouse.move(box["x"] - 1 + box["width"] - width, y, steps=8)
    page.mouse.up()


if __name__ == "__main__":
    main()
