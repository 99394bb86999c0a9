"""The timetable as iCalendar: one recurring event for each slot, to show in any calendar and to come back from one.

An event's UID is the slot's id, its length the slot's minutes, its CATEGORIES the rundown as `column:thoi-su`. What a
rule cannot say (holidays, copied days) stands as single dates that are taken out or put in, for the dates that were
asked for; the calendar says which those are. `calendar_in` reads one, `calendar_back` finds what it would change.

Sources:
    RFC 5545, sections 3.3.10 (rules) and 3.8.5 (recurrence of an event).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from icalendar import Calendar, Event

from broadcaster.core.schedules import Schedules, Slot
from broadcaster.core.time import DAYS
from broadcaster.timetable.recur import match_slot
from broadcaster.timetable.table import ITEM_KINDS

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
REPEAT = "repeat"
SPAN = ("x-broadcaster-from", "x-broadcaster-to")


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
    for name, on in zip(SPAN, (first_on, last_on), strict=True):
        calendar.add(name, on.isoformat())
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
    event.add("categories", list(list_categories(slot)))
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


def list_categories(slot: Slot) -> Iterable[str]:
    """List what a slot plays as the categories of its event, in order."""
    if slot.repeat_of is not None:
        yield f"{REPEAT}:{slot.repeat_of}"
    for item in slot.rundown:
        for kind in ITEM_KINDS:
            if getattr(item, kind) is not None:
                yield f"{kind}:{getattr(item, kind)}"
