"""Publishing into a real record: revisions grow only when something changed, and the past is never rewritten."""

from __future__ import annotations

import dataclasses
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from broadcaster.airtime.documents import write_documents
from broadcaster.airtime.reconcile import Cause, Verdict
from broadcaster.centre.editions import write_report
from broadcaster.centre.programmes import get_programme, remove_programme, restore_programme
from broadcaster.centre.publish import preview_day, publish_days, read_played_before
from broadcaster.centre.reports import make_report, order_week
from broadcaster.centre.slots_ready import read_slots_ready
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import InUseError, UnknownNameError
from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import ColumnId, LogId, ProgrammeId, SlotId
from broadcaster.core.model import LateRule, StartRule
from broadcaster.core.schedules import RundownItem, Schedules, Slot
from broadcaster.store.engine import Record
from broadcaster.store.logs import write_journal
from broadcaster.store.plans import read_airings_between, read_newest
from broadcaster.store.programmes import write_programme, write_removal
from broadcaster.store.stations import write_contact, write_receipts
from broadcaster.wire.chain import START as CHAIN_START
from broadcaster.wire.chain import ChainPoint, plan_line, read_line
from broadcaster.wire.day_plan import read_day_plan
from broadcaster.wire.journal import Ending, Happening, read_entry, write_entry
from broadcaster.wire.receipt import Receipt, read_receipt, write_receipt
from broadcaster.wire.receipt import Verdict as ReceiptVerdict
from broadcaster.wire.signature import PLAN_NAMESPACE, verify_document
from tests.unit.makers import AN_NONG, START, make_entry, make_programme, make_schedules

MONDAY = date(2023, 10, 9)
NEWS = RundownItem(column=ColumnId("thoi-su"))
FARM = RundownItem(column=ColumnId("nong-nghiep"))
AFTERNOON = Slot(SlotId("chieu"), "Chiều", time(17), 30, rundown=(NEWS, FARM))
EVENING = Slot(SlotId("toi"), "Tối", time(19), 30, rundown=(FARM,))
MORNING = START - timedelta(hours=8)


@pytest.fixture
def schedules() -> Schedules:
    return make_schedules(AFTERNOON, EVENING)


def test_plan_is_signed_and_a_new_revision_only_when_something_changed(
    workspace: Workspace, record: Record, schedules: Schedules
) -> None:
    (first,) = publish_days(workspace, record, schedules, [MONDAY], MORNING)
    (same,) = publish_days(workspace, record, schedules, [MONDAY], MORNING + timedelta(minutes=5))
    assert (first.revision, first.is_new, same.revision, same.is_new) == (1, True, 1, False)
    with record.write() as connection:
        write_programme(connection, make_programme("lua", "nong-nghiep"))
    (more,) = publish_days(workspace, record, schedules, [MONDAY], MORNING)
    assert (more.revision, more.airings) == (2, 3)
    with record.read() as connection:
        plan = read_newest(connection, MONDAY, MONDAY)[AN_NONG, MONDAY]
    verify_document(plan.document, plan.signature, workspace.read_public_key(), PLAN_NAMESPACE)
    assert [airing.title for airing in read_day_plan(plan.document).airings] == ["Tin", "Lua", "Lua"]


def test_slot_that_has_begun_stays_as_it_was_planned(
    workspace: Workspace, record: Record, schedules: Schedules
) -> None:
    publish_days(workspace, record, schedules, [MONDAY], MORNING)
    with record.write() as connection:
        write_programme(connection, make_programme("lua", "nong-nghiep"))
    (late,) = publish_days(workspace, record, schedules, [MONDAY], START + timedelta(seconds=1))
    assert late.is_new
    with record.read() as connection:
        airings = read_airings_between(connection, START, START + timedelta(hours=5))
    assert [(airing.slot, airing.title) for airing in airings] == [("chieu", "Tin"), ("toi", "Lua")]


def test_planned_programme_is_removed_only_with_its_plans_and_never_on_air(
    workspace: Workspace, record: Record, schedules: Schedules
) -> None:
    publish_days(workspace, record, schedules, [MONDAY], MORNING)
    with pytest.raises(InUseError, match="is planned: 1 airings"):
        remove_programme(record, "tin", MORNING, unplan=False)
    with pytest.raises(InUseError, match="is on air at 1"):
        remove_programme(record, "tin", START + timedelta(seconds=30), unplan=True)
    remove_programme(record, "tin", MORNING, unplan=True)
    (without,) = publish_days(workspace, record, schedules, [MONDAY], MORNING)
    assert (without.revision, without.airings) == (2, 0)
    with pytest.raises(UnknownNameError):
        get_programme(record, "tin")
    assert restore_programme(record, "tin", MORNING).title == "Tin"
    remove_programme(record, "tin", START + timedelta(days=1), unplan=False)


