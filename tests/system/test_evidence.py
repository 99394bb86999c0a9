"""From a figure down to its journal lines, in a real record; and reports of any period."""

from __future__ import annotations

import json
from datetime import date, time, timedelta

import pytest
from click.testing import CliRunner

from broadcaster.airtime.reconcile import Cause, Verdict
from broadcaster.centre.editions import write_report
from broadcaster.centre.evidence import Sought, explain_airing, explain_period
from broadcaster.centre.publish import publish_days
from broadcaster.centre.reports import ReportOrder, make_report
from broadcaster.centre.workspace import Workspace
from broadcaster.cli.main import cli
from broadcaster.core.errors import InputError, UnknownNameError
from broadcaster.core.ids import AiringId, ColumnId, LogId, SlotId, StationId
from broadcaster.core.schedules import RundownItem, Schedules, Slot
from broadcaster.store.engine import Record
from broadcaster.store.logs import write_journal
from broadcaster.store.plans import read_airings_between
from broadcaster.store.stations import write_contact
from broadcaster.wire.chain import START as CHAIN_START
from broadcaster.wire.chain import ChainPoint, plan_line, read_line
from broadcaster.wire.journal import Ending, Happening, read_entry, write_entry
from tests.unit.makers import AN_NONG, START, make_airing, make_entry, make_schedules

MONDAY = date(2023, 10, 9)
SLOT = Slot(SlotId("chieu"), "Chiều", time(17), 30, rundown=(RundownItem(column=ColumnId("thoi-su")),))
LATER = START + timedelta(days=1)


@pytest.fixture
def airing(workspace: Workspace, record: Record) -> AiringId:
    """Plan one airing and collect the two lines of it, cut short at nine seconds."""
    publish_days(workspace, record, make_schedules(SLOT), [MONDAY], START - timedelta(hours=8))
    with record.read() as connection:
        (planned,) = read_airings_between(connection, START, LATER)
    entries = [make_entry(Happening.START, planned)]
    entries.append(make_entry(Happening.END, planned, output_ms=9_000, ending=Ending.FAILED))
    lines = []
    point = ChainPoint(LogId("aa"), 0, CHAIN_START)
    for number, entry in enumerate(entries):
        raw = plan_line(ChainPoint(point.log, number, CHAIN_START), write_entry(entry))
        lines.append(read_entry(read_line(raw)))
    with record.write() as connection:
        write_journal(connection, AN_NONG, lines, LATER)
        write_contact(connection, AN_NONG, {"log_id": "aa", "journal_until": LATER})
    return planned.id


def test_minutes_of_a_station_lead_to_the_lines_they_rest_on(record: Record, airing: AiringId) -> None:
    schedules = make_schedules(SLOT)
    (week,) = explain_period(record, schedules, [], MONDAY, MONDAY, LATER)
    assert explain_airing(record, schedules, airing, None, LATER) == [week]
    assert [(line.log, line.seq) for line in week.lines] == [("aa", 1), ("aa", 2)]
    told_ms = sum(line.entry.output_ms for line in week.lines)
    report = make_report(record, schedules, MONDAY, MONDAY, LATER)
    assert week.outcome.played_ms == told_ms == 9_000
    assert report.total.played_dmin == round(told_ms / 6000)
    for sought, count in (
        (Sought(column="thoi-su", weekday=0, hour=17, verdict=Verdict.SHORT), 1), (Sought(hour=16), 0),
        (Sought(column=""), 0), (Sought(programme=week.outcome.airing.programme), 1), (Sought(campaign="x"), 0),
    ):  # fmt: skip
        assert len(explain_period(record, schedules, [AN_NONG], MONDAY, MONDAY, LATER, sought)) == count


def test_sound_without_a_plan_is_explained_as_not_planned(record: Record, airing: AiringId) -> None:
    schedules = make_schedules(SLOT)
    stranger = make_airing("order-lu-quet", START + timedelta(hours=2))
    entry = make_entry(Happening.END, stranger, output_ms=7_000, ending=Ending.COMPLETE)
    raw = plan_line(ChainPoint(LogId("aa"), 2, CHAIN_START), write_entry(entry))
    with record.write() as connection:
        write_journal(connection, AN_NONG, [read_entry(read_line(raw))], LATER)
    (found,) = explain_airing(record, schedules, stranger.id, None, LATER)
    assert (found.outcome.verdict, found.outcome.cause) == (Verdict.NOT_PLANNED, Cause.ORDERED)
    assert [(line.seq, line.raw) for line in found.lines] == [(3, raw)]
    week = explain_period(record, schedules, [], MONDAY, MONDAY, LATER)
    assert [one.outcome.airing.id for one in week] == [airing, stranger.id]


def test_unknown_airing_or_station_is_named(record: Record, airing: AiringId) -> None:
    schedules: Schedules = make_schedules(SLOT)
    with pytest.raises(UnknownNameError, match="nowhere"):
        explain_airing(record, schedules, AiringId("nowhere"), None, LATER)
    with pytest.raises(UnknownNameError):
        explain_airing(record, schedules, airing, StationId("elsewhere"), LATER)


def test_command_prints_the_exact_bytes_of_each_line(workspace: Workspace, record: Record, airing: AiringId) -> None:
    (explained,) = explain_airing(record, make_schedules(SLOT), airing, None, LATER)
    record.close()
    call = ["--workspace", str(workspace.root), "airtime", "explain"]
    plain = CliRunner().invoke(cli, [*call, airing])
    assert plain.exit_code == 0, plain.output
    for line in explained.lines:
        assert line.raw.decode().rstrip() in plain.output
    (told,) = json.loads(CliRunner().invoke(cli, [*call, airing, "--station", AN_NONG, "--json"]).output)
    assert (told["played_ms"], len(told["lines"])) == (9_000, 2)
    for words in (("--on", "09/10/2023", "--station", AN_NONG), ("--week", "2023-W41", "--verdict", "short")):
        assert "1 airings that are over: 9.0 s heard" in CliRunner().invoke(cli, [*call, *words]).output
    wrong: tuple[tuple[str, ...], ...] = ((), ("--from", "2023-10-09"), ("--week", "2023-W41", "--on", "2023-10-09"))
    assert {CliRunner().invoke(cli, [*call, *words]).exit_code for words in wrong} == {2}


def test_report_of_any_period_holds_what_lies_in_it(workspace: Workspace, record: Record, airing: AiringId) -> None:
    schedules = make_schedules(SLOT)
    month = (date(2023, 10, 1), date(2023, 10, 31))
    written = write_report(workspace, record, schedules, ReportOrder("thang", *month), LATER)
    assert airing in {one.airing.id for one in written.report.outcomes}
    assert written.files.docx.name == "bao-cao-thang.docx"
    before = (date(2023, 9, 1), date(2023, 9, 30))
    written = write_report(workspace, record, schedules, ReportOrder("truoc", *before), LATER)
    assert airing not in {one.airing.id for one in written.report.outcomes}
    with pytest.raises(InputError, match="before it begins"):
        write_report(workspace, record, schedules, ReportOrder("x", month[1], month[0]), LATER)
