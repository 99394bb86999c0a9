"""Emergency orders as rows: the signed document itself, and what stations say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select

from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import Sha256, StationId
from broadcaster.store.tables import contacts, journal_lines, orders, receipts
from broadcaster.wire.chain import read_line
from broadcaster.wire.journal import JournalLine, read_entry
from broadcaster.wire.order import EmergencyOrder, order_file_name, read_order
from broadcaster.wire.receipt import Verdict

CLOCK_APART = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """An order as it was signed. `source` names the alert that it came from, "" when a person wrote it."""

    order: EmergencyOrder
    document: bytes
    signature: str
    source: str = ""

    @property
    def sha256(self) -> Sha256:
        """Give the hash under which a station's receipt speaks of it."""
        return hash_bytes(self.document)


def write_order_row(connection: Connection, kept: KeptOrder) -> None:
    """Keep a new order; the record refuses to change or delete it."""
    connection.execute(
        insert(orders).values(
            id=kept.order.id,
            issued_at=kept.order.issued_at,
            expires_at=kept.order.expires_at,
            source=kept.source,
            document=kept.document,
            signature=kept.signature,
        )
    )


def read_orders(connection: Connection, since_at: datetime | None = None) -> list[KeptOrder]:
    """Read the orders, oldest first: all, or those that expire at an instant or later."""
    query = select(orders).order_by(orders.c.issued_at, orders.c.id)
    if since_at is not None:
        query = query.where(orders.c.expires_at >= since_at)
    return [
        KeptOrder(read_order(row.document), row.document, row.signature, row.source)
        for row in connection.execute(query)
    ]


def read_receivers(connection: Connection, kept: KeptOrder, stations: Sequence[StationId]) -> dict[StationId, datetime]:
    """Read which stations hold an order by their own word, and since when; a box set up anew holds nothing."""
    columns = receipts.c
    query = (
        select(columns.station_id, columns.at)
        .join(contacts, (contacts.c.station_id == columns.station_id) & (contacts.c.log_id == columns.log_id))
        .where(
            columns.station_id.in_(stations),
            columns.sha256 == kept.sha256,
            columns.verdict == Verdict.VERIFIED.value,
        )
        .order_by(columns.seq.desc())
    )
    return {StationId(row.station_id): row.at for row in connection.execute(query)}


def read_order_refusals(connection: Connection, kept: KeptOrder, stations: Sequence[StationId]) -> dict[StationId, str]:
    """Read which stations refused an order, and their reason."""
    columns = receipts.c
    query = select(columns.station_id, columns.reason).where(
        columns.station_id.in_(stations),
        columns.name == order_file_name(kept.order.id),
        columns.verdict == Verdict.REFUSED.value,
    )
    return {StationId(row.station_id): row.reason for row in connection.execute(query.order_by(columns.seq))}


def read_order_lines(
    connection: Connection, order: EmergencyOrder, stations: Sequence[StationId]
) -> dict[StationId, list[JournalLine]]:
    """Read what the diaries of stations say of an order, in the order they were written."""
    columns = journal_lines.c
    query = select(columns.station_id, columns.raw).where(
        columns.station_id.in_(stations),
        columns.planned_at >= order.issued_at - CLOCK_APART,
        columns.planned_at <= order.expires_at + CLOCK_APART,
        columns.airing_id.startswith(f"order-{order.id}-", autoescape=True),
    )
    found: dict[StationId, list[JournalLine]] = {}
    for row in connection.execute(query.order_by(columns.station_id, columns.at, columns.seq)):
        line = read_entry(read_line(row.raw))
        if line.entry.airing.removeprefix(f"order-{order.id}-").isdigit():
            found.setdefault(StationId(row.station_id), []).append(line)
    return found
