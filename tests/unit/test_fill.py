"""The rest of a slot filled from a column: whole pieces, never too long, others each day, the same each time."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from datetime import date, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.core.ids import ColumnId, ProgrammeId, SlotId
from broadcaster.core.model import Programme
from broadcaster.core.schedules import RundownItem, Slot
from broadcaster.timetable.approve import plan_fingerprint
from broadcaster.timetable.expand import Occurrence, Shelf, expand_day, expand_station
from broadcaster.timetable.explain import explain_day
from broadcaster.timetable.fill import choose_fill
from tests.unit.makers import make_programme, make_schedules

MONDAY = date(2023, 10, 9)
TUESDAY = MONDAY + timedelta(days=1)
OLD = date(2023, 9, 1)
MINUTE_MS = 60_000
NEWS = RundownItem(column=ColumnId("thoi-su"))
FILL = RundownItem(fill=ColumnId("ca-nhac"))
IDENT = RundownItem(programme=ProgrammeId("dai-hieu"))
CLOSE = RundownItem(programme=ProgrammeId("nhac-cat"))
AFTERNOON = Slot(SlotId("chieu"), "Chiều", time(17), 30, rundown=(IDENT, NEWS, FILL, CLOSE))
REPEAT = Slot(SlotId("sang"), "Phát lại", time(5, 15), 30, repeat_of=SlotId("chieu"))
IDENTS = [make_programme(name, None, OLD, 30_000) for name in ("dai-hieu", "nhac-cat")]


def make_music(count: int, minutes: float = 4.0, on: date = OLD) -> list[Programme]:
    return [make_programme(f"bai-{n:02}", "ca-nhac", on, round(minutes * MINUTE_MS)) for n in range(count)]


def expand(slot: Slot, on: date, *programmes: Programme) -> Occurrence:
    (found,) = expand_day(make_schedules(slot), on, Shelf([*IDENTS, *programmes]))
    return found


def test_fill_takes_whole_pieces_for_what_the_rest_leaves_at_its_place() -> None:
    found = expand(AFTERNOON, MONDAY, make_programme("tin", duration_ms=9 * MINUTE_MS), *make_music(12))
    names = [item.id for item in found.items]
    assert (names[:2], names[-1]) == (["dai-hieu", "tin"], "nhac-cat")
    assert found.filling == set(names[2:-1])
    assert len(found.filling) == 5  # 30 − 0.5 − 9 − 0.5 = 20 minutes
    assert found.sum_duration() == timedelta(minutes=30)
    assert (found.missing, found.is_too_long()) == ((), False)


def test_what_a_column_lacks_is_not_hidden_by_music() -> None:
    """District news that has not come is an alarm, not half an hour of songs."""
    found = expand(AFTERNOON, MONDAY, *make_music(12))
    assert (found.items, found.missing, found.filling) == ((), ("column thoi-su",), frozenset())
    music = dataclasses.replace(AFTERNOON, rundown=(IDENT, FILL))
    assert len(expand(music, MONDAY, *make_music(12)).items) == 1 + 7


def test_fill_misses_something_only_when_its_column_has_no_piece_at_all() -> None:
    tin = make_programme("tin", duration_ms=29 * MINUTE_MS)
    assert expand(AFTERNOON, MONDAY, tin).missing == ("column ca-nhac to fill with",)
    assert expand(AFTERNOON, MONDAY, tin, *make_music(3, on=TUESDAY)).missing == ("column ca-nhac to fill with",)
    (drafts,) = expand_day(make_schedules(AFTERNOON), MONDAY, Shelf([*IDENTS, tin], make_music(3)))
    assert drafts.missing == ("approval of column ca-nhac to fill with",)
    full = expand(AFTERNOON, MONDAY, tin, *make_music(3))
    assert (full.missing, full.filling) == ((), frozenset())


def test_repeat_plays_the_same_pieces_again_and_a_shorter_one_is_never_too_long() -> None:
    shelf = Shelf([*IDENTS, make_programme("tin"), *make_music(20)])
    first = expand_day(make_schedules(AFTERNOON, REPEAT), MONDAY, shelf)[-1]
    again = expand_day(make_schedules(AFTERNOON, REPEAT), TUESDAY, shelf)[0]
    assert (again.slot.id, again.items, again.filling) == ("sang", first.items, first.filling)
    short = dataclasses.replace(REPEAT, max_min=20)
    shorter = expand_day(make_schedules(AFTERNOON, short), TUESDAY, shelf)[0]
    assert not shorter.is_too_long()
    assert shorter.filling < first.filling


def test_second_fill_takes_what_the_first_left_and_nothing_twice() -> None:
    both = dataclasses.replace(AFTERNOON, rundown=(NEWS, FILL, RundownItem(fill=ColumnId("ca-dao")), FILL))
    verse = make_programme("ca-dao-1", "ca-dao", OLD, 2 * MINUTE_MS)
    found = expand(both, MONDAY, make_programme("tin"), *make_music(4, 6.5), verse)
    names = [item.id for item in found.items]
    assert len(names) == len(set(names)) == 1 + 4 + 1
    today = make_programme("bai-moi", "ca-nhac", MONDAY, MINUTE_MS)
    named = dataclasses.replace(AFTERNOON, rundown=(RundownItem(column=ColumnId("ca-nhac")), FILL))
    found = expand(named, MONDAY, today, *make_music(4))
    assert Counter(item.id for item in found.items)[today.id] == 1
    assert today.id not in found.filling


def test_filling_counts_as_new_on_its_own_date_only() -> None:
    fresh = make_programme("bai-moi", "ca-nhac", MONDAY, MINUTE_MS)
    schedules = make_schedules(AFTERNOON)
    airings = list(expand_station(
        expand_day(schedules, MONDAY, Shelf([make_programme("tin"), fresh, *make_music(2)])), schedules.stations[0]
    ))  # fmt: skip
    assert {airing.programme: airing.is_repeat for airing in airings} == {
        "tin": False, "bai-moi": False, "bai-00": True, "bai-01": True,
    }  # fmt: skip


def test_why_says_how_much_was_taken_and_of_how_much() -> None:
    shelf = Shelf([*IDENTS, make_programme("tin", duration_ms=9 * MINUTE_MS), *make_music(12)])
    (told,) = explain_day(make_schedules(AFTERNOON), MONDAY, shelf)
    assert "fills up with 5 of the 12 pieces of column ca-nhac" in told.reasons
    (silent,) = explain_day(make_schedules(AFTERNOON), TUESDAY, shelf)
    assert (silent.is_played, silent.reasons[3]) == (False, "column ca-nhac alone fills nothing")


def test_approval_of_a_piece_holds_where_it_fills() -> None:
    piece, schedules = make_music(1)[0], make_schedules(AFTERNOON)
    moved = make_schedules(dataclasses.replace(AFTERNOON, at=time(18)))
    assert plan_fingerprint(piece, schedules) != plan_fingerprint(piece, moved)


lengths = st.lists(st.integers(1_000, 600_000), max_size=30)


@settings(max_examples=200, deadline=None)
@given(lengths, st.integers(-60_000, 1_800_000), st.integers(0, 10**7))
def test_filling_is_never_too_long_and_nothing_that_fits_is_left(lengths: list[int], rest_ms: int, turn: int) -> None:
    pieces = [make_programme(f"bai-{n}", "ca-nhac", OLD, length) for n, length in enumerate(lengths)]
    chosen = choose_fill(pieces, rest_ms, turn)
    assert chosen == choose_fill(pieces, rest_ms, turn)
    left_ms = rest_ms - sum(piece.master.duration_ms for piece in chosen)
    assert left_ms >= 0 or not chosen
    assert len({piece.id for piece in chosen}) == len(chosen)
    assert all(piece.master.duration_ms > left_ms for piece in pieces if piece not in chosen)


@pytest.mark.parametrize("count", [16, 21, 40])
def test_no_piece_of_yesterday_comes_again_today_and_all_get_their_share(count: int) -> None:
    music = make_music(count)
    tin = [make_programme(f"tin-{n}", on=MONDAY + timedelta(days=n), duration_ms=9 * MINUTE_MS) for n in range(200)]
    days = [expand(AFTERNOON, MONDAY + timedelta(days=n), *tin, *music).filling for n in range(200)]
    assert all(not one & other for one, other in itertools.pairwise(days))
    played = Counter(name for day in days for name in day)
    assert len(played) == count
    assert max(played.values()) <= 2 * min(played.values())
    schedules = make_schedules(AFTERNOON, dataclasses.replace(AFTERNOON, id=SlotId("toi"), at=time(19)))
    evening, late = expand_day(schedules, MONDAY, Shelf([*IDENTS, *tin, *music]))
    assert not evening.filling & late.filling
