"""What an organisation asks for holds, and a refusal says where it is written."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path
from typing import Any

import pytest

from nbship import config, policy
from nbship.doctor import examine
from nbship.errors import InputError, PolicyError, StoreError
from nbship.gates.settings import repository_at

TEXT = """\
# what the bank asks for
[promote.production]
by = ["ada", "*@risk"]
checks = ["model", "data"]
from = ["staging"]
known = ["datasets", "commit"]
why = true

[gates]
require = ["model"]

[gates.at_least]
min_rows = 100
minimum = { r2 = 0.5 }

[gates.at_most]
tolerance = 0.02

[rollout.at_least]
min_requests = 500

[alerts]
set = { owner = "ml-platform" }
"""


def request(**given: Any) -> policy.Request:
    """A request that the policy allows, but for what is given."""
    fine: dict[str, Any] = {
        "model": "bikes",
        "version": 2,
        "stage": "production",
        "before": "staging",
        "who": "bo@risk",
        "why": "lower error",
        "checks": {"model": "passed", "data": "passed"},
    }
    return policy.Request(**{**fine, **given})


RULES = policy.parse(TEXT, source="policy.toml")


def test_what_meets_the_policy_is_allowed() -> None:
    RULES.allow(request())
    RULES.allow(request(stage="staging", who="eve", checks={}, why="", lacking=("datasets",)))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"who": "eve"}, "policy.toml:3: eve may not decide it; who may: ada, *@risk"),
        ({"checks": {"data": "passed"}}, "policy.toml:4: `nbship check model` was not run for it"),
        ({"checks": {"model": "passed", "data": "failed"}}, "policy.toml:4: `nbship check data` says failed"),
        ({"before": "experimental"}, "policy.toml:5: it is experimental; it may come from staging"),
        ({"lacking": ("commit", "profile")}, "policy.toml:6: nothing is known of its commit"),
        ({"why": " "}, "policy.toml:7: a reason must be given"),
    ],
)
def test_a_refusal_names_the_file_and_the_line(given: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError) as refused:
        RULES.allow(request(**given))
    assert says in refused.value.what


def test_all_that_speaks_against_it_is_told_at_once() -> None:
    with pytest.raises(PolicyError) as refused:
        RULES.allow(request(who="eve", why="", checks={}))
    assert refused.value.what.count("policy.toml:") == 4


def test_what_the_project_leaves_out_the_policy_fills_in_and_stricter_is_fine() -> None:
    filled = RULES.applied("gates", {"min_rows": 200, "require": ["data"]}, project="pyproject.toml")
    assert filled == {
        "min_rows": 200,
        "tolerance": 0.02,
        "minimum": {"r2": 0.5},
        "require": ["data", "model"],
    }


@pytest.mark.parametrize(
    ("section", "given", "says"),
    [
        ("gates", {"min_rows": 10}, r"min_rows is 10, below 100 \(policy.toml:13\)"),
        ("gates", {"tolerance": 0.1}, r"tolerance is 0.1, above 0.02 \(policy.toml:17\)"),
        ("gates", {"minimum": {"r2": 0.1}}, r"minimum.r2 is 0.1, below 0.5 \(policy.toml:14\)"),
        ("rollout", {"min_requests": 50}, r"min_requests is 50, below 500 \(policy.toml:20\)"),
        ("alerts", {"owner": "me"}, r"owner is 'me', not 'ml-platform' \(policy.toml:23\)"),
    ],
)
def test_a_project_that_is_more_lenient_is_refused(section: str, given: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        RULES.applied(section, given, project="pyproject.toml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("promote = [", "as TOML"),
        ("[promot.production]", "did you mean 'promote'"),
        ("[promote.producton]", "did you mean 'production'"),
        ("[promote.production]\nwho = ['ada']", "unknown key 'who'"),
        ("[gates.at_least]\nmin_row = 5", "did you mean 'min_rows'"),
        ("[rollout.at_most]\nmax_error_increase = 'low'", "must be a float"),
        ("[alerts.at_least]\nowner = 'me'", "must be a number"),
    ],
)
def test_a_policy_with_a_slip_is_no_policy(text: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        policy.parse(text, source="policy.toml")
    assert says in str(refused.value)


def test_the_gates_of_a_repository_follow_the_policy_that_its_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("policy.toml").write_text(TEXT)
    project = tmp_path / "pyproject.toml"
    project.write_text('[tool.nbship]\npackage = "bikes"\npolicy = "policy.toml"\n')
    assert repository_at(tmp_path).gate("min_rows", 50) == 100
    settings = policy.enforced(config.load(start=tmp_path))
    assert settings.alerts == {"owner": "ml-platform"}
    project.write_text(project.read_text() + "[tool.nbship.gates]\nmin_rows = 60\n")
    with pytest.raises(PolicyError, match="more lenient"):
        repository_at(tmp_path)
    monkeypatch.setenv("NBSHIP_POLICY", str(tmp_path / "gone.toml"))
    with pytest.raises(StoreError, match="the policy cannot be read"):
        repository_at(tmp_path)
    monkeypatch.delenv("NBSHIP_POLICY")
    project.write_text('[tool.nbship]\npackage = "bikes"\n')
    assert policy.of(config.load(start=tmp_path)) is None


def test_a_policy_may_be_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    with fsspec.open("memory://rules/policy.toml", "w") as file:
        file.write(TEXT)
    monkeypatch.setenv("NBSHIP_POLICY", "memory://rules/policy.toml")
    found = policy.of(config.load(start=tmp_path))
    assert found is not None
    assert found.at("promote", "production", "by") == "memory://rules/policy.toml:3"


def test_a_policy_may_be_behind_an_address_of_the_web(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("policy.toml").write_text(TEXT)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("NBSHIP_POLICY", f"{address}/policy.toml")
        assert policy.of(config.load(start=tmp_path)) is not None
        monkeypatch.setenv("NBSHIP_POLICY", f"{address}/gone.toml")
        with pytest.raises(StoreError, match="not found"):
            policy.of(config.load(start=tmp_path))
        server.shutdown()


def test_doctor_says_which_policy_holds_and_fails_where_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("policy.toml").write_text(TEXT)
    monkeypatch.setenv("NBSHIP_POLICY", str(tmp_path / "policy.toml"))
    (found,) = [check for check in examine(tmp_path) if check.name == "policy"]
    assert (found.ok, found.found) == (True, str(tmp_path / "policy.toml"))
    tmp_path.joinpath("policy.toml").write_text("[promot]")
    (found,) = [check for check in examine(tmp_path) if check.name == "policy"]
    assert (found.ok, found.required) == (False, True)
