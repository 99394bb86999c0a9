"""The timetable as iCalendar: one recurring event for each slot, to show in any calendar and to come back from one.

An event's UID is the slot's id, its length the slot's minutes, its CATEGORIES the rundown as `column:thoi-su`. What a
rule cannot say (holidays, copied days) stands as single dates that are taken out or put in, for the dates that were
asked for.

Sources:
    RFC 5545, sections 3.3.10 (rules) and 3.8.5 (recurrence of an event).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from icalendar import Calendar, Event

from broadcaster.core.errors import InputError
from broadcaster.core.ids import is_id, plan_id
from broadcaster.core.schedules import Schedules, Slot
from broadcaster.core.time import DAYS
from broadcaster.timetable.recur import match_slot
from broadcaster.timetable.table import ITEM_KINDS, Value

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
REPEAT = "repeat"
# What an event does not say: a slot that is there already keeps it.
UNSAID = ("late", "priority", "volume", "lead_min", "begins", "within_min", "repeat_if_missing")
MAX_MIN = 720


def write_calendar(schedules: Schedules, first_on: date, last_on: date, made_at: datetime) -> bytes:
    """Write the slots as recurring events.

    Args:
        schedules: All of it.
        first_on: From here on the events hold exactly what the timetable says …
        last_on: … until here; after it only their rules.
        made_at: When, aware.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//broadcaster//timetable//VI")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", schedules.centre.name)
    for slot in schedules.slots:
        event = _make_event(schedules, slot, first_on, last_on)
        if event is not None:
            event.add("dtstamp", made_at.astimezone(UTC))
            calendar.add_component(event)
    calendar.add_missing_timezones()
    data: bytes = calendar.to_ical()
    return data


def _make_event(schedules: Schedules, slot: Slot, first_on: date, last_on: date) -> Event | None:
    begins_on = max(slot.starts_on or first_on, first_on) if slot.every_weeks == 1 else slot.starts_on or first_on
    earliest_on = min(first_on, begins_on)
    dates = [earliest_on + timedelta(days=n) for n in range((last_on - earliest_on).days + 1)]
    bare = Slot(slot.id, slot.title, slot.at, slot.max_min, days=slot.days, starts_on=slot.starts_on,
                ends_on=slot.ends_on, every_weeks=slot.every_weeks, nth=slot.nth)  # fmt: skip
    ruled = [on for on in dates if on >= begins_on and match_slot(bare, on).is_on]
    real = [on for on in dates if match_slot(slot, on, schedules.copies).is_on]
    if not real and not ruled:
        return None
    zone = schedules.centre.zone
    first = ruled[0] if ruled else real[0]
    event = Event()
    event.add("uid", f"{slot.id}@broadcaster")
    event.add("summary", slot.title)
    event.add("dtstart", datetime.combine(first, slot.at, zone))
    event.add("duration", timedelta(minutes=slot.max_min))
    event.add("categories", list(_list_categories(slot)))
    event.add("location", ", ".join(slot.stations))
    if ruled:
        event.add("rrule", _make_rule(slot, zone_end=_end_of(slot, schedules)))
    excepted = {on for on in dates if any(first_out <= on <= last_out for first_out, last_out in slot.excepted)}
    for name, extra in (("exdate", (set(ruled) - set(real)) | excepted), ("rdate", set(real) - set(ruled) - {first})):
        if extra:
            event.add(name, [datetime.combine(on, slot.at, zone) for on in sorted(extra)])
    return event


def _end_of(slot: Slot, schedules: Schedules) -> datetime | None:
    return None if slot.ends_on is None else datetime.combine(slot.ends_on, slot.at, schedules.centre.zone)


def _make_rule(slot: Slot, zone_end: datetime | None) -> dict[str, object]:
    rule: dict[str, object]
    if slot.nth:
        names = [f"{n}{WEEKDAYS[day]}" for day in sorted(slot.days) for n in sorted(slot.nth)]
        rule = {"freq": "monthly", "byday": names}
    elif len(slot.days) == len(DAYS) and slot.every_weeks == 1:
        rule = {"freq": "daily"}
    else:
        rule = {"freq": "weekly", "byday": [WEEKDAYS[day] for day in sorted(slot.days)]}
        if slot.every_weeks > 1:
            rule |= {"interval": slot.every_weeks, "wkst": "MO"}
    if zone_end is not None:
        rule["until"] = zone_end.astimezone(UTC)
    return rule


