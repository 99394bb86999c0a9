"""Slots out of the events of an iCalendar file, also of one that another program wrote.

Sources:
    RFC 5545, sections 3.3.10 (rules), 3.8.4.4 (a single changed occurrence) and 3.8.5 (recurrence of an event).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path

from icalendar import Calendar, Event

from broadcaster.core.errors import InputError
from broadcaster.core.ids import SlotId, is_id, plan_id
from broadcaster.core.schedules import Slot
from broadcaster.core.time import DAYS, plan_dates, read_date
from broadcaster.timetable.calendar_file import REPEAT, SPAN, WEEKDAYS, list_categories
from broadcaster.timetable.table import ITEM_KINDS, Value, join_days, list_days

MAX_MIN = 720


@dataclass(frozen=True, slots=True)
class TakenCalendar:
    """The slots that the events of a calendar make, and for which dates it was written, None when it does not say."""

    slots: tuple[dict[str, Value], ...]
    span: tuple[date, date] | None


def read_calendar(path: Path, zone: tzinfo, present: Iterable[Slot] = ()) -> TakenCalendar:
    """Read slots from the events of a calendar file.

    Args:
        path: An .ics file. A new event needs a category such as `column:thoi-su`, which says what plays.
        zone: The centre's: other zones are reckoned into it.
        present: The slots that are there. Programs drop, sort and shorten what they do not know: an event of one of
            these that says nothing of what plays, or the same in another order, has that slot's rundown; one without a
            place has its stations.

    Raises:
        InputError: No calendar, or an event with a rule that a timetable cannot hold; names the event.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return parse_calendar(data, zone, path.name, present)


def parse_calendar(data: bytes, zone: tzinfo, source: str, present: Iterable[Slot] = ()) -> TakenCalendar:
    """Read slots from the events of a calendar.

    A single occurrence that was moved or changed becomes a slot of its own, and an exception of the one it was of.

    Raises:
        InputError: As `read_calendar`.
    """
    try:
        calendar = Calendar.from_ical(data)
    except ValueError as error:
        raise InputError(f"{source} is no calendar: {error}", hint="save it as .ics (iCalendar)") from error
    known = {slot.id: slot for slot in present}
    slots: list[dict[str, Value]] = []
    moved: dict[Value, set[date]] = {}
    for event in calendar.walk("VEVENT"):
        if not isinstance(event, Event):
            continue
        slot = _read_event(event, zone, source, known)
        single = event.get("recurrence-id")
        if single is not None:
            on = _date_of(single.dt, zone)
            moved.setdefault(slot["id"], set()).add(on)
            slot["id"] = f"{slot['id']}-{on:%Y%m%d}"
        if event.get("status") != "CANCELLED":
            slots.append(slot)
    for slot in slots:
        gone = moved.get(slot["id"])
        if gone:
            slot["except"] = join_days(list_days(slot.get("except")) | gone)
    told = [str(calendar.get(name, "")) for name in SPAN]
    return TakenCalendar(tuple(slots), (read_date(told[0]), read_date(told[1])) if all(told) else None)


def _date_of(moment: date, zone: tzinfo) -> date:
    if isinstance(moment, datetime):
        return (moment.astimezone(zone) if moment.tzinfo else moment).date()
    return moment


def _read_event(event: Event, zone: tzinfo, source: str, known: Mapping[SlotId, Slot]) -> dict[str, Value]:
    title = str(event.get("summary", "")) or "?"
    where = f"{source}, event {title!r}"
    for name, problem in event.errors:
        raise InputError(
            f"{where}: its {name} cannot be read ({problem})", hint="correct the event and export it again"
        )
    start = event.get("dtstart")
    if start is None or not isinstance(start.dt, datetime):
        raise InputError(f"{where}: it has no time of day", hint="a slot begins at a time")
    first: datetime = start.dt.astimezone(zone) if start.dt.tzinfo else start.dt
    uid = str(event.get("uid", "")).removesuffix("@broadcaster")
    length = event.duration
    slot: dict[str, Value] = {
        "id": uid if is_id(uid) else plan_id(title),
        "title": title,
        "at": f"{first:%H:%M:%S}" if first.second else f"{first:%H:%M}",
        "max_min": max(1, min(MAX_MIN, round(length / timedelta(minutes=1)))),
    }
    slot |= _read_content(event, where, known.get(SlotId(uid)))
    rule = event.get("rrule")
    if rule is not None and first.date() != start.dt.date():
        hint = "let the event be in the centre's time zone"
        raise InputError(f"{where}: its rule counts the days of another time zone", hint=hint)
    slot |= {"dates": [first.date()]} if rule is None else _read_rule(dict(rule), first, zone, where)
    excepted, extra = set(_read_dates(event, "exdate", zone)), _read_dates(event, "rdate", zone)
    early = [on for on in extra if on < first.date()]
    if rule is not None and extra and "days" not in slot:
        slot["days"] = list(DAYS)  # beside single dates no day at all is meant where none is named
    if rule is not None and early:
        slot["from"], silent = _begin_earlier(first.date(), early, slot.get("every_weeks", 1))
        excepted |= silent
    if excepted:
        slot["except"] = join_days(excepted)
    if extra:
        days = slot.get("dates", [])
        slot["dates"] = [*(days if isinstance(days, list) else []), *extra]
    return slot


