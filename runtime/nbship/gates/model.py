"""``nbship check model``: is the candidate good enough, and no worse than the model that serves.

The package is run; what ``[tool.nbship.evaluation]`` names is judged. Minimum thresholds decide first. Against the
champion a paired bootstrap decides: worse for certain is refused, no worse than the tolerance is accepted, and what
lies between is inconclusive. The same is asked of every slice.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

from numpy.typing import NDArray

from nbship.gates import metrics
from nbship.gates.candidate import Candidate, candidate_of, in_terms_of
from nbship.gates.champion import Champion, NoChampionError, champion_of
from nbship.gates.metrics import Measured
from nbship.gates.runner import Ran, run
from nbship.gates.settings import Repository
from nbship.gates.slices import slices_of
from nbship.gates.verdict import Row, Status, Verdict, verdict

__all__ = ["check_model", "judged"]

TIMEOUT_S = 3600
MIN_ROWS = 50
TOLERANCE = 0.01
#: How sure it must be that any slice at all is worse.
SLICE_LEVEL = 0.05


def check_model(repository: Repository) -> Verdict:
    """Run the package and judge its model."""
    lacking = [key for key in ("model", "features", "labels") if key not in repository.evaluation]
    if lacking:
        return _verdict([_nothing_to_judge(lacking)])
    with tempfile.TemporaryDirectory(prefix="nbship-model-") as scratch:
        out = Path(scratch) / "evaluation.pickle"
        ran = run(
            repository.source,
            repository.package,
            data=repository.data if repository.data.is_dir() else None,
            timeout_s=repository.gate("model_timeout_s", TIMEOUT_S),
            evaluation=repository.evaluation,
            out=out,
        )
        if ran.timed_out or ran.failure is not None:
            return _verdict([_did_not_run(repository, ran)])
        repository.importable()  # its classes may be in what is read back
        kept: Mapping[str, Any] = pickle.loads(out.read_bytes())  # noqa: S301  # written a moment ago by our own child
    candidate = candidate_of(kept, repository.evaluation.get("task", "unknown"))
    if isinstance(candidate, str):
        return _verdict([_row("inconclusive", "evaluation", repository.package, cause=candidate)])
    return judged(repository, candidate)


def judged(repository: Repository, candidate: Candidate) -> Verdict:
    """Judge what a candidate said: the thresholds, then the champion."""
    measured = metrics.measure(candidate.task, candidate.labels, candidate.predicted)
    numbers = {name: one.value for name, one in measured.items()}
    least = repository.gate("min_rows", MIN_ROWS)
    if len(candidate.labels) < least:
        return _verdict([_too_few(repository, candidate, measured, least)], numbers)
    rows = list(_thresholds(repository, measured, len(candidate.labels)))
    try:
        champion = champion_of(repository)
        rows += _against(repository, candidate, champion)
    except NoChampionError as error:
        status: Status = "failed" if "champion" in repository.gate("require", []) else "inconclusive"
        rows.append(_row(status, "champion", repository.package, found=error.what, cause=error.help or ""))
    return _verdict(rows, numbers)


def _thresholds(repository: Repository, measured: Mapping[str, Measured], count: int) -> Iterator[Row]:
    """Yield a row for each threshold; without any the measures are told and nothing is decided."""
    limits = [
        *((name, limit, "at least") for name, limit in repository.gate("minimum", {}).items()),
        *((name, limit, "at most") for name, limit in repository.gate("maximum", {}).items()),
    ]
    for name, limit, word in limits:
        where = f"{count:,} held-out rows"
        one = measured.get(name)
        if one is None:
            known = ", ".join(measured)
            yield _row("failed", name, where, found="no such measure", cause=f"there are {known}")
            continue
        holds = one.value >= limit if word == "at least" else one.value <= limit
        yield _row(
            "passed" if holds else "failed",
            name,
            where,
            expected=f"{word} {limit:g}",
            found=_shown(one),
            cause="" if holds else "the model is worse than [tool.nbship.gates] allows",
        )
    if not limits:
        told = ", ".join(f"{name} {one.value:.4g}" for name, one in measured.items())
        help_ = "name some in [tool.nbship.gates.minimum] or [tool.nbship.gates.maximum]"
        yield _row(
            "inconclusive", "thresholds", "held-out rows", expected="thresholds", found=told, cause=help_
        )


def _against(repository: Repository, candidate: Candidate, champion: Champion) -> Iterator[Row]:
    """Yield how the candidate does against the champion, on the whole and by slice. Raises NoChampionError."""
    said = in_terms_of(champion.predict(candidate.features), candidate.labels)
    if len(said) != len(candidate.labels):
        raise NoChampionError(
            f"{champion.shown} gives {len(said):,} predictions for {len(candidate.labels):,} rows"
        )
    task, tolerance = candidate.task, repository.gate("tolerance", TOLERANCE)
    theirs = metrics.measure(task, candidate.labels, said)
    differences = metrics.compare(task, candidate.labels, candidate.predicted, said)
    for name in metrics.measures_of(task)[:2]:
        one = differences[name]
        margin = tolerance * abs(theirs[name].value)
        status = _decision(one, margin)
        yield _row(
            status,
            f"{name} against the champion",
            champion.shown,
            expected=f"no worse than {theirs[name].value:.4g} by more than {margin:.2g}",
            found=f"better by {one.value:.3g}, 95 % interval {one.low:.3g} to {one.high:.3g}",
            cause=_reason(status),
        )
    yield from _by_slice(repository, candidate, said, champion)


def _decision(one: Measured, margin: float) -> Status:
    if one.high < 0 and one.value < -margin:
        return "failed"
    return "passed" if one.low >= -margin else "inconclusive"


def _reason(status: Status) -> str:
    reasons: Mapping[Status, str] = {
        "passed": "",
        "failed": "the candidate is worse than the model that serves, and not by chance",
        "inconclusive": "it may be worse, and it may be chance: more held-out rows would tell",
    }
    return reasons[status]


def _by_slice(
    repository: Repository, candidate: Candidate, said: NDArray[Any], champion: Champion
) -> Iterator[Row]:
    """Yield a row for each slice that is worse for certain; with many slices looked at, certain means more."""
    least = repository.gate("min_rows", MIN_ROWS)
    found = list(slices_of(candidate.features, repository.gate("slices", []), least))
    if not found:
        return
    name = metrics.measures_of(candidate.task)[0]
    sure = NormalDist().inv_cdf(1 - SLICE_LEVEL / len(found))
    worse = 0
    for what, rows in found:
        mine, theirs = candidate.predicted[rows], said[rows]
        one = metrics.compare(candidate.task, candidate.labels[rows], mine, theirs)[name]
        champions = metrics.measure(candidate.task, candidate.labels[rows], theirs)[name].value
        margin = repository.gate("tolerance", TOLERANCE) * abs(champions)
        if one.value + sure * one.error < 0 and one.value < -margin:
            worse += 1
            yield _row(
                "failed",
                f"{name} against the champion",
                f"slice {what} ({int(rows.sum()):,} rows)",
                expected=f"no worse than {champions:.4g}",
                found=f"worse by {-one.value:.3g}",
                cause="on these rows the candidate is worse than the model that serves, and not by chance",
            )
    if not worse:
        yield _row(
            "passed", f"{name} by slice", champion.shown, found=f"none of {len(found)} slices is worse"
        )


def _nothing_to_judge(lacking: list[str]) -> Row:
    return _row(
        "inconclusive",
        "evaluation",
        "pyproject.toml",
        expected="[tool.nbship.evaluation] with model, features and labels",
        found=f"without {', '.join(lacking)}",
        cause="the notebook judges no model on held-out rows, or not in names that the package returns",
    )


def _did_not_run(repository: Repository, ran: Ran) -> Row:
    failure = ran.failure
    step = f"step `{failure.step}`" if failure is not None and failure.step else repository.package
    found = failure.error if failure is not None else "it takes too long"
    return _row("failed", "run", step, expected="a run", found=found, cause=failure.place if failure else "")


def _too_few(
    repository: Repository, candidate: Candidate, measured: Mapping[str, Measured], least: int
) -> Row:
    return _row(
        "inconclusive",
        "held-out rows",
        repository.package,
        expected=f"at least {least} rows",
        found=f"{len(candidate.labels)} rows; "
        + ", ".join(f"{name} {_shown(one)}" for name, one in measured.items()),
        cause="so few rows tell a good model from a bad one only by chance",
    )


def _shown(one: Measured) -> str:
    return f"{one.value:.4g} (95 % interval {one.low:.4g} to {one.high:.4g})"


def _row(
    status: Status, what: str, where: str, *, expected: str = "", found: str = "", cause: str = ""
) -> Row:
    return Row(what=what, where=where, status=status, expected=expected, found=found, cause=cause)


def _verdict(rows: list[Row], numbers: Mapping[str, float] | None = None) -> Verdict:
    return verdict(rows, gate="model", metrics=numbers)
