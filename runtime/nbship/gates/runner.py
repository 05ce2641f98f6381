"""Runs a package's pipeline in a process of its own, for gates: the child writes down what was asked for.

``python -m nbship.gates.runner ORDER`` is how a gate calls it, ORDER being a JSON file. The child ends with 0 also
where the pipeline raised: which step it was stands in the answer.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["Failure", "Ran", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Where a run ended: the step (None outside of any), the file and line in the package, and what was raised."""

    step: str | None
    place: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a run gave: names of Results, of which some are empty or not finite; or where it failed."""

    names: tuple[str, ...] = ()
    not_finite: tuple[str, ...] = ()
    failure: Failure | None = None
    timed_out: bool = False


def run(
    source: Path,
    package: str,
    *,
    data: Path | None,
    timeout_s: float,
    evaluation: Mapping[str, str] | None = None,
    out: Path | None = None,
    python: str = sys.executable,
    settings: Mapping[str, Any] | None = None,
    keep: Mapping[str, Any] | None = None,
) -> Ran:
    """Run ``PACKAGE.pipeline.run`` in a scratch folder with this data, for at most so many seconds.

    What ``evaluation`` names of Results is pickled to ``out``; ``settings`` are fields of Config, and ``keep`` says
    which model is kept, and where (see `nbship.retraining.artifacts`).
    """
    with tempfile.TemporaryDirectory(prefix="nbship-gate-") as scratch:
        order, answer = Path(scratch) / "order.json", Path(scratch) / "answer.json"
        elsewhere = Path(scratch) / "elsewhere"
        elsewhere.mkdir()
        document = {
            "source": str(source.resolve()),
            "package": package,
            "data": str(data.resolve()) if data else None,
            "output": str(Path(scratch) / "output"),
            "evaluation": dict(evaluation or {}),
            "out": str(out.resolve()) if out else None,
            "answer": str(answer),
            "settings": dict(settings or {}),
            "keep": dict(keep) if keep else None,
        }
        order.write_text(json.dumps(document), encoding="utf-8")
        try:
            done = subprocess.run(
                [python, "-m", "nbship.gates.runner", str(order)],
                cwd=elsewhere,
                env={**os.environ, "MPLBACKEND": "agg"},
                timeout=timeout_s,
                capture_output=True,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ran(timed_out=True)
        if not answer.is_file():
            return Ran(failure=_died(done))
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    failure = found["failure"]
    return Ran(
        names=tuple(found["names"]),
        not_finite=tuple(found["not_finite"]),
        failure=Failure(**failure) if failure else None,
    )


def _died(done: subprocess.CompletedProcess[str]) -> Failure:
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    killed = f"the process was ended by signal {-done.returncode}" if done.returncode < 0 else ""
    said = lines[-1] if lines else f"exit code {done.returncode}"
    memory = " (out of memory, most likely)" if done.returncode == -9 else ""  # noqa: PLR2004  # SIGKILL
    return Failure(step=None, place="the process", error=f"{killed}{memory}" if killed else said)


def _child(order: Path) -> None:
    asked = json.loads(order.read_text(encoding="utf-8"))
    sys.path.insert(0, asked["source"])
    answer: dict[str, Any] = {"names": [], "not_finite": [], "failure": None}
    try:
        results = _results(asked)
        if asked["keep"]:
            _keep_model(results, asked)
    except BaseException as error:  # noqa: BLE001  # whatever ends a run, SystemExit too, is told
        answer["failure"] = dataclasses.asdict(_failure(error, Path(asked["source"]), asked["package"]))
    else:
        names = [field.name for field in dataclasses.fields(results)]
        answer["names"] = names
        answer["not_finite"] = [
            name for name in names if not _is_finite(getattr(results, name), name, asked["evaluation"])
        ]
        if asked["out"]:
            _keep(results, asked["evaluation"], Path(asked["out"]))
    Path(asked["answer"]).write_text(json.dumps(answer), encoding="utf-8")


def _results(asked: Mapping[str, Any]) -> Any:
    from nbship.canonical import seed_generators

    seed_generators()  # where the notebook's clean run began
    config = import_module(f"{asked['package']}.config").Config
    known = [field.name for field in dataclasses.fields(config)]
    if unknown := [name for name in asked["settings"] if name not in known]:
        raise ValueError(f"Config has no field {unknown[0]!r}; it has {', '.join(known)}")
    data = Path(asked["data"]) if asked["data"] else None
    return import_module(f"{asked['package']}.pipeline").run(
        config(data_dir=data, output_dir=Path(asked["output"]), **asked["settings"])
    )


def _failure(error: BaseException, source: Path, package: str) -> Failure:
    """Tell the step: the function that the pipeline called when it came to an end."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(source / package)
    ]
    step, seen = None, False
    for frame in frames:
        if seen:
            step = frame.name
            break
        seen = Path(frame.filename).name == "pipeline.py" and frame.name == "run"
    last = frames[-1] if frames else None
    place = f"src/{Path(last.filename).relative_to(source)}, line {last.lineno}" if last else package
    text = " ".join(str(error).split())[:300]
    return Failure(step=step, place=place, error=f"{type(error).__name__}: {text}".removesuffix(": "))


def _is_finite(value: Any, name: str, evaluation: Mapping[str, str]) -> bool:
    """Whether a number, or the predictions, hold no NaN and no infinity; of other values they may be the data's own."""
    if isinstance(value, float):
        return math.isfinite(value)
    if name != evaluation.get("predictions"):
        return True
    import numpy as np

    found = np.asarray(value)
    return found.size > 0 and (found.dtype.kind != "f" or bool(np.isfinite(found).all()))


def _keep(results: Any, evaluation: Mapping[str, str], out: Path) -> None:
    """Pickle what is judged."""
    import pickle

    from nbship.gates.candidate import kept_of

    with out.open("wb") as sink:
        pickle.dump(kept_of(results, evaluation), sink, protocol=5)


def _keep_model(results: Any, asked: Mapping[str, Any]) -> None:
    from nbship.retraining import artifacts

    kept = asked["keep"]
    artifacts.write(
        results, {**kept, **{name: asked[name] for name in ("package", "evaluation")}}, Path(kept["folder"])
    )


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
