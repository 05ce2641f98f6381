"""(plan, where it runs) -> manifests for Argo Rollouts and KServe with the same steps and criteria. Pure.

Argo Rollouts (1.8 or later) judges: each step has an AnalysisTemplate with the criteria that metrics can tell, errors
and latency, as queries of Prometheus. A failed run aborts the rollout, an inconclusive one pauses it. KServe splits the
traffic and judges nothing: there is an InferenceService for each step, for whoever decides.

What the answers themselves say (disagreement, drift, the metric from labels) no cluster's metrics know: every manifest
names in an annotation what of the plan it does not judge.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nbship.errors import InputError
from nbship.rollout import promql
from nbship.rollout.promql import Side
from nbship.rollout.settings import Criteria, Plan, Step

Mesh = Literal["none", "istio"]
Document = dict[str, Any]

NOT_JUDGED = "nbship/not-judged"
_PORT = 8080
_HASH = "rollouts_pod_template_hash"
_MIRROR = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What runs where: the version of a model, in an image with nbship, beside a Prometheus."""

    model: str
    version: int
    image: str
    tracking_uri: str
    prometheus: str = "http://prometheus:9090"
    mesh: Mesh = "none"
    replicas: int = 4

    @property
    def name(self) -> str:
        """The model's name as Kubernetes takes it.

        >>> Target(model="Bike share", version=1, image="i", tracking_uri="u").name
        'bike-share'
        """
        found = re.sub(r"[^a-z0-9]+", "-", self.model.lower()).strip("-")[:40].strip("-")
        return found or "model"


def manifests(plan: Plan, target: Target) -> dict[str, list[Document]]:
    """Give the documents by the file they belong in. Raises InputError for shares that a cluster cannot split."""
    steps = [step for step in plan.steps if step.mode == "canary" or target.mesh == "istio"]
    if not steps:
        raise InputError("no step is left: without a mesh requests cannot be mirrored", help="--mesh istio")
    weights = [_percent(step) for step in steps]
    analyses = [
        _analysis(step, plan, target, place=place + 1, steps=len(steps)) for place, step in enumerate(steps)
    ]
    found = {
        "argo/analysis.yaml": analyses,
        "argo/rollout.yaml": [_rollout(steps, analyses, target)],
        "argo/services.yaml": _services(target),
    }
    shares = [weight for step, weight in zip(steps, weights, strict=True) if step.mode == "canary"]
    for place, weight in enumerate([*shares, None]):
        name = "full" if weight is None else f"canary-{weight}"
        found[f"kserve/{place + 1}-{name}.yaml"] = [_inference_service(weight, target)]
    found["kserve/rollback.yaml"] = [_inference_service(0, target)]
    return found


def left_out(files: Mapping[str, list[Document]]) -> str:
    """Give what of the plan no manifest of Argo's judges."""
    return str(files["argo/rollout.yaml"][0]["metadata"]["annotations"][NOT_JUDGED])


def as_yaml(documents: list[Document]) -> str:
    """Give documents as the text of a file."""
    import yaml

    dumper: Any = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})

    def block(dumper: Any, text: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    dumper.add_representer(str, block)
    found: str = yaml.dump_all(documents, Dumper=dumper, sort_keys=False, width=10_000)
    return found


def _percent(step: Step) -> int:
    percent = step.share * 100
    if abs(percent - round(percent)) > 1e-9:  # noqa: PLR2004  # what a float makes of 0.29 * 100
        raise InputError(
            f"a cluster splits by whole per cents, and a share is {step.share:g}",
            where="[tool.nbship.rollout] steps",
        )
    return round(percent)


def _not_judged(criteria: Criteria, target: Target) -> Mapping[str, str]:
    missing = ["disagreement", *(["drift"] if criteria.drift != "never" else []), "metric"]
    if target.mesh == "none":
        missing.append("shadow")
    return {NOT_JUDGED: ", ".join(missing)}


def _analysis(step: Step, plan: Plan, target: Target, *, place: int, steps: int) -> Document:
    early = max(1, math.ceil(step.min_s / plan.interval_s))
    late = max(1, math.ceil((step.max_s - step.min_s) / plan.interval_s))
    z = promql.sure(plan.criteria, steps=steps, looks=early + late)
    window = f"{math.ceil(max(step.min_s, plan.interval_s, 60))}s"
    canary, stable = (
        Side(labels=f'model="{target.name}",{_HASH}="{{{{args.{side}}}}}"') for side in ("canary", "stable")
    )
    queries = {
        "errors": promql.errors(canary, stable, plan.criteria, z, window),
        "latency-p50": promql.latency(canary, stable, plan.criteria, z, window, 0.5),
        "latency-p99": promql.latency(canary, stable, plan.criteria, z, window, 0.99),
    }
    metrics = [
        metric
        for name, query in queries.items()
        for metric in _metrics(name, query, step, plan, target, early=early, late=late)
    ]
    title = "shadow" if step.mode == "shadow" else f"canary-{_percent(step)}"
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {
            "name": f"{target.name}-{place}-{title}",
            "annotations": dict(_not_judged(plan.criteria, target)),
        },
        "spec": {"args": [{"name": "canary"}, {"name": "stable"}], "metrics": metrics},
    }


