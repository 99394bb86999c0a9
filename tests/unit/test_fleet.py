from __future__ import annotations

import logging
import threading

import pytest

from broadcaster.core.errors import BroadcasterError, UnreachableError
from broadcaster.core.ids import StationId
from broadcaster.link.fleet import run_for_stations

STATIONS = [StationId(f"station-{number}") for number in range(5)]


def test_outcomes_come_in_the_order_of_the_stations() -> None:
    outcomes = run_for_stations(STATIONS, lambda station: station.upper(), workers=3)
    assert [(one.station, one.value, one.error) for one in outcomes] == [(s, s.upper(), None) for s in STATIONS]


def test_a_station_in_trouble_is_its_own_outcome() -> None:
    def work(station: StationId) -> int:
        if station == STATIONS[1]:
            raise UnreachableError("off")
        return 1

    outcomes = run_for_stations(STATIONS, work, workers=1)
    assert [one.value for one in outcomes] == [1, None, 1, 1, 1]
    assert isinstance(outcomes[1].error, UnreachableError)


def test_a_dead_station_does_not_delay_the_others() -> None:
    others_done = threading.Semaphore(0)

    def work(station: StationId) -> bool:
        if station == STATIONS[0]:
            return all(others_done.acquire(timeout=20) for _ in STATIONS[1:])
        others_done.release()
        return True

    assert all(one.value for one in run_for_stations(STATIONS, work, workers=2))


def test_never_more_at_a_time_than_workers() -> None:
    lock = threading.Lock()
    running = 0
    most = 0

    def work(_: StationId) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1

    run_for_stations(STATIONS * 4, work, workers=3)
    assert most <= 3


def test_a_bug_of_ours_is_logged_and_stays_with_its_station(caplog: pytest.LogCaptureFixture) -> None:
    def work(station: StationId) -> int:
        return 1 // (station != STATIONS[2])

    with caplog.at_level(logging.ERROR):
        outcomes = run_for_stations(STATIONS, work)
    assert type(outcomes[2].error) is BroadcasterError
    assert outcomes[2].error.exit_code == 70
    assert "ZeroDivisionError" in caplog.text
    assert sum(one.value or 0 for one in outcomes) == 4


def test_no_stations_no_outcomes() -> None:
    assert run_for_stations([], lambda _: None) == []
