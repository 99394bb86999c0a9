"""Weeks at a station by a clock that the test moves and steps: nothing missed, doubled, drifting or growing.

The playing, the diary, the library and the agent's clock are the real ones; only the sound is simulated.
"""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import AiringId, SlotId
from broadcaster.core.model import Airing, StartRule
from broadcaster.core.time import plan_dates, wall_to_utc
from broadcaster.station.journal import Journal
from broadcaster.station.library import Library
from broadcaster.station.logbook import read_log_id
from broadcaster.station.playout import Playout
from broadcaster.station.steady_clock import SteadyClock
from broadcaster.wire.journal import Ending, Happening, JournalEntry
from tests.station_box import StationBox, make_plan
from tests.station_simulator import SimulatedPlayer
from tests.system.test_station_day import Day
from tests.unit.makers import make_airing

SLOTS = (time(5, 15), time(11, 0), time(17, 0), time(23, 59, 30))
ITEM_MS = (4_000, 40_000, 20_500)  # the last slot of a day sounds over midnight
ERROR_MS = 20


@dataclass
class Machine:
    """A box's clocks: true time, which is the monotonic one, and a system clock that somebody or something sets."""

    true_at: datetime
    off_s: float = 0.0
    is_synchronised: bool = True

    def read_wall(self) -> datetime:
        return self.true_at + timedelta(seconds=self.off_s)

    def read_up_s(self) -> float:
        return (self.true_at - datetime(2020, 1, 1, tzinfo=UTC)).total_seconds()

    def read_error_ms(self) -> int | None:
        return 3 if self.is_synchronised else None

    def sleep(self, seconds: float) -> None:
        self.true_at += timedelta(seconds=seconds)


class TrueClock:
    """What the simulated player lives by: sound takes its time whatever any clock says."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def now_at(self) -> datetime:
        return self.machine.true_at

    def sleep_s(self, seconds: float) -> None:
        self.machine.sleep(max(0.0, seconds))


def plan_days(first: date, last: date, zone: ZoneInfo) -> dict[date, list[Airing]]:
    """Plan four slots of three items for every day."""
    days: dict[date, list[Airing]] = {}
    for on in plan_dates(first, last):
        for number, at in enumerate(SLOTS):
            start_at = wall_to_utc(on, at, zone)
            for place, length_ms in enumerate(ITEM_MS):
                name = f"{on:%Y%m%d}-s{number}-{place + 1}"
                airing = replace(
                    make_airing(name, start_at, length_ms), slot=SlotId(f"s{number}"),
                    start_rule=StartRule.AFTER if place else StartRule.HARD, sha256=hash_bytes(f"{place}".encode()),
                )  # fmt: skip
                days.setdefault(on, []).append(airing)
                start_at += timedelta(milliseconds=length_ms)
    return days


@dataclass
class Soak:
    """One box that runs for days; its machine's clock is stepped at moments that the test names."""

    box: StationBox
    zone_name: str
    first: date
    last: date
    machine: Machine = field(init=False)
    days: dict[date, list[Airing]] = field(init=False)

    def __post_init__(self) -> None:
        zone = ZoneInfo(self.zone_name)
        self.days = plan_days(self.first, self.last, zone)
        self.machine = Machine(wall_to_utc(self.first, time(0, 30), zone))
        self.player = SimulatedPlayer(TrueClock(self.machine))
        for place, length_ms in enumerate(ITEM_MS):
            data = f"{place}".encode()
            self.player.lengths_ms[hash_bytes(data)] = length_ms
            (self.box.library / f"{hash_bytes(data)}.mp3").write_bytes(data)

    def boot(self) -> Playout:
        library = Library(self.box.library, self.box.key_line, self.box.make_settings().station)
        library.open()
        journal = Journal(self.box.outbox, read_log_id(self.box.library, has_begun=True), self.box.library)
        machine = self.machine
        clock = SteadyClock(
            self.box.library, machine.read_wall, machine.read_up_s, machine.read_error_ms, machine.sleep, "boot"
        )
        playout = Playout(library, journal, self.player, self.box.make_settings(), clock)
        playout.recover()
        return playout

    def run_days(self, playout: Playout, change: dict[datetime, tuple[float, bool]]) -> Iterator[date]:
        """Run day after day; each day's plan comes the evening before. Gives each date when it is over."""
        zone = ZoneInfo(self.zone_name)
        changes = sorted(change.items())
        filer = Day(self.box)
        for on, airings in self.days.items():
            filer.file(playout.library, make_plan(on, airings, zone=self.zone_name))
            until_at = wall_to_utc(on + timedelta(days=1), time(0, 30), zone)
            while self.machine.true_at < until_at:
                while changes and changes[0][0] <= self.machine.true_at:
                    self.machine.off_s, self.machine.is_synchronised = changes.pop(0)[1]
                wait_s = playout.step()
                if playout.stage.on_air is None and playout.snapshot.next_at is not None:
                    ahead_s = (playout.snapshot.next_at - playout.clock.now_at()).total_seconds()
                    wait_s = max(wait_s, min(ahead_s - 15, 300))  # nothing happens there: days pass in seconds
                self.machine.sleep(max(0.001, wait_s))
            yield on

    def list_airings(self) -> list[Airing]:
        return [airing for airings in self.days.values() for airing in airings]


