"""Tries to deliver, each with its reason, and what the centre itself found at stations that give no receipts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from broadcaster.core.ids import LogId, StationId
from broadcaster.store.tables import deliveries, receipts
from broadcaster.wire.receipt import Receipt, Verdict

INTERRUPTED = "Interrupted"
CARRIED = "Carried"  # by a stick, which says nothing of the station's line
_NOT_COUNTED = (INTERRUPTED, CARRIED, "GaveWayError")


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


def begin_attempt(connection: Connection, station: StationId, at: datetime) -> int:
    """Keep that a try begins: a centre that is killed in the middle of it leaves a row that says so.

    Returns:
        The number by which `end_attempt` finds it again.
    """
    row = {
        "station_id": station,
        "started_at": at,
        "ended_at": at,
        "names": "",
        "sent_bytes": 0,
        "error": INTERRUPTED,
        "message": "not ended: it is under way, or the centre was stopped in the middle of it",
    }
    return int(connection.execute(insert(deliveries).values(**row).returning(deliveries.c.id)).scalar_one())


def end_attempt(connection: Connection, number: int, attempt: DeliveryAttempt) -> None:
    """Keep how a try ended."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == number)
        .values(
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


def read_last_attempt(connection: Connection) -> int:
    """Read the number of the newest try for any station; 0 when there was none."""
    return int(connection.execute(select(func.max(deliveries.c.id))).scalar() or 0)


def read_station_failures(
    connection: Connection, stations: Sequence[StationId], first_at: datetime, last_at: datetime, last_attempt: int
) -> dict[StationId, list[tuple[datetime, str]]]:
    """Read why tries for some stations that ended between two instants failed, in the order of time.

    Tries with a number above `last_attempt` are left out: a report made again knows what it knew.
    """
    query = select(deliveries.c.station_id, deliveries.c.ended_at, deliveries.c.message).where(
        deliveries.c.station_id.in_(stations),
        deliveries.c.ended_at.between(first_at, last_at),
        deliveries.c.error != "",
        deliveries.c.id <= last_attempt,
    )
    found: dict[StationId, list[tuple[datetime, str]]] = {}
    for row in connection.execute(query.order_by(deliveries.c.ended_at, deliveries.c.id)):
        found.setdefault(row.station_id, []).append((row.ended_at, row.message))
    return found


def count_failures(connection: Connection, station: StationId, limit: int = 20) -> tuple[int, datetime | None]:
    """Count how many tries failed since the last good one, and when the newest of them ended.

    Those that gave way to an emergency, were stopped with the centre or went by a stick say nothing of the station's
    line: they are left out.

    Returns:
        0 and None when the newest try went well, or none was made.
    """
    failures, ended_at = 0, None
    for attempt in read_attempts(connection, station, limit):
        if not attempt.error:
            break
        if attempt.error not in _NOT_COUNTED:
            failures += 1
            ended_at = ended_at or attempt.ended_at
    return failures, ended_at


def count_refusals(connection: Connection, station: StationId, names: Iterable[str]) -> dict[str, int]:
    """Count how often a station refused files of some names."""
    query = (
        select(receipts.c.name, func.count())
        .where(receipts.c.station_id == station, receipts.c.verdict == Verdict.REFUSED.value)
        .where(receipts.c.name.in_(list(names)))
        .group_by(receipts.c.name)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def write_own_receipt(connection: Connection, station: StationId, log: LogId, receipt: Receipt) -> None:
    """Keep what the centre itself found at a station, in a log of its own beside the station's."""
    place = (receipts.c.station_id == station) & (receipts.c.log_id == log)
    last = connection.execute(select(func.max(receipts.c.seq)).where(place)).scalar_one()
    connection.execute(
        insert(receipts).values(
            station_id=station,
            log_id=log,
            seq=(last or 0) + 1,
            at=receipt.at,
            name=receipt.name,
            sha256=receipt.sha256,
            verdict=receipt.verdict.value,
            reason=receipt.reason,
            raw=b"",
            collected_at=receipt.at,
        )
    )


def read_own_names(connection: Connection, station: StationId, log: LogId) -> dict[str, str]:
    """Read the files that a station holds by what the centre itself found there: hash by name."""
    place = (receipts.c.station_id == station) & (receipts.c.log_id == log)
    found: dict[str, str] = {}
    for row in connection.execute(select(receipts).where(place).order_by(receipts.c.seq)):
        if row.verdict == Verdict.VERIFIED:
            found[row.name] = row.sha256
        else:
            found.pop(row.name, None)
    return found
