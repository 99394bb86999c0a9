"""What the timetable may ask of stations at most: quiet hours, weekdays, length and number of sessions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

from broadcaster.core.errors import Fault
from broadcaster.core.ids import suggest_nearest
from broadcaster.core.model import QuietHours
from broadcaster.core.schedules import Guard, HolidayRule, OwnHours, Schedules, Slot
from broadcaster.core.time import DAYS, plan_dates
from broadcaster.timetable.overlap import DAY_MIN, SEARCH_DAYS, SEARCH_FROM, Places, count_minutes, is_weekly
from broadcaster.timetable.recur import DAY_NAMES, find_holiday, list_rule, match_slot

PAUSE_MIN = 1.0
Session = list[Slot]
Pattern = tuple[date, int]


def match_guards(schedules: Schedules, stations: Places, timetable: Places) -> Iterator[Fault]:
    """Find every slot that a guard, or the centre's quiet hours, does not allow.

    A slot is as long as its `max_min`. Slots of one station that follow each other within a minute are one session, a
    repeat like any other. Each slot is named once for each guard, with the first day on which it breaks it.
    """
    for n, slot in enumerate(schedules.slots):
        yield from _match_quiet(n, slot, schedules.centre.quiet_hours, "centre.yaml", timetable)
    known = schedules.list_targets()
    patterns = _list_patterns(schedules) if schedules.guards else []
    for number, guard in enumerate(schedules.guards):
        for place, name in enumerate(guard.stations):
            if name not in known:
                where, hint = ("guards", number, "stations", place), suggest_nearest(name, known)
                message = f"unknown station or group {name!r}"
                yield stations.make_fault(where, message, "a station, a group or all", hint)
        yield from _match_guard(number, guard, schedules, patterns, timetable)


def list_sessions(slots: Iterable[Slot]) -> list[Session]:
    """Join the slots of one station and date into sessions: those that follow each other within a minute."""
    sessions: list[Session] = []
    ends_min = -DAY_MIN * 1.0
    for slot in sorted(slots, key=lambda one: (one.at, one.id)):
        if sessions and count_minutes(slot.at) - ends_min < PAUSE_MIN:
            sessions[-1].append(slot)
        else:
            sessions.append([slot])
        ends_min = max(ends_min, count_minutes(slot.at) + slot.max_min)
    return sessions


def sum_session_min(session: Session) -> float:
    """Sum how long a session is from its first start to its last end (min)."""
    start_min = count_minutes(session[0].at)
    return max(count_minutes(slot.at) + slot.max_min for slot in session) - start_min


def _match_guard(
    number: int, guard: Guard, schedules: Schedules, patterns: Sequence[Pattern], places: Places
) -> Iterator[Fault]:
    name = f"guard {number + 1} of stations.yaml ({', '.join(guard.stations)})"
    slots = schedules.slots
    told: set[tuple[str, str]] = set()
    rows = {
        _mark(n for n, slot in enumerate(slots) if slot.has_station(station))
        for station in schedules.stations
        if guard.has_station(station)
    }
    named = [(n, slot) for n, slot in enumerate(slots) if any(row >> n & 1 for row in rows)]
    for n, slot in named:
        yield from _match_quiet(n, slot, guard.quiet_hours, name, places)
    indexes = {slot.id: n for n, slot in named}
    seen: set[tuple[int, int]] = set()
    copied = frozenset(copy.on for copy in schedules.copies)
    for on, marks in patterns:
        for row in sorted(rows):
            today = marks & row
            if (on.weekday(), today) in seen:
                continue
            seen.add((on.weekday(), today))
            on_slots = [slot for n, slot in named if today >> n & 1]
            for kind, slot, message, expected in _match_day(guard, on, on_slots, copied):
                if (kind, slot.id) not in told:
                    told.add((kind, slot.id))
                    yield places.make_fault(("slots", indexes[slot.id], "at"), f"{message}: {name}", expected)


def _match_day(
    guard: Guard, on: date, today: Sequence[Slot], copied: frozenset[date]
) -> Iterator[tuple[str, Slot, str, str]]:
    if on.weekday() not in guard.days:
        allowed = ", ".join(DAYS[day] for day in sorted(guard.days))
        for slot in today:
            yield "days", slot, f"slot {slot.id!r} is on {_name_day(on, [slot], copied)}", f"only {allowed}"
    for slot in today:
        own = next((own for own in guard.own_hours if _is_own(own, slot, on)), None)
        if own is not None:
            span = f"{own.start:%H:%M}-{own.end:%H:%M}"
            message = (
                f"slot {slot.id!r} ({slot.at:%H:%M}, up to {slot.max_min} min) meets the communes' own hours {span}"
            )
            yield "own", slot, f"{message} on {_name_day(on, [slot], copied)}", "another time"
    sessions = list_sessions(today)
    limit = guard.session_max_min
    for session in sessions:
        length_min = sum_session_min(session)
        if limit is not None and length_min > limit:
            what = " + ".join(slot.id for slot in session)
            message = f"the session {what} on {_name_days(on, session, copied)} is {length_min:.0f} min long"
            yield "session", session[-1], message, f"{limit} min at most, or a pause"
    most = guard.sessions_per_day
    if most is not None and len(sessions) > most:
        extra = sessions[most][0]
        message = f"slot {extra.id!r} is session {most + 1} on {_name_days(on, today, copied)}"
        yield "count", extra, message, f"{most} sessions a day at most"


def _name_day(on: date, slots: Sequence[Slot], copied: frozenset[date]) -> str:
    """Name a day as the timetable does: with its date only where a date was written, as a first day, say, or a copy."""
    day, holiday = DAY_NAMES[on.weekday()], find_holiday(on)
    begins = max((slot.starts_on for slot in slots if slot.starts_on), default=SEARCH_FROM)
    if on in copied or begins > SEARCH_FROM or any(on in slot.dates for slot in slots):
        return f"{day} {on:%d/%m/%Y}"
    if holiday and any(slot.holidays is HolidayRule.ONLY for slot in slots):
        return f"a holiday ({holiday})"
    return f"a {day}" if all(is_weekly(slot) for slot in slots) else f"some {day}s"


def _name_days(on: date, slots: Sequence[Slot], copied: frozenset[date]) -> str:
    """Name the days on which slots are together: any day where they always are."""
    is_daily = all(is_weekly(slot) and len(slot.days) == len(DAYS) and not slot.starts_on for slot in slots)
    return "any day" if is_daily and on not in copied else _name_day(on, slots, copied)


def _is_own(own: OwnHours, slot: Slot, on: date) -> bool:
    """Tell whether a slot of a date meets a span of that day, of the night before, or of the day after."""
    start_min, own_min = count_minutes(slot.at), count_minutes(own.start)
    length_min = (count_minutes(own.end) - own_min) % DAY_MIN or DAY_MIN
    return any(
        (on + timedelta(days=shift)).weekday() in own.days
        and start_min < own_min + shift * DAY_MIN + length_min
        and own_min + shift * DAY_MIN < start_min + slot.max_min
        for shift in (-1, 0, 1)
    )


def _list_patterns(schedules: Schedules) -> list[Pattern]:
    """List every weekday together with the slots that are on, each pattern with the first date that has it."""
    alike: dict[object, list[int]] = {}
    for n, slot in enumerate(schedules.slots):
        alike.setdefault(list_rule(slot), []).append(n)
    rules = [(schedules.slots[numbers[0]], _mark(numbers)) for numbers in alike.values()]
    found: dict[tuple[int, int], date] = {}
    for on in _list_dates(schedules):
        marks = sum(mark for slot, mark in rules if match_slot(slot, on, schedules.copies).is_on)
        found.setdefault((on.weekday(), marks), on)
    return [(on, marks) for (_, marks), on in found.items()]


def _mark(numbers: Iterable[int]) -> int:
    """Put the places of slots into one number, a bit for each."""
    return sum(1 << n for n in numbers)


def _list_dates(schedules: Schedules) -> Iterator[date]:
    """List dates that show every pattern: weekly slots change with a period alone, for others years are looked at."""
    slots = schedules.slots
    if not all(is_weekly(slot) for slot in slots):
        yield from plan_dates(SEARCH_FROM, SEARCH_FROM + timedelta(days=SEARCH_DAYS))
        yield from sorted(on for slot in slots for on in slot.dates)
    begins = {SEARCH_FROM, *(slot.starts_on for slot in slots if slot.starts_on)}
    begins |= {slot.ends_on + timedelta(days=1) for slot in slots if slot.ends_on}
    for begin in sorted(begins):
        yield from plan_dates(begin, begin + timedelta(days=6))
    yield from sorted(copy.on for copy in schedules.copies)


def _match_quiet(n: int, slot: Slot, spans: Iterable[QuietHours], whose: str, places: Places) -> Iterator[Fault]:
    start = count_minutes(slot.at)
    for quiet in spans:
        until_quiet = (count_minutes(quiet.start) - start) % DAY_MIN
        if quiet.has(slot.at) or (quiet.start != quiet.end and until_quiet < slot.max_min):
            span = f"{quiet.start:%H:%M}-{quiet.end:%H:%M}"
            message = f"slot {slot.id!r} ({slot.at:%H:%M}, up to {slot.max_min} min) lies in the quiet hours {span}"
            yield places.make_fault(("slots", n, "at"), message, f"another time, or other quiet hours in {whose}")
