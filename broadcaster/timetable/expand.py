"""Expand what recurs into dated airings. Pure: the same timetable, date and programmes give the same airings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType

from broadcaster.core.ids import AiringId, ColumnId, ProgrammeId, SlotId
from broadcaster.core.model import Airing, Programme, ProgrammeKind, StartRule, Station
from broadcaster.core.schedules import DayCopy, RundownItem, Schedules, Slot
from broadcaster.core.time import wall_to_utc
from broadcaster.timetable.fill import choose_fill
from broadcaster.timetable.recur import match_slot

REPEAT_REACH_DAYS = 7
TURNS_A_DAY = 12
UNAPPROVED = "approval of "
MILLISECOND = timedelta(milliseconds=1)


class Shelf:
    """The mastered programmes, to be found by name or by column and date. In a column the order of adding holds."""

    def __init__(
        self,
        programmes: Iterable[Programme],
        waiting: Iterable[Programme] = (),
        heard: Mapping[tuple[SlotId, date], Sequence[ProgrammeId]] = MappingProxyType({}),
    ) -> None:
        """Sort programmes onto the shelf.

        Args:
            programmes: Those that may play.
            waiting: Those that wait for approval: they are only known by name.
            heard: What slots that have begun were to play: a repeat is filled with the same.
        """
        self._waiting = tuple(waiting)
        self._heard = heard
        self.by_id: dict[ProgrammeId, Programme] = {}
        self.by_column: dict[tuple[ColumnId, date], list[Programme]] = {}
        self._pieces: dict[ColumnId, list[Programme]] = {}
        for programme in sorted(programmes, key=lambda p: (p.added_at, p.id)):
            self.by_id[programme.id] = programme
            if programme.column is not None and programme.kind is ProgrammeKind.PROGRAMME:
                self.by_column.setdefault((programme.column, programme.on), []).append(programme)
                self._pieces.setdefault(programme.column, []).append(programme)

    def list_for(self, item: RundownItem, on: date) -> list[Programme]:
        """List what a rundown item stands for on a date; nothing when its column has none or its name is unknown.

        A fill stands for nothing by itself: what it takes depends on the rest of the rundown.
        """
        if item.column is not None:
            return self.by_column.get((item.column, on), [])
        programme = self.by_id.get(item.programme) if item.programme is not None else None
        return [programme] if programme else []

    def list_pieces(self, column: ColumnId, on: date) -> list[Programme]:
        """List what a fill may take on a date: all that its column has of this date and earlier ones."""
        return [piece for piece in self._pieces.get(column, ()) if piece.on <= on]

    def list_heard(self, slot: SlotId, on: date, pieces: Iterable[Programme]) -> list[Programme]:
        """List those of the pieces that a slot has been filled with, in the order in which they were heard."""
        there = {piece.id: piece for piece in pieces}
        return [there[name] for name in self._heard.get((slot, on), ()) if name in there]

    def has_waiting_piece(self, column: ColumnId, on: date) -> bool:
        """Tell whether a fill could take something on a date if it were approved."""
        return any(piece.column == column and piece.on <= on for piece in self._waiting)

    def list_waiting(self, item: RundownItem, on: date) -> list[Programme]:
        """List what a rundown item would stand for on a date if it were approved; a fill waits for nothing."""
        if item.column is None:
            return [programme for programme in self._waiting if programme.id == item.programme]
        return [programme for programme in self._waiting if (programme.column, programme.on) == (item.column, on)]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One slot on one date, before it is spread over stations.

    `items` is empty when the rundown holds idents alone: an ident without a programme is not worth airing. `missing`
    names the rundown items for which there is nothing. `source_on` is the date whose rundown
    plays: of a repeat that of the slot it repeats, None when there is none. `filling` are those of the items that a
    fill took.
    """

    slot: Slot
    on: date
    start_at: datetime
    items: tuple[Programme, ...]
    missing: tuple[str, ...]
    source_on: date | None = None
    filling: frozenset[ProgrammeId] = frozenset()

    def sum_duration(self) -> timedelta:
        """Sum the length of all items."""
        return timedelta(milliseconds=sum(item.master.duration_ms for item in self.items))

    def is_too_long(self) -> bool:
        """Tell whether the items need more than the slot's minutes."""
        return self.sum_duration() > timedelta(minutes=self.slot.max_min)


def expand_day(schedules: Schedules, on: date, shelf: Shelf) -> list[Occurrence]:
    """Expand one date into its slots with their programmes, earliest first."""
    slots = {slot.id: slot for slot in schedules.slots}
    today = [slot for slot in schedules.slots if match_slot(slot, on, schedules.copies).is_on]
    found = [_expand_slot(slot, on, schedules, slots, shelf) for slot in today]
    return sorted(found, key=lambda occurrence: (occurrence.start_at, occurrence.slot.id))


