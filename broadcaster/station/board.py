"""What a decision rests on and what it says: planned airings, what may stand in for them, skips and starts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from broadcaster.core.ids import AiringId, Sha256
from broadcaster.core.model import Airing, Priority, QuietHours
from broadcaster.core.time import wall_to_utc
from broadcaster.wire.journal import SkipReason, StandIn
from broadcaster.wire.order import EmergencyOrder

EMERGENCY_RANK = 4
QUIET_NOTE = "quiet hours began"


@dataclass(frozen=True, slots=True)
class Substitute:
    """What may sound in the place of a master that has not come."""

    kind: StandIn
    sha256: Sha256
    title: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One airing with the zone and the quiet hours that hold for it.

    `order` is the order that it stems from, if it does. `local_rank` is that of the commune's own item, None for what
    the centre planned. `substitutes` may stand in for its master, the best first.
    """

    airing: Airing
    zone: ZoneInfo
    quiet_hours: tuple[QuietHours, ...]
    order: EmergencyOrder | None = None
    local_rank: int | None = None
    substitutes: tuple[Substitute, ...] = ()

    def end_at(self) -> datetime:
        """Give its planned end; for an order its expiry."""
        return self.airing.end_at() if self.order is None else self.order.expires_at

    def get_rank(self) -> int:
        """Give its place in the order of priorities: what is lower never cuts what is higher.

        Emergency 4, the centre's priority items 2, its normal ones 0; the commune's own as its officer decided.
        """
        if self.airing.priority is Priority.EMERGENCY:
            return EMERGENCY_RANK
        if self.local_rank is not None:
            return self.local_rank
        return 2 if self.airing.priority is Priority.PRIORITY else 0


@dataclass(frozen=True, slots=True)
class Board:
    """All that a decision rests on.

    `planned` is in the order of start, behind what orders ask for. `settled` airings are done with; `interrupted` ones
    broke off with the power or with the player. `just_ended` is the item that ended a moment ago. `resumable` is what
    an order cut, and how far into its file (ms). `spoilt` are masters that gave no sound for an airing; `troubled` says
    what failed an airing last.
    """

    planned: tuple[Planned, ...]
    settled: AbstractSet[AiringId]
    interrupted: AbstractSet[AiringId]
    held: AbstractSet[Sha256]
    running: Planned | None = None
    just_ended: Planned | None = None
    resumable: Mapping[AiringId, int] = field(default_factory=dict)
    spoilt: AbstractSet[tuple[AiringId, Sha256]] = frozenset()
    troubled: Mapping[AiringId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip:
    """Give an airing up, for a reason that the diary keeps."""

    planned: Planned
    reason: SkipReason
    note: str


@dataclass(frozen=True, slots=True)
class Start:
    """Start an airing at an instant, `offset_ms` into its file, or what stands in for it.

    `until_at` is when it is ended whatever is left of it, with `until_note` as the reason; None when it may end by
    itself. `waits` until the running item has ended. `is_spoilt`: the planned master is there and gives no sound.
    """

    planned: Planned
    at: datetime
    offset_ms: int
    until_at: datetime | None
    waits: bool = False
    substitute: Substitute | None = None
    until_note: str = QUIET_NOTE
    is_spoilt: bool = False

    def make_sounding(self) -> Airing:
        """Make the airing as it really sounds: with hash, title and length of what stands in for it."""
        sub = self.substitute
        if sub is None:
            return self.planned.airing
        return replace(self.planned.airing, sha256=sub.sha256, title=sub.title, duration_ms=sub.duration_ms)


def is_quiet(planned: Planned, moment: datetime) -> bool:
    """Tell whether quiet hours forbid this airing to sound at an instant; an emergency may break them."""
    return planned.airing.priority is not Priority.EMERGENCY and is_forbidden_at(planned, moment)


def is_forbidden_at(planned: Planned, moment: datetime) -> bool:
    """Tell whether quiet hours hold at an instant, whatever the airing's priority."""
    at = moment.astimezone(planned.zone).time()
    return any(quiet.has(at) for quiet in planned.quiet_hours)


def find_quiet_start(planned: Planned, start_at: datetime, end_at: datetime) -> datetime | None:
    """Find the instant between start and end at which quiet hours begin; None when they leave the airing alone."""
    if planned.airing.priority is Priority.EMERGENCY:
        return None
    first = start_at.astimezone(planned.zone).date()
    begins = (
        wall_to_utc(first + timedelta(days=day), quiet.start, planned.zone)
        for quiet in planned.quiet_hours
        if quiet.start != quiet.end
        for day in (0, 1)
    )
    return min((begin for begin in begins if start_at < begin < end_at), default=None)
