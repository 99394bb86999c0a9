"""A year of journals, and what a weekly report of its last week costs: 34, 166 and 3,321 stations.

    python benchmarks/airtime.py            # the whole work, more than 10 million journal lines: about half an hour
    python benchmarks/airtime.py --quick    # 34 and 166 stations for six weeks

34 stations are Trieu Son, 166 the communes of a province after the merger, 3,321 all communes of Viet Nam. Journals are
made as boxes write them, read and kept by the code that collects; a report runs in a process of its own, so that its
peak of memory is its own. The same report is made after 4 weeks of history and after 52: the second may not cost more
because the record is older. No other program does this work.
"""

from __future__ import annotations

import argparse
import json
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import insert

from broadcaster.airtime.collect import (
    JOURNAL,
    CollectedChain,
    CollectedFile,
    Collection,
    fetch_outbox,
    keep_collection,
    read_positions,
)
from broadcaster.airtime.documents import write_documents
from broadcaster.centre.reports import make_report
from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import AiringId, ColumnId, LogId, ProgrammeId, SlotId, StationId
from broadcaster.core.model import Airing, Column, LoudnessReading, Master, Programme, ProgrammeKind, Station
from broadcaster.core.schedules import CentreSettings, Schedules
from broadcaster.core.time import wall_to_utc
from broadcaster.link.session import open_session
from broadcaster.store.engine import Record, open_record
from broadcaster.store.programmes import write_programme
from broadcaster.store.stations import LogPosition
from broadcaster.store.tables import airings, plan_revisions, receipts
from broadcaster.wire.chain import START, ChainPoint, hash_line, match_chain, plan_line, read_lines
from broadcaster.wire.journal import Ending, Happening, JournalEntry, SkipReason, write_entry
from broadcaster.wire.status import StationStatus
from tests.sshd import open_box

RESULTS = Path(__file__).resolve().parent / "results" / "airtime.json"
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FIRST = date(2023, 1, 2)
TIMES = (time(5, 15), time(11), time(17), time(19))
WEEKEND = (time(8),)
COLUMNS = ("thoi-su", "chuyen-doi-so", "nong-nghiep", "thong-bao")
PLAN_BYTES = 1500
BATCH = 200
BARS_S = {34: 2.0, 166: 2.0, 3321: 30.0}
BAR_LINES_S = 20_000
BAR_GROWTH = 1.5
BAR_FIGURES_MIB = 512.0
BAR_MIB = 1536.0
SFTP_LINES = 100_000


@dataclass(frozen=True)
class Work:
    """How much: stations, weeks of history, and after how many weeks the report is made for the first time."""

    stations: int
    weeks: int
    early: int


FULL = (Work(34, 52, 4), Work(166, 52, 4), Work(3321, 52, 4))
QUICK = (Work(34, 6, 2), Work(166, 6, 2))


def make_schedules(count: int) -> Schedules:
    """Make the names of a centre."""
    stations = tuple(Station(StationId(f"xa-{n:04}"), f"Xã thứ {n}", clusters=5) for n in range(count))
    columns = tuple(Column(ColumnId(column), column) for column in COLUMNS)
    return Schedules(CentreSettings("Trung tâm", ZONE), stations, columns, (), ())


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
    if fate < 0.03:
        return []
    late_s = 9.0 if fate > 0.96 else dice.random() / 100
    started_at = airing.start_at + timedelta(seconds=late_s)
    output_ms = 100_000 if 0.05 < fate < 0.08 else airing.duration_ms
    start = JournalEntry(
        happening=Happening.START, at=started_at, airing=airing.id, sha256=airing.sha256, title=airing.title,
        planned_at=airing.start_at, duration_ms=airing.duration_ms, started_at=started_at, output_ms=0, ending=None,
        reason=None, note="", volume=100, clock_error_ms=3,
    )  # fmt: skip
    if fate < 0.05:
        return [replace(start, happening=Happening.SKIP, started_at=None, reason=SkipReason.MISSING)]
    ending = Ending.COMPLETE if output_ms == airing.duration_ms else Ending.INTERRUPTED
    ended_at = started_at + timedelta(milliseconds=output_ms)
    return [start, replace(start, happening=Happening.END, at=ended_at, output_ms=output_ms, ending=ending)]


class Builder:
    """Fills a record week by week; the seconds that reading and keeping journal lines took are counted."""

    def __init__(self, record: Record, schedules: Schedules) -> None:
        self.record = record
        self.stations = [station.id for station in schedules.stations]
        self.points = {station: ChainPoint(LogId("0123456789abcdef"), 0, START) for station in self.stations}
        self.receipts = 0
        self.lines = 0
        self.kept_s = 0.0
        self.dice = np.random.default_rng(20231010)

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
            named = {airing.sha256: (f"{airing.sha256}.mp3", airing.start_at) for _, airing in mine}
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


@dataclass(frozen=True)
class Run:
    """What one report took; `documents_s` is the rest until all files lie there, None where none were asked for."""

    figures_s: float
    documents_s: float | None
    peak_mib: float
    airings: int


def report_alone(path: Path, count: int, monday: date, last: date, with_documents: bool) -> Run:
    """Make one report, in a process that does nothing else."""
    schedules = make_schedules(count)
    record = open_record(path)
    now_at = wall_to_utc(last + timedelta(days=1), time(7), ZONE)
    began_s = clock.perf_counter()
    report = make_report(record, schedules, monday, last, now_at)
    figures_s = clock.perf_counter() - began_s
    documents_s = None
    if with_documents:
        began_s = clock.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            write_documents(report, schedules, Path(folder), "bao-cao")
        documents_s = clock.perf_counter() - began_s
    record.close()
    return Run(figures_s, documents_s, read_peak_mib(), report.total.planned)


