"""The other half of a proof: runs an exported package in its own process and writes down what it made.

``python -m nbship_magics.probe SOURCE PACKAGE OUT DATA OUTPUT EVALUATION`` is how the converter calls it.
"""

from __future__ import annotations

import dataclasses
import json
import pickle
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from nbship.canonical import seed_generators
from nbship_magics.testimony import tokens_or_opaque

__all__ = ["probe"]


def probe(
    source: Path,
    package: str,
    out: Path,
    data: Path | None,
    output: Path,
    evaluation: Mapping[str, str] | None = None,
) -> None:
    """Run ``PACKAGE.pipeline.run`` and pickle (name, identity, tokens) of each result into ``out``.

    How good what ``evaluation`` names is goes beside it, as JSON.

    The global generators begin where the clean run of the notebook began. What the package raises passes through.
    """
    sys.path.insert(0, str(source))
    seed_generators()
    config = import_module(f"{package}.config").Config
    results = import_module(f"{package}.pipeline").run(config(data_dir=data, output_dir=output))
    with out.open("wb") as sink:
        for field in dataclasses.fields(results):
            value = getattr(results, field.name)
            stream = list(tokens_or_opaque(value, own=[package]))
            pickle.dump((field.name, id(value), stream), sink, protocol=5)
    measures = _measures(results, evaluation) if evaluation else {}
    out.with_suffix(".json").write_text(json.dumps(measures), encoding="utf-8")


def _measures(results: Any, evaluation: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Give the measures of the model, and of one that learnt nothing; none where they cannot be had."""
    from nbship.gates import metrics
    from nbship.gates.candidate import candidate_of, kept_of

    try:
        found = candidate_of(kept_of(results, evaluation), evaluation.get("task", "unknown"))
        if isinstance(found, str):
            return {}
        return {
            "model": metrics.values(found.task, found.labels, found.predicted),
            "baseline": metrics.baseline(found.task, found.labels),
        }
    except Exception:  # noqa: BLE001  # the proof does not depend on it
        return {}


if __name__ == "__main__":
    _source, _package, _out, _data, _output, _evaluation = sys.argv[1:7]
    probe(
        Path(_source),
        _package,
        Path(_out),
        Path(_data) if _data else None,
        Path(_output),
        json.loads(_evaluation),
    )
