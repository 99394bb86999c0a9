"""What to do next: pure decisions on the plans, the diary and the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from broadcaster.core.ids import AiringId, Sha256, SlotId
from broadcaster.core.model import Airing, LateRule, Priority, QuietHours, StartRule
from broadcaster.core.time import wall_to_utc
from broadcaster.wire.day_plan import DayPlan
from broadcaster.wire.journal import SkipReason
from broadcaster.wire.order import EmergencyOrder, OrderStatus

SLACK = timedelta(seconds=2)
JOIN_LEAD = timedelta(milliseconds=500)
NEAR = timedelta(seconds=1)
SHORTEST_JOIN = timedelta(seconds=1)
RESUME_WITHIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Planned:
    """One airing with the zone and the quiet hours that hold for it, and the order that it stems from, if it does."""

    airing: Airing
    zone: ZoneInfo
    quiet_hours: tuple[QuietHours, ...]
    order: EmergencyOrder | None = None

    def end_at(self) -> datetime:
        """Give its planned end; for an order its expiry."""
        if self.order is not None:
            return self.order.expires_at
        return self.airing.start_at + timedelta(milliseconds=self.airing.duration_ms)


@dataclass(frozen=True, slots=True)
class Board:
    """All that a decision rests on.

    `planned` is in the order of start, behind what orders ask for. `settled` airings are done with; `interrupted` ones
    broke off with the power. `just_ended` is the slot of the item that ended a moment ago. `resumable` is what an order
    cut, and how far into its file (ms).
    """

    planned: tuple[Planned, ...]
    settled: AbstractSet[AiringId]
    interrupted: AbstractSet[AiringId]
    held: AbstractSet[Sha256]
    running: Airing | None = None
    just_ended: SlotId | None = None
    resumable: Mapping[AiringId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip:
    """Give an airing up, for a reason that the diary keeps."""

    planned: Planned
    reason: SkipReason
    note: str


@dataclass(frozen=True, slots=True)
class Start:
    """Start an airing at an instant, `offset_ms` into its file.

    `until_at` is when quiet hours end it; None when they do not. `waits` until the running item has ended.
    """

    planned: Planned
    at: datetime
    offset_ms: int
    until_at: datetime | None
    waits: bool = False


def list_planned(plans: Iterable[DayPlan], station_quiet: tuple[QuietHours, ...]) -> tuple[Planned, ...]:
    """List the airings of some day plans in the order of their start, the station's own quiet hours added."""
    found = [
        Planned(airing, ZoneInfo(plan.zone), plan.quiet_hours + station_quiet)
        for plan in plans
        for airing in plan.airings
    ]
    return tuple(sorted(found, key=lambda planned: (planned.airing.start_at, planned.airing.id)))


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


def choose_step(board: Board, now_at: datetime) -> Skip | Start | None:
    """Choose what to do next.

    An airing that is due comes before one that is not; one that may cut the running item comes before one that waits
    for its end. An airing whose planned end has passed is never started. One whose master is missing is waited for
    until its end, unless its late rule is skip: the master may still come.

    Returns:
        A skip is to be written at once. A start lies in the future or is due now; None when nothing is to be done
        that is known today.
    """
    waiting: Start | None = None
    for planned in board.planned:
        airing = planned.airing
        if airing.id in board.resumable:
            resumed = _choose_resumed(planned, board, now_at)
            if resumed is not None and waiting is None:
                return resumed
            continue
        if airing.id in board.settled or (board.running is not None and airing.id == board.running.id):
            continue
        if airing.start_at > now_at:
            if airing.sha256 in board.held and not is_quiet(planned, airing.start_at):
                waits = _has_to_wait(airing, board.running)
                start = _plan_start(planned, airing.start_at, timedelta(), waits=waits)
                is_near = not waits and airing.start_at - now_at <= NEAR
                return start if waiting is None or is_near else waiting
            continue
        choose = _choose_again if airing.id in board.interrupted else _choose_due
        step = choose(planned, board, now_at)
        if isinstance(step, Skip) or (step is not None and not step.waits):
            return step
        waiting = waiting or step
    return waiting


