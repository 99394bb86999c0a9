"""Reports: which period and what about, gathered from the record and summed."""

from __future__ import annotations

import calendar
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection

from broadcaster.airtime.figures import EVERYTHING, Report, Scope
from broadcaster.airtime.weekly import PeriodSum, sum_campaign_ms
from broadcaster.centre.gather import Gatherer
from broadcaster.centre.known import Known, read_known
from broadcaster.centre.publish import record_missed_days
from broadcaster.core.errors import InputError, UnknownNameError
from broadcaster.core.ids import Sha256, StationId, suggest_nearest
from broadcaster.core.model import Campaign
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import format_week, period_to_utc, plan_week
from broadcaster.store.engine import Record
from broadcaster.store.stations import read_breaks

NAMED_STATIONS = 5


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """Which report: its name in files, first and last date, and what it is about."""

    name: str
    first_on: date
    last_on: date
    scope: Scope = EVERYTHING

    def __post_init__(self) -> None:
        if self.last_on < self.first_on:
            raise InputError(f"the period ends ({self.last_on}) before it begins ({self.first_on})")

    def is_over(self, now_at: datetime, schedules: Schedules) -> bool:
        """Tell whether the period is over; a report made before is provisional."""
        return period_to_utc(self.first_on, self.last_on, schedules.centre.zone)[1] <= now_at


@dataclass(frozen=True, slots=True)
class Made:
    """A report, what it knew, and the hash of all rows that it was made from."""

    report: Report
    known: Known
    rows_sha256: Sha256


def order_week(monday: date, scope: Scope = EVERYTHING) -> ReportOrder:
    """Order the report of an ISO week."""
    week = plan_week(monday)
    return ReportOrder(format_week(monday), week[0], week[-1], scope)


def order_month(text: str, scope: Scope = EVERYTHING) -> ReportOrder:
    """Order the report of a month, 2023-10 or 10/2023.

    Raises:
        InputError: Neither form, or no such month.
    """
    match = re.fullmatch(r"(\d{4})-(\d{1,2})", text.strip()) or re.fullmatch(r"(\d{1,2})/(\d{4})", text.strip())
    parts = sorted(match.groups(), key=len, reverse=True) if match else []
    if not parts or not 1 <= int(parts[1]) <= 12:
        raise InputError(f"{text!r} is not a month", hint="write 2023-10 or 10/2023")
    year, month = int(parts[0]), int(parts[1])
    first = date(year, month, 1)
    return ReportOrder(f"{first:%Y-%m}", first, first.replace(day=calendar.monthrange(year, month)[1]), scope)


def order_campaign(schedules: Schedules, name: str, scope: Scope = EVERYTHING) -> ReportOrder:
    """Order the report of a campaign, over its whole period.

    Raises:
        UnknownNameError: There is no such campaign.
    """
    campaign = next((one for one in schedules.campaigns if one.id == name), None)
    if campaign is None:
        known = [one.id for one in schedules.campaigns]
        hint = suggest_nearest(name, known, "its id stands in schedules/campaigns.yaml")
        raise UnknownNameError(f"there is no campaign {name!r}", hint=hint)
    title = "; ".join(part for part in (campaign.name, scope.title) if part)
    about = replace(scope, campaign=campaign.id, title=title)
    return ReportOrder(f"dot-{campaign.id}", campaign.starts_on, campaign.ends_on, about)


def choose_scope(schedules: Schedules, stations: Sequence[str], groups: Sequence[str]) -> tuple[Scope, str]:
    """Choose the stations of a report by their ids and groups; all when none is named.

    Returns:
        The scope, and what it adds to the report's name.

    Raises:
        UnknownNameError: There is no such station or group.
    """
    if not stations and not groups:
        return EVERYTHING, ""
    known = {one.id: one.name for one in schedules.stations}
    known_groups = {group for one in schedules.stations for group in one.groups}
    for names, choice, what in ((stations, set(known), "station"), (groups, known_groups, "group")):
        for name in names:
            if name not in choice:
                hint = suggest_nearest(name, sorted(choice), "it stands in schedules/stations.yaml")
                raise UnknownNameError(f"there is no {what} {name!r}", hint=hint)
    chosen = frozenset(one.id for one in schedules.stations if one.id in stations or set(groups) & set(one.groups))
    title = _name_stations(known, chosen, stations, groups)
    return Scope(chosen, None, title), "".join(f"-{name}" for name in (*stations, *groups))


def _name_stations(
    known: Mapping[StationId, str], chosen: Collection[StationId], stations: Sequence[str], groups: Sequence[str]
) -> str:
    """Name what a report is about: its stations while they are few, else groups with how many stations they are."""
    if len(chosen) <= NAMED_STATIONS:
        return ", ".join(name for station, name in known.items() if station in chosen)
    return ", ".join([*(known[StationId(name)] for name in stations), *groups]) + f" ({len(chosen)})"


def make_report(
    record: Record,
    schedules: Schedules,
    first_on: date,
    last_on: date,
    now_at: datetime,
    scope: Scope = EVERYTHING,
) -> Report:
    """Make the figures of a period from what is in the record; arguments as of `make_figures`."""
    return make_figures(record, schedules, ReportOrder("", first_on, last_on, scope), now_at).report


def make_figures(record: Record, schedules: Schedules, order: ReportOrder, now_at: datetime) -> Made:
    """Make the figures of a report from what is in the record.

    Args:
        record: Plans, receipts, journals.
        schedules: Names and tolerances.
        order: Period, stations, campaign.
        now_at: Airings that end after this are counted as pending, journal lines collected after it are left out.
    """
    record_missed_days(record, schedules, order.first_on, order.last_on, now_at)
    with record.read() as connection:
        return gather_figures(connection, schedules, order, now_at, read_known(connection))


def gather_figures(
    connection: Connection, schedules: Schedules, order: ReportOrder, now_at: datetime, known: Known
) -> Made:
    """Gather and sum what was known at an instant; nothing is written."""
    gatherer = Gatherer(connection, schedules.centre, known.contacts, known.last_attempt, now_at)
    stations = gatherer.list_stations(station.id for station in schedules.stations)
    if order.scope.stations is not None:
        stations = [one for one in stations if one in order.scope.stations]
    period = PeriodSum(schedules, order.first_on, order.last_on, now_at, order.scope)
    for found in gatherer.read_periods(stations, order.first_on, order.last_on):
        period.add_station(found.station, found.outcomes, found.pending, found.unplanned)
    sums = {one.id: _sum_baseline_ms(gatherer, stations, one) for one in period.list_compared()}
    before_ms = {name: found_ms for name, found_ms in sums.items() if found_ms is not None}
    begins_at, _ = period_to_utc(order.first_on, order.last_on, schedules.centre.zone)
    breaks = read_breaks(connection, begins_at, now_at)
    report = period.close(known.programmes, breaks, known.contacts, before_ms)
    return Made(report, known, gatherer.fingerprint())


def _sum_baseline_ms(gatherer: Gatherer, stations: Iterable[StationId], campaign: Campaign) -> int | None:
    """Sum what was aired in a campaign's baseline; None where the record knows of no airing in it."""
    if campaign.baseline is None:
        return None
    total_ms, is_known = 0, False
    for found in gatherer.read_periods(stations, *campaign.baseline):
        total_ms += sum_campaign_ms(campaign, found.outcomes)
        is_known = is_known or bool(found.outcomes)
    return total_ms if is_known else None
