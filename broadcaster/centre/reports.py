"""Reports: gather the evidence of a period, reconcile it, sum it, write the documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from broadcaster.airtime.documents import ReportFiles, write_documents
from broadcaster.airtime.letter import name_template
from broadcaster.airtime.reconcile import Evidence, Tolerance, match_airings, match_unplanned
from broadcaster.airtime.weekly import Report, sum_report
from broadcaster.airtime.wording import VIETNAMESE, Wording
from broadcaster.centre.publish import record_missed_days
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import InputError, WorkspaceError
from broadcaster.core.ids import AiringId, Sha256, StationId
from broadcaster.core.model import Airing
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import format_week, period_to_utc, plan_week
from broadcaster.store.engine import Record
from broadcaster.store.plans import RevisionNote, read_airing_revisions, read_airings_between, read_revisions
from broadcaster.store.programmes import read_programmes
from broadcaster.store.stations import (
    read_breaks,
    read_contacts,
    read_failures,
    read_held,
    read_journal_between,
    read_receipts_of,
)

JOURNAL_MARGIN = timedelta(days=1)


def make_report(record: Record, schedules: Schedules, first_on: date, last_on: date, now_at: datetime) -> Report:
    """Make the figures of a period from what is in the record.

    Args:
        record: Plans, receipts, journals.
        schedules: Names and tolerances.
        first_on: First date, in the centre's zone.
        last_on: Last date.
        now_at: Airings that end after this are counted as pending.
    """
    record_missed_days(record, schedules, first_on, last_on, now_at)
    zone = schedules.centre.zone
    begins_at, ends_at = period_to_utc(first_on, last_on, zone)
    with record.read() as connection:
        airings = read_airings_between(connection, begins_at, ends_at)
        dates = {airing.start_at.astimezone(zone).date() for airing in airings}
        revisions = read_airing_revisions(connection, dates)
        plans = read_revisions(connection, first_on, last_on)
        held = read_held(connection)
        # A box whose clock is off, or whose plan was another day's, still belongs to its airing.
        lines = read_journal_between(connection, begins_at - JOURNAL_MARGIN, ends_at + JOURNAL_MARGIN)
        evidence = Evidence(
            journal={key: [line.entry for line in found] for key, found in lines.items()},
            held_since={(station, Sha256(sha256)): at for station, mine in held.items() for sha256, at in mine.items()},
            refusals=read_receipts_of(connection, {airing.sha256 for airing in airings}),
            plan_held=_match_held_plans(airings, plans, held, schedules),
            unpublished=frozenset(key for key, revision in revisions.items() if revision == 0),
            contacts=read_contacts(connection),
            failures=read_failures(connection, begins_at - schedules.centre.push_ahead, ends_at),
        )
        programmes = read_programmes(connection)
        breaks = read_breaks(connection)
    tolerance = Tolerance(
        schedules.centre.start_tolerance_s, schedules.centre.short_tolerance_s, schedules.centre.clock_tolerance_s
    )
    outcomes = match_airings(airings, evidence, tolerance, now_at)
    inside = {key: found for key, found in evidence.journal.items() if begins_at <= found[0].planned_at < ends_at}
    return sum_report(
        schedules,
        first_on,
        last_on,
        now_at,
        outcomes,
        programmes,
        match_unplanned(airings, inside),
        breaks,
        pending=len(airings) - len(outcomes),
    )


def write_weekly(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    monday: date,
    now_at: datetime,
    words: Wording = VIETNAMESE,
    *,
    with_pdf: bool = False,
) -> tuple[Report, ReportFiles]:
    """Make and write the report of an ISO week.

    Raises:
        WorkspaceError: The reports folder cannot be written; an earlier report is as it was.
    """
    week = plan_week(monday)
    name = format_week(monday)
    period = (week[0], week[-1])
    return write_period(workspace, record, schedules, period, name, now_at, words, with_pdf=with_pdf)


def write_period(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    period: tuple[date, date],
    name: str,
    now_at: datetime,
    words: Wording = VIETNAMESE,
    *,
    with_pdf: bool = False,
) -> tuple[Report, ReportFiles]:
    """Make and write the report of any period.

    Args:
        workspace: Where reports/ lies.
        record: Plans, receipts, journals.
        schedules: Names and tolerances.
        period: First and last date.
        name: What the file names say of the period.
        now_at: When the report is made.
        words: The language.
        with_pdf: Write a PDF too.

    Raises:
        InputError: The period ends before it begins.
        WorkspaceError: The reports folder cannot be written; an earlier report is as it was.
    """
    if period[1] < period[0]:
        raise InputError(f"the period ends ({period[1]}) before it begins ({period[0]})")
    report = make_report(record, schedules, *period, now_at.astimezone(UTC))
    try:
        workspace.reports.mkdir(exist_ok=True)
        template = workspace.schedules / name_template(words.code)
        own = template if template.exists() else None
        files = write_documents(
            report, schedules, workspace.reports, f"{words.stem}-{name}", own, words, with_pdf=with_pdf
        )
    except OSError as error:
        raise WorkspaceError(f"{workspace.reports} cannot be written: {error.strerror}") from error
    return report, files


def _match_held_plans(
    airings: Iterable[Airing],
    plans: Mapping[tuple[StationId, date], Sequence[RevisionNote]],
    held: Mapping[StationId, Mapping[str, datetime]],
    schedules: Schedules,
) -> frozenset[tuple[StationId, AiringId]]:
    """Find the airings whose plan the station had confirmed before they were over.

    An airing's plan is the last one that was published before its start: what was published later is no longer about
    it. When all came later, it is the first.
    """
    found: set[tuple[StationId, AiringId]] = set()
    for airing in airings:
        revisions = plans.get((airing.station, airing.start_at.astimezone(schedules.centre.zone).date()))
        if not revisions:
            continue
        in_time = [note for note in revisions if note.published_at <= airing.start_at]
        plan = in_time[-1] if in_time else revisions[0]
        held_at = held.get(airing.station, {}).get(plan.sha256)
        if held_at is not None and held_at < airing.start_at + timedelta(milliseconds=airing.duration_ms):
            found.add((airing.station, airing.id))
    return frozenset(found)
