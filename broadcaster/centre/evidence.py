"""Evidence: from a figure of a report down to the airings it sums and the journal lines that tell of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from broadcaster.airtime.reconcile import Outcome, Verdict
from broadcaster.centre.gather import Gatherer
from broadcaster.centre.publish import record_missed_days
from broadcaster.centre.reports import choose_scope
from broadcaster.core.errors import UnknownNameError
from broadcaster.core.ids import AiringId, StationId, compose
from broadcaster.core.schedules import Schedules
from broadcaster.store.deliveries import read_last_attempt
from broadcaster.store.engine import Record
from broadcaster.store.logs import read_journal_places, read_journal_stations
from broadcaster.store.plans import read_airings_named, read_plan_stations
from broadcaster.store.stations import read_contacts
from broadcaster.wire.journal import JournalLine


@dataclass(frozen=True, slots=True)
class ExplainedAiring:
    """One airing as the report judged it, and every journal line that was collected about it."""

    outcome: Outcome
    lines: tuple[JournalLine, ...]


@dataclass(frozen=True, slots=True)
class Sought:
    """Which airings of a period a figure sums: None is any. `column` "" is what has no column.

    `hour` is that of the planned start on the wall clock, `weekday` counts from Monday, 0.
    """

    column: str | None = None
    campaign: str | None = None
    programme: str | None = None
    weekday: int | None = None
    hour: int | None = None
    verdict: Verdict | None = None

    def has(self, outcome: Outcome, schedules: Schedules) -> bool:
        """Tell whether an airing is among them."""
        of = outcome.airing
        at = of.start_at.astimezone(schedules.centre.zone)
        pairs = (
            (self.column, of.column or ""),
            (self.campaign, of.campaign),
            (self.programme, of.programme),
            (self.weekday, at.weekday()),
            (self.hour, at.hour),
            (self.verdict, outcome.verdict),
        )
        return all(sought is None or sought == found for sought, found in pairs)


def choose_stations(
    record: Record, schedules: Schedules, names: Sequence[str], groups: Sequence[str]
) -> list[StationId]:
    """Choose stations by id, by the name that annexes show, or by group; none of these is all of them, an empty list.

    A station that is gone from schedules/ is known by its id as long as the record tells of it.

    Raises:
        UnknownNameError: There is no such station or group.
    """
    ids = {one.name: one.id for one in schedules.stations}
    told = [ids.get(compose(name), StationId(name)) for name in names]
    with record.read() as connection:
        kept = {*read_plan_stations(connection), *read_journal_stations(connection)}
    gone = [name for name in told if name in kept and schedules.get_station(name) is None]
    scope, _ = choose_scope(schedules, [name for name in told if name not in gone], groups)
    return [*(one.id for one in schedules.stations if one.id in (scope.stations or ())), *gone]


def explain_airing(
    record: Record, schedules: Schedules, name: AiringId, station: StationId | None, now_at: datetime
) -> list[ExplainedAiring]:
    """Explain an airing at one station, or at every station that has it; planned or not.

    Raises:
        UnknownNameError: No plan and no journal has such an airing.
    """
    zone = schedules.centre.zone
    with record.read() as connection:
        places = read_plan_stations(connection) if station is None else [station]
        found = {one.station: one.start_at for one in read_airings_named(connection, name, places)}
        if not found:
            told = read_journal_places(connection, name)
            found = {place: at for place, at in told.items() if station in (None, place)}
    if not found:
        raise UnknownNameError(
            f"no plan and no journal has an airing {name!r}",
            hint="the last table of a report's workbook, `broadcaster airtime explain --week` name them",
        )
    explained = [
        explained
        for place, at in found.items()
        for on in [at.astimezone(zone).date()]
        for explained in explain_period(record, schedules, [place], on, on, now_at)
    ]
    return [one for one in explained if one.outcome.airing.id == name]


def explain_period(
    record: Record,
    schedules: Schedules,
    stations: Sequence[StationId],
    first_on: date,
    last_on: date,
    now_at: datetime,
    sought: Sought = Sought(),
) -> list[ExplainedAiring]:
    """Explain every airing that a figure of a report of this period sums, station by station, and what was not planned.

    Args:
        record: Plans, receipts, journals.
        schedules: Names, zone, tolerances.
        stations: Which ones; all that are known, or that the record knows, when empty.
        first_on: First date.
        last_on: Last date; it belongs to the period.
        now_at: Airings that end after this are left out.
        sought: Which airings.
    """
    record_missed_days(record, schedules, first_on, last_on, now_at)
    with record.read() as connection:
        contacts, last_attempt = read_contacts(connection), read_last_attempt(connection)
        gatherer = Gatherer(connection, schedules.centre, contacts, last_attempt, now_at)
        chosen = list(stations) or gatherer.list_stations(one.id for one in schedules.stations)
        return [
            ExplainedAiring(one, tuple(found.lines.get(one.airing.id, ())))
            for found in gatherer.read_periods(chosen, first_on, last_on)
            for one in sorted((*found.outcomes, *found.unplanned), key=lambda one: one.airing.start_at)
            if sought.has(one, schedules)
        ]
