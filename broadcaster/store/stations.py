"""What is known of each station: contacts, deliveries, receipts, journal lines. Collecting twice changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from broadcaster.core.ids import LogId, Sha256, StationId
from broadcaster.core.model import StationContact
from broadcaster.store.tables import (
    chain_breaks,
    contacts,
    log_positions,
    receipts,
)
from broadcaster.wire.chain import ChainPoint
from broadcaster.wire.receipt import Receipt, ReceiptLine, Verdict
from broadcaster.wire.status import StationStatus, read_status


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Up to where one file of a station's outbox has been collected."""

    offset_bytes: int
    point: ChainPoint


_INSERT_POSITION = insert_sqlite(log_positions)
_PUT_POSITION = _INSERT_POSITION.on_conflict_do_update(
    index_elements=["station_id", "file_name"],
    set_={name: _INSERT_POSITION.excluded[name] for name in ("offset_bytes", "log_id", "seq", "line_sha256")},
)


def write_contact(connection: Connection, station: StationId, values: Mapping[str, object]) -> None:
    """Update some columns of a station's contact row; the others stay."""
    new = {"station_id": station, "error": "", "message": "", "log_id": "", **values}
    statement = insert_sqlite(contacts).values(**new)
    connection.execute(statement.on_conflict_do_update(index_elements=["station_id"], set_=dict(values)))


def read_contacts(connection: Connection) -> dict[StationId, StationContact]:
    """Read the contact of every station that was ever tried."""
    return {StationId(row.station_id): _make_contact(row) for row in connection.execute(select(contacts))}


def read_contact(connection: Connection, station: StationId) -> StationContact | None:
    """Read the contact of one station; None when it was never tried."""
    row = connection.execute(select(contacts).where(contacts.c.station_id == station)).one_or_none()
    return None if row is None else _make_contact(row)


def read_statuses(connection: Connection, station: StationId | None = None) -> dict[StationId, StationStatus]:
    """Read the last status document of every station, or of one, that handed one in."""
    query = select(contacts.c.station_id, contacts.c.status).where(contacts.c.status.is_not(None))
    if station is not None:
        query = query.where(contacts.c.station_id == station)
    return {StationId(row.station_id): read_status(row.status) for row in connection.execute(query)}


def write_receipts(
    connection: Connection, station: StationId, lines: Sequence[ReceiptLine], collected_at: datetime
) -> int:
    """Keep receipts; those that are there already stay as they are.

    Returns:
        How many were new.
    """
    rows = [
        {
            "station_id": station,
            "log_id": line.log,
            "seq": line.seq,
            "at": line.receipt.at,
            "name": line.receipt.name,
            "sha256": line.receipt.sha256,
            "verdict": line.receipt.verdict.value,
            "reason": line.receipt.reason,
            "raw": line.raw,
            "collected_at": collected_at,
        }
        for line in lines
    ]
    return connection.execute(insert_sqlite(receipts).on_conflict_do_nothing(), rows).rowcount if rows else 0


def read_position(connection: Connection, station: StationId, file_name: str) -> LogPosition | None:
    """Read up to where a file was collected; None when it never was."""
    query = select(log_positions).where(log_positions.c.station_id == station, log_positions.c.file_name == file_name)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return LogPosition(row.offset_bytes, ChainPoint(LogId(row.log_id), row.seq, Sha256(row.line_sha256)))


def write_position(connection: Connection, station: StationId, file_name: str, position: LogPosition) -> None:
    """Keep up to where a file was collected."""
    values = {
        "station_id": station,
        "file_name": file_name,
        "offset_bytes": position.offset_bytes,
        "log_id": position.point.log,
        "seq": position.point.seq,
        "line_sha256": position.point.line_sha256,
    }
    connection.execute(_PUT_POSITION, values)


def write_break(connection: Connection, station: StationId, file_name: str, message: str, found_at: datetime) -> None:
    """Keep the finding that a station's log does not hold together; the same finding is kept once."""
    row = {"station_id": station, "file_name": file_name, "message": message, "found_at": found_at}
    connection.execute(insert_sqlite(chain_breaks).values(**row).on_conflict_do_nothing())


def read_breaks(
    connection: Connection, since_at: datetime | None = None, known_at: datetime | None = None
) -> dict[StationId, list[str]]:
    """Read what was found wrong with stations' logs: from `since_at` on and until `known_at`, where they are given."""
    found: dict[StationId, list[str]] = {}
    query = select(chain_breaks).order_by(chain_breaks.c.id)
    if since_at is not None:
        query = query.where(chain_breaks.c.found_at >= since_at)
    if known_at is not None:
        query = query.where(chain_breaks.c.found_at <= known_at)
    for row in connection.execute(query):
        found.setdefault(StationId(row.station_id), []).append(f"{row.file_name}: {row.message}")
    return found


def read_held(connection: Connection, station: StationId | None = None) -> dict[StationId, dict[str, datetime]]:
    """Read what every station, or one, holds by its own word: hash of a master or a plan's bytes, and since when.

    Only the receipts of the station's present log count: a box set up anew starts with nothing.
    """
    held: dict[StationId, dict[str, datetime]] = {}
    query = select(receipts.c.station_id, receipts.c.sha256, receipts.c.verdict, receipts.c.at).join(
        contacts, (contacts.c.station_id == receipts.c.station_id) & (contacts.c.log_id == receipts.c.log_id)
    )
    if station is not None:
        query = query.where(receipts.c.station_id == station)
    for row in connection.execute(query.order_by(receipts.c.station_id, receipts.c.seq)):
        mine = held.setdefault(StationId(row.station_id), {})
        if row.verdict == Verdict.VERIFIED:
            mine.setdefault(row.sha256, row.at)
        elif row.verdict == Verdict.REMOVED:
            mine.pop(row.sha256, None)
    return held


def read_refusals(connection: Connection, station: StationId, limit: int) -> list[Receipt]:
    """Read the last refusals of one station, newest first."""
    query = select(receipts).where(receipts.c.station_id == station, receipts.c.verdict == Verdict.REFUSED.value)
    rows = connection.execute(query.order_by(receipts.c.at.desc()).limit(limit))
    return [_make_receipt(row) for row in rows]


def read_last_refusals(connection: Connection) -> dict[StationId, str]:
    """Read the reason of the last refusal of every station that ever refused something."""
    query = select(receipts.c.station_id, receipts.c.reason).where(receipts.c.verdict == Verdict.REFUSED.value)
    rows = connection.execute(query.order_by(receipts.c.at))
    return {StationId(row.station_id): row.reason for row in rows}


def _make_receipt(row: Row[Any]) -> Receipt:
    return Receipt(row.at, row.name, row.sha256, Verdict(row.verdict), row.reason)


def _make_contact(row: Row[Any]) -> StationContact:
    return StationContact(
        station=StationId(row.station_id),
        reached_at=row.reached_at,
        failed_at=row.failed_at,
        error=row.error,
        message=row.message,
        clock_offset_s=row.clock_offset_s,
        journal_until=row.journal_until,
        log=LogId(row.log_id) if row.log_id else None,
        stopped_key=row.stopped_key,
    )
