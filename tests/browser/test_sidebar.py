"""The two halves together: real routes behind the panel, and behind them a worker of the tests' own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from lab_server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 30_000


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    yield page
    context.close()
    complaints = [text for text in said if re.search(r"nbship|Settings failed to load|^error", text)]
    assert not complaints


def open_panel(page: Page, lab: Any, notebook: str) -> Any:
    # "domcontentloaded", because JupyterLab keeps sockets open and so never falls idle.
    url = f"{lab.base}/lab/tree/{notebook}?token={TOKEN}&reset"
    page.goto(url, wait_until="domcontentloaded", timeout=90_000)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.locator('.jp-SideBar.jp-mod-right li[data-id="nbship-panel"]').click()
    return page.locator("#nbship-panel")


def test_the_panel_shows_what_the_server_half_answers(page: Page, lab: Any) -> None:
    lab.answer()
    panel = open_panel(page, lab, "bikeshare.ipynb")
    expect(panel.get_by_role("heading", name="bikeshare", exact=True)).to_be_visible()
    version = panel.get_by_role("region", name="Registry").get_by_role("listitem").first
    for text in ("v1", "@champion", "production", "mae", "b3:5f1c0de4", "0c1d5a52", "by ada"):
        expect(version).to_contain_text(text)
    drift = panel.get_by_role("region", name="Drift")
    expect(drift.get_by_role("button", name=re.compile("Critical: temp"))).to_contain_text("8.51")
    expect(panel.get_by_role("region", name="Cells")).to_contain_text("3 steps, 2 proposed")


def test_a_store_that_goes_away_and_comes_back_is_followed(page: Page, lab: Any) -> None:
    lab.answer()
    panel = open_panel(page, lab, "bikeshare.ipynb")
    expect(panel).to_contain_text("Registry read")
    lab.refuse(what="the tracking server does not answer", help="start it again")
    panel.get_by_role("button", name="Refresh").click()
    told = panel.get_by_role("status").first
    expect(told).to_contain_text("Registry away. Last known state:")
    expect(told).to_contain_text("start it again")
    expect(panel).to_contain_text("@champion")
    lab.answer()
    page.keyboard.press("Control+Shift+c")
    page.locator(".lm-CommandPalette-input").fill("Refresh the Model")
    page.keyboard.press("Enter")
    expect(panel).to_contain_text("Registry read")
