"""On which dates a slot recurs, and in words why. Pure: holidays are reckoned, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import import_module

from broadcaster.core.schedules import DayCopy, HolidayRule, Slot

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LAST = -1


@dataclass(frozen=True, slots=True)
class Match:
    """Whether a slot recurs on a date, and the rule that decided it."""

    is_on: bool
    reason: str


def choose_pattern_day(on: date, copies: Iterable[DayCopy]) -> date:
    """Choose the date whose slots a date has: itself, unless the timetable copies another day onto it."""
    return next((copy.like for copy in copies if copy.on == on), on)


def match_slot(slot: Slot, on: date, copies: Iterable[DayCopy] = ()) -> Match:
    """Match a slot against a date.

    In this order: an exception keeps the slot away; a date of `dates` brings it; then period, weekday, week, place in
    the month and holiday must all agree. A copied day is matched as the day that it is like; only what names the date
    itself, an exception or one of `dates`, is stronger.
    """
    day = choose_pattern_day(on, copies)
    if day == on or on in slot.dates or any(first <= on <= last for first, last in slot.excepted):
        return _match_day(slot, on)
    found = _match_day(slot, day)
    return Match(found.is_on, f"{on:%d/%m/%Y} is like {day:%d/%m/%Y}: {found.reason}")


def list_rule(slot: Slot) -> tuple[object, ...]:
    """List all of a slot that `match_slot` looks at: slots that have this in common recur on the same dates."""
    return (
        slot.days, slot.starts_on, slot.ends_on, slot.every_weeks, slot.nth, slot.dates, slot.excepted, slot.holidays,
    )  # fmt: skip


def find_holiday(on: date) -> str | None:
    """Find the public holiday of Viet Nam that a date is; None on others.

    Tết and Giỗ Tổ follow the Vietnamese lunar calendar, and days off in lieu belong to them.

    >>> find_holiday(date(2024, 2, 10)), find_holiday(date(2024, 4, 18)), find_holiday(date(2023, 10, 9))
    ('Tết Nguyên Đán', 'Ngày Giỗ Tổ Hùng Vương', None)
    """
    return _list_holidays(on.year).get(on)


@cache
def _list_holidays(year: int) -> dict[date, str]:
    # Only here: loading it takes longer than most commands work, and most ask about no holiday.
    country_holidays = import_module("holidays").country_holidays
    return dict(country_holidays("VN", years=year, language="vi", expand=False))


def _match_day(slot: Slot, on: date) -> Match:
    closed = _find_closed(slot, on)
    if closed is not None:
        return Match(False, closed)
    if on in slot.dates:
        return Match(True, f"{on:%d/%m/%Y} is one of its dates")
    day = DAY_NAMES[on.weekday()]
    if on.weekday() not in slot.days:
        return Match(False, f"not on a {day}" if slot.days else "not one of its dates")
    reasons = [day if len(slot.days) < len(DAY_NAMES) else "every day"]
    if slot.every_weeks > 1 and slot.starts_on is not None:
        weeks = _count_weeks(slot.starts_on, on)
        if weeks % slot.every_weeks:
            return Match(False, f"only every {slot.every_weeks} weeks from that of {slot.starts_on:%d/%m/%Y}")
        reasons.append(f"week {weeks} from that of {slot.starts_on:%d/%m/%Y}")
    if slot.nth:
        place = (on.day - 1) // 7 + 1
        is_last = (on + timedelta(days=7)).month != on.month
        if place not in slot.nth and not (is_last and LAST in slot.nth):
            return Match(False, f"{day} no. {place} of its month{', the last' if is_last else ''}")
        reasons.append(f"no. {place} of its month{', the last' if is_last else ''}")
    if slot.holidays is not HolidayRule.PLAY:
        holiday = find_holiday(on)
        if (holiday is not None) != (slot.holidays is HolidayRule.ONLY):
            return Match(False, f"holiday: {holiday}" if holiday else "no holiday")
        reasons.append(f"holiday: {holiday}" if holiday else "no holiday")
    return Match(True, ", ".join(reasons))


def _find_closed(slot: Slot, on: date) -> str | None:
    """Find what keeps a slot away from a date whatever else is written; None when nothing does."""
    if any(first <= on <= last for first, last in slot.excepted):
        return f"{on:%d/%m/%Y} is an exception"
    if slot.starts_on is not None and on < slot.starts_on:
        return f"it begins on {slot.starts_on:%d/%m/%Y}"
    if slot.ends_on is not None and on > slot.ends_on:
        return f"it ended on {slot.ends_on:%d/%m/%Y}"
    return None


def _count_weeks(first: date, on: date) -> int:
    """Count ISO weeks from the week of one date to that of another."""
    return ((on - timedelta(days=on.weekday())) - (first - timedelta(days=first.weekday()))).days // 7