def read_peak_mib() -> float:
    """Read this process's own peak of memory; getrusage would tell that of the process it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def run_apart(path: Path, count: int, monday: date, last: date, with_documents: bool) -> Run:
    """Make one report in a process of its own."""
    call = [sys.executable, __file__, "--report", str(path), str(count), str(monday), str(last), str(with_documents)]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    return Run(**json.loads(done.stdout))


def make_row(work: str, ours: float, unit: str, bar: float, *, is_floor: bool = False) -> dict[str, object]:
    """Make one row of the results; the bar is a ceiling unless it is a floor."""
    met = ours >= bar if is_floor else ours <= bar
    return {"work": work, "ours": round(ours, 2), "unit": unit, "peer": {}, "ratio": None, "bar": bar, "met": met}


def measure(work: Work, folder: Path) -> list[dict[str, object]]:
    """Fill a record, report early and late."""
    path = folder / f"record-{work.stations}.sqlite3"
    record = open_record(path)
    builder = Builder(record, make_schedules(work.stations))
    early: Run | None = None
    late = Run(0, 0, 0, 0)
    for week in range(work.weeks):
        builder.add_week(week)
        monday = FIRST + timedelta(days=7 * week)
        if week + 1 == work.early:
            early = run_apart(path, work.stations, monday, monday + timedelta(days=6), with_documents=False)
    late = run_apart(path, work.stations, monday, monday + timedelta(days=6), with_documents=True)
    year = run_apart(path, work.stations, FIRST, monday + timedelta(days=6), with_documents=False)
    record.close()
    name = f"{work.stations} stations"
    growth = late.figures_s / early.figures_s if early else 0.0
    size_gib = path.stat().st_size / 2**30
    print(f"{name}: {builder.lines} journal lines in {work.weeks} weeks, record {size_gib:.2f} GiB", flush=True)
    path.unlink()
    bar_s = BARS_S[work.stations]
    documents_s = late.documents_s or 0.0
    return [
        make_row(f"weekly figures, {name}, {late.airings} airings", late.figures_s, "s", bar_s),
        make_row(f"weekly figures and all documents, {name}", late.figures_s + documents_s, "s", bar_s),
        make_row(f"peak memory of both, {name}", late.peak_mib, "MiB", BAR_MIB),
        make_row(f"peak memory of the figures, {name}", early.peak_mib if early else 0.0, "MiB", BAR_FIGURES_MIB),
        make_row(f"{work.weeks} weeks of history against {work.early}, {name}", growth, "times", BAR_GROWTH),
        make_row(f"reading and keeping, {name}, {builder.lines} lines", builder.lines / builder.kept_s, "lines/s",
                 BAR_LINES_S, is_floor=True),
        make_row(f"peak memory, all {work.weeks} weeks in one report, {name}", year.peak_mib, "MiB", BAR_FIGURES_MIB),
    ]  # fmt: skip


def measure_sftp(folder: Path, count: int) -> dict[str, object]:
    """Collect a long journal from a real sshd on loopback, and keep it."""
    station = StationId("an-nong")
    dice = np.random.default_rng(1)
    on, point = FIRST, ChainPoint(LogId("aa"), 0, START)
    raws: list[bytes] = []
    programme = make_programme(on, 0)
    while len(raws) < count:
        for at, _, is_repeat in list_day(on):
            for entry in list_entries(make_airing(station, on, at, programme, is_repeat), dice):
                raw = plan_line(point, write_entry(entry))
                point = ChainPoint(point.log, point.seq + 1, hash_line(raw))
                raws.append(raw)
        on += timedelta(days=1)
    with open_box(folder) as box:
        (box.outbox / f"journal-{FIRST}.jsonl").write_bytes(b"".join(raw + b"\n" for raw in raws))
        record = open_record(folder / "sftp.sqlite3")
        began_s = clock.perf_counter()
        with open_session(box.address, box.key) as session, record.read() as reading:
            found = fetch_outbox(session, lambda names: read_positions(reading, station, names))
        with record.write() as connection:
            kept = keep_collection(connection, found, datetime.now(UTC))
        took_s = clock.perf_counter() - began_s
        record.close()
    if kept != len(raws):
        raise SystemExit(f"{kept} of {len(raws)} lines were kept")
    return make_row(f"collecting over SFTP and keeping, {kept} lines", kept / took_s, "lines/s", BAR_LINES_S,
                    is_floor=True)  # fmt: skip


def main(works: tuple[Work, ...], sftp_lines: int, *, is_kept: bool) -> int:
    """Measure, print, write; 1 when a bar is missed."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        rows.append(measure_sftp(Path(name), sftp_lines))
        for work in works:
            rows += measure(work, Path(name))
    for row in rows:
        met = "met" if row["met"] else "MISSED"
        print(f"{row['work']:64} {row['ours']:>10} {row['unit']:7} bar {row['bar']:<7} {met}")
    if is_kept:
        machine = {"cpu": platform.processor() or platform.machine(), "python": platform.python_version(),
                   "sqlite": sqlite3.sqlite_version, "sqlalchemy": version("sqlalchemy")}  # fmt: skip
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a small size; nothing is written to results/")
    parser.add_argument("--report", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.report:
        place, count, monday, last, with_documents = arguments.report
        days = (date.fromisoformat(monday), date.fromisoformat(last))
        run = report_alone(Path(place), int(count), *days, with_documents == "True")
        print(json.dumps(run.__dict__))
    elif arguments.quick:
        sys.exit(main(QUICK, SFTP_LINES // 4, is_kept=False))
    else:
        sys.exit(main(FULL, SFTP_LINES, is_kept=True))
