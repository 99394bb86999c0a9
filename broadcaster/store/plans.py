"""Plan revisions and the airings they planned, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, text

from broadcaster.core.ids import AiringId, CampaignId, ColumnId, ProgrammeId, Sha256, SlotId, StationId
from broadcaster.core.model import Airing, LateRule, Priority, StartRule
from broadcaster.store.tables import airings, plan_revisions


@dataclass(frozen=True, slots=True)
class PlanRevision:
    """One signed day plan as it was published."""

    station: StationId
    on: date
    revision: int
    document: bytes
    signature: str
    sha256: Sha256
    published_at: datetime


def write_revision(connection: Connection, plan: PlanRevision) -> None:
    """Keep a published plan; revisions are only ever added."""
    connection.execute(
        insert(plan_revisions).values(
            station_id=plan.station,
            on_date=plan.on,
            revision=plan.revision,
            document=plan.document,
            signature=plan.signature,
            sha256=plan.sha256,
            published_at=plan.published_at,
        )
    )


def read_newest(connection: Connection, first: date, last: date) -> dict[tuple[StationId, date], PlanRevision]:
    """Read the newest revision of every station and date between two dates, both included."""
    newest = (
        select(
            plan_revisions.c.station_id,
            plan_revisions.c.on_date,
            func.max(plan_revisions.c.revision).label("revision"),
        )
        .where(plan_revisions.c.on_date.between(first, last))
        .group_by(plan_revisions.c.station_id, plan_revisions.c.on_date)
        .subquery()
    )
    query = select(plan_revisions).join(
        newest,
        (plan_revisions.c.station_id == newest.c.station_id)
        & (plan_revisions.c.on_date == newest.c.on_date)
        & (plan_revisions.c.revision == newest.c.revision),
    )
    found = [
        PlanRevision(
            station=StationId(row.station_id),
            on=row.on_date,
            revision=row.revision,
            document=row.document,
            signature=row.signature,
            sha256=Sha256(row.sha256),
            published_at=row.published_at,
        )
        for row in connection.execute(query)
    ]
    return {(plan.station, plan.on): plan for plan in found}


@dataclass(frozen=True, slots=True)
class RevisionNote:
    """That a plan was published, without its document."""

    station: StationId
    on: date
    revision: int
    sha256: Sha256
    published_at: datetime


def read_revisions(
    connection: Connection, stations: Sequence[StationId], first: date, last: date
) -> dict[StationId, dict[date, list[RevisionNote]]]:
    """Read every revision of some stations' plans between two dates, oldest first."""
    columns = plan_revisions.c
    query = select(columns.station_id, columns.on_date, columns.revision, columns.sha256, columns.published_at)
    query = query.where(columns.station_id.in_(stations), columns.on_date.between(first, last))
    found: dict[StationId, dict[date, list[RevisionNote]]] = {}
    for row in connection.execute(query.order_by(columns.revision, columns.on_date)):
        note = RevisionNote(row.station_id, row.on_date, row.revision, row.sha256, row.published_at)
        found.setdefault(note.station, {}).setdefault(note.on, []).append(note)
    return found


def read_planned_days(connection: Connection, first: date, last: date) -> set[tuple[StationId, date]]:
    """Read for which stations and dates something is kept: a published plan, or what the timetable had wanted."""
    published = select(plan_revisions.c.station_id, plan_revisions.c.on_date)
    wanted = select(airings.c.station_id, airings.c.on_date).distinct().where(airings.c.revision == 0)
    found: set[tuple[StationId, date]] = set()
    for query, column in ((published, plan_revisions.c.on_date), (wanted, airings.c.on_date)):
        found |= {(StationId(row[0]), row[1]) for row in connection.execute(query.where(column.between(first, last)))}
    return found


def read_first_planned(connection: Connection) -> date | None:
    """Read the first date of which a plan was ever published; None before the first."""
    first: date | None = connection.execute(select(func.min(plan_revisions.c.on_date))).scalar()
    return first


def read_plan_stations(connection: Connection) -> list[StationId]:
    """Read for which stations anything was ever planned: one step in the index for each."""
    step = (
        "WITH RECURSIVE found(id) AS (SELECT min(station_id) FROM airings UNION ALL "
        "SELECT (SELECT min(station_id) FROM airings WHERE station_id > found.id) FROM found "
        "WHERE found.id IS NOT NULL) SELECT id FROM found WHERE id IS NOT NULL"
    )
    return [StationId(name) for name in connection.execute(text(step)).scalars()]


def write_airings(
    connection: Connection, station: StationId, on: date, planned: Sequence[Airing], revision: int
) -> None:
    """Replace the airings of one station and date by those of a new revision."""
    connection.execute(delete(airings).where(airings.c.station_id == station, airings.c.on_date == on))
    if planned:
        connection.execute(insert(airings), [_airing_row(airing, on, revision) for airing in planned])


