"""One of two services works, whatever the clocks say; and the clock of the duties follows time and settings."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from broadcaster.centre.clock import CentreClock, Duties
from broadcaster.centre.lease import LIFE, Lease
from broadcaster.centre.service import CentreService
from broadcaster.centre.workspace import Workspace
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_programme
from broadcaster.timetable.read import read_schedules
from tests.station_box import wait_until
from tests.station_simulator import FakeClock
from tests.system.test_service import hold, no_trouble, none_missed
from tests.unit.makers import make_programme

NOON = datetime(2023, 10, 9, 5, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def other(workspace: Workspace) -> Iterator[Record]:
    with workspace.open_record() as record:
        yield record


def test_second_stands_by_and_takes_over_when_the_first_fell_silent(record: Record, other: Record) -> None:
    here, there = FakeClock(NOON), FakeClock(NOON + timedelta(hours=5))  # their clocks never agree
    first, second = Lease(record, here, "may-a"), Lease(other, there, "may-b")
    assert first.hold()
    for _ in range(10):
        assert not second.hold()
        there.at += LIFE / 3
        assert first.hold()
    assert not second.hold()
    there.at += LIFE - SECOND
    assert not second.hold()
    there.at += SECOND
    assert second.hold()  # the first slept
    assert not first.hold()  # and wakes
    second.release()
    assert first.hold()


def test_dead_run_of_the_same_machine_is_taken_over_at_once(record: Record, other: Record) -> None:
    assert Lease(record, FakeClock(NOON), "may-a").hold()
    assert Lease(other, FakeClock(NOON), "may-a").hold()


def test_clock_that_was_set_back_waits_anew_and_not_for_ever(record: Record, other: Record) -> None:
    assert Lease(record, FakeClock(NOON), "may-a").hold()
    clock = FakeClock(NOON)
    second = Lease(other, clock, "may-b")
    assert not second.hold()
    clock.at -= timedelta(days=30)
    assert not second.hold()
    clock.at += LIFE
    assert second.hold()


def test_of_many_that_start_together_one_leads(workspace: Workspace) -> None:
    together = threading.Barrier(6, timeout=60)

    def claim(number: int) -> bool:
        with workspace.open_record() as record:
            lease = Lease(record, FakeClock(NOON), f"may-{number}")
            together.wait()
            return lease.hold()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(claim, range(6))) == 1


def test_record_that_does_not_answer_lets_nobody_lead(record: Record) -> None:
    lease = Lease(record, FakeClock(NOON), "may-a")
    with record.write() as connection:
        connection.exec_driver_sql("DROP TABLE leases")
    assert not lease.hold()
    lease.release()


def test_duties_go_on_when_the_clock_was_set_back(workspace: Workspace) -> None:
    """As after a start with a clock that was an hour ahead: every next time lies an hour away."""
    calls: list[str] = []
    clock = FakeClock(datetime.now(UTC) + timedelta(hours=1))
    settings = read_schedules(workspace.schedules).centre
    duties = Duties(lambda: calls.append("publish"), hold, lambda: calls.append("collect"), hold, hold, hold)
    centre = CentreClock(settings, duties, clock, no_trouble, none_missed)
    centre.start()
    try:
        centre.wake()
        assert calls == []
        clock.at = datetime.now(UTC)
        centre.wake()
        wait_until(lambda: sorted(calls) == ["collect", "publish"])
    finally:
        centre.stop()


def test_another_interval_of_collecting_is_taken_up_while_it_runs(workspace: Workspace) -> None:
    calls: list[str] = []
    settings = read_schedules(workspace.schedules).centre
    duties = Duties(hold, hold, lambda: calls.append("collect"), hold, hold, hold)
    centre = CentreClock(settings, duties, FakeClock(datetime.now(UTC)), no_trouble, none_missed)
    centre.start()
    try:
        wait_until(lambda: len(calls) == 1)
        centre.follow(settings)
        centre.follow(replace(settings, collect_every=SECOND))
        wait_until(lambda: len(calls) >= 3)
    finally:
        centre.stop()
    assert set(calls) == {"collect"}


def test_duty_that_hangs_for_hours_keeps_systemd_from_hearing_that_all_is_well(
    workspace: Workspace, record: Record
) -> None:
    clock = FakeClock(NOON)
    service = CentreService(workspace, record, read_schedules(workspace.schedules), clock)
    said: list[bool] = []

    def hang() -> None:
        said.append(service.is_hung())
        clock.at += timedelta(hours=3)
        said.append(service.is_hung())

    service.lead("collect", hang)()
    assert (said, service.is_hung()) == ([False, True], False)


def test_leader_that_slept_before_it_published_leaves_the_plan_as_the_other_made_it(
    workspace: Workspace, record: Record, other: Record
) -> None:
    """Both had read the schedules; the first wakes up with what it read hours ago."""
    first = CentreService(workspace, record, read_schedules(workspace.schedules), FakeClock(NOON))
    assert Lease(other, FakeClock(NOON), "may-b").hold()
    first.publish()
    with record.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM plan_revisions").scalar_one() == 0


def test_service_that_takes_over_repeats_no_alarm_and_ends_what_the_other_began(
    workspace: Workspace, record: Record, other: Record, caplog: pytest.LogCaptureFixture
) -> None:
    schedules = read_schedules(workspace.schedules)
    caplog.set_level(logging.INFO)
    here, there = FakeClock(NOON + timedelta(days=1)), FakeClock(NOON + timedelta(days=1))
    first = CentreService(workspace, record, schedules, here)
    second = CentreService(workspace, other, schedules, there)
    first.watch()
    begun = list_alarms(caplog)
    slots = ("chieu at 17:00 10/10", "phat-lai at 05:15 11/10")
    missing = "column thoi-su, column thong-bao"
    assert begun == [f"ALARM nothing to play in {slot}: {missing}" for slot in slots]
    with record.write() as connection:
        connection.exec_driver_sql("UPDATE leases SET host = 'may-b', holder = 'b'")
    second.watch()
    there.at += LIFE
    second.watch()
    assert list_alarms(caplog) == begun
    with record.write() as connection:
        write_programme(connection, make_programme("moi", on=date(2023, 10, 10)))
    second.watch()
    first.watch()  # wakes up, and finds that another leads
    assert list_alarms(caplog)[2:] == [said.replace("ALARM", "over:") for said in begun]


def list_alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.message for one in caplog.records if one.message.startswith(("ALARM", "over:"))]


def test_trouble_of_a_duty_is_over_when_it_was_done(
    workspace: Workspace, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service = CentreService(workspace, record, read_schedules(workspace.schedules), FakeClock(NOON))
    service.note_trouble("collect", "collect failed: x")
    service.note_trouble("collect", "collect failed: x")
    for name in ("push", "collect", "collect"):
        service.lead(name, hold)()
    assert list_alarms(caplog) == ["ALARM collect failed: x", "over: collect failed: x"]


def test_who_stands_by_does_nothing(workspace: Workspace, record: Record, other: Record) -> None:
    assert Lease(other, FakeClock(NOON), "may-b").hold()
    calls: list[str] = []
    service = CentreService(workspace, record, read_schedules(workspace.schedules), FakeClock(NOON))
    service.lead("watch", lambda: calls.append("a"))()
    assert calls == []
