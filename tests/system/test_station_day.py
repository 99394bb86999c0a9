"""A day at a station by a clock that the test moves: real files, real diary, a simulated player."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import AiringId, SlotId
from broadcaster.core.model import Airing, LateRule, QuietHours, StartRule
from broadcaster.station.journal import Journal
from broadcaster.station.library import Library
from broadcaster.station.logbook import read_log_id
from broadcaster.station.playout import Playout
from broadcaster.wire.day_plan import DayPlan, write_day_plan
from broadcaster.wire.journal import Ending, Happening, SkipReason
from broadcaster.wire.signature import PLAN_NAMESPACE, sign_document
from tests.station_box import StationBox, make_plan
from tests.station_simulator import FakeClock, SimulatedPlayer
from tests.unit.makers import START, make_airing

MINUTE = timedelta(minutes=1)


@dataclass
class Day:
    """One box, its clock, and the airings it is told to play."""

    box: StationBox
    clock: FakeClock = field(default_factory=lambda: FakeClock(START - MINUTE))
    cues_ahead: bool = False
    player: SimulatedPlayer = field(init=False)
    revision: int = 0

    def __post_init__(self) -> None:
        self.player = SimulatedPlayer(self.clock, cues_ahead=self.cues_ahead)

    def add(self, airing: Airing, *, is_held: bool = True, real_ms: int | None = None) -> Airing:
        """Give an airing a master of its own, which the box holds or not."""
        data = airing.id.encode()
        sha256 = hash_bytes(data)
        self.player.lengths_ms[sha256] = real_ms or airing.duration_ms
        if is_held:
            (self.box.library / f"{sha256}.mp3").write_bytes(data)
        return replace(airing, sha256=sha256)

    def boot(self, *airings: Airing, quiet: tuple[QuietHours, ...] = (), zone: str = "Asia/Ho_Chi_Minh") -> Playout:
        """Start the agent's playing part, as after a power cut; a plan is filed when airings are given."""
        library = Library(self.box.library, self.box.key_line, self.box.make_settings().station)
        library.open()
        plans: dict[date, list[Airing]] = {}
        for airing in airings:
            plans.setdefault(airing.start_at.astimezone(ZoneInfo(zone)).date(), []).append(airing)
        self.revision += 1
        for on, mine in plans.items():
            plan = make_plan(on, mine, revision=self.revision, quiet_hours=quiet, zone=zone)
            self.file(library, plan)
        journal = Journal(self.box.outbox, read_log_id(self.box.library, has_begun=True), self.box.library)
        settings = replace(self.box.make_settings(), volume=80)
        playout = Playout(library, journal, self.player, settings, self.clock)
        playout.recover()
        return playout

    def file(self, library: Library, plan: DayPlan) -> None:
        document = write_day_plan(plan)
        signature = sign_document(document, self.box.key, PLAN_NAMESPACE)
        library.file_plan(plan, document, signature.encode(), plan.on)

    def run(self, playout: Playout, until_at: datetime, do: Callable[[], None] | None = None) -> None:
        while self.clock.at < until_at:
            self.clock.sleep_s(max(0.001, playout.step()))
            if do is not None:
                do()

    def tell(self) -> list[tuple[object, ...]]:
        """Tell the diary in short: airing, what happened, seconds from START, seconds sounded, how it ended."""
        return [
            (
                line.airing,
                line.happening.value,
                round(((line.started_at or line.at) - START).total_seconds(), 1),
                round(line.output_ms / 1000, 1),
                line.ending or line.reason or "",
            )
            for line in self.box.read_journal()
        ]


@pytest.fixture(params=[False, True], ids=["one sound device", "cues ahead"])
def day(tmp_path: Path, request: pytest.FixtureRequest) -> Day:
    return Day(StationBox(tmp_path / "box"), cues_ahead=request.param)


def test_rundown_plays_item_after_item_at_its_second(day: Day) -> None:
    first = day.add(make_airing("1"), real_ms=60_040)
    second = day.add(replace(make_airing("2", START + MINUTE, 30_000), start_rule=StartRule.AFTER))
    day.run(day.boot(first, second), START + 3 * MINUTE)
    told = day.tell()
    assert told == [
        ("1", "start", 0.0, 0.0, ""), ("1", "end", 0.0, 60.0, Ending.COMPLETE),
        ("2", "start", pytest.approx(60.0, abs=0.1), 0.0, ""),
        ("2", "end", pytest.approx(60.0, abs=0.1), 30.0, Ending.COMPLETE),
    ]  # fmt: skip
    lines = day.box.read_journal()
    assert lines[0].at < START == lines[0].started_at == lines[1].started_at
    assert [line.volume for line in lines] == [80] * 4
    assert day.player.volumes[-1] == 80
    assert lines[0].clock_error_ms == 3


