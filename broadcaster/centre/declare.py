"""Journals that a person types in: for vehicles and stations without an agent, marked as self-declared everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from broadcaster.airtime.reconcile import list_declared
from broadcaster.centre.publish import record_missed_days
from broadcaster.core.errors import InputError, InUseError, UnknownNameError
from broadcaster.core.ids import AiringId, LogId, Sha256, StationId, compose, suggest_nearest
from broadcaster.core.model import Airing, Station
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import format_instant, period_to_utc
from broadcaster.store.engine import Record
from broadcaster.store.logs import read_journal, read_last_line, read_log, write_journal
from broadcaster.store.plans import read_airings_named, read_station_airings
from broadcaster.store.programmes import write_audit
from broadcaster.wire.chain import ChainPoint, plan_line, read_line
from broadcaster.wire.journal import (
    Ending,
    Happening,
    JournalEntry,
    JournalLine,
    SkipReason,
    read_entry,
    write_entry,
)

LOG = LogId("declared")
NO_FILE = Sha256("0" * 64)
UNPLANNED = "declared-"
ALWAYS = datetime.max.replace(tzinfo=UTC)


def find_station(schedules: Schedules, name: str) -> Station:
    """Find a station by its id.

    Raises:
        UnknownNameError: There is none.
    """
    station = schedules.get_station(name)
    if station is None:
        known = [one.id for one in schedules.stations]
        hint = suggest_nearest(name, known, "its id stands in schedules/stations.yaml")
        raise UnknownNameError(f"there is no station {name!r}", hint=hint)
    return station


def plan_declared(
    record: Record, schedules: Schedules, station: Station, on: date, slot: str | None, by: str, now_at: datetime
) -> list[JournalEntry]:
    """Plan lines that say of a date's airings, or of one slot's, that all sounded whole. Nothing is declared yet.

    Args:
        record: Plans and journals.
        schedules: The zone.
        station: Where it sounded.
        on: Which date.
        slot: Only this slot; every slot when None.
        by: Who says so.
        now_at: Airings that end after this cannot be declared.

    Raises:
        InputError: Nothing was planned then, or nothing of it is over.
        InUseError: The box's own diary tells of an airing, or it was declared already.
    """
    record_missed_days(record, schedules, on, on, now_at)
    period = period_to_utc(on, on, schedules.centre.zone)
    with record.read() as connection:
        planned = [
            airing
            for airing, _ in read_station_airings(connection, [station.id], *period).get(station.id, ())
            if slot in (None, airing.slot) and airing.end_at() <= now_at
        ]
        if not planned:
            what = f"slot {slot!r}" if slot else "anything"
            raise InputError(f"nothing is over of {what} that was planned for {station.name} on {on:%d/%m/%Y}")
        entries = [_declare_whole(airing, by, now_at) for airing in planned]
        _refuse_known(connection, station.id, entries)
    return entries


def plan_declared_airing(
    record: Record, schedules: Schedules, station: Station, name: AiringId, output_ms: int | None, by: str,
    now_at: datetime,
) -> JournalEntry:  # fmt: skip
    """Plan a line that says of one airing how much of it sounded; all of it when `output_ms` is None.

    Raises:
        UnknownNameError: The station has no such airing.
        InputError: It is not over, or more is said to have sounded than it is long.
        InUseError: The box's own diary tells of it, or it was declared already.
    """
    airing = _find_airing(record, station, name)
    if airing.end_at() > now_at:
        raise InputError(f"{name} is not over yet")
    if output_ms is not None and output_ms > airing.duration_ms:
        raise InputError(f"{name} is {airing.duration_ms / 60_000:.1f} minutes long: more cannot have sounded")
    entry = _declare_whole(airing, by, now_at)
    if output_ms is not None and output_ms < airing.duration_ms:
        entry = replace(entry, output_ms=output_ms, ending=Ending.STOPPED)
    with record.read() as connection:
        _refuse_known(connection, station.id, [entry])
    return entry


def plan_declared_sound(
    station: Station, title: str, started_at: datetime, output_ms: int, by: str, now_at: datetime
) -> JournalEntry:
    """Plan a line about sound that no plan asked for, such as a vehicle's round.

    Raises:
        InputError: It lies in the future, or has no length.
    """
    if output_ms <= 0 or started_at + timedelta(milliseconds=output_ms) > now_at:
        raise InputError("what is declared must have sounded already, and for longer than nothing")
    return JournalEntry(
        happening=Happening.END, at=now_at, airing=AiringId(f"{UNPLANNED}{station.id}-{format_instant(started_at)}"),
        sha256=NO_FILE, title=compose(title), planned_at=started_at, duration_ms=output_ms, started_at=started_at,
        output_ms=output_ms, ending=Ending.COMPLETE, reason=None, note="", volume=station.volume, clock_error_ms=None,
        declared_by=by,
    )  # fmt: skip


def write_declared(
    record: Record, station: StationId, entries: Sequence[JournalEntry], actor: str, now_at: datetime
) -> list[JournalLine]:
    """Keep declared lines in a log of their own, chained like a box's diary, and note them in the audit.

    Raises:
        InUseError: Meanwhile the diary came, or somebody else declared the same. Nothing has been written.
    """
    with record.write() as connection:
        _refuse_known(connection, station, [entry for entry in entries if entry.happening is not Happening.SKIP])
        point = read_last_line(connection, station, LOG)
        lines: list[JournalLine] = []
        for entry in entries:
            line = read_line(plan_line(point, write_entry(entry)))
            point = ChainPoint(point.log, line.seq, line.point().line_sha256)
            lines.append(read_entry(line))
            action = "airtime taken back" if entry.happening is Happening.SKIP else "airtime declared"
            detail = f"{entry.output_ms / 1000:.0f} s of {entry.title!r}, by {entry.declared_by}; {entry.note}"
            write_audit(connection, now_at, actor, action, f"{station} {entry.airing}", detail.rstrip("; "))
        write_journal(connection, station, lines, now_at)
    return lines


def plan_taken_back(record: Record, station: Station, name: AiringId, by: str, now_at: datetime) -> JournalEntry:
    """Plan a line that takes back what was declared about an airing; both lines stay.

    Raises:
        UnknownNameError: Nothing is declared about it.
    """
    with record.read() as connection:
        lines = read_log(connection, station.id, LOG)
    declared = list_declared(line.entry for line in lines if line.entry.airing == name)
    if not declared:
        raise UnknownNameError(
            f"nothing is declared about {name!r} at {station.name}", hint="`broadcaster journal list` names what is"
        )
    return replace(
        declared[-1], happening=Happening.SKIP, at=now_at, started_at=None, output_ms=0, ending=None,
        reason=SkipReason.TAKEN_BACK, declared_by=by,
    )  # fmt: skip


def list_declared_lines(
    record: Record, station: Station, first: date, last: date, schedules: Schedules
) -> list[JournalEntry]:
    """List what stands as declared about a station's period, earliest first."""
    begins_at, ends_at = period_to_utc(first, last, schedules.centre.zone)
    told: dict[AiringId, list[JournalEntry]] = {}
    with record.read() as connection:
        for line in read_log(connection, station.id, LOG):
            if begins_at <= line.entry.planned_at < ends_at:
                told.setdefault(line.entry.airing, []).append(line.entry)
    entries = [entry for mine in told.values() for entry in list_declared(mine)]
    return sorted(entries, key=lambda entry: entry.planned_at)


