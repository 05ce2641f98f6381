"""The built widget in a real browser, hosted as anywidget would, in a page that knows nothing of JupyterLab."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parent.parent.parent
WIDGET = ROOT / "kernel_magics" / "nbship_magics" / "static" / "widget.js"

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOST = """
<div id="cell"></div>
<script type="module">
  import widget from "/widget.js";
  const listeners = new Set();
  const model = {
    state: null,
    get(name) { return name === "state" ? this.state : undefined; },
    on(event, callback) { if (event === "change:state") listeners.add(callback); },
    off(event, callback) { listeners.delete(callback); },
  };
  window.show = state => { model.state = state; listeners.forEach(call => call()); };
  window.listeners = listeners;
  window.clear = widget.render({ model, el: document.getElementById("cell") });
</script>
"""


def test_the_widget_draws_the_state_and_its_changes(browser: Any) -> None:
    page = browser.new_page()
    page.route("http://widget.test/", lambda route: route.fulfill(body=HOST, content_type="text/html"))
    page.route(
        "**/widget.js", lambda route: route.fulfill(body=WIDGET.read_text(), content_type="text/javascript")
    )
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto("http://widget.test/")
    page.wait_for_function("() => window.show")
    for name, model in (("state.json", "bikeshare"), ("state-drifting.json", "churn")):
        page.evaluate("state => window.show(state)", json.loads((ROOT / "tests/contract" / name).read_text()))
        expect(page.get_by_role("heading", name=model, exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Critical: income"))).to_be_visible()
    expect(page.get_by_role("button", name="Refresh")).to_have_count(0)
    page.evaluate("window.clear()")
    expect(page.locator(".jp-nbship")).to_have_count(0)
    assert page.evaluate("window.listeners.size") == 0
    assert not errors
    page.close()
