"""A page of JupyterLab with a notebook open and the panel beside it: for the browser tests and the screenshots."""

from __future__ import annotations

import contextlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from lab_server import ROOT, TOKEN
from panel_answers import Answers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

AXE = ROOT / "extension" / "node_modules" / "axe-core" / "axe.min.js"

PATIENCE_MS = 12_000
LOADING_MS = 90_000
_REFRESHES = 6

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
        self._until("requestfailed")
        del self.answers.instead["GET state"]
        if kept is not None:
            self.answers.instead["GET state"] = kept
        self._until("response")

    def _until(self, event: Literal["requestfailed", "response"]) -> None:
        """Refresh until the page says so: a refresh that meets one under way asks nothing of its own."""
        for _ in range(_REFRESHES - 1):
            with contextlib.suppress(PlaywrightTimeoutError):
                self._refresh(event, PATIENCE_MS / _REFRESHES)
                return
        self._refresh(event, PATIENCE_MS)

    def _refresh(self, event: Literal["requestfailed", "response"], patience_ms: float) -> None:
        def ours(what: Any) -> bool:
            return "/nbship/api/" in what.url

        with self.page.expect_event(event, ours, timeout=patience_ms):
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


def open_desk(browser: Browser, base: str, name: str, answers: Answers, **context: Any) -> Desk:
    """A page of its own on a notebook, with the panel open."""
    made = browser.new_context(viewport={"width": 1760, "height": 1000}, **context)
    made.set_default_timeout(PATIENCE_MS)
    page: Page = made.new_page()
    answers.serve(page)
    # "domcontentloaded", because JupyterLab keeps sockets open and so never falls idle; "reset" and a
    # workspace of its own, because pages would share their layout.
    url = f"{base}/lab/workspaces/w{next(_numbers)}/tree/{name}?token={TOKEN}&reset"
    page.goto(url, wait_until="domcontentloaded", timeout=LOADING_MS)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LOADING_MS)
    page.locator('.jp-SideBar.jp-mod-right li[data-id="nbship-panel"]').click()
    page.wait_for_selector("#nbship-panel .jp-nbship")
    return Desk(page, answers)


_numbers = iter(range(1, 10_000))
