"""The agent's clock: steps, loss of synchronisation, restarts; by clocks that the test moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from broadcaster.station.steady_clock import SteadyClock
from tests.unit.makers import START

HOUR = timedelta(hours=1)


@dataclass
class Machine:
    """A machine's clocks, which part when somebody sets the wall clock."""

    wall: datetime = START
    up_s: float = 100.0
    error_ms: int | None = 5
    boot: str = "boot-1"

    def pass_s(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.up_s += seconds

    def start(self, folder: Path | None = None) -> SteadyClock:
        return SteadyClock(
            folder, lambda: self.wall, lambda: self.up_s, lambda: self.error_ms, self.pass_s, boot_id=self.boot
        )


def test_small_corrections_are_followed_at_once() -> None:
    machine = Machine()
    clock = machine.start()
    machine.wall += timedelta(milliseconds=300)
    assert clock.follow(is_on_air=True) == timedelta()
    assert clock.now_at() == START + timedelta(milliseconds=300)


def test_step_waits_for_the_end_of_what_sounds_and_is_told_meanwhile() -> None:
    machine = Machine()
    clock = machine.start()
    machine.wall += timedelta(minutes=5)
    assert clock.follow(is_on_air=True) == timedelta()
    assert clock.now_at() == START
    assert clock.read_word().offset_ms == -300_000
    assert clock.follow(is_on_air=False) == timedelta(minutes=5)
    assert clock.now_at() == START + timedelta(minutes=5)
    assert clock.read_word().offset_ms == 0


def test_clock_that_lost_its_server_goes_on_by_the_monotonic_one() -> None:
    machine = Machine()
    clock = machine.start()
    machine.error_ms = None
    machine.wall -= 3 * HOUR
    machine.pass_s(60)
    assert clock.follow(is_on_air=False) == timedelta()
    assert clock.now_at() == START + timedelta(seconds=60)
    assert (clock.read_word().error_ms, clock.read_word().offset_ms) == (None, 10_800_000)
    machine.wall, machine.error_ms = START + timedelta(seconds=61), 4
    assert clock.follow(is_on_air=False) == timedelta(seconds=1)
    assert clock.read_word().offset_ms == 0


def test_without_any_good_time_the_system_clock_is_all_there_is() -> None:
    machine = Machine(error_ms=None)
    clock = machine.start()
    machine.wall += HOUR
    assert clock.follow(is_on_air=True) == timedelta()
    assert clock.now_at() == START
    assert clock.follow(is_on_air=False) == HOUR
    assert clock.now_at() == START + HOUR


def test_agent_that_starts_again_goes_on_from_the_last_good_time(tmp_path: Path) -> None:
    machine = Machine()
    machine.start(tmp_path)
    machine.error_ms = None
    machine.pass_s(30)
    machine.wall += 2 * HOUR
    assert machine.start(tmp_path).now_at() == START + timedelta(seconds=30)


def test_machine_that_comes_up_with_an_old_time_takes_the_last_good_one_as_the_earliest(tmp_path: Path) -> None:
    machine = Machine()
    machine.start(tmp_path)
    old = Machine(wall=START - 1000 * HOUR, up_s=3.0, error_ms=None, boot="boot-2")
    clock = old.start(tmp_path)
    assert clock.now_at() == START
    later = Machine(wall=START + HOUR, up_s=3.0, error_ms=None, boot="boot-3")
    assert later.start(tmp_path).now_at() == START + HOUR


def test_spoilt_note_of_the_last_good_time_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "clock.json").write_text("{torn")
    assert Machine(error_ms=None).start(tmp_path).now_at() == START