def _list_categories(slot: Slot) -> Iterable[str]:
    if slot.repeat_of is not None:
        yield f"{REPEAT}:{slot.repeat_of}"
    for item in slot.rundown:
        for kind in ITEM_KINDS:
            if getattr(item, kind) is not None:
                yield f"{kind}:{getattr(item, kind)}"


def read_calendar(path: Path) -> list[dict[str, Value]]:
    """Read slots from the events of a calendar.

    Args:
        path: An .ics file. Events need a category such as `column:thoi-su`, which says what plays.

    Raises:
        InputError: No calendar, or an event with a rule that a timetable cannot hold; names the event.
    """
    try:
        calendar = Calendar.from_ical(path.read_bytes())
    except (ValueError, OSError) as error:
        raise InputError(f"{path.name} is no calendar: {error}", hint="save it as .ics (iCalendar)") from error
    return [_read_event(event, path.name) for event in calendar.walk("VEVENT") if isinstance(event, Event)]


def _read_event(event: Event, source: str) -> dict[str, Value]:
    title = str(event.get("summary", "")) or "?"
    where = f"{source}, event {title!r}"
    start = event.get("dtstart")
    if start is None or not isinstance(start.dt, datetime):
        raise InputError(f"{where}: it has no time of day", hint="a slot begins at a time")
    first: datetime = start.dt
    uid = str(event.get("uid", "")).removesuffix("@broadcaster")
    length = event.duration
    slot: dict[str, Value] = {
        "id": uid if is_id(uid) else plan_id(title),
        "title": title,
        "at": f"{first:%H:%M:%S}" if first.second else f"{first:%H:%M}",
        "max_min": max(1, min(MAX_MIN, round(length / timedelta(minutes=1)))),
    }
    slot |= _read_content(event, where)
    rule = event.get("rrule")
    slot |= {"dates": [first.date()]} if rule is None else _read_rule(dict(rule), first, where)
    excepted: list[Value] = list(_read_dates(event, "exdate"))
    extra = _read_dates(event, "rdate")
    early = [on for on in extra if on < first.date()]
    if rule is not None and extra and "days" not in slot:
        slot["days"] = list(DAYS)  # beside single dates no day at all is meant where none is named
    if rule is not None and early:
        slot["from"], silent = _begin_earlier(first.date(), early, slot.get("every_weeks", 1))
        excepted += silent
    if excepted:
        slot["except"] = excepted
    if extra:
        known = slot.get("dates", [])
        slot["dates"] = [*(known if isinstance(known, list) else []), *extra]
    return slot


def _read_content(event: Event, where: str) -> dict[str, Value]:
    found = event.get("categories")
    names = [str(name) for one in (found if isinstance(found, list) else [found]) if one for name in one.cats]
    items: list[Value] = []
    content: dict[str, Value] = {}
    for name in names:
        kind, colon, what = name.partition(":")
        if colon and kind == REPEAT:
            content["repeat_of"] = what
        elif colon and kind in ITEM_KINDS:
            items.append({kind: what})
    if items:
        content["rundown"] = items
    if not content:
        raise InputError(f"{where}: it does not say what plays", hint="give it a category such as column:thoi-su")
    stations: list[Value] = [name.strip() for name in str(event.get("location", "")).split(",") if name.strip()]
    if stations and stations != ["all"]:
        content["stations"] = stations
    return content


def _read_rule(rule: Mapping[str, list[object]], first: datetime, where: str) -> dict[str, Value]:
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
    if isinstance(until, datetime) and until.tzinfo is not None:
        until = until.astimezone(first.tzinfo)
    if isinstance(until, date):
        found["to"] = until.date() if isinstance(until, datetime) else until
    return found


def _begin_earlier(first: date, early: list[date], every_weeks: Value) -> tuple[date, list[Value]]:
    """Begin a slot whole rounds of its weeks earlier, so that single dates before its first lie within its period.

    Returns:
        The new first day, and the spans up to the old one on which it is silent all the same.
    """
    round_days = 7 * int(str(every_weeks))
    begins = first - timedelta(days=-(-(first - early[0]).days // round_days) * round_days)
    silent: list[Value] = []
    free = begins
    for on in (*early, first):
        if free < on:
            silent.append({"from": free, "to": on - timedelta(days=1)})
        free = on + timedelta(days=1)
    # Another object than in the span: of one that stands twice YAML makes an anchor.
    return begins + timedelta(), silent


def _read_dates(event: Event, name: str) -> list[date]:
    found = event.get(name)
    lists = found if isinstance(found, list) else [found] if found is not None else []
    moments = [one.dt for dates in lists for one in dates.dts]
    return sorted({moment.date() if isinstance(moment, datetime) else moment for moment in moments})
