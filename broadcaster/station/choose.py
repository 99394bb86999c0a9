"""What to do next: pure decisions on the plans, the diary and the time. docs/station-box.md says them in words."""

from __future__ import annotations

from datetime import datetime, timedelta

from broadcaster.core.model import LONGEST_SLOT, Airing, LateRule, Priority, StartRule
from broadcaster.station.board import (
    QUIET_NOTE,
    Board,
    Planned,
    Skip,
    Start,
    Substitute,
    find_quiet_start,
    is_quiet,
)
from broadcaster.wire.journal import SkipReason, StandIn
from broadcaster.wire.order import OrderStatus

SLACK = timedelta(seconds=2)
JOIN_LEAD = timedelta(milliseconds=500)
NEAR = timedelta(seconds=1)
SHORTEST_JOIN = timedelta(seconds=1)
SHORTEST_FILL = timedelta(seconds=10)
RESUME_WITHIN = timedelta(minutes=30)
HELD_UP_FOR = timedelta(hours=1)
REST_OF_SLOT = timedelta(seconds=5)
STAND_IN_OVER = "the time of what it stood for was over"


def choose_step(board: Board, now_at: datetime) -> Skip | Start | None:
    """Choose what to do next.

    An airing that is due comes before one that is not; one that may cut the running item comes before one that waits
    for its end. An airing whose planned end has passed is never started, but for one that had to wait for others: it
    comes behind them, up to an hour late. One whose master is missing, or gave no sound, gives its time to what may
    stand in for it; where there is nothing, it is waited for until its end, unless its late rule is skip: the master
    may still come.

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
        if airing.id in board.settled or (board.running is not None and airing.id == board.running.airing.id):
            continue
        if airing.start_at > now_at:
            waits = _has_to_wait(planned, board.running, airing.start_at)
            start = _plan_start(planned, board, airing.start_at, timedelta(), waits=waits)
            if start is None or is_quiet(planned, airing.start_at):
                continue
            is_near = not waits and airing.start_at - now_at <= NEAR
            return start if waiting is None or is_near else waiting
        choose = _choose_again if airing.id in board.interrupted else _choose_due
        step = choose(planned, board, now_at)
        if isinstance(step, Skip) or (step is not None and not step.waits):
            return step
        waiting = waiting or step
    return waiting


def find_cut(planned: Planned, running: Planned) -> datetime | None:
    """Find the instant from which an airing may end the running one; None when it has to wait for its end.

    What ranks lower never cuts. An emergency cuts all else at once. Among equals only what was planned later cuts: at
    its second, or when the minutes of its start rule are over.
    """
    mine, its, airing = planned.get_rank(), running.get_rank(), planned.airing
    if mine > its and airing.priority is Priority.EMERGENCY:
        return airing.start_at
    if airing.start_rule is StartRule.AFTER or mine < its:
        return None
    if mine == its and airing.start_at <= running.airing.start_at:
        return None
    return airing.start_at + _get_window(airing)


def is_silent_for(planned: Planned, board: Board, now_at: datetime) -> bool:
    """Tell whether nothing sounds at an instant because an airing failed, or its master is missing and all else too."""
    airing = planned.airing
    has_failed = airing.id in board.troubled
    is_due = airing.start_at <= now_at < planned.end_at() and (has_failed or airing.id not in board.settled)
    is_idle = board.running is None and not is_quiet(planned, now_at)
    return is_due and is_idle and (has_failed or _choose_sound(planned, board) is None)


def _choose_due(planned: Planned, board: Board, now_at: datetime) -> Skip | Start | None:
    """Choose for an airing whose time has come and that has not sounded yet."""
    airing = planned.airing
    late = now_at - airing.start_at
    if planned.order is not None and planned.order.status is not OrderStatus.ACTUAL:
        return Skip(planned, SkipReason.NOT_MEANT, f"{planned.order.status.value} by {planned.order.author}")
    is_playable = _choose_sound(planned, board) is not None
    follows = is_playable and _is_following(planned, board)
    if planned.end_at() + (HELD_UP_FOR if follows else timedelta()) <= now_at:
        return _give_up(planned, board, now_at)
    if is_quiet(planned, now_at):
        return Skip(planned, SkipReason.QUIET_HOURS, "")
    if not is_playable:
        is_over = airing.late_rule is LateRule.SKIP and late > SLACK
        return _give_up(planned, board, now_at, "the master had not come by its start") if is_over else None
    return _choose_place(planned, board, now_at, follows=follows)


def _choose_place(planned: Planned, board: Board, now_at: datetime, *, follows: bool) -> Skip | Start | None:
    """Choose when a due airing that can sound begins, and where in it."""
    airing = planned.airing
    late = now_at - airing.start_at
    overtaking = _find_overtaking(planned, board, now_at) if follows else None
    if overtaking is not None:
        return Skip(planned, SkipReason.GAVE_WAY, f"to {overtaking.title}")
    waits = _has_to_wait(planned, board.running, now_at) or (follows and _has_rest_of_slot(planned, board, now_at))
    if follows or late <= SLACK + _get_window(airing) or airing.late_rule is LateRule.BEGINNING:
        return _plan_start(planned, board, now_at, timedelta(), waits=waits)
    if waits:
        return None  # where to join it shows when it can begin
    if airing.late_rule is LateRule.JOIN and planned.end_at() - now_at >= SHORTEST_JOIN:
        return _plan_start(planned, board, now_at + JOIN_LEAD, late + JOIN_LEAD)
    failed = board.troubled.get(airing.id)
    if failed is not None:
        return Skip(planned, SkipReason.PLAYER, failed)
    return Skip(planned, SkipReason.TOO_LATE, f"{_say(late)} after its start")


def _choose_again(planned: Planned, board: Board, now_at: datetime) -> Start | None:
    """Choose for an airing that broke off: only one that may be joined sounds again, else what fills its time."""
    airing, sound = planned.airing, _choose_sound(planned, board)
    is_filler = isinstance(sound, Substitute) and sound.kind is not StandIn.REPEAT
    shortest = SHORTEST_FILL if is_filler else SHORTEST_JOIN
    is_over = planned.end_at() - now_at < shortest or (airing.late_rule is not LateRule.JOIN and not is_filler)
    if is_over or is_quiet(planned, now_at) or _has_to_wait(planned, board.running, now_at):
        return None
    return _plan_start(planned, board, now_at + JOIN_LEAD, now_at + JOIN_LEAD - airing.start_at)


def _choose_resumed(planned: Planned, board: Board, now_at: datetime) -> Start | None:
    """Choose for an airing that an order cut: it goes on where it was cut, unless that is half an hour too late."""
    airing = planned.airing
    is_over = now_at >= planned.end_at() + RESUME_WITHIN or _find_overtaking(planned, board, now_at) is not None
    if is_over or board.running is not None or airing.sha256 not in board.held or is_quiet(planned, now_at):
        return None
    return _plan_start(planned, board, now_at, timedelta(milliseconds=board.resumable[airing.id]))


def _give_up(
    planned: Planned, board: Board, now_at: datetime, missing_note: str = "the master had not come by its end"
) -> Skip:
    failed = board.troubled.get(planned.airing.id)
    if failed is not None:
        return Skip(planned, SkipReason.PLAYER, failed)
    if _choose_sound(planned, board) is None:
        return Skip(planned, SkipReason.MISSING, missing_note)
    before = board.running or board.just_ended
    if before is not None and _has_to_wait(planned, before, now_at):
        return Skip(planned, SkipReason.GAVE_WAY, f"to {before.airing.title}")
    return Skip(planned, SkipReason.TOO_LATE, f"its time was over {_say(now_at - planned.end_at())} before")


def _is_following(planned: Planned, board: Board) -> bool:
    """Tell whether it is only late because it waits, or waited until a moment ago, for another item's end."""
    before = board.running or board.just_ended
    is_hard = planned.airing.start_rule is StartRule.HARD and planned.local_rank is None
    if before is None or planned.order is not None or is_hard:
        return False
    is_own = before.airing.slot == planned.airing.slot
    return is_own or before.order is not None or _find_slot_start(before, board) <= planned.airing.start_at