def expand_station(occurrences: Iterable[Occurrence], station: Station) -> Iterator[Airing]:
    """Give one station's airings of expanded slots.

    The first item starts at the slot's second, each later one after the item before it; an airing's id holds the
    date, the slot, its place and the start of the master's hash, so that another recording is another airing. What a
    fill took counts as new on the date that it belongs to, and as a repeat on every other.
    """
    for occurrence in occurrences:
        slot = occurrence.slot
        if not slot.has_station(station) or not station.is_valid_on(occurrence.on):
            continue
        start_at = occurrence.start_at
        for place, item in enumerate(occurrence.items):
            yield Airing(
                id=AiringId(f"{occurrence.on:%Y%m%d}-{slot.id}-{place + 1}-{item.master.sha256[:8]}"),
                station=station.id,
                slot=slot.id,
                start_at=start_at,
                duration_ms=item.master.duration_ms,
                programme=item.id,
                sha256=item.master.sha256,
                size_bytes=item.master.size_bytes,
                title=item.title,
                column=item.column,
                campaign=item.campaign,
                priority=slot.priority,
                volume=min(130, round(slot.volume * station.volume / 100)),
                start_rule=StartRule.AFTER if place else slot.start_rule,
                late_rule=slot.late_rule,
                is_repeat=slot.repeat_of is not None or (item.id in occurrence.filling and item.on != occurrence.on),
                within_ms=0 if place else slot.within // timedelta(milliseconds=1),
                may_repeat=slot.repeat_if_missing,
                is_ident=item.kind is ProgrammeKind.IDENT,
            )
            start_at += timedelta(milliseconds=item.master.duration_ms)


def _expand_slot(slot: Slot, on: date, schedules: Schedules, slots: Mapping[SlotId, Slot], shelf: Shelf) -> Occurrence:
    source = slot if slot.repeat_of is None else slots[slot.repeat_of]
    source_on = on if slot.repeat_of is None else _find_repeated(slot, source, on, schedules.copies)
    start_at = wall_to_utc(on, slot.at, schedules.centre.zone)
    if source_on is None:
        return Occurrence(slot, on, start_at, (), (f"an earlier {source.id}",))
    found = [shelf.list_for(item, source_on) for item in source.rundown]
    has_own = any(one.kind is ProgrammeKind.PROGRAMME for listed in found for one in listed)
    filling: frozenset[ProgrammeId] = frozenset()
    if has_own or all(item.column is None for item in source.rundown):
        length = timedelta(minutes=min(slot.max_min, source.max_min))
        turn = source_on.toordinal() * TURNS_A_DAY + list(slots).index(source.id)
        filling = _fill(source, found, length, turn, shelf, source_on)
    missing: list[str] = []
    for item, listed in zip(source.rundown, found, strict=True):
        waiting = shelf.list_waiting(item, source_on)
        missing += [f"{UNAPPROVED}{programme.id}" for programme in waiting]
        if not listed and not waiting:
            missing += _name_missing(item, shelf, source_on)
    items = tuple(one for listed in found for one in listed)
    is_empty = all(one.kind is ProgrammeKind.IDENT for one in items)
    return Occurrence(slot, on, start_at, () if is_empty else items, tuple(missing), source_on, filling)


def _fill(
    source: Slot,
    found: list[list[Programme]],
    length: timedelta,
    turn: int,
    shelf: Shelf,
    on: date,
) -> frozenset[ProgrammeId]:
    """Put what the fills of a rundown take into `found`, the first fill first; nothing stands in a rundown twice.

    A slot that has been heard is filled as it was then, with what of it may still play.
    """
    filling: set[ProgrammeId] = set()
    for place, item in enumerate(source.rundown):
        if item.fill is None:
            continue
        there = {one.id for listed in found for one in listed}
        rest_ms = length // MILLISECOND - sum(one.master.duration_ms for listed in found for one in listed)
        pieces = [piece for piece in shelf.list_pieces(item.fill, on) if piece.id not in there]
        heard = shelf.list_heard(source.id, on, pieces)
        found[place] = choose_fill(heard or pieces, rest_ms, 0 if heard else turn)
        filling |= {piece.id for piece in found[place]}
    return frozenset(filling)


def _name_missing(item: RundownItem, shelf: Shelf, on: date) -> list[str]:
    """Name what a rundown item stands for in vain; a fill misses nothing as long as its column has a piece."""
    if item.fill is None:
        return [f"column {item.column}" if item.column else f"programme {item.programme}"]
    if shelf.list_pieces(item.fill, on):
        return []
    whose = f"column {item.fill} to fill with"
    return [f"{UNAPPROVED}{whose}" if shelf.has_waiting_piece(item.fill, on) else whose]


def _find_repeated(slot: Slot, source: Slot, on: date, copies: Sequence[DayCopy]) -> date | None:
    """Find the date of the last occurrence of `source` that starts before `slot` does on `on`."""
    for days in range(REPEAT_REACH_DAYS + 1):
        before = on - timedelta(days=days)
        if (days > 0 or source.at < slot.at) and match_slot(source, before, copies).is_on:
            return before
    return None
