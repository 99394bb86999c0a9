"""Slots of one station that would sound at the same time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, time, timedelta
from typing import Protocol

from broadcaster.core.errors import Fault
from broadcaster.core.schedules import HolidayRule, Schedules, Slot
from broadcaster.core.time import plan_dates
from broadcaster.timetable.recur import match_slot

DAY_MIN = 24 * 60
SEARCH_FROM = date(2023, 1, 1)
SEARCH_DAYS = 6 * 366


class Places(Protocol):
    """Where values stand in a file."""

    def make_fault(self, place: Sequence[str | int], message: str, expected: str = "", hint: str = "") -> Fault:
        """Make a fault at a value."""
        ...


def match_overlaps(schedules: Schedules, places: Places) -> Iterator[Fault]:
    """Find pairs of slots that meet on some date at some station, each slot as long as its `max_min`.

    Weekly slots are compared for ever. Where every second week, places in the month, dates, exceptions or holidays
    decide, six years from the later first day are looked at; copied days are looked at one by one.
    """
    holders = [{station.id for station in schedules.stations if slot.has_station(station)} for slot in schedules.slots]
    for n, one in enumerate(schedules.slots):
        for m, other in enumerate(schedules.slots[:n]):
            shifts = [shift for shift in (-1, 0, 1) if _is_near(one, other, shift)]
            if not shifts or holders[n].isdisjoint(holders[m]):
                continue
            if _is_overlap(one, other, shifts, schedules):
                message = f"slot {one.id!r} ({one.at:%H:%M}, up to {one.max_min} min) overlaps slot {other.id!r}"
                expected = f"a time outside {other.at:%H:%M} + {other.max_min} min"
                yield places.make_fault(("slots", n, "at"), message, expected)


def count_minutes(at: time) -> float:
    """Count the minutes from midnight to a time of day."""
    return at.hour * 60 + at.minute + at.second / 60


def _is_near(one: Slot, other: Slot, shift: int) -> bool:
    """Tell whether their times meet when `other` is on so many days later."""
    apart = count_minutes(other.at) + shift * DAY_MIN - count_minutes(one.at)
    return -other.max_min < apart < one.max_min


def _is_overlap(one: Slot, other: Slot, shifts: Sequence[int], schedules: Schedules) -> bool:
    for shift in shifts:
        if is_weekly(one) and is_weekly(other):
            if any((day + shift) % 7 in other.days for day in one.days) and _is_same_time(one, other, shift):
                return True
        elif any(_is_on_both(one, other, on, shift, schedules) for on in _list_search_days(one, other)):
            return True
        near = {copy.on - timedelta(days=back) for copy in schedules.copies for back in (-1, 0, 1)}
        if any(_is_on_both(one, other, on, shift, schedules) for on in near):
            return True
    return False


def is_weekly(slot: Slot) -> bool:
    """Tell whether weekdays and a period alone say when a slot recurs."""
    return not (
        slot.every_weeks > 1 or slot.nth or slot.dates or slot.excepted or slot.holidays is not HolidayRule.PLAY
    )


def _is_on_both(one: Slot, other: Slot, on: date, shift: int, schedules: Schedules) -> bool:
    if not match_slot(one, on, schedules.copies).is_on:
        return False
    return match_slot(other, on + timedelta(days=shift), schedules.copies).is_on


def _list_search_days(one: Slot, other: Slot) -> Iterator[date]:
    named = one.dates | other.dates
    first = max(one.starts_on or SEARCH_FROM, other.starts_on or SEARCH_FROM)
    last = min(first + timedelta(days=SEARCH_DAYS), one.ends_on or date.max, other.ends_on or date.max)
    yield from plan_dates(first - timedelta(days=1), last)
    for on in named:
        yield from plan_dates(on - timedelta(days=1), on + timedelta(days=1))


def _is_same_time(one: Slot, other: Slot, shift: int) -> bool:
    """Tell whether the periods have a day of `one` and, `shift` days later, a day of `other` in common."""
    step = timedelta(days=shift)
    first = max(one.starts_on or date(2, 1, 1), (other.starts_on or date(2, 1, 1)) - step)
    last = min(one.ends_on or date(9998, 1, 1), (other.ends_on or date(9998, 1, 1)) - step)
    return first <= last
