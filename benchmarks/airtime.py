"""A year of journals, and what a weekly report of its last weeks costs: 34, 166 and 3,321 stations.

    python -m benchmarks.airtime --fill DIR  # a year of plans, receipts, 10 million journal lines
    python -m benchmarks.airtime --in DIR    # the last weeks' lines kept, the reports made, all measured: minutes
    python -m benchmarks.airtime             # both, in a folder that goes away again
    python -m benchmarks.airtime --quick     # 34 and 166 stations for eight weeks; nothing is written to results/

34 stations are Trieu Son, 166 the communes of a province after the merger, 3,321 all communes of Viet Nam. Journals are
made as boxes write them, read and kept by the code that collects. A report is what the office types, `broadcaster
report weekly`, from the start of the program to the last file, for each of the last three weeks. The figures alone are
also made in a record of 4 weeks and in that of 52: the second may not cost more because the record is older. No other
program does this work.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time as clock
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.processes import run as run_process
from benchmarks.year import (
    FIRST,
    ZONE,
    Builder,
    list_day,
    list_entries,
    make_airing,
    make_programme,
    make_schedules,
    write_schedules,
)
from broadcaster.airtime.collect import fetch_outbox, keep_collection, read_positions
from broadcaster.centre.reports import make_report
from broadcaster.centre.workspace import Workspace, init_workspace
from broadcaster.cli.main import YOUNG_OBJECTS
from broadcaster.core.ids import LogId, StationId
from broadcaster.core.time import format_week, wall_to_utc
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
REPORTS = 3
BROADCASTER = (sys.executable, "-c", "from broadcaster.cli.main import run; run()")


@dataclass(frozen=True)
class Work:
    """How much: stations, weeks of history, of which the last `kept` are kept while being measured; `early` is the
    short history."""

    stations: int
    weeks: int
    early: int
    kept: int


FULL = (Work(34, 52, 4, 12), Work(166, 52, 4, 4), Work(3321, 52, 4, 1))
QUICK = (Work(34, 8, 4, 3), Work(166, 8, 4, 2))
ALL_IN_ONE = 166


@dataclass(frozen=True)
class Figures:
    """What the figures of one report took, in a process of its own."""

    wall_s: float
    peak_mib: float
    airings: int


def make_figures_alone(root: Path, count: int, first: date, last: date) -> Figures:
    """Make the figures of a report, in a process that does nothing else."""
    schedules = make_schedules(count)
    now_at = wall_to_utc(last + timedelta(days=1), time(7), ZONE)
    with Workspace(root).open_record() as record:
        began_s = clock.perf_counter()
        report = make_report(record, schedules, first, last, now_at)
        took_s = clock.perf_counter() - began_s
    return Figures(took_s, read_peak_mib(), report.total.planned)


def read_peak_mib() -> float:
    """Read this process's own peak of memory; getrusage would tell that of the process it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def make_figures_apart(root: Path, count: int, first: date, last: date) -> Figures:
    """Make the figures of a report in a process of its own."""
    call = [sys.executable, "-m", "benchmarks.airtime", "--figures", str(root), str(count), str(first), str(last)]
    done = subprocess.run(call, capture_output=True, text=True, check=True, cwd=ROOT)
    return Figures(**json.loads(done.stdout))


def make_row(work: str, ours: float, unit: str, bar: float, *, is_floor: bool = False) -> dict[str, object]:
    """Make one row of the results; the bar is a ceiling unless it is a floor."""
    met = ours >= bar if is_floor else ours <= bar
    return {"work": work, "ours": round(ours, 2), "unit": unit, "peer": {}, "ratio": None, "bar": bar, "met": met}


def name_workspaces(work: Work, folder: Path) -> tuple[Path, Path]:
    """Name the workspaces with the long and the short history."""
    return folder / f"{work.stations}", folder / f"{work.stations}-early"


def fill(work: Work, folder: Path) -> None:
    """Make the workspaces of a size: all weeks but those that are kept while being measured."""
    schedules = make_schedules(work.stations)
    long, short = name_workspaces(work, folder)
    for root in (long, short):
        workspace, _ = init_workspace(root)
        write_schedules(workspace.schedules, schedules)
    with Workspace(long).open_record() as record:
        builder = Builder(record, schedules)
        for week in range(work.weeks - work.kept):
            builder.add_week(week)
            print(f"{work.stations} stations: {week + 1} weeks, {builder.lines} lines", file=sys.stderr, flush=True)
            if week + 1 == work.early:
                with record.write():  # nobody else writes while the file is copied
                    shutil.copytree(Workspace(long).state, Workspace(short).state, dirs_exist_ok=True)
    (long / "points.json").write_text(builder.write_state())


