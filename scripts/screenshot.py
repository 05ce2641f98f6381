"""Take the README's picture anew, and on request the panel in both themes and at its extreme widths.

python scripts/screenshot.py                       docs/sidebar.png, from the demo in .lab
python scripts/screenshot.py --views DIR           the panel alone, light and dark, 280 and 600 px wide
python scripts/screenshot.py --state FILE ...      with a state document instead of a registry
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, Page, sync_playwright

from lab_server import FLAGS, ROOT, TOKEN, chromium, jupyter_lab

if TYPE_CHECKING:
    from collections.abc import Sequence

DEMO = ROOT / ".lab"
NOTEBOOK = "bikeshare.ipynb"
PICTURE = ROOT / "docs" / "sidebar.png"
WINDOW = (1360, 840)
PANEL_WIDTH = 340
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTHS = (280, 600)
LONGEST_MS = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One picture: in which theme, how wide the panel, and whether the window is on it too."""

    path: Path
    theme: str
    width: int
    whole_window: bool


def main(arguments: list[str] | None = None) -> None:
    """Take what the command line asks for."""
    options = _options(arguments)
    path = chromium()
    if path is None:
        sys.exit("no Chromium found\n  help: apt-get install chromium, or set NBSHIP_CHROMIUM")
    views = [View(path=options.to, theme="light", width=PANEL_WIDTH, whole_window=True)]
    if options.views is not None:
        options.views.mkdir(parents=True, exist_ok=True)
        views = [
            View(
                path=options.views / f"panel-{theme}-{width}.png",
                theme=theme,
                width=width,
                whole_window=False,
            )
            for theme in THEMES
            for width in WIDTHS
        ]
    folder, home = options.folder, options.home
    if folder is None:
        folder, home = _demo()
    if home is not None:
        os.environ["NBSHIP_HOME"] = str(home.resolve())
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, headless=True)
        for theme in dict.fromkeys(view.theme for view in views):
            _take(browser, [view for view in views if view.theme == theme], folder, options.state)
        browser.close()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, default=PICTURE, help="where the picture of the window goes")
    parser.add_argument("--views", type=Path, help="a folder for pictures of the panel alone, instead")
    parser.add_argument("--folder", type=Path, help=f"where {NOTEBOOK} is; default the demo, made if missing")
    parser.add_argument("--home", type=Path, help="NBSHIP_HOME with what was recorded; goes with --folder")
    parser.add_argument("--state", type=Path, help="a state document to show instead of the registry's")
    return parser.parse_args(arguments)


def _demo() -> tuple[Path, Path]:
    """The demo's folder and home, as `make lab` makes and opens them."""
    if not (DEMO / "work" / NOTEBOOK).exists() or not (DEMO / "told").exists():
        subprocess.run([sys.executable, "-m", "nbship", "demo", "--to", str(DEMO)], cwd=ROOT, check=True)
        (DEMO / "told").touch()
    return DEMO / "work", DEMO / "home"


def _take(browser: Browser, views: Sequence[View], folder: Path, state: Path | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        work = scratch / "notebooks"
        work.mkdir()
        shutil.copy(folder / NOTEBOOK, work)  # opened as a copy, so that nothing of the user's is touched
        worker = _puppet(scratch, state) if state is not None else None
        with jupyter_lab(work, scratch, worker=worker, theme=THEMES[views[0].theme]) as base:
            page = browser.new_page(viewport={"width": WINDOW[0], "height": WINDOW[1]}, device_scale_factor=1)
            page.set_default_timeout(LONGEST_MS)
            _open(page, base)
            for view in views:
                _picture(page, view)
            page.close()


def _puppet(scratch: Path, state: Path) -> list[str]:
    orders = scratch / "orders.json"
    orders.write_text(json.dumps({"result": json.loads(state.read_text())}))
    return [sys.executable, str(ROOT / "tests" / "extension" / "fake_worker.py"), str(orders)]


def _open(page: Page, base: str) -> None:
    page.goto(f"{base}/lab/tree/{NOTEBOOK}?token={TOKEN}&reset", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.locator('.jp-SideBar.jp-mod-right li[data-id="nbship-panel"]').click()
    page.locator('.jp-SideBar.jp-mod-left li[data-id="filebrowser"]').click()  # folded: more room for code
    page.wait_for_selector("#nbship-panel .jp-nbship-version")
    page.locator(".jp-Notebook .jp-CodeCell").first.click()
    page.wait_for_timeout(2500)  # fonts, and the kernel's state in the toolbar


def _picture(page: Page, view: View) -> None:
    tall = WINDOW[1] if view.whole_window else 1000
    page.set_viewport_size({"width": WINDOW[0], "height": tall})
    _widen(page, view.width)
    page.mouse.move(500, 500)
    page.wait_for_timeout(500)
    if view.whole_window:
        page.screenshot(path=view.path)
    else:
        page.locator("#nbship-panel").screenshot(path=view.path)
    print(view.path)


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
