"""A year of journals, and what a weekly report of its last week costs: 34, 166 and 3,321 stations.

    python -m benchmarks.airtime            # the whole work, more than 10 million journal lines: about half an hour
    python -m benchmarks.airtime --quick    # 34 and 166 stations for six weeks

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
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.year import FIRST, ZONE, Builder, list_day, list_entries, make_airing, make_programme, make_schedules
from broadcaster.airtime.collect import fetch_outbox, keep_collection, read_positions
from broadcaster.airtime.documents import write_documents
from broadcaster.centre.reports import make_report
from broadcaster.core.ids import LogId, StationId
from broadcaster.core.time import wall_to_utc
from broadcaster.link.session import open_session
from broadcaster.store.engine import open_record
from broadcaster.wire.chain import START, ChainPoint, hash_line, plan_line
from broadcaster.wire.journal import write_entry
from tests.sshd import open_box

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "airtime.json"
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
    call = [
        sys.executable,
        "-m",
        "benchmarks.airtime",
        "--report",
        str(path),
        str(count),
        str(monday),
        str(last),
        str(with_documents),
    ]
    done = subprocess.run(call, capture_output=True, text=True, check=True, cwd=ROOT)
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
