"""A year of journals for as many stations as are asked for: plans, receipts, and lines as boxes write them."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import insert

from broadcaster.airtime.collect import JOURNAL, CollectedChain, CollectedFile, Collection, keep_collection
from broadcaster.core.files import hash_bytes, name_master
from broadcaster.core.ids import AiringId, ColumnId, LogId, ProgrammeId, SlotId, StationId
from broadcaster.core.model import Airing, Column, LoudnessReading, Master, Programme, ProgrammeKind, Station
from broadcaster.core.schedules import CentreSettings, Schedules
from broadcaster.core.time import wall_to_utc
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_programme
from broadcaster.store.stations import LogPosition
from broadcaster.store.tables import airings, plan_revisions, receipts
from broadcaster.wire.chain import START, ChainPoint, hash_line, match_chain, plan_line, read_lines
from broadcaster.wire.journal import Ending, Happening, JournalEntry, SkipReason, write_entry
from broadcaster.wire.status import StationStatus

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FIRST = date(2023, 1, 2)
TIMES = (time(5, 15), time(11), time(17), time(19))
WEEKEND = (time(8),)
COLUMNS = ("thoi-su", "chuyen-doi-so", "nong-nghiep", "thong-bao")
PLAN_BYTES = 1500
BATCH = 200


def make_schedules(count: int) -> Schedules:
    """Make the names of a centre."""
    stations = tuple(Station(StationId(f"xa-{n:04}"), f"Xã thứ {n}", clusters=5) for n in range(count))
    columns = tuple(Column(ColumnId(column), column) for column in COLUMNS)
    return Schedules(CentreSettings("Trung tâm", ZONE), stations, columns, (), ())


def write_schedules(folder: Path, schedules: Schedules) -> None:
    """Write the names of a centre as files that a person could have written; no timetable, the record has plans."""
    stations = [f"  - {{id: {one.id}, name: {one.name}, clusters: {one.clusters}}}\n" for one in schedules.stations]
    columns = [f"  - {{id: {one.id}, name: {one.name}}}\n" for one in schedules.columns]
    for name, text in {
        "centre.yaml": f"name: {schedules.centre.name}\nzone: {schedules.centre.zone}\n",
        "stations.yaml": f"stations:\n{''.join(stations)}",
        "columns.yaml": f"columns:\n{''.join(columns)}",
        "campaigns.yaml": "campaigns: []\n",
        "timetable.yaml": "slots: []\n",
    }.items():
        (folder / name).write_text(f"format: 1\n{text}", encoding="utf-8")


def make_programme(on: date, number: int) -> Programme:
    """Make one of the programmes of a date."""
    name = f"{COLUMNS[number]}-{on:%Y%m%d}"
    reading = LoudnessReading(-16.0, 5.0, -1.5, 300.0)
    master = Master(hash_bytes(name.encode()), 4_800_000, 300_000, reading, reading, 0.0, 0.0)
    return Programme(
        ProgrammeId(name), f"Chương trình {name}", ProgrammeKind.PROGRAMME, ColumnId(COLUMNS[number]), None, "vi", on,
        "a.wav", hash_bytes(b"a"), master, datetime(2022, 12, 1, tzinfo=UTC),
    )  # fmt: skip


def list_day(on: date) -> list[tuple[time, int, bool]]:
    """Give a date's airings: wall time, number of the programme, whether it is a repeat."""
    day = [(at, number % len(COLUMNS), number >= 2) for number, at in enumerate(TIMES)]
    return [*day, *((at, 0, True) for at in WEEKEND)] if on.weekday() >= 5 else day


def make_airing(station: StationId, on: date, at: time, programme: Programme, is_repeat: bool) -> Airing:
    """Make one airing."""
    return Airing(
        id=AiringId(f"{on:%Y%m%d}-{at:%H%M}-1-{programme.master.sha256[:8]}"),
        station=station,
        slot=SlotId(f"{at:%H%M}"),
        start_at=wall_to_utc(on, at, ZONE),
        duration_ms=programme.master.duration_ms,
        programme=programme.id,
        sha256=programme.master.sha256,
        size_bytes=programme.master.size_bytes,
        title=programme.title,
        column=programme.column,
        campaign=None,
        is_repeat=is_repeat,
    )


def list_entries(airing: Airing, dice: np.random.Generator) -> list[JournalEntry]:
    """Give what a box writes about an airing: now and then nothing, a skip, a late start, a cut."""
    fate = dice.random()
    if fate < 0.02:
        return []
    late_s = 9.0 if fate > 0.96 else dice.random() / 100
    started_at = airing.start_at + timedelta(seconds=late_s)
    output_ms = 100_000 if 0.04 < fate < 0.07 else airing.duration_ms
    start = JournalEntry(
        happening=Happening.START, at=started_at, airing=airing.id, sha256=airing.sha256, title=airing.title,
        planned_at=airing.start_at, duration_ms=airing.duration_ms, started_at=started_at, output_ms=0, ending=None,
        reason=None, note="", volume=100, clock_error_ms=3,
    )  # fmt: skip
    if fate < 0.04:
        return [replace(start, happening=Happening.SKIP, started_at=None, reason=SkipReason.MISSING)]
    ending = Ending.COMPLETE if output_ms == airing.duration_ms else Ending.INTERRUPTED
    ended_at = started_at + timedelta(milliseconds=output_ms)
    return [start, replace(start, happening=Happening.END, at=ended_at, output_ms=output_ms, ending=ending)]


