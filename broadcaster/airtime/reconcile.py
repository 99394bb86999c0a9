"""Reconciliation: planned × delivered × played, one verdict and one cause for each airing. Pure.

The rules stand as a table in docs/reconciliation.md; tests/unit/test_reconcile.py holds a row for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from broadcaster.core.ids import AiringId, Sha256, StationId
from broadcaster.core.model import Airing, StationContact
from broadcaster.wire.journal import Ending, Happening, JournalEntry, SkipReason
from broadcaster.wire.receipt import Receipt
from broadcaster.wire.receipt import Verdict as ReceiptVerdict

JOURNAL_LAG = timedelta(seconds=10)  # a status may be a moment ahead of the journal line that is just being written


class Verdict(StrEnum):
    """What became of an airing. `no journal` is not `not played`, and neither counts as played.

    Nor does a stand-in: something sounded in its place, but not the planned programme. `not planned` sounded and is in
    no plan: it stands beside the planned airings and is counted in none of their figures.
    """

    FULL = "full"
    LATE = "late"
    SHORT = "short"
    CUT = "cut by emergency"
    STAND_IN = "another in its place"
    NOT_PLAYED = "not played"
    NO_JOURNAL = "no journal yet"
    NOT_PLANNED = "not planned"


class Cause(StrEnum):
    """Why an airing was not played as planned."""

    NONE = ""
    NOT_PUBLISHED = "plan never published"
    PLAN_NOT_DELIVERED = "plan not delivered"
    NOT_DELIVERED = "not delivered"
    REFUSED = "refused by the station"
    STATION_OFF = "station off"
    STARTED_LATE = "started late"
    CUT = "cut by emergency"
    STOPPED = "stopped for the next item"
    PLAYER = "player failed"
    CLOCK_OFF = "clock off"
    QUIET_HOURS = "quiet hours"
    GAVE_WAY = "gave way to another item"
    NOT_MEANT = "test or exercise"
    NO_JOURNAL_YET = "no journal yet"
    NOT_IN_PLAN = "in no plan of the centre"
    ORDERED = "emergency order"
    LOCAL = "the commune's own item"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What still counts as played in full: later start, missing end, clock offset, all in seconds."""

    start_s: float
    short_s: float
    clock_s: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about the airings to be judged.

    `held` are the spans in which a station held a hash by its own receipts, an open end being None; `refusals` are the
    receipts that refused it.
    `plan_held` are the (station, airing) whose plan was verified by the station; `unpublished` those that no plan ever
    carried. `failures` are the tries to deliver that failed: when, and why.
    """

    journal: Mapping[tuple[StationId, AiringId], Sequence[JournalEntry]]
    held: Mapping[tuple[StationId, Sha256], Sequence[tuple[datetime, datetime | None]]]
    refusals: Mapping[tuple[StationId, Sha256], Sequence[Receipt]]
    plan_held: frozenset[tuple[StationId, AiringId]]
    unpublished: frozenset[tuple[StationId, AiringId]]
    contacts: Mapping[StationId, StationContact]
    failures: Mapping[StationId, Sequence[tuple[datetime, str]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One airing with its verdict, cause, what was really output (ms), and the evidence in words.

    `late_s` is how much later (negative: earlier) than planned it started, by the centre's clock; None if it did not.
    `is_declared`: a person typed it in, no player confirmed it.
    """

    airing: Airing
    verdict: Verdict
    cause: Cause
    played_ms: int
    late_s: float | None
    started_at: datetime | None
    detail: str
    is_declared: bool = False


def match_airings(
    airings: Iterable[Airing], evidence: Evidence, tolerance: Tolerance, now_at: datetime
) -> list[Outcome]:
    """Judge every airing that should be over by now.

    Args:
        airings: As planned.
        evidence: What is known.
        tolerance: What still counts as full.
        now_at: Airings whose planned end lies after this are left out: they can still become anything.

    Returns:
        One outcome for each airing that is over, in the order given.
    """
    return [_judge(airing, evidence, tolerance) for airing in airings if airing.end_at() <= now_at]


def list_declared(entries: Iterable[JournalEntry]) -> list[JournalEntry]:
    """List what was typed in about an airing and not taken back since: a skip takes back what was typed before it."""
    found: list[JournalEntry] = []
    for entry in entries:
        if entry.declared_by:
            found = [] if entry.happening is Happening.SKIP else [*found, entry]
    return found


