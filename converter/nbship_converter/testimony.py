"""What the witness of a clean run wrote -> Facts, and the tokens of every value at its end."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbship.canonical import Token
from nbship_converter.contracts.facts import dataset_of
from nbship_converter.ir import CellFacts, Facts, Signature
from nbship_converter.mirror import Mirror
from nbship_converter.verify import fingerprint_of

__all__ = ["Run", "facts_of", "testimony"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The facts of a run, and the tokens of every value at its end, with their fingerprints.

    ``told`` is what the witness wrote, paths being relative to the notebook's folder or absolute outside of it.
    A remembered run has no values any more.
    """

    facts: Facts
    values: dict[str, list[Token]]
    told: Mapping[str, Any]
    fingerprints: Mapping[str, str]


def testimony(witness: Path, executed: Sequence[int], mirror: Mirror) -> Run:
    """Read what the witness wrote; ``executed`` are the indices of the cells that ran, in order."""
    lines = (witness / "cells.jsonl").read_text(encoding="utf-8").splitlines()
    told = {
        "cells": {
            str(index): _at_home(json.loads(line), mirror)
            for index, line in zip(executed, lines, strict=False)
        },
        "end": _end_at_home(json.loads((witness / "end.json").read_text(encoding="utf-8")), mirror),
    }
    values = dict(_values(witness))
    fingerprints = {name: fingerprint_of(stream) for name, stream in values.items()}
    return Run(facts=facts_of(told), values=values, told=told, fingerprints=fingerprints)


def _at_home(raw: dict[str, Any], mirror: Mirror) -> dict[str, Any]:
    """Give what was told of a cell with the mirror's paths turned into the user's."""
    paths = {path: mirror.relative(path) for path in (*raw["reads"], *raw["writes"])}
    local = {
        key: [found for path in raw[key] if (found := paths[path]) not in (None, ".")]
        for key in ("reads", "writes")
    }
    every = {
        new: [paths[path] or path for path in raw[key]]
        for key, new in (("reads", "read"), ("writes", "written"))
    }
    return {**raw, **local, **every, "folder": mirror.relative(raw["folder"]) or "."}


def _end_at_home(raw: dict[str, Any], mirror: Mirror) -> dict[str, Any]:
    """Give what was told at the end; of the files that pandas read, those that are the user's."""
    local = [{**read, "path": mirror.relative(read["path"])} for read in raw["datasets"]]
    return {**raw, "datasets": [read for read in local if read["path"] not in (None, ".")]}


def facts_of(told: Mapping[str, Any]) -> Facts:
    """Give the facts out of what a witness told."""
    cells = {int(index): _cell_facts(raw) for index, raw in told["cells"].items()}
    end = told["end"]
    written: set[str] = set()
    reads: dict[str, None] = {}
    for cell in cells.values():
        reads.update(dict.fromkeys(path for path in cell.reads if path not in written))
        written |= set(cell.writes)
    return Facts(
        cells=cells,
        types=end["types"],
        kinds=end["kinds"],
        aliases=tuple(tuple(names) for names in end["aliases"]),
        signatures={name: Signature(**found) for name, found in end["functions"].items()},
        distributions={name: tuple(found) for name, found in end["distributions"].items()},
        untyped=frozenset(end["untyped"]),
        closure=tuple(end["closure"]),
        requirements={name: tuple(found) for name, found in end["requirements"].items()},
        elsewhere=end["elsewhere"],
        peak_bytes=end["peak_bytes"],
        gpu=end["gpu"],
        summaries=end["summaries"],
        origins=end["origins"],
        neighbours=end["neighbours"],
        python=end["python"],
        reads=tuple(reads),
        writes=tuple(sorted(written)),
        datasets=tuple(dataset_of(row) for row in end["datasets"]),
    )


def _cell_facts(raw: Mapping[str, Any]) -> CellFacts:
    return CellFacts(
        bound=frozenset(raw["bound"]),
        changed=frozenset(raw["changed"]),
        types=raw["types"],
        random=frozenset(raw["random"]),
        reads=tuple(raw["reads"]),
        writes=tuple(raw["writes"]),
        figures=raw["figures"],
        failed_line=raw["failed_line"],
        shown=raw["shown"],
        folder=raw["folder"],
    )


def _values(witness: Path) -> Iterator[tuple[str, list[Token]]]:
    with (witness / "values.pickle").open("rb") as source:
        while True:
            try:
                yield pickle.load(source)  # noqa: S301  # written a moment ago by our own witness, in our own scratch folder
            except EOFError:
                return
