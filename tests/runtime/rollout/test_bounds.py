"""Bounds are held against what they promise, by drawing; the seeds are fixed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbship.rollout import bounds

LOOKS = (10, 20, 50, 100, 200, 500, 1000, 2000)
RUNS = 400
ALPHA = 0.1


@pytest.mark.parametrize("truth", [0.01, 0.2, 0.9])
def test_a_rate_is_almost_never_outside_at_any_look(truth: float) -> None:
    rng = np.random.default_rng(5)
    hits = np.cumsum(rng.random((RUNS, LOOKS[-1])) < truth, axis=1)
    missed = 0
    for run in hits:
        seen = [bounds.of_rate(int(run[rows - 1]), rows, alpha=ALPHA) for rows in LOOKS]
        missed += any(not bound.low <= truth <= bound.high for bound in seen)
    assert missed / RUNS <= ALPHA


def test_an_interval_for_one_look_would_miss_at_many_looks() -> None:
    """What the bounds are there for: without them, the test above would fail."""
    rng = np.random.default_rng(5)
    shares = np.cumsum(rng.random((RUNS, LOOKS[-1])) < 0.2, axis=1) / np.arange(1, LOOKS[-1] + 1)
    looks = np.arange(49, LOOKS[-1], 10)
    half = 1.645 * np.sqrt(0.2 * 0.8 / (looks + 1))
    assert np.mean(np.any(np.abs(shares[:, looks] - 0.2) > half, axis=1)) > 2 * ALPHA


@pytest.mark.parametrize("q", [0.5, 0.99])
def test_a_quantile_is_almost_never_outside_at_any_look(q: float) -> None:
    rng = np.random.default_rng(6)
    truth = -math.log(1 - q)
    missed = 0
    for _ in range(RUNS):
        drawn = rng.exponential(size=LOOKS[-1])
        seen = [bounds.of_quantile(np.sort(drawn[:rows]), q, alpha=ALPHA) for rows in LOOKS]
        missed += any(not bound.low <= truth <= bound.high for bound in seen)
    assert missed / RUNS <= ALPHA


def test_a_mean_is_almost_never_outside_once_there_are_a_hundred_values() -> None:
    rng = np.random.default_rng(7)
    missed = 0
    for _ in range(RUNS):
        drawn = rng.exponential(size=LOOKS[-1]) - 1
        looks = [drawn[:rows] for rows in LOOKS if rows >= 100]
        seen = [
            bounds.of_mean(float(part.mean()), float(part.std(ddof=1)), len(part), alpha=ALPHA)
            for part in looks
        ]
        missed += any(not bound.low <= 0 <= bound.high for bound in seen)
    assert missed / RUNS <= ALPHA


@given(st.integers(1, 5000), st.floats(0, 1), st.floats(1e-9, 0.3))
def test_a_rate_lies_within_its_bounds_and_they_widen_as_surety_grows(
    rows: int, share: float, alpha: float
) -> None:
    hits = round(rows * share)
    seen, surer = (bounds.of_rate(hits, rows, alpha=a) for a in (alpha, alpha / 10))
    assert 0 <= surer.low <= seen.low <= hits / rows <= seen.high <= surer.high <= 1


@given(st.integers(0, 3000), st.sampled_from([0.5, 0.9, 0.99]), st.floats(1e-9, 0.3))
def test_a_quantile_lies_within_its_bounds_or_they_are_infinite(rows: int, q: float, alpha: float) -> None:
    seen = bounds.of_quantile(range(rows), q, alpha=alpha)
    assert seen.low <= math.floor(rows * q) <= seen.high
    if rows < 300 and q == 0.99:
        assert seen.high == math.inf


def test_nothing_seen_says_nothing() -> None:
    assert bounds.of_rate(0, 0, alpha=0.05) == bounds.Bounds(low=0.0, high=1.0)
    everything = bounds.Bounds(low=-math.inf, high=math.inf)
    assert bounds.of_quantile([], 0.99, alpha=0.05) == everything
    assert bounds.of_mean(0.0, 0.0, 0, alpha=0.05) == everything