def _metrics(
    name: str, query: str, step: Step, plan: Plan, target: Target, *, early: int, late: int
) -> list[Document]:
    """Give the metric that may only fail until the least time is over, and the one that decides after it."""
    provider = {"prometheus": {"address": target.prometheus, "query": query}}
    interval, fails = f"{plan.interval_s:g}s", "len(result) > 0 && result[0] > 0"
    return [
        {
            "name": f"{name}-early",
            "interval": interval,
            "count": early,
            "failureCondition": fails,
            "successCondition": f"!({fails})",
            "failureLimit": 0,
            "provider": provider,
        },
        {
            "name": name,
            "initialDelay": f"{math.ceil(step.min_s)}s",
            "interval": interval,
            "failureCondition": fails,
            "successCondition": "len(result) > 0 && result[0] < 0",
            "failureLimit": 0,
            "consecutiveSuccessLimit": 1,
            "inconclusiveLimit": late,
            "provider": provider,
        },
    ]


def _rollout(steps: list[Step], analyses: list[Document], target: Target) -> Document:
    labels = {"app": target.name}
    canary: Document = {"maxSurge": "25%", "maxUnavailable": 0}
    if target.mesh == "istio":
        canary |= {
            "canaryService": f"{target.name}-canary",
            "stableService": f"{target.name}-stable",
            "trafficRouting": {
                "managedRoutes": [{"name": _MIRROR}],
                "istio": {"virtualService": {"name": target.name, "routes": ["primary"]}},
            },
        }
    canary["steps"] = [
        part for step, analysis in zip(steps, analyses, strict=True) for part in _steps(step, analysis)
    ]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": target.name, "annotations": dict(analyses[0]["metadata"]["annotations"])},
        "spec": {
            "replicas": target.replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": _scraped()},
                "spec": _pod(target, container=target.name),
            },
            "strategy": {"canary": canary},
        },
    }


def _steps(step: Step, analysis: Document) -> list[Document]:
    judged: Document = {
        "analysis": {
            "templates": [{"templateName": analysis["metadata"]["name"]}],
            "args": [
                {"name": "canary", "valueFrom": {"podTemplateHashValue": "Latest"}},
                {"name": "stable", "valueFrom": {"podTemplateHashValue": "Stable"}},
            ],
        }
    }
    if step.mode == "canary":
        return [{"setWeight": _percent(step)}, judged]
    predictions = [{"method": {"exact": "POST"}, "path": {"prefix": "/predict"}}]
    return [
        {"setCanaryScale": {"weight": 25}},
        {"setMirrorRoute": {"name": _MIRROR, "percentage": 100, "match": predictions}},
        judged,
        {"setMirrorRoute": {"name": _MIRROR}},
        {"setCanaryScale": {"matchTrafficWeight": True}},
    ]


def _services(target: Target) -> list[Document]:
    names = [target.name] if target.mesh == "none" else [f"{target.name}-stable", f"{target.name}-canary"]
    found: list[Document] = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {
                "selector": {"app": target.name},
                "ports": [{"name": "http", "port": 80, "targetPort": _PORT}],
            },
        }
        for name in names
    ]
    if target.mesh == "istio":
        routes = [
            {"destination": {"host": name}, "weight": weight}
            for name, weight in zip(names, (100, 0), strict=True)
        ]
        found.append(
            {
                "apiVersion": "networking.istio.io/v1beta1",
                "kind": "VirtualService",
                "metadata": {"name": target.name},
                "spec": {"hosts": [target.name], "http": [{"name": "primary", "route": routes}]},
            }
        )
    return found


def _inference_service(percent: int | None, target: Target) -> Document:
    predictor: Document = _pod(target, container="kserve-container")
    if percent is not None:
        predictor["canaryTrafficPercent"] = percent
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": target.name,
            "annotations": {
                "serving.kserve.io/deploymentMode": "Serverless",  # the mode that splits traffic
                NOT_JUDGED: "everything: KServe splits, and somebody decides",
            },
        },
        "spec": {"predictor": predictor},
    }


def _pod(target: Target, *, container: str) -> Document:
    """Give the pod: the version's files are fetched from MLflow, then served as they are."""
    folder = f"/models/{target.name}"
    mounts = [{"name": "model", "mountPath": "/models"}]
    environment = [{"name": "MLFLOW_TRACKING_URI", "value": target.tracking_uri}]
    secret = [{"secretRef": {"name": f"{target.name}-nbship", "optional": True}}]
    source = f"models:/{target.model}/{target.version}"
    fetch = ["mlflow", "artifacts", "download", "--artifact-uri", source, "--dst-path", folder]
    serve = ["nbship", "serve", folder, "--host", "0.0.0.0", "--port", str(_PORT)]  # noqa: S104  # a pod's own
    shared = {"image": target.image, "volumeMounts": mounts, "envFrom": secret}
    return {
        "volumes": [{"name": "model", "emptyDir": {}}],
        "initContainers": [{"name": "model", **shared, "env": environment, "command": fetch}],
        "containers": [
            {
                "name": container,
                **shared,
                "command": serve,
                "ports": [{"containerPort": _PORT, "protocol": "TCP"}],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": _PORT}, "periodSeconds": 2},
                "livenessProbe": {"httpGet": {"path": "/health", "port": _PORT}, "initialDelaySeconds": 60},
            }
        ],
    }


def _scraped() -> Document:
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(_PORT),
        "prometheus.io/path": "/metrics",
    }
