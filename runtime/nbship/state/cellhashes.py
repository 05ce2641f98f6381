"""The hashes of a notebook's cells, as a version keeps them and as an open notebook has them now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from nbship import names
from nbship.model import ModelVersion
from nbship.sourcehash import source_hash
from nbship.state.documents import Difference


def hashes_of(version: ModelVersion) -> Mapping[str, str]:
    """Give the hashes of the cells that made a version, by cell id; none where nobody kept them."""
    try:
        found = json.loads(version.tags.get(names.TAG_CELL_HASHES, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def difference(version: ModelVersion, cells: Sequence[tuple[str, str]]) -> Difference:
    """Compare the code cells of an open notebook, ``(id, source)`` in order, with those that made a version.

    A cell that was never run when the version was made is not among its cells. It counts as added where it stands
    above one of them; what follows the last of them comes after the model: it plots, or tries on. Empty cells are no
    cells. Of cells that were recorded without an id only the content is known: those that are gone are taken for
    the old content of those that are new, in their order.
    """
    known = hashes_of(version)
    if not known:
        note = f"version {version.version} was registered without the hashes of its cells"
        return Difference(version=version.version, changed=(), added=(), removed=(), same=0, note=note)
    now = {name: source_hash(source) for name, source in cells if source.strip()}
    moved = set(known.values())
    changed = [name for name, digest in now.items() if name in known and known[name] != digest]
    added = [name for name, digest in now.items() if name not in known and digest not in moved]
    gone = [name for name, digest in known.items() if name not in now and digest not in now.values()]
    nameless = [name for name in gone if name.startswith(names.PLACE)]
    pairs = min(len(nameless), len(added))
    changed, added = [*changed, *added[:pairs]], added[pairs:]
    gone = [name for name in gone if name not in nameless[:pairs]]
    last = max((place for place, name in enumerate(now) if name not in added), default=-1)
    added = [name for place, name in enumerate(now) if name in added and place < last]
    same = sum(digest in moved for name, digest in now.items() if name not in changed)
    return Difference(
        version=version.version,
        changed=tuple(changed),
        added=tuple(added),
        removed=tuple(gone),
        same=same,
        note=None,
    )
