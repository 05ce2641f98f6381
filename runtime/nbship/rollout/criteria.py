"""(requests of both sides, criteria) -> evidence: pass, fail or inconclusive, criterion by criterion. Pure.

A criterion *fails* where the challenger is surely worse than its limit, *passes* where it surely is not, and is
inconclusive between; the limit is relative to the champion over the same window. Bounds hold however often one looks
(`bounds`). What may be wrong with a verdict is shared out before anything is seen:

* a sound challenger is rolled back with at most ``1 - confidence`` in the whole rollout: half of it for the step's
  whole window, half for the last minutes, in equal parts for each step, test and side (Bonferroni); of the last
  minutes the k-th look gets ``1 / k(k + 1)`` of its part, so that all of them together get the part (alpha spending,
  after Lan and DeMets, Biometrika 70, 1983, without their information times: the number of looks is not known);
* one that breaks its limit passes that criterion with at most ``1 - confidence``. As all must pass, at every step,
  nothing is shared out (intersection-union, Berger, Technometrics 24, 1982).

The last minutes can only fail a step: they are there so that a challenger that breaks after a good day does not live
on what it has shown before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from nbship.drift import RANK
from nbship.model import Severity
from nbship.rollout import bounds
from nbship.rollout.bounds import Bounds
from nbship.rollout.settings import Criteria

Verdict = Literal["pass", "fail", "inconclusive"]
Floats = np.ndarray[Any, np.dtype[np.float64]]

#: Tests that share the probability of a false alarm: errors, two latencies, disagreement, metric.
_TESTS = 5
_QUANTILES = (0.5, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one criterion says, in words and in figures."""

    criterion: str
    verdict: Verdict
    reason: str
    figures: dict[str, float | int | str | None] = field(
        default_factory=dict[str, "float | int | str | None"]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a step has shown so far. ``observed_s`` is the time over which the challenger was seen to answer."""

    findings: tuple[Finding, ...]
    observed_s: float = 0.0
    requests: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Fail where one criterion does; pass where there are some and all do."""
        found = {finding.verdict for finding in self.findings}
        if "fail" in found:
            return "fail"
        return "pass" if found == {"pass"} else "inconclusive"

    def reasons(self, verdict: Verdict) -> str:
        """Give in one line what the criteria of that verdict say."""
        return "; ".join(finding.reason for finding in self.findings if finding.verdict == verdict)

    def to_json(self) -> dict[str, Any]:
        """Give it as an audit record keeps it."""
        return {
            "verdict": self.verdict,
            "observed_s": round(self.observed_s, 3),
            "requests": {"champion": self.requests[0], "challenger": self.requests[1]},
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """The requests that one version was asked: how many, how many failed, and the latencies, ascending, in seconds."""

    rows: int = 0
    failed: int = 0
    latency: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Losses:
    """How wrong the answers were whose truth is known: each 0 or 1 (``is_share``), or how far off.

    Paired where both sides answered the same requests, in the same order.
    """

    name: str
    is_share: bool
    champion: Floats
    challenger: Floats
    paired: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """Both sides over the same time. ``differing`` of ``compared`` requests have two answers; None in a canary."""

    champion: Side
    challenger: Side
    compared: int | None = None
    differing: int = 0
    losses: Losses | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSeen:
    """How far each side's inputs are from what its version learnt from; ``champion`` is None where nobody knows."""

    challenger: Severity
    champion: Severity | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha:
    """The probabilities of a false alarm and of a false pass that one test may spend."""

    fail: float
    passing: float


def alphas(criteria: Criteria, *, steps: int, look: int | None = None) -> Alpha:
    """Give what a test may spend: on the step's whole window, or at a ``look`` (1, 2, ...) at the last minutes.

    >>> round(alphas(Criteria(), steps=4).fail, 6)
    0.00125
    """
    rest = 1 - criteria.confidence
    part = rest / (2 * _TESTS * steps)
    return Alpha(fail=part if look is None else part / (look * (look + 1)), passing=rest)


def judge(
    whole: Window, recent: Window, criteria: Criteria, *, steps: int, look: int, drift: DriftSeen | str | None
) -> tuple[Finding, ...]:
    """Judge a step by its whole window, and fail it by its last minutes.

    ``drift`` is what was seen, or why it was not; None where nobody asks.
    """
    alpha, now = alphas(criteria, steps=steps), alphas(criteria, steps=steps, look=look)
    found = [
        _failed_by(_now(errors(recent, criteria, now)), errors(whole, criteria, alpha)),
        _failed_by(_now(latency(recent, criteria, now)), latency(whole, criteria, alpha)),
    ]
    if whole.compared is not None:
        then, last = disagreement(whole, criteria, alpha), disagreement(recent, criteria, now)
        found.append(_failed_by(_now(last), then))
    if criteria.drift != "never" and drift is not None:
        found += _drift(drift, criteria)
    graded = metric(whole.losses, criteria, alpha)
    if graded.verdict != "inconclusive" or "metric" in criteria.require:
        found.append(graded)
    return tuple(found)


def _failed_by(recent: Finding, whole: Finding) -> Finding:
    return recent if recent.verdict == "fail" and whole.verdict != "fail" else whole


def _now(finding: Finding) -> Finding:
    return Finding(
        criterion=finding.criterion,
        verdict=finding.verdict,
        reason=f"{finding.reason}, in the last minutes",
        figures=finding.figures,
    )


def errors(window: Window, criteria: Criteria, alpha: Alpha) -> Finding:
    """Judge the share of requests that fail: at most ``max_error_increase`` above the champion's."""
    mine, theirs = window.challenger, window.champion
    limit = criteria.max_error_increase
    fail = [bounds.of_rate(side.failed, side.rows, alpha=alpha.fail / 2) for side in (mine, theirs)]
    sure = [bounds.of_rate(side.failed, side.rows, alpha=alpha.passing / 2) for side in (mine, theirs)]
    verdict = _verdict(
        fails=fail[0].low - fail[1].high > limit,
        passes=sure[0].high - sure[1].low <= limit and _enough(window, criteria),
    )
    rates = [side.failed / side.rows if side.rows else None for side in (mine, theirs)]
    reason = (
        f"{mine.failed:,} of {mine.rows:,} requests failed ({_percent(rates[0])}, at most "
        f"{_percent(sure[0].high)}), {theirs.failed:,} of the champion's {theirs.rows:,} ({_percent(rates[1])})"
    )
    if verdict == "inconclusive" and mine.rows < criteria.min_requests:
        reason = f"{reason}: at least {criteria.min_requests:,} are needed"
    return Finding(
        criterion="errors",
        verdict=verdict,
        reason=reason,
        figures={
            "challenger": rates[0],
            "champion": rates[1],
            "low": sure[0].low - sure[1].high,
            "high": sure[0].high - sure[1].low,
            "limit": limit,
        },
    )


def latency(window: Window, criteria: Criteria, alpha: Alpha) -> Finding:
    """Judge median and 99th percentile: each at most ``max_latency_ratio`` of the champion's, or the slack above it."""
    sides = window.challenger.latency, window.champion.latency
    verdicts: list[Verdict] = []
    told: list[str] = []
    figures: dict[str, float | int | str | None] = {"limit": criteria.max_latency_ratio}
    for q in _QUANTILES:
        fail = [bounds.of_quantile(side, q, alpha=alpha.fail / 2) for side in sides]
        sure = [bounds.of_quantile(side, q, alpha=alpha.passing / 2) for side in sides]
        limits = _limit(fail[1].high, criteria), _limit(sure[1].low, criteria)
        fails, passes = fail[0].low > limits[0], sure[0].high <= limits[1]
        verdicts.append(_verdict(fails=fails, passes=passes and _enough(window, criteria)))
        values = [float(np.quantile(side, q)) if len(side) else None for side in sides]
        name = f"p{q * 100:.0f}"
        told.append(f"{name} {_ms(values[0])} (at most {_ms(sure[0].high)}), the champion's {_ms(values[1])}")
        figures |= {f"challenger_{name}": values[0], f"champion_{name}": values[1]}
        figures |= {f"low_{name}": _finite(sure[0].low), f"high_{name}": _finite(sure[0].high)}
    chosen = [text for text, verdict in zip(told, verdicts, strict=True) if verdict == "fail"]
    return Finding(
        criterion="latency", verdict=_worst(verdicts), reason="; ".join(chosen or told), figures=figures
    )


def _limit(latency_s: float, criteria: Criteria) -> float:
    return max(latency_s * criteria.max_latency_ratio, latency_s + criteria.latency_slack_s)


def disagreement(window: Window, criteria: Criteria, alpha: Alpha) -> Finding:
    """Judge on how many of the same requests the two answer differently: at most ``max_disagreement``."""
    rows, limit = window.compared or 0, criteria.max_disagreement
    fail = bounds.of_rate(window.differing, rows, alpha=alpha.fail)
    sure = bounds.of_rate(window.differing, rows, alpha=alpha.passing)
    enough = rows >= criteria.min_requests
    share = window.differing / rows if rows else None
    return Finding(
        criterion="disagreement",
        verdict=_verdict(fails=fail.low > limit, passes=sure.high <= limit and enough),
        reason=f"{window.differing:,} of {rows:,} answers differ from the champion's ({_percent(share)}, at most "
        f"{_percent(sure.high)}; the limit is {_percent(limit)})",
        figures={"challenger": share, "low": sure.low, "high": sure.high, "limit": limit, "rows": rows},
    )


def metric(losses: Losses | None, criteria: Criteria, alpha: Alpha) -> Finding:
    """Judge the loss where the truth is known: at most ``metric_tolerance`` more than the champion's, as a share of it.

    What is bounded is ``challenger - (1 + tolerance) * champion``, request by request where both answered.
    """
    if losses is None or min(len(losses.champion), len(losses.challenger)) < max(criteria.min_labels, 2):
        known = 0 if losses is None else min(len(losses.champion), len(losses.challenger))
        reason = f"{known:,} labels are too few to judge by (at least {criteria.min_labels:,})"
        return Finding(criterion="metric", verdict="inconclusive", reason=reason, figures={"labels": known})
    fail, sure = (_excess(losses, criteria.metric_tolerance, alpha=a) for a in (alpha.fail, alpha.passing))
    mine, theirs = float(losses.challenger.mean()), float(losses.champion.mean())
    return Finding(
        criterion="metric",
        verdict=_verdict(fails=fail.low > 0, passes=sure.high <= 0),
        reason=f"{losses.name} {mine:.4g}, the champion's {theirs:.4g}, over {len(losses.challenger):,} labels",
        figures={
            "challenger": mine,
            "champion": theirs,
            "low": sure.low,
            "high": sure.high,
            "limit": criteria.metric_tolerance,
            "labels": len(losses.challenger),
        },
    )


def _excess(losses: Losses, tolerance: float, *, alpha: float) -> Bounds:
    allowed = (1 + tolerance) * losses.champion
    if losses.paired:
        return _mean(losses.challenger - allowed, losses, alpha)
    mine, theirs = _mean(losses.challenger, losses, alpha / 2), _mean(allowed, losses, alpha / 2)
    return Bounds(low=mine.low - theirs.high, high=mine.high - theirs.low)


def _mean(values: Floats, losses: Losses, alpha: float) -> Bounds:
    deviation = float(values.std(ddof=1))
    if (
        losses.is_share
    ):  # a hundred right answers have no spread, and are no proof that there will be no wrong one
        deviation = max(deviation, 1 / math.sqrt(len(values)))
    return bounds.of_mean(float(values.mean()), deviation, len(values), alpha=alpha)


def _drift(seen: DriftSeen | str, criteria: Criteria) -> list[Finding]:
    """Judge drift by what the reports say: one that is as far off as the champion's is no reason against it."""
    required = "drift" in criteria.require
    if isinstance(seen, str):
        found = Finding(criterion="drift", verdict="inconclusive", reason=seen)
        return [found] if required else []
    severe = RANK[seen.challenger] >= RANK[criteria.drift]
    worse = RANK[seen.challenger] > RANK[seen.champion or "none"]
    verdict = _verdict(fails=severe and worse, passes=seen.challenger != "too_few")
    if verdict == "inconclusive" and not required:
        return []
    figures: dict[str, float | int | str | None] = {
        "challenger": seen.challenger,
        "champion": seen.champion,
        "limit": criteria.drift,
    }
    return [Finding(criterion="drift", verdict=verdict, reason=seen.reason, figures=figures)]


def _enough(window: Window, criteria: Criteria) -> bool:
    return min(window.champion.rows, window.challenger.rows) >= criteria.min_requests


def _verdict(*, fails: bool, passes: bool) -> Verdict:
    return "fail" if fails else "pass" if passes else "inconclusive"


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    return "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.2%}"


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    return f"{seconds * 1000:.3g} ms" if math.isfinite(seconds) else "anything"
