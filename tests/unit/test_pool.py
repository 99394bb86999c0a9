from __future__ import annotations

import logging
import threading
import time

import pytest

from broadcaster.core.ids import StationId
from broadcaster.link.gate import LoginGate
from broadcaster.link.pool import StationPool

WAIT_S = 20
ONE, OTHER, THIRD = (StationId(name) for name in ("an-nong", "minh-son", "hop-ly"))


def wait_for(event: threading.Event) -> None:
    assert event.wait(WAIT_S)


def test_a_hanging_station_delays_nobody_and_is_not_served_twice() -> None:
    pool = StationPool(2)
    hangs, is_over, others = threading.Event(), threading.Event(), threading.Semaphore(0)

    def hang() -> None:
        hangs.set()
        wait_for(is_over)

    assert pool.submit(ONE, 0, hang)
    wait_for(hangs)
    assert not pool.submit(ONE, 0, hang)
    for station in (OTHER, THIRD):
        assert pool.submit(station, 1, others.release)
    assert others.acquire(timeout=WAIT_S)
    assert others.acquire(timeout=WAIT_S)
    assert pool.list_running() == {ONE}
    is_over.set()
    assert pool.stop(WAIT_S)


def test_of_those_that_wait_the_most_urgent_is_taken_up_first() -> None:
    pool = StationPool(1)
    order: list[StationId] = []
    begun, may_go, done = threading.Event(), threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        wait_for(may_go)

    pool.submit(StationId("first"), 0, block)
    wait_for(begun)
    pool.submit(ONE, 9, lambda: order.append(ONE))
    pool.submit(OTHER, 5, lambda: order.append(OTHER))
    pool.submit(THIRD, 7, lambda: order.append(THIRD))
    pool.submit(StationId("last"), 99, done.set)
    assert not pool.submit(ONE, 1, done.set)  # only its rank is new
    may_go.set()
    wait_for(done)
    assert order == [ONE, OTHER, THIRD]
    assert pool.stop(WAIT_S)


def test_who_wants_to_be_called_again_is_and_a_long_wait_can_be_cut_short() -> None:
    pool = StationPool(3)
    calls, done = threading.Semaphore(0), threading.Event()
    answers = iter([0.0, 3600.0, None])

    def serve() -> float | None:
        answer = next(answers)
        calls.release()
        if answer is None:
            done.set()
        return answer

    pool.submit(ONE, 0, serve)
    assert calls.acquire(timeout=WAIT_S)
    assert calls.acquire(timeout=WAIT_S)
    while not done.is_set():
        pool.hurry(ONE)
        time.sleep(0.001)
    assert pool.stop(WAIT_S)
    assert not pool.submit(ONE, 0, serve)


def test_no_worker_outlives_the_work() -> None:
    pool = StationPool(3)
    workers: list[threading.Thread] = []
    met = threading.Barrier(3, timeout=WAIT_S)

    def serve() -> None:
        workers.append(threading.current_thread())
        met.wait()

    for station in (ONE, OTHER, THIRD):
        assert pool.submit(station, 0, serve)
    while len(workers) < 3:
        time.sleep(0.001)
    for worker in workers:
        worker.join(WAIT_S)
        assert not worker.is_alive()
    assert pool.stop(WAIT_S)


def test_a_bug_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    pool = StationPool(1)
    done = threading.Event()

    def fail() -> float | None:
        raise ZeroDivisionError("a bug")

    with caplog.at_level(logging.ERROR):
        pool.submit(ONE, 0, fail)
        pool.submit(OTHER, 1, done.set)
        wait_for(done)
        assert pool.stop(WAIT_S)
    assert "ZeroDivisionError" in caplog.text


def test_the_gate_lets_in_so_many_at_a_time_and_gives_on_the_place_of_one_that_stands_still() -> None:
    gate = LoginGate(places=1, hold_s=0.05)
    inside, may_leave, passed = threading.Event(), threading.Event(), threading.Event()

    def stand_still() -> None:
        with gate.hold_place():
            inside.set()
            wait_for(may_leave)

    def pass_through() -> None:
        with gate.hold_place():
            passed.set()

    threads = [threading.Thread(target=stand_still), threading.Thread(target=pass_through)]
    threads[0].start()
    wait_for(inside)
    threads[1].start()
    wait_for(passed)
    may_leave.set()
    for thread in threads:
        thread.join()


def test_the_gate_never_lets_in_more_than_its_places() -> None:
    gate = LoginGate(places=3, hold_s=60)
    lock = threading.Lock()
    inside, most = 0, 0

    def pass_through() -> None:
        nonlocal inside, most
        with gate.hold_place():
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.002)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=pass_through) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3
