"""What the manifests say; benchmarks/rollout_manifests.py holds them against the published schemas and a Prometheus."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml

from nbship.errors import InputError
from nbship.rollout import kubernetes, promql, settings
from nbship.rollout.kubernetes import Target
from nbship.rollout.settings import Criteria

PLAN = settings.read({"steps": ["shadow", 0.05, 0.5], "min_minutes": 10, "max_minutes": 60})


def target(**more: Any) -> Target:
    return Target(model="Bike share", version=4, image="bikes:4", tracking_uri="http://mlflow:5000", **more)


def files(**more: Any) -> dict[str, list[Any]]:
    return kubernetes.manifests(PLAN, target(**more))


def test_the_steps_are_the_plans_in_order() -> None:
    steps = files()["argo/rollout.yaml"][0]["spec"]["strategy"]["canary"]["steps"]
    assert [list(step) for step in steps] == [["setWeight"], ["analysis"]] * 2
    assert [step["setWeight"] for step in steps if "setWeight" in step] == [5, 50]
    names = [document["metadata"]["name"] for document in files()["argo/analysis.yaml"]]
    asked = [step["analysis"]["templates"][0]["templateName"] for step in steps if "analysis" in step]
    assert asked == names == ["bike-share-1-canary-5", "bike-share-2-canary-50"]


def test_a_mesh_mirrors_for_the_shadow_and_takes_the_mirror_away() -> None:
    found = files(mesh="istio")
    canary = found["argo/rollout.yaml"][0]["spec"]["strategy"]["canary"]
    mirrors = [step["setMirrorRoute"] for step in canary["steps"] if "setMirrorRoute" in step]
    assert [mirror.get("percentage") for mirror in mirrors] == [100, None]
    assert list(canary["steps"][-1]) == ["analysis"]
    services = [document["metadata"]["name"] for document in found["argo/services.yaml"]]
    assert services == ["bike-share-stable", "bike-share-canary", "bike-share"]


def test_what_no_cluster_can_judge_is_named() -> None:
    assert kubernetes.left_out(files()) == "disagreement, drift, metric, shadow"
    assert kubernetes.left_out(files(mesh="istio")) == "disagreement, drift, metric"


def test_a_step_may_fail_from_the_start_and_pass_only_after_its_least_time() -> None:
    metrics = {row["name"]: row for row in files()["argo/analysis.yaml"][0]["spec"]["metrics"]}
    assert set(metrics) == {
        f"{name}{end}" for name in ("errors", "latency-p50", "latency-p99") for end in ("", "-early")
    }
    for name, metric in metrics.items():
        early = name.endswith("-early")
        assert metric["failureLimit"] == 0
        assert metric["failureCondition"] == "len(result) > 0 && result[0] > 0"
        assert metric.get("count") == (10 if early else None)
        assert metric.get("initialDelay") == (None if early else "600s")
        assert metric.get("inconclusiveLimit") == (None if early else 50)


def test_kserve_has_a_file_for_each_share_for_all_and_for_none() -> None:
    shares = {
        name: documents[0]["spec"]["predictor"].get("canaryTrafficPercent")
        for name, documents in files().items()
        if name.startswith("kserve/")
    }
    assert shares == {
        "kserve/1-canary-5.yaml": 5,
        "kserve/2-canary-50.yaml": 50,
        "kserve/3-full.yaml": None,
        "kserve/rollback.yaml": 0,
    }


def test_pods_fetch_the_version_and_serve_it_as_it_is() -> None:
    pod = files()["argo/rollout.yaml"][0]["spec"]["template"]["spec"]
    assert "models:/Bike share/4" in pod["initContainers"][0]["command"]
    assert pod["containers"][0]["command"][:3] == ["nbship", "serve", "/models/bike-share"]


def test_a_share_that_a_cluster_cannot_split_is_refused() -> None:
    with pytest.raises(InputError, match="whole per cents"):
        kubernetes.manifests(settings.read({"steps": [0.005]}), target())
    with pytest.raises(InputError, match="--mesh istio"):
        kubernetes.manifests(settings.read({"steps": ["shadow"]}), target())
    assert kubernetes.manifests(settings.read({"steps": [0.29]}), target())


def test_the_text_is_yaml_without_anchors_and_with_readable_queries() -> None:
    for documents in files(mesh="istio").values():
        text = kubernetes.as_yaml(documents)
        assert list(yaml.safe_load_all(text)) == documents
        assert "&id" not in text
    assert "query: |\n" in kubernetes.as_yaml(files()["argo/analysis.yaml"])


def test_more_looks_and_steps_ask_for_more_surety() -> None:
    one, many = promql.sure(Criteria(), steps=1, looks=1), promql.sure(Criteria(), steps=4, looks=1000)
    assert one.fail < many.fail
    assert one.passing < many.passing
    assert math.isclose(one.passing, 1.959964, rel_tol=1e-5)


def test_braces_and_brackets_of_the_queries_match() -> None:
    for document in files()["argo/analysis.yaml"]:
        for metric in document["spec"]["metrics"]:
            query = metric["provider"]["prometheus"]["query"]
            for left, right in ("()", "[]", "{}"):
                assert query.count(left) == query.count(right)
