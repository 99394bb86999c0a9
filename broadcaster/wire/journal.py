"""The journal (as-run log): what the player itself confirmed, one chained line for each thing that happened.

A started airing has a line before its sound comes out and one after it ended, so a power cut leaves the first alone.
An airing that could not be started has one line that says why. Titles and lengths stand in the line itself: it must
be readable when the programme is gone.

A line has the oldest format in which it can be written. Format 2 is that of lines which an older centre would take for
the planned programme, or could not read: another sound in its place, an airing that gave way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from broadcaster.core.ids import AiringId, LogId, Sha256
from broadcaster.core.time import format_instant, require_aware
from broadcaster.wire.chain import ChainedLine
from broadcaster.wire.fields import FieldReader

KIND = "journal"
FORMAT = 2
FIRST_FORMAT = 1


class Happening(StrEnum):
    """What a journal line tells of: sound began, sound ended, or an airing was not started."""

    START = "start"
    END = "end"
    SKIP = "skip"


class Ending(StrEnum):
    """How an airing ended."""

    COMPLETE = "complete"
    CUT_BY_EMERGENCY = "cut by emergency"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class SkipReason(StrEnum):
    """Why an airing was not started."""

    MISSING = "master missing"
    QUIET_HOURS = "quiet hours"
    TOO_LATE = "too late"
    PLAYER = "player failed"
    NOT_MEANT = "test or exercise"
    GAVE_WAY = "gave way"
    TAKEN_BACK = "taken back"


class StandIn(StrEnum):
    """What sounded in the place of a master that had not come."""

    REPEAT = "repeat"
    FALLBACK = "fallback"
    IDENT = "ident"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What one line says, without its place in the chain.

    `output_ms` is what the player really gave out, never the plan's figure; after an interruption it is the least that
    is proven. `clock_error_ms` is the box's own estimate, None when its clock is not synchronised. `declared_by` is ""
    for what a player confirmed; else it names the person who typed the line in at the centre.
    `clock_offset_ms` is how far the times in the line are ahead of the box's system clock: not 0 while the agent goes
    on by its own clock. With a `stand_in`, hash, title and length are those of what really sounded in the airing's
    place. `is_local` marks the commune's own items.
    """

    happening: Happening
    at: datetime
    airing: AiringId
    sha256: Sha256
    title: str
    planned_at: datetime
    duration_ms: int
    started_at: datetime | None
    output_ms: int
    ending: Ending | None
    reason: SkipReason | None
    note: str
    volume: int
    clock_error_ms: int | None
    declared_by: str = ""
    stand_in: StandIn | None = None
    is_local: bool = False
    clock_offset_ms: int = 0

    def __post_init__(self) -> None:
        for name, moment in (("at", self.at), ("planned_at", self.planned_at), ("started_at", self.started_at)):
            if moment is not None and moment.tzinfo is not UTC:  # of a year's lines all are: set only what is not
                object.__setattr__(self, name, require_aware(moment))


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One journal line with its place in the chain and its exact bytes."""

    log: LogId
    seq: int
    raw: bytes
    entry: JournalEntry


def write_entry(entry: JournalEntry) -> dict[str, object]:
    """Give the fields of a journal line, for `chain.plan_line`."""
    declared = {"declared_by": entry.declared_by} if entry.declared_by else {}
    is_new = entry.stand_in is not None or entry.reason is SkipReason.GAVE_WAY
    fields: dict[str, object] = {
        "kind": KIND,
        "format": FORMAT if is_new else FIRST_FORMAT,
        "event": entry.happening.value,
        "at": format_instant(entry.at),
        "airing": entry.airing,
        "sha256": entry.sha256,
        "title": entry.title,
        "planned_at": format_instant(entry.planned_at),
        "duration_ms": entry.duration_ms,
        "started_at": None if entry.started_at is None else format_instant(entry.started_at),
        "output_ms": entry.output_ms,
        "ending": None if entry.ending is None else entry.ending.value,
        "reason": None if entry.reason is None else entry.reason.value,
        "note": entry.note,
        "volume": entry.volume,
        "clock_error_ms": entry.clock_error_ms,
        **declared,
    }
    if entry.stand_in is not None:
        fields["stand_in"] = entry.stand_in.value
    if entry.is_local:
        fields["local"] = True
    if entry.clock_offset_ms:
        fields["clock_offset_ms"] = entry.clock_offset_ms
    return fields


def read_entry(line: ChainedLine) -> JournalLine:
    """Read a chained line as a journal line.

    Raises:
        DocumentError: Another kind of line, a newer format, or a wrong field (named).
    """
    reader = FieldReader(line.fields, "journal line")
    reader.require(KIND, FORMAT)
    entry = JournalEntry(
        happening=reader.read_as("event", Happening, "start, end or skip"),
        at=reader.read_moment("at"),
        airing=AiringId(reader.read_text("airing")),
        sha256=reader.read_sha256("sha256"),
        title=reader.read_text("title"),
        planned_at=reader.read_moment("planned_at"),
        duration_ms=reader.read_int("duration_ms"),
        started_at=reader.read_optional("started_at", reader.read_moment),
        output_ms=reader.read_int("output_ms"),
        ending=reader.read_optional_as("ending", Ending, "a known ending"),
        reason=reader.read_optional_as("reason", SkipReason, "a known reason"),
        note=reader.read_text("note"),
        volume=reader.read_int("volume"),
        clock_error_ms=reader.read_optional("clock_error_ms", reader.read_int),
        declared_by=reader.read_optional("declared_by", reader.read_text) or "",
        stand_in=reader.read_optional_as("stand_in", StandIn, "repeat, fallback or ident"),
        is_local=reader.read_optional("local", reader.read_bool) or False,
        clock_offset_ms=reader.read_optional("clock_offset_ms", lambda name: reader.read_int(name, -(2**53))) or 0,
    )
    return JournalLine(line.log, line.seq, line.raw, entry)


def journal_file_name(local_day: str) -> str:
    """Name the journal file of one local date (2023-10-09)."""
    return f"journal-{local_day}.jsonl"
