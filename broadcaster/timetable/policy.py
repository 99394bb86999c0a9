"""The rules that schedules/ must keep: names that exist, no overlap, nothing in quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from broadcaster.core.errors import Fault
from broadcaster.core.ids import suggest_nearest
from broadcaster.core.model import StartRule
from broadcaster.core.schedules import Schedules, Slot
from broadcaster.timetable.guards import match_guards
from broadcaster.timetable.overlap import Places, match_overlaps
from broadcaster.timetable.stand_in import NAMELESS


@dataclass(frozen=True)
class SchedulePlaces:
    """Where the values of each file stand."""

    centre: Places
    stations: Places
    columns: Places
    campaigns: Places
    timetable: Places


def match_policy(schedules: Schedules, places: SchedulePlaces) -> Iterator[Fault]:
    """Find every break of a rule.

    The length of a slot is its `max_min`: what a day really brings is known only when its programmes are.
    """
    yield from _match_twins(places.stations, "stations", [s.id for s in schedules.stations], "station")
    yield from _match_twins(places.columns, "columns", [c.id for c in schedules.columns], "column")
    yield from _match_twins(places.campaigns, "campaigns", [c.id for c in schedules.campaigns], "campaign")
    yield from _match_twins(places.timetable, "slots", [s.id for s in schedules.slots], "slot")
    yield from _match_periods(schedules, places)
    yield from _match_centre(schedules, places.centre)
    for index, slot in enumerate(schedules.slots):
        yield from _match_names(index, slot, schedules, places.timetable)
        yield from _match_start(index, slot, places.timetable)
    yield from match_guards(schedules, places.stations, places.timetable)
    yield from match_overlaps(schedules, places.timetable)


def _match_twins(places: Places, key: str, ids: Sequence[str], what: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, name in enumerate(ids):
        if name in seen:
            yield places.make_fault((key, index, "id"), f"a second {what} with the id {name!r}", "an id of its own")
        seen.add(name)


def _match_periods(schedules: Schedules, places: SchedulePlaces) -> Iterator[Fault]:
    def turned(start: date | None, end: date | None) -> bool:
        return start is not None and end is not None and end < start

    late = "a last day on or after the first"
    columns = {column.id for column in schedules.columns}
    for n, campaign in enumerate(schedules.campaigns):
        if turned(campaign.starts_on, campaign.ends_on):
            yield places.campaigns.make_fault(("campaigns", n, "to"), "the campaign ends before it starts", late)
        if campaign.baseline is not None:
            first, last = campaign.baseline
            if turned(first, last):
                yield places.campaigns.make_fault(("campaigns", n, "baseline"), "it ends before it starts", late)
            elif last >= campaign.starts_on:
                message = "the baseline does not end before the campaign starts"
                yield places.campaigns.make_fault(("campaigns", n, "baseline"), message, "a period before `from`")
        for place, name in enumerate(campaign.columns):
            if name not in columns:
                where = ("campaigns", n, "columns", place)
                yield _make_unknown(places.campaigns, where, "column", name, columns)
    for n, station in enumerate(schedules.stations):
        if turned(station.valid_from, station.valid_to):
            yield places.stations.make_fault(("stations", n, "valid_to"), "the station ends before it starts", late)
    for n, slot in enumerate(schedules.slots):
        if turned(slot.starts_on, slot.ends_on):
            yield places.timetable.make_fault(("slots", n, "to"), "the slot ends before it starts", late)
        yield from _match_recurrence(n, slot, places.timetable)


def _match_recurrence(n: int, slot: Slot, places: Places) -> Iterator[Fault]:
    if slot.every_weeks > 1 and slot.starts_on is None:
        message = f"every {slot.every_weeks} weeks, but from which week?"
        yield places.make_fault(("slots", n, "every_weeks"), message, "`from`, a date in the first week")
    for place, (first, last) in enumerate(slot.excepted):
        if last < first:
            message = "the exception ends before it starts"
            yield places.make_fault(("slots", n, "except", place), message, "a last day on or after the first")
    for on in sorted(slot.dates):
        if (slot.starts_on and on < slot.starts_on) or (slot.ends_on and on > slot.ends_on):
            message = f"{on:%d/%m/%Y} lies outside the slot's period"
            yield places.make_fault(("slots", n, "dates"), message, "a date between `from` and `to`")


def _match_centre(schedules: Schedules, places: Places) -> Iterator[Fault]:
    alerts = schedules.centre.alerts
    targets = schedules.list_targets()
    columns = {column.id for column in schedules.columns}
    for n, area in enumerate(alerts.areas):
        for place, name in enumerate(area.stations):
            if name not in targets:
                where = ("alerts", "areas", n, "stations", place)
                yield _make_unknown(places, where, "station or group", name, targets)
    for key, name in (("priority_column", alerts.priority_column), ("normal_column", alerts.normal_column)):
        if name and name not in columns:
            yield _make_unknown(places, ("alerts", key), "column", name, columns)
    mail = schedules.centre.mail
    if mail is not None and mail.user and not mail.password_file:
        yield places.make_fault(("mail", "user"), f"where is the password of {mail.user!r}?", "`password_file`")
    if alerts.is_automatic and not alerts.senders:
        yield places.make_fault(("alerts", "take"), "alerts taken without a person, but from whom?", "`senders`")


def _make_unknown(places: Places, where: Sequence[str | int], what: str, name: str, names: Iterable[str]) -> Fault:
    known = sorted(name for name in names if not name.startswith(NAMELESS))
    listed = "one of " + ", ".join(known[:8]) + (" …" if len(known) > 8 else "") if known else ""
    return places.make_fault(where, f"unknown {what} {name!r}", listed, suggest_nearest(name, known))


def _match_names(index: int, slot: Slot, schedules: Schedules, places: Places) -> Iterator[Fault]:
    columns = {column.id for column in schedules.columns}
    slots = {other.id: other for other in schedules.slots}
    targets = schedules.list_targets()
    for n, name in enumerate(slot.stations):
        if name not in targets:
            where = ("slots", index, "stations", n)
            yield _make_unknown(places, where, "station or group", name, targets)
    for n, item in enumerate(slot.rundown):
        place: tuple[str | int, ...] = ("slots", index, "rundown", n)
        if [item.programme, item.column, item.fill].count(None) != 2:
            message = "a rundown item is a programme, a column or a fill"
            yield places.make_fault(place, message, "exactly one of the three")
            continue
        for key, wanted in (("column", item.column), ("fill", item.fill)):
            if wanted is not None and wanted not in columns:
                yield _make_unknown(places, (*place, key), "column", wanted, columns)
    if slot.repeat_of is None and not slot.rundown:
        yield places.make_fault(("slots", index), f"slot {slot.id!r} has nothing to play", "a rundown or repeat_of")
    if slot.repeat_of is not None:
        repeat = ("slots", index, "repeat_of")
        repeated = slots.get(slot.repeat_of)
        if slot.rundown:
            yield places.make_fault(repeat, "a slot has a rundown or repeats another slot, not both", "one of the two")
        if repeated is None:
            yield _make_unknown(places, repeat, "slot", slot.repeat_of, slots)
        elif repeated.id == slot.id:
            yield places.make_fault(repeat, f"slot {slot.id!r} repeats itself", "another slot, or a rundown")
        elif repeated.repeat_of is not None:
            expected = f"the slot that it repeats, {repeated.repeat_of!r}"
            yield places.make_fault(repeat, f"{slot.repeat_of!r} is itself a repeat", expected)


def _match_start(index: int, slot: Slot, places: Places) -> Iterator[Fault]:
    is_within = slot.start_rule is StartRule.WITHIN
    if is_within and not slot.within:
        message = "begins within some minutes, but how many?"
        yield places.make_fault(("slots", index, "begins"), message, "`within_min`, 1 to 120")
    if slot.within and not is_within:
        message = f"within_min without `begins: within` (it begins {slot.start_rule.value})"
        yield places.make_fault(("slots", index, "within_min"), message, "`begins: within`, or no within_min")
