"""A column then and now, laid out for the tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nbship.drift.measures import Counts
from nbship.profile import ColumnProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A column then and now.

    ``fine`` are the counts in all bins, ``coarse`` those in deciles or categories, ``counted`` how many values these are.
    """

    reference: ColumnProfile
    current: ColumnProfile
    fine: tuple[Counts, Counts]
    coarse: tuple[Counts, Counts]
    counted: tuple[int, int]

    @classmethod
    def of(cls, reference: ColumnProfile, current: ColumnProfile) -> Pair:
        """Lay out the counts of a column and of its reference, which share their bins."""
        fine = np.asarray(reference.counts), np.asarray(current.counts)
        coarse = fine
        if reference.edges:
            starts = [0, *(number + 1 for number in reference.deciles)]
            coarse = np.add.reduceat(fine[0], starts), np.add.reduceat(fine[1], starts)
        counted = sum(reference.counts), sum(current.counts)
        return cls(reference=reference, current=current, fine=fine, coarse=coarse, counted=counted)
