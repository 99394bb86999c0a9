"""The decisions of a station, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from broadcaster.core.ids import AiringId, SlotId
from broadcaster.core.model import Airing, LateRule, Priority, QuietHours, StartRule
from broadcaster.station.choose import Board, Planned, Skip, Start, choose_step, find_quiet_start
from broadcaster.wire.journal import SkipReason
from tests.unit.makers import START, ZONE, make_airing

MINUTE = timedelta(minutes=1)
NIGHT = QuietHours(time(22), time(4, 30))


def make_board(
    *airings: Airing, quiet: tuple[QuietHours, ...] = (), is_held: bool = True, running: Airing | None = None,
    settled: tuple[str, ...] = (), interrupted: tuple[str, ...] = (), just_ended: str | None = None,
) -> Board:  # fmt: skip
    return Board(
        planned=tuple(Planned(airing, ZONE, quiet) for airing in airings),
        settled={AiringId(name) for name in settled},
        interrupted={AiringId(name) for name in interrupted},
        held={airing.sha256 for airing in airings} if is_held else set(),
        running=running,
        just_ended=SlotId(just_ended) if just_ended else None,
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
    step = require_start(choose(make_board(running, following, settled=("old",), just_ended="chieu"), 30))
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
