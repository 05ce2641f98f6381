"""Files held against what was recorded of them: the same, changed, or read into another table (*reader drift*)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nbship.errors import InputError
from nbship.fingerprint import FileFingerprint

#: ``rewritten`` is another file with the same table: compressed anew, or saved by another version.
Status = Literal["same", "rewritten", "reader drift", "changed", "not recorded"]
#: What of these is no failure.
HOLDS: frozenset[Status] = frozenset({"same", "rewritten"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a file relates to its record, which columns differ, and what read it then."""

    status: Status
    columns: tuple[str, ...] = ()
    recorded_reader: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give what ``nbship fingerprint --against --json`` adds for a file."""
        return {
            "status": self.status,
            "changed_columns": list(self.columns),
            "recorded_reader": self.recorded_reader,
        }


def read(path: Path) -> Sequence[Mapping[str, Any]]:
    """Give what ``nbship fingerprint --json`` printed once. Raises InputError for anything else."""
    remedy = "write one with `nbship fingerprint FILE... --json > RECORD`"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"is no record: {error}", where=str(path), help=remedy) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "path" in row for row in rows):
        raise InputError("is no record of fingerprints", where=str(path), help=remedy)
    return rows


def compare(found: FileFingerprint, records: Sequence[Mapping[str, Any]]) -> Comparison:
    """Compare a file with the record of the same path, or, where it was moved, of the same bytes."""
    known = [row for row in records if row["path"] == found.path]
    known = known or [row for row in records if row.get("file") and row["file"] == found.file]
    if not known:
        return Comparison(status="not recorded")
    row = known[0]
    same_file = row.get("file") == found.file
    table = found.content.table if found.content else None
    if row.get("table") == table and (same_file or table):
        return Comparison(status="same" if same_file else "rewritten", recorded_reader=row.get("reader"))
    return Comparison(
        status="reader drift" if same_file else "changed",
        columns=_changed(row.get("columns") or {}, found.content.columns if found.content else {}),
        recorded_reader=row.get("reader"),
    )


def _changed(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in {**one, **other} if one.get(name) != other.get(name))
