"""Collecting from a real sshd: from the last offset, each line once; torn and touched diaries are found out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select

from broadcaster.airtime.collect import fetch_outbox, keep_collection, read_positions
from broadcaster.centre.publish import publish_days
from broadcaster.centre.reports import make_report
from broadcaster.centre.stick_in import import_from_stick
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import DeliveryError
from broadcaster.core.ids import LogId, ProgrammeId, SlotId, StationId
from broadcaster.core.model import Airing, Station
from broadcaster.core.schedules import RundownItem, Slot
from broadcaster.link.line import DEFAULT_LIMITS, LinkLimits
from broadcaster.link.session import open_session
from broadcaster.station.settings import StationSettings
from broadcaster.station.stick_out import write_back
from broadcaster.store.engine import Record, open_record
from broadcaster.store.plans import read_day_airings
from broadcaster.store.programmes import write_programme
from broadcaster.store.stations import LogPosition, read_breaks, read_contacts, read_held
from broadcaster.store.tables import journal_lines, log_positions
from broadcaster.wire.chain import START, ChainPoint, hash_line, plan_line
from broadcaster.wire.journal import Ending, Happening, write_entry
from broadcaster.wire.receipt import Receipt, Verdict, write_receipt
from broadcaster.wire.status import StationStatus, write_status
from tests.relay import open_line
from tests.sshd import Box, open_box
from tests.station_simulator import FakeClock
from tests.unit.makers import START as START_AT
from tests.unit.makers import make_airing, make_entry, make_programme, make_schedules

AN_NONG = StationId("an-nong")


class Diary:
    """Writes an outbox as an agent does."""

    def __init__(self, outbox: Path, log: str) -> None:
        self.outbox = outbox
        self.journal = ChainPoint(LogId(log), 0, START)
        self.receipts = ChainPoint(LogId(log), 0, START)

    def write_airing(self, day: int, number: int) -> None:
        self.write_entries(day, make_airing(f"{day}-{number}", START_AT + timedelta(days=day, minutes=number)))

    def write_entries(self, day: int, airing: Airing) -> None:
        for entry in (
            make_entry(Happening.START, airing),
            make_entry(Happening.END, airing, output_ms=60_000, ending=Ending.COMPLETE),
        ):
            self.journal = self._append(f"journal-2023-10-{9 + day:02d}.jsonl", self.journal, write_entry(entry))

    def write_receipt(self, verdict: Verdict) -> None:
        sha256 = make_airing().sha256
        receipt = Receipt(START_AT, f"{sha256}.mp3", sha256, verdict, "")
        self.receipts = self._append("receipts.jsonl", self.receipts, write_receipt(receipt))

    def write_status(self, at: datetime = START_AT) -> None:
        status = StationStatus(AN_NONG, self.journal.log, at, "0.1.0", "pcm", 3, 10**9, 1, "", "", None, "")
        (self.outbox / "status.json").write_bytes(write_status(status))

    def _append(self, name: str, point: ChainPoint, fields: dict[str, object]) -> ChainPoint:
        raw = plan_line(point, fields)
        with (self.outbox / name).open("ab") as file:
            file.write(raw + b"\n")
        return ChainPoint(point.log, point.seq + 1, hash_line(raw))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with open_box(tmp_path) as box:
        yield box


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = open_record(tmp_path / "record.sqlite3")
    yield record
    record.close()


def collect(box: Box, record: Record, at: datetime = START_AT, limits: LinkLimits = DEFAULT_LIMITS) -> int:
    def read_known(names: Sequence[str]) -> dict[str, LogPosition]:
        with record.read() as connection:
            return read_positions(connection, AN_NONG, names)

    with open_session(box.address, box.key, limits) as session:
        found = fetch_outbox(session, read_known)
    with record.write() as connection:
        return keep_collection(connection, found, at)


def count_lines(record: Record) -> int:
    with record.read() as connection:
        return int(connection.execute(select(func.count()).select_from(journal_lines)).scalar_one())


def list_breaks(record: Record) -> list[str]:
    with record.read() as connection:
        return read_breaks(connection).get(AN_NONG, [])


def test_only_what_is_new_comes_and_every_line_once(box: Box, record: Record) -> None:
    diary = Diary(box.outbox, "aa")
    diary.write_airing(0, 1)
    diary.write_receipt(Verdict.VERIFIED)
    diary.write_status()
    assert collect(box, record) == 3
    assert collect(box, record) == 0
    diary.write_airing(0, 2)
    diary.write_airing(1, 1)
    diary.write_airing(0, 3)  # a line may go into yesterday's file after today's has begun
    assert collect(box, record) == 6
    assert count_lines(record) == 8
    assert list_breaks(record) == []
    with record.read() as connection:
        contact = read_contacts(connection)[AN_NONG]
        assert contact.journal_until == START_AT
        assert contact.clock_offset_s is not None
        assert abs(contact.clock_offset_s) < 1.5
        assert read_held(connection) == {AN_NONG: {make_airing().sha256: START_AT}}


def test_a_station_that_comes_back_after_a_week_hands_in_everything_once_in_order_and_marked(
    box: Box, record: Record
) -> None:
    diary = Diary(box.outbox, "aa")
    for day in range(8):
        for number in range(30):
            diary.write_airing(day, number)
    torn = box.outbox / "journal-2023-10-16.jsonl"
    whole = torn.read_bytes()
    torn.write_bytes(whole[:-10])  # its power went in the last line
    at = START_AT + timedelta(days=7, hours=1)
    assert collect(box, record, at) == 8 * 60 - 1
    assert collect(box, record, at) == 0
    torn.write_bytes(whole)
    assert collect(box, record, at) == 1
    assert list_breaks(record) == []
    with record.read() as connection:
        rows = connection.execute(select(journal_lines).order_by(journal_lines.c.seq)).all()
    assert [row.seq for row in rows] == list(range(1, 8 * 60 + 1))
    assert [row.is_backfilled for row in rows] == [True] * 7 * 60 + [False] * 60
    assert [row.at for row in rows] == sorted(row.at for row in rows)


def test_a_week_that_comes_by_stick_and_by_line_is_in_the_report_once(
    box: Box, workspace: Workspace, tmp_path: Path
) -> None:
    slot = Slot(SlotId("chieu"), "Chiều", time(17), 30, rundown=(RundownItem(programme=ProgrammeId("tin")),))
    schedules = make_schedules(slot, stations=(Station(AN_NONG, "Xã An Nông", host_key=box.address.host_key),))
    days = [START_AT.date() + timedelta(days=day) for day in range(7)]
    back_at = START_AT + timedelta(days=7)
    settings = StationSettings(
        tmp_path / "station.toml", AN_NONG, "", box.inbox, box.outbox, tmp_path, host_key=box.state / "host_key"
    )
    (tmp_path / "stick" / "broadcaster").mkdir(parents=True)
    diary = Diary(box.outbox, "aa")
    with workspace.open_record() as record:
        with record.write() as connection:
            write_programme(connection, make_programme("tin"))
        publish_days(workspace, record, schedules, days, START_AT - timedelta(hours=1))
        for day, on in enumerate(days):
            with record.read() as connection:
                (airing,) = read_day_airings(connection, on)[AN_NONG]
            diary.write_entries(day, airing)
            if day == 4:  # the stick leaves in the middle of the week
                diary.write_status(airing.end_at())
                write_back(tmp_path / "stick" / "broadcaster", settings, FakeClock(airing.end_at()))
        diary.write_status(back_at)
        heard: list[tuple[int, int]] = []
        by_stick = partial(import_from_stick, workspace, record, schedules, tmp_path / "stick", FakeClock(back_at))
        by_line = partial(collect, box, record, back_at)
        for carry in (by_stick, by_line, by_line, by_stick):  # the last is older than what is known by then
            carry()
            report = make_report(record, schedules, days[0], days[-1], back_at)
            heard.append((report.total.played_dmin, report.total.no_journal))
        assert heard == [(50, 2), (70, 0), (70, 0), (70, 0)]
        assert list_breaks(record) == []
        with record.read() as connection:
            rows = connection.execute(select(journal_lines).order_by(journal_lines.c.seq)).all()
            assert read_contacts(connection)[AN_NONG].journal_until == back_at
        assert [row.seq for row in rows] == list(range(1, 15))
        assert [row.is_backfilled for row in rows] == [True] * 12 + [False] * 2


def test_a_line_that_breaks_while_collecting_costs_nothing_but_the_time(box: Box, record: Record) -> None:
    diary = Diary(box.outbox, "aa")
    for day in range(4):
        for number in range(100):
            diary.write_airing(day, number)
    diary.write_status()
    with open_line(box.address.port) as line:
        away = replace(box, address=replace(box.address, port=line.port))
        assert collect(away, record) == 800
        whole_bytes = line.passed_bytes
    with record.write() as connection:
        for table in (journal_lines, log_positions):
            connection.execute(delete(table))
    limits = LinkLimits(banner_s=1, handshake_s=1, login_s=1, channel_s=1, stall_s=1)
    for share in (0.3, 0.6, 0.9):
        with open_line(box.address.port, freeze_after_bytes=round(whole_bytes * share)) as line:
            away = replace(box, address=replace(box.address, port=line.port))
            with pytest.raises(DeliveryError):
                collect(away, record, limits=limits)
        assert count_lines(record) == 0  # all of a visit or nothing of it
    assert collect(box, record) == 800
    assert list_breaks(record) == []


def test_torn_last_line_is_left_for_the_next_time(box: Box, record: Record) -> None:
    diary = Diary(box.outbox, "aa")
    diary.write_airing(0, 1)
    path = box.outbox / "journal-2023-10-09.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert collect(box, record) == 1
    path.write_bytes(whole)
    assert collect(box, record) == 1
    assert list_breaks(record) == []


def test_removed_and_edited_lines_are_found_out(box: Box, record: Record) -> None:
    diary = Diary(box.outbox, "aa")
    for number in range(3):
        diary.write_airing(0, number)
    path = box.outbox / "journal-2023-10-09.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1].replace(b"60000", b"61000"), *lines[2:4], lines[5]]))
    assert collect(box, record) == 5
    breaks = " ".join(list_breaks(record))
    assert "line 2 is not the one that line 3 followed" in breaks
    assert "line 6 follows line 4" in breaks


def test_unreadable_line_is_told_and_the_others_are_kept(box: Box, record: Record) -> None:
    diary = Diary(box.outbox, "aa")
    diary.write_airing(0, 1)
    with (box.outbox / "journal-2023-10-09.jsonl").open("ab") as file:
        file.write(b"\x00\x00 not json\n")
    diary.write_airing(0, 2)
    assert collect(box, record) == 4
    assert any("not JSON" in text for text in list_breaks(record))


def test_box_set_up_anew_starts_a_new_log_and_holds_nothing(box: Box, record: Record) -> None:
    diary = Diary(box.outbox, "aa")
    diary.write_airing(0, 1)
    diary.write_receipt(Verdict.VERIFIED)
    diary.write_status()
    collect(box, record)
    for path in box.outbox.iterdir():
        path.unlink()
    anew = Diary(box.outbox, "bb")
    anew.write_airing(0, 2)
    anew.write_airing(0, 3)
    anew.write_status()
    assert collect(box, record) == 4
    assert count_lines(record) == 6
    assert list_breaks(record) == []
    with record.read() as connection:
        assert read_held(connection) == {}


def test_removed_master_is_no_longer_held(box: Box, record: Record) -> None:
    diary = Diary(box.outbox, "aa")
    diary.write_receipt(Verdict.VERIFIED)
    diary.write_receipt(Verdict.REMOVED)
    diary.write_status()
    collect(box, record)
    with record.read() as connection:
        assert read_held(connection) == {AN_NONG: {}}


def test_box_without_agent_is_reached_and_says_so(box: Box, record: Record) -> None:
    assert collect(box, record) == 0
    with record.read() as connection:
        contact = read_contacts(connection)[AN_NONG]
    assert contact.is_reached()
    assert "the agent has not run yet" in contact.message
    assert contact.journal_until is None
