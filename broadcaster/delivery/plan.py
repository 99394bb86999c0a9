"""What each station misses, and in which order it needs it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from broadcaster.core.ids import Sha256, StationId
from broadcaster.core.model import Airing
from broadcaster.core.time import require_aware


@dataclass(frozen=True, slots=True)
class MissingMaster:
    """A master that a station needs and does not hold; `first_needed_at` is its earliest airing's start, in UTC."""

    sha256: Sha256
    size_bytes: int
    first_needed_at: datetime


@dataclass(frozen=True, slots=True)
class StationWork:
    """What one station misses, what it needs first at the front."""

    station: StationId
    masters: tuple[MissingMaster, ...]

    @property
    def size_bytes(self) -> int:
        """Sum of the bytes to send."""
        return sum(master.size_bytes for master in self.masters)


def plan_deliveries(
    airings: Iterable[Airing],
    held: Mapping[StationId, AbstractSet[Sha256]],
    now_at: datetime,
    lead: timedelta,
) -> tuple[StationWork, ...]:
    """Choose what has to be sent to whom, and in which order.

    An airing counts from `lead` before its start until its end: one that is on air now still counts, for a station
    that holds the master late joins or plays it by its late rule. A master is named once for a station, however often
    it is played there, with its earliest airing that still counts.

    Args:
        airings: Of any stations and times, in any order.
        held: The masters that each station has confirmed; a station that is not named holds none.
        now_at: The present, aware.
        lead: How long before the start of an airing its master is sent.

    Returns:
        The stations that miss something: the one that needs its first master earliest comes first, equal ones by
        their id.
    """
    now_at = require_aware(now_at)
    needed: dict[StationId, dict[Sha256, MissingMaster]] = {}
    for airing in sorted(airings, key=lambda one: (one.start_at, one.station, one.id)):
        has_ended = airing.end_at() <= now_at
        if has_ended or airing.start_at > now_at + lead or airing.sha256 in held.get(airing.station, frozenset()):
            continue
        masters = needed.setdefault(airing.station, {})
        masters.setdefault(airing.sha256, MissingMaster(airing.sha256, airing.size_bytes, airing.start_at))
    work = [StationWork(station, tuple(masters.values())) for station, masters in needed.items()]
    return tuple(sorted(work, key=lambda one: (one.masters[0].first_needed_at, one.station)))
