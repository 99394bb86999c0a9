"""Programmes and their masters, as rows."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from broadcaster.core.ids import CampaignId, ColumnId, ProgrammeId, Sha256
from broadcaster.core.model import (
    LoudnessReading,
    LoudspeakerProfile,
    Master,
    Programme,
    ProgrammeKind,
    SoundFault,
    SoundWarning,
)
from broadcaster.store.tables import airings, audit, loudness_curves, masters, programmes


def write_programme(connection: Connection, programme: Programme) -> None:
    """Keep a new programme and its master; a master that is there already is the same file."""
    connection.execute(insert_sqlite(masters).values(**_master_row(programme.master)).on_conflict_do_nothing())
    if programme.master.before_curve_lufs:
        curve = array("h", (max(-32_000, round(10 * level)) if level > float("-inf") else -32_000
                            for level in programme.master.before_curve_lufs))  # fmt: skip
        row = {"master_sha256": programme.master.sha256, "before_dlu": curve.tobytes()}
        connection.execute(insert_sqlite(loudness_curves).values(**row).on_conflict_do_nothing())
    connection.execute(
        insert(programmes).values(
            id=programme.id,
            title=programme.title,
            kind=programme.kind.value,
            column_id=programme.column,
            campaign_id=programme.campaign,
            language=programme.language,
            stories=programme.stories,
            on_date=programme.on,
            source_name=programme.source_name,
            source_sha256=programme.source_sha256,
            master_sha256=programme.master.sha256,
            added_at=programme.added_at,
        )
    )


def read_programmes(connection: Connection, *, on: date | None = None) -> list[Programme]:
    """Read the programmes that were not removed, in the order of adding; of one date when given."""
    query = select(programmes, masters).join(masters).where(programmes.c.removed_at.is_(None))
    if on is not None:
        query = query.where(programmes.c.on_date == on)
    return [_make_programme(row) for row in connection.execute(query.order_by(programmes.c.added_at, programmes.c.id))]


def read_programmes_named(connection: Connection, names: Iterable[ProgrammeId]) -> list[Programme]:
    """Read some programmes, removed ones too, in the order of adding."""
    wanted = set(names)
    query = select(programmes, masters).join(masters).order_by(programmes.c.added_at, programmes.c.id)
    return [_make_programme(row) for row in connection.execute(query) if row.id in wanted]


def read_programme(connection: Connection, name: ProgrammeId) -> Programme | None:
    """Read one programme; None when there is none of that id or it was removed."""
    query = select(programmes, masters).join(masters)
    row = connection.execute(query.where(programmes.c.id == name, programmes.c.removed_at.is_(None))).one_or_none()
    return None if row is None else _make_programme(row)


def read_curve(connection: Connection, master: Sha256) -> tuple[float, ...]:
    """Read the short-term loudness (LUFS) of each second of the recording that a master was made of; () if not kept."""
    query = select(loudness_curves.c.before_dlu).where(loudness_curves.c.master_sha256 == master)
    data = connection.execute(query).scalar_one_or_none()
    return tuple(level / 10 for level in array("h", data)) if data else ()


def read_ids(connection: Connection) -> set[str]:
    """Read every id ever given, of removed programmes too: none is given twice."""
    return set(connection.execute(select(programmes.c.id)).scalars())


def write_removal(connection: Connection, name: ProgrammeId, at: datetime) -> None:
    """Mark a programme as removed; its row stays, the journals speak of it."""
    connection.execute(update(programmes).where(programmes.c.id == name).values(removed_at=at))


def write_return(connection: Connection, name: ProgrammeId) -> bool:
    """Take back a removal; False when there is no removed programme of that id."""
    statement = update(programmes).where(programmes.c.id == name, programmes.c.removed_at.is_not(None))
    return connection.execute(statement.values(removed_at=None)).rowcount == 1


def read_future_use(connection: Connection, name: ProgrammeId, now_at: datetime) -> list[tuple[str, datetime]]:
    """Read where a programme is on air or planned: (station, start) of every airing that has not ended by `now_at`."""
    query = select(airings.c.station_id, airings.c.start_at, airings.c.duration_ms).where(
        airings.c.programme_id == name
    )
    rows = connection.execute(query.order_by(airings.c.start_at)).all()
    return [
        (row.station_id, row.start_at)
        for row in rows
        if row.start_at.timestamp() + row.duration_ms / 1000 > now_at.timestamp()
    ]


def write_audit(connection: Connection, at: datetime, actor: str, action: str, subject: str, detail: str) -> None:
    """Note who did what to what. Audit rows are only ever added."""
    connection.execute(insert(audit).values(at=at, actor=actor, action=action, subject=subject, detail=detail))


def _master_row(master: Master) -> dict[str, object]:
    row: dict[str, object] = {
        "sha256": master.sha256,
        "size_bytes": master.size_bytes,
        "duration_ms": master.duration_ms,
        "gain_db": master.gain_db,
        "limiter_db": master.limiter_db,
        "is_kept": master.is_kept,
        "track_note": master.track_note,
        "is_mono": master.profile.is_mono,
        "highpass_hz": master.profile.highpass_hz,
        "warnings": json.dumps([[one.fault.value, one.message] for one in master.warnings], ensure_ascii=False),
    }
    for name, reading in (("before", master.before), ("after", master.after)):
        row[f"{name}_lufs"] = reading.integrated_lufs
        row[f"{name}_range_lu"] = reading.range_lu
        row[f"{name}_peak_dbtp"] = reading.true_peak_dbtp
        row[f"{name}_duration_s"] = reading.duration_s
    return row


def _make_programme(row: Row[Any]) -> Programme:
    return Programme(
        id=ProgrammeId(row.id),
        title=row.title,
        kind=ProgrammeKind(row.kind),
        column=None if row.column_id is None else ColumnId(row.column_id),
        campaign=None if row.campaign_id is None else CampaignId(row.campaign_id),
        language=row.language,
        on=row.on_date,
        source_name=row.source_name,
        source_sha256=Sha256(row.source_sha256),
        master=Master(
            sha256=Sha256(row.sha256),
            size_bytes=row.size_bytes,
            duration_ms=row.duration_ms,
            before=LoudnessReading(row.before_lufs, row.before_range_lu, row.before_peak_dbtp, row.before_duration_s),
            after=LoudnessReading(row.after_lufs, row.after_range_lu, row.after_peak_dbtp, row.after_duration_s),
            gain_db=row.gain_db,
            limiter_db=row.limiter_db,
            is_kept=row.is_kept,
            track_note=row.track_note,
            profile=LoudspeakerProfile(row.is_mono, row.highpass_hz),
            warnings=tuple(SoundWarning(SoundFault(fault), message) for fault, message in json.loads(row.warnings)),
        ),
        added_at=row.added_at,
        stories=row.stories,
    )