def _find_slot_start(planned: Planned, board: Board) -> datetime:
    """Find when the rundown that an item belongs to begins."""
    mine = planned.airing
    starts = (one.airing.start_at for one in board.planned if one.airing.slot == mine.slot)
    return min((at for at in starts if timedelta() <= mine.start_at - at <= LONGEST_SLOT), default=mine.start_at)


def _find_overtaking(planned: Planned, board: Board, now_at: datetime) -> Airing | None:
    """Find the item of another slot with a start of its own whose time has come since this one's: it goes first."""
    mine = planned.airing
    return next(
        (
            other.airing
            for other in board.planned
            if mine.start_at < other.airing.start_at <= now_at < other.end_at()
            and other.airing.slot != mine.slot
            and other.order is None
            and other.airing.start_rule is not StartRule.AFTER
            and other.get_rank() >= planned.get_rank()
            and other.airing.id not in board.resumable
            and _choose_sound(other, board) is not None
        ),
        None,
    )


def _has_rest_of_slot(planned: Planned, board: Board, now_at: datetime) -> bool:
    """Tell whether the rundown that sounded a moment ago goes on: nothing gets in between."""
    before = board.just_ended
    if before is None or before.airing.slot == planned.airing.slot:
        return False
    return any(
        other.airing.slot == before.airing.slot
        and other.airing.start_rule is StartRule.AFTER
        and other.airing.start_at <= now_at + REST_OF_SLOT
        and other.airing.id not in board.settled
        and _choose_sound(other, board) is not None
        for other in board.planned
    )


