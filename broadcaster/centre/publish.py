"""Publish: expand the timetable into day plans, sign them, keep them. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from broadcaster.centre.approvals import read_approvals
from broadcaster.centre.workspace import Workspace
from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import ProgrammeId, SlotId, StationId
from broadcaster.core.model import Airing, ProgrammeKind, Station
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import plan_dates
from broadcaster.store.approvals import Decision
from broadcaster.store.engine import Record
from broadcaster.store.plans import (
    PlanRevision,
    read_begun,
    read_day_airings,
    read_last_plays,
    read_newest,
    read_planned_days,
    write_airings,
    write_revision,
)
from broadcaster.store.programmes import read_programmes
from broadcaster.timetable.expand import REPEAT_REACH_DAYS, Occurrence, Shelf, expand_day, expand_station
from broadcaster.timetable.explain import SlotReason, explain_day
from broadcaster.wire.day_plan import DayPlan, has_same_airings, plan_file_name, read_day_plan, write_day_plan
from broadcaster.wire.signature import PLAN_NAMESPACE, read_private_key, sign_document


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did for one station and date. `is_new` is False when the newest plan already said all this."""

    station: StationId
    on: date
    revision: int
    airings: int
    is_new: bool


def read_shelf(connection: Connection, schedules: Schedules, first: date, now_at: datetime) -> Shelf:
    """Read the programmes that the timetable can choose from, the approved ones where the centre requires approval.

    Args:
        connection: To the record.
        schedules: The timetable.
        first: The first date for which it will choose.
        now_at: The present: a repeat of a slot that has begun by then is filled with what that was filled with.
    """
    heard = _read_heard(connection, schedules, first - timedelta(days=REPEAT_REACH_DAYS), now_at)
    if not schedules.centre.needs_approval:
        return Shelf(read_programmes(connection), heard=heard)
    rows = read_approvals(connection, schedules)
    approved = [row.programme for row in rows if row.state == Decision.APPROVED]
    return Shelf(approved, [row.programme for row in rows if row.state != Decision.APPROVED], heard)


def _read_heard(
    connection: Connection, schedules: Schedules, first: date, now_at: datetime
) -> dict[tuple[SlotId, date], list[ProgrammeId]]:
    """Read what slots that are filled and have begun were to play; all stations of a slot have the same."""
    today = now_at.astimezone(schedules.centre.zone).date()
    heard: dict[tuple[SlotId, date], list[ProgrammeId]] = {}
    for slot in schedules.slots:
        stations = schedules.list_slot_stations(slot, today)
        if stations and any(item.fill is not None for item in slot.rundown):
            begun = read_begun(connection, slot.id, stations[0].id, first, now_at)
            heard |= {(slot.id, on): names for on, names in begun.items()}
    return heard


def preview_day(record: Record, schedules: Schedules, on: date, now_at: datetime) -> list[Occurrence]:
    """Expand one date as publishing would, and change nothing."""
    with record.read() as connection:
        return expand_day(schedules, on, read_shelf(connection, schedules, on, now_at))


def read_played_before(record: Record, one: Occurrence) -> dict[ProgrammeId, tuple[datetime, SlotId]]:
    """Read which programmes of a slot that is no repeat were planned before it, last when and in which slot.

    They would count as new although they have been heard: the slot should repeat the other one, or have others. What
    a fill took is meant to be heard again.
    """
    names = [item.id for item in one.items if item.kind is ProgrammeKind.PROGRAMME and item.id not in one.filling]
    if one.slot.repeat_of is not None or not names:
        return {}
    with record.read() as connection:
        return read_last_plays(connection, names, one.start_at)


def explain(
    record: Record, schedules: Schedules, on: date, now_at: datetime, station: Station | None = None
) -> list[SlotReason]:
    """Explain of every slot on one date why it plays or does not; for one station when it is given."""
    with record.read() as connection:
        return explain_day(schedules, on, read_shelf(connection, schedules, on, now_at), station)


def list_publish_dates(schedules: Schedules, now_at: datetime) -> list[date]:
    """List the dates that have a plan at the stations: today at the centre and as many as its settings say."""
    today = now_at.astimezone(schedules.centre.zone).date()
    return [today + timedelta(days=n) for n in range(schedules.centre.publish_days)]


