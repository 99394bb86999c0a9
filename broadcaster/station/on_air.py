"""What is on air now, and the note of it that survives a power cut."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from broadcaster.core.errors import DocumentError
from broadcaster.core.files import write_atomic
from broadcaster.core.ids import AiringId
from broadcaster.core.model import Airing
from broadcaster.core.time import format_instant
from broadcaster.station.board import Planned, Start, is_forbidden_at
from broadcaster.station.clock import ClockWord
from broadcaster.station.player import Cue
from broadcaster.wire.fields import FieldReader, read_object
from broadcaster.wire.journal import Ending, Happening, JournalEntry, SkipReason

FILE_NAME = "playing.json"
CUT_FILE = "cut-by-order.json"
SHORT_MS = 500
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class OnAir:
    """The item that sounds: what was asked, its cue, and its line in the diary."""

    start: Start
    cue: Cue
    line: JournalEntry
    started_at: datetime
    saved_at: datetime
    seen_ms: int = 0

    def expected_ms(self) -> int:
        """Say how much of it should sound."""
        return self.start.make_sounding().duration_ms - self.start.offset_ms

    def is_whole(self) -> bool:
        """Tell whether as much was given out as was asked for, half a second aside."""
        return self.cue.output_ms() >= self.expected_ms() - SHORT_MS

    def has_given_all(self) -> bool:
        """Tell whether all that was asked for was given out and nothing came since the last look.

        A player says that a file has ended some 50 ms after its sound has: time that a rundown need not wait.
        """
        before_ms, self.seen_ms = self.seen_ms, self.cue.output_ms()
        return before_ms == self.seen_ms >= self.expected_ms()


def make_start_line(start: Start, at: datetime, volume: int, clock: ClockWord) -> JournalEntry:
    """Make the line that is written before an airing sounds. `started_at` is the instant it is about to start at."""
    line = _make_line(start.make_sounding(), Happening.START, at, volume, clock)
    return replace(
        line,
        started_at=max(at, start.at),
        note=_plan_note(start),
        stand_in=start.substitute.kind if start.substitute else None,
        is_local=start.planned.local_rank is not None,
    )


def _make_line(airing: Airing, happening: Happening, at: datetime, volume: int, clock: ClockWord) -> JournalEntry:
    """Make what every line of an airing has in common; nothing has sounded."""
    return JournalEntry(
        happening=happening,
        at=at,
        airing=airing.id,
        sha256=airing.sha256,
        title=airing.title,
        planned_at=airing.start_at,
        duration_ms=airing.duration_ms,
        started_at=None,
        output_ms=0,
        ending=None,
        reason=None,
        note="",
        volume=volume,
        clock_error_ms=clock.error_ms,
        clock_offset_ms=clock.offset_ms,
    )


def _plan_note(start: Start) -> str:
    order = start.planned.order
    if order is not None:
        broken = ", in quiet hours" if is_forbidden_at(start.planned, start.at) else ""
        return f"emergency order {order.id} by {order.author}{broken}"
    if start.substitute is not None:
        why = "gives no sound" if start.is_spoilt else "had not come"
        return f"in place of {start.planned.airing.title!r}, whose master {why}"
    return f"joined {start.offset_ms / 1000:.1f} s after its beginning" if start.offset_ms else ""


def make_end_line(
    line: JournalEntry,
    at: datetime,
    started_at: datetime,
    output_ms: int,
    ending: Ending,
    note: str,
    clock: ClockWord | None = None,
) -> JournalEntry:
    """Make the line that is written after an airing ended, from the line of its start.

    `clock` is what is known of the clock now; None where only the start line's word is left.
    """
    word = clock or ClockWord(line.clock_error_ms, line.clock_offset_ms)
    return replace(
        line,
        happening=Happening.END,
        at=at,
        started_at=started_at,
        output_ms=output_ms,
        ending=ending,
        note=note,
        clock_error_ms=word.error_ms,
        clock_offset_ms=word.offset_ms,
    )


def make_skip_line(planned: Planned, at: datetime, reason: SkipReason, note: str, clock: ClockWord) -> JournalEntry:
    """Make the line of an airing that was not started."""
    line = _make_line(planned.airing, Happening.SKIP, at, planned.airing.volume, clock)
    return replace(line, reason=reason, note=note, is_local=planned.local_rank is not None)


def write_playing(library: Path, line: JournalEntry, started_at: datetime, output_ms: int) -> None:
    """Note how much has sounded, in a file that is whole or as it was; a full disk costs the note, not the sound."""
    fields = {
        "airing": line.airing,
        "line_at": format_instant(line.at),
        "started_at": format_instant(started_at),
        "output_ms": output_ms,
    }
    try:
        write_atomic(library / FILE_NAME, json.dumps(fields).encode())
    except OSError as error:
        _log.error("%s cannot be written: %s", library / FILE_NAME, error)


def remove_playing(library: Path) -> None:
    """Remove the note: nothing is on air."""
    (library / FILE_NAME).unlink(missing_ok=True)


def read_playing(library: Path, line: JournalEntry) -> tuple[datetime, int]:
    """Read when the airing of an open start line began and how much of it is proven to have sounded.

    Returns:
        What the note says; the line's own start and 0 where there is no note, or it is of another line.
    """
    began_at = line.started_at or line.at
    try:
        reader = FieldReader(read_object((library / FILE_NAME).read_bytes(), "note of what plays"), "note")
        if reader.read_text("airing") == line.airing and reader.read_text("line_at") == format_instant(line.at):
            return reader.read_moment("started_at"), reader.read_int("output_ms")
    except (OSError, DocumentError):
        pass
    return began_at, 0


def write_cut(library: Path, airing: AiringId, offset_ms: int) -> None:
    """Note what an order cut and how far into its file; a full disk costs the resuming after a power cut only."""
    try:
        write_atomic(library / CUT_FILE, json.dumps({"airing": airing, "offset_ms": offset_ms}).encode())
    except OSError as error:
        _log.error("%s cannot be written: %s", library / CUT_FILE, error)


def read_cut(library: Path) -> dict[AiringId, int]:
    """Read what an order cut and how far into its file (ms); empty when nothing is to resume."""
    try:
        reader = FieldReader(read_object((library / CUT_FILE).read_bytes(), "note of what was cut"), "note")
        return {AiringId(reader.read_text("airing")): reader.read_int("offset_ms")}
    except (OSError, DocumentError):
        return {}
