"""Reports: gather the evidence of a period, reconcile it, sum it, write the documents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from broadcaster.airtime.documents import ReportFiles, write_documents
from broadcaster.airtime.figures import EVERYTHING, Report, Scope
from broadcaster.airtime.letter import name_template
from broadcaster.airtime.weekly import PeriodSum, sum_campaign_ms
from broadcaster.airtime.wording import VIETNAMESE, Wording
from broadcaster.centre.gather import Gatherer
from broadcaster.centre.publish import record_missed_days
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import InputError, WorkspaceError
from broadcaster.core.ids import StationId
from broadcaster.core.model import Campaign
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import format_week, plan_week
from broadcaster.store.engine import Record
from broadcaster.store.programmes import read_programmes
from broadcaster.store.stations import read_breaks, read_contacts


def make_report(
    record: Record,
    schedules: Schedules,
    first_on: date,
    last_on: date,
    now_at: datetime,
    scope: Scope = EVERYTHING,
) -> Report:
    """Make the figures of a period from what is in the record.

    Args:
        record: Plans, receipts, journals.
        schedules: Names and tolerances.
        first_on: First date, in the centre's zone.
        last_on: Last date.
        now_at: Airings that end after this are counted as pending, journal lines collected after it are left out.
        scope: Which stations and which campaign.
    """
    record_missed_days(record, schedules, first_on, last_on, now_at)
    with record.read() as connection:
        contacts = read_contacts(connection)
        gatherer = Gatherer(connection, schedules.centre, contacts, now_at)
        stations = gatherer.list_stations(station.id for station in schedules.stations)
        stations = [one for one in stations if scope.stations is None or one in scope.stations]
        period = PeriodSum(schedules, first_on, last_on, now_at, scope)
        for found in gatherer.read_periods(stations, first_on, last_on):
            period.add_station(found.station, found.outcomes, found.pending, found.unplanned)
        before_ms = {campaign.id: _sum_baseline_ms(gatherer, stations, campaign) for campaign in period.list_compared()}
        return period.close(read_programmes(connection), read_breaks(connection), contacts, before_ms)


def _sum_baseline_ms(gatherer: Gatherer, stations: Iterable[StationId], campaign: Campaign) -> int:
    if campaign.baseline is None:
        return 0
    return sum(
        sum_campaign_ms(campaign, found.outcomes) for found in gatherer.read_periods(stations, *campaign.baseline)
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