def _read_content(event: Event, where: str, present: Slot | None) -> dict[str, Value]:
    found = event.get("categories")
    names = [str(name) for one in (found if isinstance(found, list) else [found]) if one for name in one.cats]
    parts = [name.partition(":") for name in names]
    said = [(kind, what) for kind, colon, what in parts if colon and kind in (REPEAT, *ITEM_KINDS)]
    if present is not None:
        own = [(kind, what) for kind, _, what in (name.partition(":") for name in list_categories(present))]
        if not said or set(said) == set(own):
            said = own
    items: list[Value] = []
    content: dict[str, Value] = {}
    for kind, what in said:
        if kind == REPEAT:
            content["repeat_of"] = what
        else:
            items.append({kind: what})
    if items:
        content["rundown"] = items
    if not content:
        raise InputError(f"{where}: it does not say what plays", hint="give it a category such as column:thoi-su")
    stations: list[Value] = [name.strip() for name in str(event.get("location", "")).split(",") if name.strip()]
    if not stations and present is not None:
        stations = list(present.stations)
    if stations and stations != ["all"]:
        content["stations"] = stations
    return content


def _read_rule(rule: Mapping[str, list[object]], first: datetime, zone: tzinfo, where: str) -> dict[str, Value]:
    known = {"FREQ", "BYDAY", "INTERVAL", "UNTIL", "WKST"}
    odd = sorted(set(rule) - known)
    freq = str(rule.get("FREQ", [""])[0]).upper()
    every = int(str(rule.get("INTERVAL", [1])[0]))
    if odd or freq not in ("DAILY", "WEEKLY", "MONTHLY") or (every > 1 and freq != "WEEKLY"):
        told = ", ".join(odd) or f"{freq} every {every}"
        raise InputError(
            f"{where}: a timetable cannot hold the rule {told}",
            hint="it knows days of the week, every n weeks, the nth weekday of a month, and UNTIL",
        )
    by_day = [str(name).upper() for name in rule.get("BYDAY", [])]
    found: dict[str, Value] = {"from": first.date()}
    if freq == "MONTHLY":
        if not by_day or not all(name[:-2] for name in by_day):
            raise InputError(f"{where}: a monthly rule names weekdays such as 2TU", hint="the nth weekday of the month")
        nth: list[Value] = [int(number) for number in sorted({name[:-2] for name in by_day}, key=int)]
        found["nth"] = nth
    if freq != "DAILY":
        days = {WEEKDAYS.index(name[-2:]) for name in by_day} or {first.weekday()}
        names: list[Value] = [DAYS[day] for day in sorted(days)]
        found["days"] = names
    if every > 1:
        found["every_weeks"] = every
    until = rule.get("UNTIL", [None])[0]
    if isinstance(until, date):
        found["to"] = _date_of(until, zone)
    return found


def _begin_earlier(first: date, early: list[date], every_weeks: Value) -> tuple[date, set[date]]:
    """Begin a slot whole rounds of its weeks earlier, so that single dates before its first lie within its period.

    Returns:
        The new first day, and the days up to the old one on which it is silent all the same.
    """
    round_days = 7 * int(str(every_weeks))
    begins = first - timedelta(days=-(-(first - early[0]).days // round_days) * round_days)
    return begins, set(plan_dates(begins, first - timedelta(days=1))) - set(early)


def _read_dates(event: Event, name: str, zone: tzinfo) -> list[date]:
    found = event.get(name)
    lists = found if isinstance(found, list) else [found] if found is not None else []
    return sorted({_date_of(one.dt, zone) for dates in lists for one in dates.dts})
