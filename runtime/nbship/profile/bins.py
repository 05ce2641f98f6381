"""Where numbers are cut into bins, and how many fall into each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nbship.profile.records import ColumnProfile

FINE = 200
DECILE = FINE // 10
#: How many interquartile ranges lie between the outer fences (Tukey, Exploratory Data Analysis, 1977).
FENCED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Where numbers are cut: the edges, which of them bound the deciles' bins, and the outer fences among them."""

    edges: tuple[float, ...] = ()
    deciles: tuple[int, ...] = ()
    fences: tuple[float, ...] = ()


def fixed(finite: np.ndarray[Any, Any]) -> Bins:
    """Give the bins that ordered, finite reference values fix."""
    if len(finite) == 0:
        return Bins()
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # between the largest floats there is no number half way
        quantiles = np.quantile(finite, np.linspace(0, 1, FINE + 1))
    fences = _fences(quantiles[FINE // 4], quantiles[3 * FINE // 4])
    coarse = set(_with_atoms(quantiles[::DECILE]))
    cuts = _cuts(float(finite[0]), float(finite[-1])) + (_cuts(*fences) if fences else [])
    edges = tuple(sorted({*_with_atoms(quantiles), *coarse, *cuts}))
    deciles = tuple(number for number, edge in enumerate(edges) if edge in coarse)
    return Bins(edges=edges, deciles=deciles, fences=fences)


def recut(column: ColumnProfile, low: float | None, high: float | None) -> ColumnProfile:
    """Give the column of a sample with its bins cut at the whole's least and greatest value; its counts are gone."""
    if low is None or high is None or not column.edges:
        return column
    edges = tuple(sorted({*column.edges, *_cuts(low, high)}))
    deciles = tuple(edges.index(column.edges[number]) for number in column.deciles)
    return replace(column, edges=edges, deciles=deciles, counts=(), minimum=low, maximum=high)


def _fences(lower: float, upper: float) -> tuple[float, ...]:
    """Give the outer fences; none where the middle half of the values is one value."""
    with np.errstate(over="ignore", invalid="ignore"):
        reach = (FENCED - 1) / 2 * (upper - lower)
        fences = float(lower - reach), float(upper + reach)
    return fences if reach > 0 and np.isfinite(fences).all() else ()


def _cuts(low: float, high: float) -> list[float]:
    """Give the edges that tell what is below ``low`` and above ``high``: bins are closed on their right."""
    with np.errstate(over="ignore"):  # below the least float there is no edge
        below = float(np.nextafter(low, -np.inf))
    return [edge for edge in (below, high) if np.isfinite(edge)]


def _with_atoms(quantiles: np.ndarray[Any, Any]) -> list[float]:
    """Give the inner quantiles as edges; a value that comes twice gets a bin of its own."""
    distinct, times = np.unique(quantiles[np.isfinite(quantiles)], return_counts=True)
    atoms = distinct[times > 1]
    inner = distinct[(distinct > distinct[0]) & (distinct < distinct[-1])]
    with np.errstate(over="ignore"):  # below the least float there is no edge
        below = np.nextafter(atoms, -np.inf)
    edges = np.concatenate([inner, atoms, below[np.isfinite(below)]])
    return [float(edge) for edge in np.unique(edges)]
