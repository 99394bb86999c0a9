"""Say of every slot on a date whether it plays, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from broadcaster.core.model import Station
from broadcaster.core.schedules import Schedules, Slot
from broadcaster.timetable.expand import Occurrence, Shelf, expand_day
from broadcaster.timetable.recur import match_slot


@dataclass(frozen=True, slots=True)
class SlotReason:
    """Whether a slot plays on a date, and every rule that had a say, the deciding one first."""

    slot: Slot
    on: date
    is_played: bool
    reasons: tuple[str, ...]


def explain_day(schedules: Schedules, on: date, shelf: Shelf, station: Station | None = None) -> list[SlotReason]:
    """Explain one date, slots in the order of their times; for one station when it is given."""
    occurrences = {occurrence.slot.id: occurrence for occurrence in expand_day(schedules, on, shelf)}
    found: list[SlotReason] = []
    for slot in sorted(schedules.slots, key=lambda slot: (slot.at, slot.id)):
        match = match_slot(slot, on, schedules.copies)
        away = _find_absent(slot, on, station)
        if not match.is_on or away is not None:
            found.append(SlotReason(slot, on, False, (away if match.is_on and away else match.reason,)))
            continue
        occurrence = occurrences[slot.id]
        reasons = (
            match.reason,
            *_explain_clock(occurrence, schedules.centre.zone),
            *_explain_items(occurrence, schedules, shelf),
        )
        found.append(SlotReason(slot, on, bool(occurrence.items), reasons))
    return found


def _find_absent(slot: Slot, on: date, station: Station | None) -> str | None:
    """Find why a slot is nothing to a station; None when it is, or when no station is asked about."""
    if station is None:
        return None
    if not slot.has_station(station):
        return f"it is for {', '.join(slot.stations)}, not for {station.id}"
    if not station.is_valid_on(on):
        return f"{station.id} is not a station on {on:%d/%m/%Y}"
    return None


def _explain_clock(occurrence: Occurrence, zone: tzinfo) -> list[str]:
    """Explain a wall time that a change of the clocks leaves out or brings twice."""
    wall = datetime.combine(occurrence.on, occurrence.slot.at, zone)
    real = occurrence.start_at.astimezone(zone)
    if real.time() != wall.time():
        return [f"the clocks skip {wall:%H:%M}: at {real:%H:%M:%S}"]
    if wall.utcoffset() != wall.replace(fold=1).utcoffset():
        return [f"the clocks show {wall:%H:%M} twice: at the first"]
    return []


def _explain_items(occurrence: Occurrence, schedules: Schedules, shelf: Shelf) -> list[str]:
    told: list[str] = []
    source = occurrence.slot
    if source.repeat_of is not None:
        if occurrence.source_on is None:
            return [f"{source.repeat_of} did not play in the 7 days before"]
        source = next(slot for slot in schedules.slots if slot.id == source.repeat_of)
        told.append(f"repeats {source.id} of {occurrence.source_on:%d/%m/%Y}")
    on = occurrence.source_on or occurrence.on
    for item in source.rundown:
        if item.fill is not None:
            pieces = shelf.list_pieces(item.fill, on)
            taken = sum(one.column == item.fill and one.id in occurrence.filling for one in occurrence.items)
            if not pieces:
                told.append(f"column {item.fill} has nothing to fill with")
            elif occurrence.items:
                told.append(f"fills up with {taken} of the {len(pieces)} pieces of column {item.fill}")
            else:
                told.append(f"column {item.fill} alone fills nothing")
            continue
        count = len(shelf.list_for(item, on))
        told += [f"{programme.id} is not approved" for programme in shelf.list_waiting(item, on)]
        if item.column is not None:
            told.append(f"column {item.column} has {count or 'nothing'} for {on:%d/%m/%Y}")
        else:
            told.append(f"programme {item.programme} is {'there' if count else 'not there'}")
    if not occurrence.items and any(shelf.list_for(item, on) for item in source.rundown):
        told.append("idents alone are not aired")
    return told
