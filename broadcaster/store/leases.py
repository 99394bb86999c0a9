"""Who leads, as a row: several services may look at one record, one of them works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from broadcaster.store.tables import leases


@dataclass(frozen=True, slots=True)
class LeaseNote:
    """Who leads: which run, on which machine, and how often it has said so. `renewed_at` is by that machine's clock."""

    holder: str
    host: str
    beat: int
    renewed_at: datetime


def read_lease(connection: Connection, name: str) -> LeaseNote | None:
    """Read who leads; None when nobody does."""
    row = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
    return None if row is None else LeaseNote(row.holder, row.host, row.beat, row.renewed_at)


def write_lease(connection: Connection, name: str, note: LeaseNote) -> None:
    """Write who leads, over whoever did."""
    values = {"holder": note.holder, "host": note.host, "beat": note.beat, "renewed_at": note.renewed_at}
    statement = insert_sqlite(leases).values(name=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def remove_lease(connection: Connection, name: str, holder: str) -> None:
    """Give the lead up; another's is left alone."""
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))
