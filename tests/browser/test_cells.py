"""The step of a cell: badge, toolbar, property inspector, command and context menu, all the same tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator

    from panel_desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BADGE = "data-nbship-step"


@pytest.fixture(scope="module")
def own(lab: Any, browser: Any) -> Iterator[Desk]:
    desk = lab.open(browser, "steps.ipynb")
    yield desk
    desk.page.context.close()


@pytest.fixture(autouse=True)
def no_steps(own: Desk) -> None:
    own.reset()
    own.page.evaluate(
        """() => jupyterapp.shell.currentWidget.content.widgets.forEach(
            cell => cell.model.deleteMetadata('tags'))"""
    )


def cell(desk: Desk, number: int) -> Locator:
    return desk.page.locator(".jp-Notebook:visible .jp-Cell").nth(number)


def choose(desk: Desk, number: int) -> None:
    cell(desk, number).locator(".jp-InputPrompt").click()
    desk.page.keyboard.press("Escape")


def tags(desk: Desk, number: int) -> Any:
    return desk.page.evaluate(
        "number => jupyterapp.shell.currentWidget.content.widgets[number].model.getMetadata('tags') ?? null",
        number,
    )


def test_the_toolbar_sets_a_step_and_undo_takes_it_back(own: Desk) -> None:
    choose(own, 1)
    control = cell(own, 1).get_by_label("Step of this cell")
    control.select_option("step:data")
    expect(cell(own, 1)).to_have_attribute(BADGE, "data")
    assert tags(own, 1) == ["step:data"]
    own.command("notebook:undo-cell-action")
    expect(cell(own, 1)).not_to_have_attribute(BADGE, re.compile(".*"))
    own.command("notebook:redo-cell-action")
    expect(cell(own, 1)).to_have_attribute(BADGE, "data")


def test_the_users_own_tags_stay(own: Desk) -> None:
    own.page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.widgets[2].model.setMetadata('tags', ['mine', 'skip'])"
    )
    expect(cell(own, 2)).to_have_attribute(BADGE, "skip")
    choose(own, 2)
    cell(own, 2).get_by_label("Step of this cell").select_option("step:train")
    assert tags(own, 2) == ["mine", "step:train"]


def test_a_command_sets_the_step_of_all_selected_cells_as_one(own: Desk) -> None:
    choose(own, 3)
    own.page.keyboard.press("Shift+ArrowDown")
    own.command("nbship:set-step", step="features.add_features")
    for number in (3, 4):
        expect(cell(own, number)).to_have_attribute(BADGE, "features.add_features")
    own.command("notebook:undo-cell-action")
    for number in (3, 4):
        expect(cell(own, number)).not_to_have_attribute(BADGE, re.compile(".*"))


def test_a_shortcut_asks_for_a_name(own: Desk) -> None:
    choose(own, 5)
    own.page.keyboard.press("Shift+T")
    dialog = own.page.locator(".jp-Dialog")
    dialog.locator("input").fill("target")
    dialog.get_by_role("button", name="Set").click()
    expect(cell(own, 5)).to_have_attribute(BADGE, "target")


def test_the_context_menu_sets_and_clears(own: Desk) -> None:
    choose(own, 6)
    own.command("nbship:set-step", step="train")
    expect(cell(own, 6)).to_have_attribute(BADGE, "train")
    cell(own, 6).locator(".jp-InputPrompt").click(button="right")
    menu = own.page.locator(".lm-Menu")
    expect(menu.get_by_text("Set Step of Cells…")).to_be_visible()
    menu.get_by_text("Clear Step of Cells").click()
    expect(cell(own, 6)).not_to_have_attribute(BADGE, re.compile(".*"))
    assert tags(own, 6) is None


def test_the_property_inspector_has_the_same_control(own: Desk) -> None:
    choose(own, 1)
    own.command("property-inspector:show-panel")
    tool = own.page.locator(".jp-nbship-step-tool")
    if not tool.is_visible():
        own.page.locator(".jp-NotebookTools").get_by_text("nbship", exact=True).click()
    expect(tool).to_be_visible()
    tool.get_by_label("Step").select_option("step:evaluate")
    expect(cell(own, 1)).to_have_attribute(BADGE, "evaluate")
    own.page.locator('.jp-SideBar.jp-mod-right li[data-id="nbship-panel"]').click()


def test_accepting_all_proposals_is_one_undo(own: Desk) -> None:
    cells = own.section("Cells")
    cells.get_by_role("button", name="Accept all 2").click()
    for number, step in ((3, "add_features"), (4, "add_features"), (6, "fit_model")):
        expect(cell(own, number)).to_have_attribute(BADGE, step)
    own.command("notebook:undo-cell-action")
    for number in (3, 4, 6):
        expect(cell(own, number)).not_to_have_attribute(BADGE, re.compile(".*"))
    cells.get_by_role("button", name="Accept fit_model").click()
    expect(cell(own, 6)).to_have_attribute(BADGE, "fit_model")


def test_what_the_source_says_is_shown_once_it_ran_and_changed_there(own: Desk) -> None:
    own.page.evaluate(
        """() => {
            const { model } = jupyterapp.shell.currentWidget.content.widgets[7];
            model.sharedModel.setSource('%%ship judge\\nmodel.score(features, y)');
            model.executionCount = 3;
        }"""
    )
    expect(cell(own, 7)).to_have_attribute(BADGE, "judge")
    choose(own, 7)
    expect(cell(own, 7).get_by_label("Step of this cell")).to_be_disabled()


def test_cells_that_are_moved_copied_and_added_keep_what_is_theirs(own: Desk) -> None:
    choose(own, 1)
    own.command("nbship:set-step", step="load")
    own.command("notebook:move-cell-down")
    expect(cell(own, 2)).to_have_attribute(BADGE, "load")
    own.command("notebook:copy-cell")
    own.command("notebook:paste-cell-below")
    expect(cell(own, 3)).to_have_attribute(BADGE, "load")
    own.command("notebook:insert-cell-below")
    expect(cell(own, 4)).not_to_have_attribute(BADGE, re.compile(".*"))


def test_a_thousand_cells_are_badged_and_typing_asks_nothing(own: Desk) -> None:
    own.command("docmanager:open", path="many.ipynb")
    own.page.wait_for_selector('.lm-DockPanel-tabBar .lm-mod-current:has-text("many.ipynb")')
    expect(cell(own, 1)).to_have_attribute(BADGE, "part_0")
    badged = own.page.evaluate(
        """() => jupyterapp.shell.currentWidget.content.widgets.filter(
            cell => cell.node.dataset.nbshipStep !== undefined).length"""
    )
    assert badged == 500  # every second of a thousand
    own.page.wait_for_timeout(2500)  # the first look at the cells is over
    cell(own, 2).locator(".cm-content").click()
    asked = len(own.answers.bodies("cells"))
    own.page.keyboard.type("a_long_name_that_is_typed", delay=20)
    assert len(own.answers.bodies("cells")) == asked
    own.command("docmanager:open", path="steps.ipynb")
