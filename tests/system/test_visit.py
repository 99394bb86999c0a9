"""One visit brings, hears and collects in one session; the emergency overtakes; what is wrong is named."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path

import pytest

from broadcaster.centre.collector import collect_stations
from broadcaster.centre.fanout import push_first, push_missing
from broadcaster.centre.visit import Courier
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import BrokenTransferError, HostKeyChangedError, UnreachableError
from broadcaster.core.ids import StationId
from broadcaster.core.model import QuietHours
from broadcaster.core.schedules import Schedules, UplinkCap
from broadcaster.core.time import SystemClock
from broadcaster.delivery.progress import StationNews, Step
from broadcaster.delivery.push import MasterFile, PlanFile
from broadcaster.store.deliveries import read_attempts
from broadcaster.store.engine import Record
from broadcaster.store.stations import read_contacts, read_held
from broadcaster.wire.order import ORDER_NAMESPACE, EmergencyOrder, order_file_name, write_order
from broadcaster.wire.signature import read_private_key, sign_document, write_key_pair
from tests.fleet import CLOCK, Fleet, open_fleet
from tests.unit.makers import make_schedules

AN_NONG = StationId("an-nong")


@pytest.fixture
def fleet(tmp_path: Path, workspace: Workspace, record: Record) -> Iterator[Fleet]:
    with open_fleet(tmp_path / "boxes", workspace, record, ("an-nong", "minh-son")) as fleet:
        yield fleet


def make_order(fleet: Fleet, master: MasterFile) -> PlanFile:
    order = EmergencyOrder(
        id="lu-quet", centre="Trung tâm", author="Trực ban", issued_at=datetime.now(UTC),
        expires_at=datetime.now(UTC) + timedelta(hours=1), stations=(), title="Lũ quét", sha256=master.sha256,
        size_bytes=master.path.stat().st_size, duration_ms=10_000,
    )  # fmt: skip
    document = write_order(order)
    key = read_private_key(fleet.workspace.key)
    return PlanFile(order_file_name(order.id), document, sign_document(document, key, ORDER_NAMESPACE))


def cap(schedules: Schedules, kbit_s: int) -> Schedules:
    return replace(schedules, centre=replace(schedules.centre, uplink=UplinkCap(kbit_s)))


def test_one_session_brings_masters_and_hears_their_receipts_and_nothing_goes_twice(fleet: Fleet) -> None:
    masters = [fleet.make_master(seed, 2_000_003) for seed in (1, 2)]
    one = fleet.make_missing("an-nong", masters)
    courier = Courier(fleet.workspace, fleet.record, CLOCK, confirm_every_s=0.1)
    done = courier.visit(one, confirm_s=20)
    assert (done.error, done.is_confirmed, done.sent_bytes) == (None, True, 4_000_006)
    assert fleet.count_sessions("an-nong") == 1
    assert fleet.list_library("an-nong") == {master.sha256 for master in masters}
    again = courier.visit(one, confirm_s=20)
    assert (again.is_confirmed, again.sent_bytes, again.sent_names) == (True, 0, ())
    with fleet.record.read() as connection:
        contact = read_contacts(connection)[AN_NONG]
        attempts = read_attempts(connection, AN_NONG, 10)
    assert contact.is_reached()
    assert contact.journal_until is not None
    assert [(a.sent_bytes, a.error) for a in attempts] == [(0, ""), (4_000_006, "")]


def test_a_station_whose_agent_stands_still_is_no_success_and_the_history_says_so(fleet: Fleet) -> None:
    fleet.agents["an-nong"].stop()
    master = fleet.make_master(3, 100_000)
    done = Courier(fleet.workspace, fleet.record, CLOCK).visit(fleet.make_missing("an-nong", [master]), confirm_s=0.2)
    assert (done.error, done.is_confirmed) == (None, False)
    with fleet.record.read() as connection:
        (attempt,) = read_attempts(connection, AN_NONG, 10)
    assert attempt.error == "Unconfirmed"
    assert "does the agent run" in attempt.message


def test_what_a_station_refuses_is_told_with_its_reason(fleet: Fleet) -> None:
    master = fleet.make_master(4, 100_000)
    lying = replace(master, path=fleet.make_master(5, 100_000).path)  # the bytes of another master under its name
    courier = Courier(fleet.workspace, fleet.record, CLOCK, confirm_every_s=0.1)
    done = courier.visit(fleet.make_missing("an-nong", [lying]), confirm_s=20)
    assert isinstance(done.error, BrokenTransferError)
    assert "its bytes are not what its name says" in done.error.message
    assert fleet.boxes["an-nong"].list_inbox() == []


def test_all_stations_together_stay_under_the_cap_on_the_uplink(fleet: Fleet) -> None:
    master = fleet.make_master(12, 1_000_000)
    schedules = cap(make_schedules(), 8_000)
    missing = [fleet.make_missing(name, [master]) for name in fleet.boxes]
    began_s = time.monotonic()
    results = push_missing(fleet.workspace, fleet.record, schedules, missing, CLOCK, 20)
    assert time.monotonic() - began_s >= 1.7  # two megabytes at one megabyte a second, but for what may go in a burst
    assert all(one.is_confirmed for one in results)


@dataclass
class WallClock(SystemClock):
    """A clock that a hand moves on."""

    ahead: timedelta = timedelta()

    def now_at(self) -> datetime:
        return super().now_at() + self.ahead


def test_a_transfer_takes_the_cap_of_the_hour_in_which_it_runs_on(fleet: Fleet) -> None:
    """Slow before 7:00, fast until 17:00, slow again: one transfer that runs over both."""
    slow_kbit_s, fast_kbit_s = 4_000, 40_000
    day = (QuietHours(wall_time(7), wall_time(17)), fast_kbit_s)
    schedules = make_schedules()
    schedules = replace(schedules, centre=replace(schedules.centre, uplink=UplinkCap(slow_kbit_s, (day,))))
    clock = WallClock()
    zone = schedules.centre.zone
    clock.ahead = datetime.combine(clock.now_at(), wall_time(6, 30), zone) - clock.now_at()
    marks = {600_000: timedelta(hours=1), 3_600_000: timedelta(hours=10)}
    seen: list[tuple[float, int]] = []

    def hear(news: StationNews) -> None:
        if news.step is Step.SENDING:
            seen.append((time.monotonic(), news.done_bytes))
            for mark in [mark for mark in marks if news.done_bytes >= mark]:
                clock.ahead += marks.pop(mark)

    missing = [fleet.make_missing("an-nong", [fleet.make_master(13, 4_200_000)])]
    (result,) = push_missing(fleet.workspace, fleet.record, schedules, missing, clock, 20, hear)
    assert (result.error, marks) == (None, {})

    def find_rate(first: int, last: int) -> float:
        times = [(at_s, done) for at_s, done in seen if first <= done <= last]
        return (times[-1][1] - times[0][1]) / (times[-1][0] - times[0][0])

    between = find_rate(1_200_000, 3_600_000)
    assert between > 3 * find_rate(150_000, 600_000)
    assert between > 3 * find_rate(3_800_000, 4_200_000)


def test_an_emergency_overtakes_an_ordinary_push_which_then_goes_on_where_it_stopped(fleet: Fleet) -> None:
    long, alarm = fleet.make_master(6, 3_000_000), fleet.make_master(7, 300_000)
    schedules = cap(make_schedules(), 8_000)  # a megabyte a second for both
    missing = [fleet.make_missing(name, [long]) for name in fleet.boxes]
    is_sending = threading.Event()
    done: list[str] = []

    def hear(news: StationNews) -> None:
        if news.step is Step.SENDING and news.done_bytes > 200_000:
            is_sending.set()
        if news.step is Step.HELD:
            done.append("ordinary")

    results = []
    push = threading.Thread(
        target=lambda: results.extend(push_missing(fleet.workspace, fleet.record, schedules, missing, CLOCK, 20, hear))
    )
    push.start()
    assert is_sending.wait(20)
    order = make_order(fleet, alarm)
    stations = [one.station for one in missing]
    until_at = CLOCK.now_at() + timedelta(seconds=30)
    first = push_first(fleet.workspace, fleet.record, stations, [order], [alarm], CLOCK, until_at)
    done.append("emergency")
    push.join()
    assert [(one.error, one.is_confirmed) for one in first] == [(None, True)] * 2
    assert done == ["emergency", "ordinary", "ordinary"]
    assert [(one.error, one.is_confirmed) for one in results] == [(None, True)] * 2
    for name in fleet.boxes:
        assert fleet.list_library(name) == {long.sha256, alarm.sha256}
        with fleet.record.read() as connection:
            attempts = read_attempts(connection, StationId(name), 10)
        assert "GaveWayError" in [attempt.error for attempt in attempts]
        assert sum(attempt.sent_bytes for attempt in attempts) < 2 * 3_000_000 + 300_000


def test_an_emergency_goes_past_a_station_that_is_off_and_gives_up_at_its_time(fleet: Fleet) -> None:
    alarm = fleet.make_master(8, 50_000)
    fleet.boxes["minh-son"].server.stop()
    stations = [fleet.make_station(name) for name in fleet.boxes]
    until_at = CLOCK.now_at() + timedelta(seconds=1)
    told: list[tuple[str, Step]] = []
    done = push_first(
        fleet.workspace, fleet.record, stations, [make_order(fleet, alarm)], [alarm], CLOCK, until_at,
        lambda news: told.append((news.station, news.step)),
    )  # fmt: skip
    assert [type(one.error) for one in done] == [type(None), UnreachableError]
    assert done[0].is_confirmed
    assert ("minh-son", Step.AGAIN) in told


def test_a_master_that_a_station_removed_as_damaged_is_sent_anew(fleet: Fleet) -> None:
    master = fleet.make_master(14, 400_000)
    one, agent = fleet.make_missing("an-nong", [master]), fleet.agents["an-nong"]
    schedules = make_schedules()

    def push() -> None:
        (done,) = push_missing(fleet.workspace, fleet.record, schedules, [one], CLOCK, 20)
        assert (done.error, done.is_confirmed) == (None, True)
        assert fleet.list_library("an-nong") == {master.sha256}

    push()
    (agent.library / master.name).write_bytes(bytes(400_000))
    agent.doubted.add(master.sha256)
    while b"damaged" not in (agent.box.outbox / "receipts.jsonl").read_bytes():
        time.sleep(0.02)
    collect_stations(fleet.workspace, fleet.record, schedules, [one.station], CLOCK)
    with fleet.record.read() as connection:
        assert master.sha256 not in read_held(connection).get(AN_NONG, {})
    push()
    with fleet.record.read() as connection:
        assert set(read_held(connection)[AN_NONG]) == {master.sha256}
        assert sum(attempt.sent_bytes for attempt in read_attempts(connection, AN_NONG, 10)) == 800_000


def test_a_station_without_an_agent_is_read_back_and_looked_after(fleet: Fleet) -> None:
    fleet.agents["an-nong"].stop()
    master, other = fleet.make_master(9, 5_000_000), fleet.make_master(10, 300_000)
    box = fleet.boxes["an-nong"]
    (box.inbox / other.name).write_bytes(bytes(300_000))  # right size, wrong bytes: size proves nothing
    one = fleet.make_missing("an-nong", [master, other], has_agent=False)
    courier = Courier(fleet.workspace, fleet.record, CLOCK)
    done = courier.visit(one, confirm_s=0)
    assert isinstance(done.error, BrokenTransferError)
    done = courier.visit(one, confirm_s=0)
    assert (done.error, done.is_confirmed, done.sent_bytes) == (None, True, 300_000)
    (box.inbox / master.name).unlink()
    collect_stations(fleet.workspace, fleet.record, make_schedules(), [one.station], CLOCK)
    with fleet.record.read() as connection:
        assert set(read_held(connection)[AN_NONG]) == {other.sha256}


def test_two_pushes_at_once_serve_each_station_one_after_the_other(fleet: Fleet) -> None:
    master = fleet.make_master(13, 2_000_000)
    missing = [fleet.make_missing(name, [master]) for name in fleet.boxes]
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(push_missing, fleet.workspace, fleet.record, make_schedules(), missing, CLOCK, 20)
            for _ in range(2)
        ]
        results = [one for push in both for one in push.result()]
    assert [(one.error, one.is_confirmed) for one in results] == [(None, True)] * 4
    assert sum(one.sent_bytes for one in results) == 2 * 2_000_000


def test_an_order_is_not_left_where_nobody_would_obey(fleet: Fleet) -> None:
    alarm = fleet.make_master(14, 1000)
    station = fleet.make_station("an-nong", has_agent=False)
    order = make_order(fleet, alarm)
    (done,) = push_first(fleet.workspace, fleet.record, [station], [order], [alarm], CLOCK, CLOCK.now_at())
    assert done.error is not None
    assert "no agent that could obey" in done.error.message
    assert fleet.boxes["an-nong"].list_inbox() == []


def test_a_changed_host_key_stops_the_station_until_somebody_confirms(fleet: Fleet, tmp_path: Path) -> None:
    one = fleet.make_missing("an-nong", [fleet.make_master(11, 1000)])
    wrong = replace(one, station=replace(one.station, host_key=write_key_pair(tmp_path / "k", "k").rpartition(" ")[0]))
    courier = Courier(fleet.workspace, fleet.record, CLOCK, confirm_every_s=0.1)
    assert isinstance(courier.visit(wrong, 0).error, HostKeyChangedError)
    connections = (fleet.boxes["an-nong"].state / "sshd.log").read_text().count("Connection from")
    stopped = courier.visit(wrong, 0)
    assert isinstance(stopped.error, HostKeyChangedError)
    assert "is stopped" in stopped.error.message
    collected = collect_stations(fleet.workspace, fleet.record, make_schedules(), [wrong.station], CLOCK)
    assert isinstance(collected[AN_NONG], HostKeyChangedError)
    assert (fleet.boxes["an-nong"].state / "sshd.log").read_text().count("Connection from") == connections
    assert courier.visit(one, 20).is_confirmed  # another key is pinned now