def sum_output(entries: Iterable[JournalEntry], limit_ms: int | None = None) -> int:
    """Sum what was really output, so that overlapping or doubled lines count once.

    Args:
        entries: Of one airing at one station.
        limit_ms: A planned airing cannot bring more than its own length; None where none was planned.
    """
    spans = sorted(
        (entry.started_at, entry.started_at + timedelta(milliseconds=entry.output_ms))
        for entry in entries
        if entry.happening is Happening.END and entry.started_at is not None
    )
    total = timedelta()
    covered_until: datetime | None = None
    for start, end in spans:
        begin = start if covered_until is None else max(start, covered_until)
        if end > begin:
            total += end - begin
            covered_until = end
    total_ms = round(total / timedelta(milliseconds=1))
    return total_ms if limit_ms is None else min(limit_ms, total_ms)


def _judge(airing: Airing, evidence: Evidence, tolerance: Tolerance) -> Outcome:
    key = (airing.station, airing.id)
    told = evidence.journal.get(key, ())
    entries = [entry for entry in told if not entry.declared_by]
    contact = evidence.contacts.get(airing.station)
    declared = list_declared(told)
    if declared and not entries:
        return replace(_judge_sounded(airing, declared, None, tolerance), is_declared=True)
    sounded = [entry for entry in entries if entry.happening is not Happening.SKIP]
    own = [entry for entry in sounded if entry.stand_in is None]
    if own:
        return _judge_sounded(airing, own, contact, tolerance)
    if any(entry.happening is Happening.END for entry in sounded):
        return _judge_stand_in(airing, sounded, evidence)
    if sounded:
        return _judge_sounded(airing, sounded, contact, tolerance)
    skips = [entry for entry in entries if entry.happening is Happening.SKIP]
    if skips:
        cause, detail = _explain_skip(airing, skips[-1], evidence)
        return Outcome(airing, Verdict.NOT_PLAYED, cause, 0, None, None, detail)
    cause, detail = _explain_undelivered(airing, evidence)
    end_at = airing.end_at()
    until_at = contact.journal_until if contact else None
    is_covered = until_at is not None and until_at >= end_at + JOURNAL_LAG
    if is_covered:
        if cause is Cause.NONE:
            cause, detail = Cause.STATION_OFF, "the journal goes on after it and does not know it"
        return Outcome(airing, Verdict.NOT_PLAYED, cause, 0, None, None, detail)
    if cause is Cause.NONE:
        cause, detail = _explain_silence(contact)
    return Outcome(airing, Verdict.NO_JOURNAL, cause, 0, None, None, detail)


def _judge_sounded(
    airing: Airing, entries: Sequence[JournalEntry], contact: StationContact | None, tolerance: Tolerance
) -> Outcome:
    offset_s = (contact.clock_offset_s or 0.0) if contact else 0.0
    is_clock_off = abs(offset_s) > tolerance.clock_s
    first_at = min(entry.started_at for entry in entries if entry.started_at is not None)
    started_at = first_at - timedelta(seconds=offset_s) if is_clock_off else first_at
    late_s = (started_at - airing.start_at).total_seconds()
    ends = [entry for entry in entries if entry.happening is Happening.END]
    played_ms = sum_output(ends, airing.duration_ms)

    verdict, cause, detail = Verdict.FULL, Cause.NONE, ""
    if not ends:
        verdict, (cause, detail) = Verdict.NO_JOURNAL, _explain_no_end(airing, contact)
    elif airing.duration_ms - played_ms > tolerance.short_s * 1000:
        verdict, cause, detail = _explain_short(ends, played_ms)
    elif abs(late_s) > tolerance.start_s and is_clock_off:
        verdict, cause, detail = Verdict.LATE, Cause.CLOCK_OFF, f"the station's clock is {offset_s:+.0f} s off"
    elif abs(late_s) > tolerance.start_s:
        verdict, cause, detail = Verdict.LATE, Cause.STARTED_LATE, f"started {late_s:+.0f} s from its time"
    return Outcome(airing, verdict, cause, played_ms, late_s, started_at, detail)


def _judge_stand_in(airing: Airing, entries: Sequence[JournalEntry], evidence: Evidence) -> Outcome:
    """Judge an airing in whose place something else sounded, or should have: nothing of it counts as played."""
    ends = [entry for entry in entries if entry.happening is Happening.END]
    cause, detail = _explain_undelivered(airing, evidence)
    if cause is Cause.NONE:  # its master was there and gave no sound, or came while another was sounding
        cause = Cause.PLAYER if _is_held(airing, evidence, airing.start_at) else Cause.NOT_DELIVERED
    best = max(ends, key=lambda entry: entry.output_ms)
    if not best.output_ms:
        return Outcome(airing, Verdict.NOT_PLAYED, cause, 0, None, None, "; ".join(filter(None, (detail, best.note))))
    told = f"{best.title!r} ({best.stand_in}) sounded in its place for {best.output_ms / 1000:.0f} s"
    return Outcome(airing, Verdict.STAND_IN, cause, 0, None, None, "; ".join(filter(None, (told, detail))))


