"""What a local item would meet: the centre's plan as far as it is held, other local items, quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from broadcaster.core.ids import SlotId, StationId
from broadcaster.core.model import QuietHours, StartRule
from broadcaster.core.time import plan_dates
from broadcaster.station.board import Planned, find_quiet_start, is_forbidden_at
from broadcaster.station.local_items import LocalItem, expand_local

LOOK_AHEAD = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date of a local item: from when to when it is to sound, and all that it meets, in words."""

    start_at: datetime
    end_at: datetime
    meets: tuple[str, ...]


def list_dates(item: LocalItem, now_at: datetime) -> list[date]:
    """List the dates of the next two weeks on which an item plays, today included."""
    today = now_at.astimezone(ZoneInfo(item.zone)).date()
    if item.on is not None:
        return [item.on] if item.on >= today else []
    return [on for on in plan_dates(today, today + LOOK_AHEAD) if item.is_on(on)]


def match_collisions(
    item: LocalItem, station: StationId, known: Sequence[Planned], quiet_hours: tuple[QuietHours, ...], now_at: datetime
) -> list[Occurrence]:
    """Say for each date of the next two weeks what a local item would meet, and which of the two goes first.

    Args:
        item: As it would be added.
        station: The box's own id.
        known: What the centre planned, as far as the box holds it, and the other local items.
        quiet_hours: Of the plan and of the box.
        now_at: Dates from today on are looked at.
    """
    others = _join_slots(known)
    found: list[Occurrence] = []
    for on in list_dates(item, now_at):
        mine = expand_local([item], station, quiet_hours, [on])
        if not mine:
            continue
        first, end_at = mine[0], mine[-1].airing.end_at()
        meets = _list_quiet(first, end_at)
        meets += [text for other in others if (text := _compare(first, end_at, other))]
        found.append(Occurrence(first.airing.start_at, end_at, tuple(meets)))
    return found


def _list_quiet(first: Planned, end_at: datetime) -> list[str]:
    start_at = first.airing.start_at
    if is_forbidden_at(first, start_at):
        return ["quiet hours: it would not sound"]
    quiet_at = find_quiet_start(first, start_at, end_at)
    return [f"quiet hours: it would be ended at {_clock(quiet_at, first)}"] if quiet_at else []


@dataclass(frozen=True, slots=True)
class _Span:
    first: Planned
    end_at: datetime
    titles: tuple[str, ...]


def _join_slots(known: Iterable[Planned]) -> list[_Span]:
    """Join the items of each rundown into one span."""
    groups: dict[tuple[SlotId, date], list[Planned]] = {}
    for one in known:
        on = one.airing.start_at.astimezone(one.zone).date()
        groups.setdefault((one.airing.slot, on), []).append(one)
    spans: list[_Span] = []
    for mine in groups.values():
        mine.sort(key=lambda one: one.airing.start_at)
        titles = tuple(dict.fromkeys(one.airing.title for one in mine))
        spans.append(_Span(mine[0], mine[-1].airing.end_at(), titles))
    return spans


def _compare(mine: Planned, end_at: datetime, other: _Span) -> str:
    """Say which of two goes first; "" when they do not meet."""
    start_at, its_at = mine.airing.start_at, other.first.airing.start_at
    if not (start_at < other.end_at and its_at < end_at):
        return ""
    whose = "the centre's" if other.first.local_rank is None else "the commune's"
    shown = ", ".join(other.titles[:2]) + (" …" if len(other.titles) > 2 else "")
    span = f"{_clock(its_at, mine)}-{_clock(other.end_at, mine)}"
    what = f"{whose} {other.first.airing.priority.value} programme {shown!r} ({span})"
    if mine.get_rank() > other.first.get_rank():
        begins = "ends" if its_at < start_at else "holds up"
        return f"it {begins} {what}: what is left of that may be lost"
    if its_at <= start_at:
        return f"it waits for the end of {what}"
    if other.first.airing.start_rule is StartRule.HARD:
        return f"it is ended by {what}"
    return f"it holds up {what}, which waits for its end"


def _clock(moment: datetime, planned: Planned) -> str:
    return f"{moment.astimezone(planned.zone):%H:%M}"
