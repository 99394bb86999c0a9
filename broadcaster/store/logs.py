"""Journals and receipts as reports read them: some stations, one period, and nothing of the history beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import Connection, select, text, union

from broadcaster.core.files import name_master
from broadcaster.core.ids import AiringId, LogId, Sha256, StationId
from broadcaster.store.instant import write_instant
from broadcaster.store.tables import journal_lines, receipts
from broadcaster.wire.chain import START, ChainPoint, hash_line, read_line
from broadcaster.wire.journal import JournalLine, read_entry
from broadcaster.wire.receipt import Receipt, Verdict

BACKFILLED_AFTER = timedelta(hours=24)
JOURNAL_MARGIN = timedelta(days=1)
HeldSpan = tuple[datetime, datetime | None]
_INSERT = """
INSERT INTO journal_lines
    (station_id, log_id, seq, event, at, airing_id, planned_at, raw, collected_at, is_backfilled)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""


def write_journal(
    connection: Connection, station: StationId, lines: Sequence[JournalLine], collected_at: datetime
) -> int:
    """Keep journal lines; those that are there already stay as they are.

    A line that comes in more than a day after it was written is marked as backfilled.

    Returns:
        How many were new.
    """
    collected = write_instant(collected_at)
    backfilled_before = collected_at - BACKFILLED_AFTER
    rows = [
        (
            station,
            line.log,
            line.seq,
            entry.happening.value,
            write_instant(entry.at),
            entry.airing,
            write_instant(entry.planned_at),
            line.raw,
            collected,
            entry.at < backfilled_before,
        )
        for line in lines
        for entry in [line.entry]
    ]
    # By the driver itself: through SQLAlchemy's parameters a year of a region's lines takes twice as long to keep.
    return connection.exec_driver_sql(_INSERT, rows).rowcount if rows else 0


def read_journal(
    connection: Connection,
    stations: Sequence[StationId],
    first_at: datetime,
    last_at: datetime,
    known_at: datetime,
    named: Mapping[StationId, Collection[AiringId]] = MappingProxyType({}),
) -> dict[StationId, dict[AiringId, list[JournalLine]]]:
    """Read some stations' journal lines of airings planned between two instants, in the order they were written.

    A box whose clock is off, or whose plan was another day's, still belongs to its airing: lines of the airings named
    are found up to a day before and after.

    Args:
        connection: To the record.
        stations: Whose journals.
        first_at: Planned at this instant or later.
        last_at: Planned before this instant.
        known_at: Lines that were collected later are left out: a report made again knows what it knew.
        named: Airings of each station whose lines are also looked for around the two instants.
    """
    columns = journal_lines.c
    query = select(columns.station_id, columns.airing_id, columns.planned_at, columns.raw).where(
        columns.station_id.in_(stations),
        columns.planned_at >= first_at - JOURNAL_MARGIN,
        columns.planned_at < last_at + JOURNAL_MARGIN,
        columns.collected_at <= known_at,
    )
    found: dict[StationId, dict[AiringId, list[JournalLine]]] = {}
    for station, airing, planned_at, raw in connection.execute(query.order_by(columns.at, columns.log_id, columns.seq)):
        if first_at <= planned_at < last_at or airing in named.get(station, ()):
            found.setdefault(station, {}).setdefault(airing, []).append(read_entry(read_line(raw)))
    return found


def read_journal_places(connection: Connection, airing: AiringId) -> dict[StationId, datetime]:
    """Read which stations' journals tell of an airing, and for when; the whole record is searched."""
    columns = journal_lines.c
    query = select(columns.station_id, columns.planned_at).where(columns.airing_id == airing)
    return {StationId(row[0]): row[1] for row in connection.execute(query.distinct().order_by(columns.station_id))}


def read_log(connection: Connection, station: StationId, log: LogId) -> list[JournalLine]:
    """Read a whole log of a station; for logs that people type, which stay short."""
    columns = journal_lines.c
    query = select(columns.raw).where(columns.station_id == station, columns.log_id == log).order_by(columns.seq)
    return [read_entry(read_line(raw)) for raw in connection.execute(query).scalars()]


def read_last_line(connection: Connection, station: StationId, log: LogId) -> ChainPoint:
    """Read where one of a station's logs stands; its beginning when it has no line."""
    columns = journal_lines.c
    query = select(columns.seq, columns.raw).where(columns.station_id == station, columns.log_id == log)
    row = connection.execute(query.order_by(columns.seq.desc()).limit(1)).one_or_none()
    return ChainPoint(log, 0, START) if row is None else ChainPoint(log, row.seq, hash_line(row.raw))


