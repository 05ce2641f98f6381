"""Every state the panel can be in that is not plain sailing: each says what it is and what to do next."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from panel_answers import Answers, contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from panel_desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EVIL = "<img src=x onerror=\"document.title='owned'\">"
ARABIC = "نموذج التسرب"


@pytest.fixture
def drifting() -> Any:
    return contract("state-drifting")


@pytest.fixture(scope="module")
def own(lab: Any, browser: Any) -> Iterator[Desk]:
    """A page whose notebook these tests close and change."""
    desk = lab.open(browser, "strange.ipynb")
    yield desk
    desk.page.context.close()


def test_no_notebook_says_to_open_one(own: Desk) -> None:
    own.page.evaluate("() => jupyterapp.shell.currentWidget.dispose()")
    expect(own.panel).to_contain_text("No notebook is open")
    assert own.violations() == []
    own.command("docmanager:open", path="strange.ipynb")
    expect(own.panel).to_contain_text("v2 is champion")


def test_a_notebook_without_a_model_offers_those_there_are(own: Desk, lab: Any) -> None:
    own.command("docmanager:open", path="plain.ipynb")
    expect(own.panel).to_contain_text("This notebook has no model yet")
    expect(own.panel).to_contain_text("%ship register VARIABLE --name MODEL")
    expect(own.panel.locator("datalist option")).to_have_count(2)
    expect(own.section("Cells")).to_contain_text("3 steps, 2 proposed")
    assert own.violations() == []
    own.panel.get_by_label("Model name").fill("churn")
    own.panel.get_by_role("button", name="Follow").click()
    expect(own.panel).to_contain_text("v2 is champion")
    own.command("docmanager:save")
    own.page.wait_for_function(
        "() => !document.querySelector('.lm-DockPanel-tabBar .lm-mod-current.jp-mod-dirty')"
    )
    saved = json.loads((lab.folder / "plain.ipynb").read_text())["metadata"]["nbship"]
    assert (saved["model"], saved["profile"]) == ("churn", "default")
    own.command("docmanager:open", path="strange.ipynb")


def test_a_model_without_versions_says_how_to_register_one(desk: Desk, drifting: Any) -> None:
    desk.show(
        state={**drifting, "versions": [], "drift": [], "alerts": [], "assignment": None, "history": []}
    )
    expect(desk.section("Registry")).to_contain_text("%ship register VARIABLE --name churn")
    expect(desk.section("Drift")).to_contain_text("nbship drift churn --current FILE --window NAME")
    expect(desk.section("Alerts")).to_contain_text("Nothing asks for your attention.")


def test_a_deleted_model_says_so(desk: Desk) -> None:
    error = {
        "what": "The registry has no model churn any more",
        "where": "default",
        "help": "Name another one.",
    }
    desk.show(instead={"GET state": (503, {"error": error})})
    expect(desk.panel.get_by_role("status").first).to_contain_text("no model churn any more")
    expect(desk.panel.get_by_role("status").first).to_contain_text("Name another one.")


def test_five_hundred_versions_stay_a_short_list(desk: Desk, drifting: Any) -> None:
    first = drifting["versions"][0]
    versions = [{**first, "version": number, "aliases": []} for number in range(500, 0, -1)]
    versions[-2]["aliases"] = ["champion"]
    desk.show(state={**drifting, "versions": versions})
    registry = desk.section("Registry")
    expect(registry.locator(".jp-nbship-version")).to_have_count(6)
    expect(registry).to_contain_text("500 versions")
    expect(registry).to_contain_text("@champion")
    registry.get_by_role("button", name="Show 50 more").click()
    expect(registry.locator(".jp-nbship-version")).to_have_count(56)


def test_two_thousand_features_come_worst_first_and_can_be_found(desk: Desk, drifting: Any) -> None:
    state = copy.deepcopy(drifting)
    drift = state["drift"][0]
    feature = drift["features"][0]
    worst = [{**feature, "feature": f"f{number}"} for number in range(100)]
    drift["features"] = worst
    drift["counts"] = {"critical": 2000, "warning": 0, "info": 0, "none": 0, "too_few": 0}
    whole = {**drift, "features": [{**feature, "feature": f"f{number}"} for number in range(2000)]}
    desk.show(state=state, instead={"GET drift": (200, whole)})
    section = desk.section("Drift")
    expect(section).to_contain_text("2,000 of 2,000 features drift")
    expect(section.locator(".jp-nbship-feature")).to_have_count(20)
    section.get_by_role("searchbox", name="Find a feature").fill("f1999")
    expect(section.get_by_role("button", name=re.compile("f1999"))).to_be_visible()
    section.get_by_role("searchbox", name="Find a feature").fill("")
    expect(section.locator(".jp-nbship-feature")).to_have_count(20)


def test_markup_and_right_to_left_names_are_text(desk: Desk, drifting: Any) -> None:
    state = copy.deepcopy(drifting)
    state["model"] = EVIL
    for version in state["versions"]:
        version["aliases"] = [*version["aliases"], EVIL]
        version["created_by"] = ARABIC
        version["datasets"] = [{"name": EVIL, "digest": None}]
    for feature in state["drift"][0]["features"]:
        feature["feature"] = ARABIC + feature["feature"]
        feature["reason"] = EVIL
    for alert in state["alerts"]:
        alert.update(subject=EVIL, reason=EVIL, owner=ARABIC, runbook="javascript:document.title='owned'")
    proposals = contract("proposals")
    proposals["problems"][0]["message"] = EVIL
    desk.show(state=state, proposals=proposals)
    expect(desk.panel.get_by_role("heading", name=EVIL)).to_be_visible()
    expect(desk.section("Drift")).to_contain_text(ARABIC)
    expect(desk.section("Cells")).to_contain_text(EVIL)
    expect(desk.panel.locator("img")).to_have_count(0)
    expect(desk.section("Alerts").get_by_role("link")).to_have_count(0)
    assert desk.page.title() != "owned"
    assert desk.violations() == []


def test_a_store_that_is_away_leaves_what_was_known(desk: Desk, drifting: Any) -> None:
    away = {
        "reachable": False,
        "message": "connection refused",
        "help": "Start it again.",
        "as_of": "2026-11-22T18:00:00+00:00",
    }
    desk.show(state={**drifting, "store": away})
    told = desk.panel.get_by_role("status").first
    expect(told).to_contain_text("Registry away. Last known state:")
    expect(told).to_contain_text("connection refused")
    expect(told).to_contain_text("Start it again.")
    expect(desk.section("Registry")).to_contain_text("@champion")
    assert desk.violations() == []


def test_a_part_that_cannot_be_read_leaves_the_others(desk: Desk, drifting: Any) -> None:
    problem = {
        "what": "The state database does not answer: locked",
        "where": "state.db",
        "help": "Wait a moment.",
    }
    desk.show(state={**drifting, "assignment": None, "alerts": [], "history": [], "problems": [problem]})
    expect(desk.section("Registry")).to_contain_text("The state database does not answer: locked")
    expect(desk.section("Drift")).to_contain_text("income")


def test_a_slow_first_answer_is_told_as_such(own: Desk) -> None:
    own.reset()
    own.answers.instead["GET state"] = (202, {"pending": True, "worker": "starting"})
    own.page.reload(wait_until="domcontentloaded")
    own.page.wait_for_selector("#nbship-panel .jp-nbship", timeout=90_000)
    expect(own.panel).to_contain_text("Starting the nbship worker…")
    expect(own.panel).to_contain_text("your notebook is not held up by it")
    del own.answers.instead["GET state"]
    expect(own.panel).to_contain_text("v2 is champion")


def test_a_worker_that_was_killed_says_how_to_see_why(own: Desk) -> None:
    own.reset()
    error = {
        "what": "The nbship worker stopped (exit code -9)",
        "where": None,
        "help": "Run `python -m nbship.worker answer` in a terminal to see why.",
    }
    own.answers.instead["GET state"] = (503, {"error": error})
    own.page.reload(wait_until="domcontentloaded")
    expect(own.panel).to_contain_text("The nbship worker stopped", timeout=90_000)
    expect(own.panel).to_contain_text("in a terminal to see why")
    del own.answers.instead["GET state"]
    own.panel.get_by_role("button", name="Try again").click()
    expect(own.panel).to_contain_text("v2 is champion")


def test_a_server_that_was_started_again_forgets_its_jobs_and_says_so(desk: Desk) -> None:
    job = {**contract("job-running"), "path": "churn.ipynb", "model": None}
    desk.show(jobs=[job])
    expect(desk.section("Export")).to_contain_text("12 of 20 cells")
    desk.answers.jobs = []
    expect(desk.section("Export")).to_contain_text("The Jupyter server was started again")
    expect(desk.section("Export")).to_contain_text("what was not finished was not written")
    assert desk.violations() == []


def test_a_missing_server_half_is_told_with_its_remedy(desk: Desk) -> None:
    desk.show(instead={"GET health": (404, {})})
    expect(desk.panel).to_contain_text("The server half of nbship is missing")
    expect(desk.panel).to_contain_text('pip install "nbship[lab]"')
    assert desk.violations() == []


def test_another_version_of_the_server_half_is_told_with_its_remedy(desk: Desk) -> None:
    desk.show(health={**desk.answers.health, "version": "0.9.0"})
    expect(desk.panel).to_contain_text("This page runs 0.1.0, the Jupyter server 0.9.0")
    expect(desk.panel).to_contain_text('pip install --upgrade "nbship[lab]"')


def test_a_read_only_user_may_look_and_is_told_why_no_more(desk: Desk) -> None:
    permissions = {"read": True, "write": False, "execute": False}
    desk.show(health={**desk.answers.health, "permissions": permissions})
    expect(desk.section("Export")).to_contain_text("You may not run things on this server")
    expect(desk.section("Export").get_by_role("button", name="Export").last).to_be_disabled()
    expect(desk.section("Alerts").get_by_role("button", name="Acknowledge… income")).to_have_count(0)
    desk.section("Actions").get_by_role("button", name="Promote v3…").click()
    sheet = desk.section("Actions").get_by_role("group", name="Promote v3")
    expect(sheet).to_contain_text("You may look at this model but not change it")
    expect(sheet.get_by_role("button", name="Promote v3")).to_be_disabled()
    assert desk.violations() == []
    sheet.get_by_role("button", name="Cancel").click()


def test_an_untrusted_notebook_moves_nothing_until_it_is_trusted(own: Desk) -> None:
    own.reset()
    own.command("docmanager:open", path="untrusted.ipynb")
    expect(own.panel).to_contain_text("Not trusted: nothing runs or changes on this notebook’s word.")  # noqa: RUF001
    expect(own.section("Export").get_by_role("button", name="Export").last).to_be_disabled()
    assert own.violations() == []
    own.panel.get_by_role("button", name="Trust…").click()
    own.page.locator(".jp-Dialog").get_by_role("button", name="Trust").click()
    expect(own.panel.get_by_role("button", name="Trust…")).to_have_count(0)
    expect(own.section("Export").get_by_role("button", name="Export").last).to_be_enabled()
    own.command("docmanager:open", path="strange.ipynb")


def test_a_notebook_that_becomes_trusted_by_itself_is_seen_to_be(own: Desk) -> None:
    own.reset()
    own.command("docmanager:open", path="received.ipynb")
    expect(own.panel).to_contain_text("Not trusted")
    own.page.evaluate(
        """() => {  // as Jupyter does when cells are run, without any change of what they hold
            for (const cell of jupyterapp.shell.currentWidget.content.model.cells) {
                cell.trusted = true;
            }
        }"""
    )
    expect(own.panel).not_to_contain_text("Not trusted")
    own.command("docmanager:open", path="strange.ipynb")


def test_a_busy_kernel_holds_nothing_up_and_a_dead_one_lost_nothing(own: Desk) -> None:
    own.reset()
    own.show()
    condition = """([condition]) => {
        const { sessionContext } = jupyterapp.shell.currentWidget;
        Object.defineProperty(sessionContext, 'kernelDisplayStatus', {value: condition, configurable: true});
        sessionContext._statusChanged.emit(condition);
    }"""
    own.page.evaluate(condition, ["busy"])
    expect(own.panel).to_contain_text("The kernel is busy. All this works meanwhile")
    own.section("Registry").get_by_role("button", name="History 4").click()
    expect(own.section("Registry")).to_contain_text("trained on October")
    own.page.evaluate(condition, ["dead"])
    expect(own.panel).to_contain_text("The kernel died. What was recorded until then is kept.")
    expect(own.panel.get_by_role("button", name="Restart the kernel…")).to_be_visible()
    assert own.violations() == []


def test_two_tabs_see_the_same_job(desk: Desk, lab: Any, browser: Any) -> None:
    job = {**contract("job-running"), "path": "churn.ipynb", "model": None}
    other = lab.open(browser, "churn.ipynb", Answers(jobs=[job]))
    desk.show(jobs=[job])
    for each in (desk, other):
        expect(each.section("Export")).to_contain_text("12 of 20 cells")
    other.page.context.close()
