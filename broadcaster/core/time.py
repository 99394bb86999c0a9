"""Time: aware instants only, wall time with its zone, ISO weeks, and the clock that the house reads."""

from __future__ import annotations

import re
import time as _time
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from broadcaster.core.errors import InputError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Clock(Protocol):
    """What the house may ask of time; tests bring their own."""

    def now_at(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def sleep_s(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_at(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)

    def sleep_s(self, seconds: float) -> None:
        """Wait; zero and less return at once."""
        if seconds > 0:
            _time.sleep(seconds)


def require_aware(moment: datetime) -> datetime:
    """Bring an aware instant to UTC and refuse a naive one.

    Raises:
        ValueError: The datetime has no zone: a bug of ours, never the operator's.
    """
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r} where an aware one is required")
    return moment.astimezone(UTC)


def wall_to_utc(on: date, at: time, zone: ZoneInfo) -> datetime:
    """Give the instant of a wall time on a date.

    In the hour that summer time skips the instant is the one the clock would have shown without the change; in the
    hour that comes twice it is the first. Viet Nam has neither.

    >>> wall_to_utc(date(2023, 10, 9), time(17), ZoneInfo("Asia/Ho_Chi_Minh")).isoformat()
    '2023-10-09T10:00:00+00:00'
    """
    return datetime.combine(on, at, zone).astimezone(UTC)


def period_to_utc(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give the instants at which a period begins and is over; both dates belong to it.

    >>> begins_at, ends_at = period_to_utc(date(2023, 10, 9), date(2023, 10, 9), ZoneInfo("Asia/Ho_Chi_Minh"))
    >>> begins_at.isoformat(), ends_at.isoformat()
    ('2023-10-08T17:00:00+00:00', '2023-10-09T17:00:00+00:00')
    """
    return wall_to_utc(first, time(), zone), wall_to_utc(last + timedelta(days=1), time(), zone)


def format_instant(moment: datetime) -> str:
    """Write an instant for a document: UTC, milliseconds, Z.

    >>> format_instant(datetime(2023, 10, 9, 10, 0, 0, 4500, UTC))
    '2023-10-09T10:00:00.004Z'
    """
    return require_aware(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_instant(text: str) -> datetime:
    """Read what `format_instant` wrote.

    Raises:
        ValueError: Not an ISO instant with a zone.
    """
    return require_aware(datetime.fromisoformat(text))


def read_date(text: str) -> date:
    """Read a date a person typed: 2023-10-09 or 09/10/2023.

    Raises:
        InputError: Neither form, or no such day.
    """
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text.strip())
    try:
        if match:
            return date(int(match[3]), int(match[2]), int(match[1]))
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"{text!r} is not a date", hint="write 2023-10-09 or 09/10/2023") from error


def read_time(text: str) -> time:
    """Read a time of day a person typed: 17:00, 5:15 or 17:00:30.

    Raises:
        InputError: Not a time of day.

    >>> read_time("5:15"), read_time("17:00:30")
    (datetime.time(5, 15), datetime.time(17, 0, 30))
    """
    try:
        return time.fromisoformat(text.strip().zfill(5))
    except ValueError as error:
        raise InputError(f"{text!r} is not a time of day", hint="write 17:00") from error


def read_week(text: str) -> date:
    """Read an ISO week and return its Monday.

    Raises:
        InputError: Not like 2023-W41, or the year has no such week.

    >>> read_week("2023-W41")
    datetime.date(2023, 10, 9)
    """
    match = re.fullmatch(r"(\d{4})-?[Ww](\d{1,2})", text.strip())
    try:
        if match:
            return date.fromisocalendar(int(match[1]), int(match[2]), 1)
    except ValueError:
        pass
    raise InputError(f"{text!r} is not a week", hint="write the year and ISO week, such as 2023-W41")


def format_week(monday: date) -> str:
    """Write the ISO week that a date lies in.

    >>> format_week(date(2023, 10, 10))
    '2023-W41'
    """
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}"


def plan_week(on: date) -> tuple[date, ...]:
    """Give the seven dates, Monday first, of the ISO week that a date lies in."""
    monday = on - timedelta(days=on.weekday())
    return tuple(monday + timedelta(days=n) for n in range(7))


def plan_dates(first: date, last: date) -> Iterator[date]:
    """Give every date from first to last, both included; none when last lies before first."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
