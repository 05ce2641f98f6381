"""Exporting again: the folder as it was edited and the new export, merged over what the last export made.

``three_way`` is the heart, and pure; ``placing`` is where it meets the disk, ``git`` where it meets git.
"""

from __future__ import annotations

from nbship_converter.merge.base import RECORD, origins_of, read_base
from nbship_converter.merge.placing import check_destination, earlier_package, fill, place, stage
from nbship_converter.merge.three_way import Conflict, Merged, merge

__all__ = [
    "RECORD",
    "Conflict",
    "Merged",
    "check_destination",
    "earlier_package",
    "fill",
    "merge",
    "origins_of",
    "place",
    "read_base",
    "stage",
]
