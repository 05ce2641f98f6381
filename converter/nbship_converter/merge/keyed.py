"""Three lists of named pieces -> one list: what one side changed comes from that side, wherever it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nbship_converter.merge.chunks import Chunk
from nbship_converter.merge.lines import Text

__all__ = ["Keyed", "Settle", "merge_keyed", "merged_order"]

#: Gives the text for a piece that both sides changed: (key, base, ours, theirs), "" where a side has none.
Settle = Callable[[str, str, str, str], Text]
#: Whether two texts of a piece mean the same.
Same = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """Merged pieces, and the keys of those that are for a person to decide."""

    chunks: tuple[Chunk, ...]
    conflicts: tuple[str, ...] = ()


def merge_keyed(
    base: Sequence[Chunk], ours: Sequence[Chunk], theirs: Sequence[Chunk], *, same: Same, settle: Settle
) -> Keyed:
    """Merge pieces by their keys; a piece that means the same as before counts as not changed."""
    sides = [{chunk.key: chunk.text for chunk in side} for side in (base, ours, theirs)]
    found: dict[str, str] = {}
    conflicts = []
    for key in merged_order(*([chunk.key for chunk in side] for side in (base, ours, theirs))):
        merged = _piece(key, *(side.get(key, "") for side in sides), same=same, settle=settle)
        if merged.conflict:
            conflicts.append(key)
        if merged.text:
            found[key] = merged.text
    chunks = tuple(Chunk(key=key, text=text) for key, text in found.items())
    return Keyed(chunks=chunks, conflicts=tuple(conflicts))


def _piece(key: str, base: str, ours: str, theirs: str, *, same: Same, settle: Settle) -> Text:
    if ours == theirs or same(theirs, base) or same(ours, theirs):
        return Text(text=ours)
    if same(ours, base):
        return Text(text=theirs)
    return settle(key, base, ours, theirs)


def merged_order(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Give all keys in an order: the new export's, unless somebody has reordered by hand.

    >>> merged_order(["a", "b"], ["a", "mine", "b"], ["a", "b", "new"])
    ['a', 'mine', 'b', 'new']
    >>> merged_order(["a", "b"], ["b", "a"], ["a", "new", "b"])
    ['b', 'a', 'new']
    """
    kept = [key for key in base if key in set(ours)]
    reordered = [key for key in ours if key in set(base)] != kept
    first, second = (ours, theirs) if reordered else (theirs, ours)
    order = list(first)
    for place, key in enumerate(second):
        if key not in order:
            before = next((other for other in reversed(second[:place]) if other in order), None)
            order.insert(0 if before is None else order.index(before) + 1, key)
    left = [key for key in base if key not in order]
    return [*order, *left]
