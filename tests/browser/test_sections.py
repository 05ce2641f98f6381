"""Each section of the panel, in a real JupyterLab in a real browser, on the documents of the contract."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from panel_answers import contract

if TYPE_CHECKING:
    from panel_desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_header_says_how_things_stand(desk: Desk) -> None:
    glance = desk.panel.get_by_role("list", name="At a glance")
    for text in ("v2 is champion", "v3 on trial, 10%", "3 drifting", "2 alerts open"):
        expect(glance).to_contain_text(text)


def test_the_registry_shows_versions_with_their_lineage(desk: Desk) -> None:
    registry = desk.section("Registry")
    champion = registry.get_by_role("listitem").filter(has_text="@champion").first
    for text in ("v2", "production", "auc", "0.9121", "customers-2026-09.parquet", "b3:51c2ab90", "by ada"):
        expect(champion).to_contain_text(text)
    expect(registry).to_contain_text("v3 answers 10% of the requests")
    registry.get_by_role("button", name=re.compile("^v3 @challenger")).click()
    lineage = registry.get_by_role("list", name="Where v3 comes from")
    expect(lineage).to_contain_text("7f3b1f0a")


def test_the_notebook_differs_from_the_champion_by_two_cells(desk: Desk) -> None:
    with desk.page.expect_response("**/nbship/api/difference**"):
        desk.show(difference={**contract("difference"), "changed": ["c6"], "added": ["c7"]})
    registry = desk.section("Registry")
    expect(registry).to_contain_text("This notebook differs from v2 by 2 cells")
    registry.get_by_role("button", name="Show the first cell that differs").click()
    expect(desk.page.locator(".jp-Cell.jp-mod-active")).to_contain_text("RandomForestClassifier")


def test_the_history_says_who_and_why(desk: Desk) -> None:
    desk.section("Registry").get_by_role("button", name="History 4").click()
    expect(desk.section("Registry")).to_contain_text("rollout started")
    expect(desk.section("Registry")).to_contain_text("trained on October")


def test_a_feature_opens_to_reference_against_current(desk: Desk) -> None:
    drift = desk.section("Drift")
    income = drift.get_by_role("button", name=re.compile("Critical: income"))
    income.press("Enter")
    row = drift.get_by_role("row", name=re.compile("above 44,000"))
    expect(row).to_contain_text("15%")
    expect(row).to_contain_text("35%")
    expect(drift).to_contain_text("First beyond a limit: Oct")
    income.press("Escape")
    expect(income).to_have_attribute("aria-expanded", "false")
    expect(income).to_be_focused()


def test_an_alert_is_acknowledged_with_a_note(desk: Desk) -> None:
    alerts = desk.section("Alerts")
    expect(alerts).to_contain_text("churn team")
    expect(alerts.get_by_role("link", name="https://runbooks.example/churn").first).to_have_attribute(
        "rel", "noopener noreferrer"
    )
    alerts.get_by_role("button", name="Acknowledge… income").click()
    alerts.get_by_label("Note (may be empty)").fill("a new market")
    alerts.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(alerts.get_by_label("Note (may be empty)")).to_have_count(0)
    (body,) = desk.answers.bodies("alerts")
    assert (body["key"], body["do"], body["expected"], body["note"]) == (
        "drift:income",
        "acknowledge",
        "open",
        "a new market",
    )


def test_an_alert_that_somebody_else_took_says_so(desk: Desk) -> None:
    error = {"what": "grace has acknowledged it already", "where": None, "help": "Nothing to do."}
    desk.show(instead={"POST alerts": (409, {"error": error, "alert": {}})})
    alerts = desk.section("Alerts")
    alerts.get_by_role("button", name="Resolve… income").click()
    alerts.get_by_role("button", name="Resolve", exact=True).click()
    expect(alerts.get_by_role("alert")).to_contain_text("grace has acknowledged it already")
    alerts.get_by_role("button", name="Cancel").click()


def test_promoting_shows_what_changes_and_then_does_it(desk: Desk) -> None:
    actions = desk.section("Actions")
    actions.get_by_role("button", name="Promote v3…").click()
    sheet = actions.get_by_role("group", name="Promote v3")
    expect(sheet.get_by_role("row", name=re.compile("champion 2 3"))).to_be_visible()
    expect(sheet.get_by_role("row", name=re.compile("auc 0.9121 0.9152 better"))).to_be_visible()
    expect(sheet).to_contain_text("ends before it has decided")
    sheet.get_by_label("Why (kept in the history)").fill("better auc")
    sheet.get_by_role("button", name="Promote v3").click()
    expect(actions.get_by_role("status")).to_contain_text("Version 3 is champion of churn")
    expect(actions.get_by_role("button", name="Promote v3…")).to_be_focused()
    (body,) = desk.answers.bodies("actions")
    assert (body["action"], body["version"], body["expected"], body["why"]) == ("promote", 3, 4, "better auc")


def test_who_comes_second_sees_what_stands_now(desk: Desk) -> None:
    desk.show(instead={"POST actions": (409, contract("conflict"))})
    actions = desk.section("Actions")
    actions.get_by_role("button", name="Promote v3…").click()
    actions.get_by_role("group", name="Promote v3").get_by_role("button", name="Promote v3").click()
    told = actions.get_by_role("alert")
    expect(told).to_contain_text("Nothing was done: it has changed since you looked.")
    expect(told).to_contain_text("Now: @champion v3")
    expect(told).to_contain_text("the canary looks good")
    told.get_by_role("button", name="Look again").click()
    expect(actions.get_by_role("row", name=re.compile("champion 2 3"))).to_be_visible()
    actions.get_by_role("button", name="Cancel").click()


def test_registering_asks_which_of_the_fitted_models(desk: Desk) -> None:
    desk.show(preview=contract("preview-register"))
    desk.command("nbship:register")
    sheet = desk.section("Actions").get_by_role("group", name="Register a model")
    do = sheet.get_by_role("button", name="Register a model")
    expect(sheet).to_contain_text("Choose which of the fitted models to register.")
    expect(do).to_be_disabled()
    sheet.get_by_label("Fitted in this notebook").select_option(index=1)
    expect(do).to_be_enabled()
    sheet.get_by_role("button", name="Cancel").click()


def test_rolling_back_and_retraining_are_previewed_too(desk: Desk) -> None:
    for command, title in (("nbship:rollback", "Roll back"), ("nbship:retrain", "Retrain")):
        desk.command(command)
        sheet = desk.section("Actions").get_by_role("group", name=title)
        expect(sheet).to_contain_text("Version 3 answers instead of version 2")
        sheet.get_by_role("heading").press("Escape")
        expect(sheet).to_have_count(0)


def test_retraining_starts_a_job(desk: Desk) -> None:
    desk.show(instead={"POST jobs": (202, contract("job-running"))})
    desk.command("nbship:retrain")
    desk.section("Actions").get_by_role("group", name="Retrain").get_by_role("button", name="Retrain").click()
    expect(desk.section("Actions").get_by_role("group", name="Retrain")).to_have_count(0)
    (body,) = desk.answers.bodies("jobs")
    assert body == {"kind": "retrain", "model": "churn", "profile": "default"}


def test_the_cells_show_proposals_and_problems(desk: Desk) -> None:
    cells = desk.section("Cells")
    expect(cells).to_contain_text("3 steps, 2 proposed")
    expect(cells).to_contain_text("changes columns of `customers` · 86% sure")
    expect(cells).to_contain_text("ran before the cell above it")
    cells.get_by_role("button", name="Go to cell 6").first.click()
    expect(desk.page.locator(".jp-Cell.jp-mod-active")).to_contain_text("RandomForestClassifier")


def test_an_export_is_begun_with_what_was_said(desk: Desk) -> None:
    desk.show(instead={"POST jobs": (202, contract("job-running"))})
    export = desk.section("Export")
    expect(export.get_by_label("Into the folder")).to_have_value("churn")
    export.get_by_label("Into the folder").fill("packages/churn")
    export.get_by_label("Run the notebook anew").check()
    with desk.page.expect_response(lambda answer: answer.request.method == "POST" and "jobs" in answer.url):
        export.get_by_role("button", name="Export", exact=True).last.click()
    (body,) = desk.answers.bodies("jobs")
    assert body == {
        "kind": "export",
        "path": "churn.ipynb",
        "to": "packages/churn",
        "yes": False,
        "fresh": True,
    }


def test_an_export_from_the_palette_asks_where_to(desk: Desk) -> None:
    desk.show(instead={"POST jobs": (202, contract("job-running"))})
    desk.page.keyboard.press("Control+Shift+c")
    desk.page.locator(".lm-CommandPalette-input").fill("Export the Notebook to a Package")
    desk.page.keyboard.press("Enter")
    asked = desk.page.locator(".jp-Dialog")
    expect(asked.get_by_role("textbox")).to_have_value("churn")
    with desk.page.expect_response(lambda answer: answer.request.method == "POST" and "jobs" in answer.url):
        asked.get_by_role("button", name="Export").click()
    (body,) = desk.answers.bodies("jobs")
    assert body == {"kind": "export", "path": "churn.ipynb", "to": "churn", "yes": False, "fresh": False}


def job(name: str) -> dict[str, Any]:
    return {**contract(name), "path": "churn.ipynb", "model": None}


def test_a_running_export_shows_its_steps_and_can_be_stopped(desk: Desk) -> None:
    desk.show(jobs=[job("job-running")])
    export = desk.section("Export")
    expect(export).to_contain_text("12 of 20 cells")
    export.get_by_role("button", name="Log").click()
    expect(export.locator("pre")).to_contain_text("reading")
    with desk.page.expect_response(lambda answer: answer.request.method == "DELETE"):
        export.get_by_role("button", name=re.compile("^Cancel")).click()
    assert ("DELETE", "jobs/f3a9c07b", None) in desk.answers.asked


def test_a_failed_export_leads_to_the_cell(desk: Desk) -> None:
    desk.show(jobs=[job("job-failed")])
    export = desk.section("Export")
    expect(export.get_by_role("alert")).to_contain_text("KeyError: 'income'")
    export.get_by_role("button", name="Go to cell 7").click()
    expect(desk.page.locator(".jp-Cell.jp-mod-active")).to_contain_text("model.score")


def test_a_finished_export_shows_the_proof(desk: Desk) -> None:
    desk.show(jobs=[job("job-done")])
    export = desk.section("Export")
    expect(export).to_contain_text("Equal: the package gives the notebook")
    export.get_by_role("button", name="Name by name").click()
    expect(export.get_by_role("row").nth(1)).to_be_visible()


def test_the_status_bar_says_it_in_a_line(desk: Desk) -> None:
    item = desk.page.get_by_role("button", name=re.compile("churn v2 @champion, 3 drifting"))
    expect(item).to_be_visible()