def _find_airing(record: Record, station: Station, name: AiringId) -> Airing:
    with record.read() as connection:
        found = read_airings_named(connection, name, [station.id])
    if not found:
        raise UnknownNameError(
            f"{station.name} has no airing {name!r}", hint="`broadcaster airtime explain` names them"
        )
    return found[0]


def _declare_whole(airing: Airing, by: str, now_at: datetime) -> JournalEntry:
    return JournalEntry(
        happening=Happening.END, at=now_at, airing=airing.id, sha256=airing.sha256, title=airing.title,
        planned_at=airing.start_at, duration_ms=airing.duration_ms, started_at=airing.start_at,
        output_ms=airing.duration_ms, ending=Ending.COMPLETE, reason=None, note="", volume=airing.volume,
        clock_error_ms=None, declared_by=by,
    )  # fmt: skip


def _refuse_known(connection: Connection, station: StationId, entries: Sequence[JournalEntry]) -> None:
    for entry in entries:
        window = (entry.planned_at, entry.planned_at + timedelta(seconds=1))
        found = read_journal(connection, [station], *window, ALWAYS, {station: {entry.airing}})
        told = [line.entry for line in found.get(station, {}).get(entry.airing, ())]
        if any(not one.declared_by for one in told):
            raise InUseError(
                f"the diary of {station} tells of {entry.airing} itself",
                hint="what the box wrote counts; nothing needs to be typed in",
            )
        if list_declared(told):
            raise InUseError(
                f"{entry.airing} at {station} is declared already",
                hint="take it back first with `broadcaster journal withdraw`",
            )
