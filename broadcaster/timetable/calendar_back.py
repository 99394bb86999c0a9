"""What a calendar that comes back would change. Pure.

Every event is compared with the one that the timetable as it stands gives. What is the same in both stays as a person
wrote it, so an unchanged calendar changes nothing, and `holidays: skip` never becomes a list of dates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pydantic import ValidationError

from broadcaster.core.schedules import Schedules, Slot
from broadcaster.core.time import DAYS, plan_dates, plan_week
from broadcaster.timetable.calendar_file import write_calendar
from broadcaster.timetable.calendar_in import TakenCalendar, parse_calendar
from broadcaster.timetable.forms import SlotForm
from broadcaster.timetable.read import make_slot
from broadcaster.timetable.recur import match_slot
from broadcaster.timetable.table import find_day, join_days, list_days

Fields = Mapping[str, object]

YEAR = timedelta(days=365)
RULE = ("days", "nth", "every_weeks", "to")
CONTENT = ("title", "at", "max_min", "stations", "rundown", "repeat_of")
DATES = ("from", "dates", "except", "holidays")
NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Span:
    """For which dates the timetable's own events are made, and which single dates in them are compared.

    Other programs drop the lines that say for which dates a calendar was written. Of such a calendar single dates are
    compared from today to its last one: behind that it is silent about holidays, and what is over changes nothing. A
    slot that begins after `known` is not missed in it.
    """

    begins: date
    ends: date
    first: date
    last: date
    known: date


def match_calendar(
    schedules: Schedules, present: Sequence[Fields], taken: TakenCalendar, today_on: date
) -> list[dict[str, object]]:
    """Match the events of a calendar with the slots that are there.

    Args:
        schedules: All of it, as it stands.
        present: Its slots as they stand in timetable.yaml.
        taken: What was read.
        today_on: The date at the centre.

    Returns:
        What the slots are to be. A slot that has no event for those dates, one that is over, say, stays.
    """
    span = _choose_span(taken, today_on)
    data = write_calendar(schedules, span.begins, span.ends, NO_TIME)
    shown = {slot["id"]: slot for slot in parse_calendar(data, schedules.centre.zone, "timetable.yaml").slots}
    own = {slot["id"]: slot for slot in present}
    named = {slot["id"] for slot in taken.slots}
    found: list[dict[str, object]] = []
    for event in taken.slots:
        slot, before = own.get(event["id"]), shown.get(event["id"])
        if slot is None:
            found.append(dict(event))
        elif before is None or ("from" in before) != ("from" in event):
            found.append(_replace(slot, event, (*CONTENT, *RULE, *DATES)))
        else:
            found.append(_match_event(slot, before, event, span, schedules))
    missed = {name for name, event in shown.items() if _find_begin(event) <= span.known}
    return found + [dict(slot) for name, slot in own.items() if name not in missed | named]


def _choose_span(taken: TakenCalendar, today_on: date) -> _Span:
    if taken.span is not None:
        first, last = taken.span
        return _Span(first, max(first, last), first, date.max, date.max)
    days = [on for slot in taken.slots for name in ("dates", "except") for on in list_days(slot.get(name))]
    last = max(days, default=today_on)
    begins = [find_day(slot["from"]) for slot in taken.slots if "from" in slot]
    known = max([today_on, last, *begins])
    return _Span(min([today_on, *days, *begins]), known + YEAR, today_on, last, known)


def _find_begin(event: Fields) -> date:
    return find_day(event["from"]) if "from" in event else min(list_days(event["dates"]))


def _replace(slot: Fields, event: Fields, names: Iterable[str]) -> dict[str, object]:
    gone = set(names)
    return {
        **{name: value for name, value in slot.items() if name not in gone},
        **{name: event[name] for name in event if name in gone},
    }


def _match_event(slot: Fields, before: Fields, event: Fields, span: _Span, schedules: Schedules) -> dict[str, object]:
    """Change of a slot what differs between the event that it gives and the one that came back."""
    names = [name for name in (*CONTENT, *RULE) if _get(before, name) != _get(event, name)]
    new = _replace(slot, event, names)
    try:
        _change_begin(new, before, event, span.first)
        rule = _make_rule(new)
    except ValidationError:
        return new  # what the event says is no timetable: the fault is told where the whole is read
    out_before, out = (_list_days(one, "except", span) for one in (before, event))
    in_before, in_ = (_list_days(one, "dates", span) for one in (before, event))
    off = {on for on in (out - out_before) | (in_before - in_) if match_slot(rule, on, schedules.copies).is_on}
    on_again = (in_ - in_before) | (out_before - out)
    more = {on for on in on_again if not match_slot(rule, on, schedules.copies).is_on}
    dates, excepted = _list(slot, "dates"), _list(slot, "except")
    kept = [on for on in dates if find_day(on) not in off]
    if not rule.days and (kept or more):
        off -= rule.dates
        new["dates"] = dates = kept
    if more:
        new["dates"] = dates + sorted(more)
        if rule.days and not rule.nth:
            new.setdefault("days", list(DAYS))  # beside dates no day at all is meant where none is named
        new["except"] = [part for one in excepted for part in _cut(one, more)]
    if off:
        new["except"] = [*_list(new, "except"), *join_days(off)]
    return {name: value for name, value in new.items() if name not in ("dates", "except") or value}


def _change_begin(new: dict[str, object], before: Fields, event: Fields, first: date) -> None:
    """Let a slot begin with its event where that tells something: not where only the calendar begins there."""
    if "from" not in event:
        return
    began, begins = find_day(before["from"]), find_day(event["from"])
    rule = _make_rule({**event, "from": max(began, first), "dates": [], "except": []})
    is_later = any(match_slot(rule, on).is_on for on in plan_dates(max(began, first), begins - timedelta(days=1)))
    is_earlier = "from" in new and find_day(new["from"]) > max(begins, first)
    weeks = (plan_week(begins)[0] - plan_week(began)[0]).days // 7
    is_counted = rule.every_weeks > 1 and (
        before.get("every_weeks") != event.get("every_weeks") or weeks % rule.every_weeks != 0
    )
    if (begins != began and (is_later or is_earlier)) or is_counted:
        new["from"] = begins


def _make_rule(fields: Fields) -> Slot:
    names = (*RULE, *DATES)
    said = {name: fields[name] for name in names if name in fields}
    return make_slot(SlotForm.model_validate({"id": "x", "title": "x", "at": "00:00", "max_min": 1, **said}))


def _get(event: Fields, name: str) -> object:
    """Get a field of an event; every day may be written in two ways."""
    return event.get(name, list(DAYS) if name == "days" and "from" in event else None)


def _list_days(event: Fields, name: str, span: _Span) -> set[date]:
    return {on for on in list_days(event.get(name)) if span.first <= on <= span.last}


def _list(fields: Fields, name: str) -> list[object]:
    value = fields.get(name)
    return list(value) if isinstance(value, list) else []


def _cut(span: object, days: set[date]) -> list[object]:
    """Take days out of an exception; one that has none of them stays as it was written."""
    there = list_days([span])
    return [span] if there.isdisjoint(days) else list(join_days(there - days))
