"""What is known of each station: contacts, deliveries, receipts, journal lines. Collecting twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from broadcaster.core.ids import AiringId, LogId, Sha256, StationId
from broadcaster.core.model import StationContact
from broadcaster.store.tables import (
    chain_breaks,
    contacts,
    deliveries,
    journal_lines,
    log_positions,
    receipts,
)
from broadcaster.wire.chain import ChainPoint, read_line
from broadcaster.wire.journal import JournalLine, read_entry
from broadcaster.wire.receipt import Receipt, ReceiptLine, Verdict
from broadcaster.wire.status import StationStatus, read_status

BACKFILLED_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One try to send something to a station. `error` is "" when it went well, else the error's class."""

    station: StationId
    started_at: datetime
    ended_at: datetime
    names: str
    sent_bytes: int
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Up to where one file of a station's outbox has been collected."""

    offset_bytes: int
    point: ChainPoint


def write_contact(connection: Connection, station: StationId, values: Mapping[str, object]) -> None:
    """Update some columns of a station's contact row; the others stay."""
    new = {"station_id": station, "error": "", "message": "", "log_id": "", **values}
    statement = insert_sqlite(contacts).values(**new)
    connection.execute(statement.on_conflict_do_update(index_elements=["station_id"], set_=dict(values)))


def read_contacts(connection: Connection) -> dict[StationId, StationContact]:
    """Read the contact of every station that was ever tried."""
    return {StationId(row.station_id): _make_contact(row) for row in connection.execute(select(contacts))}


def read_statuses(connection: Connection) -> dict[StationId, StationStatus]:
    """Read the last status document of every station that handed one in."""
    rows = connection.execute(select(contacts.c.station_id, contacts.c.status).where(contacts.c.status.is_not(None)))
    return {StationId(row.station_id): read_status(row.status) for row in rows}


def write_attempt(connection: Connection, attempt: DeliveryAttempt) -> None:
    """Keep one try."""
    connection.execute(
        insert(deliveries).values(
            station_id=attempt.station,
            started_at=attempt.started_at,
            ended_at=attempt.ended_at,
            names=attempt.names,
            sent_bytes=attempt.sent_bytes,
            error=attempt.error,
            message=attempt.message,
        )
    )


def read_attempts(connection: Connection, station: StationId, limit: int) -> list[DeliveryAttempt]:
    """Read the last tries for one station, newest first."""
    query = select(deliveries).where(deliveries.c.station_id == station)
    rows = connection.execute(query.order_by(deliveries.c.ended_at.desc(), deliveries.c.id.desc()).limit(limit))
    return [DeliveryAttempt(station, r.started_at, r.ended_at, r.names, r.sent_bytes, r.error, r.message) for r in rows]


def read_failures(
    connection: Connection, first_at: datetime, last_at: datetime
) -> dict[StationId, list[tuple[datetime, str]]]:
    """Read why tries that ended between two instants failed, for each station in the order of time."""
    query = select(deliveries).where(deliveries.c.ended_at.between(first_at, last_at), deliveries.c.error != "")
    found: dict[StationId, list[tuple[datetime, str]]] = {}
    for row in connection.execute(query.order_by(deliveries.c.ended_at, deliveries.c.id)):
        found.setdefault(StationId(row.station_id), []).append((row.ended_at, row.message))
    return found


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
    return sum(
        connection.execute(insert_sqlite(receipts).values(**row).on_conflict_do_nothing()).rowcount for row in rows
    )


def write_journal(
    connection: Connection, station: StationId, lines: Sequence[JournalLine], collected_at: datetime
) -> int:
    """Keep journal lines; those that are there already stay as they are.

    A line that comes in more than a day after it was written is marked as backfilled.

    Returns:
        How many were new.
    """
    rows = [
        {
            "station_id": station,
            "log_id": line.log,
            "seq": line.seq,
            "event": line.entry.happening.value,
            "at": line.entry.at,
            "airing_id": line.entry.airing,
            "planned_at": line.entry.planned_at,
            "raw": line.raw,
            "collected_at": collected_at,
            "is_backfilled": collected_at - line.entry.at > BACKFILLED_AFTER,
        }
        for line in lines
    ]
    return sum(
        connection.execute(insert_sqlite(journal_lines).values(**row).on_conflict_do_nothing()).rowcount for row in rows
    )


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
        "offset_bytes": position.offset_bytes,
        "log_id": position.point.log,
        "seq": position.point.seq,
        "line_sha256": position.point.line_sha256,
    }
    statement = insert_sqlite(log_positions).values(station_id=station, file_name=file_name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["station_id", "file_name"], set_=values))


