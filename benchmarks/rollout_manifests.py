"""The manifests, held against the published schemas of Argo Rollouts, KServe and Istio, and against a Prometheus.

The schemas are read where they are, from checkouts of the projects (their CRDs: argo-rollouts ``manifests/crds`` and
``test/e2e/crds``, kserve ``config/crd/full``); nothing of them is kept here. A field that a schema does not know fails,
as ``kubectl --validate=strict`` has it. The queries are run by promtool over invented traffic: a sound version must
hold, a failing and a slow one must break, and one that is asked too little must do neither.

    python benchmarks/rollout_manifests.py --crds DIR [--crds DIR ...] [--promtool PATH]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from nbship.rollout import kubernetes, settings
from nbship.rollout.kubernetes import Document, Mesh, Target

TABLES: Mapping[str, dict[str, Any]] = {
    "default": {},
    "strict": {
        "steps": ["shadow", 0.01, {"share": 0.2, "min_minutes": 60}],
        "drift": "never",
        "interval_s": 30,
    },
}
_MINUTES = 10
_ANSWERS = (1, 0, -1)
#: Requests a minute, of which so many fail, and the share of them within each bucket, in seconds.
QUICK = {"0.005": 0.1, "0.01": 0.7, "0.025": 0.97, "0.05": 0.999, "0.25": 1.0, "+Inf": 1.0}
SLOW = {"0.005": 0.0, "0.01": 0.05, "0.025": 0.3, "0.05": 0.6, "0.25": 1.0, "+Inf": 1.0}
CASES: Mapping[str, tuple[int, int, Mapping[str, float], tuple[int, int, int]]] = {
    "sound": (2000, 2, QUICK, (-1, -1, -1)),
    "failing": (2000, 200, QUICK, (1, -1, -1)),
    "slow": (2000, 2, SLOW, (-1, 1, 1)),
    "seldom asked": (5, 0, QUICK, (0, 0, 0)),
    "broken and seldom asked": (30, 30, SLOW, (1, 1, 1)),
}


def schemas(folders: list[Path]) -> dict[tuple[str, str], Any]:
    """Give the schemas by apiVersion and kind."""
    found: dict[tuple[str, str], Any] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.y*ml")):
            for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
                if isinstance(document, dict) and document.get("kind") == "CustomResourceDefinition":
                    found |= dict(_schemas(document["spec"]))
    return found


def _schemas(spec: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    for version in spec["versions"]:
        schema = version.get("schema", {}).get("openAPIV3Schema")
        if schema is not None:
            every: dict[str, Any] = {
                "apiVersion": {},
                "kind": {},
                "metadata": {},
            }  # known of all kinds, whether said or not
            named = {**schema, "properties": {**every, **schema["properties"]}}
            yield (f"{spec['group']}/{version['name']}", spec["names"]["kind"]), strict(named)


def strict(schema: Any) -> Any:
    """Give a schema that refuses fields which it does not know; formats of Kubernetes' own are left alone."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(value) for name, value in schema.items()}
    is_closed = "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields")
    if is_closed and isinstance(schema["properties"], dict) and "additionalProperties" not in schema:
        found["additionalProperties"] = False
    return found


def validate(known: Mapping[tuple[str, str], Any]) -> tuple[int, list[str]]:
    """Hold the manifests of every plan against the schemas; give how many were, and what is wrong."""
    count, wrong = 0, []
    for name, document in documents():
        schema = known.get((document["apiVersion"], document["kind"]))
        if schema is None:
            wrong += (
                [] if document["kind"] == "Service" else [f"{name}: no schema of {document['kind']} is there"]
            )
            continue
        count += 1
        validator = jsonschema.Draft202012Validator(schema)
        wrong += [
            f"{name}: {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)
        ]
    return count, wrong


def documents() -> Iterator[tuple[str, Document]]:
    """Give every document of every plan, with and without a mesh."""
    meshes: tuple[Mesh, ...] = ("none", "istio")
    for plan, table in TABLES.items():
        for mesh in meshes:
            for file, found in kubernetes.manifests(settings.read(table), target(mesh)).items():
                yield from ((f"{plan}, {mesh}: {file}", document) for document in found)


def target(mesh: Mesh = "none") -> Target:
    """Give an invented place to run."""
    return Target(model="churn", version=4, image="churn:4", tracking_uri="http://mlflow:5000", mesh=mesh)


def queries() -> dict[str, str]:
    """Give the three queries of a step, asked of two pods' labels."""
    analysis = kubernetes.manifests(settings.read(None), target())["argo/analysis.yaml"][0]
    return {
        metric["name"]: metric["provider"]["prometheus"]["query"]
        .replace("{{args.canary}}", "canary")
        .replace("{{args.stable}}", "stable")
        for metric in analysis["spec"]["metrics"]
        if not metric["name"].endswith("-early")
    }


def series(pod: str, rows: int, failed: int, shares: Mapping[str, float]) -> list[dict[str, str]]:
    """Give what a pod exposes that is asked so often a minute."""
    labels = f'model="churn",version="1",role="champion",rollouts_pod_template_hash="{pod}"'
    counts = {
        f'nbship_prediction_requests_total{{{labels},outcome="ok"}}': rows - failed,
        f'nbship_prediction_requests_total{{{labels},outcome="error"}}': failed,
        f'nbship_prediction_requests_total{{{labels},outcome="rejected"}}': rows,
    }
    for bound, share in shares.items():
        counts[f'nbship_prediction_duration_seconds_bucket{{{labels},le="{bound}"}}'] = round(rows * share)
    return [
        {"series": name, "values": f"0+{count}x{_MINUTES + 2}"}
        for name, count in counts.items()
        if count or "bucket" in name
    ]


def ask(promtool: str) -> list[str]:
    """Let Prometheus answer the queries for each case; give what it does not answer as it should."""
    wrong: list[str] = []
    asked = queries()
    with tempfile.TemporaryDirectory() as folder:
        for case, (rows, failed, shares, expected) in CASES.items():
            tests = [
                {
                    "expr": query,
                    "eval_time": f"{_MINUTES + 1}m",
                    "exp_samples": [{"labels": "{}", "value": value}],
                }
                for query, value in zip(asked.values(), expected, strict=True)
            ]
            test = {
                "evaluation_interval": "1m",
                "tests": [
                    {
                        "interval": "1m",
                        "input_series": [
                            *series("stable", 4000, 4, QUICK),
                            *series("canary", rows, failed, shares),
                        ],
                        "promql_expr_test": tests,
                    }
                ],
            }
            path = Path(folder) / "test.yaml"
            path.write_text(yaml.safe_dump(test), encoding="utf-8")
            done = subprocess.run(
                [promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                wrong.append(f"{case}: {done.stdout} {done.stderr}")
    return wrong


def main() -> int:
    """Hold everything against everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--crds", action="append", type=Path, required=True)
    parser.add_argument("--promtool")
    given = parser.parse_args()
    count, wrong = validate(schemas(given.crds))
    print(f"{count} manifests held against their schemas, {len(wrong)} findings")
    if given.promtool:
        answers = ask(given.promtool)
        print(f"{len(CASES) * len(_ANSWERS)} answers of Prometheus, {len(answers)} cases not as expected")
        wrong += answers
    print("\n".join(wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
