"""How every slot stands before air: is there something to play, is it approved, is it planned, who holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from broadcaster.centre.publish import preview_day
from broadcaster.core.model import Station
from broadcaster.core.schedules import Schedules
from broadcaster.store.engine import Record
from broadcaster.store.plans import read_newest
from broadcaster.store.stations import read_held
from broadcaster.timetable.expand import Occurrence


@dataclass(frozen=True, slots=True)
class SlotReadiness:
    """One slot on one date.

    `missing` are the rundown items without a programme and the programmes without an approval; `stations` all that the
    slot is for; `holding` those that verified every master of it and the newest plan of the date.
    """

    occurrence: Occurrence
    missing: tuple[str, ...]
    stations: tuple[Station, ...]
    holding: tuple[Station, ...]

    @property
    def lacking(self) -> tuple[Station, ...]:
        """Give the stations that could not play the slot as it is now."""
        holding = {station.id for station in self.holding}
        return tuple(station for station in self.stations if station.id not in holding)

    def is_ready(self) -> bool:
        """Tell whether there is something to play and every station of the slot holds it."""
        return bool(self.occurrence.items) and self.holding == self.stations


def read_slots_ready(
    record: Record, schedules: Schedules, dates: Iterable[date], now_at: datetime
) -> list[SlotReadiness]:
    """Read how the slots of some dates stand, earliest first; slots that have begun by `now_at` are left out."""
    found: list[SlotReadiness] = []
    with record.read() as connection:
        held = read_held(connection)
    for on in dates:
        with record.read() as connection:
            plans = read_newest(connection, on, on)
        for one in preview_day(record, schedules, on, now_at):
            stations = schedules.list_slot_stations(one.slot, on)
            if one.start_at <= now_at or not stations:
                continue
            needed = {item.master.sha256 for item in one.items}
            holding: list[Station] = []
            for station in stations:
                mine = held.get(station.id, {})
                plan = plans.get((station.id, on))
                if needed and needed <= mine.keys() and plan is not None and plan.sha256 in mine:
                    holding.append(station)
            found.append(SlotReadiness(one, one.missing, stations, tuple(holding)))
    return found