def test_day_without_a_published_plan_is_not_green(workspace: Workspace, record: Record, schedules: Schedules) -> None:
    report = make_report(record, schedules, MONDAY, MONDAY + timedelta(days=6), START + timedelta(days=2))
    assert [(o.verdict, o.cause) for o in report.outcomes] == [(Verdict.NO_JOURNAL, Cause.NOT_PUBLISHED)]
    assert report.total.no_journal == 1
    assert report.total.played_dmin == 0


def test_publishing_late_counts_what_was_missed(workspace: Workspace, record: Record, schedules: Schedules) -> None:
    publish_days(workspace, record, schedules, [MONDAY], START + timedelta(minutes=30))
    report = make_report(record, schedules, MONDAY, MONDAY, START + timedelta(hours=1))
    assert [(o.verdict, o.cause) for o in report.outcomes] == [(Verdict.NO_JOURNAL, Cause.NOT_DELIVERED)]


def test_plan_published_later_is_not_about_what_was_over(
    workspace: Workspace, record: Record, schedules: Schedules
) -> None:
    with record.write() as connection:
        write_programme(connection, make_programme("lua", "nong-nghiep"))
    publish_days(workspace, record, schedules, [MONDAY], MORNING)
    with record.read() as connection:
        first = read_newest(connection, MONDAY, MONDAY)[AN_NONG, MONDAY]
    receipt = Receipt(MORNING, "plan-2023-10-09.r1.json", first.sha256, ReceiptVerdict.VERIFIED, "")
    raw = plan_line(ChainPoint(LogId("aa"), 0, CHAIN_START), write_receipt(receipt))
    with record.write() as connection:
        write_receipts(connection, AN_NONG, [read_receipt(read_line(raw))], MORNING)
        write_contact(connection, AN_NONG, {"log_id": "aa", "journal_until": START + timedelta(days=1)})
        write_programme(connection, make_programme("gao", "nong-nghiep"))
    publish_days(workspace, record, schedules, [MONDAY], START + timedelta(minutes=30))
    report = make_report(record, schedules, MONDAY, MONDAY, START + timedelta(hours=5))
    causes = {f"{o.airing.slot} {o.airing.programme}": o.cause for o in report.outcomes}
    assert causes["chieu tin"] is Cause.NOT_DELIVERED  # its plan was there in time, its master was not
    assert causes["toi gao"] is Cause.NOT_DELIVERED
    with record.write() as connection:
        held = [(hash_bytes(name.encode()), n + 2) for n, name in enumerate(("tin", "lua", "gao"))]
        for sha256, seq in held:
            line = Receipt(MORNING, f"{sha256}.mp3", sha256, ReceiptVerdict.VERIFIED, "")
            raw = plan_line(ChainPoint(LogId("aa"), seq - 1, CHAIN_START), write_receipt(line))
            write_receipts(connection, AN_NONG, [read_receipt(read_line(raw))], MORNING)
    report = make_report(record, schedules, MONDAY, MONDAY, START + timedelta(hours=5))
    causes = {f"{o.airing.slot} {o.airing.programme}": o.cause for o in report.outcomes}
    assert causes["chieu tin"] is Cause.STATION_OFF
    assert causes["toi gao"] is Cause.PLAN_NOT_DELIVERED


def test_report_shows_what_it_sums_and_escapes_names(
    workspace: Workspace, record: Record, schedules: Schedules, tmp_path: Path
) -> None:
    station = dataclasses.replace(schedules.stations[0], name="<b>Xã & 'An Nông'</b>")
    odd = dataclasses.replace(schedules, stations=(station,))
    written = write_report(workspace, record, odd, order_week(MONDAY), START + timedelta(days=2))
    report, files = written.report, written.files
    page = files.html.read_text(encoding="utf-8")
    assert "&lt;b&gt;Xã &amp; &#39;An Nông&#39;&lt;/b&gt;" in page
    assert "<b>Xã" not in page
    assert "Chưa có nhật ký" in page
    assert "TỔNG CỘNG" in page
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in page
    table = files.csv[0].read_text(encoding="utf-8-sig").splitlines()
    assert len(table) == 3
    again = write_documents(report, odd, tmp_path, "x")
    assert (again.csv[0].read_bytes(), again.html.read_text(encoding="utf-8")) == (files.csv[0].read_bytes(), page)


def test_how_a_slot_begins_goes_from_the_timetable_into_the_plan_and_stays_in_the_record(
    workspace: Workspace, record: Record
) -> None:
    slot = dataclasses.replace(
        AFTERNOON, start_rule=StartRule.WITHIN, within=timedelta(minutes=5), late_rule=LateRule.SKIP,
        repeat_if_missing=True,
    )  # fmt: skip
    schedules = make_schedules(slot)
    publish_days(workspace, record, schedules, [MONDAY], MORNING)
    with record.read() as connection:
        plan = read_day_plan(read_newest(connection, MONDAY, MONDAY)[AN_NONG, MONDAY].document)
    begin = [(one.start_rule, one.within_ms, one.late_rule, one.may_repeat) for one in plan.airings]
    assert begin[0] == (StartRule.WITHIN, 300_000, LateRule.SKIP, True)
    assert {one[:2] for one in begin[1:]} <= {(StartRule.AFTER, 0)}
    (again,) = publish_days(workspace, record, schedules, [MONDAY], START + timedelta(seconds=10))
    assert not again.is_new  # the slot has begun: its airings came back from the record as they went in


