"""For every user: keyboard, screen reader, either theme, any width; told once, and kept over a reload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from panel_answers import Answers, contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from panel_desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def own(lab: Any, browser: Any) -> Iterator[Desk]:
    desk = lab.open(browser, "strange.ipynb", reduced_motion="reduce")
    yield desk
    desk.page.context.close()


def everything_open(desk: Desk) -> None:
    """Unfold all there is, and open the sheet of an action."""
    desk.reset()
    jobs = [{**contract(name), "path": "strange.ipynb", "model": None} for name in ("job-failed",)]
    desk.show(jobs=jobs)
    for name in ("Promote v3…", "Resolve…"):
        button = desk.panel.get_by_role("button", name=name).first
        if button.is_visible():
            button.click()
    unfold = (
        "() => document.querySelectorAll('#nbship-panel [aria-expanded=false]').forEach(each => each.click())"
    )
    for _ in range(3):
        desk.page.evaluate(unfold)
        desk.page.wait_for_timeout(100)
    expect(desk.section("Drift").get_by_role("row", name=re.compile("above 44,000")).first).to_be_visible()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
def test_axe_finds_nothing_with_everything_open(own: Desk, theme: str) -> None:
    own.command("apputils:change-theme", theme=theme)
    own.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    everything_open(own)
    assert own.violations() == []
    own.command("apputils:change-theme", theme="JupyterLab Light")


def test_axe_finds_nothing_in_what_stands_outside_the_panel(own: Desk) -> None:
    own.page.locator(".jp-Notebook .jp-CodeCell").first.click()
    for place in (".jp-cell-toolbar .jp-nbship-step-control", ".jp-nbship-status-item"):
        own.page.wait_for_selector(place)
        assert own.violations(place) == []


@pytest.mark.parametrize("width", [240, 280, 600])
def test_nothing_is_cut_off_at_any_width(own: Desk, width: int) -> None:
    everything_open(own)
    beyond = own.page.evaluate(
        """width => {
            const view = document.querySelector('#nbship-panel .jp-nbship');
            view.style.width = `${width}px`;
            const edge = view.getBoundingClientRect().right + 1;
            const parts = [...view.querySelectorAll('button, p, td, th, input, select, pre, small')];
            const wide = parts.filter(part => part.getBoundingClientRect().right > edge);
            view.style.width = '';
            return wide.map(part => part.outerHTML.slice(0, 120));
        }""",
        width,
    )
    assert beyond == []


def test_all_of_it_works_by_keyboard(own: Desk) -> None:
    own.reset()
    own.show()
    own.page.locator(".jp-nbship-refresh").focus()
    seen = []
    for _ in range(60):
        own.page.keyboard.press("Tab")
        seen.append(
            own.page.evaluate(
                "() => document.activeElement.closest('#nbship-panel')?.id && "
                "(document.activeElement.getAttribute('aria-label') "
                "?? document.activeElement.textContent ?? '')"
            )
        )
    said = " | ".join(text or "" for text in seen)
    for name in ("Registry", "Roll back…", "Promote v3…", "Drift", "Critical: income", "Resolve"):
        assert name in said


def test_the_focus_stays_where_it_was_when_the_state_is_refreshed(own: Desk) -> None:
    own.reset()
    own.show()
    income = own.section("Drift").get_by_role("button", name=re.compile("Critical: income"))
    income.focus()
    state = contract("state-drifting")
    state["drift"][0]["features"][0]["value"] = 0.57
    own.answers.state = state
    own.command("nbship:refresh")
    expect(income).to_contain_text("0.57")
    expect(income).to_be_focused()


def test_nothing_moves_for_who_asked_for_less_motion(own: Desk) -> None:
    everything_open(own)
    moving = own.page.evaluate(
        """() => document.getAnimations().filter(
            each => each.effect?.target?.closest?.('#nbship-panel')).length"""
    )
    assert moving == 0


def test_a_new_alert_is_told_once(lab: Any, browser: Any) -> None:
    state = contract("state-drifting")
    answers = Answers(state={**state, "alerts": state["alerts"][1:]})
    desk = lab.open(browser, "churn.ipynb", answers)
    toasts = desk.page.locator(".Toastify__toast")
    expect(toasts.filter(has_text="days_since_last_login")).to_have_count(1)
    desk.show(state=state)
    expect(toasts.filter(has_text="income: PSI 0.41 is above 0.25")).to_have_count(1)
    desk.show(state=state)
    expect(toasts.filter(has_text="income: PSI 0.41 is above 0.25")).to_have_count(1)
    desk.page.context.close()


def test_open_sections_and_the_panel_come_back_after_a_reload(lab: Any, browser: Any) -> None:
    desk = lab.open(browser, "churn.ipynb")
    desk.section("Drift").get_by_role("button", name="Drift").first.click()
    expect(desk.section("Drift")).not_to_contain_text("income")
    desk.page.wait_for_timeout(2000)  # JupyterLab saves its layout a second after it changed
    desk.page.goto(desk.page.url.partition("?")[0], wait_until="domcontentloaded")
    expect(desk.section("Registry")).to_contain_text("@champion", timeout=90_000)
    expect(desk.section("Drift")).not_to_contain_text("income")
    desk.page.context.close()


def test_every_command_says_what_arguments_it_takes(own: Desk) -> None:
    described = own.page.evaluate(
        """async () => {
            const ids = jupyterapp.commands.listCommands().filter(id => id.startsWith('nbship:'));
            const args = await Promise.all(ids.map(id => jupyterapp.commands.describedBy(id)));
            return Object.fromEntries(ids.map((id, place) => [id, args[place].args]));
        }"""
    )
    assert {"nbship:open", "nbship:set-step", "nbship:promote", "nbship:export", "nbship:jump"} <= set(
        described
    )
    assert all(args and args["type"] == "object" for args in described.values())
