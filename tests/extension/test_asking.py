"""The routes that hand a question on: what they let through, what they refuse, and what they make of the answer."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

CONTRACT = Path(__file__).parents[1] / "contract"


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CONTRACT / f"{name}.json").read_text())
    return found


@pytest.fixture
def jp_server_config(orders: Any) -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"nbship_lab": True, "jupyter_server_terminals": False},
            "allow_unauthenticated_access": False,
            "reraise_server_extension_failures": True,
        },
        "NbshipLab": {
            "worker_command": orders.command,
            "deadline_s": 5.0,
            "refresh_s": 0.0,
            "tracking_profiles": {"team": "https://ada:hunter22@mlflow.example"},
        },
    }


@pytest.fixture
def ask(jp_fetch: Any, orders: Any) -> Any:
    """Post to a route, while the worker answers ``results``; gives code and document."""

    async def asked(
        route: str,
        body: Any = None,
        *,
        results: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
        **more: Any,
    ) -> tuple[int, dict[str, Any]]:
        orders.answer(results=results or {}, **({"error": error} if error else {}))
        given = {} if body is None else {"method": "POST", "body": json.dumps(body)}
        try:
            response = await jp_fetch("nbship", "api", *route.split("/"), **given, **more)
        except HTTPClientError as refusal:
            body_of = refusal.response.body if refusal.response is not None else b""
            return refusal.code, json.loads(body_of or b"{}")
        return response.code, json.loads(response.body)

    return asked


def only(jp_serverapp: Any, *allowed: str) -> None:
    jp_serverapp.authorizer.is_authorized = lambda _handler, _user, action, _resource: action in allowed


READS = ["difference", "cells", "actions/preview"]
WRITES = ["actions", "alerts"]


async def test_without_a_token_nothing_is_answered(ask: Any, orders: Any) -> None:
    for route in (*READS, *WRITES, "jobs"):
        code, _ = await ask(route, {"model": "churn"}, headers={"Authorization": ""})
        assert code == 403, route
    assert orders.starts == 0


@pytest.mark.parametrize("route", [*WRITES, "jobs"])
async def test_who_may_only_read_changes_nothing(
    ask: Any, orders: Any, jp_serverapp: Any, route: str
) -> None:
    only(jp_serverapp, "read")
    code, _ = await ask(route, {"model": "churn", "kind": "export"})
    assert code == 403
    assert orders.starts == 0


async def test_who_may_write_may_not_execute(ask: Any, jp_serverapp: Any) -> None:
    only(jp_serverapp, "read", "write")
    assert (await ask("jobs", {"kind": "retrain", "model": "churn"}))[0] == 403
    only(jp_serverapp, "read", "write")
    assert (await ask("actions", {"model": "churn"}, results={"act": example("done")}))[0] == 200


async def test_health_tells_what_this_user_may_do(ask: Any, jp_serverapp: Any) -> None:
    only(jp_serverapp, "read")
    _, health = await ask("health")
    assert health["permissions"] == {"read": True, "write": False, "execute": False}


async def test_a_preview_for_who_may_only_read_says_so(ask: Any, jp_serverapp: Any) -> None:
    only(jp_serverapp, "read")
    body = {"model": "churn", "action": "promote", "version": 3}
    code, told = await ask("actions/preview", body, results={"preview": example("preview")})
    assert (code, told["allowed"]) == (200, False)
    assert "look" in told["reason"]


@pytest.fixture
def browser(jp_serverapp: Any, jp_base_url: str, http_server_client: Any) -> Any:
    """Fetch as a browser does that has logged in: by cookies, not by token."""

    async def fetch(route: str, *, headers: dict[str, str], **more: Any) -> Any:
        token = jp_serverapp.identity_provider.token
        login = await http_server_client.fetch(f"{jp_base_url}api/me?token={token}")
        cookies = [cookie.partition(";")[0] for cookie in login.headers.get_list("Set-Cookie")]
        given = {"Cookie": "; ".join(cookies), **headers}
        return await http_server_client.fetch(f"{jp_base_url}nbship/api/{route}", headers=given, **more)

    return fetch


async def test_a_post_without_the_xsrf_token_is_refused(browser: Any, orders: Any) -> None:
    assert (await browser("health", headers={})).code == 200  # it is logged in
    for route in (*READS, *WRITES, "jobs"):
        with pytest.raises(HTTPClientError) as error:
            await browser(route, method="POST", body="{}", headers={"Content-Type": "text/plain"})
        assert error.value.code == 403, route
        assert error.value.response is not None
        assert b"_xsrf" in error.value.response.body
    assert orders.starts == 0


async def test_no_answer_may_be_read_by_another_site(browser: Any) -> None:
    with pytest.raises(HTTPClientError) as error:
        await browser("health", headers={"Origin": "https://evil.example"})
    refused = error.value.response
    assert refused is not None
    allowed = await browser("health", headers={})
    for response in (refused, allowed):
        assert not [name for name in response.headers if name.lower().startswith("access-control-")]
    assert allowed.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_feature_is_asked_for_by_its_name_whatever_it_is(ask: Any, orders: Any) -> None:
    feature = '<img src=x onerror="alert(1)"> \u202eدخل'
    params = {"model": "churn", "version": "2", "feature": feature}
    code, told = await ask("feature", params=params, results={"feature": example("feature")})
    assert (code, told) == (200, example("feature"))
    assert orders.asked[0] | {"id": 0} == {
        "id": 0, "ask": "feature", "model": "churn", "profile": "default", "version": "2", "feature": feature,
    }  # fmt: skip


async def test_cells_are_compared_as_they_were_posted(ask: Any, orders: Any) -> None:
    body = {"model": "churn", "version": 2, "cells": [{"id": "a", "source": "x = 1"}]}
    code, told = await ask("difference", body, results={"difference": example("difference")})
    assert (code, told) == (200, example("difference"))
    assert orders.asked[0]["cells"] == body["cells"]


async def test_what_are_no_cells_is_refused(ask: Any) -> None:
    for cells in (None, "x", [1], [{"id": 1, "source": ""}], [{"source": ""}]):
        code, told = await ask("difference", {"model": "churn", "cells": cells})
        assert code == 400, cells
        assert "cells" in told["error"]["what"]


async def test_what_is_no_object_is_refused(jp_fetch: Any) -> None:
    for body in ("[1]", "no json", '"text"', "null", ""):
        with pytest.raises(HTTPClientError) as error:
            await jp_fetch("nbship", "api", "actions", method="POST", body=body)
        assert error.value.response is not None
        assert error.value.code == 400, body
        assert json.loads(error.value.response.body)["error"]["where"] == "the request's body"


@pytest.mark.parametrize(
    "named",
    [
        {"model": "../x"},
        {"model": "sqlite:///x.db"},
        {"model": 3},
        {"model": "m", "profile": "https://evil.example"},
    ],
)
async def test_an_address_is_no_name(ask: Any, orders: Any, named: dict[str, Any]) -> None:
    for route in ("difference", "actions/preview", "actions", "alerts"):
        code, told = await ask(route, named)
        assert (code, told["error"]["where"]) == (400, "metadata.nbship"), route
    assert orders.starts == 0


async def test_an_action_carries_who_and_what_was_seen(ask: Any, orders: Any) -> None:
    body = {"model": "churn", "action": "promote", "version": 3, "expected": 4, "why": "better", "who": "eve"}
    code, told = await ask("actions", body, results={"act": example("done")})
    assert (code, told) == (200, example("done"))
    asked = orders.asked[0]
    assert (asked["expected"], asked["why"], asked["who"]) == (4, "better", getpass.getuser())


async def test_a_conflict_is_409_and_tells_what_stands(ask: Any) -> None:
    body = {"model": "churn", "action": "promote", "version": 3, "expected": 4}
    assert await ask("actions", body, results={"act": example("conflict")}) == (409, example("conflict"))


async def test_an_alert_that_has_changed_meanwhile_is_409(ask: Any) -> None:
    alert = example("state-drifting")["alerts"][0]
    body = {
        "model": "churn",
        "stream": "churn:2:1d",
        "key": "drift:income",
        "do": "resolve",
        "expected": "open",
    }
    code, told = await ask("alerts", body, results={"alert": {"alert": alert, "changed": True}})
    assert (code, told) == (200, {"alert": alert})
    code, told = await ask("alerts", body, results={"alert": {"alert": alert, "changed": False}})
    assert (code, told["alert"]) == (409, alert)
    assert told["error"]["help"]


@pytest.mark.parametrize(("kind", "code"), [("InputError", 400), ("DataError", 400), ("StoreError", 503)])
async def test_a_wrong_question_is_told_from_a_store_that_is_away(ask: Any, kind: str, code: int) -> None:
    error = {"what": "no version 9", "where": None, "help": "versions: 1, 2"}
    body = {"model": "m", "action": "promote"}
    assert await ask("actions/preview", body, error={**error, "kind": kind}) == (code, {"error": error})


async def test_a_notebook_without_end_is_refused_unread(ask: Any, orders: Any) -> None:
    body = {"name": "n.ipynb", "notebook": {"cells": [], "padding": "x" * (21 * 2**20)}}
    code, told = await ask("cells", body)
    assert code == 413
    assert "outputs" in told["error"]["help"]
    assert orders.starts == 0


async def test_addresses_and_passwords_stay_on_the_server(ask: Any, jp_fetch: Any, orders: Any) -> None:
    _, health = await ask("health")
    assert health["profiles"] == ["default", "team"]
    assert "hunter22" not in json.dumps(health)
    orders.path.write_text(
        json.dumps({"exit": 3, "says": "cannot reach https://ada:hunter22@mlflow.example/api?token=abc123"})
    )
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("nbship", "api", "state", params={"model": "churn", "profile": "team"})
    assert error.value.response is not None
    told = error.value.response.body.decode()
    assert "mlflow.example" in told
    assert "hunter22" not in told
    assert "abc123" not in told


async def test_the_worker_alone_is_told_the_addresses_and_not_on_its_command_line(
    jp_serverapp: Any,
) -> None:
    (app,) = jp_serverapp.extension_manager.extension_apps["nbship_lab"]
    given = json.loads(app._worker_environment()["NBSHIP_PANEL"])
    assert given == {"profiles": {"team": "https://ada:hunter22@mlflow.example"}, "trust_project": False}
    assert "hunter22" not in " ".join(app.running.worker._command)
