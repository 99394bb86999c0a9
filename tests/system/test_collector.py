"""Collecting again and again over sessions that are kept: one round trip, and nothing missed that is found else."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from broadcaster.airtime.collect import fetch_outbox, keep_collection
from broadcaster.airtime.news import fetch_news
from broadcaster.centre.collector import Collector
from broadcaster.centre.deliver import make_reader
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import BroadcasterError
from broadcaster.core.ids import StationId
from broadcaster.core.time import Clock
from broadcaster.demo.embedded import start_embedded
from broadcaster.demo.openssh import start_sshd
from broadcaster.link.session import open_session
from broadcaster.link.watch import FileWatch
from broadcaster.store.engine import Record
from broadcaster.store.stations import read_breaks, read_contacts, read_held
from broadcaster.store.tables import journal_lines
from broadcaster.wire.receipt import Verdict
from tests.fleet import CLOCK, Fleet, open_fleet
from tests.sshd import StartServer
from tests.station_simulator import FakeClock
from tests.system.test_collect import Diary
from tests.turns import count_turns
from tests.unit.makers import START, make_airing, make_schedules

AN_NONG = StationId("an-nong")


@pytest.fixture(params=[start_sshd, start_embedded], ids=["openssh", "embedded"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path, workspace: Workspace, record: Record) -> Iterator[Fleet]:
    start: StartServer = request.param
    place = tmp_path / "boxes"
    with open_fleet(place, workspace, record, ("an-nong",), start=start, prepare=lambda _: None) as fleet:
        yield fleet


@pytest.fixture
def diary(fleet: Fleet) -> Diary:
    diary = Diary(fleet.boxes["an-nong"].outbox, "aa")
    diary.write_airing(0, 1)
    diary.write_receipt(Verdict.VERIFIED)
    diary.write_status()
    return diary


@pytest.fixture
def collector(fleet: Fleet) -> Iterator[Collector]:
    collector = Collector(fleet.workspace, fleet.record, FakeClock(START), is_keeping=True)
    yield collector
    collector.close()


def collect(fleet: Fleet, collector: Collector) -> int | BroadcasterError:
    return collector.collect(make_schedules(), [fleet.make_station("an-nong")])[AN_NONG]


def count_lines(record: Record) -> int:
    with record.read() as connection:
        return int(connection.execute(select(func.count()).select_from(journal_lines)).scalar_one())


def count_sessions(fleet: Fleet) -> int | None:
    """Count the logins; the embedded server tells of none."""
    log = fleet.boxes["an-nong"].state / "sshd.log"
    return fleet.count_sessions("an-nong") if log.exists() else None


def test_what_is_new_comes_over_the_same_session_and_every_line_once(
    fleet: Fleet, diary: Diary, collector: Collector
) -> None:
    assert collect(fleet, collector) == 3
    for number in range(2, 5):
        assert collect(fleet, collector) == 0
        diary.write_airing(0, number)
        diary.write_receipt(Verdict.REMOVED if number % 2 else Verdict.VERIFIED)
        diary.write_status()
        assert collect(fleet, collector) == 3
    diary.write_airing(1, 1)  # the next day has begun
    diary.write_airing(0, 9)
    assert collect(fleet, collector) == 4
    for number in range(200):  # more than one answer holds
        diary.write_airing(1, 2 + number)
    assert collect(fleet, collector) == 400
    assert count_lines(fleet.record) == 2 * (4 + 2 + 200)
    assert count_sessions(fleet) in (1, None)
    with fleet.record.read() as connection:
        assert read_breaks(connection) == {}
        assert set(read_held(connection)[AN_NONG]) == {make_airing().sha256}
        assert read_contacts(connection)[AN_NONG].journal_until == START


def test_a_session_that_died_meanwhile_is_no_trouble_of_the_station(
    fleet: Fleet, diary: Diary, collector: Collector
) -> None:
    collect(fleet, collector)
    for pid in fleet.boxes["an-nong"].list_session_pids():
        os.kill(pid, signal.SIGKILL)
    diary.write_airing(0, 2)
    assert collect(fleet, collector) == 2
    assert count_sessions(fleet) in (2, None)
    with fleet.record.read() as connection:
        assert read_contacts(connection)[AN_NONG].failed_at is None


def test_a_box_that_was_set_up_anew_meanwhile_is_read_from_its_start(
    fleet: Fleet, diary: Diary, collector: Collector
) -> None:
    for _ in range(2):  # the second look leaves its files open
        collect(fleet, collector)
    for path in diary.outbox.iterdir():
        path.unlink()
    anew = Diary(diary.outbox, "bb")
    for number in (2, 3):
        anew.write_airing(0, number)
    anew.write_receipt(Verdict.VERIFIED)
    anew.write_receipt(Verdict.REMOVED)
    anew.write_status()
    assert collect(fleet, collector) == 6  # under the same names as before, and larger
    anew.write_receipt(Verdict.VERIFIED)
    assert collect(fleet, collector) == 1
    assert count_lines(fleet.record) == 6


def test_a_torn_line_is_left_until_it_is_whole(fleet: Fleet, diary: Diary, collector: Collector) -> None:
    collect(fleet, collector)
    diary.write_airing(0, 2)
    path = diary.outbox / "journal-2023-10-09.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert collect(fleet, collector) == 1
    assert collect(fleet, collector) == 0
    path.write_bytes(whole)
    assert collect(fleet, collector) == 1
    with fleet.record.read() as connection:
        assert read_breaks(connection) == {}


def test_looking_again_costs_one_round_trip(tmp_path: Path, workspace: Workspace, record: Record) -> None:
    with open_fleet(tmp_path / "boxes", workspace, record, ("an-nong",), prepare=lambda _: None) as fleet:
        box = fleet.boxes["an-nong"]
        diary = Diary(box.outbox, "aa")
        reader = make_reader(record, AN_NONG)
        with open_session(box.address, box.key) as session:
            watch = FileWatch(session)
            took = []
            for number in range(4):
                diary.write_airing(0, number)
                diary.write_receipt(Verdict.VERIFIED)
                diary.write_status()
                counter = count_turns(session)
                found = fetch_news(session, watch, reader, START.date()) if number else fetch_outbox(session, reader)
                took.append(counter.turns)
                assert found is not None
                with record.write() as connection:
                    assert keep_collection(connection, found, CLOCK.now_at() + timedelta(number)) == 3
    assert took[2:] == [1, 1]
    assert took[0] <= 11  # the clock, the status, the list, and each of two files


@pytest.mark.parametrize("clock", [FakeClock(START), CLOCK], ids=["clock", "clock-years-off"])
def test_what_comes_at_the_same_moment_is_kept_whole_and_counted_apart(
    tmp_path: Path, workspace: Workspace, record: Record, clock: Clock
) -> None:
    names = ("an-nong", "minh-son", "hop-ly", "tho-dan")
    with open_fleet(tmp_path / "boxes", workspace, record, names, prepare=lambda _: None) as fleet:
        diaries = {name: Diary(fleet.boxes[name].outbox, name) for name in names}
        collector = Collector(workspace, record, clock, is_keeping=True)
        stations = [fleet.make_station(name) for name in names]
        for number in range(1, 4):
            for count, diary in enumerate(diaries.values(), 1):
                for airing in range(count):
                    diary.write_airing(0, 10 * number + airing)
                diary.write_status()
            found = collector.collect(make_schedules(), stations)
            assert found == {name: 2 * count for count, name in enumerate(names, 1)}
        collector.close()
    assert count_lines(record) == 3 * 2 * (1 + 2 + 3 + 4)
