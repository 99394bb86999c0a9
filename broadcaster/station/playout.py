"""Playout: does what `choose` decides, at its second. Time comes from the clock that it is given."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from broadcaster.core.errors import PlayerError, StationDiskError, UnplayableError
from broadcaster.core.ids import AiringId
from broadcaster.station.agenda import Agenda
from broadcaster.station.board import Board, Skip, Start
from broadcaster.station.choose import choose_step, find_cut, is_silent_for
from broadcaster.station.clock import StationClock
from broadcaster.station.failures import Failures
from broadcaster.station.journal import Journal
from broadcaster.station.library import Library
from broadcaster.station.on_air import make_end_line, read_playing, remove_playing
from broadcaster.station.player import Cue, Player
from broadcaster.station.settings import StationSettings
from broadcaster.station.stage import Stage
from broadcaster.wire.journal import Ending, SkipReason
from broadcaster.wire.order import OrderStatus

LOOK_S = 0.5
CLOSE_LOOK_S = 0.01
PREPARE_AHEAD = timedelta(seconds=10)
LINE_AHEAD = timedelta(milliseconds=300)
JUST_ENDED = timedelta(seconds=5)
RETRY_AFTER = timedelta(seconds=2)
LOOK_FOR_MISSING = timedelta(hours=24)
MAX_VOLUME = 130
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the status says of the playing."""

    playing: str = ""
    next_at: datetime | None = None
    trouble: str = ""
    silence: str = ""


