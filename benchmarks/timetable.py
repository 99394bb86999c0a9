"""A year of a province's timetable expanded, and what it takes when ten and a hundred times the stations hang on it.

    python benchmarks/timetable.py

34 stations are Trieu Son, 3,321 communes a large region. An occurrence is worked out once and holds for all its
stations: memory must not grow with stations times days. Three slots are filled with songs. Prints a table, writes
benchmarks/results/timetable.json and exits 1 if a bar is not met. No peer does the same work; dateutil's rules expand
the same dates, without programmes.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import time as clock
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from dateutil.rrule import WEEKLY, rrule

from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import ColumnId, ProgrammeId, SlotId, StationId
from broadcaster.core.model import Column, LoudnessReading, Master, Programme, ProgrammeKind, Station
from broadcaster.core.schedules import CentreSettings, HolidayRule, RundownItem, Schedules, Slot
from broadcaster.core.time import plan_dates
from broadcaster.timetable.expand import Shelf, expand_day, expand_station

RESULTS = Path(__file__).resolve().parent / "results" / "timetable.json"
FIRST, LAST = date(2023, 1, 1), date(2023, 12, 31)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
STATIONS = (34, 340, 3321)
BAR_S = 10.0
BAR_GROWTH = 1.5
GROUPS = 100
COLUMNS = ("thoi-su", "chuyen-doi-so", "nong-nghiep", "thong-bao")
SONGS = "ca-nhac"
SONG_COUNT = 500


@dataclass(frozen=True)
class Run:
    """What one year took."""

    wall_s: float
    peak_mib: float
    airings: int


def make_programmes() -> list[Programme]:
    """Make one programme for every column and day of the year, and songs of two to five minutes to fill with."""
    columns = [
        _make_programme(f"{column}-{on:%Y%m%d}", column, on, 300_000)
        for on in plan_dates(FIRST, LAST)
        for column in COLUMNS
    ]
    songs = [
        _make_programme(f"bai-{n}", SONGS, FIRST - timedelta(days=1), 120_000 + n * 7_919 % 180_000)
        for n in range(SONG_COUNT)
    ]
    return columns + songs


def _make_programme(name: str, column: str, on: date, duration_ms: int) -> Programme:
    reading = LoudnessReading(-16.0, 5.0, -1.5, duration_ms / 1000)
    return Programme(
        ProgrammeId(name), column, ProgrammeKind.PROGRAMME, ColumnId(column), None, "vi", on,
        "a.wav", hash_bytes(b"a"), Master(hash_bytes(name.encode()), 1, duration_ms, reading, reading, 0, 0),
        datetime(2022, 12, 1, tzinfo=UTC),
    )  # fmt: skip


def make_schedules(count: int) -> Schedules:
    """Make a timetable of eight slots, five with rules of their own, for that many stations in a hundred groups."""
    rundown = tuple(RundownItem(column=ColumnId(column)) for column in COLUMNS)
    fill = RundownItem(fill=ColumnId(SONGS))
    slots = (
        Slot(SlotId("chieu"), "Chiều", time(17), 30, rundown=(*rundown, fill)),
        Slot(SlotId("sang"), "Sáng", time(5, 15), 30, repeat_of=SlotId("chieu")),
        Slot(SlotId("trua"), "Trưa", time(11), 30, days=frozenset({1, 3}), rundown=rundown, holidays=HolidayRule.SKIP),
        Slot(SlotId("chan"), "Tuần chẵn", time(8), 30, days=frozenset({5}), rundown=rundown, starts_on=FIRST,
             every_weeks=2),
        Slot(SlotId("dau-thang"), "Đầu tháng", time(9), 30, days=frozenset({0}), nth=frozenset({1, -1}),
             rundown=rundown),
        Slot(SlotId("tet"), "Tết", time(10), 30, rundown=rundown, holidays=HolidayRule.ONLY),
        Slot(SlotId("nhom"), "Nhóm", time(18), 30, stations=("n7", "n8"), rundown=rundown),
        Slot(SlotId("nhac"), "Ca nhạc", time(12), 60, rundown=(fill,)),
    )  # fmt: skip
    stations = tuple(Station(StationId(f"s{n}"), f"Xã {n}", groups=(f"n{n % GROUPS}",)) for n in range(count))
    columns = tuple(Column(ColumnId(column), column) for column in (*COLUMNS, SONGS))
    return Schedules(CentreSettings("Trung tâm", ZONE), stations, columns, (), slots)


def expand_year(count: int) -> Run:
    """Expand a year: every occurrence, how many airings it means over its stations, and one station's whole year."""
    schedules, shelf = make_schedules(count), Shelf(make_programmes())
    began_s = clock.perf_counter()
    airings = 0
    for on in plan_dates(FIRST, LAST):
        occurrences = expand_day(schedules, on, shelf)
        for occurrence in occurrences:
            meant = sum(occurrence.slot.has_station(s) and s.is_valid_on(on) for s in schedules.stations)
            airings += meant * len(occurrence.items)
        sum(1 for _ in expand_station(occurrences, schedules.stations[7]))
    wall_s = clock.perf_counter() - began_s
    return Run(wall_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, airings)


def run_apart(count: int) -> Run:
    """Run one year in a process of its own, so that its peak of memory is its own."""
    done = subprocess.run([sys.executable, __file__, str(count)], capture_output=True, text=True, check=True)
    return Run(**json.loads(done.stdout))


def run_dateutil() -> float:
    """Take the time that dateutil needs for the dates of the same year and slots, without programmes or stations."""
    began_s = clock.perf_counter()
    for slot in make_schedules(1).slots:
        start = datetime.combine(FIRST, slot.at, ZONE)
        list(rrule(WEEKLY, start, byweekday=sorted(slot.days), until=start + timedelta(days=364)))
    return clock.perf_counter() - began_s


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    runs = {count: run_apart(count) for count in STATIONS}
    few, many = runs[STATIONS[0]], runs[STATIONS[-1]]
    growth = many.peak_mib / few.peak_mib
    dates_s = run_dateutil()
    rows = [
        {"work": f"a year, {count} stations: {run.airings} airings", "ours": round(run.wall_s, 2), "unit": "s",
         "peer": {"dateutil, dates alone": round(dates_s, 3)}, "ratio": round(run.wall_s / dates_s, 1),
         "bar": BAR_S, "met": run.wall_s <= BAR_S}
        for count, run in runs.items()
    ]  # fmt: skip
    rows.append({"work": f"peak memory, {STATIONS[-1]} stations to {STATIONS[0]}", "ours": round(many.peak_mib, 1),
                 "unit": "MiB", "peer": {f"{STATIONS[0]} stations": round(few.peak_mib, 1)}, "ratio": round(growth, 2),
                 "bar": BAR_GROWTH, "met": growth <= BAR_GROWTH})  # fmt: skip
    for row in rows:
        print(
            f"{row['work']:48} {row['ours']:>9} {row['unit']:4} bar {row['bar']:<5} {'met' if row['met'] else 'MISSED'}"
        )
    machine = {"cpu": platform.processor() or platform.machine(), "python": platform.python_version(),
               "holidays": version("holidays"), "dateutil": version("python-dateutil")}  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(expand_year(int(sys.argv[1])).__dict__))
    else:
        sys.exit(main())