@pytest.mark.parametrize(
    ("late_rule", "expected"),
    [
        (LateRule.JOIN, [("a", "start", 20.5, 0.0, ""), ("a", "end", 20.5, 39.5, Ending.COMPLETE)]),
        (LateRule.BEGINNING, [("a", "start", 20.0, 0.0, ""), ("a", "end", 20.0, 60.0, Ending.COMPLETE)]),
        (LateRule.SKIP, [("a", "skip", 20.0, 0.0, SkipReason.TOO_LATE)]),
    ],
)
def test_box_that_comes_up_late_obeys_the_late_rule(
    day: Day, late_rule: LateRule, expected: list[tuple[object, ...]]
) -> None:
    day.clock.at = START + timedelta(seconds=20)
    day.run(day.boot(day.add(replace(make_airing("a"), late_rule=late_rule))), START + 3 * MINUTE)
    assert day.tell() == expected


def test_box_that_comes_up_after_the_end_skips(day: Day) -> None:
    day.clock.at = START + 10 * MINUTE
    day.run(day.boot(day.add(make_airing("a"))), START + 11 * MINUTE)
    day.run(day.boot(), START + 12 * MINUTE)
    assert day.tell() == [("a", "skip", 600.0, 0.0, SkipReason.TOO_LATE)]


def test_master_that_comes_in_mid_slot_is_joined(day: Day) -> None:
    airing = day.add(make_airing("a"), is_held=False)
    playout = day.boot(airing)
    day.run(playout, START + timedelta(seconds=30))
    assert playout.snapshot.trouble.endswith("masters missing for the next 24 hours: 1")
    day.add(airing)
    day.run(playout, START + 2 * MINUTE)
    assert [line[1] for line in day.tell()] == ["start", "end"]
    assert 29 < day.box.read_journal()[-1].output_ms / 1000 < 30


def test_master_that_never_comes_is_journalled_as_missing(day: Day) -> None:
    day.run(day.boot(day.add(make_airing("a"), is_held=False)), START + 2 * MINUTE)
    assert [line[1:] for line in day.tell()] == [("skip", pytest.approx(60, abs=1), 0.0, SkipReason.MISSING)]


def test_quiet_hours_forbid_a_start_and_end_what_sounds(day: Day) -> None:
    late = day.add(make_airing("late", START, 120_000))
    later = day.add(make_airing("later", START + 5 * MINUTE))
    day.run(day.boot(late, later, quiet=(QuietHours(time(17, 1), time(4, 30)),)), START + 10 * MINUTE)
    assert day.tell() == [
        ("late", "start", 0.0, 0.0, ""), ("late", "end", 0.0, 60.0, Ending.STOPPED),
        ("later", "skip", pytest.approx(300, abs=1), 0.0, SkipReason.QUIET_HOURS),
    ]  # fmt: skip


def test_hard_start_ends_what_still_plays(day: Day) -> None:
    old = day.add(make_airing("old", START, 180_000))
    new = day.add(make_airing("new", START + MINUTE))
    day.run(day.boot(old, new), START + 5 * MINUTE)
    assert [line for line in day.tell() if line[1] == "end"] == [
        ("old", "end", 0.0, 60.0, Ending.STOPPED), ("new", "end", 60.0, 60.0, Ending.COMPLETE),
    ]  # fmt: skip


def test_power_cut_in_mid_play_is_told_and_the_rest_joined(day: Day) -> None:
    airing = day.add(make_airing("a"))
    day.run(day.boot(airing), START + timedelta(seconds=21))
    day.clock.sleep_s(10)
    day.run(day.boot(), START + 2 * MINUTE)
    told = day.tell()
    assert [line[1] for line in told] == ["start", "end", "start", "end"]
    assert told[1][4] is Ending.INTERRUPTED
    assert told[1][3] == pytest.approx(20, abs=2)
    assert told[3][3] == pytest.approx(28.5, abs=2)


def test_note_of_another_start_proves_nothing(day: Day) -> None:
    airing = day.add(make_airing("a"))
    playout = day.boot(airing)
    day.run(playout, START + timedelta(seconds=10))
    note = (day.box.library / "playing.json").read_bytes()
    day.run(day.boot(), START + timedelta(seconds=12))
    (day.box.library / "playing.json").write_bytes(note)
    day.run(day.boot(), START + 2 * MINUTE)
    ends = [line for line in day.box.read_journal() if line.happening is Happening.END]
    assert [line.ending for line in ends] == [Ending.INTERRUPTED, Ending.INTERRUPTED, Ending.COMPLETE]
    assert ends[1].output_ms == 0


