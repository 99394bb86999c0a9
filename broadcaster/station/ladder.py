"""What the plans ask for, and for each airing what may stand in for its master. Pure.

The ladder: the planned master, what the slot played last where its slot allows it, the commune's own fallback pieces,
the ident, silence.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from broadcaster.core.model import Airing, Priority, QuietHours
from broadcaster.station.board import Planned, Substitute
from broadcaster.wire.day_plan import DayPlan
from broadcaster.wire.journal import StandIn

REPEAT_REACH = timedelta(days=7)


def list_planned(
    plans: Iterable[DayPlan],
    station_quiet: tuple[QuietHours, ...],
    history: Sequence[DayPlan] = (),
    fallback: Sequence[Substitute] = (),
    local: Iterable[Planned] = (),
) -> tuple[Planned, ...]:
    """List the airings of some day plans in the order of their start, the station's own quiet hours added.

    Args:
        plans: Those whose airings are wanted.
        station_quiet: Quiet hours of the box.
        history: All plans that are held: what a slot played last is in them.
        fallback: The commune's own pieces; they take turns.
        local: The commune's own items, with all that holds for them.
    """
    idents = _list_idents(history)
    found = [
        Planned(
            airing,
            ZoneInfo(plan.zone),
            plan.quiet_hours + station_quiet,
            substitutes=_list_substitutes(airing, plan, history, fallback, idents),
        )
        for plan in plans
        for airing in plan.airings
    ]
    found += local
    return tuple(
        sorted(found, key=lambda one: (one.airing.start_at, -one.get_rank(), one.local_rank is not None, one.airing.id))
    )


def _list_substitutes(
    airing: Airing,
    plan: DayPlan,
    history: Sequence[DayPlan],
    fallback: Sequence[Substitute],
    idents: Sequence[Substitute],
) -> tuple[Substitute, ...]:
    """List what may stand in for an airing, the best first; nothing stands in for an ident or an emergency."""
    if airing.is_ident or airing.priority is Priority.EMERGENCY:
        return ()
    repeats = _list_earlier(airing, plan, history) if airing.may_repeat else []
    turn = zlib.crc32(airing.id.encode()) % len(fallback) if fallback else 0
    found = [*repeats, *fallback[turn:], *fallback[:turn], *idents]
    return tuple(one for one in found if one.sha256 != airing.sha256)


def _list_earlier(airing: Airing, plan: DayPlan, history: Sequence[DayPlan]) -> list[Substitute]:
    """List what the same place of the slot held on the days before, newest first: the same column, else programme."""
    place = [one.id for one in plan.airings if _is_same_place(one, airing)].index(airing.id)
    found: list[Substitute] = []
    for earlier in sorted(history, key=lambda one: one.on, reverse=True):
        if not timedelta() < plan.on - earlier.on <= REPEAT_REACH:
            continue
        those = [one for one in earlier.airings if _is_same_place(one, airing)]
        if those:
            best = those[min(place, len(those) - 1)]
            found.append(Substitute(StandIn.REPEAT, best.sha256, best.title, best.duration_ms))
    return found


def _is_same_place(one: Airing, airing: Airing) -> bool:
    if one.slot != airing.slot or one.is_ident:
        return False
    return one.column == airing.column if airing.column is not None else one.programme == airing.programme


def _list_idents(history: Sequence[DayPlan]) -> list[Substitute]:
    """List the idents that any held plan names, the newest first, each once."""
    found: dict[str, Substitute] = {}
    for plan in sorted(history, key=lambda one: one.on, reverse=True):
        for one in plan.airings:
            if one.is_ident:
                found.setdefault(one.sha256, Substitute(StandIn.IDENT, one.sha256, one.title, one.duration_ms))
    return list(found.values())
