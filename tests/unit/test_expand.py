"""What recurs becomes dated airings."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from broadcaster.core.ids import ColumnId, ProgrammeId, SlotId, StationId
from broadcaster.core.model import StartRule, Station
from broadcaster.core.schedules import RundownItem, Slot
from broadcaster.timetable.expand import Shelf, expand_day, expand_station
from tests.unit.makers import AN_NONG, START, make_programme, make_schedules

MONDAY = date(2023, 10, 9)
NEWS = RundownItem(column=ColumnId("thoi-su"))
IDENT = RundownItem(programme=ProgrammeId("dai-hieu"))
AFTERNOON = Slot(SlotId("chieu"), "Chiều", time(17), 30, rundown=(IDENT, NEWS))
MORNING = Slot(SlotId("sang"), "Phát lại", time(5, 15), 30, repeat_of=SlotId("chieu"))


def test_items_follow_each_other_from_the_slots_second() -> None:
    schedules = make_schedules(AFTERNOON)
    shelf = Shelf([make_programme("dai-hieu", None, duration_ms=4_200), make_programme("tin")])
    airings = list(expand_station(expand_day(schedules, MONDAY, shelf), schedules.stations[0]))
    assert [a.start_at for a in airings] == [START, START + timedelta(milliseconds=4_200)]
    assert [a.start_rule for a in airings] == [StartRule.HARD, StartRule.AFTER]
    assert len({a.id for a in airings}) == 2


def test_column_brings_all_programmes_of_the_date_in_order_of_adding() -> None:
    late = dataclasses.replace(make_programme("a"), added_at=datetime(2023, 10, 2, tzinfo=START.tzinfo))
    shelf = Shelf([late, make_programme("b"), make_programme("c", on=date(2023, 10, 8)), make_programme("d", "khac")])
    (found,) = expand_day(make_schedules(AFTERNOON), MONDAY, shelf)
    assert [item.id for item in found.items] == ["b", "a"]
    assert found.missing == ("programme dai-hieu",)


def test_ident_without_programme_is_not_aired() -> None:
    (found,) = expand_day(make_schedules(AFTERNOON), MONDAY, Shelf([make_programme("dai-hieu", None)]))
    assert found.items == ()
    assert found.missing == ("column thoi-su",)


def test_repeat_plays_what_the_slot_played_last() -> None:
    shelf = Shelf([make_programme("tin"), make_programme("moi", on=MONDAY + timedelta(days=1))])
    schedules = make_schedules(AFTERNOON, MORNING)
    repeat, new = expand_day(schedules, MONDAY + timedelta(days=1), shelf)
    assert [item.id for item in repeat.items] == ["tin"]
    assert [item.id for item in new.items] == ["moi"]
    assert all(airing.is_repeat for airing in expand_station([repeat], schedules.stations[0]))


def test_repeat_of_a_weekly_slot_reaches_back_a_week_and_no_further() -> None:
    weekly = dataclasses.replace(AFTERNOON, days=frozenset({0}))
    shelf = Shelf([make_programme("tin")])
    schedules = make_schedules(weekly, MORNING)
    week_after = expand_day(schedules, MONDAY + timedelta(days=7), shelf)[0]
    assert [item.id for item in week_after.items] == ["tin"]
    no_day = dataclasses.replace(AFTERNOON, ends_on=MONDAY)
    late = expand_day(make_schedules(no_day, MORNING), MONDAY + timedelta(days=8), shelf)[0]
    assert late.items == ()
    assert late.missing == ("an earlier chieu",)


def test_slot_keeps_its_days_period_and_stations() -> None:
    away = Station(StationId("binh-son"), "Xã Bình Sơn", valid_to=date(2023, 10, 8))
    slot = dataclasses.replace(AFTERNOON, days=frozenset({0}), starts_on=MONDAY, stations=("xa",))
    schedules = make_schedules(slot, stations=(*make_schedules().stations, away))
    assert expand_day(schedules, MONDAY - timedelta(days=7), Shelf([])) == []
    assert expand_day(schedules, MONDAY + timedelta(days=1), Shelf([])) == []
    occurrences = expand_day(schedules, MONDAY, Shelf([make_programme("tin")]))
    assert [station.id for station in schedules.stations if list(expand_station(occurrences, station))] == [AN_NONG]


def test_wall_time_holds_when_the_zone_changes_its_clock() -> None:
    schedules = make_schedules(AFTERNOON)
    berlin = dataclasses.replace(
        schedules, centre=dataclasses.replace(schedules.centre, zone=ZoneInfo("Europe/Berlin"))
    )
    hours = [expand_day(berlin, day, Shelf([]))[0].start_at.hour for day in (date(2023, 10, 28), date(2023, 10, 29))]
    assert hours == [15, 16]


def test_volume_is_the_slots_times_the_stations() -> None:
    quiet = Station(AN_NONG, "Xã An Nông", volume=50)
    schedules = make_schedules(dataclasses.replace(AFTERNOON, volume=80), stations=(quiet,))
    airings = expand_station(expand_day(schedules, MONDAY, Shelf([make_programme("tin")])), quiet)
    assert {airing.volume for airing in airings} == {40}


def test_too_long_slot_is_seen() -> None:
    (found,) = expand_day(make_schedules(AFTERNOON), MONDAY, Shelf([make_programme("tin", duration_ms=1_800_001)]))
    assert found.is_too_long()