class Playout:
    """The playing loop, one step at a time.

    Args:
        library: Plans and masters.
        journal: The diary.
        player: What makes sound.
        settings: Volume and quiet hours of this box.
        clock: The time.
    """

    def __init__(
        self,
        library: Library,
        journal: Journal,
        player: Player,
        settings: StationSettings,
        clock: StationClock,
    ) -> None:
        self.library = library
        self.journal = journal
        self.player = player
        self.settings = settings
        self.clock = clock
        self.failures = Failures(library.doubted)
        self.stage = Stage(journal, library.folder, clock, self.failures)
        self.snapshot = Snapshot()
        self._agenda = Agenda(library, settings)
        self._prepared: tuple[Start, Cue] | None = None
        self._retry: tuple[AiringId, datetime] | None = None
        self._busy_with: Start | None = None
        self._silence = ""

    def recover(self) -> None:
        """End what the last run left open: its sound broke off with the power, or with the process."""
        now_at = self.clock.now_at()
        zones = {planned.airing.id: planned.zone for planned in self._agenda.list_planned(now_at)}
        for line in list(self.journal.open.values()):
            started_at, output_ms = read_playing(self.library.folder, line)
            note = f"broke off after at least {output_ms / 1000:.1f} s"
            entry = make_end_line(line, now_at, started_at, output_ms, Ending.INTERRUPTED, note)
            self.journal.write_surely(entry, zones.get(line.airing, ZoneInfo("UTC")))
            _log.warning("interrupted: %s, at least %.1f s sounded", line.airing, output_ms / 1000)
        remove_playing(self.library.folder)

    def step(self) -> float:
        """Do what is due.

        A bug that one airing brings to light ends that airing, never the loop.

        Returns:
            How long to wait (s) before the next step.
        """
        try:
            return self._step()
        except Exception as error:
            start = self._busy_with or (self.stage.on_air.start if self.stage.on_air else None)
            if start is None:
                raise
            _log.exception("a bug in broadcaster ended %s", start.planned.airing.id)
            self._busy_with = self._prepared = None
            self.player.close()
            self.stage.fail_open(start.planned, f"a bug in broadcaster: {type(error).__name__}")
            self.recover()  # an item that was just being cut for this one
            return LOOK_S

    def stop(self) -> None:
        """End what sounds, write so, end the player."""
        self.stage.watch()
        self.stage.end(Ending.STOPPED, "the agent was stopped")
        self._discard()
        self.player.close()

    def _step(self) -> float:
        self.journal.write_waiting()
        self.stage.watch()
        self._follow_clock()
        now_at = self.clock.now_at()
        self._end_cancelled(now_at)
        board = self._make_board(now_at)
        step = choose_step(board, now_at)
        if isinstance(step, Skip):
            if step.reason in (SkipReason.MISSING, SkipReason.PLAYER):
                self._silence = step.planned.airing.title
            if self.failures.reopened.pop(step.planned.airing.id, None) is not None:
                return 0.0  # its diary has a failed end already
            return 0.0 if self.stage.skip(step) else LOOK_S
        if self._prepared is not None and (step is None or not _is_same_sound(step, self._prepared[0])):
            self._discard()
        if step is not None:
            if self._prepared is not None and not step.waits:
                step = replace(step, at=self._prepared[0].at, offset_ms=self._prepared[0].offset_ms)
            self._busy_with = step
            self._follow(step, now_at)
            self._busy_with = None
            if self.stage.on_air is not None and self.stage.on_air.start is step:
                return 0.0  # it has just begun: what comes next is seen in the next look
        now_at = self.clock.now_at()
        self._tell(board, step, now_at)
        return self._plan_wait(step, now_at)

    def _follow_clock(self) -> None:
        """Let the clock be put right; what ended a moment ago did so a moment ago by the new time too."""
        step = self.clock.follow(is_on_air=self.stage.on_air is not None)
        if step and self.stage.ended is not None:
            self.stage.ended = (self.stage.ended[0], self.stage.ended[1] + step)

    def _end_cancelled(self, now_at: datetime) -> None:
        """End an order that sounds and is cancelled meanwhile."""
        on_air = self.stage.on_air
        if on_air is None or on_air.start.planned.order is None:
            return
        for planned in self._agenda.list_planned(now_at):
            order = planned.order
            is_cancelled = order is not None and order.status is OrderStatus.CANCEL
            if order is not None and is_cancelled and planned.airing.id == on_air.start.planned.airing.id:
                self.stage.end(Ending.STOPPED, f"cancelled by {order.author}")

    def _follow(self, start: Start, now_at: datetime) -> None:
        """Prepare a start whose time is near, and start it at its time."""
        airing = start.planned.airing
        if start.at - now_at > PREPARE_AHEAD or self._is_resting(start, now_at):
            return
        has_failed = airing.id in self.failures.troubled
        try:
            if self._prepared is None and (self.stage.on_air is None or self.player.cues_ahead):
                self._prepared = (start, self._prepare(start))
            if not start.waits and start.at - self.clock.now_at() <= LINE_AHEAD:
                self.stage.begin(start, self._plan_volume(start), lambda: self._take_cue(start))
                self._rest(start, has_failed=has_failed and self.stage.on_air is None)
        except PlayerError as error:
            _log.error("%s cannot be prepared: %s", airing.id, error.message)
            self.stage.trouble = error.message
            self.failures.note(start, error)
            self._rest(start, has_failed=has_failed and not isinstance(error, UnplayableError))
        except StationDiskError as error:
            self._discard()
            self.stage.trouble = error.message
            self._rest(start, has_failed=True)

    def _rest(self, start: Start, *, has_failed: bool) -> None:
        """Wait a little before an airing is tried again that has failed before; the first time it is tried at once."""
        if has_failed:
            self._retry = (start.planned.airing.id, self.clock.now_at() + RETRY_AFTER)

    def _is_resting(self, start: Start, now_at: datetime) -> bool:
        return self._retry is not None and self._retry[0] == start.planned.airing.id and now_at < self._retry[1]

    def _prepare(self, start: Start) -> Cue:
        path = self.library.master_path(start.make_sounding().sha256)
        return self.player.prepare(path, start.offset_ms, self._plan_volume(start))

    def _take_cue(self, start: Start) -> Cue:
        prepared, self._prepared = self._prepared, None
        return prepared[1] if prepared is not None else self._prepare(start)

    def _discard(self) -> None:
        if self._prepared is not None:
            self._prepared[1].stop()
            self._prepared = None

    def _plan_volume(self, start: Start) -> int:
        return min(MAX_VOLUME, round(start.planned.airing.volume * self.settings.volume / 100))

    def _make_board(self, now_at: datetime) -> Board:
        stage = self.stage
        ended, failures, again = stage.ended, self.failures, self.failures.reopened
        planned = self._agenda.list_planned(now_at)
        held = self.library.list_masters()
        if failures.troubled or failures.spoilt:
            failures.forget({one.airing.id for one in planned}, held)
        return Board(
            planned=planned,
            settled=self.journal.settled - again.keys() if again else self.journal.settled,
            interrupted=self.journal.interrupted | {airing for airing, is_heard in again.items() if is_heard},
            held=held,
            running=stage.on_air.start.planned if stage.on_air else None,
            resumable=stage.resumable,
            spoilt=failures.spoilt,
            troubled=failures.troubled,
            just_ended=ended[0] if ended and abs(now_at - ended[1]) <= JUST_ENDED else None,
        )

    def _tell(self, board: Board, step: Start | None, now_at: datetime) -> None:
        missing = {
            planned.airing.sha256
            for planned in board.planned
            if planned.airing.id not in board.settled
            and now_at < planned.end_at()
            and planned.airing.start_at < now_at + LOOK_FOR_MISSING
            and planned.airing.sha256 not in board.held
        }
        silent = next((one for one in board.planned if is_silent_for(one, board, now_at)), None)
        if silent is not None:
            self._silence = silent.airing.title
        elif self.stage.on_air is not None:
            self._silence = ""
        silence = f"SILENCE: nothing to play in place of {self._silence!r}" if self._silence else ""
        troubles = [
            silence,
            self.stage.trouble,
            f"masters missing for the next 24 hours: {len(missing)}" if missing else "",
        ]
        self.snapshot = Snapshot(
            playing=self.stage.on_air.line.title if self.stage.on_air else "",
            next_at=step.at if step is not None and step.at > now_at else None,
            trouble="; ".join(text for text in troubles if text),
            silence=self._silence,
        )

    def _plan_wait(self, step: Start | None, now_at: datetime) -> float:
        """Plan the wait so that the next second and the end of what sounds are met; at most half a second."""
        waits = [LOOK_S]
        on_air = self.stage.on_air
        if on_air is not None:
            waits.append((on_air.expected_ms() - on_air.cue.output_ms()) / 1000)
            if on_air.start.until_at is not None:
                waits.append((on_air.start.until_at - now_at).total_seconds())
            cut_at = find_cut(step.planned, on_air.start.planned) if step is not None and step.waits else None
            if cut_at is not None and cut_at > now_at:
                waits.append((cut_at - LINE_AHEAD - now_at).total_seconds())
        if step is not None and not step.waits and not self._is_resting(step, now_at):
            waits.append((step.at - LINE_AHEAD - now_at).total_seconds())
        return max(CLOSE_LOOK_S, min(waits))


def _is_same_sound(one: Start, other: Start) -> bool:
    """Tell whether what is prepared is still what is to sound: its master may have come in place of a stand-in."""
    return one.planned == other.planned and one.substitute == other.substitute