def test_truncated_master_is_failed_not_complete(day: Day) -> None:
    day.run(day.boot(day.add(make_airing("a"), real_ms=20_000)), START + 2 * MINUTE)
    assert day.tell()[1] == ("a", "end", 0.0, 20.0, Ending.FAILED)


def test_player_that_fails_costs_one_airing_only(day: Day) -> None:
    unplayable = day.add(make_airing("unplayable", START))
    lost = day.add(make_airing("lost", START + 2 * MINUTE, 110_000))
    mute = day.add(make_airing("mute", START + 4 * MINUTE))
    buggy = day.add(make_airing("buggy", START + 6 * MINUTE))
    good = day.add(make_airing("good", START + 8 * MINUTE))
    day.player.unplayable.add(unplayable.sha256)
    day.player.troubles = {lost.sha256: 15_000, mute.sha256: 0}
    day.player.bugs.add(buggy.sha256)
    day.run(day.boot(unplayable, lost, mute, buggy, good), START + 10 * MINUTE)
    told = [(line[0], line[1], line[3], line[4]) for line in day.tell() if line[1] != "start"]
    assert told == [
        ("unplayable", "skip", 0.0, SkipReason.PLAYER), *[("lost", "end", 15.0, Ending.FAILED)] * 4,
        *[("mute", "end", 0.0, Ending.FAILED)] * 4, ("buggy", "skip", 0.0, SkipReason.PLAYER),
        ("good", "end", 60.0, Ending.COMPLETE),
    ]  # fmt: skip


def test_bug_in_an_item_that_cuts_another_leaves_no_line_open(day: Day) -> None:
    old = day.add(make_airing("old", START, 180_000))
    buggy = day.add(make_airing("buggy", START + MINUTE))
    day.player.bugs.add(buggy.sha256)
    playout = day.boot(old, buggy)
    day.run(playout, START + 5 * MINUTE)
    assert playout.journal.open == {}
    assert {line[0] for line in day.tell() if line[1] != "start"} == {"old", "buggy"}


def test_new_revision_changes_what_comes_and_not_what_is_done(day: Day) -> None:
    done = day.add(make_airing("done"))
    dropped = day.add(make_airing("dropped", START + 5 * MINUTE))
    added = day.add(make_airing("added", START + 6 * MINUTE))
    playout = day.boot(done, dropped)
    day.run(playout, START + 2 * MINUTE)
    day.file(playout.library, make_plan(START.date(), (done, added), revision=2))
    day.run(playout, START + 10 * MINUTE)
    assert [line[0] for line in day.tell()] == ["done", "done", "added", "added"]


def test_day_boundary_and_journal_files_follow_the_plans_zone(day: Day) -> None:
    day.clock.at = datetime(2023, 10, 9, 16, 50, tzinfo=START.tzinfo)
    midnight = datetime(2023, 10, 9, 17, 0, tzinfo=START.tzinfo)
    over = day.add(make_airing("over", midnight - MINUTE / 2))
    after = day.add(make_airing("after", midnight + MINUTE))
    day.run(day.boot(over, after), midnight + 3 * MINUTE)
    names = {path.name: path.read_bytes().count(b"\n") for path in day.box.outbox.glob("journal-*")}
    assert names == {"journal-2023-10-09.jsonl": 1, "journal-2023-10-10.jsonl": 3}
    assert len(day.box.read_journal()) == 4


def test_overlapping_slots_end_with_every_airing_told(day: Day) -> None:
    airings = [
        day.add(replace(make_airing(f"{n}", START + n * MINUTE, 150_000), slot=SlotId(f"s{n}"))) for n in range(5)
    ]
    day.run(day.boot(*airings), START + 10 * MINUTE)
    ends = [line for line in day.tell() if line[1] == "end"]
    assert [(line[0], line[4]) for line in ends] == [
        *((f"{n}", Ending.STOPPED) for n in range(4)), ("4", Ending.COMPLETE),
    ]  # fmt: skip
    assert {line.airing for line in day.box.read_journal()} == {AiringId(f"{n}") for n in range(5)}


def test_full_disk_plays_nothing_unwritten_and_loses_no_end(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = day.add(make_airing("1")), day.add(make_airing("2", START + 2 * MINUTE))
    playout = day.boot(first, second)
    day.run(playout, START + timedelta(seconds=30))

    def refuse(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        day.run(playout, START + timedelta(seconds=150))
        assert "No space left" in playout.snapshot.trouble or "disk is full" in playout.snapshot.trouble
    assert [line[1] for line in day.tell()] == ["start"]
    day.run(playout, START + 5 * MINUTE)
    told = day.tell()
    assert [(line[0], line[1]) for line in told] == [("1", "start"), ("1", "end"), ("2", "start"), ("2", "end")]
    assert told[1][3] == 60.0
    assert 25 < float(str(told[3][3])) < 30
