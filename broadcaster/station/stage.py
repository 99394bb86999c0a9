"""The stage: one item at a time sounds on it, and the diary has a line before each and one after."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from broadcaster.core.errors import PlayerError, StationDiskError, UnplayableError
from broadcaster.core.ids import AiringId
from broadcaster.core.model import Priority
from broadcaster.station.board import Planned, Skip, Start
from broadcaster.station.clock import StationClock
from broadcaster.station.failures import Failures
from broadcaster.station.journal import Journal
from broadcaster.station.on_air import (
    CUT_FILE,
    OnAir,
    make_end_line,
    make_skip_line,
    make_start_line,
    read_cut,
    remove_playing,
    write_cut,
    write_playing,
)
from broadcaster.station.player import Cue
from broadcaster.wire.journal import Ending, SkipReason
from broadcaster.wire.order import InterruptedRule

SAVE_EVERY = timedelta(seconds=2)
_log = logging.getLogger(__name__)


class Stage:
    """What sounds, and what the diary says of it.

    Args:
        journal: The diary.
        library: Folder for the note of how much has sounded.
        clock: The time.
        failures: Takes note of what does not sound.
    """

    def __init__(self, journal: Journal, library: Path, clock: StationClock, failures: Failures) -> None:
        self.journal = journal
        self.library = library
        self.clock = clock
        self.on_air: OnAir | None = None
        self.ended: tuple[Planned, datetime] | None = None
        self.resumable: dict[AiringId, int] = read_cut(library)
        self.trouble = ""
        self.failures = failures

    def begin(self, start: Start, volume: int, get_cue: Callable[[], Cue]) -> None:
        """Write the start line, wait for the second, cut what still sounds, let it sound, write the end of the cut one.

        A cue that cannot be had or does not sound gets its end line at once: it failed after 0 s.

        Args:
            start: What and when; at most a moment ahead.
            volume: Percent, as it is given to the player.
            get_cue: Gives the prepared cue, or prepares it where there is one sound device and it has just come free.

        Raises:
            StationDiskError: The line cannot be written. What cannot be journalled is not played; what sounds goes on.
        """
        line = make_start_line(start, self.clock.now_at(), volume, self.clock.read_word())
        if line.airing in self.resumable:
            (self.library / CUT_FILE).unlink(missing_ok=True)  # before its line: a power cut must not resume it twice
        self.journal.write(line, start.planned.zone)
        self.resumable.pop(line.airing, None)
        self.clock.sleep_s((start.at - self.clock.now_at()).total_seconds())
        cut = self._cut()
        cue: Cue | None = None
        try:
            cue = get_cue()
            cue.start()
            started_at = self.clock.now_at()
            self.on_air = OnAir(start, cue, line, started_at, started_at)
            self.trouble = ""
            self.failures.begin(line.airing)
            _log.info("on air: %s, %s", line.airing, line.title)
        except PlayerError as error:
            if cue is not None:
                cue.stop()
            self.fail_open(start.planned, error.message)
            self.failures.reopen(start, error, 0)
        if cut is not None:
            self._note_cut(cut, start)
            self._write_end(cut, *_name_cut(cut, start.planned))
        if self.on_air is not None:
            write_playing(self.library, line, self.on_air.started_at, 0)

    def watch(self) -> None:
        """Look after what sounds: its end, its trouble, quiet hours, the note of how far it is."""
        on_air = self.on_air
        if on_air is None:
            return
        try:
            is_finished = on_air.cue.is_finished() or on_air.has_given_all()
        except PlayerError as error:
            self._fail(on_air, error)
            return
        now_at = self.clock.now_at()
        if is_finished and on_air.is_whole():
            self.end(Ending.COMPLETE, "")
        elif is_finished:
            sounded_s, expected_s = on_air.cue.output_ms() / 1000, on_air.expected_ms() / 1000
            self._fail(on_air, UnplayableError(f"its sound ended after {sounded_s:.1f} of {expected_s:.1f} s"))
        elif on_air.start.until_at is not None and now_at >= on_air.start.until_at:
            self.end(Ending.STOPPED, on_air.start.until_note)
        elif now_at - on_air.saved_at >= SAVE_EVERY or now_at < on_air.saved_at:
            on_air.saved_at = now_at
            write_playing(self.library, on_air.line, on_air.started_at, on_air.cue.output_ms())

    def _fail(self, on_air: OnAir, error: PlayerError) -> None:
        self.trouble = f"{on_air.line.title}: {error.message}"
        self.end(Ending.FAILED, error.message)
        self.failures.reopen(on_air.start, error, on_air.cue.output_ms())

    def end(self, ending: Ending, note: str) -> None:
        """Stop what sounds and write its end; harmless when nothing does."""
        on_air, self.on_air = self.on_air, None
        if on_air is not None:
            on_air.cue.stop()
            self._write_end(on_air, ending, note)
            remove_playing(self.library)

    def skip(self, skip: Skip) -> bool:
        """Write that an airing was given up.

        Returns:
            False when the disk refused the line; it is to be tried again.
        """
        now_at = self.clock.now_at()
        line = make_skip_line(skip.planned, now_at, skip.reason, skip.note, self.clock.read_word())
        try:
            self.journal.write(line, skip.planned.zone)
        except StationDiskError as error:
            self.trouble = error.message
            return False
        _log.warning("skipped: %s, %s %s", line.airing, skip.reason.value, skip.note)
        return True

    def fail_open(self, planned: Planned, note: str) -> None:
        """Write the end of what broke in its beginning or sounding, or the skip of an airing that never began."""
        on_air, self.on_air = self.on_air, None
        now_at = self.clock.now_at()
        self.trouble = note
        if planned.airing.id not in self.journal.open and (on_air is None or on_air.line.airing != planned.airing.id):
            line = make_skip_line(planned, now_at, SkipReason.PLAYER, note, self.clock.read_word())
            self.journal.write_surely(line, planned.zone)
        for line in list(self.journal.open.values()):
            is_mine = on_air is not None and on_air.line is line
            output_ms = on_air.cue.output_ms() if on_air is not None and is_mine else 0
            if line.airing == planned.airing.id or is_mine:
                end = make_end_line(line, now_at, line.started_at or now_at, output_ms, Ending.FAILED, note)
                self.journal.write_surely(end, planned.zone)
        _log.error("%s failed: %s", planned.airing.id, note)

    def _cut(self) -> OnAir | None:
        cut, self.on_air = self.on_air, None
        if cut is not None:
            try:
                cut.cue.is_finished()  # brings its count up to date
            except PlayerError as error:
                _log.error("%s: %s", cut.line.airing, error.message)
            cut.cue.stop()
        return cut

    def _note_cut(self, cut: OnAir, by: Start) -> None:
        order = by.planned.order
        may_resume = cut.start.substitute is None and not cut.is_whole()
        if order is not None and order.interrupted is InterruptedRule.RESUME and may_resume:
            airing, offset_ms = cut.start.planned.airing.id, cut.start.offset_ms + cut.cue.output_ms()
            self.resumable = {airing: offset_ms}
            write_cut(self.library, airing, offset_ms)

    def _write_end(self, on_air: OnAir, ending: Ending, note: str) -> None:
        now_at = self.clock.now_at()
        word = self.clock.read_word()
        line = make_end_line(on_air.line, now_at, on_air.started_at, on_air.cue.output_ms(), ending, note, word)
        self.journal.write_surely(line, on_air.start.planned.zone)
        self.ended = (on_air.start.planned, now_at)
        _log.info("ended: %s, %s, %.1f s", line.airing, ending.value, line.output_ms / 1000)


def _name_cut(cut: OnAir, by: Planned) -> tuple[Ending, str]:
    if cut.is_whole():
        return Ending.COMPLETE, ""
    ending = Ending.CUT_BY_EMERGENCY if by.airing.priority is Priority.EMERGENCY else Ending.STOPPED
    return ending, f"ended for {by.airing.title}" + ("" if by.local_rank is None else ", the commune's own")
