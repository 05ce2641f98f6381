"""What typing in a notebook of 1,000 cells costs with the panel open, hidden, and without nbship at all.

    python benchmarks/sidebar_typing.py [--cells 1000] [--keys 150] [--rounds 5]

Two JupyterLabs in one Chromium, one of them with nbship's front end disabled; the same keys go to the same cell of the same
notebook in turn. For each key: the time from the key to the frame that shows it, and the processor time of the page's
main thread, which a busy machine does not change. What nbship does after the typing has paused is told apart.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts")]
from lab_server import FLAGS, TOKEN, chromium, jupyter_lab  # noqa: E402
from panel_answers import Answers  # noqa: E402
from panel_desk import LOADING_MS, notebook  # noqa: E402

PAUSE_MS = 4000
#: From a key to the frame that shows it: the message runs when the frame has been drawn.
LISTEN = """() => {
    window.took = [];
    document.addEventListener('keydown', () => {
        const began = performance.now();
        requestAnimationFrame(() => {
            const drawn = new MessageChannel();
            drawn.port1.onmessage = () => window.took.push(performance.now() - began);
            drawn.port2.postMessage(0);
        });
    }, true);
}"""


@dataclass
class Typed:
    """Milliseconds for each key: until it is drawn, and of the main thread; then of the main thread in the pause."""

    drawn: list[float] = field(default_factory=list[float])
    thread: list[float] = field(default_factory=list[float])
    pause: list[float] = field(default_factory=list[float])


def main() -> int:
    """Type, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--keys", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with pages(given.cells) as (without, ours):
        found = {"without nbship": Typed(), "panel hidden": Typed(), "panel open": Typed()}
        for _ in range(given.rounds):
            measure(without, given.keys, found["without nbship"])
            panel(ours, shown=False)
            measure(ours, given.keys, found["panel hidden"])
            panel(ours, shown=True)
            measure(ours, given.keys, found["panel open"])
    table(found, given)
    return 0


@contextlib.contextmanager
def pages(cells: int) -> Iterator[tuple[Any, Any]]:
    """Give the notebook in a JupyterLab without nbship, and in one with it."""
    from playwright.sync_api import sync_playwright

    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nbship-bench-")))
        (scratch / "work").mkdir()
        many = notebook(
            {f"n{number}": f"x{number} = {number}\nprint(x{number})" for number in range(cells)},
            nbship={"id": "many", "model": "churn", "profile": "default"},
            tags={f"n{number}": [f"step:part_{number % 7}"] for number in range(0, cells, 2)},
        )
        (scratch / "work" / "many.ipynb").write_text(json.dumps(many))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        stack.callback(browser.close)
        found = []
        for name in ("without", "with"):
            (scratch / name).mkdir()
            if name == "without":
                settings = scratch / name / "config" / "labconfig"
                settings.mkdir(parents=True)
                (settings / "page_config.json").write_text('{"disabledExtensions": {"nbship": true}}')
            base = stack.enter_context(jupyter_lab(scratch / "work", scratch / name))
            found.append(opened(browser, base))
        assert [page.locator('li[data-id="nbship-panel"]').count() for page in found] == [0, 1]
        yield found[0], found[1]


def opened(browser: Any, base: str) -> Any:
    """Give a page with the notebook in front, and nothing under way."""
    page = browser.new_context(viewport={"width": 1760, "height": 1000}).new_page()
    Answers().serve(page)
    page.goto(f"{base}/lab/tree/many.ipynb?token={TOKEN}&reset", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LOADING_MS)
    page.evaluate(LISTEN)
    page.wait_for_timeout(10_000)  # autosave, badges, the kernel's start
    return page


def panel(page: Any, *, shown: bool) -> None:
    """Show the panel, or put it away."""
    if page.locator("#nbship-panel").is_visible() != shown:
        page.locator('.jp-SideBar.jp-mod-right li[data-id="nbship-panel"]').click()
    if shown:
        page.wait_for_selector("#nbship-panel .jp-nbship-section")
    page.wait_for_timeout(PAUSE_MS)


def measure(page: Any, keys: int, typed: Typed) -> None:
    """Type into the fifth cell, and note what that took."""
    page.bring_to_front()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.locator(".jp-Notebook .jp-Cell .cm-content").nth(5).click()
    page.keyboard.press("Control+a")
    page.wait_for_timeout(PAUSE_MS)
    page.evaluate("() => void window.took.splice(0)")
    before = spent_ms(session)
    page.keyboard.type("a = b + 1\n" * (keys // 10), delay=40)
    page.wait_for_timeout(100)
    after = spent_ms(session)
    page.wait_for_timeout(PAUSE_MS)
    typed.drawn += page.evaluate("() => window.took")
    typed.thread.append((after - before) / keys)
    typed.pause.append(spent_ms(session) - after)
    session.detach()


def spent_ms(session: Any) -> float:
    """Give what the main thread has worked so far, in milliseconds."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1e3 * float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def table(found: dict[str, Typed], given: argparse.Namespace) -> None:
    """Print what each key took, and how that compares."""
    print(f"{given.cells:,} cells, {given.keys} keys, {given.rounds} rounds in turn")
    print(f"{'':16}{'drawn p50':>11}{'p99':>9}{'main thread a key':>20}{'':>8}{'in the pause after':>20}")
    first = statistics.median(found["without nbship"].thread)
    for name, typed in found.items():
        drawn = sorted(typed.drawn)
        thread = statistics.median(typed.thread)
        print(
            f"{name:16}{statistics.median(drawn):8.1f} ms{drawn[int(len(drawn) * 0.99)]:6.1f} ms{thread:17.2f} ms"
            f"{thread / first:6.2f} x{statistics.median(typed.pause):17.1f} ms"
        )


if __name__ == "__main__":
    sys.exit(main())
