"""The mergeable summary of a table: what is kept of the reference, and what live data is counted against.

A reference pass fixes the edges and the kept categories of each column; every later table is counted over those, in
integers, so that ``profile(a, like=r) + profile(b, like=r) == profile(a and b, like=r)`` to the last digit.

**Edges.** For numbers: the 200-quantiles of the finite reference values (linear interpolation), each bin closed on its
right, ``(e_i, e_i+1]``, the outer two open to infinity. Every twentieth is a decile. Where a quantile repeats, one value
holds more than a step of the data; it becomes a bin of its own (the float before it is an edge too), so that what
lies below it and what lies above it are counted apart. The least and the greatest value are edges, and so are the
outer fences, three interquartile ranges from the quartiles: what later lies beyond them is counted apart.
Infinities fall into the outer bins; missing values into none.

**Distinct values** are counted of texts, of withheld columns and of integers that are keys, by a sketch that merges.

**Privacy.** Texts that are mostly unique keep only the lengths; columns whose name speaks of a person keep only counts.
"""

from nbship.profile.bins import FENCED, Bins, fixed
from nbship.profile.count import NEARLY_UNIQUE, numbers_of, profile
from nbship.profile.executors import DaskExecutor, Executor, LocalExecutor
from nbship.profile.parts import frame_parts, parquet_parts, profile_parts
from nbship.profile.records import ColumnProfile, Kind, Profile

__all__ = [
    "FENCED",
    "NEARLY_UNIQUE",
    "Bins",
    "ColumnProfile",
    "DaskExecutor",
    "Executor",
    "Kind",
    "LocalExecutor",
    "Profile",
    "fixed",
    "frame_parts",
    "numbers_of",
    "parquet_parts",
    "profile",
    "profile_parts",
]
