"""The commune's own items: when they play, who goes first, what a preview says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from broadcaster.core.errors import DocumentError
from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import SlotId
from broadcaster.core.model import Airing, Priority, QuietHours, StartRule
from broadcaster.station.board import Board, Planned, Skip, Start
from broadcaster.station.choose import choose_step
from broadcaster.station.collide import match_collisions
from broadcaster.station.ladder import list_planned
from broadcaster.station.local_items import LocalItem, Piece, expand_local, read_item, write_item
from broadcaster.wire.journal import SkipReason
from tests.station_box import AN_NONG, make_plan
from tests.unit.makers import START, ZONE, make_airing

MONDAY = date(2023, 10, 9)
PIECE = Piece("Họp thôn", hash_bytes(b"hop"), 1000, 90_000)
NORMAL = LocalItem("hop-thon", "Họp thôn", (PIECE,), time(17), "Asia/Ho_Chi_Minh", on=MONDAY)
PRIORITY = replace(NORMAL, id="tiem", title="Tiêm chủng", priority=Priority.PRIORITY)
FIRST = replace(PRIORITY, goes_first=True)
NIGHT = QuietHours(time(21), time(5))
MINUTE = timedelta(minutes=1)


def expand(*items: LocalItem, on: date = MONDAY) -> list[Planned]:
    return expand_local(items, AN_NONG, (NIGHT,), [on])


def make_rundown(*, priority: Priority = Priority.NORMAL) -> tuple[Airing, Airing]:
    first = replace(make_airing("1"), priority=priority)
    return first, replace(first, id=make_airing("2").id, start_at=START + MINUTE, start_rule=StartRule.AFTER)


def make_board(centre: tuple[Airing, ...], *items: LocalItem, running: str = "", just_ended: str = "") -> Board:
    planned = list_planned([make_plan(MONDAY, centre)], (), local=expand(*items))
    by_id: dict[str, Planned] = {one.airing.id: one for one in planned}
    held = {one.airing.sha256 for one in planned}
    return Board(
        planned, {by_id[name].airing.id for name in (just_ended,) if name}, set(), held,
        by_id[running] if running else None, by_id[just_ended] if just_ended else None,
    )  # fmt: skip


def choose(board: Board, late_s: float) -> Start:
    step = choose_step(board, START + timedelta(seconds=late_s))
    assert isinstance(step, Start)
    return step


LOCAL_ID = expand(NORMAL)[0].airing.id


def test_item_plays_on_its_dates_in_its_zone() -> None:
    weekly = replace(NORMAL, on=None, days=frozenset({0, 3}), starts_on=MONDAY, ends_on=date(2023, 10, 31))
    assert [one.airing.start_at for one in expand(NORMAL)] == [START]
    dates = [date(2023, 10, day) for day in range(1, 32)]
    found = expand_local([weekly], AN_NONG, (), dates)
    assert [one.airing.start_at.astimezone(ZONE).day for one in found] == [9, 12, 16, 19, 23, 26, 30]
    assert len({one.airing.id for one in found}) == 7


def test_what_lies_before_its_adding_was_never_asked_for() -> None:
    assert expand(replace(NORMAL, added_at=START + MINUTE)) == []


def test_pieces_of_a_folder_follow_each_other() -> None:
    two = replace(PRIORITY, pieces=(PIECE, replace(PIECE, title="Hai", sha256=hash_bytes(b"hai"))))
    first, second = (one.airing for one in expand(two))
    assert (first.start_rule, second.start_rule) == (StartRule.HARD, StartRule.AFTER)
    assert second.start_at == START + timedelta(milliseconds=90_000)


def test_normal_item_waits_for_the_whole_rundown_and_then_plays_whole() -> None:
    rundown = make_rundown()
    assert choose(make_board(rundown, NORMAL), 0).planned.airing.id == "1"
    assert choose(make_board(rundown, NORMAL, running="1"), 30).waits
    assert choose(make_board(rundown, NORMAL, just_ended="1"), 60).planned.airing.id == "2"
    after = replace(make_board(rundown, NORMAL, just_ended="2"), settled={rundown[0].id, rundown[1].id})
    start = choose(after, 120)
    assert (start.planned.airing.id, start.offset_ms, start.waits) == (LOCAL_ID, 0, False)


def test_normal_item_gives_way_to_the_centres_second() -> None:
    early = replace(NORMAL, at=time(16, 59))
    step = choose(make_board((make_airing("1"),), early, running=expand(early)[0].airing.id), 0)
    assert (step.planned.airing.id, step.waits) == ("1", False)


def test_priority_item_comes_before_the_centres_normal_and_is_not_cut_by_it() -> None:
    rundown = make_rundown()
    local = expand(PRIORITY)[0].airing.id
    assert choose(make_board(rundown, PRIORITY), 0).planned.airing.id == local
    assert choose(make_board(rundown, PRIORITY, running=local), 0.5).waits
    late = replace(PRIORITY, at=time(17, 0, 30))
    step = choose(make_board(rundown, late, running="1"), 30)
    assert (step.planned.airing.id, step.waits) == (expand(late)[0].airing.id, False)


def test_centres_item_that_a_priority_one_left_no_time_gave_way() -> None:
    long = replace(PRIORITY, pieces=(replace(PIECE, duration_ms=600_000),))
    board = make_board(make_rundown()[:1], long, running=expand(long)[0].airing.id)
    step = choose_step(board, START + MINUTE)
    assert isinstance(step, Skip)
    assert (step.planned.airing.id, step.reason, step.note) == ("1", SkipReason.GAVE_WAY, "to Họp thôn")


@pytest.mark.parametrize(("item", "is_before"), [(PRIORITY, False), (FIRST, True)])
def test_commune_decides_the_order_among_priority_items(item: LocalItem, is_before: bool) -> None:
    rundown = make_rundown(priority=Priority.PRIORITY)
    local = expand(item)[0].airing.id
    assert (choose(make_board(rundown, item), 0).planned.airing.id == local) is is_before
    assert choose(make_board(rundown, item, running="1"), 30).waits is not is_before


def test_preview_says_what_it_meets_and_who_goes_first() -> None:
    known = list_planned([make_plan(MONDAY, make_rundown())], ())
    other = expand(replace(NORMAL, id="khac", title="Khác", at=time(16, 59)))
    other = [replace(one, airing=replace(one.airing, slot=SlotId("local-khac"))) for one in other]

    def preview(item: LocalItem) -> tuple[str, ...]:
        (found,) = match_collisions(item, AN_NONG, [*known, *other], (NIGHT,), START - timedelta(hours=3))
        return found.meets

    centre = "the centre's normal programme 'Tin' (17:00-17:02)"
    communes = "the commune's normal programme 'Họp thôn' (16:59-17:00)"
    assert preview(NORMAL) == (f"it waits for the end of {centre}", f"it waits for the end of {communes}")
    assert preview(replace(NORMAL, at=time(16, 59, 30)))[0] == f"it is ended by {centre}"
    assert preview(PRIORITY)[0] == f"it holds up {centre}: what is left of that may be lost"
    assert preview(replace(PRIORITY, at=time(17, 1)))[0] == f"it ends {centre}: what is left of that may be lost"
    assert preview(replace(NORMAL, at=time(18))) == ()
    assert preview(replace(NORMAL, at=time(22))) == ("quiet hours: it would not sound",)
    assert preview(replace(NORMAL, at=time(20, 59))) == ("quiet hours: it would be ended at 21:00",)


def test_item_is_read_as_it_was_written() -> None:
    item = replace(
        FIRST, on=None, days=frozenset({1, 5}), starts_on=MONDAY, volume=80, added_at=START, added_by="chi-lan"
    )
    assert read_item(write_item(item)) == item
    for field, value in (("zone", "Asia/Nowhere"), ("days", [9]), ("pieces", []), ("id", "../x"), ("at", "25:00")):
        with pytest.raises(DocumentError):
            read_item(write_item(item) | {field: value})
    with pytest.raises(DocumentError):
        read_item([])