def write_break(connection: Connection, station: StationId, file_name: str, message: str, found_at: datetime) -> None:
    """Keep the finding that a station's log does not hold together; the same finding is kept once."""
    row = {"station_id": station, "file_name": file_name, "message": message, "found_at": found_at}
    connection.execute(insert_sqlite(chain_breaks).values(**row).on_conflict_do_nothing())


def read_breaks(connection: Connection) -> dict[StationId, list[str]]:
    """Read what was found wrong with stations' logs."""
    found: dict[StationId, list[str]] = {}
    for row in connection.execute(select(chain_breaks).order_by(chain_breaks.c.id)):
        found.setdefault(StationId(row.station_id), []).append(f"{row.file_name}: {row.message}")
    return found


def read_held(connection: Connection) -> dict[StationId, dict[str, datetime]]:
    """Read what every station holds by its own word: hash of a master or a plan's bytes, and since when.

    Only the receipts of the station's present log count: a box set up anew starts with nothing.
    """
    held: dict[StationId, dict[str, datetime]] = {}
    query = select(receipts.c.station_id, receipts.c.sha256, receipts.c.verdict, receipts.c.at).join(
        contacts, (contacts.c.station_id == receipts.c.station_id) & (contacts.c.log_id == receipts.c.log_id)
    )
    for row in connection.execute(query.order_by(receipts.c.station_id, receipts.c.seq)):
        mine = held.setdefault(StationId(row.station_id), {})
        if row.verdict == Verdict.VERIFIED:
            mine.setdefault(row.sha256, row.at)
        elif row.verdict == Verdict.REMOVED:
            mine.pop(row.sha256, None)
    return held


def read_receipts_of(connection: Connection, hashes: Iterable[Sha256]) -> dict[tuple[StationId, Sha256], list[Receipt]]:
    """Read every receipt about some masters or plans, also refusals of files that only bore their name."""
    wanted = set(hashes)
    found: dict[tuple[StationId, Sha256], list[Receipt]] = {}
    for row in connection.execute(select(receipts).order_by(receipts.c.at, receipts.c.seq)):
        stem = row.name.removesuffix(".mp3")
        about = row.sha256 if row.sha256 in wanted else stem if stem in wanted else None
        if about is not None:
            found.setdefault((StationId(row.station_id), Sha256(about)), []).append(_make_receipt(row))
    return found


def read_refusals(connection: Connection, station: StationId, limit: int) -> list[Receipt]:
    """Read the last refusals of one station, newest first."""
    query = select(receipts).where(receipts.c.station_id == station, receipts.c.verdict == Verdict.REFUSED.value)
    rows = connection.execute(query.order_by(receipts.c.at.desc()).limit(limit))
    return [_make_receipt(row) for row in rows]


def read_journal_between(
    connection: Connection, first_at: datetime, last_at: datetime
) -> dict[tuple[StationId, AiringId], list[JournalLine]]:
    """Read the journal lines of airings that were planned between two instants, in the order they were written."""
    query = (
        select(journal_lines)
        .where(journal_lines.c.planned_at >= first_at, journal_lines.c.planned_at < last_at)
        .order_by(journal_lines.c.station_id, journal_lines.c.at, journal_lines.c.seq)
    )
    found: dict[tuple[StationId, AiringId], list[JournalLine]] = {}
    for row in connection.execute(query):
        line = read_entry(read_line(row.raw))
        found.setdefault((StationId(row.station_id), line.entry.airing), []).append(line)
    return found


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
    )