def _choose_due(planned: Planned, board: Board, now_at: datetime) -> Skip | Start | None:
    """Choose for an airing whose time has come and that has not sounded yet."""
    airing = planned.airing
    late = now_at - airing.start_at
    is_held = airing.sha256 in board.held
    if planned.order is not None and planned.order.status is not OrderStatus.ACTUAL:
        return Skip(planned, SkipReason.NOT_MEANT, f"{planned.order.status.value} by {planned.order.author}")
    if planned.end_at() <= now_at:
        return _give_up(planned, now_at, is_held=is_held)
    if is_quiet(planned, now_at):
        return Skip(planned, SkipReason.QUIET_HOURS, "")
    if not is_held:
        is_over = airing.late_rule is LateRule.SKIP and late > SLACK
        return Skip(planned, SkipReason.MISSING, "the master had not come by its start") if is_over else None
    waits = _has_to_wait(airing, board.running)
    follows = board.just_ended if board.running is None else board.running.slot
    is_next = airing.start_rule is StartRule.AFTER and follows == airing.slot
    if is_next or late <= SLACK or airing.late_rule is LateRule.BEGINNING:
        return _plan_start(planned, now_at, timedelta(), waits=waits)
    if waits:
        return None  # where to join it shows when it can begin
    if airing.late_rule is LateRule.JOIN and planned.end_at() - now_at >= SHORTEST_JOIN:
        return _plan_start(planned, now_at + JOIN_LEAD, late + JOIN_LEAD)
    return Skip(planned, SkipReason.TOO_LATE, f"{_say(late)} after its start")


def _choose_again(planned: Planned, board: Board, now_at: datetime) -> Start | None:
    """Choose for an airing that broke off with the power: only one that may be joined sounds again."""
    airing = planned.airing
    is_over = airing.late_rule is not LateRule.JOIN or planned.end_at() - now_at < SHORTEST_JOIN
    is_kept_back = airing.sha256 not in board.held or is_quiet(planned, now_at) or _has_to_wait(airing, board.running)
    if is_over or is_kept_back:
        return None
    return _plan_start(planned, now_at + JOIN_LEAD, now_at + JOIN_LEAD - airing.start_at)


def _choose_resumed(planned: Planned, board: Board, now_at: datetime) -> Start | None:
    """Choose for an airing that an order cut: it goes on where it was cut, unless that is half an hour too late."""
    airing = planned.airing
    is_over = now_at >= planned.end_at() + RESUME_WITHIN
    if is_over or board.running is not None or airing.sha256 not in board.held or is_quiet(planned, now_at):
        return None
    return _plan_start(planned, now_at, timedelta(milliseconds=board.resumable[airing.id]))


def _give_up(planned: Planned, now_at: datetime, *, is_held: bool) -> Skip:
    if is_held:
        return Skip(planned, SkipReason.TOO_LATE, f"its time was over {_say(now_at - planned.end_at())} before")
    return Skip(planned, SkipReason.MISSING, "the master had not come by its end")


def _has_to_wait(airing: Airing, running: Airing | None) -> bool:
    return running is not None and not _may_cut(airing, running)


def _may_cut(airing: Airing, running: Airing) -> bool:
    """Tell whether a due airing ends the running one: an emergency does, and a hard start that was planned later."""
    if (airing.priority is Priority.EMERGENCY) != (running.priority is Priority.EMERGENCY):
        return airing.priority is Priority.EMERGENCY
    return airing.start_rule is StartRule.HARD and airing.start_at > running.start_at


def _plan_start(planned: Planned, at: datetime, offset: timedelta, *, waits: bool = False) -> Start:
    left = timedelta(milliseconds=planned.airing.duration_ms) - offset
    until_at = find_quiet_start(planned, at, at + left)
    return Start(planned, at, offset // timedelta(milliseconds=1), until_at, waits)


def _say(span: timedelta) -> str:
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