class Builder:
    """Fills a record week by week; the seconds that reading and keeping journal lines took are counted."""

    def __init__(self, record: Record, schedules: Schedules, state: str = "") -> None:
        self.record = record
        self.stations = [station.id for station in schedules.stations]
        self.points = {station: ChainPoint(LogId("0123456789abcdef"), 0, START) for station in self.stations}
        self.receipts = 0
        self.lines = 0
        self.kept_s = 0.0
        self.dice = np.random.default_rng(20231010)
        if state:
            self.receipts, self.lines, points = json.loads(state)
            self.points = {station: ChainPoint(*point) for station, point in points.items()}

    def write_state(self) -> str:
        """Write where all chains stand, for a builder that goes on here."""
        points = {station: (point.log, point.seq, point.line_sha256) for station, point in self.points.items()}
        return json.dumps([self.receipts, self.lines, points])

    def add_week(self, week: int) -> None:
        """Add one week of plans, receipts and journals for all stations."""
        dates = [FIRST + timedelta(days=7 * week + n) for n in range(7)]
        programmes = {(on, number): make_programme(on, number) for on in dates for number in range(len(COLUMNS))}
        with self.record.write() as connection:
            for programme in programmes.values():
                write_programme(connection, programme)
        for first in range(0, len(self.stations), BATCH):
            batch = self.stations[first : first + BATCH]
            planned = {
                station: [
                    (on, make_airing(station, on, at, programmes[on, number], is_repeat))
                    for on in dates
                    for at, number, is_repeat in list_day(on)
                ]
                for station in batch
            }
            with self.record.write() as connection:
                connection.execute(insert(airings), list(list_airing_rows(planned)))
                connection.execute(insert(plan_revisions), list(list_plan_rows(batch, dates)))
                connection.execute(insert(receipts), list(self.list_receipt_rows(planned, dates)))
            self.keep_journals(planned, dates[-1])

    def list_receipt_rows(
        self, planned: dict[StationId, list[tuple[date, Airing]]], dates: list[date]
    ) -> Iterator[dict[str, object]]:
        """Give the receipts of a week: a plan for each date and every master once."""
        for station, mine in planned.items():
            named = {airing.sha256: (name_master(airing.sha256), airing.start_at) for _, airing in mine}
            for on in dates:
                sha256 = hash_bytes(f"{station}{on}".encode())
                named[sha256] = (f"plan-{on}.r1.json", wall_to_utc(on, time(), ZONE))
            for sha256, (name, needed_at) in named.items():
                self.receipts += 1
                at = needed_at - timedelta(hours=12)
                yield {"station_id": station, "log_id": "0123456789abcdef", "seq": self.receipts, "at": at,
                       "name": name, "sha256": sha256, "verdict": "verified", "reason": "", "raw": b"-" * 300,
                       "collected_at": at}  # fmt: skip

    def keep_journals(self, planned: dict[StationId, list[tuple[date, Airing]]], last: date) -> None:
        """Write the journals of a week as boxes do, and keep them as collecting does."""
        at = wall_to_utc(last + timedelta(days=1), time(), ZONE)
        written: dict[StationId, bytes] = {}
        for station, mine in planned.items():
            raws = []
            for _, airing in mine:
                for entry in list_entries(airing, self.dice):
                    raw = plan_line(self.points[station], write_entry(entry))
                    self.points[station] = ChainPoint(
                        self.points[station].log, self.points[station].seq + 1, hash_line(raw)
                    )
                    raws.append(raw)
            self.lines += len(raws)
            written[station] = b"".join(raw + b"\n" for raw in raws)
        began_s = clock.perf_counter()
        with self.record.write() as connection:
            for station, data in written.items():
                keep_collection(connection, read_collection(station, data, f"journal-{last}.jsonl", at), at)
        self.kept_s += clock.perf_counter() - began_s


def read_collection(station: StationId, data: bytes, name: str, at: datetime) -> Collection:
    """Read what one visit would have brought: lines, chain, status."""
    lines, errors, covered = read_lines(data)
    breaks = tuple(error.message for error in match_chain(lines, None))
    position = LogPosition(covered, lines[-1].point())
    status = StationStatus(station, lines[-1].log, at, "0.1.0", "mpv", 3, 10**10, 20, "", "", None, "")
    file = CollectedFile(name, tuple(lines), position, tuple(error.message for error in errors))
    return Collection(station, status, 0.1, (file,), (CollectedChain(JOURNAL, position, breaks),))


def list_airing_rows(planned: dict[StationId, list[tuple[date, Airing]]]) -> Iterator[dict[str, object]]:
    """Give a week's airings as rows."""
    for station, mine in planned.items():
        for on, one in mine:
            yield {"station_id": station, "airing_id": one.id, "on_date": on, "slot_id": one.slot,
                   "start_at": one.start_at, "duration_ms": one.duration_ms, "programme_id": one.programme,
                   "sha256": one.sha256, "size_bytes": one.size_bytes, "title": one.title, "column_id": one.column,
                   "campaign_id": None, "priority": "normal", "volume": 100, "start_rule": "hard",
                   "late_rule": "join", "is_repeat": one.is_repeat, "revision": 1}  # fmt: skip


def list_plan_rows(stations: list[StationId], dates: list[date]) -> Iterator[dict[str, object]]:
    """Give a week's plans as rows, each with a document of the usual size."""
    for station in stations:
        for on in dates:
            yield {"station_id": station, "on_date": on, "revision": 1, "document": b" " * PLAN_BYTES,
                   "signature": "-", "sha256": hash_bytes(f"{station}{on}".encode()),
                   "published_at": wall_to_utc(on, time(), ZONE) - timedelta(hours=12)}  # fmt: skip