def _has_to_wait(planned: Planned, running: Planned | None, at: datetime) -> bool:
    if running is None:
        return False
    cut_at = find_cut(planned, running)
    return cut_at is None or at < cut_at


def _get_window(airing: Airing) -> timedelta:
    is_within = airing.start_rule is StartRule.WITHIN
    return timedelta(milliseconds=airing.within_ms) if is_within else timedelta()


def _choose_sound(planned: Planned, board: Board) -> Substitute | Airing | None:
    """Choose what can sound: the planned master, else the first substitute that is held; None for silence."""
    airing = planned.airing
    rungs: tuple[Substitute | Airing, ...] = (airing, *planned.substitutes)
    sounding = (one for one in rungs if one.sha256 in board.held and (airing.id, one.sha256) not in board.spoilt)
    return next(sounding, None)


def _plan_start(
    planned: Planned, board: Board, at: datetime, offset: timedelta, *, waits: bool = False
) -> Start | None:
    """Plan the start of what can sound.

    A substitute that is not a repeat has no place of its own in the file and ends with the time that it fills; a
    repeat sounds whole.
    """
    sound = _choose_sound(planned, board)
    if sound is None:
        return None
    length = timedelta(milliseconds=sound.duration_ms)
    substitute = sound if isinstance(sound, Substitute) else None
    is_filler = substitute is not None and substitute.kind is not StandIn.REPEAT
    if is_filler or (substitute is not None and offset > length - SHORTEST_JOIN):
        offset = timedelta()
    until_at, note = find_quiet_start(planned, at, at + length - offset), QUIET_NOTE
    own_end_at = planned.airing.end_at()
    if own_end_at <= at + SHORTEST_JOIN:  # it comes late, behind what held it up, and fills as much time there
        own_end_at = at + timedelta(milliseconds=planned.airing.duration_ms)
    if is_filler and (until_at is None or own_end_at < until_at):
        until_at, note = own_end_at, STAND_IN_OVER
    offset_ms = offset // timedelta(milliseconds=1)
    is_spoilt = substitute is not None and planned.airing.sha256 in board.held
    return Start(planned, at, offset_ms, until_at, waits, substitute, note, is_spoilt)


def _say(span: timedelta) -> str:
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
