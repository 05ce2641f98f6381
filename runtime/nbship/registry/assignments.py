"""Who answers for each model, and how that came, in nbship's own database.

A change is one transaction: the row, if it is still the one that was looked at, and the record of the change. So two
people at once cannot overwrite each other, and there is no change without its record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nbship.errors import ConflictError
from nbship.registry.assignment import Assignment, Mode
from nbship.registry.audit import AuditRecord, Break, Head, head_of, read, seal, verify

if TYPE_CHECKING:
    import sqlalchemy as sa

    from nbship.config import Config

__all__ = ["Assignment", "Assignments", "Mode"]


class Assignments:
    """The assignments of all models. Raises StoreError where the database does not answer."""

    def __init__(self, config: Config) -> None:
        from nbship.database import Database
        from nbship.registry import tables

        self._tables = tables
        self._database = Database(config.state_url, tables.META)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def of(self, model: str) -> Assignment:
        """Give a model's assignment; revision 0 where nothing is there yet."""
        rows = self._database.rows(self._tables.assignment(model))
        return _assignment(rows[0]) if rows else Assignment(model=model, revision=0)

    def all(self) -> list[Assignment]:
        """Give the assignments of all models, by name."""
        return [_assignment(row) for row in self._database.rows(self._tables.assignments())]

    def change(
        self,
        to: Assignment,
        *,
        expected: int,
        action: str,
        who: str,
        at: datetime,
        why: str,
        evidence: Mapping[str, Any] = {},
    ) -> Assignment:
        """Give the assignment as it stands now: all of the change and its record are kept, or nothing.

        ``expected`` is the revision that was looked at. Raises ConflictError where another one stands.
        """
        from nbship.database import IntegrityError

        after = replace(to, revision=expected + 1)
        try:
            with self._database.begin() as connection:
                before, previous = self._taken(connection, after, expected)
                connection.execute(
                    self._tables.new_record(
                        seal(
                            before=before,
                            after=after,
                            at=at,
                            who=who,
                            action=action,
                            why=why,
                            evidence=evidence,
                            previous=previous,
                        )
                    )
                )
        except IntegrityError as error:  # another made the first row, or this very record, at the same time
            raise self._conflict(to.model, expected) from error
        return after

    def _taken(self, connection: sa.Connection, after: Assignment, expected: int) -> tuple[Assignment, str]:
        """Write the row, which no other can touch until the end; give what stood there, and the last hash."""
        if expected == 0:
            connection.execute(self._tables.new_row(_row(after)))
            return Assignment(model=after.model, revision=0), ""
        done = connection.execute(self._tables.changed_row(_row(after), expected=expected))
        if done.rowcount != 1:
            raise self._conflict(after.model, expected)
        last = connection.execute(self._tables.record(after.model, expected)).first()
        if last is None:  # somebody has cut the history; the chain goes on, and `verify` tells of it
            return Assignment(model=after.model, revision=expected), ""
        return _record(last).after, last.hash

    def _conflict(self, model: str, expected: int) -> ConflictError:
        now = self.of(model)
        records = self._database.rows(self._tables.record(model, now.revision))
        last = f"; {said(_record(records[0]))}" if records else ""
        return ConflictError(
            f"the assignment of {model!r} is at revision {now.revision}, not {expected}: nothing was changed",
            help=f"now {shown(now)}{last}. Look at it, and decide again",
        )

    def history(self, model: str) -> list[AuditRecord]:
        """Give the records of a model, oldest first."""
        return [_record(row) for row in self._database.rows(self._tables.records(model))]

    def head(self, model: str) -> Head | None:
        """Give the head of a model's history; None where nothing has happened yet."""
        first = self._database.rows(self._tables.record(model, 1))
        last = self._database.rows(self._tables.last_record(model))
        return head_of([_record(first[0]), _record(last[0])]) if first else None

    def holds(self, model: str, head: Head) -> bool:
        """Whether a head is one that the history had once."""
        first = self._database.rows(self._tables.record(model, 1))
        there = self._database.rows(self._tables.record(model, head.number))
        return bool(first and there) and (first[0].hash.startswith(head.chain) and there[0].hash == head.hash)

    def shown_revision(self, model: str) -> int:
        """Give the revision that MLflow shows."""
        rows = self._database.rows(self._tables.assignment(model))
        return int(rows[0].projected) if rows else 0

    def shown_last(self, model: str) -> Assignment:
        """Give the assignment that MLflow shows, as far as we know."""
        rows = self._database.rows(self._tables.record(model, self.shown_revision(model)))
        return _record(rows[0]).after if rows else Assignment(model=model, revision=0)

    def mark_shown(self, assignment: Assignment) -> None:
        """Note that MLflow shows an assignment."""
        with self._database.begin() as connection:
            connection.execute(self._tables.projected(assignment.model, assignment.revision))

    def verify(self, model: str, *heads: Head | None) -> list[Break]:
        """Give every place at which the history or the row is not what was written, or not what ``heads`` saw."""
        records, now = self.history(model), self.of(model)
        found = verify(records, *heads)
        last = records[-1].number if records else 0
        if now.revision > last:
            wanted = f"the assignment is at revision {now.revision}, the history ends at {last}: its end was cut off"
            found.append(Break(number=last + 1, kind="cut", says=wanted))
        elif records and now != records[-1].after:
            says = f"the assignment is not what record {last} says: it was changed without a record"
            found.append(Break(number=last, kind="row", says=says))
        return found


def shown(assignment: Assignment) -> str:
    """Give an assignment in words.

    >>> shown(Assignment(model="m", revision=4, champion=2, challenger=3, mode="canary", share=0.1))
    'champion 2, challenger 3, canary for 10 %'
    """
    champion = "no champion" if assignment.champion is None else f"champion {assignment.champion}"
    challenger = f", challenger {assignment.challenger}" if assignment.challenger is not None else ""
    share = f" for {assignment.share * 100:g} %" if assignment.mode == "canary" else ""
    return f"{champion}{challenger}" + (f", {assignment.mode}{share}" if assignment.mode != "off" else "")


def said(record: AuditRecord) -> str:
    """Give in words who did what, when and why."""
    why = f": {record.why}" if record.why else ""
    return f"{record.action} by {record.who} at {record.at:%Y-%m-%d %H:%M}{why}"


def _row(assignment: Assignment) -> dict[str, Any]:
    return {**assignment.to_json(), "archived": json.dumps(assignment.archived)}


def _assignment(row: Any) -> Assignment:
    columns = {name: getattr(row, name) for name in Assignment.__dataclass_fields__}
    return Assignment.from_json({**columns, "archived": json.loads(row.archived)})


def _record(row: Any) -> AuditRecord:
    return read(row.document, model=row.model, number=row.number, digest=row.hash)
