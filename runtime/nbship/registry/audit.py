"""The history of a model: records that can be added to, and not changed without it being seen.

Each record is sealed: its hash is the SHA-256 of its text, which holds the hash of the record before. So who changes,
removes, adds or moves a record in the middle must write all later ones anew; then the last hash is another one, and
that stands in MLflow too, where whoever holds the database need not be able to write. Numbers are the revisions of the
assignment that the records made: 1, 2, 3 and so on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from nbship.registry.assignment import Assignment

Kind = Literal["changed", "missing", "moved", "cut", "another history", "row"]

#: What stands in place of an action that cannot be read any more.
UNREADABLE = "unreadable"
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One change: who made it, when, what it was, why, from what to what, and on which evidence.

    ``document`` is the text that was sealed, ``hash`` its seal, ``previous`` the seal of the record before.
    """

    model: str
    number: int
    at: datetime
    who: str
    action: str
    why: str
    before: Assignment
    after: Assignment
    evidence: Mapping[str, Any]
    previous: str
    hash: str
    document: str

    def to_json(self) -> dict[str, Any]:
        """Give the record as JSON knows it."""
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "who": self.who,
            "action": self.action,
            "why": self.why,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "evidence": dict(self.evidence),
            "hash": self.hash,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last record of a history, as somebody else has kept it; ``chain`` begins the first record's hash."""

    chain: str
    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.chain}:{self.number}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head | None:
        """Read what ``str`` gave; None for anything else."""
        chain, _, rest = text.partition(":")
        number, _, digest = rest.partition(":")
        return cls(chain=chain, number=int(number), hash=digest) if number.isdecimal() and digest else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A place at which a history is not what was written: the record's number, in which way, and in words."""

    number: int
    kind: Kind
    says: str


def seal(
    *,
    before: Assignment,
    after: Assignment,
    at: datetime,
    who: str,
    action: str,
    why: str,
    evidence: Mapping[str, Any],
    previous: str,
) -> AuditRecord:
    """Give the record of a change, sealed. ``previous`` is the hash of the record before, empty for the first."""
    content = {
        "model": after.model,
        "number": after.revision,
        "at": at.astimezone(UTC).isoformat(),
        "who": who,
        "action": action,
        "why": why,
        "before": before.to_json(),
        "after": after.to_json(),
        "evidence": _plain(evidence),
        "previous": previous,
    }
    document = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return read(document, model=after.model, number=after.revision, digest=_digest(document))


def read(document: str, *, model: str, number: int, digest: str) -> AuditRecord:
    """Give the record that a text holds; one that nobody can read is one whose action is ``unreadable``."""
    nothing = Assignment(model=model, revision=0)
    try:
        given = json.loads(document)
        return AuditRecord(
            model=model,
            number=number,
            at=datetime.fromisoformat(given["at"]).astimezone(UTC),
            who=str(given["who"]),
            action=str(given["action"]),
            why=str(given["why"]),
            before=Assignment.from_json(given["before"]),
            after=Assignment.from_json(given["after"]),
            evidence=dict(given["evidence"]),
            previous=str(given["previous"]),
            hash=digest,
            document=document,
        )
    except Exception:  # noqa: BLE001  # whatever tampering left
        return AuditRecord(
            model=model,
            number=number,
            at=_EPOCH,
            who="",
            action=UNREADABLE,
            why="",
            before=nothing,
            after=nothing,
            evidence={},
            previous="",
            hash=digest,
            document=document,
        )


def head_of(records: Sequence[AuditRecord]) -> Head | None:
    """Give the head of a history; None where nothing has happened yet."""
    if not records:
        return None
    return Head(chain=records[0].hash[:12], number=records[-1].number, hash=records[-1].hash)


def verify(records: Sequence[AuditRecord], *heads: Head | None) -> list[Break]:
    """Give every place at which a history, oldest first, is not what was written, or not what the heads saw."""
    found: list[Break] = []
    expected, before, in_place = 1, "", True
    for record in records:
        own = _own_breaks(record)
        if record.number > expected:
            own.insert(0, _gap(expected, record.number - 1))
        elif not own and in_place and record.previous != before:
            own = [_not_what_follows(record)]
        found += [item for item in own if item not in found]
        expected, before = record.number + 1, record.hash
        in_place = all(item.kind != "moved" for item in own)
    known = {record.number: record.hash for record in records}
    for head in heads:
        if head is not None and (wrong := _against(known, head)) is not None and wrong not in found:
            found.append(wrong)
    return found


def _own_breaks(record: AuditRecord) -> list[Break]:
    if _digest(record.document) != record.hash or not _readable(record):
        return [_break(record.number, "changed", f"record {record.number} was changed after it was written")]
    sealed = json.loads(record.document)
    if (sealed["model"], sealed["number"]) != (record.model, record.number):
        of = f" of {sealed['model']!r}" if sealed["model"] != record.model else ""
        said = f"record {record.number} was moved: it was written as record {sealed['number']}{of}"
        return [_break(record.number, "moved", said)]
    return []


def _not_what_follows(record: AuditRecord) -> Break:
    if record.number == 1:
        return _break(1, "missing", "record 1 was not the first: what was before it is gone")
    said = f"record {record.number - 1} is not the one that record {record.number} was written after"
    return _break(record.number - 1, "changed", said)


def _gap(first: int, last: int) -> Break:
    which = f"record {first} is" if first == last else f"records {first} to {last} are"
    return _break(first, "missing", f"{which} missing")


def _against(known: Mapping[int, str], head: Head) -> Break | None:
    if known and not known.get(1, "").startswith(head.chain):
        said = "the registry has the head of another history: another database has written there, or this one is not whole"
        return _break(1, "another history", said)
    last = max(known, default=0)
    if head.number > last:
        said = f"the registry knows {head.number} records, here are {last}: the end was cut off"
        return _break(last + 1, "cut", said)
    if known.get(head.number, head.hash) != head.hash:
        return _break(
            head.number, "changed", f"record {head.number} is not the one that the registry has seen"
        )
    return None


def _break(number: int, kind: Kind, says: str) -> Break:
    return Break(number=number, kind=kind, says=says)


def _readable(record: AuditRecord) -> bool:
    return record.action != UNREADABLE


def _digest(document: str) -> str:
    return hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    """Give evidence as JSON knows it; what it has no word for becomes text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