def publish_days(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    dates: Iterable[date],
    now_at: datetime,
    may_write: Callable[[Connection], bool] | None = None,
) -> list[Published]:
    """Publish the day plans of some dates for every station that exists then.

    A plan is a new revision only where it asks something else of the station. A slot that has begun stays as it was
    planned: what was asked of a station in the past is never rewritten.

    Args:
        workspace: Where the centre's key lies.
        record: Where programmes and plans are kept.
        schedules: As they were read a moment ago.
        dates: What to publish.
        now_at: The present.
        may_write: Asked within each date's transaction; where it says no nothing more is published. None is always.

    Raises:
        CentreKeyError: The centre's key cannot be used. Nothing has been published.
        RecordError: The record cannot be written; dates before the failing one are published.
    """
    workspace.prepare_state()
    key = read_private_key(workspace.key)
    published: list[Published] = []
    for on in dates:
        with record.write() as connection:
            if may_write is not None and not may_write(connection):
                break
            occurrences = expand_day(schedules, on, read_shelf(connection, schedules, on, now_at))
            newest = read_newest(connection, on, on)
            planned = read_day_airings(connection, on)
            for station in schedules.stations:
                if not station.is_valid_on(on):
                    continue
                old = newest.get((station.id, on))
                airings = _merge_started(
                    planned.get(station.id, []) if old else [], list(expand_station(occurrences, station)), now_at
                )
                published.append(_publish_one(connection, key, schedules, station, on, old, airings, now_at))
    return published


def record_missed_days(record: Record, schedules: Schedules, first: date, last: date, now_at: datetime) -> int:
    """Keep what the timetable wanted on past days for which no plan was ever published.

    Without this a centre that slept for a day would leave no trace in the report: silence would look green. What was
    kept once stays: a timetable that is edited later says nothing about a day that is over.

    Returns:
        How many airings were kept; their revision is 0, which means never published.
    """
    today = now_at.astimezone(schedules.centre.zone).date()
    kept = 0
    with record.write() as connection:
        known = read_planned_days(connection, first, last)
        shelf: Shelf | None = None
        for on in plan_dates(first, min(last, today - timedelta(days=1))):
            missing = [s for s in schedules.stations if s.is_valid_on(on) and (s.id, on) not in known]
            if not missing:
                continue
            shelf = shelf or read_shelf(connection, schedules, on, now_at)
            occurrences = expand_day(schedules, on, shelf)
            for station in missing:
                airings = list(expand_station(occurrences, station))
                write_airings(connection, station.id, on, airings, 0)
                kept += len(airings)
    return kept


def _merge_started(old: Sequence[Airing], new: Sequence[Airing], now_at: datetime) -> list[Airing]:
    """Take slots that have begun from the old plan and all others from the new one."""
    begun: set[SlotId] = {airing.slot for airing in old if airing.start_at <= now_at}
    kept = [airing for airing in old if airing.slot in begun]
    kept += [airing for airing in new if airing.slot not in begun]
    return sorted(kept, key=lambda airing: (airing.start_at, airing.id))


def _publish_one(
    connection: Connection,
    key: Ed25519PrivateKey,
    schedules: Schedules,
    station: Station,
    on: date,
    old: PlanRevision | None,
    airings: Sequence[Airing],
    now_at: datetime,
) -> Published:
    plan = DayPlan(
        station=station.id,
        centre=schedules.centre.name,
        on=on,
        zone=str(schedules.centre.zone),
        revision=old.revision + 1 if old else 1,
        published_at=now_at,
        quiet_hours=schedules.list_quiet_hours(station),
        airings=tuple(airings),
    )
    document = write_day_plan(plan)
    if old is not None and has_same_airings(read_day_plan(old.document), read_day_plan(document)):
        return Published(station.id, on, old.revision, len(airings), is_new=False)
    signature = sign_document(document, key, PLAN_NAMESPACE)
    revision = PlanRevision(station.id, on, plan.revision, document, signature, hash_bytes(document), now_at)
    write_revision(connection, revision)
    write_airings(connection, station.id, on, airings, plan.revision)
    return Published(station.id, on, plan.revision, len(airings), is_new=True)


def name_plan(plan: PlanRevision) -> str:
    """Name the file in which a plan travels."""
    return plan_file_name(plan.on, plan.revision)
