"""The sidebar in a real JupyterLab in a real browser; the worker behind it is the tests' own."""

from __future__ import annotations

import json
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


def open_notebook(page: Page, name: str) -> None:
    page.locator(f'.jp-DirListing-item:has-text("{name}")').dblclick()
    page.wait_for_selector(f'.lm-DockPanel-tabBar .lm-mod-current:has-text("{name}")')


def test_the_panel_shows_the_open_notebooks_model(page: Page, lab: Any) -> None:
    lab.answer()
    panel = open_panel(page, lab, "bikeshare.ipynb")
    expect(panel.get_by_role("heading", name="bikeshare", exact=True)).to_be_visible()

    registry = panel.get_by_role("region", name="Registry")
    version = registry.get_by_role("listitem").first
    for text in ("v1", "@champion", "production", "mae", "15.39", "b3:5f1c0de4", "0c1d5a52", "by ada"):
        expect(version).to_contain_text(text)

    drift = panel.get_by_role("region", name="Drift")
    expect(drift.get_by_role("button", name="Critical: July")).to_have_attribute("aria-pressed", "true")
    temp = drift.get_by_role("button", name=re.compile("Critical: temp"))
    expect(temp).to_contain_text("8.51")
    expect(temp).to_contain_text("limit 0.25")
    temp.press("Enter")
    expect(drift).to_contain_text("PSI 8.51 is above 0.25")
    expect(drift.get_by_role("row", name=re.compile("April.*4.09.*Critical"))).to_be_visible()

    drift.get_by_role("button", name="Critical: April").click()
    expect(temp).to_contain_text("4.09")
    expect(drift).to_contain_text("719 rows against 1,618")
    drift.get_by_role("button", name=re.compile("Show all.*Within limits")).click()
    expect(drift.get_by_role("button", name=re.compile("Within limits: hr"))).to_be_visible()


def test_the_panel_follows_to_a_notebook_without_a_model_and_names_one(page: Page, lab: Any) -> None:
    lab.answer()
    panel = open_panel(page, lab, "bikeshare.ipynb")
    expect(panel).to_contain_text("@champion")
    open_notebook(page, "plain.ipynb")
    expect(panel).to_contain_text("This notebook has no model yet")
    expect(panel).to_contain_text("%ship register VARIABLE --name MODEL")
    expect(panel).not_to_contain_text("@champion")

    panel.get_by_label("Model name").fill("bikeshare")
    panel.get_by_role("button", name="Follow").click()
    expect(panel).to_contain_text("@champion")
    page.keyboard.press("Control+s")
    page.locator(".jp-Notebook:visible .jp-Cell").first.click()
    page.keyboard.press("Control+s")
    page.wait_for_function(
        "() => !document.querySelector('.lm-DockPanel-tabBar .lm-mod-current.jp-mod-dirty')"
    )
    saved = json.loads((lab.folder / "plain.ipynb").read_text())["metadata"]["nbship"]
    assert (saved["model"], saved["profile"]) == ("bikeshare", "default")
    assert saved["id"]


def test_a_store_that_goes_away_leaves_what_was_known(page: Page, lab: Any) -> None:
    lab.answer()
    panel = open_panel(page, lab, "bikeshare.ipynb")
    expect(panel).to_contain_text("Registry read")
    lab.refuse(what="the tracking server does not answer", help="start it again")
    panel.get_by_role("button", name="Refresh").click()
    expect(panel.get_by_role("status")).to_contain_text("Registry away. Last known state:")
    expect(panel.get_by_role("status")).to_contain_text("start it again")
    expect(panel).to_contain_text("@champion")
    lab.answer()
    page.keyboard.press("Control+Shift+c")
    page.locator(".lm-CommandPalette-input").fill("Refresh the Model")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("status")).to_have_count(0)


def test_a_model_that_nobody_registered_says_how_to(page: Page, lab: Any) -> None:
    lab.answer("state-new.json")
    panel = open_panel(page, lab, "bikeshare.ipynb")
    expect(panel).to_contain_text("nbship drift bikeshare --current FILE --window NAME")


def test_a_missing_server_half_is_told_with_its_remedy(page: Page, lab: Any) -> None:
    page.route("**/nbship/api/**", lambda route: route.fulfill(status=404, body="{}"))
    panel = open_panel(page, lab, "bikeshare.ipynb")
    expect(panel).to_contain_text("The server half of nbship is missing")
    expect(panel).to_contain_text('pip install "nbship[lab]"')


def test_another_version_of_the_server_half_is_told_with_its_remedy(page: Page, lab: Any) -> None:
    health = json.dumps({"version": "0.9.0", "schema": 1, "worker": "idle"})
    page.route(
        "**/nbship/api/health**",
        lambda route: route.fulfill(status=200, body=health, content_type="application/json"),
    )
    panel = open_panel(page, lab, "bikeshare.ipynb")
    expect(panel).to_contain_text("This page runs 0.1.0, the Jupyter server 0.9.0")


def test_the_panel_comes_back_after_a_reload(page: Page, lab: Any) -> None:
    lab.answer()
    panel = open_panel(page, lab, "bikeshare.ipynb")
    expect(panel).to_contain_text("@champion")
    page.wait_for_timeout(1500)  # JupyterLab saves its layout a second after it changed
    page.goto(page.url.partition("?")[0], wait_until="domcontentloaded")
    expect(panel).to_contain_text("@champion", timeout=90_000)
