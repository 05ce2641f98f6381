"""What the witness of a clean run wrote -> Facts, and the tokens of every value at its end."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbship.canonical import Token
from nbship_converter.ir import CellFacts, Facts, Signature
from nbship_converter.mirror import Mirror

__all__ = ["Run", "testimony"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The facts of a run, and the tokens of every value at its end."""

    facts: Facts
    values: dict[str, list[Token]]


def testimony(witness: Path, executed: Sequence[int], mirror: Mirror) -> Run:
    """Read what the witness wrote; ``executed`` are the indices of the cells that ran, in order."""
    return Run(facts=_facts(witness, executed, mirror), values=dict(_values(witness)))


def _facts(witness: Path, executed: Sequence[int], mirror: Mirror) -> Facts:
    lines = (witness / "cells.jsonl").read_text(encoding="utf-8").splitlines()
    cells = {
        index: _cell_facts(json.loads(line), mirror) for index, line in zip(executed, lines, strict=False)
    }
    end = json.loads((witness / "end.json").read_text(encoding="utf-8"))
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
        summaries=end["summaries"],
        origins=end["origins"],
        neighbours=end["neighbours"],
        python=end["python"],
        reads=tuple(reads),
        writes=tuple(sorted(written)),
    )


def _cell_facts(raw: dict[str, Any], mirror: Mirror) -> CellFacts:
    def local(paths: list[str]) -> tuple[str, ...]:
        found = (mirror.relative(path) for path in paths)
        return tuple(path for path in found if path is not None and path != ".")

    return CellFacts(
        bound=frozenset(raw["bound"]),
        changed=frozenset(raw["changed"]),
        types=raw["types"],
        random=frozenset(raw["random"]),
        reads=local(raw["reads"]),
        writes=local(raw["writes"]),
        figures=raw["figures"],
        failed_line=raw["failed_line"],
        shown=raw["shown"],
        folder=mirror.relative(raw["folder"]) or ".",
    )


def _values(witness: Path) -> Iterator[tuple[str, list[Token]]]:
    with (witness / "values.pickle").open("rb") as source:
        while True:
            try:
                yield pickle.load(source)  # noqa: S301  # written a moment ago by our own witness, in our own scratch folder
            except EOFError:
                return
