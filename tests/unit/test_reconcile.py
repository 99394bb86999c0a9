"""Each row of docs/reconciliation.md: what is known of an airing, and the verdict and cause that follow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from broadcaster.airtime.reconcile import (
    Cause,
    Evidence,
    Outcome,
    Tolerance,
    Verdict,
    match_airings,
    sum_output,
)
from broadcaster.airtime.unplanned import match_unplanned
from broadcaster.core.ids import AiringId, Sha256, StationId
from broadcaster.core.model import StationContact
from broadcaster.wire.journal import Ending, Happening, JournalEntry, SkipReason, StandIn
from broadcaster.wire.receipt import Receipt
from broadcaster.wire.receipt import Verdict as ReceiptVerdict
from tests.unit.makers import AN_NONG, START, make_airing, make_entry

TOLERANCE = Tolerance(start_s=5, short_s=2, clock_s=5)
AIRING = make_airing()
KEY = (AN_NONG, AIRING.id)
AFTER = START + timedelta(hours=1)
STARTED = make_entry(Happening.START)
WHOLE = make_entry(Happening.END, output_ms=60_000, ending=Ending.COMPLETE)
ALIVE = StationContact(AN_NONG, reached_at=AFTER, journal_until=AFTER, clock_offset_s=0.3)
BEHIND = StationContact(AN_NONG, reached_at=AFTER, journal_until=START - timedelta(hours=1))
GONE = StationContact(AN_NONG, reached_at=START, failed_at=AFTER, error="UnreachableError", message="no answer")
REFUSED = Receipt(START, f"{AIRING.sha256}.mp3", AIRING.sha256, ReceiptVerdict.REFUSED, "disk full")
EARLIER = START - timedelta(hours=2)


@dataclass
class Known:
    """One row: what is known."""

    verdict: Verdict
    cause: Cause
    played_ms: int = 0
    entries: tuple[JournalEntry, ...] = ()
    held_at: datetime | None = EARLIER
    plan_held: bool = True
    published: bool = True
    refused: bool = False
    contact: StationContact | None = field(default_factory=lambda: ALIVE)


def skip(reason: SkipReason) -> JournalEntry:
    return make_entry(Happening.SKIP, reason=reason)


def end(output_ms: int, ending: Ending, late_s: float = 0.0) -> JournalEntry:
    return make_entry(Happening.END, output_ms=output_ms, ending=ending, late_s=late_s)


def stand_in(output_ms: int) -> JournalEntry:
    return replace(end(output_ms, Ending.COMPLETE), stand_in=StandIn.REPEAT, title="Hôm qua")


FULL, SHORT, NOT, NO_JOURNAL = Verdict.FULL, Verdict.SHORT, Verdict.NOT_PLAYED, Verdict.NO_JOURNAL
AHEAD = StationContact(AN_NONG, reached_at=AFTER, journal_until=AFTER, clock_offset_s=120.0)
ROWS = {
    "whole and on time": Known(FULL, Cause.NONE, 60_000, (STARTED, WHOLE)),
    "a second short is whole": Known(FULL, Cause.NONE, 59_000, (STARTED, end(59_000, Ending.COMPLETE))),
    "whole but late": Known(Verdict.LATE, Cause.STARTED_LATE, 60_000, (end(60_000, Ending.COMPLETE, late_s=9),)),
    "whole but early": Known(Verdict.LATE, Cause.STARTED_LATE, 60_000, (end(60_000, Ending.COMPLETE, late_s=-9),)),
    "whole by a clock that is off": Known(Verdict.LATE, Cause.CLOCK_OFF, 60_000, (STARTED, WHOLE), contact=AHEAD),
    "every line doubled": Known(FULL, Cause.NONE, 60_000, (STARTED, STARTED, WHOLE, WHOLE)),
    "a short line doubled": Known(
        SHORT, Cause.STOPPED, 9_000, (STARTED, end(9_000, Ending.STOPPED), end(9_000, Ending.STOPPED))
    ),
    "lines that overlap": Known(
        SHORT,
        Cause.STATION_OFF,
        30_000,
        (STARTED, end(20_000, Ending.INTERRUPTED), end(20_000, Ending.STOPPED, late_s=10)),
    ),
    "one line within another": Known(
        SHORT, Cause.STOPPED, 40_000, (end(40_000, Ending.STOPPED), end(5_000, Ending.STOPPED, late_s=10))
    ),
    "a line longer than the airing": Known(FULL, Cause.NONE, 60_000, (STARTED, end(90_000, Ending.COMPLETE))),
    "cut before a sound came": Known(Verdict.CUT, Cause.CUT, 0, (STARTED, end(0, Ending.CUT_BY_EMERGENCY))),
    "short by a clock that is off": Known(
        SHORT, Cause.STOPPED, 9_000, (STARTED, end(9_000, Ending.STOPPED)), contact=AHEAD
    ),
    "refused, journal goes on": Known(NOT, Cause.REFUSED, held_at=None, refused=True),
    "joined late": Known(SHORT, Cause.STARTED_LATE, 40_000, (end(40_000, Ending.COMPLETE, late_s=20),)),
    "cut by emergency": Known(Verdict.CUT, Cause.CUT, 9_000, (STARTED, end(9_000, Ending.CUT_BY_EMERGENCY))),
    "stopped for the next": Known(SHORT, Cause.STOPPED, 9_000, (STARTED, end(9_000, Ending.STOPPED))),
    "player failed in it": Known(SHORT, Cause.PLAYER, 9_000, (STARTED, end(9_000, Ending.FAILED))),
    "player failed at once": Known(NOT, Cause.PLAYER, 0, (STARTED, end(0, Ending.FAILED))),
    "player lost in it and it joined again": Known(
        SHORT,
        Cause.PLAYER,
        29_000,
        (STARTED, end(9_000, Ending.FAILED), end(20_000, Ending.COMPLETE, late_s=40)),
    ),
    "power went": Known(SHORT, Cause.STATION_OFF, 9_000, (STARTED, end(9_000, Ending.INTERRUPTED))),
    "power went and it joined again": Known(
        SHORT,
        Cause.STATION_OFF,
        29_000,
        (STARTED, end(9_000, Ending.INTERRUPTED), end(20_000, Ending.COMPLETE, late_s=40)),
    ),
    "started and never heard of since": Known(NO_JOURNAL, Cause.STATION_OFF, 0, (STARTED,), contact=GONE),
    "started, and its journal goes on without its end": Known(NO_JOURNAL, Cause.NO_JOURNAL_YET, 0, (STARTED,)),
    "started, collected before its end": Known(
        NO_JOURNAL,
        Cause.NO_JOURNAL_YET,
        0,
        (STARTED,),
        contact=StationContact(AN_NONG, reached_at=START + timedelta(seconds=30), journal_until=START),
    ),
    "started, its box answers and its agent does not": Known(
        NO_JOURNAL,
        Cause.STATION_OFF,
        0,
        (STARTED,),
        contact=StationContact(AN_NONG, reached_at=AFTER, journal_until=START),
    ),
    "master missing, never delivered": Known(NOT, Cause.NOT_DELIVERED, 0, (skip(SkipReason.MISSING),), held_at=None),
    "yesterday's in its place": Known(
        Verdict.STAND_IN,
        Cause.NOT_DELIVERED,
        0,
        (replace(STARTED, stand_in=StandIn.REPEAT), stand_in(60_000)),
        held_at=None,
    ),
    "another in its place, its master came meanwhile": Known(
        Verdict.STAND_IN, Cause.NOT_DELIVERED, 0, (stand_in(60_000),), held_at=START
    ),
    "another in its place, its own gave no sound": Known(Verdict.STAND_IN, Cause.PLAYER, 0, (stand_in(60_000),)),
    "another in its place, refused": Known(
        Verdict.STAND_IN, Cause.REFUSED, 0, (stand_in(9_000),), held_at=None, refused=True
    ),
    "another in its place gave no sound": Known(NOT, Cause.NOT_DELIVERED, 0, (stand_in(0),), held_at=None),
    "another in its place, then joined itself": Known(
        SHORT, Cause.STARTED_LATE, 20_000, (stand_in(30_000), end(20_000, Ending.COMPLETE, late_s=40))
    ),
    "gave way": Known(NOT, Cause.GAVE_WAY, 0, (skip(SkipReason.GAVE_WAY),)),
    "order that was an exercise": Known(NOT, Cause.NOT_MEANT, 0, (skip(SkipReason.NOT_MEANT),)),
    "master missing, refused": Known(NOT, Cause.REFUSED, 0, (skip(SkipReason.MISSING),), held_at=None, refused=True),
    "master delivered after its time": Known(NOT, Cause.NOT_DELIVERED, 0, (skip(SkipReason.MISSING),), held_at=AFTER),
    "quiet hours": Known(NOT, Cause.QUIET_HOURS, 0, (skip(SkipReason.QUIET_HOURS),)),
    "box came up too late": Known(NOT, Cause.STATION_OFF, 0, (skip(SkipReason.TOO_LATE),)),
    "plan came after its time": Known(NOT, Cause.PLAN_NOT_DELIVERED, 0, (skip(SkipReason.TOO_LATE),), plan_held=False),
    "no sound device": Known(NOT, Cause.PLAYER, 0, (skip(SkipReason.PLAYER),)),
    "journal goes on without it": Known(NOT, Cause.STATION_OFF),
    "plan came too late": Known(NOT, Cause.PLAN_NOT_DELIVERED, plan_held=False),
    "nothing was delivered, journal goes on": Known(NOT, Cause.NOT_DELIVERED, held_at=None),
    "nothing published, journal goes on": Known(NOT, Cause.NOT_PUBLISHED, published=False),
    "journal ends before it": Known(NO_JOURNAL, Cause.NO_JOURNAL_YET, contact=BEHIND),
    "never reached": Known(NO_JOURNAL, Cause.NO_JOURNAL_YET, contact=None),
    "not reached any more": Known(NO_JOURNAL, Cause.STATION_OFF, contact=GONE),
    "not reached and never delivered": Known(NO_JOURNAL, Cause.NOT_DELIVERED, held_at=None, contact=GONE),
    "never published and never reached": Known(NO_JOURNAL, Cause.NOT_PUBLISHED, published=False, contact=None),
}


def judge(known: Known) -> Outcome:
    evidence = Evidence(
        journal={KEY: known.entries} if known.entries else {},
        held={(AN_NONG, AIRING.sha256): [(known.held_at, None)]} if known.held_at else {},
        refusals={(AN_NONG, AIRING.sha256): (REFUSED,)} if known.refused else {},
        plan_held=frozenset({KEY} if known.plan_held else ()),
        unpublished=frozenset(() if known.published else {KEY}),
        contacts={AN_NONG: known.contact} if known.contact else {},
        failures={AN_NONG: [(EARLIER, "no answer"), (AFTER, "too late to matter")]},
    )
    (outcome,) = match_airings([AIRING], evidence, TOLERANCE, AFTER)
    return outcome


def test_master_removed_before_its_time_was_not_held_and_one_removed_after_was() -> None:
    known = ROWS["journal goes on without it"]
    for removed_at, cause in ((START - timedelta(minutes=1), Cause.NOT_DELIVERED), (AFTER, Cause.STATION_OFF)):
        evidence = Evidence(
            {}, {(AN_NONG, AIRING.sha256): [(EARLIER, removed_at)]}, {}, frozenset({KEY}), frozenset(),
            {AN_NONG: ALIVE}, {},
        )  # fmt: skip
        (outcome,) = match_airings([AIRING], evidence, TOLERANCE, AFTER)
        assert (outcome.verdict, outcome.cause) == (known.verdict, cause)


def test_declared_sound_counts_only_where_the_box_is_silent() -> None:
    typed = replace(WHOLE, declared_by="Nguyễn Văn A")
    for entries, verdict, is_declared in (
        ((typed,), FULL, True),
        ((typed, skip(SkipReason.MISSING)), NOT, False),
        ((end(9_000, Ending.STOPPED), typed), SHORT, False),
    ):
        outcome = judge(Known(verdict, Cause.NONE, entries=entries, contact=AHEAD))
        assert (outcome.verdict, outcome.is_declared) == (verdict, is_declared)


@pytest.mark.parametrize("name", ROWS)
def test_every_airing_gets_one_verdict_and_one_cause(name: str) -> None:
    known = ROWS[name]
    outcome = judge(known)
    assert (outcome.verdict, outcome.cause, outcome.played_ms) == (known.verdict, known.cause, known.played_ms)


def test_only_sound_counts_as_played() -> None:
    for name, known in ROWS.items():
        outcome = judge(known)
        if outcome.verdict in (Verdict.NOT_PLAYED, Verdict.STAND_IN, Verdict.NO_JOURNAL):
            assert outcome.played_ms == 0, name
        assert (outcome.cause is Cause.NONE) == (outcome.verdict is Verdict.FULL), name


def test_airing_that_is_not_over_has_no_verdict() -> None:
    evidence = Evidence({}, {}, {}, frozenset(), frozenset(), {}, {})
    assert match_airings([AIRING], evidence, TOLERANCE, START + timedelta(seconds=59)) == []
    assert len(match_airings([AIRING], evidence, TOLERANCE, START + timedelta(seconds=60))) == 1


def test_overlapping_and_doubled_lines_count_once() -> None:
    first = end(40_000, Ending.INTERRUPTED)
    assert sum_output([first, first], 60_000) == 40_000
    assert sum_output([first, end(30_000, Ending.COMPLETE, late_s=30)], 60_000) == 60_000
    assert sum_output([first, end(10_000, Ending.COMPLETE, late_s=5)], 60_000) == 40_000
    assert sum_output([end(90_000, Ending.COMPLETE)], 60_000) == 60_000
    assert sum_output([], 60_000) == 0


def test_sound_without_a_plan_is_judged_not_planned_once_for_each_airing() -> None:
    stranger, order, own = (make_airing(name) for name in ("other", "order-lu-quet", "local-hop-thon"))
    halves = [make_entry(Happening.END, stranger, late_s=late_s, output_ms=20_000) for late_s in (0, 10)]
    typed = replace(make_entry(Happening.END, stranger, output_ms=90_000), declared_by="Lái xe")
    entries = {
        (AN_NONG, AIRING.id): [WHOLE],
        (AN_NONG, stranger.id): [make_entry(Happening.START, stranger), *halves, typed],
        (AN_NONG, order.id): [make_entry(Happening.END, order, output_ms=5_000)],
        (AN_NONG, own.id): [replace(make_entry(Happening.END, own, output_ms=7_000), is_local=True)],
        (AN_NONG, AiringId("begun")): [make_entry(Happening.START, stranger)],
        (StationId("binh-son"), AIRING.id): [typed],
    }
    found = match_unplanned([AIRING], entries)
    assert {one.verdict for one in found} == {Verdict.NOT_PLANNED}
    assert [(one.airing.station, one.airing.id, one.cause, one.played_ms, one.is_declared) for one in found] == [
        (AN_NONG, stranger.id, Cause.NOT_IN_PLAN, 30_000, False),
        (AN_NONG, order.id, Cause.ORDERED, 5_000, False),
        (AN_NONG, own.id, Cause.LOCAL, 7_000, False),
        ("binh-son", AIRING.id, Cause.NOT_IN_PLAN, 90_000, True),
    ]
    assert {one.airing.duration_ms for one in found} == {0}


def test_undelivered_airing_tells_the_last_failure_before_its_end() -> None:
    assert judge(ROWS["nothing was delivered, journal goes on"]).detail == "no answer"


def test_late_is_measured_by_the_centres_clock() -> None:
    outcome = judge(ROWS["whole by a clock that is off"])
    assert outcome.late_s == pytest.approx(-120)
    assert Sha256(outcome.airing.sha256) == AIRING.sha256


def test_stand_in_is_told_with_its_title_and_seconds() -> None:
    detail = judge(ROWS["yesterday's in its place"]).detail
    assert detail == "'Hôm qua' (repeat) sounded in its place for 60 s; no answer"
