"""The trial: the Predictor runs in a fresh process and is compared with what the notebook predicted."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbship_converter.evaluation import Evaluation
from nbship_converter.findings import Finding
from nbship_converter.serving.module import ServedModule, Shown
from nbship_converter.serving.slicing import Inference
from nbship_converter.verify import package_environment

__all__ = ["Tried", "try_out"]

TIMEOUT_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How the trial ended: what it showed, or why there is no Predictor."""

    shown: Shown | None = None
    finding: Finding | None = None


def try_out(
    module: ServedModule,
    source: Path,
    data: Path,
    *,
    python: str,
    variables: Mapping[str, str],
) -> Tried:
    """Run the package below ``source``, and its Predictor on the rows that the notebook judged its model on."""
    evaluation, inference = module.evaluation, module.inference
    wanted = {
        "package": module.package,
        "module": module.name,
        "read": module.read.name,
        "model": evaluation.model,
        "features": evaluation.features,
        "labels": evaluation.labels,
        "predictions": evaluation.predictions,
    }
    told = _run(source, data, json.dumps(wanted), python=python, variables=variables)
    status = told["status"]
    if status == "lost":
        what = f"which rows of `{inference.record}` are those of `{evaluation.features}` cannot be told: their labels were given anew"
        return Tried(finding=Finding(code="NB435", message=what))
    if status == "raised":
        return Tried(
            finding=Finding(code="NB433", message=f"the prediction for new records failed: {told['error']}")
        )
    if status == "different":
        return Tried(finding=_different(told, inference, evaluation))
    leaked = [name for name in told["required"] if name in inference.targets]
    if leaked:
        what = f"`{evaluation.features}` is computed from `{leaked[0]}`, which is what is to be predicted"
        return Tried(finding=Finding(code="NB432", message=what))
    rows = tuple(told["rows"])
    return Tried(
        shown=Shown(
            required=tuple(told["required"]),
            rows=rows,
            places=tuple(range(len(rows))),
            compared=len(rows),
        )
    )


def _run(
    source: Path, data: Path, wanted: str, *, python: str, variables: Mapping[str, str]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="nbship-trial-") as scratch:
        try:
            done = subprocess.run(
                [python, "-m", "nbship_magics.served", str(source), str(data), f"{scratch}/output"],
                input=wanted,
                cwd=scratch,
                env=package_environment(variables),
                timeout=TIMEOUT_S,
                capture_output=True,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"status": "raised", "error": f"it took longer than {TIMEOUT_S} s"}
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:  # it ended before it came to an answer
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        return {"status": "raised", "error": lines[-1][:300] if lines else "no output"}
    return told


def _different(told: Mapping[str, Any], inference: Inference, evaluation: Evaluation) -> Finding:
    """Say where new records would get something else, and which line made it."""
    where = str(told.get("where") or "")
    line = next(
        (
            s
            for s in reversed(inference.prepare)
            if where and (f"'{where}'" in s.code or f'"{where}"' in s.code)
        ),
        None,
    )
    feature = f"; the first feature that differs is `{where}`" if where else "; the features are the same"
    example = (
        f" for row {told['row']} it is {told['found']} and not {told['expected']}"
        if told.get("row") is not None
        else ""
    )
    what = f"records {told['what']} get something else than in `{evaluation.predictions or evaluation.features}`:{example}{feature}"
    what = what.replace(":;", ":")
    return Finding(
        code="NB433", message=what, cell=line.cell if line else None, line=line.line if line else None
    )
