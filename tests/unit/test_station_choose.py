"""The decisions of a station, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import AiringId, SlotId
from broadcaster.core.model import Airing, LateRule, Priority, QuietHours, StartRule
from broadcaster.station.board import Board, Planned, Skip, Start, Substitute, find_quiet_start
from broadcaster.station.choose import choose_step, is_silent_for
from broadcaster.wire.journal import SkipReason, StandIn
from tests.unit.makers import START, ZONE, make_airing

MINUTE = timedelta(minutes=1)
NIGHT = QuietHours(time(22), time(4, 30))


def make_board(
    *airings: Airing, quiet: tuple[QuietHours, ...] = (), is_held: bool = True, running: Airing | None = None,
    settled: tuple[str, ...] = (), interrupted: tuple[str, ...] = (), just_ended: Airing | None = None,
) -> Board:  # fmt: skip
    return Board(
        planned=tuple(Planned(airing, ZONE, quiet) for airing in airings),
        settled={AiringId(name) for name in settled},
        interrupted={AiringId(name) for name in interrupted},
        held={airing.sha256 for airing in airings} if is_held else set(),
        running=Planned(running, ZONE, quiet) if running else None,
        just_ended=Planned(just_ended, ZONE, quiet) if just_ended else None,
    )


def choose(board: Board, late_s: float) -> Skip | Start | None:
    return choose_step(board, START + timedelta(seconds=late_s))


def require_start(step: Skip | Start | None) -> Start:
    assert isinstance(step, Start)
    return step


@pytest.mark.parametrize(
    ("late_rule", "late_s", "expected"),
    [
        (LateRule.JOIN, -5, (0.0, 0)),
        (LateRule.SKIP, -5, (0.0, 0)),
        (LateRule.JOIN, 0, (0.0, 0)),
        (LateRule.JOIN, 1.5, (1.5, 0)),
        (LateRule.JOIN, 30, (30.5, 30_500)),
        (LateRule.JOIN, 59.5, SkipReason.TOO_LATE),
        (LateRule.JOIN, 60, SkipReason.TOO_LATE),
        (LateRule.BEGINNING, 30, (30.0, 0)),
        (LateRule.BEGINNING, 60, SkipReason.TOO_LATE),
        (LateRule.SKIP, 1.5, (1.5, 0)),
        (LateRule.SKIP, 30, SkipReason.TOO_LATE),
    ],
)
def test_late_rule_says_where_an_airing_begins(
    late_rule: LateRule, late_s: float, expected: tuple[float, int] | SkipReason
) -> None:
    step = choose(make_board(replace(make_airing(), late_rule=late_rule)), late_s)
    if isinstance(expected, SkipReason):
        assert isinstance(step, Skip)
        assert step.reason is expected
    else:
        start = require_start(step)
        assert ((start.at - START).total_seconds(), start.offset_ms) == expected


@pytest.mark.parametrize(
    ("late_rule", "late_s", "is_skipped"),
    [(LateRule.JOIN, 30, False), (LateRule.JOIN, 60, True), (LateRule.SKIP, 1, False), (LateRule.SKIP, 3, True),
     (LateRule.BEGINNING, 30, False), (LateRule.JOIN, -30, False)],
)  # fmt: skip
def test_missing_master_is_waited_for_as_long_as_it_may_still_sound(
    late_rule: LateRule, late_s: float, is_skipped: bool
) -> None:
    step = choose(make_board(replace(make_airing(), late_rule=late_rule), is_held=False), late_s)
    if is_skipped:
        assert isinstance(step, Skip)
        assert step.reason is SkipReason.MISSING
    else:
        assert step is None


def test_settled_airing_is_left_alone() -> None:
    assert choose(make_board(make_airing(), settled=("a",)), 0) is None


@pytest.mark.parametrize("late_rule", list(LateRule))
def test_interrupted_airing_is_only_ever_joined(late_rule: LateRule) -> None:
    board = make_board(replace(make_airing(), late_rule=late_rule), interrupted=("a",))
    step = choose(board, 1)
    if late_rule is LateRule.JOIN:
        assert require_start(step).offset_ms == 1500
    else:
        assert step is None
    assert choose(board, 60) is None


def test_nothing_starts_in_quiet_hours_but_an_emergency() -> None:
    at = datetime(2023, 10, 9, 22, 15, tzinfo=ZONE)
    airing = make_airing(start_at=at)
    step = choose_step(make_board(airing, quiet=(NIGHT,)), at)
    assert isinstance(step, Skip)
    assert step.reason is SkipReason.QUIET_HOURS
    emergency = replace(airing, priority=Priority.EMERGENCY)
    assert isinstance(choose_step(make_board(emergency, quiet=(NIGHT,)), at), Start)


def test_airing_is_ended_where_quiet_hours_begin() -> None:
    at = datetime(2023, 10, 9, 21, 59, 30, tzinfo=ZONE)
    start = require_start(choose_step(make_board(make_airing(start_at=at), quiet=(NIGHT,)), at.astimezone(UTC)))
    assert start.until_at == datetime(2023, 10, 9, 22, 0, tzinfo=ZONE)
    assert find_quiet_start(start.planned, at, at + timedelta(seconds=30)) is None


def test_hard_start_cuts_what_was_planned_before_it() -> None:
    running = make_airing("old", START - MINUTE * 5, 3_600_000)
    step = require_start(choose(make_board(running, make_airing("new"), running=running), 0))
    assert (step.planned.airing.id, step.waits) == ("new", False)


def test_item_after_another_waits_for_its_end() -> None:
    running = make_airing("old", START - MINUTE)
    following = replace(make_airing("new"), start_rule=StartRule.AFTER)
    assert require_start(choose(make_board(running, following, running=running), -5)).waits
    assert require_start(choose(make_board(running, following, running=running), 30)).waits
    step = require_start(choose(make_board(running, following, settled=("old",), just_ended=running), 30))
    assert (step.waits, step.offset_ms) == (False, 0)


def test_hard_start_is_not_held_up_by_an_item_that_waits() -> None:
    running = make_airing("old", START - MINUTE, 600_000)
    waiting = replace(make_airing("waiting"), start_rule=StartRule.AFTER)
    hard = make_airing("zhard", START + timedelta(seconds=10))
    board = make_board(running, waiting, hard, running=running)
    assert require_start(choose(board, 5)).planned.airing.id == "waiting"
    assert require_start(choose(board, 9.5)).planned.airing.id == "zhard"
    assert require_start(choose(board, 10)).planned.airing.id == "zhard"


def test_emergency_is_cut_by_nothing_less() -> None:
    running = replace(make_airing("old", START - MINUTE, 600_000), priority=Priority.EMERGENCY)
    later = replace(make_airing("new"), late_rule=LateRule.SKIP)
    assert require_start(choose(make_board(running, later, running=running), 0)).waits
    emergency = replace(make_airing("new"), priority=Priority.EMERGENCY, start_rule=StartRule.AFTER)
    normal = make_airing("old", START - MINUTE, 600_000)
    assert not require_start(choose(make_board(normal, emergency, running=normal), 0)).waits


def test_airing_without_master_cuts_nothing() -> None:
    running = make_airing("old", START - MINUTE, 600_000)
    assert choose(make_board(running, make_airing("new"), is_held=False, running=running), 0) is None


WITHIN = replace(make_airing("new"), start_rule=StartRule.WITHIN, within_ms=120_000, slot=SlotId("b"))
AFTER = replace(make_airing("new"), start_rule=StartRule.AFTER, slot=SlotId("b"))


@pytest.mark.parametrize(
    ("late_s", "waits", "offset_ms"), [(-5, True, 0), (30, True, 0), (119, True, 0), (120, False, 0), (121, False, 0)]
)
def test_start_within_minutes_waits_so_long_and_then_cuts(late_s: float, waits: bool, offset_ms: int) -> None:
    running = make_airing("old", START - MINUTE * 5, 3_600_000)
    step = require_start(choose(make_board(running, WITHIN, running=running), late_s))
    assert (step.planned.airing.id, step.waits, step.offset_ms) == ("new", waits, offset_ms)


@pytest.mark.parametrize("airing", [WITHIN, AFTER], ids=["within", "after"])
def test_airing_that_waited_starts_at_its_beginning(airing: Airing) -> None:
    running = make_airing("old", START - MINUTE * 5, 330_000)
    step = require_start(choose(make_board(running, airing, settled=("old",), just_ended=running), 30))
    assert (step.waits, step.offset_ms) == (False, 0)


def test_box_that_comes_up_within_the_minutes_starts_at_the_beginning_and_later_joins() -> None:
    airing = replace(WITHIN, duration_ms=600_000)
    assert require_start(choose(make_board(airing), 90)).offset_ms == 0
    assert require_start(choose(make_board(airing), 180)).offset_ms == 180_500
    assert require_start(choose(make_board(replace(airing, start_rule=StartRule.AFTER)), 90)).offset_ms == 90_500


def test_start_after_the_running_item_never_cuts_and_waits_past_its_own_end() -> None:
    running = make_airing("old", START - MINUTE, 3_600_000)
    board = make_board(running, AFTER, running=running)
    assert require_start(choose(board, 300)).waits
    step = choose(board, 3_661)
    assert isinstance(step, Skip)
    assert step.reason is SkipReason.GAVE_WAY


def test_item_that_waited_gives_way_to_a_slot_whose_time_has_come() -> None:
    old = make_airing("old", START - MINUTE, 600_000)
    left = replace(make_airing("left"), start_rule=StartRule.AFTER)
    hard = replace(make_airing("zhard", START + MINUTE * 5, 600_000), slot=SlotId("b"))
    step = choose(make_board(old, left, hard, settled=("old",), just_ended=old), 301)
    assert isinstance(step, Skip)
    assert (step.planned.airing.id, step.reason) == ("left", SkipReason.GAVE_WAY)


def test_nothing_gets_between_the_items_of_a_rundown() -> None:
    first = make_airing("first", START - MINUTE)
    second = replace(make_airing("second", START), start_rule=StartRule.AFTER)
    other = replace(make_airing("other", START - MINUTE), start_rule=StartRule.AFTER, slot=SlotId("b"))
    step = require_start(choose(make_board(first, other, second, settled=("first",), just_ended=first), 0))
    assert (step.planned.airing.id, step.waits) == ("second", False)


def test_lower_priority_never_cuts_a_higher_one() -> None:
    running = replace(make_airing("old", START - MINUTE, 600_000), priority=Priority.PRIORITY)
    normal = make_airing("new")
    assert require_start(choose(make_board(running, normal, running=running), 0)).waits
    assert not require_start(
        choose(make_board(running, replace(normal, priority=Priority.PRIORITY), running=running), 0)
    ).waits


def test_substitutes_are_taken_in_their_order_and_the_planned_master_first() -> None:
    airing = make_airing()
    repeat = Substitute(StandIn.REPEAT, hash_bytes(b"repeat"), "Hôm qua", 90_000)
    filler = Substitute(StandIn.FALLBACK, hash_bytes(b"music"), "Nhạc", 300_000)
    board = replace(
        make_board(airing, is_held=False), planned=(Planned(airing, ZONE, (), substitutes=(repeat, filler)),)
    )
    for held, chosen, until_s in (
        ({airing.sha256, repeat.sha256}, None, None),
        ({repeat.sha256, filler.sha256}, repeat, None),
        ({filler.sha256}, filler, 60),
    ):
        start = require_start(choose(replace(board, held=held), 0))
        assert start.substitute == chosen
        assert start.until_at == (None if until_s is None else START + timedelta(seconds=until_s))
    assert choose(board, 0) is None
    assert is_silent_for(board.planned[0], board, START)
    assert not is_silent_for(board.planned[0], replace(board, held={filler.sha256}), START)
