"""Values for tests: programmes, airings, journal entries with everything filled in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import AiringId, ColumnId, ProgrammeId, SlotId, StationId
from broadcaster.core.model import (
    Airing,
    Column,
    LoudnessReading,
    Master,
    Programme,
    ProgrammeKind,
    Station,
)
from broadcaster.core.schedules import CentreSettings, Schedules, Slot
from broadcaster.wire.journal import Ending, Happening, JournalEntry, SkipReason

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
START = datetime(2023, 10, 9, 10, 0, tzinfo=UTC)  # 17:00 in Viet Nam
AN_NONG = StationId("an-nong")


def make_programme(
    name: str, column: str | None = "thoi-su", on: date = date(2023, 10, 9), duration_ms: int = 60_000
) -> Programme:
    reading = LoudnessReading(-23.0, 5.0, -3.0, duration_ms / 1000)
    master = Master(hash_bytes(name.encode()), 1000, duration_ms, reading, reading, 7.0, 0.0)
    return Programme(
        id=ProgrammeId(name),
        title=name.title(),
        kind=ProgrammeKind.PROGRAMME if column else ProgrammeKind.IDENT,
        column=ColumnId(column) if column else None,
        campaign=None,
        language="vi",
        on=on,
        source_name=f"{name}.wav",
        source_sha256=hash_bytes(b"source " + name.encode()),
        master=master,
        added_at=datetime(2023, 10, 1, tzinfo=UTC),
    )


def make_airing(name: str = "a", start_at: datetime = START, duration_ms: int = 60_000) -> Airing:
    return Airing(
        id=AiringId(name),
        station=AN_NONG,
        slot=SlotId("chieu"),
        start_at=start_at,
        duration_ms=duration_ms,
        programme=ProgrammeId("tin"),
        sha256=hash_bytes(b"master"),
        size_bytes=1000,
        title="Tin",
        column=ColumnId("thoi-su"),
        campaign=None,
    )


def make_entry(
    happening: Happening,
    airing: Airing | None = None,
    *,
    late_s: float = 0.0,
    output_ms: int = 0,
    ending: Ending | None = None,
    reason: SkipReason | None = None,
) -> JournalEntry:
    of = airing or make_airing()
    started_at = None if happening is Happening.SKIP else of.start_at + timedelta(seconds=late_s)
    return JournalEntry(
        happening=happening,
        at=of.start_at + timedelta(seconds=late_s, milliseconds=output_ms),
        airing=of.id,
        sha256=of.sha256,
        title=of.title,
        planned_at=of.start_at,
        duration_ms=of.duration_ms,
        started_at=started_at,
        output_ms=output_ms,
        ending=ending,
        reason=reason,
        note="",
        volume=100,
        clock_error_ms=1,
    )


def make_schedules(*slots: Slot, stations: tuple[Station, ...] | None = None) -> Schedules:
    return Schedules(
        centre=CentreSettings(name="Trung tâm", zone=ZONE),
        stations=stations or (Station(AN_NONG, "Xã An Nông", groups=("xa",)),),
        columns=(Column(ColumnId("thoi-su"), "Thời sự"), Column(ColumnId("nong-nghiep"), "Nông nghiệp")),
        campaigns=(),
        slots=slots,
    )
