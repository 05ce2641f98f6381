"""The tables of assignments and their history, and each statement that is said to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from nbship.registry.audit import AuditRecord

META = sa.MetaData()
_assignments = sa.Table(
    "nbship_assignments",
    META,
    sa.Column("model", sa.String(250), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("champion", sa.Integer),
    sa.Column("challenger", sa.Integer),
    sa.Column("mode", sa.String(20), nullable=False),
    sa.Column("share", sa.Float(53), nullable=False),
    sa.Column("rollout", sa.Text),
    sa.Column("archived", sa.Text, nullable=False),
    # the revision that MLflow shows
    sa.Column("projected", sa.Integer, nullable=False, default=0),
)
_audit = sa.Table(
    "nbship_audit",
    META,
    sa.Column("model", sa.String(250), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)


def assignment(model: str) -> sa.Select[Any]:
    """Give the row of a model."""
    return sa.select(_assignments).where(_assignments.c.model == model)


def assignments() -> sa.Select[Any]:
    """Give the rows of all models."""
    return sa.select(_assignments).order_by(_assignments.c.model)


def new_row(values: Mapping[str, Any]) -> sa.Insert:
    """Make the first row of a model; an IntegrityError where there is one."""
    return sa.insert(_assignments).values(projected=0, **values)


def changed_row(values: Mapping[str, Any], *, expected: int) -> sa.Update:
    """Change a row if it is still the one that was looked at."""
    mine = (_assignments.c.model == values["model"], _assignments.c.revision == expected)
    return sa.update(_assignments).where(*mine).values(**values)


def projected(model: str, revision: int) -> sa.Update:
    """Note that MLflow shows a revision."""
    return sa.update(_assignments).where(_assignments.c.model == model).values(projected=revision)


def records(model: str) -> sa.Select[Any]:
    """Give the history of a model, oldest first."""
    return sa.select(_audit).where(_audit.c.model == model).order_by(_audit.c.number)


def record(model: str, number: int) -> sa.Select[Any]:
    """Give one record."""
    return sa.select(_audit).where(_audit.c.model == model, _audit.c.number == number)


def last_record(model: str) -> sa.Select[Any]:
    """Give the last record there is."""
    return sa.select(_audit).where(_audit.c.model == model).order_by(_audit.c.number.desc()).limit(1)


def new_record(made: AuditRecord) -> sa.Insert:
    """Add a record."""
    return sa.insert(_audit).values(
        model=made.model, number=made.number, hash=made.hash, document=made.document
    )
