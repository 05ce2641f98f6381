"""The server half as the browser meets it, on a real Jupyter server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPResponse

from nbship import __version__


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
            "deadline_s": 1.5,
            "patience_s": 5.0,
            "refresh_s": 0.0,
        },
    }


async def refused(answer: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(HTTPClientError) as error:
        await answer
    response = error.value.response
    assert isinstance(response, HTTPResponse)
    return response.code, json.loads(response.body)


def state_of(jp_fetch: Any, model: str = "bikeshare", **more: Any) -> Any:
    return jp_fetch("nbship", "api", "state", params={"model": model}, **more)


@pytest.mark.parametrize("route", ["health", "state"])
async def test_without_a_token_nothing_is_told(jp_fetch: Any, route: str) -> None:
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("nbship", "api", route, headers={"Authorization": ""}, params={"model": "bikeshare"})
    assert error.value.code == 403


@pytest.mark.parametrize("route", ["health", "state"])
async def test_a_user_who_may_not_read_is_refused(jp_serverapp: Any, jp_fetch: Any, route: str) -> None:
    asked = []

    def is_authorized(_handler: object, _user: object, action: str, resource: str) -> bool:
        asked.append((action, resource))
        return False

    jp_serverapp.authorizer.is_authorized = is_authorized
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("nbship", "api", route, params={"model": "bikeshare"})
    assert error.value.code == 403
    assert asked[-1] == ("read", "nbship")


async def test_health_tells_the_version_and_starts_nothing(jp_fetch: Any, orders: Any) -> None:
    response = await jp_fetch("nbship", "api", "health")
    assert json.loads(response.body) == {
        "version": __version__,
        "schema": 2,
        "worker": "idle",
        "permissions": {"read": True, "write": True, "execute": True},
        "profiles": ["default"],
        "events": "urn:nbship:lab:v1",
    }
    assert orders.starts == 0


async def test_the_state_is_the_workers_document(jp_fetch: Any, orders: Any) -> None:
    response = await state_of(jp_fetch)
    assert response.headers["Content-Type"].startswith("application/json")
    assert json.loads(response.body) == orders.state
    question = orders.asked[0]
    del question["id"]
    assert question == {
        "ask": "state",
        "model": "bikeshare",
        "profile": "default",
        "apart": True,
        "known": None,
    }


async def test_an_unchanged_state_is_not_sent_again(jp_fetch: Any, orders: Any) -> None:
    first = await state_of(jp_fetch)
    assert first.headers["ETag"] == '"5f0c6a1e"'
    known = {"If-None-Match": first.headers["ETag"]}
    with pytest.raises(HTTPClientError) as error:
        await state_of(jp_fetch, headers=known)
    assert error.value.code == 304
    orders.state["revision"] = "another"
    orders.answer()
    again = await state_of(jp_fetch, headers=known)
    assert json.loads(again.body)["revision"] == "another"


async def test_many_tabs_ask_the_worker_once(jp_fetch: Any, orders: Any) -> None:
    orders.answer(sleep_s=0.3)
    await asyncio.gather(*(state_of(jp_fetch) for _ in range(5)))
    assert len(orders.asked) == 1


async def test_a_worker_that_died_is_started_again(jp_fetch: Any, jp_serverapp: Any, orders: Any) -> None:
    await state_of(jp_fetch)
    orders.path.write_text('{"exit": 3, "says": "out of memory"}')
    away = json.loads((await state_of(jp_fetch)).body)
    assert away["store"]["reachable"] is False
    assert "out of memory" in away["store"]["message"]
    assert away["store"]["as_of"] == orders.state["store"]["as_of"]
    assert away["versions"] == orders.state["versions"]
    orders.answer()
    _rested(jp_serverapp)
    assert json.loads((await state_of(jp_fetch)).body) == orders.state
    assert orders.starts == 2


async def test_a_worker_that_keeps_dying_gets_ever_longer_rests(
    jp_fetch: Any, jp_serverapp: Any, orders: Any
) -> None:
    orders.path.write_text('{"exit": 3, "says": "no mlflow here"}')
    for _ in range(3):
        code, told = await refused(state_of(jp_fetch))
        assert code == 503
        assert "no mlflow here" in told["error"]["what"]
        assert "fake_worker.py" in told["error"]["help"]
        _rested(jp_serverapp)
    assert orders.starts == 3
    code, _ = await refused(state_of(jp_fetch))  # the fourth
    starts = orders.starts
    code, told = await refused(state_of(jp_fetch))  # right after it: it rests
    assert code == 503
    assert "started again in" in told["error"]["what"]
    assert orders.starts == starts


async def test_a_slow_worker_leaves_the_last_known_state(jp_fetch: Any, orders: Any) -> None:
    await state_of(jp_fetch)
    orders.answer(sleep_s=2.5)
    response = await state_of(jp_fetch)
    told = json.loads(response.body)
    assert told["store"]["reachable"] is False
    assert "1.5 s" in told["store"]["message"]
    assert told["drift"] == orders.state["drift"]
    assert response.headers["ETag"] != '"5f0c6a1e"'


async def test_a_worker_that_starts_slowly_gets_its_time(jp_fetch: Any, orders: Any) -> None:
    orders.answer(sleep_s=2.0)  # beyond the deadline, which holds once it has answered
    response = await state_of(jp_fetch)
    assert json.loads(response.body) == orders.state


async def test_a_refusal_is_told_with_its_remedy(jp_fetch: Any, orders: Any) -> None:
    error = {"what": "the store is locked", "where": "mlflow.db", "help": "close the other program"}
    orders.answer(error=error)
    code, told = await refused(state_of(jp_fetch))
    assert code == 503
    assert told == {"error": error}


async def test_a_known_state_is_not_asked_for_whole_again(jp_fetch: Any, orders: Any) -> None:
    first = await state_of(jp_fetch)
    again = await state_of(jp_fetch)
    assert again.body == first.body
    assert [question["known"] for question in orders.asked] == [None, "5f0c6a1e"]


async def test_a_worker_of_another_version_is_told_with_the_remedy(jp_fetch: Any, orders: Any) -> None:
    orders.path.write_text(json.dumps({"results": {"state": {"schema": 1}}}))
    code, told = await refused(state_of(jp_fetch))
    assert code == 503
    assert "the same version of nbship in both environments" in told["error"]["help"]


async def test_a_store_that_is_away_leaves_the_last_known_state(jp_fetch: Any, orders: Any) -> None:
    await state_of(jp_fetch)
    store = {"reachable": False, "message": "connection refused", "as_of": "2026-11-23T00:00:00+00:00"}
    empty = {**orders.state, "revision": "empty", "store": store, "versions": [], "drift": []}
    orders.path.write_text(json.dumps({"result": empty}))
    told = json.loads((await state_of(jp_fetch)).body)
    assert told["store"]["message"] == "connection refused"
    assert told["store"]["as_of"] == orders.state["store"]["as_of"]
    assert told["versions"] == orders.state["versions"]


@pytest.mark.parametrize(
    "model",
    [
        "",
        " ",
        "../etc/passwd",
        "a/b",
        "a:b",
        "sqlite:///x.db",
        "<b>",
        "a\nb",
        "a" * 129,
        "-x",
        "a?b",
    ],
)
async def test_what_cannot_be_a_model_is_refused_unasked(jp_fetch: Any, orders: Any, model: str) -> None:
    code, told = await refused(state_of(jp_fetch, model=model))
    assert code == 400
    assert told["error"]["where"] == "metadata.nbship"
    assert orders.starts == 0


@pytest.mark.parametrize("profile", ["http://evil", "../x", "a b", "x" * 65])
async def test_what_cannot_be_a_profile_is_refused_unasked(jp_fetch: Any, orders: Any, profile: str) -> None:
    params = {"model": "bikeshare", "profile": profile}
    code, _ = await refused(jp_fetch("nbship", "api", "state", params=params))
    assert code == 400
    assert orders.starts == 0


async def test_names_of_other_languages_are_names(jp_fetch: Any, orders: Any) -> None:
    await state_of(jp_fetch, model="Fahrräder (Süd) 2.1")
    assert orders.asked[0]["model"] == "Fahrräder (Süd) 2.1"


def _rested(jp_serverapp: Any) -> None:
    """Let the worker's rest be over without sleeping through it."""
    (app,) = jp_serverapp.extension_manager.extension_apps["nbship_lab"]
    app.running.worker._rest_until = 0.0