def _explain_short(ends: Sequence[JournalEntry], played_ms: int) -> tuple[Verdict, Cause, str]:
    """Say why an airing is short: what broke off explains more than the end of what was joined after it."""
    broken = (Ending.INTERRUPTED, Ending.FAILED)
    telling = next((entry for entry in ends if entry.ending in broken), ends[-1])
    detail = telling.note or f"ended as '{telling.ending}'"
    match telling.ending:
        case Ending.CUT_BY_EMERGENCY:
            return Verdict.CUT, Cause.CUT, detail
        case Ending.INTERRUPTED:
            cause = Cause.STATION_OFF
        case Ending.STOPPED:
            cause = Cause.STOPPED
        case Ending.FAILED:
            cause = Cause.PLAYER
        case _:
            cause = Cause.STARTED_LATE
    return (Verdict.SHORT if played_ms else Verdict.NOT_PLAYED), cause, detail


def _explain_skip(airing: Airing, entry: JournalEntry, evidence: Evidence) -> tuple[Cause, str]:
    match entry.reason:
        case SkipReason.QUIET_HOURS:
            return Cause.QUIET_HOURS, entry.note
        case SkipReason.TOO_LATE if (airing.station, airing.id) not in evidence.plan_held:
            return Cause.PLAN_NOT_DELIVERED, "its plan came when its time was over"
        case SkipReason.TOO_LATE:
            return Cause.STATION_OFF, entry.note or "the station came up after its time"
        case SkipReason.PLAYER:
            return Cause.PLAYER, entry.note
        case SkipReason.GAVE_WAY:
            return Cause.GAVE_WAY, entry.note
        case SkipReason.NOT_MEANT:
            return Cause.NOT_MEANT, entry.note
        case _:
            cause, detail = _explain_undelivered(airing, evidence)
            return (cause, detail) if cause is not Cause.NONE else (Cause.NOT_DELIVERED, entry.note)


def _explain_undelivered(airing: Airing, evidence: Evidence) -> tuple[Cause, str]:
    """Say what kept an airing from being ready at its station; Cause.NONE when it was ready."""
    key = (airing.station, airing.id)
    if key in evidence.unpublished:
        return Cause.NOT_PUBLISHED, "the centre published no plan for this day"
    end_at = airing.end_at()
    if not _is_held(airing, evidence, end_at):
        refused = [
            receipt
            for receipt in evidence.refusals.get((airing.station, airing.sha256), ())
            if receipt.verdict is ReceiptVerdict.REFUSED
        ]
        if refused:
            return Cause.REFUSED, refused[-1].reason
        told = [message for at, message in evidence.failures.get(airing.station, ()) if at < end_at]
        return Cause.NOT_DELIVERED, told[-1] if told else ""
    if key not in evidence.plan_held:
        return Cause.PLAN_NOT_DELIVERED, ""
    return Cause.NONE, ""


def _is_held(airing: Airing, evidence: Evidence, before_at: datetime) -> bool:
    """Tell whether an airing's master came before an instant and was not removed before its start."""
    spans = evidence.held.get((airing.station, airing.sha256), ())
    return any(held_at < before_at and (until_at is None or until_at > airing.start_at) for held_at, until_at in spans)


def _explain_no_end(airing: Airing, contact: StationContact | None) -> tuple[Cause, str]:
    """Say why the end is unknown: the agent has not been heard of since, or was asked before, or lost the line."""
    over_at = airing.end_at() + JOURNAL_LAG
    if contact and contact.reached_at and contact.reached_at >= over_at > (contact.journal_until or airing.start_at):
        return Cause.STATION_OFF, "it started, and the station has not been heard of since"
    cause, reason = _explain_silence(contact)
    return cause, "; ".join(filter(None, ("it started, and nothing is known of its end", reason)))


def _explain_silence(contact: StationContact | None) -> tuple[Cause, str]:
    if contact is not None and not contact.is_reached():
        return Cause.STATION_OFF, contact.message
    return Cause.NO_JOURNAL_YET, ""
