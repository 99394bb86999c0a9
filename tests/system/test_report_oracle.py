"""Ten weeks of random plans, faults and late journals: the report against an oracle that counts tenths of seconds.

The oracle knows only what was dealt: it marks every tenth of a second that sounded in a set, and judges an airing by
the words of docs/reconciliation.md. It shares no code with the reconciliation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest

from broadcaster.airtime.figures import Report
from broadcaster.centre.editions import write_report
from broadcaster.centre.export import export_period
from broadcaster.centre.reports import order_week
from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import AiringId, ColumnId, LogId, ProgrammeId, StationId
from broadcaster.core.model import Airing
from broadcaster.core.time import wall_to_utc
from broadcaster.store.engine import Record
from broadcaster.store.logs import write_journal
from broadcaster.store.plans import PlanRevision, write_airings, write_revision
from broadcaster.store.stations import write_contact
from broadcaster.timetable.read import read_schedules
from broadcaster.wire.chain import START as CHAIN_START
from broadcaster.wire.chain import ChainPoint, plan_line, read_line
from broadcaster.wire.journal import Ending, Happening, JournalEntry, SkipReason, read_entry, write_entry
from tests.duckdb_totals import read_totals
from tests.sample_week import init_sample
from tests.unit.makers import ZONE, make_airing, make_entry

FIRST = date(2023, 10, 2)
WEEKS = 10
STATIONS = 6
COLUMNS = ("thoi-su", "chuyen-doi-so", "nong-nghiep")
FATES = (
    "whole",
    "whole",
    "whole",
    "late",
    "cut",
    "joined",
    "stopped",
    "skipped",
    "silent",
    "begun",
    "doubled",
    "stranger",
)


@dataclass(frozen=True)
class Dealt:
    """One airing, what its box wrote about it (tenths of seconds from its time), and whether that came late."""

    airing: Airing
    fate: str
    spans: tuple[tuple[int, int, Ending], ...]
    is_late: bool


def deal_week(dice: np.random.Generator, stations: Sequence[StationId], monday: date) -> list[Dealt]:
    """Deal a week: up to four airings a day at each station; some stations' journals come a week late."""
    dealt = []
    for station in stations:
        is_late = bool(dice.random() < 0.3)
        for day in range(7):
            on = monday + timedelta(days=day)
            for number in range(int(dice.integers(0, 5))):
                start_at = wall_to_utc(on, time(5 + 4 * number, int(dice.integers(60))), ZONE)
                airing = replace(
                    make_airing(f"{on:%Y%m%d}-{number}", start_at, int(dice.integers(100, 18_000)) * 100),
                    station=station,
                    programme=ProgrammeId(f"p-{int(dice.integers(30))}"),
                    column=ColumnId(COLUMNS[dice.integers(len(COLUMNS))]),
                    is_repeat=bool(dice.random() < 0.4),
                )
                fate = FATES[dice.integers(len(FATES))]
                dealt.append(Dealt(airing, fate, deal_spans(dice, fate, airing.duration_ms // 100), is_late))
    return dealt


def deal_spans(dice: np.random.Generator, fate: str, length: int) -> tuple[tuple[int, int, Ending], ...]:
    """Deal what sounded: from and how long, in tenths of seconds, and how it ended."""
    part = int(dice.integers(0, length))
    whole = (int(dice.integers(0, 30)), length, Ending.COMPLETE)
    match fate:
        case "whole":
            return (whole,)
        case "late":
            return ((int(dice.integers(-600, 600)), length, Ending.COMPLETE),)
        case "cut":
            return ((0, part, Ending.CUT_BY_EMERGENCY),)
        case "stopped":
            return ((0, part, Ending.STOPPED),)
        case "joined":  # power went, the box joined again, and its estimate of the first part may reach into the second
            again = int(dice.integers(0, length))
            return ((0, part, Ending.INTERRUPTED), (again, length - again, Ending.COMPLETE))
        case "doubled":
            half = part // 2
            return ((0, part, Ending.STOPPED), (0, part, Ending.STOPPED), (half, part - half, Ending.STOPPED))
        case _:
            return ()


def list_entries(one: Dealt) -> list[JournalEntry]:
    """Write what the box would write."""
    if one.fate == "silent":
        return []
    if one.fate == "skipped":
        return [make_entry(Happening.SKIP, one.airing, reason=SkipReason.MISSING)]
    if one.fate == "begun":
        return [make_entry(Happening.START, one.airing)]
    if one.fate == "stranger":
        other = replace(one.airing, id=AiringId(f"x-{one.airing.id}"))
        return [make_entry(Happening.END, other, output_ms=one.airing.duration_ms, ending=Ending.COMPLETE)]
    found = [make_entry(Happening.START, one.airing, late_s=one.spans[0][0] / 10)]
    for begin, length, ending in one.spans:
        found.append(make_entry(Happening.END, one.airing, late_s=begin / 10, output_ms=length * 100, ending=ending))
    return found


def judge(one: Dealt, is_collected: bool) -> tuple[str, int]:
    """Judge by the words of the rules: a verdict and what sounded, in tenths of seconds."""
    length = one.airing.duration_ms // 100
    if not is_collected:
        return "no journal", 0
    if one.fate in ("silent", "skipped", "stranger"):
        return "not played", 0
    if one.fate == "begun":
        return "no journal", 0
    marks = {tenth for begin, span, _ in one.spans for tenth in range(begin, begin + span)}
    sounded = min(len(marks), length)
    if length - sounded > 20:
        if sounded or one.fate == "cut":
            return "short", sounded
        return "not played", 0
    begin = min(begin for begin, _, _ in one.spans)
    return ("late" if abs(begin) > 50 else "full"), sounded


def sum_oracle(dealt: Sequence[Dealt], collected: set[StationId]) -> dict[StationId, dict[str, int]]:
    """Sum each station's week."""
    sums: dict[StationId, dict[str, int]] = {}
    for one in dealt:
        mine = sums.setdefault(one.airing.station, Counter())
        verdict, sounded = judge(one, one.airing.station in collected)
        mine[verdict] += 1
        mine["planned"] += 1
        mine["planned_tenths"] += one.airing.duration_ms // 100
        mine["played_tenths"] += sounded
    return sums


def round_minutes(tenths: int) -> int:
    """Round tenths of seconds to tenths of minutes, half upwards."""
    return (tenths + 30) // 60


def match_report(report: Report, dealt: Sequence[Dealt], collected: set[StationId]) -> None:
    """Compare every figure of every station, and the sums by column, new and repeat, date."""
    sums = sum_oracle(dealt, collected)
    for row in report.stations:
        mine = sums.get(row.station, Counter())
        assert (row.full, row.late) == (mine["full"] + mine["late"], mine["late"]), row.station
        assert (row.short, row.not_played) == (mine["short"], mine["not played"]), row.station
        assert (row.no_journal, row.planned) == (mine["no journal"], mine["planned"]), row.station
        assert row.planned_dmin == round_minutes(mine["planned_tenths"]), row.station
        assert row.played_dmin == round_minutes(mine["played_tenths"]), row.station
    assert report.total.played_dmin == sum(round_minutes(mine["played_tenths"]) for mine in sums.values())
    columns: dict[tuple[str, bool], int] = Counter()
    days: dict[date, int] = Counter()
    for one in dealt:
        sounded = judge(one, one.airing.station in collected)[1]
        columns[str(one.airing.column), one.airing.is_repeat] += sounded
        days[one.airing.start_at.astimezone(ZONE).date()] += sounded
    for column in report.columns:
        assert (column.new_dmin, column.repeat_dmin) == (
            round_minutes(columns[column.id, False]), round_minutes(columns[column.id, True]),
        )  # fmt: skip
    assert {row.on: row.played_dmin for row in report.days} == {on: round_minutes(days[on]) for on in days}
    strangers = [one for one in dealt if one.fate == "stranger" and one.airing.station in collected]
    assert len(report.unplanned) == len(strangers)


def keep_plans(record: Record, stations: Sequence[StationId], dealt: Sequence[Dealt], monday: date) -> None:
    """Keep a week's plans as publishing would."""
    with record.write() as connection:
        for station in stations:
            for day in range(7):
                on = monday + timedelta(days=day)
                airings = [
                    one.airing
                    for one in dealt
                    if one.airing.station == station and one.airing.start_at.astimezone(ZONE).date() == on
                ]
                at = wall_to_utc(on, time(), ZONE) - timedelta(hours=12)
                sha256 = hash_bytes(f"{station}{on}".encode())
                write_revision(connection, PlanRevision(station, on, 1, b"{}", "-", sha256, at))
                write_airings(connection, station, on, airings, 1)


def keep_journals(record: Record, dealt: Sequence[Dealt], stations: set[StationId], monday: date, at: datetime) -> None:
    """Keep what some stations wrote about a week, in no particular order, and that their diary is whole up to now."""
    log = LogId(f"{monday:%m%d}")
    with record.write() as connection:
        for station in stations:
            entries = [entry for one in dealt if one.airing.station == station for entry in list_entries(one)]
            lines = [
                read_entry(read_line(plan_line(ChainPoint(log, n, CHAIN_START), write_entry(entry))))
                for n, entry in enumerate(reversed(entries))
            ]
            write_journal(connection, station, lines, at)
            write_contact(connection, station, {"log_id": "aa", "reached_at": at, "journal_until": at})


@pytest.mark.parametrize("seed", range(3))
def test_ten_weeks_match_the_oracle_before_and_after_late_journals(tmp_path: Path, seed: int) -> None:
    dice = np.random.default_rng(seed)
    workspace, _ = init_sample(tmp_path / "w")
    chosen = ["stations:"]
    for number in range(STATIONS):
        chosen += [f"  - id: xa-{number}", f"    name: Xã {number}"]
    (workspace.schedules / "stations.yaml").write_text("\n".join(["format: 1", *chosen]) + "\n", encoding="utf-8")
    (workspace.schedules / "timetable.yaml").write_text("format: 1\nslots: []\n", encoding="utf-8")
    (workspace.schedules / "campaigns.yaml").write_text("format: 1\ncampaigns: []\n", encoding="utf-8")
    schedules = read_schedules(workspace.schedules)
    stations = [station.id for station in schedules.stations]
    corrected = 0
    with workspace.open_record() as record:
        for week in range(WEEKS):
            monday = FIRST + timedelta(days=7 * week)
            made_at = wall_to_utc(monday + timedelta(days=7), time(7), ZONE)
            dealt = deal_week(dice, stations, monday)
            late = {one.airing.station for one in dealt if one.is_late}
            keep_plans(record, stations, dealt, monday)
            with record.write() as connection:
                for station in late:
                    begun_at = made_at - timedelta(days=8)
                    write_contact(connection, station, {"log_id": "aa", "journal_until": begun_at})
            keep_journals(record, dealt, set(stations) - late, monday, made_at - timedelta(hours=1))
            first = write_report(workspace, record, schedules, order_week(monday), made_at)
            match_report(first.report, dealt, set(stations) - late)
            keep_journals(record, dealt, late, monday, made_at + timedelta(days=2))
            second = write_report(workspace, record, schedules, order_week(monday), made_at + timedelta(days=3))
            match_report(second.report, dealt, set(stations))
            assert second.is_new == bool(late)
            if second.report.correction is not None:
                corrected += 1
                gained = second.report.total.played_dmin - first.report.total.played_dmin
                told = [one for one in second.report.correction.changes if one.figure == "played_dmin"]
                assert sum(one.after - one.before for one in told if one.station == "") == gained
                assert {one.station for one in second.report.correction.changes} <= {"", *late}
            sunday = monday + timedelta(days=6)
            export_period(record, schedules, monday, sunday, tmp_path / "csv", made_at + timedelta(days=3))
            totals, _ = read_totals(tmp_path / "csv")
            assert totals == sorted(
                (row.station, row.planned, row.planned_dmin, row.played_dmin)
                for row in second.report.stations
                if row.planned
            )
    assert corrected >= WEEKS // 2