def test_what_was_played_already_and_is_no_repeat_is_said(
    workspace: Workspace, record: Record, schedules: Schedules
) -> None:
    again = dataclasses.replace(EVENING, rundown=(NEWS,))
    repeat = Slot(SlotId("dem"), "Đêm", time(20), 30, repeat_of=SlotId("chieu"))
    schedules = dataclasses.replace(schedules, slots=(AFTERNOON, again, repeat))
    publish_days(workspace, record, schedules, [MONDAY], MORNING)
    first, second, third = preview_day(record, schedules, MONDAY, MORNING)
    assert read_played_before(record, first) == {}
    assert read_played_before(record, second) == {"tin": (START, "chieu")}
    assert read_played_before(record, third) == {}


def test_repeat_is_filled_with_what_was_heard_whatever_was_changed_since(workspace: Workspace, record: Record) -> None:
    fill = dataclasses.replace(AFTERNOON, max_min=5, rundown=(NEWS, RundownItem(fill=ColumnId("nong-nghiep"))))
    repeat = Slot(SlotId("sang"), "Sáng", time(5, 15), 30, repeat_of=fill.id)
    with record.write() as connection:
        for n in range(20):
            write_programme(connection, make_programme(f"bai-{n}", "nong-nghiep", date(2023, 9, 1)))
    publish_days(workspace, record, make_schedules(fill, repeat), [MONDAY], MORNING)
    with record.read() as connection:
        heard = [airing.programme for airing in read_airings_between(connection, START, START + timedelta(hours=1))]
    assert len(heard) == 5
    later = make_schedules(EVENING, repeat, fill)
    with record.write() as connection:
        write_programme(connection, make_programme("bai-moi", "nong-nghiep", date(2023, 9, 2)))
    before, after = (
        [item.id for item in preview_day(record, later, MONDAY + timedelta(days=1), now_at)[0].items]
        for now_at in (START - timedelta(seconds=1), START + timedelta(seconds=1))
    )
    assert before != heard  # what has not been heard yet is chosen anew
    assert after == heard
    with record.write() as connection:
        write_removal(connection, ProgrammeId(heard[2]), START)
    assert [item.id for item in preview_day(record, later, MONDAY + timedelta(days=1), START)[0].items] == [
        *heard[:2], *heard[3:],
    ]  # fmt: skip


def test_what_fills_a_slot_is_planned_sent_and_judged_like_any_item(workspace: Workspace, record: Record) -> None:
    fill = dataclasses.replace(AFTERNOON, max_min=3, rundown=(NEWS, RundownItem(fill=ColumnId("nong-nghiep"))))
    schedules = make_schedules(fill, dataclasses.replace(EVENING, repeat_of=fill.id, rundown=(), max_min=3))
    with record.write() as connection:
        for n in range(5):
            write_programme(connection, make_programme(f"bai-{n}", "nong-nghiep", date(2023, 9, 1)))
    (plan,) = publish_days(workspace, record, schedules, [MONDAY], MORNING)
    assert plan.airings == 6
    evening_end = START + timedelta(hours=3)
    with record.read() as connection:
        airings = read_airings_between(connection, START, evening_end)
    assert [airing.is_repeat for airing in airings] == [False, True, True, True, True, True]
    assert [airing.programme for airing in airings[:3]] == [airing.programme for airing in airings[3:]]
    afternoon, _ = read_slots_ready(record, schedules, [MONDAY], MORNING)
    assert (afternoon.is_ready(), afternoon.missing) == (False, ())
    assert read_played_before(record, preview_day(record, schedules, MONDAY + timedelta(days=1), MORNING)[0]) == {}
    entries = [entry for n, airing in enumerate(airings[:3]) for entry in (
        make_entry(Happening.START, airing),
        make_entry(Happening.END, airing, output_ms=60_000 if n < 2 else 20_000, ending=Ending.COMPLETE),
    )]  # fmt: skip
    lines = [read_entry(read_line(plan_line(ChainPoint(LogId("aa"), n, CHAIN_START), write_entry(entry))))
             for n, entry in enumerate(entries)]  # fmt: skip
    with record.write() as connection:
        write_journal(connection, AN_NONG, lines, evening_end)
    report = make_report(record, schedules, MONDAY, MONDAY, evening_end)
    verdicts = {outcome.airing.id: outcome.verdict for outcome in report.outcomes}
    assert [verdicts[airing.id] for airing in airings] == [
        Verdict.FULL, Verdict.FULL, Verdict.SHORT, *[Verdict.NO_JOURNAL] * 3,
    ]  # fmt: skip
    (music,) = (row for row in report.columns if row.id == "nong-nghiep")
    assert (music.airings, music.new_dmin, music.repeat_dmin) == (2, 0, 13)