def read_day_airings(connection: Connection, on: date) -> dict[StationId, list[Airing]]:
    """Read the airings of one date for every station that has any."""
    found: dict[StationId, list[Airing]] = {}
    query = select(airings).where(airings.c.on_date == on).order_by(airings.c.station_id, airings.c.start_at)
    for row in connection.execute(query):
        found.setdefault(StationId(row.station_id), []).append(_make_airing(row))
    return found


def read_airings_between(connection: Connection, first_at: datetime, last_at: datetime) -> list[Airing]:
    """Read all airings that start at `first_at` or later and before `last_at`, earliest first."""
    query = select(airings).where(airings.c.start_at >= first_at, airings.c.start_at < last_at)
    rows = connection.execute(query.order_by(airings.c.start_at, airings.c.station_id, airings.c.airing_id))
    return [_make_airing(row) for row in rows]


def read_station_airings(
    connection: Connection, stations: Sequence[StationId], first_at: datetime, last_at: datetime
) -> dict[StationId, list[tuple[Airing, int]]]:
    """Read some stations' airings that start at `first_at` or later and before `last_at`, earliest first.

    Returns:
        Each with the revision that planned it; 0 where no plan was ever published.
    """
    query = select(airings).where(
        airings.c.station_id.in_(stations), airings.c.start_at >= first_at, airings.c.start_at < last_at
    )
    found: dict[StationId, list[tuple[Airing, int]]] = {}
    for row in connection.execute(query.order_by(airings.c.start_at, airings.c.airing_id)):
        found.setdefault(row.station_id, []).append((_make_airing(row), row.revision))
    return found


def read_last_plays(
    connection: Connection, programmes: Iterable[ProgrammeId], before_at: datetime
) -> dict[ProgrammeId, tuple[datetime, SlotId]]:
    """Read when some programmes were last planned anywhere before an instant, and in which slot."""
    columns = airings.c
    query = select(columns.programme_id, columns.slot_id, columns.start_at).where(
        columns.programme_id.in_(list(programmes)), columns.start_at < before_at
    )
    rows = connection.execute(query.distinct().order_by(columns.start_at))
    return {ProgrammeId(row.programme_id): (row.start_at, SlotId(row.slot_id)) for row in rows}


def read_begun(
    connection: Connection, slot: SlotId, station: StationId, first: date, now_at: datetime
) -> dict[date, list[ProgrammeId]]:
    """Read what a slot was to play at a station on each date from `first` on that it has begun, in order."""
    columns = airings.c
    query = select(columns.on_date, columns.programme_id, columns.start_at).where(
        columns.slot_id == slot, columns.station_id == station, columns.on_date >= first
    )
    found: dict[date, list[ProgrammeId]] = {}
    for row in connection.execute(query.order_by(columns.start_at)):
        if row.on_date in found or row.start_at <= now_at:
            found.setdefault(row.on_date, []).append(ProgrammeId(row.programme_id))
    return found


def read_airings_named(connection: Connection, name: AiringId, stations: Iterable[StationId]) -> list[Airing]:
    """Read the airings of an id at some stations; none when no plan has such an id."""
    query = select(airings).where(airings.c.station_id.in_(list(stations)), airings.c.airing_id == name)
    return [_make_airing(row) for row in connection.execute(query.order_by(airings.c.station_id))]


def _airing_row(airing: Airing, on: date, revision: int) -> dict[str, object]:
    return {
        "station_id": airing.station,
        "airing_id": airing.id,
        "on_date": on,
        "slot_id": airing.slot,
        "start_at": airing.start_at,
        "duration_ms": airing.duration_ms,
        "programme_id": airing.programme,
        "sha256": airing.sha256,
        "size_bytes": airing.size_bytes,
        "title": airing.title,
        "column_id": airing.column,
        "campaign_id": airing.campaign,
        "priority": airing.priority.value,
        "volume": airing.volume,
        "start_rule": airing.start_rule.value,
        "late_rule": airing.late_rule.value,
        "is_repeat": airing.is_repeat,
        "within_ms": airing.within_ms,
        "may_repeat": airing.may_repeat,
        "is_ident": airing.is_ident,
        "revision": revision,
    }


def _make_airing(row: Row[Any]) -> Airing:
    return Airing(
        id=AiringId(row.airing_id),
        station=StationId(row.station_id),
        slot=SlotId(row.slot_id),
        start_at=row.start_at,
        duration_ms=row.duration_ms,
        programme=ProgrammeId(row.programme_id),
        sha256=Sha256(row.sha256),
        size_bytes=row.size_bytes,
        title=row.title,
        column=None if row.column_id is None else ColumnId(row.column_id),
        campaign=None if row.campaign_id is None else CampaignId(row.campaign_id),
        priority=Priority(row.priority),
        volume=row.volume,
        start_rule=StartRule(row.start_rule),
        late_rule=LateRule(row.late_rule),
        is_repeat=row.is_repeat,
        within_ms=row.within_ms,
        may_repeat=row.may_repeat,
        is_ident=row.is_ident,
    )