def require_all_played_once_in_time(soak: Soak, lines: list[JournalEntry], true_starts: dict[AiringId, float]) -> None:
    counts = Counter((line.airing, line.happening) for line in lines)
    assert counts == {
        (airing.id, happening): 1 for airing in soak.list_airings() for happening in (Happening.START, Happening.END)
    }
    ends = {line.airing: line for line in lines if line.happening is Happening.END}
    assert {line.ending for line in ends.values()} == {Ending.COMPLETE}
    for airing in soak.list_airings():
        assert abs(ends[airing.id].output_ms - airing.duration_ms) <= ERROR_MS
    for name, late_ms in true_starts.items():
        assert -1 <= late_ms <= ERROR_MS, name


def measure_starts(soak: Soak, lines: list[JournalEntry]) -> dict[AiringId, float]:
    """Measure how late (ms) the first item of each slot started, by the line's own instant."""
    heads = {airing.id: airing for airing in soak.list_airings() if airing.start_rule is StartRule.HARD}
    return {
        line.airing: ((line.started_at or line.at) - heads[line.airing].start_at) / timedelta(milliseconds=1)
        for line in lines
        if line.happening is Happening.END and line.airing in heads
    }


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("Asia/Ho_Chi_Minh", date(2024, 2, 12), date(2024, 3, 12)),  # over the leap day
        ("Europe/Berlin", date(2024, 3, 20), date(2024, 4, 4)),  # a day of 23 hours
        ("Europe/Berlin", date(2024, 10, 20), date(2024, 11, 2)),  # a day of 25 hours
    ],
    ids=["leap day", "summer time begins", "summer time ends"],
)
def test_weeks_of_airings_are_played_once_each_in_time(tmp_path: Path, zone: str, first: date, last: date) -> None:
    soak = Soak(StationBox(tmp_path / "box"), zone, first, last)
    for _ in soak.run_days(soak.boot(), {}):
        pass
    lines = soak.box.read_journal()
    require_all_played_once_in_time(soak, lines, measure_starts(soak, lines))
    assert len(soak.list_airings()) >= 150


def test_memory_stays_flat_from_day_to_day(tmp_path: Path) -> None:
    soak = Soak(StationBox(tmp_path / "box"), "Asia/Ho_Chi_Minh", date(2024, 2, 20), date(2024, 3, 4))
    playout = soak.boot()
    tracemalloc.start()
    try:
        sizes = [tracemalloc.get_traced_memory()[0] for _ in soak.run_days(playout, {})]
    finally:
        tracemalloc.stop()
    grown_bytes = max(sizes[-3:]) - max(sizes[8:11])  # plans are kept for eight days: from then on nothing may grow
    assert grown_bytes < 50_000, sizes


def test_month_with_a_clock_that_is_stepped_every_day_misses_and_doubles_nothing(tmp_path: Path) -> None:
    soak = Soak(StationBox(tmp_path / "box"), "Asia/Ho_Chi_Minh", date(2024, 2, 12), date(2024, 3, 12))
    zone = ZoneInfo(soak.zone_name)
    changes: dict[datetime, tuple[float, bool]] = {}
    for number, on in enumerate(soak.days):
        # The server is lost in the morning and somebody sets the clock: hours off, in the middle of an item or between
        # two. Before the evening the server is back and the clock is stepped right, again in the middle of an item.
        changes[wall_to_utc(on, time(5, 15, 20) if number % 2 else time(6), zone)] = (0.0, False)
        off_s = (-1) ** number * (300.0 + 1300.0 * number)
        changes[wall_to_utc(on, time(11, 0, 20) if number % 3 else time(10, 30), zone)] = (off_s, False)
        changes[wall_to_utc(on, time(17, 0, 20) if number % 2 else time(16, 59, 50), zone)] = (0.0, True)
    playout = soak.boot()
    for _ in soak.run_days(playout, changes):
        pass
    lines = soak.box.read_journal()
    assert len(soak.list_airings()) == 360
    require_all_played_once_in_time(soak, lines, measure_starts(soak, lines))
    flagged = [line for line in lines if line.clock_error_ms is None]
    assert len(flagged) > 200
    assert {line.planned_at.astimezone(zone).hour for line in lines if line.clock_offset_ms} <= {11, 16, 17}
    assert sum(bool(line.clock_offset_ms) for line in lines) > 100


def test_clock_that_turns_out_minutes_wrong_is_put_right_between_items_and_none_is_lost(tmp_path: Path) -> None:
    soak = Soak(StationBox(tmp_path / "box"), "Asia/Ho_Chi_Minh", date(2024, 2, 12), date(2024, 2, 13))
    zone = ZoneInfo(soak.zone_name)
    soak.machine.off_s, soak.machine.is_synchronised = -240.0, False  # it came up four minutes behind, without a server
    playout = soak.boot()
    right = {wall_to_utc(date(2024, 2, 12), time(17, 4, 20), zone): (0.0, True)}  # in the second item, which began late
    for _ in soak.run_days(playout, right):
        pass
    lines = soak.box.read_journal()
    counts = Counter((line.airing, line.happening) for line in lines)
    assert set(counts.values()) == {1}
    ends = [line for line in lines if line.happening is Happening.END]
    assert len(ends) == len(soak.list_airings())
    assert {line.ending for line in ends} == {Ending.COMPLETE}
    assert {line.airing for line in ends if line.clock_offset_ms} == {AiringId("20240212-s2-2")}