def measure(work: Work, folder: Path) -> list[dict[str, object]]:
    """Keep the last weeks' lines, report."""
    schedules = make_schedules(work.stations)
    long, short = name_workspaces(work, folder)
    with Workspace(long).open_record() as record:
        builder = Builder(record, schedules, (long / "points.json").read_text())
        earlier = builder.lines
        for week in range(work.weeks - work.kept, work.weeks):
            builder.add_week(week)
    rate = (builder.lines - earlier) / builder.kept_s
    mondays = [FIRST + timedelta(weeks=week) for week in range(work.weeks)]
    early = make_figures_apart(short, work.stations, mondays[work.early - 1], mondays[work.early] - timedelta(days=1))
    late = make_figures_apart(long, work.stations, mondays[-1], mondays[-1] + timedelta(days=6))
    weekly = [
        run_process([*BROADCASTER, "-w", str(long), "report", "weekly", "--week", format_week(monday)])
        for monday in mondays[-REPORTS:]
    ]
    name = f"{work.stations} stations"
    size_gib = (Workspace(long).state / "record.sqlite3").stat().st_size / 2**30
    print(f"{name}: {builder.lines} journal lines in {work.weeks} weeks, record {size_gib:.2f} GiB", flush=True)
    rows = [
        make_row(f"broadcaster report weekly, all its documents, {name}, {late.airings} airings",
                 statistics.median(one.wall_s for one in weekly), "s", BARS_S[work.stations]),
        make_row(f"its peak memory, {name}", max(one.peak_mib for one in weekly), "MiB", BAR_MIB),
        make_row(f"the figures alone, {name}", late.wall_s, "s", BARS_S[work.stations]),
        make_row(f"peak memory of the figures, {name}", late.peak_mib, "MiB", BAR_FIGURES_MIB),
        make_row(f"figures in {work.weeks} weeks of history against {work.early}, {name}", late.wall_s / early.wall_s,
                 "times", BAR_GROWTH),
        make_row(f"reading and keeping, {name}, after {earlier} lines", rate, "lines/s", BAR_LINES_S, is_floor=True),
    ]  # fmt: skip
    if work.stations <= ALL_IN_ONE:
        year = make_figures_apart(long, work.stations, FIRST, mondays[-1] + timedelta(days=6))
        rows.append(make_row(f"peak memory of all {work.weeks} weeks in one report, {name}", year.peak_mib, "MiB",
                             BAR_FIGURES_MIB))  # fmt: skip
    return rows


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


def write_page(rows: list[dict[str, object]], machine: dict[str, str]) -> str:
    """Write the results for a reader."""
    lines = [f"| {row['work']} | {row['ours']} {row['unit']} | {row['bar']} | {'met' if row['met'] else '**missed**'} |"
             for row in rows]  # fmt: skip
    return "\n".join([
        "# What a weekly report costs after a year of journals", "",
        f"`python -m benchmarks.airtime`, Python {machine['python']}, SQLite {machine['sqlite']}. A weekly report is",
        "the whole command, from the start of the program to its last file (letter, page, workbook, tables, JSON),",
        f"the median of {REPORTS} weeks; keeping is timed on the last weeks of a record that holds the rest.", "",
        "| work | ours | bar | |", "|---|---|---|---|", *lines, "",
    ])  # fmt: skip


def main(works: tuple[Work, ...], folder: Path, sftp_lines: int, *, is_kept: bool) -> int:
    """Measure, print, write; 1 when a bar is missed.

    The garbage collector looks as seldom as in the service, which keeps what it collects in a process of its own.
    """
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    with tempfile.TemporaryDirectory() as name:
        rows = [measure_sftp(Path(name), sftp_lines)]
    for work in works:
        rows += measure(work, folder)
    for row in rows:
        met = "met" if row["met"] else "MISSED"
        print(f"{row['work']:80} {row['ours']:>10} {row['unit']:7} bar {row['bar']:<7} {met}")
    if is_kept:
        machine = {"cpu": platform.processor() or platform.machine(), "python": platform.python_version(),
                   "sqlite": sqlite3.sqlite_version, "sqlalchemy": version("sqlalchemy")}  # fmt: skip
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
        RESULTS.with_suffix(".md").write_text(write_page(rows, machine))
    return 0 if all(row["met"] for row in rows) else 1


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a small size; nothing is written to results/")
    parser.add_argument("--fill", type=Path, metavar="DIR", help="only make the records, there")
    parser.add_argument("--in", type=Path, metavar="DIR", dest="filled", help="measure in what --fill made there, once")
    parser.add_argument("--figures", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parse_arguments()
    chosen, lines = (QUICK, SFTP_LINES // 4) if arguments.quick else (FULL, SFTP_LINES)
    if arguments.figures:
        place, count, *days = arguments.figures
        made = make_figures_alone(Path(place), int(count), *map(date.fromisoformat, days))
        print(json.dumps(made.__dict__))
    elif arguments.fill:
        for one in chosen:
            fill(one, arguments.fill)
    elif arguments.filled:
        sys.exit(main(chosen, arguments.filled, lines, is_kept=not arguments.quick))
    else:
        with tempfile.TemporaryDirectory() as here:
            for one in chosen:
                fill(one, Path(here))
            sys.exit(main(chosen, Path(here), lines, is_kept=not arguments.quick))
