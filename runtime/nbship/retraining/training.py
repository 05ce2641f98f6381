"""Trains a package's model anew on fresh data, and lets the gates judge what came out."""

from __future__ import annotations

import dataclasses
import json
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbship.errors import InputError, RunError
from nbship.gates import metrics
from nbship.gates.candidate import candidate_of
from nbship.gates.data import check_data
from nbship.gates.model import judged
from nbship.gates.runner import Ran, run
from nbship.gates.settings import Repository
from nbship.gates.verdict import Verdict
from nbship.model import Dataset
from nbship.retraining import artifacts
from nbship.retraining.settings import Plan

#: Rows of the model gate that stay open where nothing is configured; either alone decides nothing against a model.
_MAY_STAY_OPEN = frozenset({"thresholds", "champion"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model that was trained anew: its bytes, what it learnt from, and how it does on its held-out rows."""

    variable: str
    model: bytes
    profile: bytes | None
    type: str
    predicts: bool
    signature: tuple[tuple[str, str], ...]
    requirements: tuple[str, ...]
    python: str
    metrics: Mapping[str, float]
    datasets: tuple[Dataset, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the gates say, and the model if the run came to its end."""

    verdicts: tuple[Verdict, ...]
    trained: Trained | None = None

    @property
    def refused(self) -> str:
        """Why the model is not to go on; empty where it may."""
        for verdict in self.verdicts:
            if verdict.failures:
                row = verdict.failures[0]
                return f"`check {verdict.gate}` failed: {row.where}: {row.what}: {row.cause or row.found}"
        still_open = [row for row in self.verdicts[-1].rows if row.status == "inconclusive"]
        if any(row.what not in _MAY_STAY_OPEN for row in still_open) or len(still_open) == len(
            _MAY_STAY_OPEN
        ):
            row = next((row for row in still_open if row.what not in _MAY_STAY_OPEN), still_open[0])
            return f"`check {self.verdicts[-1].gate}` cannot tell: {row.what}: {row.cause or row.found}"
        return ""


def with_fresh_data(repository: Repository, plan: Plan) -> Repository:
    """Give the repository as the gates of a retraining see it.

    Data that has drifted is what a retraining is for: that it has is no reason against it.
    """
    return dataclasses.replace(
        repository,
        gates={**repository.gates, "drift": "never"},
        data_dir=Path(plan.data) if plan.data is not None else repository.data_dir,
    )


def train(repository: Repository, plan: Plan, scratch: Path) -> Outcome:
    """Check the data, run the pipeline once, and judge its model.

    Raises InputError where the package does not say what its model is, RunError where the run does not end well.
    """
    variable = plan.model or repository.evaluation.get("model")
    if variable is None:
        raise InputError(
            "the package does not say which of its results is the model",
            where="pyproject.toml",
            help='name it: [tool.nbship.retrain] model = "NAME"',
        )
    data = check_data(repository)
    if data.failures:
        return Outcome(verdicts=(data,))
    out, folder = scratch / "evaluation.pickle", scratch / "artifacts"
    ran = run(
        repository.source,
        repository.package,
        data=repository.data,
        timeout_s=plan.timeout_s,
        evaluation=repository.evaluation,
        out=out,
        python=plan.python or sys.executable,
        settings=plan.set,
        keep={"folder": str(folder), "model": variable, "reference": plan.reference},
    )
    _came_to_its_end(ran, repository, plan)
    repository.importable()  # its classes may be in what is read back
    kept: Mapping[str, Any] = pickle.loads(out.read_bytes())  # noqa: S301  # written a moment ago by our own child
    candidate = candidate_of(kept, repository.evaluation.get("task", "unknown"))
    if isinstance(candidate, str):
        raise RunError(f"the new model cannot be judged: {candidate}", where=repository.package)
    measured = metrics.values(candidate.task, candidate.labels, candidate.predicted)
    trained = _read(folder, variable, measured, _datasets(repository))
    return Outcome(verdicts=(data, judged(repository, candidate)), trained=trained)


def _came_to_its_end(ran: Ran, repository: Repository, plan: Plan) -> None:
    if ran.timed_out:
        raise RunError(
            f"the pipeline took longer than {plan.timeout_s} s",
            where=repository.package,
            help="give it more: [tool.nbship.retrain] timeout_s",
        )
    if ran.failure is not None:
        step = f" in step `{ran.failure.step}`" if ran.failure.step else ""
        raise RunError(f"the pipeline failed{step}: {ran.failure.error}", where=ran.failure.place)


def _read(
    folder: Path, variable: str, measured: Mapping[str, float], datasets: tuple[Dataset, ...]
) -> Trained:
    facts: Mapping[str, Any] = json.loads((folder / artifacts.FACTS).read_text(encoding="utf-8"))
    profile = folder / artifacts.PROFILE
    return Trained(
        variable=variable,
        model=(folder / artifacts.MODEL).read_bytes(),
        profile=profile.read_bytes() if profile.is_file() else None,
        type=facts["type"],
        predicts=facts["predicts"],
        signature=tuple((name, kind) for name, kind in facts["signature"]),
        requirements=tuple(facts["requirements"]),
        python=facts["python"],
        metrics=measured,
        datasets=datasets,
    )


def _datasets(repository: Repository) -> tuple[Dataset, ...]:
    """Give the files that the pipeline reads, with the hashes of what they hold now."""
    from nbship.fingerprint import fingerprint_file, hash_file

    known, others = repository.files()
    found: list[Dataset] = []
    for name in [*(item.path for item in known), *others]:
        path = repository.data / name
        if not path.is_file():
            continue
        seen = fingerprint_file(path)
        content = seen.content
        found.append(
            Dataset(
                name=name,
                digest=content.table if content else None,
                file=seen.file or hash_file(path),
                rows=content.rows if content else None,
                columns=tuple(content.columns) if content else (),
            )
        )
    return tuple(found)
