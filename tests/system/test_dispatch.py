"""The service's standing push on real stations: nobody waits for anybody, and every failure is tried again."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broadcaster.centre.deliver import Missing
from broadcaster.centre.dispatch import Dispatcher
from broadcaster.centre.workspace import Workspace
from broadcaster.core.ids import StationId
from broadcaster.core.schedules import CentreSettings, UplinkCap
from broadcaster.store.deliveries import DeliveryAttempt, count_failures, read_attempts
from broadcaster.store.engine import Record
from tests.fleet import CLOCK, Fleet, open_fleet
from tests.station_box import wait_until
from tests.unit.makers import make_schedules

NAMES = ("an-nong", "minh-son")
SIZE_BYTES = 3_000_000
SETTINGS = replace(make_schedules().centre, workers=3)


@pytest.fixture
def fleet(tmp_path: Path, workspace: Workspace, record: Record) -> Iterator[Fleet]:
    with open_fleet(tmp_path / "boxes", workspace, record, NAMES) as fleet:
        yield fleet


def make_dispatcher(fleet: Fleet, settings: CentreSettings = SETTINGS) -> Dispatcher:
    return Dispatcher(fleet.workspace, fleet.record, CLOCK, lambda: settings)


def holds(fleet: Fleet, name: str) -> Callable[[], bool]:
    return lambda: any(attempt.error == "" for attempt in read_tries(fleet, name))


def read_tries(fleet: Fleet, name: str) -> list[DeliveryAttempt]:
    with fleet.record.read() as connection:
        return read_attempts(connection, StationId(name), 10)


def test_a_silent_station_delays_nobody(fleet: Fleet) -> None:
    master = fleet.make_master(1, SIZE_BYTES)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        good = [fleet.make_missing(name, [master]) for name in NAMES]
        address = replace(good[0].station, id=StationId("hop-ly"), port=silent.getsockname()[1])
        mute = Missing(address, (), (master,), SIZE_BYTES, None, (master.sha256,))
        dispatcher = make_dispatcher(fleet, replace(SETTINGS, workers=2))
        assert dispatcher.take_up([mute, *good]) == 3
        assert dispatcher.take_up([mute, *good]) == 0  # they are being served already
        for name in NAMES:
            wait_until(holds(fleet, name))
        (attempt,) = read_tries(fleet, "hop-ly")
        assert attempt.error == "Interrupted"  # it hangs still
        silent.close()
    dispatcher.stop()


def test_a_station_that_was_off_gets_it_when_it_is_back(fleet: Fleet) -> None:
    one = fleet.make_missing("an-nong", [fleet.make_master(2, SIZE_BYTES)])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = replace(one, station=replace(one.station, port=taken.getsockname()[1]))
        dispatcher = make_dispatcher(fleet)
        dispatcher.take_up([away])
        wait_until(lambda: [a.error for a in read_tries(fleet, "an-nong")] == ["UnreachableError"])
    with fleet.record.read() as connection:
        assert count_failures(connection, StationId("an-nong"))[0] == 1
    dispatcher.take_up([one])  # it waits for its next try
    time.sleep(0.2)
    assert len(read_tries(fleet, "an-nong")) == 1
    dispatcher.hurry([StationId("an-nong")])  # collecting has reached it
    wait_until(holds(fleet, "an-nong"))
    dispatcher.stop()
    again = make_dispatcher(fleet)
    assert again.take_up([]) == 0
    again.stop()


def test_a_stopped_centre_ends_at_once_and_sends_only_the_rest_after_its_next_start(fleet: Fleet) -> None:
    one = fleet.make_missing("an-nong", [fleet.make_master(3, SIZE_BYTES)])
    part = fleet.boxes["an-nong"].inbox / f"{one.masters[0].name}.part"
    dispatcher = make_dispatcher(fleet, replace(SETTINGS, uplink=UplinkCap(8_000)))
    dispatcher.take_up([one])
    wait_until(lambda: part.exists() and part.stat().st_size > SIZE_BYTES // 4)
    dispatcher.stop()
    (stopped,) = read_tries(fleet, "an-nong")
    assert stopped.error == "GaveWayError"
    assert 0 < stopped.sent_bytes < SIZE_BYTES  # what broke off has gone over the line too
    held_bytes = part.stat().st_size
    assert held_bytes < SIZE_BYTES
    dispatcher = make_dispatcher(fleet)
    dispatcher.take_up([one])  # without a wait: it was no failure of the station
    wait_until(holds(fleet, "an-nong"))
    assert read_tries(fleet, "an-nong")[0].sent_bytes <= SIZE_BYTES - held_bytes
    assert fleet.list_library("an-nong") == {one.masters[0].sha256}
    dispatcher.stop()


def test_a_station_that_needs_nothing_any_more_is_left_alone(fleet: Fleet) -> None:
    one = fleet.make_missing("an-nong", [fleet.make_master(4, 1000)])
    away = replace(one, station=replace(one.station, port=1))
    dispatcher = make_dispatcher(fleet)
    dispatcher.take_up([away])
    wait_until(lambda: [a.error for a in read_tries(fleet, "an-nong")] == ["UnreachableError"])
    dispatcher.take_up([])
    dispatcher.hurry([StationId("an-nong")])
    time.sleep(0.3)
    assert len(read_tries(fleet, "an-nong")) == 1
    dispatcher.stop()
