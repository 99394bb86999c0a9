"""On which dates a slot recurs: against dateutil's rules, and instants against a walk over UTC in zones that change."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import MONTHLY, WEEKLY, rrule, rruleset, weekday
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.centre.workspace import init_workspace
from broadcaster.core.ids import ColumnId, SlotId
from broadcaster.core.schedules import DayCopy, HolidayRule, RundownItem, Slot
from broadcaster.core.time import plan_dates
from broadcaster.timetable.expand import Shelf, expand_day
from broadcaster.timetable.explain import explain_day
from broadcaster.timetable.read import read_schedules
from broadcaster.timetable.recur import find_holiday, match_slot
from tests.unit.makers import make_programme, make_schedules

SLOT = Slot(SlotId("chieu"), "Chiều", time(17), 30, rundown=(RundownItem(),))
ZONES = ("Asia/Ho_Chi_Minh", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
         "Pacific/Apia", "Africa/Casablanca", "Asia/Tehran")  # fmt: skip
DATES = st.dates(date(2010, 1, 1), date(2040, 12, 31))


@st.composite
def make_slots(draw: st.DrawFn) -> Slot:
    starts_on = draw(DATES)
    near = st.integers(0, 400).map(lambda n: starts_on + timedelta(days=n))
    spans = draw(st.lists(st.tuples(near, st.integers(0, 20)), max_size=3))
    return dataclasses.replace(
        SLOT,
        at=draw(st.times().map(lambda at: at.replace(microsecond=0))),
        days=draw(st.frozensets(st.integers(0, 6))),
        starts_on=starts_on,
        ends_on=draw(st.none() | near),
        every_weeks=draw(st.integers(1, 5)),
        nth=draw(st.just(frozenset()) | st.frozensets(st.sampled_from((1, 2, 3, 4, 5, -1)))),
        dates=draw(st.frozensets(near, max_size=4)),
        excepted=tuple((first, first + timedelta(days=length)) for first, length in spans),
    )


def list_by_dateutil(slot: Slot, last: date) -> set[date]:
    """Expand the same slot by dateutil: weekly and monthly rules cut with each other, dates added, exceptions off."""
    assert slot.starts_on is not None
    start = datetime.combine(slot.starts_on, time())
    until = datetime.combine(min(last, slot.ends_on or last), time())
    found: set[datetime] = set()
    if slot.days:
        days = [weekday(day) for day in slot.days]
        found = set(rrule(WEEKLY, start, interval=slot.every_weeks, wkst=0, byweekday=days, until=until))
        if slot.nth:
            places = [weekday(day, n) for day in slot.days for n in slot.nth]
            found &= set(rrule(MONTHLY, start.replace(day=1), byweekday=places, until=until))
    rules = rruleset()
    for moment in found | {datetime.combine(on, time()) for on in slot.dates}:
        if start <= moment <= until:
            rules.rdate(moment)
    for first, end in slot.excepted:
        for on in plan_dates(first, end):
            rules.exdate(datetime.combine(on, time()))
    return {moment.date() for moment in rules}


@settings(max_examples=150, deadline=None)
@given(make_slots())
def test_slot_recurs_on_the_dates_that_dateutil_gives(slot: Slot) -> None:
    assert slot.starts_on is not None
    last = slot.starts_on + timedelta(days=430)
    days = plan_dates(slot.starts_on - timedelta(days=10), last)
    assert {on for on in days if match_slot(slot, on).is_on} == list_by_dateutil(slot, last)


@settings(max_examples=80, deadline=None)
@given(make_slots(), st.sampled_from(ZONES), DATES)
def test_start_is_the_first_instant_at_which_the_wall_shows_it(slot: Slot, zone: str, on: date) -> None:
    base = make_schedules(dataclasses.replace(slot, days=frozenset(range(7)), starts_on=None, ends_on=None,
                                              every_weeks=1, nth=frozenset(), excepted=()))  # fmt: skip
    schedules = dataclasses.replace(base, centre=dataclasses.replace(base.centre, zone=ZoneInfo(zone)))
    (found,) = expand_day(schedules, on, Shelf([]))
    wanted = datetime.combine(on, slot.at)
    first = datetime.combine(on, slot.at, UTC) - timedelta(hours=15)
    offsets = {(first + timedelta(hours=n)).astimezone(ZoneInfo(zone)).utcoffset() for n in range(31)}
    shown = sorted(
        instant
        for offset in offsets
        if offset is not None
        for instant in [(wanted - offset).replace(tzinfo=UTC)]
        if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wanted
    )
    if shown:
        assert found.start_at == shown[0]
    else:  # the clock jumps over it: as far after the jump as it would have been without the change
        before = (found.start_at - timedelta(hours=26)).astimezone(ZoneInfo(zone)).utcoffset()
        assert before is not None
        assert found.start_at == (wanted - before).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("on", "name"),
    [
        (date(2023, 1, 22), "Tết Nguyên Đán"),
        (date(2024, 2, 10), "Tết Nguyên Đán"),
        (date(2007, 2, 17), "Tết Nguyên Đán"),  # a day before China's
        (date(2030, 2, 2), "Tết Nguyên Đán"),  # a day before China's
        (date(2023, 4, 29), "Ngày Giỗ Tổ Hùng Vương"),
        (date(2025, 4, 7), "Ngày Giỗ Tổ Hùng Vương"),
        (date(2023, 9, 2), "Quốc khánh"),
    ],
)
def test_lunar_holidays_are_those_of_viet_nam(on: date, name: str) -> None:
    assert name in (find_holiday(on) or "")


def test_holiday_keeps_a_slot_away_or_is_its_only_day_and_says_so() -> None:
    new_year = date(2024, 2, 10)
    away = match_slot(dataclasses.replace(SLOT, holidays=HolidayRule.SKIP), new_year)
    assert (away.is_on, away.reason) == (False, "holiday: Tết Nguyên Đán")
    only = dataclasses.replace(SLOT, holidays=HolidayRule.ONLY)
    assert match_slot(only, new_year).is_on
    assert match_slot(only, date(2024, 2, 20)).reason == "no holiday"


def test_named_date_is_stronger_than_a_holiday_and_an_exception_stronger_than_both() -> None:
    new_year = date(2024, 2, 10)
    slot = dataclasses.replace(SLOT, holidays=HolidayRule.SKIP, dates=frozenset({new_year}))
    assert match_slot(slot, new_year).is_on
    assert not match_slot(dataclasses.replace(slot, excepted=((new_year, new_year),)), new_year).is_on


def test_every_slot_says_why_it_plays_or_not() -> None:
    news = RundownItem(column=ColumnId("thoi-su"))
    monday = date(2023, 10, 9)
    slots = [
        dataclasses.replace(SLOT, rundown=(news,), days=frozenset({0})),
        Slot(SlotId("sang"), "Sáng", time(5, 15), 30, repeat_of=SlotId("chieu")),
        Slot(SlotId("xe"), "Xe", time(8), 30, stations=("xe-1",), rundown=(news,)),
    ]
    schedules = make_schedules(*slots)
    shelf = Shelf([make_programme("tin", on=monday)])
    told = {str(one.slot.id): (one.is_played, one.reasons) for one in explain_day(schedules, monday, shelf)}
    assert told["chieu"] == (True, ("Monday", "column thoi-su has 1 for 09/10/2023"))
    assert told["sang"] == (
        False,
        ("every day", "repeats chieu of 02/10/2023", "column thoi-su has nothing for 02/10/2023"),
    )
    tuesday = explain_day(schedules, monday + timedelta(days=1), shelf, schedules.stations[0])
    assert [(one.slot.id, one.is_played, one.reasons[0]) for one in tuesday] == [
        ("sang", True, "every day"),
        ("xe", False, "it is for xe-1, not for an-nong"),
        ("chieu", False, "not on a Tuesday"),
    ]


def test_wall_time_that_the_clocks_skip_or_show_twice_is_told() -> None:
    schedules = make_schedules(
        Slot(SlotId("dem"), "Đêm", time(2, 30), 30, rundown=(RundownItem(column=ColumnId("tin")),))
    )
    centre = dataclasses.replace(schedules.centre, zone=ZoneInfo("Europe/Berlin"))
    berlin = dataclasses.replace(schedules, centre=centre)
    days = [date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25)]
    told = [explain_day(berlin, on, Shelf([]))[0].reasons[1] for on in days]
    assert told[1:] == ["the clocks skip 02:30: at 03:30:00", "the clocks show 02:30 twice: at the first"]
    assert told[0].startswith("column tin")


def test_copied_day_has_the_slots_of_the_other_day_and_the_column_of_its_own() -> None:
    monday, saturday = date(2023, 10, 9), date(2023, 10, 14)
    schedules = dataclasses.replace(
        make_schedules(dataclasses.replace(SLOT, days=frozenset({0}))), copies=(DayCopy(saturday, monday),)
    )
    (found,) = expand_day(schedules, saturday, Shelf([]))
    assert found.on == saturday
    assert match_slot(schedules.slots[0], saturday, schedules.copies).reason.startswith("14/10/2023 is like 09/10/2023")


def test_copied_week_has_the_slots_of_the_other_week_day_by_day_but_for_a_date_of_its_own(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "w")
    (workspace.schedules / "timetable.yaml").write_text(
        "format: 1\nslots:\n  - {id: a, title: A, at: '09:00', max_min: 5, dates: [2023-10-10, 2023-10-15],"
        " rundown: [{column: thoi-su}]}\ncopies:\n  - {week: 2023-W42, like: 2023-W41}\n"
        "  - {date: 2023-10-18, like: 2023-10-15}\n",
        encoding="utf-8",
    )
    found = read_schedules(workspace.schedules)
    monday = date(2023, 10, 16)
    days = [monday + timedelta(days=n) for n in range(8)]
    assert [on.day for on in days if match_slot(found.slots[0], on, found.copies).is_on] == [17, 18, 22]
    assert match_slot(found.slots[0], days[1], found.copies).reason.startswith("17/10/2023 is like 10/10/2023: ")


def test_what_names_a_copied_date_itself_is_stronger_than_the_copy() -> None:
    monday, saturday = date(2023, 10, 9), date(2023, 10, 14)
    copies = (DayCopy(saturday, monday),)
    mondays = dataclasses.replace(SLOT, days=frozenset({0}))
    assert match_slot(mondays, saturday, copies).is_on
    away = match_slot(dataclasses.replace(mondays, excepted=((saturday, saturday),)), saturday, copies)
    assert (away.is_on, away.reason) == (False, "14/10/2023 is an exception")
    named = dataclasses.replace(SLOT, days=frozenset({1}), dates=frozenset({saturday}))
    assert match_slot(named, saturday, copies).reason == "14/10/2023 is one of its dates"
