"""Export what a report rests on as plain tables, so that another program can come to the same figures by itself."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

from broadcaster.airtime.reconcile import Outcome
from broadcaster.centre.gather import Gatherer, StationPeriod
from broadcaster.centre.publish import record_missed_days
from broadcaster.core.errors import InputError, WorkspaceError
from broadcaster.core.model import StationContact
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import format_instant
from broadcaster.store.deliveries import read_last_attempt
from broadcaster.store.engine import Record
from broadcaster.store.stations import read_contacts

TABLES = {
    "airings": (
        "station", "airing", "slot", "programme", "title", "column", "campaign", "priority", "is_repeat",
        "planned_at", "duration_ms", "verdict", "cause", "played_ms",
    ),
    "journal": (
        "station", "log", "seq", "event", "at", "airing", "planned_at", "started_at", "duration_ms", "output_ms",
        "ending", "reason", "stand_in", "is_local", "declared_by", "title",
    ),
    "stations": ("station", "name", "kind", "journal_until", "clock_offset_s"),
}  # fmt: skip


def export_period(
    record: Record, schedules: Schedules, first_on: date, last_on: date, folder: Path, now_at: datetime
) -> dict[str, int]:
    """Write airings.csv, journal.csv and stations.csv of a period: UTF-8, instants in UTC, lengths in milliseconds.

    Only airings that are over are in them, as in a report. Memory holds one station's period.

    Args:
        record: Plans, receipts, journals.
        schedules: Names, zone, tolerances.
        first_on: First date.
        last_on: Last date.
        folder: Where to; made when it is not there.
        now_at: Airings that end after this are left out.

    Returns:
        How many rows each table has.

    Raises:
        InputError: The period ends before it begins.
        WorkspaceError: The folder cannot be written; tables that were there stay as they were.
    """
    if last_on < first_on:
        raise InputError(f"the period ends ({last_on}) before it begins ({first_on})")
    now_at = now_at.astimezone(UTC)
    record_missed_days(record, schedules, first_on, last_on, now_at)
    counts = dict.fromkeys(TABLES, 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack, record.read() as connection:
            writers = {}
            for table, heads in TABLES.items():
                file = stack.enter_context((folder / f".{table}.part").open("w", encoding="utf-8", newline=""))
                writers[table] = csv.writer(file)
                writers[table].writerow(heads)
            contacts = read_contacts(connection)
            gatherer = Gatherer(connection, schedules.centre, contacts, read_last_attempt(connection), now_at)
            stations = gatherer.list_stations(one.id for one in schedules.stations)
            for found in gatherer.read_periods(stations, first_on, last_on):
                tables = {
                    "airings": [_list_airing(outcome) for outcome in found.outcomes],
                    "journal": list(_list_lines(found)),
                    "stations": [_list_station(schedules, found, contacts.get(found.station))],
                }
                for table, rows in tables.items():
                    writers[table].writerows(rows)
                    counts[table] += len(rows)
        for table in TABLES:
            (folder / f".{table}.part").replace(folder / f"{table}.csv")
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be written: {error.strerror}") from error
    return counts


def _list_airing(outcome: Outcome) -> Sequence[object]:
    of = outcome.airing
    return (
        of.station, of.id, of.slot, of.programme, of.title, of.column or "", of.campaign or "", of.priority.value,
        int(of.is_repeat), format_instant(of.start_at), of.duration_ms, outcome.verdict.value, outcome.cause.value,
        outcome.played_ms,
    )  # fmt: skip


def _list_lines(found: StationPeriod) -> Iterator[Sequence[object]]:
    for lines in found.lines.values():
        for line in lines:
            of = line.entry
            yield (
                found.station, line.log, line.seq, of.happening.value, format_instant(of.at), of.airing,
                format_instant(of.planned_at), format_instant(of.started_at) if of.started_at else "", of.duration_ms,
                of.output_ms, of.ending.value if of.ending else "", of.reason.value if of.reason else "",
                of.stand_in.value if of.stand_in else "", int(of.is_local), of.declared_by, of.title,
            )  # fmt: skip


def _list_station(schedules: Schedules, found: StationPeriod, contact: StationContact | None) -> Sequence[object]:
    station = schedules.get_station(found.station)
    until_at = contact.journal_until if contact else None
    return (
        found.station, station.name if station else found.station, station.kind.value if station else "",
        format_instant(until_at) if until_at else "",
        contact.clock_offset_s if contact and contact.clock_offset_s is not None else "",
    )  # fmt: skip