def read_held_spans(
    connection: Connection,
    hashes: Mapping[StationId, Collection[str]],
    logs: Mapping[StationId, LogId],
    known_at: datetime,
) -> dict[StationId, dict[Sha256, list[HeldSpan]]]:
    """Read when stations held some masters and plans, by their own receipts.

    A box set up anew starts with nothing: what the log before it held ends with the first receipt of the new one.

    Args:
        connection: To the record.
        hashes: Of the masters and plans asked about, for each station.
        logs: Each station's present log, where it said one.
        known_at: Receipts that were collected later are left out.

    Returns:
        For each station and hash that was ever held: from when until when, None while it still is.
    """
    columns = receipts.c
    query = select(columns.station_id, columns.log_id, columns.sha256, columns.verdict, columns.at).where(
        columns.station_id.in_(hashes),
        columns.sha256.in_({sha256 for mine in hashes.values() for sha256 in mine}),
        columns.collected_at <= known_at,
    )
    told: dict[StationId, list[tuple[LogId, Sha256, str, datetime]]] = {}
    for row in connection.execute(query.order_by(columns.at, columns.log_id, columns.seq)):
        if row.sha256 in hashes[row.station_id]:
            told.setdefault(row.station_id, []).append((row.log_id, row.sha256, row.verdict, row.at))
    found: dict[StationId, dict[Sha256, list[HeldSpan]]] = {}
    for station, mine in told.items():
        last = mine[-1][0]
        log = logs.get(station, last)
        found[station] = _match_spans(mine, None if log == last else _read_beginning(connection, station, log))
    return found


def _read_beginning(connection: Connection, station: StationId, log: LogId) -> datetime | None:
    columns = receipts.c
    query = select(columns.at).where(columns.station_id == station, columns.log_id == log).order_by(columns.seq)
    return connection.execute(query.limit(1)).scalar()


def _match_spans(
    told: Iterable[tuple[LogId, Sha256, str, datetime]], anew_at: datetime | None
) -> dict[Sha256, list[HeldSpan]]:
    spans: dict[Sha256, list[HeldSpan]] = {}
    open_since: dict[Sha256, datetime] = {}
    current: LogId | None = None
    for log, sha256, verdict, at in told:
        if current is not None and log != current:
            _close_all(spans, open_since, at)
        current = log
        if verdict == Verdict.VERIFIED:
            open_since.setdefault(sha256, at)
        elif verdict == Verdict.REMOVED and sha256 in open_since:
            spans.setdefault(sha256, []).append((open_since.pop(sha256), at))
    if anew_at is not None:
        _close_all(spans, open_since, anew_at)
    for sha256, since_at in open_since.items():
        spans.setdefault(sha256, []).append((since_at, None))
    return spans


def read_refused(
    connection: Connection, hashes: Mapping[StationId, Collection[Sha256]], known_at: datetime
) -> dict[StationId, dict[Sha256, list[Receipt]]]:
    """Read stations' refusals of some masters, also of files that only bore a master's name; oldest first."""
    columns = receipts.c
    names = {name_master(sha256): sha256 for mine in hashes.values() for sha256 in mine}
    query = select(columns.station_id, columns.at, columns.name, columns.sha256, columns.reason, columns.log_id,
                   columns.seq).where(columns.station_id.in_(hashes), columns.verdict == Verdict.REFUSED.value,
                                      columns.collected_at <= known_at)  # fmt: skip
    # Two questions and not one with OR: for that SQLite would read all receipts that a station ever gave.
    both = union(query.where(columns.sha256.in_(names.values())), query.where(columns.name.in_(names)))
    found: dict[StationId, dict[Sha256, list[Receipt]]] = {}
    for row in connection.execute(both.order_by("at", "seq")):
        about = next((one for one in (names.get(row.name), row.sha256) if one in hashes[row.station_id]), None)
        if about is not None:
            refused = Receipt(row.at, row.name, row.sha256, Verdict.REFUSED, row.reason)
            found.setdefault(row.station_id, {}).setdefault(about, []).append(refused)
    return found


def read_journal_stations(connection: Connection) -> list[StationId]:
    """Read which stations ever sent a journal line: one step in the index for each, however long the history."""
    step = (
        "WITH RECURSIVE found(id) AS (SELECT min(station_id) FROM journal_lines UNION ALL "
        "SELECT (SELECT min(station_id) FROM journal_lines WHERE station_id > found.id) FROM found "
        "WHERE found.id IS NOT NULL) SELECT id FROM found WHERE id IS NOT NULL"
    )
    return [StationId(name) for name in connection.execute(text(step)).scalars()]


def _close_all(spans: dict[Sha256, list[HeldSpan]], open_since: dict[Sha256, datetime], at: datetime) -> None:
    for sha256, since_at in open_since.items():
        spans.setdefault(sha256, []).append((since_at, at))
    open_since.clear()
